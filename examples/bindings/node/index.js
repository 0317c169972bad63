/* WebRTC as browsers have it, over libpeer. */
export { RTCPeerConnection } from './lib/peer_connection.js';
export { RTCSessionDescription } from './lib/session_description.js';
export { RTCIceCandidate } from './lib/ice_candidate.js';
export { RTCRtpTransceiver } from './lib/transceiver.js';
export { RTCRtpSender } from './lib/sender.js';
export { RTCRtpReceiver } from './lib/receiver.js';
export { RTCPeerConnectionIceEvent } from './lib/peer_connection_ice_event.js';
export { RTCPeerConnectionIceErrorEvent } from './lib/peer_connection_ice_error_event.js';
export { RTCTrackEvent } from './lib/track_event.js';
