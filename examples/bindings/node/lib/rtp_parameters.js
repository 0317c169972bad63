/* RTP parameters and capabilities (W3C WebRTC §5.2): dictionaries here, structs in the library. */
import { declare, koffi, struct, structsAt } from './native.js';
import { check } from './dom_exception.js';
import { DOMString, boolean, dictionary, double, enumeration, octet, sequence, unsignedLong, unsignedShort } from './webidl.js';

const codecStruct = struct('peer_rtp_codec_t', {
    mime_type: 'str',
    sdp_fmtp_line: 'str',
    clock_rate: 'uint32_t',
    channels: 'uint32_t',
    payload_type: 'int32_t',
});
const extensionStruct = struct('peer_rtp_header_extension_t', {
    uri: 'str',
    id: 'int32_t',
    encrypted: 'int32_t',
    direction: 'int32_t',
});
const encodingStruct = struct('peer_rtp_encoding_t', {
    rid: 'str',
    active: 'int32_t',
    has_max_framerate: 'int32_t',
    max_framerate: 'double',
    max_bitrate_bps: 'uint64_t',
    has_max_bitrate: 'int32_t',
    scale_resolution_down_by: 'double',
    scalability_mode: 'str',
    priority: 'int32_t',
    network_priority: 'int32_t',
    codec: 'peer_rtp_codec_t *',
    adaptive_ptime: 'int32_t',
});
const parametersStruct = struct('peer_rtp_parameters_t', {
    transaction_id: 'str',
    encodings: 'peer_rtp_encoding_t *',
    encoding_count: 'size_t',
    codecs: 'peer_rtp_codec_t *',
    codec_count: 'size_t',
    header_extensions: 'peer_rtp_header_extension_t *',
    header_extension_count: 'size_t',
    rtcp_cname: 'str',
    rtcp_reduced_size: 'int32_t',
    degradation_preference: 'int32_t',
});
const capabilitiesStruct = struct('peer_rtp_capabilities_t', {
    codecs: 'peer_rtp_codec_t *',
    codec_count: 'size_t',
    header_extensions: 'peer_rtp_header_extension_t *',
    header_extension_count: 'size_t',
});

const peer = declare(`
    void peer_rtp_parameters_free(void *parameters)
    int peer_sender_get_capabilities(int32_t kind, _Out_ void **capabilities)
    int peer_receiver_get_capabilities(int32_t kind, _Out_ void **capabilities)
    void peer_rtp_capabilities_free(void *capabilities)
`);

export const directions = ['sendrecv', 'sendonly', 'recvonly', 'inactive', 'stopped'];
export const RTCRtpTransceiverDirection = enumeration('RTCRtpTransceiverDirection', directions);

const priorities = ['unset', 'very-low', 'low', 'medium', 'high'];
const RTCPriorityType = enumeration('RTCPriorityType', priorities.slice(1));
const degradationPreferences = ['maintain-framerate', 'maintain-resolution', 'balanced'];

