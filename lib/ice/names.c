/* The words for the enumerations, and the states of a connection computed from those of its transports. */
#include "ice/ice.h"

#include <string.h>

#define NAME_OF(names, value) ((size_t)(value) < sizeof(names) / sizeof *(names) ? (names)[value] : "")

static const char *const candidate_types[] = {"host", "srflx", "prflx", "relay"};

const char *ice_candidate_type_name(ice_candidate_type_t type)
{
    return NAME_OF(candidate_types, type);
}

bool ice_candidate_type_parse(const char *name, ice_candidate_type_t *type)
{
    for (size_t i = 0; i < sizeof candidate_types / sizeof *candidate_types; i++) {
        if (strcmp(name, candidate_types[i]) == 0) {
            *type = (ice_candidate_type_t)i;
            return true;
        }
    }
    return false;
}

const char *ice_tcp_type_name(ice_tcp_type_t type)
{
    static const char *const names[] = {"", "active", "passive", "so"};
    return NAME_OF(names, type);
}

const char *ice_server_transport_name(ice_server_transport_t transport)
{
    static const char *const names[] = {"udp", "tcp", "tls", "dtls"};
    return NAME_OF(names, transport);
}

const char *ice_network_type_name(ice_network_type_t type)
{
    static const char *const names[] = {"unknown", "ethernet", "wifi", "cellular", "vpn", "loopback"};
    return NAME_OF(names, type);
}

const char *ice_gathering_state_name(ice_gathering_state_t state)
{
    static const char *const names[] = {"new", "gathering", "complete"};
    return NAME_OF(names, state);
}

const char *ice_state_name(ice_state_t state)
{
    static const char *const names[] = {"new", "checking", "connected", "completed", "disconnected", "failed", "closed"};
    return NAME_OF(names, state);
}

const char *ice_pair_state_name(ice_pair_state_t state)
{
    static const char *const names[] = {"frozen", "waiting", "in-progress", "failed", "succeeded"};
    return NAME_OF(names, state);
}

ice_state_t ice_connection_state(const ice_state_t *transports, size_t count)
{
    size_t counts[ICE_STATE_CLOSED + 1] = {0};
    for (size_t i = 0; i < count; i++)
        counts[transports[i]]++;
    /* W3C WebRTC §4.3.3, in the order of its table. */
    if (counts[ICE_STATE_FAILED] > 0)
        return ICE_STATE_FAILED;
    if (counts[ICE_STATE_DISCONNECTED] > 0)
        return ICE_STATE_DISCONNECTED;
    if (counts[ICE_STATE_NEW] + counts[ICE_STATE_CLOSED] == count)
        return ICE_STATE_NEW;
    if (counts[ICE_STATE_NEW] + counts[ICE_STATE_CHECKING] > 0)
        return ICE_STATE_CHECKING;
    return counts[ICE_STATE_CONNECTED] > 0 ? ICE_STATE_CONNECTED : ICE_STATE_COMPLETED;
}

ice_gathering_state_t ice_connection_gathering_state(const ice_gathering_state_t *transports, size_t count)
{
    size_t complete = 0;
    for (size_t i = 0; i < count; i++) {
        if (transports[i] == ICE_GATHERING_GATHERING)
            return ICE_GATHERING_GATHERING;
        complete += transports[i] == ICE_GATHERING_COMPLETE;
    }
    return count > 0 && complete == count ? ICE_GATHERING_COMPLETE : ICE_GATHERING_NEW;
}
