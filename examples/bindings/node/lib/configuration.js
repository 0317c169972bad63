/* RTCConfiguration (W3C WebRTC §4.2.1): the dictionary, and the library's struct. */
import { struct, koffi } from './native.js';
import { certificateHandle, isCertificate } from './certificate.js';
import { loop } from './loop.js';
import { DOMString, USVString, dictionary, enumeration, interfaceType, octet, sequence } from './webidl.js';

koffi.struct('peer_ice_server_t', { urls: 'str', username: 'str', credential: 'str' });
const configurationStruct = struct('peer_configuration_t', {
    ice_servers: 'peer_ice_server_t *',
    ice_server_count: 'size_t',
    certificates: 'handle *',
    certificate_count: 'size_t',
    loop: 'handle',
    port_minimum: 'uint16_t',
    port_maximum: 'uint16_t',
    loopback_policy: 'int32_t',
    mtu: 'uint32_t',
    maximum_message_size: 'uint32_t',
    ice_transport_policy: 'int32_t',
    ice_tcp_policy: 'int32_t',
    address_policy: 'int32_t',
    ice_candidate_pool_size: 'uint32_t',
    ice_lite: 'int32_t',
    hide_addresses: 'int32_t',
    port_mapping: 'int32_t',
    shared_port: 'uint16_t',
    ca_file: 'str',
    network_priority: 'int32_t',
    maximum_candidate_pairs: 'uint32_t',
    receive_window: 'uint32_t',
    bundle_policy: 'int32_t',
    rtcp_mux_policy: 'int32_t',
});

const MOST_SERVERS = 32;

const transportPolicies = ['all', 'relay'];
const bundlePolicies = ['balanced', 'max-compat', 'max-bundle'];
const muxPolicies = ['require', 'negotiate']; // the library refuses the second, which W3C has given up

const urls = (value, what) =>
    typeof value === 'object' && value !== null && typeof value[Symbol.iterator] === 'function'
        ? sequence(USVString)(value, what)
        : USVString(value, what);

const RTCIceServer = dictionary('RTCIceServer', {
    urls: { type: urls, required: true },
    username: { type: DOMString },
    credential: { type: DOMString },
});

export const RTCConfiguration = dictionary('RTCConfiguration', {
    iceServers: { type: sequence(RTCIceServer), default: () => [] },
    iceTransportPolicy: { type: enumeration('RTCIceTransportPolicy', transportPolicies), default: 'all' },
    bundlePolicy: { type: enumeration('RTCBundlePolicy', bundlePolicies), default: 'balanced' },
    rtcpMuxPolicy: { type: enumeration('RTCRtcpMuxPolicy', muxPolicies), default: 'require' },
    certificates: {
        type: sequence(interfaceType('RTCCertificate', (value) => isCertificate(value))),
        default: () => [],
    },
    iceCandidatePoolSize: { type: octet.enforceRange, default: 0 },
});

/** The library's configuration for a dictionary. */
export function writeConfiguration(configuration) {
    const servers = configuration.iceServers.slice(0, MOST_SERVERS).map((server) => {
        const list = Array.isArray(server.urls) ? server.urls : [server.urls];
        if (list.length === 0) throw new DOMException('An ICE server has no URL', 'SyntaxError');
        for (const url of list) {
            if (url === '' || /\s/.test(url)) throw new DOMException(`'${url}' is no URL of an ICE server`, 'SyntaxError');
        }
        return { urls: list.join(' '), username: server.username ?? null, credential: server.credential ?? null };
    });
    return configurationStruct({
        ice_servers: servers,
        ice_server_count: servers.length,
        certificates: configuration.certificates.map(certificateHandle),
        certificate_count: configuration.certificates.length,
        loop: loop(),
        ice_transport_policy: transportPolicies.indexOf(configuration.iceTransportPolicy),
        rtcp_mux_policy: muxPolicies.indexOf(configuration.rtcpMuxPolicy),
        bundle_policy: bundlePolicies.indexOf(configuration.bundlePolicy),
        ice_candidate_pool_size: configuration.iceCandidatePoolSize,
    });
}

/** A copy for the application, which may change it. */
export function copyConfiguration({ iceServers, certificates, ...rest }) {
    return {
        ...rest,
        iceServers: iceServers.map((server) => ({ ...server, urls: Array.isArray(server.urls) ? [...server.urls] : server.urls })),
        certificates: [...certificates],
    };
}
