/* import 'peer-webrtc/global': TypeScript's DOM library declares what becomes global. */
/// <reference lib="dom" />
export {};
