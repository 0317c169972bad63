/* RTP header extension control (W3C webrtc-extensions): RTCRtpTransceiver's three methods. */
#include "api/rtp.h"

#include "base/error.h"

#include <string.h>

static size_t give(const peer_transceiver_t *transceiver, bool is_negotiated, peer_rtp_header_extension_t *extensions, size_t capacity)
{
    connection_extension_t known[CONNECTION_EXTENSIONS_MAX];
    size_t size = capacity > 0 && extensions->size >= sizeof extensions->size ? extensions->size : sizeof *extensions;
    loop_lock(transceiver->loop);
    size_t count = transceiver->extension_counts[is_negotiated];
    if (transceiver->implementation != NULL)
        count = transceiver_header_extensions(transceiver->implementation, is_negotiated, known);
    else
        memcpy(known, transceiver->extensions[is_negotiated], count * sizeof *known);
    loop_unlock(transceiver->loop);
    for (size_t i = 0; i < count && i < capacity; i++) {
        peer_rtp_header_extension_t one = {.size = size, .uri = known[i].uri, .id = -1, .direction = known[i].direction};
        memcpy((char *)extensions + i * size, &one, size < sizeof one ? size : sizeof one);
    }
    return count;
}

size_t peer_transceiver_get_header_extensions_to_negotiate(const peer_transceiver_t *transceiver, peer_rtp_header_extension_t *extensions,
                                                           size_t capacity)
{
    return give(transceiver, false, extensions, capacity);
}

size_t peer_transceiver_get_negotiated_header_extensions(const peer_transceiver_t *transceiver, peer_rtp_header_extension_t *extensions,
                                                         size_t capacity)
{
    return give(transceiver, true, extensions, capacity);
}

void api_transceiver_remember_extensions(peer_transceiver_t *transceiver)
{
    for (int is_negotiated = 0; is_negotiated < 2; is_negotiated++) {
        connection_extension_t *kept = transceiver->extensions[is_negotiated];
        size_t count = transceiver_header_extensions(transceiver->implementation, is_negotiated, kept);
        if (count > 0) /* none when negotiation has removed it */
            transceiver->extension_counts[is_negotiated] = count;
    }
}

int peer_transceiver_set_header_extensions_to_negotiate(peer_transceiver_t *transceiver, const peer_rtp_header_extension_t *extensions,
                                                        size_t count)
{
    connection_extension_t wanted[CONNECTION_EXTENSIONS_MAX];
    if (count > CONNECTION_EXTENSIONS_MAX)
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "%zu extensions are more than there are", count);
    const char *at = (const char *)extensions;
    for (size_t i = 0; i < count; i++) {
        const peer_rtp_header_extension_t *given = (const peer_rtp_header_extension_t *)(const void *)at;
        peer_rtp_header_extension_t known = {.direction = PEER_DIRECTION_SENDRECV};
        if (given->size < sizeof given->size)
            return error_set(PEER_ERROR_TYPE, "an extension without its size");
        API_COPY_SIZED(&known, given);
        if (known.uri == NULL || *known.uri == '\0')
            return error_set(PEER_ERROR_TYPE, "an extension without a URI");
        wanted[i] = (connection_extension_t){.uri = known.uri, .direction = known.direction};
        at += extensions->size;
    }
    loop_lock(transceiver->loop);
    int result = transceiver->pc == NULL || transceiver->pc->is_closed
                     ? error_set(PEER_ERROR_INVALID_STATE, "the connection is gone")
                     : transceiver_set_header_extensions(transceiver->implementation, wanted, count);
    loop_unlock(transceiver->loop);
    return result;
}
