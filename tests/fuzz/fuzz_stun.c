/* Any bytes: parsed, every reader tried; what parses is built again from its attributes and parses again. */
#include "stun/stun.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stun_message_t message;
    if (!stun_parse(&message, data, size))
        return 0;
    address_t address;
    uint32_t u32;
    uint64_t u64;
    uint16_t code, types[8];
    const char *reason;
    size_t length;
    stun_check_integrity(&message, STUN_HASH_SHA1, "VOkJxbRl1RmTxUk/WvJxBt", 22);
    stun_check_integrity(&message, STUN_HASH_SHA256, "VOkJxbRl1RmTxUk/WvJxBt", 22);
    stun_check_fingerprint(&message);
    stun_get_mapped_address(&message, &address);
    stun_get_error(&message, &code, &reason, &length);
    stun_get_u32(&message, STUN_PRIORITY, &u32);
    stun_get_u64(&message, STUN_ICE_CONTROLLING, &u64);
    stun_unknown_attributes(&message, types, 8);

    uint8_t copy[65536];
    stun_builder_t builder;
    stun_build_begin(&builder, copy, sizeof copy, message.class, message.method, message.transaction_id);
    for (size_t i = 0; i < message.attribute_count; i++)
        if (message.attributes[i].type != STUN_FINGERPRINT)
            stun_build_bytes(&builder, message.attributes[i].type, data + message.attributes[i].offset, message.attributes[i].length);
    stun_build_fingerprint(&builder);
    length = stun_build_end(&builder);
    stun_message_t again;
    if (length != 0 && message.attribute_count < STUN_MAX_ATTRIBUTES && length <= UINT16_MAX &&
        (!stun_parse(&again, copy, length) || again.class != message.class || again.method != message.method ||
         stun_check_fingerprint(&again) != STUN_CHECK_VALID))
        abort();
    return 0;
}
