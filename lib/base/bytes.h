/* Byte reader and writer in network order. Both fail softly: after the first step outside their range every further step fails too and
 * `failed` stays set, so that a parser checks once at its end. They own nothing. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct reader {
    const uint8_t *data;
    size_t length;
    size_t position;
    bool failed;
} reader_t;

void reader_init(reader_t *reader, const void *data, size_t length);
size_t reader_left(const reader_t *reader);
bool reader_u8(reader_t *reader, uint8_t *value);
bool reader_u16(reader_t *reader, uint16_t *value);
bool reader_u24(reader_t *reader, uint32_t *value);
bool reader_u32(reader_t *reader, uint32_t *value);
bool reader_u64(reader_t *reader, uint64_t *value);
bool reader_copy(reader_t *reader, void *bytes, size_t length);
bool reader_skip(reader_t *reader, size_t length);
/* A view of the next `length` bytes, NULL when there are fewer. */
const uint8_t *reader_bytes(reader_t *reader, size_t length);
/* A reader over the next `length` bytes; the outer one moves past them. */
bool reader_sub(reader_t *reader, size_t length, reader_t *sub);

typedef struct writer {
    uint8_t *data;
    size_t capacity;
    size_t length;
    bool failed;
} writer_t;

void writer_init(writer_t *writer, void *data, size_t capacity);
size_t writer_left(const writer_t *writer);
bool writer_u8(writer_t *writer, uint8_t value);
bool writer_u16(writer_t *writer, uint16_t value);
bool writer_u24(writer_t *writer, uint32_t value);
bool writer_u32(writer_t *writer, uint32_t value);
bool writer_u64(writer_t *writer, uint64_t value);
bool writer_copy(writer_t *writer, const void *bytes, size_t length);
bool writer_zero(writer_t *writer, size_t length);
/* Overwrites two bytes already written. */
bool writer_patch_u16(writer_t *writer, size_t position, uint16_t value);

static inline uint16_t bytes_get_u16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t bytes_get_u24(const uint8_t *p)
{
    return ((uint32_t)p[0] << 16) | ((uint32_t)p[1] << 8) | p[2];
}

static inline uint32_t bytes_get_u32(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static inline uint64_t bytes_get_u64(const uint8_t *p)
{
    return ((uint64_t)bytes_get_u32(p) << 32) | bytes_get_u32(p + 4);
}

static inline void bytes_put_u16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void bytes_put_u24(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 16);
    p[1] = (uint8_t)(value >> 8);
    p[2] = (uint8_t)value;
}

static inline void bytes_put_u32(uint8_t *p, uint32_t value)
{
    bytes_put_u16(p, (uint16_t)(value >> 16));
    bytes_put_u16(p + 2, (uint16_t)value);
}

static inline void bytes_put_u64(uint8_t *p, uint64_t value)
{
    bytes_put_u32(p, (uint32_t)(value >> 32));
    bytes_put_u32(p + 4, (uint32_t)value);
}

#endif
