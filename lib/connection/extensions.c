/* Header extension control (W3C webrtc-extensions): jsep's lists in the words of the API. */
#include "connection/internal.h"

#include "base/error.h"
#include "rtp/rtp.h"

_Static_assert(CONNECTION_EXTENSIONS_MAX >= RTP_EXTENSION_COUNT, "every extension has a place in the list");

connection_direction_t extension_direction(int direction)
{
    switch (direction) {
    case SDP_SENDRECV:
        return CONNECTION_SENDRECV;
    case SDP_SENDONLY:
        return CONNECTION_SENDONLY;
    case SDP_RECVONLY:
        return CONNECTION_RECVONLY;
    case SDP_INACTIVE:
        return CONNECTION_INACTIVE;
    default:
        return CONNECTION_STOPPED;
    }
}

size_t transceiver_header_extensions(const transceiver_t *transceiver, bool is_negotiated,
                                     connection_extension_t extensions[CONNECTION_EXTENSIONS_MAX])
{
    jsep_extension_wish_t wishes[JSEP_EXTENSIONS_MAX];
    const jsep_session_t *session = transceiver->jsep != NULL ? transceiver->connection->jsep : NULL;
    if (session == NULL)
        return 0;
    size_t count = is_negotiated ? jsep_negotiated_extensions(session, transceiver->jsep, wishes)
                                 : jsep_extensions_to_negotiate(session, transceiver->jsep, wishes);
    for (size_t i = 0; i < count; i++)
        extensions[i] = (connection_extension_t){.uri = rtp_extension_uri(rtp_extension_from_uri(wishes[i].uri)),
                                                 .direction = (int32_t)extension_direction(wishes[i].direction)};
    return count;
}

int transceiver_set_header_extensions(transceiver_t *transceiver, const connection_extension_t *extensions, size_t count)
{
    static const int directions[] = {[CONNECTION_SENDRECV] = SDP_SENDRECV,
                                     [CONNECTION_SENDONLY] = SDP_SENDONLY,
                                     [CONNECTION_RECVONLY] = SDP_RECVONLY,
                                     [CONNECTION_INACTIVE] = SDP_INACTIVE,
                                     [CONNECTION_STOPPED] = JSEP_EXTENSION_STOPPED};
    jsep_extension_wish_t wishes[JSEP_EXTENSIONS_MAX];
    if (transceiver->jsep == NULL)
        return error_set(PEER_ERROR_INVALID_STATE, "the transceiver is stopped");
    if (count > JSEP_EXTENSIONS_MAX)
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "%zu extensions", count);
    for (size_t i = 0; i < count; i++) {
        if (extensions[i].direction < CONNECTION_SENDRECV || extensions[i].direction > CONNECTION_STOPPED)
            return error_set(PEER_ERROR_TYPE, "%d is no direction", extensions[i].direction);
        wishes[i] = (jsep_extension_wish_t){.uri = extensions[i].uri, .direction = directions[extensions[i].direction]};
    }
    return jsep_set_extensions_to_negotiate(transceiver->connection->jsep, transceiver->jsep, wishes, count);
}
