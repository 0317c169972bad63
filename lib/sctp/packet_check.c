#include "sctp/packet_check.h"

#include "base/bytes.h"

#define COMMON_HEADER_SIZE 12
#define TLV_HEADER_SIZE 4
#define MAX_PARAMETERS 64 /* in one chunk; the largest INIT ACK in the field has a dozen */

enum chunk_type {
    CHUNK_DATA = 0,
    CHUNK_INIT = 1,
    CHUNK_INIT_ACK = 2,
    CHUNK_SACK = 3,
    CHUNK_HEARTBEAT = 4,
    CHUNK_HEARTBEAT_ACK = 5,
    CHUNK_ABORT = 6,
    CHUNK_SHUTDOWN = 7,
    CHUNK_SHUTDOWN_ACK = 8,
    CHUNK_ERROR = 9,
    CHUNK_COOKIE_ECHO = 10,
    CHUNK_COOKIE_ACK = 11,
    CHUNK_SHUTDOWN_COMPLETE = 14,
    CHUNK_RE_CONFIG = 130,  /* RFC 6525 */
    CHUNK_PAD = 132,        /* RFC 4820 */
    CHUNK_FORWARD_TSN = 192 /* RFC 3758 */
};

/* A list of type, length, value, each filled up to four bytes; the last may lack its filling. */
static bool list_is_sound(reader_t *list)
{
    for (unsigned count = 0; reader_left(list) > 0; count++) {
        uint16_t type, length;
        if (count == MAX_PARAMETERS || !reader_u16(list, &type) || !reader_u16(list, &length) || length < TLV_HEADER_SIZE)
            return false;
        size_t rest = (size_t)length - TLV_HEADER_SIZE, filling = (4 - length % 4) % 4;
        if (!reader_skip(list, rest))
            return false;
        reader_skip(list, filling < reader_left(list) ? filling : reader_left(list));
    }
    return true;
}

static bool chunk_is_sound(uint8_t type, reader_t *value)
{
    size_t size = reader_left(value);
    switch (type) {
    case CHUNK_DATA:
        return size > 12;
    case CHUNK_INIT:
    case CHUNK_INIT_ACK:
        return reader_skip(value, 16) && list_is_sound(value);
    case CHUNK_SACK: {
        uint16_t gap_count, duplicate_count;
        reader_skip(value, 8);
        return reader_u16(value, &gap_count) && reader_u16(value, &duplicate_count) &&
               reader_left(value) == 4 * ((size_t)gap_count + duplicate_count);
    }
    case CHUNK_FORWARD_TSN:
        return size >= 4 && size % 4 == 0;
    case CHUNK_SHUTDOWN:
        return size == 4;
    case CHUNK_HEARTBEAT:
    case CHUNK_HEARTBEAT_ACK:
    case CHUNK_ABORT:
    case CHUNK_ERROR:
        return list_is_sound(value);
    case CHUNK_RE_CONFIG:
        return size > 0 && list_is_sound(value);
    case CHUNK_SHUTDOWN_ACK:
    case CHUNK_COOKIE_ECHO:
    case CHUNK_COOKIE_ACK:
    case CHUNK_SHUTDOWN_COMPLETE:
    case CHUNK_PAD:
        return true;
    default:
        return false;
    }
}

bool packet_check_is_sound(const uint8_t *data, size_t length)
{
    reader_t packet;
    reader_init(&packet, data, length);
    if (!reader_skip(&packet, COMMON_HEADER_SIZE) || reader_left(&packet) == 0)
        return false;
    while (reader_left(&packet) > 0) {
        uint8_t type, flags;
        uint16_t chunk_length;
        reader_t value;
        reader_u8(&packet, &type);
        reader_u8(&packet, &flags);
        if (!reader_u16(&packet, &chunk_length) || chunk_length < TLV_HEADER_SIZE ||
            !reader_sub(&packet, (size_t)chunk_length - TLV_HEADER_SIZE, &value) || !chunk_is_sound(type, &value))
            return false;
        size_t filling = (4 - chunk_length % 4) % 4;
        reader_skip(&packet, filling < reader_left(&packet) ? filling : reader_left(&packet));
    }
    return true;
}
