#include "runtime/mdns_message.h"

#include "base/bytes.h"

#include <string.h>

#define CLASS_IN 1
#define CLASS_ANY 255
#define CACHE_FLUSH 0x8000      /* RFC 6762 §10.2 */
#define UNICAST_RESPONSE 0x8000 /* of a question's class: RFC 6762 §5.4 */
#define LEGACY_TTL 10           /* RFC 6762 §6.7: at most */
#define FLAG_RESPONSE 0x8000
#define FLAG_AUTHORITATIVE 0x0400
#define FLAGS_OPCODE_RCODE 0x780f
#define LABEL_MAX 63
#define COUNTS_AT 4 /* of the four sections, in the header */
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
    static const uint16_t types[] = {MDNS_TYPE_A, MDNS_TYPE_AAAA};
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
    *is_address = (record_class & ~CACHE_FLUSH) == CLASS_IN && (type == MDNS_TYPE_A || type == MDNS_TYPE_AAAA);
    if (!*is_address)
        return true;
    size_t size = type == MDNS_TYPE_A ? 4 : 16;
    if (data_length != size)
        return false;
    *is_address = ttl != 0; /* zero says good-bye: RFC 6762 §10.1 */
    record->ttl = ttl;
    record->address = (address_t){.family = type == MDNS_TYPE_A ? ADDRESS_IPV4 : ADDRESS_IPV6};
    memcpy(record->address.bytes, data, size);
    memcpy(record->name, name.text, sizeof record->name);
    return true;
}

typedef struct header {
    uint16_t id;
    uint16_t flags;
    uint16_t questions;
    size_t answers;
    size_t records; /* of all sections but the questions */
} header_t;

static bool read_header(reader_t *reader, header_t *header)
{
    uint16_t answers, authorities, additional;
    reader_u16(reader, &header->id);
    reader_u16(reader, &header->flags);
    reader_u16(reader, &header->questions);
    reader_u16(reader, &answers);
    reader_u16(reader, &authorities);
    reader_u16(reader, &additional);
    if (reader->failed || (header->flags & FLAGS_OPCODE_RCODE) != 0)
        return false; /* other opcodes and rcodes are ignored: RFC 6762 §18.3, §18.11 */
    header->answers = answers;
    header->records = (size_t)answers + authorities + additional;
    return header->questions <= RECORDS_READ_MAX && header->records <= RECORDS_READ_MAX;
}

static bool read_question(reader_t *reader, mdns_question_t *question, bool *is_wanted)
{
    name_text_t name;
    uint16_t type, question_class;
    if (!read_name(reader, &name) || !reader_u16(reader, &type) || !reader_u16(reader, &question_class))
        return false;
    uint16_t plain_class = question_class & (uint16_t)~UNICAST_RESPONSE;
    *is_wanted = plain_class == CLASS_IN || plain_class == CLASS_ANY;
    question->type = type;
    question->wants_unicast = (question_class & UNICAST_RESPONSE) != 0;
    memcpy(question->name, name.text, sizeof question->name);
    return true;
}

/* The first `kept` records count; the others need only be well-formed. */
static bool read_records(reader_t *reader, size_t total, size_t kept, mdns_record_t records[MDNS_RECORDS_MAX], size_t *count)
{
    for (size_t i = 0; i < total; i++) {
        mdns_record_t record = {.name = ""};
        bool is_address;
        if (!read_record(reader, &record, &is_address))
            return false;
        if (is_address && i < kept && *count < MDNS_RECORDS_MAX)
            records[(*count)++] = record;
    }
    return true;
}

bool mdns_parse_response(const uint8_t *message, size_t length, mdns_record_t records[MDNS_RECORDS_MAX], size_t *count)
{
    reader_t reader;
    header_t header;
    size_t found = 0;
    *count = 0;
    reader_init(&reader, message, length);
    if (length > MDNS_MESSAGE_MAX || !read_header(&reader, &header) || !(header.flags & FLAG_RESPONSE))
        return false;
    for (size_t i = 0; i < header.questions; i++) {
        mdns_question_t question;
        bool is_wanted;
        if (!read_question(&reader, &question, &is_wanted))
            return false;
    }
    if (!read_records(&reader, header.records, header.records, records, &found))
        return false;
    *count = found;
    return true;
}

