/* The parsed view of a received message (RFC 8489 §5, §14): its structure is checked once, its attributes are then read by type. */
#include "stun/private.h"

#include <string.h>

static size_t padded(size_t length)
{
    return (length + 3) & ~(size_t)3;
}

bool stun_is_message(const uint8_t *data, size_t length)
{
    return length >= STUN_HEADER_SIZE && length <= STUN_HEADER_SIZE + UINT16_MAX && (data[0] & 0xc0) == 0 &&
           bytes_get_u32(data + 4) == STUN_MAGIC_COOKIE && bytes_get_u16(data + 2) % 4 == 0 &&
           length == (size_t)STUN_HEADER_SIZE + bytes_get_u16(data + 2);
}

static bool is_sum(uint16_t type)
{
    return type == STUN_MESSAGE_INTEGRITY || type == STUN_MESSAGE_INTEGRITY_SHA256 || type == STUN_FINGERPRINT;
}

bool stun_parse(stun_message_t *message, const uint8_t *data, size_t length)
{
    message->attribute_count = 0;
    if (!stun_is_message(data, length) || length > UINT16_MAX)
        return false;
    /* RFC 8489 §5, figure 3: the class bits lie within the method's. */
    uint16_t type = bytes_get_u16(data);
    message->data = data;
    message->length = length;
    message->class = (stun_class_t)((type >> 4 & 1) | (type >> 7 & 2));
    message->method = (uint16_t)((type & 0x000f) | (type >> 1 & 0x0070) | (type >> 2 & 0x0f80));
    message->transaction_id = data + 8;

    reader_t reader;
    reader_init(&reader, data, length);
    reader_skip(&reader, STUN_HEADER_SIZE);
    bool is_protected = false, is_ended = false;
    while (reader_left(&reader) > 0) {
        stun_attribute_t attribute;
        if (is_ended || !reader_u16(&reader, &attribute.type) || !reader_u16(&reader, &attribute.length))
            return false; /* FINGERPRINT is the last one (§14.7) */
        attribute.offset = (uint16_t)reader.position;
        if (!reader_skip(&reader, padded(attribute.length)))
            return false;
        is_ended = attribute.type == STUN_FINGERPRINT;
        if (is_protected && !is_sum(attribute.type))
            continue;
        is_protected |= attribute.type == STUN_MESSAGE_INTEGRITY || attribute.type == STUN_MESSAGE_INTEGRITY_SHA256;
        if (message->attribute_count == STUN_MAX_ATTRIBUTES)
            return false;
        message->attributes[message->attribute_count++] = attribute;
    }
    return true;
}

bool stun_get_bytes(const stun_message_t *message, uint16_t type, const uint8_t **value, size_t *length)
{
    for (size_t i = 0; i < message->attribute_count; i++) {
        if (message->attributes[i].type == type) {
            *value = message->data + message->attributes[i].offset;
            *length = message->attributes[i].length;
            return true;
        }
    }
    return false;
}

bool stun_has(const stun_message_t *message, uint16_t type)
{
    const uint8_t *value;
    size_t length;
    return stun_get_bytes(message, type, &value, &length);
}

bool stun_get_u32(const stun_message_t *message, uint16_t type, uint32_t *value)
{
    const uint8_t *bytes;
    size_t length;
    if (!stun_get_bytes(message, type, &bytes, &length) || length != 4)
        return false;
    *value = bytes_get_u32(bytes);
    return true;
}

bool stun_get_u64(const stun_message_t *message, uint16_t type, uint64_t *value)
{
    const uint8_t *bytes;
    size_t length;
    if (!stun_get_bytes(message, type, &bytes, &length) || length != 8)
        return false;
    *value = bytes_get_u64(bytes);
    return true;
}

static bool read_address(const uint8_t *bytes, size_t length, address_t *address)
{
    if (length < 4)
        return false;
    address_t parsed = {.port = bytes_get_u16(bytes + 2)};
    if (bytes[1] == 1 && length == 8)
        parsed.family = ADDRESS_IPV4;
    else if (bytes[1] == 2 && length == 20)
        parsed.family = ADDRESS_IPV6;
    else
        return false;
    memcpy(parsed.bytes, bytes + 4, length - 4);
    *address = parsed;
    return true;
}

bool stun_get_address(const stun_message_t *message, uint16_t type, address_t *address)
{
    const uint8_t *bytes;
    size_t length;
    return stun_get_bytes(message, type, &bytes, &length) && read_address(bytes, length, address);
}

bool stun_get_xor_address_at(const stun_message_t *message, size_t index, address_t *address)
{
    const stun_attribute_t *attribute = &message->attributes[index];
    if (!read_address(message->data + attribute->offset, attribute->length, address))
        return false;
    address->port ^= STUN_MAGIC_COOKIE >> 16;
    size_t size = address->family == ADDRESS_IPV4 ? 4 : 16;
    for (size_t i = 0; i < size; i++)
        address->bytes[i] ^= message->data[4 + i]; /* the cookie and then the transaction id: they stand side by side (§14.2) */
    return true;
}

bool stun_get_xor_address(const stun_message_t *message, uint16_t type, address_t *address)
{
    for (size_t i = 0; i < message->attribute_count; i++)
        if (message->attributes[i].type == type)
            return stun_get_xor_address_at(message, i, address);
    return false;
}

bool stun_get_mapped_address(const stun_message_t *message, address_t *address)
{
    return stun_get_xor_address(message, STUN_XOR_MAPPED_ADDRESS, address) || stun_get_address(message, STUN_MAPPED_ADDRESS, address);
}

bool stun_get_error(const stun_message_t *message, uint16_t *code, const char **reason, size_t *reason_length)
{
    const uint8_t *bytes;
    size_t length;
    if (!stun_get_bytes(message, STUN_ERROR_CODE, &bytes, &length) || length < 4)
        return false;
    unsigned class = bytes[2] & 7, number = bytes[3];
    if (class < 3 || class > 6 || number > 99)
        return false;
    *code = (uint16_t)(class * 100 + number);
    *reason = (const char *)bytes + 4;
    *reason_length = length - 4;
    return true;
}

static bool is_known(uint16_t type)
{
    switch (type) {
    case STUN_MAPPED_ADDRESS:
    case STUN_USERNAME:
    case STUN_MESSAGE_INTEGRITY:
    case STUN_ERROR_CODE:
    case STUN_UNKNOWN_ATTRIBUTES:
    case STUN_CHANNEL_NUMBER:
    case STUN_LIFETIME:
    case STUN_XOR_PEER_ADDRESS:
    case STUN_DATA_ATTRIBUTE:
    case STUN_REALM:
    case STUN_NONCE:
    case STUN_XOR_RELAYED_ADDRESS:
    case STUN_REQUESTED_ADDRESS_FAMILY:
    case STUN_EVEN_PORT:
    case STUN_REQUESTED_TRANSPORT:
    case STUN_DONT_FRAGMENT:
    case STUN_MESSAGE_INTEGRITY_SHA256:
    case STUN_PASSWORD_ALGORITHM:
    case STUN_USERHASH:
    case STUN_XOR_MAPPED_ADDRESS:
    case STUN_RESERVATION_TOKEN:
    case STUN_PRIORITY:
    case STUN_USE_CANDIDATE:
        return true;
    default:
        return type >= 0x8000; /* comprehension-optional (§14) */
    }
}

size_t stun_unknown_attributes(const stun_message_t *message, uint16_t *types, size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < message->attribute_count && count < capacity; i++)
        if (!is_known(message->attributes[i].type))
            types[count++] = message->attributes[i].type;
    return count;
}
