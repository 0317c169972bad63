#include "dtls/records.h"

#include "base/bytes.h"
#include "dtls/dtls.h"
#include "dtls/record_layer.h"

#include <string.h>

enum { ALERT_FATAL = 2 };                           /* RFC 5246 §7.2 AlertLevel */
enum { FRAGMENT_HEADER = 12, MESSAGE_MAX = 16384 }; /* RFC 6347 §4.2.2; the chain's limit (context.c) */

/* RFC 6347 §4.3.2 HandshakeType: what the other role says before its keys. Finished is always encrypted. */
static bool is_message_of_peer(const dtls_border_t *border, uint8_t type)
{
    switch (type) {
    case 1:  /* client_hello */
    case 15: /* certificate_verify */
    case 16: /* client_key_exchange */
        return border->is_server;
    case 2:  /* server_hello */
    case 3:  /* hello_verify_request */
    case 12: /* server_key_exchange */
    case 13: /* certificate_request */
    case 14: /* server_hello_done */
        return !border->is_server;
    default:
        return type == 11; /* certificate */
    }
}

static bool is_whole_fragments(const dtls_border_t *border, const uint8_t *data, size_t length)
{
    while (length >= FRAGMENT_HEADER) {
        uint32_t message_length = bytes_get_u24(data + 1), offset = bytes_get_u24(data + 6), size = bytes_get_u24(data + 9);
        if (!is_message_of_peer(border, data[0]) || message_length > MESSAGE_MAX || offset > message_length ||
            size > message_length - offset || size > length - FRAGMENT_HEADER || (size == 0 && message_length > 0))
            return false;
        data += FRAGMENT_HEADER + size;
        length -= FRAGMENT_HEADER + size;
        if (length == 0)
            return true;
    }
    return false;
}

static bool is_possible_plaintext(dtls_border_t *border, uint8_t type, const uint8_t *data, size_t length)
{
    switch (type) {
    case RECORD_CHANGE_CIPHER_SPEC:
        return length == 1 && data[0] == 1;
    case RECORD_ALERT: /* warnings say nothing that a handshake needs, and a few of them would end it */
        if (length == 2 && data[0] == ALERT_FATAL)
            border->alert = data[1];
        return false;
    case RECORD_HANDSHAKE:
        return is_whole_fragments(border, data, length);
    default:
        return false;
    }
}

/* A record too short for its nonce and tag is fatal to OpenSSL before 3.0.22, though any other that does not decrypt is dropped. */
static bool is_possible_ciphertext(const dtls_border_t *border, size_t length)
{
    return border->overhead > 0 && length >= border->overhead && length - border->overhead <= DTLS_DATA_MAX;
}

static bool is_data(const dtls_border_t *border, const uint8_t *record, size_t length)
{
    return record[0] == RECORD_APPLICATION_DATA && bytes_get_u16(record + 1) == 0xfefd && bytes_get_u16(record + 3) == 1 &&
           is_possible_ciphertext(border, length);
}

static bool is_possible(dtls_border_t *border, const uint8_t *record, size_t length)
{
    uint8_t type = record[0];
    uint16_t version = bytes_get_u16(record + 1), epoch = bytes_get_u16(record + 3);
    if (type < RECORD_CHANGE_CIPHER_SPEC || type > (border->with_data ? RECORD_APPLICATION_DATA : RECORD_HANDSHAKE))
        return false;
    if (version != 0xfefd && (version != 0xfeff || !border->is_handshaking)) /* RFC 6347 §4.2.1: a first flight may say DTLS 1.0 */
        return false;
    if (epoch == 0)
        return border->is_handshaking && is_possible_plaintext(border, type, record + RECORD_HEADER, length);
    if (epoch != 1 || !is_possible_ciphertext(border, length)) /* without renegotiation there is no other epoch */
        return false;
    return !border->is_handshaking || border->early_records++ < DTLS_EARLY_RECORDS_MAX;
}

size_t dtls_records_filter(dtls_border_t *border, uint8_t *data, size_t length)
{
    size_t kept = 0;
    for (size_t position = 0; length - position >= RECORD_HEADER;) {
        uint8_t *record = data + position;
        size_t size = bytes_get_u16(record + 11);
        if (size > length - position - RECORD_HEADER)
            break; /* what follows cannot be told apart */
        position += RECORD_HEADER + size;
        if (!is_possible(border, record, size))
            continue;
        if (record != data + kept)
            memmove(data + kept, record, RECORD_HEADER + size);
        kept += RECORD_HEADER + size;
    }
    return kept;
}

size_t dtls_records_data_length(const dtls_border_t *border, const uint8_t *data, size_t length)
{
    size_t found = 0;
    for (size_t position = 0; length - position >= RECORD_HEADER;) {
        const uint8_t *record = data + position;
        size_t size = bytes_get_u16(record + 11);
        if (size > length - position - RECORD_HEADER)
            break;
        position += RECORD_HEADER + size;
        if (is_data(border, record, size))
            found += RECORD_HEADER + size;
    }
    return found;
}