bool mdns_parse_query(const uint8_t *message, size_t length, mdns_query_t *query)
{
    reader_t reader;
    header_t header;
    query->question_count = query->known_count = 0;
    reader_init(&reader, message, length);
    if (length > MDNS_MESSAGE_MAX || !read_header(&reader, &header) || (header.flags & FLAG_RESPONSE))
        return false;
    query->id = header.id;
    for (size_t i = 0; i < header.questions; i++) {
        mdns_question_t question;
        bool is_wanted;
        if (!read_question(&reader, &question, &is_wanted))
            return false;
        if (is_wanted && query->question_count < MDNS_QUESTIONS_MAX)
            query->questions[query->question_count++] = question;
    }
    return read_records(&reader, header.records, header.answers, query->known, &query->known_count);
}

typedef struct response_writer {
    writer_t writer;
    const mdns_response_t *response;
    const char *names[2 * MDNS_RECORDS_MAX]; /* written in full, and where */
    uint16_t offsets[2 * MDNS_RECORDS_MAX];
    size_t name_count;
} response_writer_t;

/* In full the first time, then by a pointer (RFC 1035 §4.1.4). */
static bool write_known_name(response_writer_t *to, const char *name)
{
    for (size_t i = 0; i < to->name_count; i++)
        if (strcmp(to->names[i], name) == 0)
            return writer_u16(&to->writer, 0xc000 | to->offsets[i]);
    size_t offset = to->writer.length;
    if (!write_name(&to->writer, name))
        return false;
    to->names[to->name_count] = name;
    to->offsets[to->name_count++] = (uint16_t)offset;
    return true;
}

/* RFC 4034 §4.1.2, in the form of RFC 6762 §6.1: the next name is the name itself, of the types only those below 256 are told. */
static void write_nsec(response_writer_t *to, const mdns_answer_t *answer)
{
    uint8_t bits[4] = {answer->has_ipv4 ? 0x80 >> MDNS_TYPE_A % 8 : 0, 0, 0, answer->has_ipv6 ? 0x80 >> MDNS_TYPE_AAAA % 8 : 0};
    size_t length = answer->has_ipv6 ? 4 : 1, at = to->writer.length;
    writer_u16(&to->writer, 0);
    write_known_name(to, answer->name);
    writer_u8(&to->writer, 0);
    writer_u8(&to->writer, (uint8_t)length);
    writer_copy(&to->writer, bits, length);
    writer_patch_u16(&to->writer, at, (uint16_t)(to->writer.length - at - 2));
}

static bool write_answer(response_writer_t *to, const mdns_answer_t *answer)
{
    uint8_t family = answer->address.family;
    uint16_t size = family == ADDRESS_IPV4 ? 4 : 16;
    bool is_legacy = to->response->legacy != NULL;
    if (!write_known_name(to, answer->name))
        return false;
    writer_u16(&to->writer, family == ADDRESS_IPV4 ? MDNS_TYPE_A : family == ADDRESS_IPV6 ? MDNS_TYPE_AAAA : MDNS_TYPE_NSEC);
    writer_u16(&to->writer, is_legacy ? CLASS_IN : CLASS_IN | CACHE_FLUSH);
    writer_u32(&to->writer, is_legacy ? LEGACY_TTL : MDNS_TTL);
    if (family == ADDRESS_NONE) {
        write_nsec(to, answer);
    } else {
        writer_u16(&to->writer, size);
        writer_copy(&to->writer, answer->address.bytes, size);
    }
    return !to->writer.failed;
}

/* As many as there is room for; their number goes to `count_at`. */
static bool write_answers(response_writer_t *to, const mdns_answer_t *answers, size_t count, size_t count_at)
{
    size_t written = 0;
    while (written < count) {
        size_t before = to->writer.length, names_before = to->name_count;
        if (!write_answer(to, &answers[written])) {
            to->writer.length = before;
            to->writer.failed = false;
            to->name_count = names_before;
            break;
        }
        written++;
    }
    writer_patch_u16(&to->writer, count_at, (uint16_t)written);
    return written == count;
}

size_t mdns_write_response(uint8_t *message, size_t capacity, const mdns_response_t *response)
{
    response_writer_t to = {.response = response};
    bool is_legacy = response->legacy != NULL;
    writer_init(&to.writer, message, capacity);
    writer_u16(&to.writer, is_legacy ? response->id : 0); /* RFC 6762 §18.1 */
    writer_u16(&to.writer, FLAG_RESPONSE | FLAG_AUTHORITATIVE);
    writer_u16(&to.writer, is_legacy);
    writer_zero(&to.writer, 6);
    if (is_legacy) {
        write_known_name(&to, response->legacy->name);
        writer_u16(&to.writer, response->legacy->type);
        writer_u16(&to.writer, CLASS_IN);
    }
    if (to.writer.failed)
        return 0;
    if (write_answers(&to, response->answers, response->answer_count, COUNTS_AT + 2))
        write_answers(&to, response->additional, response->additional_count, COUNTS_AT + 6);
    return to.writer.length;
}
