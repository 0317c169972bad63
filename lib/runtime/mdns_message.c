#include "runtime/mdns_message.h"

#include "base/bytes.h"

#include <string.h>

#define TYPE_A 1
#define TYPE_AAAA 28
#define CLASS_IN 1
#define CACHE_FLUSH 0x8000 /* RFC 6762 §10.2 */
#define FLAG_RESPONSE 0x8000
#define FLAGS_OPCODE_RCODE 0x780f
#define LABEL_MAX 63
#define WIRE_NAME_MAX 255
#define RECORDS_READ_MAX 256 /* of all sections: more than fit in a datagram that means well */

static bool write_name(writer_t *writer, const char *name)
{
    size_t start = writer->length;
    while (*name != '\0') {
        const char *dot = strchr(name, '.');
        size_t length = dot != NULL ? (size_t)(dot - name) : strlen(name);
        if (length == 0 || length > LABEL_MAX)
            return false;
        writer_u8(writer, (uint8_t)length);
        writer_copy(writer, name, length);
        name += length + (dot != NULL);
    }
    writer_u8(writer, 0);
    size_t wire = writer->length - start;
    return !writer->failed && wire > 1 && wire <= WIRE_NAME_MAX;
}

size_t mdns_write_query(uint8_t *message, size_t capacity, const char *name)
{
    static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
    writer_t writer;
    writer_init(&writer, message, capacity);
    writer_u16(&writer, 0); /* id: zero in multicast queries, RFC 6762 §18.1 */
    writer_u16(&writer, 0);
    writer_u16(&writer, sizeof types / sizeof *types);
    writer_zero(&writer, 6);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!write_name(&writer, name))
            return 0;
        writer_u16(&writer, types[i]);
        writer_u16(&writer, CLASS_IN);
    }
    return writer.failed ? 0 : writer.length;
}

typedef struct name_text {
    char text[MDNS_NAME_SIZE];
    size_t length;
    size_t wire;
} name_text_t;

static bool add_label(name_text_t *name, const uint8_t *label, size_t length)
{
    name->wire += length + 1;
    if (name->wire + 1 > WIRE_NAME_MAX || name->length + length + 2 > sizeof name->text)
        return false;
    if (name->length != 0)
        name->text[name->length++] = '.';
    for (size_t i = 0; i < length; i++) {
        if (label[i] == 0 || label[i] == '.')
            return false; /* its text would mean another name */
        name->text[name->length++] = (char)label[i];
    }
    name->text[name->length] = '\0';
    return true;
}

/* Reads a name, following compression (RFC 1035 §4.1.4). A pointer must point before the place it was reached from, so the walk ends. */
static bool read_name(reader_t *reader, name_text_t *name)
{
    *name = (name_text_t){.length = 0};
    reader_t at = *reader;
    size_t limit = at.position;
    bool has_jumped = false;
    uint8_t length;
    for (;;) {
        if (!reader_u8(&at, &length))
            return false;
        if ((length & 0xc0) == 0xc0) {
            uint8_t low;
            if (!reader_u8(&at, &low))
                return false;
            if (!has_jumped)
                reader->position = at.position;
            has_jumped = true;
            size_t target = ((size_t)(length & 0x3f) << 8) | low;
            if (target >= limit)
                return false;
            limit = target;
            at.position = target;
            continue;
        }
        if (length > LABEL_MAX)
            return false;
        if (length == 0)
            break;
        const uint8_t *label = reader_bytes(&at, length);
        if (label == NULL || !add_label(name, label, length))
            return false;
    }
    if (!has_jumped)
        reader->position = at.position;
    return true;
}

static bool read_record(reader_t *reader, mdns_record_t *record, bool *is_address)
{
    name_text_t name;
    uint16_t type, record_class, data_length;
    uint32_t ttl;
    if (!read_name(reader, &name))
        return false;
    reader_u16(reader, &type);
    reader_u16(reader, &record_class);
    reader_u32(reader, &ttl);
    reader_u16(reader, &data_length);
    if (reader->failed)
        return false;
    const uint8_t *data = reader_bytes(reader, data_length);
    if (data == NULL)
        return false;
    *is_address = (record_class & ~CACHE_FLUSH) == CLASS_IN && (type == TYPE_A || type == TYPE_AAAA);
    if (!*is_address)
        return true;
    size_t size = type == TYPE_A ? 4 : 16;
    if (data_length != size)
        return false;
    *is_address = ttl != 0; /* zero says good-bye: RFC 6762 §10.1 */
    record->address = (address_t){.family = type == TYPE_A ? ADDRESS_IPV4 : ADDRESS_IPV6};
    memcpy(record->address.bytes, data, size);
    memcpy(record->name, name.text, sizeof record->name);
    return true;
}

bool mdns_parse_response(const uint8_t *message, size_t length, mdns_record_t records[MDNS_RECORDS_MAX], size_t *count)
{
    reader_t reader;
    uint16_t id, flags, counts[4];
    size_t found = 0;
    *count = 0;
    if (length > MDNS_MESSAGE_MAX)
        return false;
    reader_init(&reader, message, length);
    reader_u16(&reader, &id);
    reader_u16(&reader, &flags);
    for (size_t i = 0; i < 4; i++)
        reader_u16(&reader, &counts[i]);
    if (reader.failed || !(flags & FLAG_RESPONSE) || (flags & FLAGS_OPCODE_RCODE) != 0)
        return false; /* other opcodes and rcodes are ignored: RFC 6762 §18.3, §18.11 */
    size_t record_count = (size_t)counts[1] + counts[2] + counts[3];
    if (counts[0] > RECORDS_READ_MAX || record_count > RECORDS_READ_MAX)
        return false;
    for (size_t i = 0; i < counts[0]; i++) {
        name_text_t name;
        if (!read_name(&reader, &name) || !reader_skip(&reader, 4))
            return false;
    }
    for (size_t i = 0; i < record_count; i++) {
        mdns_record_t record = {.name = ""};
        bool is_address;
        if (!read_record(&reader, &record, &is_address))
            return false;
        if (is_address && found < MDNS_RECORDS_MAX)
            records[found++] = record;
    }
    *count = found;
    return true;
}
