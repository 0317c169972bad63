#include "sctp/dcep.h"

#include "base/bytes.h"

/* RFC 8832 §8.2.2: the low bits say which limit the reliability parameter is, the high bit that order does not matter. */
#define CHANNEL_RELIABLE 0x00
#define CHANNEL_PARTIAL_RELIABLE_REXMIT 0x01
#define CHANNEL_PARTIAL_RELIABLE_TIMED 0x02
#define CHANNEL_UNORDERED 0x80

#define LIMIT_MAX 65535 /* W3C maxRetransmits and maxPacketLifeTime are unsigned shorts */

dcep_type_t dcep_type(const uint8_t *data, size_t length)
{
    if (length >= DCEP_ACK_SIZE && data[0] == DCEP_ACK)
        return DCEP_ACK;
    if (length >= DCEP_OPEN_HEADER_SIZE && data[0] == DCEP_OPEN)
        return DCEP_OPEN;
    return DCEP_UNKNOWN;
}

bool dcep_open_parse(dcep_open_t *open, const uint8_t *data, size_t length)
{
    reader_t reader;
    uint8_t type, channel_type;
    uint32_t reliability;
    reader_init(&reader, data, length);
    reader_u8(&reader, &type);
    reader_u8(&reader, &channel_type);
    reader_u16(&reader, &open->priority);
    reader_u32(&reader, &reliability);
    reader_u16(&reader, &open->label_length);
    if (!reader_u16(&reader, &open->protocol_length) || type != DCEP_OPEN)
        return false;
    open->label = (const char *)reader_bytes(&reader, open->label_length);
    open->protocol = (const char *)reader_bytes(&reader, open->protocol_length);
    if (reader.failed || reader_left(&reader) != 0)
        return false;

    int32_t limit = reliability > LIMIT_MAX ? LIMIT_MAX : (int32_t)reliability;
    open->is_unordered = (channel_type & CHANNEL_UNORDERED) != 0;
    open->max_retransmits = -1;
    open->max_packet_life_time_ms = -1;
    switch (channel_type & ~CHANNEL_UNORDERED) {
    case CHANNEL_RELIABLE:
        return true;
    case CHANNEL_PARTIAL_RELIABLE_REXMIT:
        open->max_retransmits = limit;
        return true;
    case CHANNEL_PARTIAL_RELIABLE_TIMED:
        open->max_packet_life_time_ms = limit;
        return true;
    default:
        return false;
    }
}

size_t dcep_open_size(const dcep_open_t *open)
{
    return DCEP_OPEN_HEADER_SIZE + (size_t)open->label_length + open->protocol_length;
}

void dcep_open_write(const dcep_open_t *open, uint8_t *data)
{
    writer_t writer;
    uint8_t channel_type = open->is_unordered ? CHANNEL_UNORDERED : 0;
    uint32_t reliability = 0;
    if (open->max_retransmits >= 0) {
        channel_type |= CHANNEL_PARTIAL_RELIABLE_REXMIT;
        reliability = (uint32_t)open->max_retransmits;
    } else if (open->max_packet_life_time_ms >= 0) {
        channel_type |= CHANNEL_PARTIAL_RELIABLE_TIMED;
        reliability = (uint32_t)open->max_packet_life_time_ms;
    }
    writer_init(&writer, data, dcep_open_size(open));
    writer_u8(&writer, DCEP_OPEN);
    writer_u8(&writer, channel_type);
    writer_u16(&writer, open->priority);
    writer_u32(&writer, reliability);
    writer_u16(&writer, open->label_length);
    writer_u16(&writer, open->protocol_length);
    writer_copy(&writer, open->label, open->label_length);
    writer_copy(&writer, open->protocol, open->protocol_length);
}
