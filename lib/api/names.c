/* The W3C strings of states and enumerations. */
#include "api/api.h"

const char *peer_version(void)
{
    return PEER_VERSION;
}

const char *peer_media_kind_name(int32_t kind)
{
    static const char *const names[] = {"audio", "video"};
    return API_NAME(names, kind);
}

const char *peer_signaling_state_name(int32_t state)
{
    static const char *const names[] = {"stable", "have-local-offer", "have-remote-offer", "have-local-pranswer", "have-remote-pranswer",
                                        "closed"};
    return API_NAME(names, state);
}

const char *peer_ice_gathering_state_name(int32_t state)
{
    static const char *const names[] = {"new", "gathering", "complete"};
    return API_NAME(names, state);
}

const char *peer_ice_connection_state_name(int32_t state)
{
    static const char *const names[] = {"new", "checking", "connected", "completed", "disconnected", "failed", "closed"};
    return API_NAME(names, state);
}

const char *peer_connection_state_name(int32_t state)
{
    static const char *const names[] = {"new", "connecting", "connected", "disconnected", "failed", "closed"};
    return API_NAME(names, state);
}

const char *peer_direction_name(int32_t direction)
{
    static const char *const names[] = {"sendrecv", "sendonly", "recvonly", "inactive", "stopped"};
    return API_NAME(names, direction);
}

const char *peer_data_channel_state_name(int32_t state)
{
    static const char *const names[] = {"connecting", "open", "closing", "closed"};
    return API_NAME(names, state);
}

const char *peer_sctp_transport_state_name(int32_t state)
{
    static const char *const names[] = {"connecting", "connected", "closed"};
    return API_NAME(names, state);
}

const char *peer_ice_transport_state_name(int32_t state)
{
    return peer_ice_connection_state_name(state); /* the same words */
}

const char *peer_ice_role_name(int32_t role)
{
    static const char *const names[] = {"unknown", "controlling", "controlled"};
    return API_NAME(names, role);
}

const char *peer_dtls_transport_state_name(int32_t state)
{
    static const char *const names[] = {"new", "connecting", "connected", "closed", "failed"};
    return API_NAME(names, state);
}

const char *peer_error_detail_name(int32_t detail)
{
    static const char *const names[] = {"data-channel-failure",  "dtls-failure",     "fingerprint-failure",
                                        "sctp-failure",          "sdp-syntax-error", "hardware-encoder-not-available",
                                        "hardware-encoder-error"};
    return API_NAME(names, detail);
}
