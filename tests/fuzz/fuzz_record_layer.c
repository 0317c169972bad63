/* Datagrams that reach a connected association's records: the peer's own, changed, cut, repeated and reordered as the input says, and bytes
 * of the input itself. Nothing is opened that the peer did not protect, nor twice, and what is opened is what was protected. */
#include "base/bytes.h"
#include "dtls/dtls.h"
#include "dtls/record_layer.h"

#include <stdlib.h>
#include <string.h>

enum { RECORDS = 16, SIZE = 64, FIRST = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz {
    record_layer_t *from;
    record_layer_t *to;
    packet_pool_t *pool;
    packet_t *records[RECORDS];
    bool is_opened[RECORDS];
} fuzz_t;

static void open_one(fuzz_t *fuzz, uint8_t *record, size_t size)
{
    size_t length = 0, index = RECORDS;
    for (size_t i = 0; i < RECORDS; i++)
        if (size == fuzz->records[i]->length && memcmp(record, fuzz->records[i]->data, size) == 0)
            index = i;
    if (!record_layer_open(fuzz->to, record, size, &length)) {
        if (index < RECORDS && !fuzz->is_opened[index])
            abort();
        return;
    }
    if (index == RECORDS || fuzz->is_opened[index] || length != index * 4)
        abort();
    fuzz->is_opened[index] = true;
    for (size_t i = 0; i < length; i++)
        if (record[record_layer_room_before(fuzz->to) + i] != index)
            abort();
}

static void step(fuzz_t *fuzz, uint8_t what, reader_t *reader)
{
    uint8_t bytes[256] = {0}, a = 0, b = 0;
    const packet_t *packet = fuzz->records[what % RECORDS];
    size_t size = packet->length;
    memcpy(bytes, packet->data, size);
    switch (what / RECORDS % 4) {
    case 1: /* changed */
        if (reader_u8(reader, &a) && reader_u8(reader, &b))
            bytes[a % size] ^= b;
        break;
    case 2: /* cut, its length made to fit or not */
        if (reader_u8(reader, &a))
            size = RECORD_HEADER + a % (size - RECORD_HEADER);
        if (what >= 128)
            bytes_put_u16(bytes + 11, (uint16_t)(size - RECORD_HEADER));
        break;
    case 3: /* anything */
        if (reader_u8(reader, &a))
            size = RECORD_HEADER + a % (sizeof bytes - RECORD_HEADER);
        for (size_t i = 0; i < size && reader_u8(reader, &b); i++)
            bytes[i] = b;
        break;
    default:
        break;
    }
    open_one(fuzz, bytes, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader_t reader;
    uint8_t what = 0, text[SIZE];
    reader_init(&reader, data, size);
    reader_u8(&reader, &what);
    record_keys_t keys = {.cipher = (record_cipher_t)(what % 3)}; /* the same both ways */
    memset(keys.key, 7, sizeof keys.key);
    record_past_t past = {.is_any = true, .next_sequence = FIRST, .first_nonce = 1};
    fuzz_t fuzz = {.from = record_layer_new(), .to = record_layer_new(), .pool = packet_pool_new()};
    if (!record_layer_start(fuzz.from, &keys, &past) || !record_layer_start(fuzz.to, &keys, &past))
        abort();
    for (size_t i = 0; i < RECORDS; i++) {
        memset(text, (int)i, sizeof text);
        fuzz.records[i] = packet_new_copy(fuzz.pool, text, i * 4);
        if (!record_layer_protect(fuzz.from, RECORD_APPLICATION_DATA, fuzz.records[i]))
            abort();
    }
    while (reader_u8(&reader, &what))
        step(&fuzz, what, &reader);
    for (size_t i = 0; i < RECORDS; i++)
        packet_unref(fuzz.records[i]);
    record_layer_free(fuzz.from);
    record_layer_free(fuzz.to);
    packet_pool_release(fuzz.pool);
    return 0;
}
