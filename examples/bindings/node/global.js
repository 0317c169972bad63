/* import 'peer-webrtc/global': the interfaces become global, as in a browser. */
import * as webrtc from './index.js';

for (const [name, value] of Object.entries(webrtc)) {
    if (name === 'mediaDevices') continue;
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
if (webrtc.mediaDevices) {
    if (!globalThis.navigator) Object.defineProperty(globalThis, 'navigator', { value: {}, writable: true, configurable: true });
    Object.defineProperty(globalThis.navigator, 'mediaDevices', { value: webrtc.mediaDevices, configurable: true, enumerable: true });
}
