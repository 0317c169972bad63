#include "ice/framing.h"

#include "base/bytes.h"

#include <string.h>

#define ICE_HEAD 2
#define STUN_HEAD 8 /* type, length, and the magic cookie */
#define STUN_HEADER 20
#define STUN_COOKIE 0x2112a442u
#define CHANNEL_HEAD 4
#define CHANNEL_FIRST 0x4000 /* RFC 8656 §12 */
#define CHANNEL_LAST 0x4fff

void framing_init(framing_t *framing, link_framing_t kind, packet_pool_t *pool)
{
    *framing = (framing_t){.kind = kind, .pool = pool};
}

void framing_clear(framing_t *framing)
{
    packet_unref(framing->packet);
    framing->packet = NULL;
}

/* The head says how long the packet is; its own first bytes are among the head's last `kept`. */
static void begin(framing_t *framing, size_t length, size_t padding, size_t kept)
{
    if (length + padding > PACKET_LARGE) {
        framing->error = "A packet came that is longer than 65536 bytes.";
        return;
    }
    framing->has_length = true;
    framing->packet = packet_new(framing->pool, length + padding);
    framing->left = length + padding - kept;
    framing->padding = padding;
    if (framing->packet != NULL)
        packet_append(framing->packet, framing->head + framing->head_length - kept, kept);
    framing->head_length = 0;
}

static size_t padding_of(size_t length)
{
    return (4 - length % 4) % 4;
}

static void read_stun_head(framing_t *framing)
{
    uint16_t type = bytes_get_u16(framing->head), length = bytes_get_u16(framing->head + 2);
    if (type >= CHANNEL_FIRST && type <= CHANNEL_LAST)
        begin(framing, CHANNEL_HEAD + (size_t)length, padding_of(length), CHANNEL_HEAD);
    else if (type >= CHANNEL_FIRST || length % 4 != 0) /* RFC 8489 §5: the first two bits, and the last two of the length, are zero */
        framing->error = "What came is neither a STUN message nor ChannelData.";
    else if (framing->head_length == STUN_HEAD && bytes_get_u32(framing->head + 4) != STUN_COOKIE)
        framing->error = "What came is not STUN: its magic cookie is missing.";
    else if (framing->head_length == STUN_HEAD)
        begin(framing, STUN_HEADER + (size_t)length, 0, STUN_HEAD);
}

/* One more byte of the head. */
static void read_head(framing_t *framing, uint8_t byte)
{
    framing->head[framing->head_length++] = byte;
    if (framing->kind == LINK_FRAMING_STUN) {
        if (framing->head_length == CHANNEL_HEAD || framing->head_length == STUN_HEAD)
            read_stun_head(framing);
        return;
    }
    if (framing->head_length != ICE_HEAD)
        return;
    if (bytes_get_u16(framing->head) != 0)
        begin(framing, bytes_get_u16(framing->head), 0, 0);
    else
        framing->head_length = 0; /* a null packet, RFC 4571 §2 */
}

packet_t *framing_read(framing_t *framing, const uint8_t **data, size_t *length)
{
    while (framing->error == NULL) {
        if (framing->has_length && framing->left == 0) {
            packet_t *packet = framing->packet;
            framing->packet = NULL;
            framing->has_length = false;
            if (packet == NULL)
                continue;
            packet->length -= framing->padding;
            return packet;
        }
        if (*length == 0)
            return NULL;
        size_t used = 1;
        if (!framing->has_length) {
            read_head(framing, **data);
        } else {
            used = *length < framing->left ? *length : framing->left;
            if (framing->packet != NULL)
                packet_append(framing->packet, *data, used);
            framing->left -= used;
        }
        *data += used;
        *length -= used;
    }
    return NULL;
}

bool framing_write(link_framing_t kind, packet_t *packet)
{
    static const uint8_t zeros[4];
    if (kind == LINK_FRAMING_STUN)
        return packet_append(packet, zeros, padding_of(packet->length));
    if (packet->length > UINT16_MAX || packet_headroom(packet) < ICE_HEAD)
        return false;
    packet->data -= ICE_HEAD;
    bytes_put_u16(packet->data, (uint16_t)packet->length);
    packet->length += ICE_HEAD;
    return true;
}
