#include "dtls/records.h"

#include "base/bytes.h"

#include <string.h>

enum { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22, APPLICATION_DATA = 23 }; /* RFC 5246 §6.2.1 ContentType */

static bool is_possible(const uint8_t *record, bool is_handshaking, unsigned *early_records)
{
    uint8_t type = record[0];
    bool is_encrypted = bytes_get_u16(record + 3) > 0; /* epoch */
    if (type < CHANGE_CIPHER_SPEC || type > APPLICATION_DATA || record[1] != 0xfe)
        return false;
    if (!is_handshaking)
        return is_encrypted;
    if (!is_encrypted)
        return type != APPLICATION_DATA;
    return (*early_records)++ < DTLS_EARLY_RECORDS_MAX;
}

size_t dtls_records_filter(uint8_t *data, size_t length, bool is_handshaking, unsigned *early_records)
{
    size_t kept = 0;
    for (size_t position = 0; length - position >= DTLS_RECORD_HEADER;) {
        uint8_t *record = data + position;
        size_t size = DTLS_RECORD_HEADER + bytes_get_u16(record + 11);
        if (size > length - position)
            break; /* what follows cannot be told apart */
        position += size;
        if (!is_possible(record, is_handshaking, early_records))
            continue;
        if (record != data + kept)
            memmove(data + kept, record, size);
        kept += size;
    }
    return kept;
}
