/* User names, passwords and realms of any kind, and challenges that any server may send. The input is a length, a text, and STUN messages,
 * each behind its length in two octets. */
#include "stun/credentials.h"
#include "stun/opaque_string.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t length)
{
    char once[OPAQUE_STRING_MAX + 1], twice[OPAQUE_STRING_MAX + 1];
    if (opaque_string_prepare(text, length, once, sizeof once) &&
        (!opaque_string_prepare(once, strlen(once), twice, sizeof twice) || strcmp(once, twice) != 0)) /* RFC 8264 §7: it is stable */
        abort();
}

static void check_request(const stun_credentials_t *credentials, stun_attempt_t *attempt)
{
    uint8_t bytes[4096];
    static const uint8_t id[STUN_TRANSACTION_ID_SIZE] = {1};
    stun_builder_t builder;
    stun_message_t message;
    stun_build_begin(&builder, bytes, sizeof bytes, STUN_REQUEST, STUN_ALLOCATE, id);
    stun_credentials_sign(credentials, attempt, &builder);
    size_t length = stun_build_end(&builder);
    if (length != 0 && !stun_parse(&message, bytes, length))
        abort();
    if (length != 0 && attempt->generation != 0 && stun_has(&message, STUN_USERNAME) == stun_has(&message, STUN_USERHASH))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader_t reader, message_bytes;
    uint8_t text_length = 0;
    uint16_t length = 0;
    reader_init(&reader, data, size);
    reader_u8(&reader, &text_length);
    const uint8_t *text = reader_bytes(&reader, text_length);
    if (text == NULL)
        return 0;
    check_text((const char *)text, text_length);
    char name[256];
    memcpy(name, text, text_length);
    name[text_length] = '\0';
    stun_credentials_t *credentials;
    if (stun_credentials_new(name, "secret", &credentials) != 0 && stun_credentials_new("user", name, &credentials) != 0 &&
        stun_credentials_new("user", "secret", &credentials) != 0)
        return 0;
    stun_attempt_t attempt = {0};
    unsigned retries = 0;
    while (reader_u16(&reader, &length) && reader_sub(&reader, length, &message_bytes)) {
        stun_message_t message;
        const char *why = NULL;
        if (!stun_parse(&message, message_bytes.data, message_bytes.length))
            continue;
        check_request(credentials, &attempt);
        stun_verdict_t verdict = stun_credentials_judge(credentials, &attempt, &message, &why);
        if (verdict == STUN_VERDICT_RETRY && ++retries > STUN_MAX_CHALLENGES)
            abort();
        if ((verdict == STUN_VERDICT_REFUSE) != (why != NULL))
            abort();
    }
    stun_credentials_free(credentials);
    return 0;
}