const codecMembers = {
    mimeType: { type: DOMString, required: true },
    clockRate: { type: unsignedLong, required: true },
    channels: { type: unsignedShort },
    sdpFmtpLine: { type: DOMString },
};
export const RTCRtpCodec = dictionary('RTCRtpCodec', codecMembers);
const RTCRtpCodecParameters = dictionary('RTCRtpCodecParameters', { payloadType: { type: octet, required: true } }, RTCRtpCodec);
const RTCRtpHeaderExtensionParameters = dictionary('RTCRtpHeaderExtensionParameters', {
    uri: { type: DOMString, required: true },
    id: { type: unsignedShort, required: true },
    encrypted: { type: boolean, default: false },
});
/** webrtc-extensions */
export const RTCRtpHeaderExtensionCapability = dictionary('RTCRtpHeaderExtensionCapability', {
    uri: { type: DOMString, required: true },
    direction: { type: RTCRtpTransceiverDirection, required: true },
});
const RTCRtcpParameters = dictionary('RTCRtcpParameters', { cname: { type: DOMString }, reducedSize: { type: boolean } });
const RTCRtpParameters = dictionary('RTCRtpParameters', {
    headerExtensions: { type: sequence(RTCRtpHeaderExtensionParameters), required: true },
    rtcp: { type: RTCRtcpParameters, required: true },
    codecs: { type: sequence(RTCRtpCodecParameters), required: true },
});
const RTCRtpCodingParameters = dictionary('RTCRtpCodingParameters', { rid: { type: DOMString } });
export const RTCRtpEncodingParameters = dictionary(
    'RTCRtpEncodingParameters',
    {
        active: { type: boolean, default: true },
        codec: { type: RTCRtpCodec },
        maxBitrate: { type: unsignedLong },
        maxFramerate: { type: double },
        scaleResolutionDownBy: { type: double },
        // webrtc-priority, webrtc-svc, webrtc-extensions
        priority: { type: RTCPriorityType, default: 'low' },
        networkPriority: { type: RTCPriorityType },
        scalabilityMode: { type: DOMString },
        adaptivePtime: { type: boolean, default: false },
    },
    RTCRtpCodingParameters,
);
export const RTCRtpSendParameters = dictionary(
    'RTCRtpSendParameters',
    {
        transactionId: { type: DOMString, required: true },
        encodings: { type: sequence(RTCRtpEncodingParameters), required: true },
        degradationPreference: { type: enumeration('RTCDegradationPreference', degradationPreferences) },
    },
    RTCRtpParameters,
);

/* ---- from the library ---- */

function readCodec(codec) {
    const result = {};
    if (codec.channels) result.channels = codec.channels;
    result.clockRate = codec.clock_rate;
    result.mimeType = codec.mime_type;
    if (codec.sdp_fmtp_line !== null) result.sdpFmtpLine = codec.sdp_fmtp_line;
    return result;
}

function readEncoding(encoding) {
    const result = {};
    if (encoding.rid !== null) result.rid = encoding.rid;
    result.active = encoding.active !== 0;
    if (encoding.codec) result.codec = readCodec(koffi.decode(encoding.codec, codecStruct.type));
    if (encoding.has_max_bitrate) result.maxBitrate = Number(encoding.max_bitrate_bps);
    if (encoding.has_max_framerate) result.maxFramerate = encoding.max_framerate;
    if (encoding.network_priority) result.networkPriority = priorities[encoding.network_priority];
    result.priority = priorities[encoding.priority || 2];
    if (encoding.scalability_mode !== null) result.scalabilityMode = encoding.scalability_mode;
    if (encoding.scale_resolution_down_by > 0) result.scaleResolutionDownBy = encoding.scale_resolution_down_by;
    result.adaptivePtime = encoding.adaptive_ptime !== 0;
    return result;
}

function readExtension({ direction, uri }) {
    return { direction: directions[direction], uri };
}

/** Dictionaries RTCRtpHeaderExtensionCapability of a transceiver. */
export function readExtensions(get, handle) {
    const count = Number(get(handle, null, 0));
    const buffer = Buffer.alloc(extensionStruct.byteSize * Math.max(count, 1));
    buffer.writeBigUInt64LE(BigInt(extensionStruct.byteSize)); // the first one's size, which is that of all
    const kept = Math.min(Number(get(handle, buffer, count)), count);
    return koffi.decode(buffer, koffi.array(extensionStruct.type, Math.max(count, 1))).slice(0, kept).map(readExtension);
}

/** The dictionary for parameters of the library, which are freed. */
export function readParameters(get, handle, isSender) {
    const out = [null];
    check(get(handle, out));
    const parameters = koffi.decode(out[0], parametersStruct.type);
    const result = {
        codecs: structsAt(parameters.codecs, parameters.codec_count, codecStruct.type).map((codec) => ({
            ...readCodec(codec),
            payloadType: codec.payload_type,
        })),
        headerExtensions: structsAt(parameters.header_extensions, parameters.header_extension_count, extensionStruct.type).map(
            ({ encrypted, id, uri }) => ({ encrypted: encrypted !== 0, id, uri }),
        ),
        rtcp: { reducedSize: parameters.rtcp_reduced_size !== 0 },
    };
    if (parameters.rtcp_cname) result.rtcp = { cname: parameters.rtcp_cname, ...result.rtcp };
    if (isSender) {
        result.encodings = structsAt(parameters.encodings, parameters.encoding_count, encodingStruct.type).map(readEncoding);
        result.transactionId = parameters.transaction_id;
        if (parameters.degradation_preference >= 0) {
            result.degradationPreference = degradationPreferences[parameters.degradation_preference];
        }
    }
    peer.peer_rtp_parameters_free(out[0]);
    return result;
}

