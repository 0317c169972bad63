/* What a connection knows, apart from what it is asked: other modules are given this. */
import { declare, listOf } from './native.js';
import { wrapSctpTransport } from './sctp_transport.js';
import { RTCSessionDescription, describe } from './session_description.js';
import { wrapTransceiver } from './transceiver.js';

const peer = declare(`
    int32_t peer_connection_signaling_state(handle pc)
    str peer_signaling_state_name(int32_t state)
    int32_t peer_connection_ice_gathering_state(handle pc)
    handle peer_connection_current_local_description(handle pc)
    handle peer_connection_pending_local_description(handle pc)
    handle peer_connection_current_remote_description(handle pc)
    handle peer_connection_pending_remote_description(handle pc)
    size_t peer_connection_transceivers(handle pc, _Out_ uint64_t *transceivers, size_t capacity)
    handle peer_connection_sctp(handle pc)
`);

const GATHERING_NEW = 0;

export class ConnectionState {
    object; // the RTCPeerConnection
    handle = 0;
    configuration;
    isClosed = false;
    isNegotiationNeeded = false;
    operations = [];
    updateOnEmptyChain = false;
    lastCreatedOffer = '';
    lastCreatedAnswer = '';
    iceConnectionState = 'new';
    iceGatheringState = 'new';
    connectionState = 'new';
    current = { local: null, remote: null }; // descriptions
    pending = { local: null, remote: null };
    transceivers = []; // held, so that they stay the same objects
    sctp = null;
    transport = { dtls: 0, ice: 0, gathering: 0 }; // states of the one transport, as the library numbers them

    get signalingState() {
        return peer.peer_signaling_state_name(peer.peer_connection_signaling_state(this.handle));
    }

    readTransceivers() {
        const handles = listOf((buffer, capacity) => peer.peer_connection_transceivers(this.handle, buffer, capacity));
        this.transceivers = handles.map((handle) => wrapTransceiver(handle, this));
    }

    /** A description that closes every transport leaves none to gather for: that shows at once (§4.3.2), and is told in a task of its own. */
    readGathering() {
        if (peer.peer_connection_ice_gathering_state(this.handle) === GATHERING_NEW) this.iceGatheringState = 'new';
    }

    readSctp() {
        this.sctp = wrapSctpTransport(peer.peer_connection_sctp(this.handle), this.transport);
    }

    /* ---- descriptions: what was set, and the library's text once candidates have been told or given ---- */

    #read(get) {
        const init = describe(get(this.handle));
        return init && new RTCSessionDescription(init);
    }

    readLocalDescriptions() {
        this.current.local = this.#read(peer.peer_connection_current_local_description);
        this.pending.local = this.#read(peer.peer_connection_pending_local_description);
    }

    readRemoteDescriptions() {
        this.current.remote = this.#read(peer.peer_connection_current_remote_description);
        this.pending.remote = this.#read(peer.peer_connection_pending_remote_description);
    }

    /** Keeps a description that was set (§4.4.1.5); `side` is 'local' or 'remote'. */
    keepDescription(init, side) {
        const description = new RTCSessionDescription(init);
        if (init.type === 'answer') {
            this.current = { ...this.pending, [side]: description };
            this.lastCreatedOffer = '';
            this.lastCreatedAnswer = '';
        }
        if (init.type === 'answer' || init.type === 'rollback') this.pending = { local: null, remote: null };
        else this.pending[side] = description;
    }

    get localDescription() {
        return this.pending.local ?? this.current.local;
    }

    get remoteDescription() {
        return this.pending.remote ?? this.current.remote;
    }
}
