#include "base/bytes.h"

#include <string.h>

void reader_init(reader_t *reader, const void *data, size_t length)
{
    *reader = (reader_t){.data = data, .length = length};
}

size_t reader_left(const reader_t *reader)
{
    return reader->failed ? 0 : reader->length - reader->position;
}

const uint8_t *reader_bytes(reader_t *reader, size_t length)
{
    if (reader->failed || length > reader->length - reader->position) {
        reader->failed = true;
        return NULL;
    }
    /* An empty view still has to be told from failure, even over a NULL buffer. */
    static const uint8_t nothing;
    const uint8_t *bytes = reader->data != NULL ? reader->data + reader->position : &nothing;
    reader->position += length;
    return bytes;
}

bool reader_u8(reader_t *reader, uint8_t *value)
{
    const uint8_t *p = reader_bytes(reader, 1);
    if (p != NULL)
        *value = *p;
    return p != NULL;
}

bool reader_u16(reader_t *reader, uint16_t *value)
{
    const uint8_t *p = reader_bytes(reader, 2);
    if (p != NULL)
        *value = bytes_get_u16(p);
    return p != NULL;
}

bool reader_u24(reader_t *reader, uint32_t *value)
{
    const uint8_t *p = reader_bytes(reader, 3);
    if (p != NULL)
        *value = bytes_get_u24(p);
    return p != NULL;
}

bool reader_u32(reader_t *reader, uint32_t *value)
{
    const uint8_t *p = reader_bytes(reader, 4);
    if (p != NULL)
        *value = bytes_get_u32(p);
    return p != NULL;
}

bool reader_u64(reader_t *reader, uint64_t *value)
{
    const uint8_t *p = reader_bytes(reader, 8);
    if (p != NULL)
        *value = bytes_get_u64(p);
    return p != NULL;
}

bool reader_copy(reader_t *reader, void *bytes, size_t length)
{
    const uint8_t *p = reader_bytes(reader, length);
    if (p != NULL && length != 0)
        memcpy(bytes, p, length);
    return p != NULL;
}

bool reader_skip(reader_t *reader, size_t length)
{
    return reader_bytes(reader, length) != NULL;
}

bool reader_sub(reader_t *reader, size_t length, reader_t *sub)
{
    const uint8_t *p = reader_bytes(reader, length);
    reader_init(sub, p, p != NULL ? length : 0);
    sub->failed = p == NULL;
    return p != NULL;
}

void writer_init(writer_t *writer, void *data, size_t capacity)
{
    *writer = (writer_t){.data = data, .capacity = capacity};
}

size_t writer_left(const writer_t *writer)
{
    return writer->failed ? 0 : writer->capacity - writer->length;
}

static uint8_t *claim(writer_t *writer, size_t length)
{
    if (writer->failed || length > writer->capacity - writer->length) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *p = writer->data + writer->length;
    writer->length += length;
    return p;
}

bool writer_u8(writer_t *writer, uint8_t value)
{
    uint8_t *p = claim(writer, 1);
    if (p != NULL)
        *p = value;
    return p != NULL;
}

bool writer_u16(writer_t *writer, uint16_t value)
{
    uint8_t *p = claim(writer, 2);
    if (p != NULL)
        bytes_put_u16(p, value);
    return p != NULL;
}

bool writer_u24(writer_t *writer, uint32_t value)
{
    uint8_t *p = claim(writer, 3);
    if (p != NULL)
        bytes_put_u24(p, value);
    return p != NULL;
}

bool writer_u32(writer_t *writer, uint32_t value)
{
    uint8_t *p = claim(writer, 4);
    if (p != NULL)
        bytes_put_u32(p, value);
    return p != NULL;
}

bool writer_u64(writer_t *writer, uint64_t value)
{
    uint8_t *p = claim(writer, 8);
    if (p != NULL)
        bytes_put_u64(p, value);
    return p != NULL;
}

bool writer_copy(writer_t *writer, const void *bytes, size_t length)
{
    uint8_t *p = claim(writer, length);
    if (p != NULL && length != 0)
        memcpy(p, bytes, length);
    return p != NULL;
}

bool writer_zero(writer_t *writer, size_t length)
{
    uint8_t *p = claim(writer, length);
    if (p != NULL && length != 0)
        memset(p, 0, length);
    return p != NULL;
}

bool writer_patch_u16(writer_t *writer, size_t position, uint16_t value)
{
    if (writer->failed || writer->length < 2 || position > writer->length - 2)
        return false;
    bytes_put_u16(writer->data + position, value);
    return true;
}