/** RTCRtpCapabilities of senders or receivers of a kind; null for a kind that there is not. */
export function readCapabilities(isSender, kind) {
    const index = ['audio', 'video'].indexOf(kind);
    if (index < 0) return null;
    const out = [null];
    check((isSender ? peer.peer_sender_get_capabilities : peer.peer_receiver_get_capabilities)(index, out));
    const capabilities = koffi.decode(out[0], capabilitiesStruct.type);
    const result = {
        codecs: structsAt(capabilities.codecs, capabilities.codec_count, codecStruct.type).map(readCodec),
        headerExtensions: structsAt(capabilities.header_extensions, capabilities.header_extension_count, extensionStruct.type).map(
            readExtension,
        ),
    };
    peer.peer_rtp_capabilities_free(out[0]);
    return result;
}

/* ---- to the library ---- */

/** A dictionary RTCRtpCodec or RTCRtpCodecParameters as a struct. */
export function writeCodec({ mimeType, clockRate, channels = 0, sdpFmtpLine = null, payloadType = -1 }) {
    return {
        size: codecStruct.byteSize,
        mime_type: mimeType,
        sdp_fmtp_line: sdpFmtpLine,
        clock_rate: clockRate,
        channels,
        payload_type: payloadType,
    };
}

/** A dictionary RTCRtpHeaderExtensionCapability as a struct. */
export function writeExtension({ uri, direction }) {
    return { size: extensionStruct.byteSize, uri, id: -1, encrypted: 0, direction: directions.indexOf(direction) };
}

/** A dictionary RTCRtpEncodingParameters as a struct. */
export function writeEncoding(encoding) {
    return encodingStruct({
        rid: encoding.rid ?? null,
        active: encoding.active ? 1 : 0,
        has_max_framerate: encoding.maxFramerate === undefined ? 0 : 1,
        max_framerate: encoding.maxFramerate ?? 0,
        has_max_bitrate: encoding.maxBitrate === undefined ? 0 : 1,
        max_bitrate_bps: encoding.maxBitrate ?? 0,
        scale_resolution_down_by: encoding.scaleResolutionDownBy ?? 0,
        scalability_mode: encoding.scalabilityMode ?? null,
        priority: priorities.indexOf(encoding.priority ?? 'low'),
        network_priority: encoding.networkPriority === undefined ? 0 : priorities.indexOf(encoding.networkPriority),
        codec: encoding.codec === undefined ? null : writeCodec(encoding.codec),
        adaptive_ptime: encoding.adaptivePtime ? 1 : 0,
    });
}

/** A dictionary RTCRtpSendParameters as a struct. */
export function writeParameters(parameters) {
    return {
        size: parametersStruct.byteSize,
        transaction_id: parameters.transactionId,
        encodings: parameters.encodings.map(writeEncoding),
        encoding_count: parameters.encodings.length,
        codecs: parameters.codecs.map(writeCodec),
        codec_count: parameters.codecs.length,
        header_extensions: parameters.headerExtensions.map(({ uri, id, encrypted }) => ({
            size: extensionStruct.byteSize,
            uri,
            id,
            encrypted: encrypted ? 1 : 0,
            direction: 0,
        })),
        header_extension_count: parameters.headerExtensions.length,
        rtcp_cname: parameters.rtcp.cname ?? '',
        rtcp_reduced_size: parameters.rtcp.reducedSize ? 1 : 0,
        degradation_preference: parameters.degradationPreference === undefined ? -1 : degradationPreferences.indexOf(parameters.degradationPreference),
    };
}
