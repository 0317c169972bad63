/* Any stream, cut by its own bytes into pieces: the packets are the same as of the stream in one piece, and what was read can be written.
 */
#include "ice/framing.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_all(framing_t *framing, const uint8_t *data, size_t size, size_t piece, packet_queue_t *packets)
{
    for (size_t at = 0; at < size && framing->error == NULL; at += piece) {
        const uint8_t *from = data + at;
        size_t length = size - at < piece ? size - at : piece;
        packet_t *packet;
        while ((packet = framing_read(framing, &from, &length)) != NULL)
            packet_queue_push(packets, packet);
        if (length != 0 && framing->error == NULL)
            abort();
    }
    return framing->error == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    link_framing_t kind = (data[0] & 1) != 0 ? LINK_FRAMING_STUN : LINK_FRAMING_ICE;
    size_t piece = (size_t)data[1] + 1;
    packet_pool_t *pool = packet_pool_new();
    packet_queue_t whole = {0}, pieces = {0};
    framing_t a, b;
    framing_init(&a, kind, pool);
    framing_init(&b, kind, pool);
    if (read_all(&a, data + 2, size - 2, size, &whole) != read_all(&b, data + 2, size - 2, piece, &pieces) || whole.count != pieces.count)
        abort();
    packet_t *packet;
    while ((packet = packet_queue_pop(&whole)) != NULL) {
        packet_t *other = packet_queue_pop(&pieces);
        if (packet->length != other->length || memcmp(packet->data, other->data, packet->length) != 0)
            abort();
        if (framing_write(kind, packet)) {
            framing_t again;
            framing_init(&again, kind, pool);
            const uint8_t *from = packet->data;
            size_t length = packet->length;
            packet_t *back = framing_read(&again, &from, &length);
            if (back == NULL || length != 0 || back->length != other->length || memcmp(back->data, other->data, back->length) != 0)
                abort();
            packet_unref(back);
            framing_clear(&again);
        }
        packet_unref(packet);
        packet_unref(other);
    }
    framing_clear(&a);
    framing_clear(&b);
    if (packet_pool_outstanding(pool) != 0)
        abort();
    packet_pool_release(pool);
    return 0;
}
