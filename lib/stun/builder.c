/* Writes a message into the caller's buffer (RFC 8489 §5, §14). The header's length is kept true after every attribute. */
#include "stun/private.h"

#include <string.h>

void stun_build_begin(stun_builder_t *builder, void *buffer, size_t capacity, stun_class_t class, uint16_t method,
                      const uint8_t transaction_id[STUN_TRANSACTION_ID_SIZE])
{
    size_t largest = STUN_HEADER_SIZE + (UINT16_MAX & ~3u);
    writer_init(&builder->writer, buffer, capacity < largest ? capacity : largest);
    unsigned type =
        (method & 0x000fu) | (method & 0x0070u) << 1 | (method & 0x0f80u) << 2 | ((unsigned)class & 1) << 4 | ((unsigned)class & 2) << 7;
    writer_u16(&builder->writer, (uint16_t)type);
    writer_u16(&builder->writer, 0);
    writer_u32(&builder->writer, STUN_MAGIC_COOKIE);
    writer_copy(&builder->writer, transaction_id, STUN_TRANSACTION_ID_SIZE);
}

static void begin_attribute(stun_builder_t *builder, uint16_t type, size_t length)
{
    if (length > UINT16_MAX)
        builder->writer.failed = true;
    writer_u16(&builder->writer, type);
    writer_u16(&builder->writer, (uint16_t)length);
}

static void end_attribute(stun_builder_t *builder)
{
    writer_zero(&builder->writer, (4 - builder->writer.length % 4) % 4); /* the header is a multiple of four */
    if (!builder->writer.failed)
        writer_patch_u16(&builder->writer, 2, (uint16_t)(builder->writer.length - STUN_HEADER_SIZE));
}

void stun_build_bytes(stun_builder_t *builder, uint16_t type, const void *value, size_t length)
{
    begin_attribute(builder, type, length);
    if (length != 0)
        writer_copy(&builder->writer, value, length);
    end_attribute(builder);
}

void stun_build_flag(stun_builder_t *builder, uint16_t type)
{
    stun_build_bytes(builder, type, NULL, 0);
}

void stun_build_u32(stun_builder_t *builder, uint16_t type, uint32_t value)
{
    begin_attribute(builder, type, 4);
    writer_u32(&builder->writer, value);
    end_attribute(builder);
}

void stun_build_u64(stun_builder_t *builder, uint16_t type, uint64_t value)
{
    begin_attribute(builder, type, 8);
    writer_u64(&builder->writer, value);
    end_attribute(builder);
}

void stun_build_address(stun_builder_t *builder, uint16_t type, const address_t *address)
{
    size_t size = address->family == ADDRESS_IPV4 ? 4 : 16;
    begin_attribute(builder, type, 4 + size);
    writer_u8(&builder->writer, 0);
    writer_u8(&builder->writer, address->family == ADDRESS_IPV4 ? 1 : 2);
    writer_u16(&builder->writer, address->port);
    writer_copy(&builder->writer, address->bytes, size);
    end_attribute(builder);
}

void stun_build_xor_address(stun_builder_t *builder, uint16_t type, const address_t *address)
{
    if (builder->writer.failed)
        return;
    address_t hidden = *address;
    hidden.port ^= STUN_MAGIC_COOKIE >> 16;
    for (size_t i = 0; i < sizeof hidden.bytes; i++)
        hidden.bytes[i] ^= builder->writer.data[4 + i]; /* cookie and transaction id (§14.2); of IPv4 only four are written */
    stun_build_address(builder, type, &hidden);
}

void stun_build_error(stun_builder_t *builder, uint16_t code, const char *reason)
{
    size_t length = strlen(reason);
    begin_attribute(builder, STUN_ERROR_CODE, 4 + length);
    writer_u16(&builder->writer, 0);
    writer_u8(&builder->writer, (uint8_t)(code / 100));
    writer_u8(&builder->writer, (uint8_t)(code % 100));
    writer_copy(&builder->writer, reason, length);
    end_attribute(builder);
}

void stun_build_unknown_attributes(stun_builder_t *builder, const uint16_t *types, size_t count)
{
    begin_attribute(builder, STUN_UNKNOWN_ATTRIBUTES, 2 * count);
    for (size_t i = 0; i < count; i++)
        writer_u16(&builder->writer, types[i]);
    end_attribute(builder);
}

void stun_build_integrity(stun_builder_t *builder, stun_hash_t hash, const void *key, size_t key_length)
{
    uint8_t value[64];
    size_t size = hash == STUN_HASH_SHA1 ? STUN_SHA1_SIZE : STUN_SHA256_SIZE;
    writer_t *writer = &builder->writer;
    if (writer->failed || !stun_hmac(writer->data, writer->length, size, hash, key, key_length, value)) {
        writer->failed = true;
        return;
    }
    stun_build_bytes(builder, hash == STUN_HASH_SHA1 ? STUN_MESSAGE_INTEGRITY : STUN_MESSAGE_INTEGRITY_SHA256, value, size);
}

void stun_build_fingerprint(stun_builder_t *builder)
{
    if (!builder->writer.failed)
        stun_build_u32(builder, STUN_FINGERPRINT, stun_fingerprint(builder->writer.data, builder->writer.length));
}

size_t stun_build_end(stun_builder_t *builder)
{
    return builder->writer.failed ? 0 : builder->writer.length;
}
