/* A handshake in virtual time whose network does what the input says, one byte a step: deliver, drop, repeat, change, cut, swap, wait, or
 * bring in bytes of the input itself. Whatever happens, nobody connects to a peer whose fingerprint is another, and nothing
 * that the network does fails an association that both sides have. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/bytes.h"
#include "dtls/dtls.h"
#include "virtual_random.h"
#include "virtual_time.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz {
    packet_pool_t *pool;
    dtls_t *side[2];
    packet_queue_t flying[2]; /* by receiver */
    bool is_wrong;            /* the fingerprint that side 0 expects */
    bool is_connected[2];
    peer_time_t now;
} fuzz_t;

static void poll_all(fuzz_t *fuzz)
{
    dtls_output_t output;
    for (int i = 0; i < 2; i++) {
        while (dtls_poll(fuzz->side[i], &output)) {
            if (output.type == DTLS_OUTPUT_SEND && fuzz->flying[!i].count < 64)
                packet_queue_push(&fuzz->flying[!i], output.packet);
            else
                packet_unref(output.packet);
            if (output.type == DTLS_OUTPUT_CONNECTED && fuzz->is_wrong && i == 0)
                abort();
            if (output.type == DTLS_OUTPUT_FAILED && fuzz->is_connected[0] && fuzz->is_connected[1])
                abort();
            if (output.type == DTLS_OUTPUT_CONNECTED) {
                fuzz->is_connected[i] = true;
                dtls_send(fuzz->side[i], fuzz->now, packet_new_copy(fuzz->pool, "data", 4));
            }
        }
    }
}

static void step(fuzz_t *fuzz, uint8_t what, reader_t *reader)
{
    unsigned to = what & 1;
    uint8_t a = 0, b = 0;
    packet_t *packet = packet_queue_pop(&fuzz->flying[to]);
    switch (what >> 1 & 7) {
    case 0:
        packet_unref(packet);
        packet = NULL;
        break;
    case 1:
        if (packet != NULL)
            dtls_input(fuzz->side[to], fuzz->now, packet_new_copy(fuzz->pool, packet->data, packet->length));
        break;
    case 2:
        if (packet != NULL && reader_u8(reader, &a) && reader_u8(reader, &b))
            packet->data[(a | (what & 0xf0) << 4) % packet->length] ^= b;
        break;
    case 3:
        if (packet != NULL && reader_u8(reader, &a))
            packet->length = a % packet->length;
        break;
    case 4:
        if (packet != NULL)
            packet_queue_push(&fuzz->flying[to], packet);
        packet = NULL;
        break;
    case 5:
        fuzz->now += (what >> 4) * 50 * PEER_MILLISECOND;
        virtual_time_set(fuzz->now);
        dtls_timeout(fuzz->side[0], fuzz->now);
        dtls_timeout(fuzz->side[1], fuzz->now);
        break;
    case 6:
        if (reader_u8(reader, &a)) {
            size_t length = a < reader_left(reader) ? a : reader_left(reader);
            dtls_input(fuzz->side[to], fuzz->now, packet_new_copy(fuzz->pool, reader_bytes(reader, length), length));
        }
        break;
    default:
        break;
    }
    if (packet != NULL)
        dtls_input(fuzz->side[to], fuzz->now, packet);
    if (what == 0xff)
        dtls_close(fuzz->side[to]);
    poll_all(fuzz);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static certificate_t *certificates[2];
    random_seeded_t seeded;
    random_seeded_init(&seeded, 1);
    random_source_t source = random_seeded_source(&seeded);
    virtual_random_seed(1);
    virtual_time_set(0);
    for (int i = 0; i < 2; i++)
        if (certificates[i] == NULL && certificate_generate(&certificates[i], CERTIFICATE_ECDSA_P256, 1700000000, 0, &source) < 0)
            abort();
    reader_t reader;
    reader_init(&reader, data, size);
    uint8_t what = 0;
    reader_u8(&reader, &what);
    fuzz_t fuzz = {.pool = packet_pool_new(), .is_wrong = (what & 1) != 0};
    for (int i = 0; i < 2; i++) {
        fingerprint_t fingerprint;
        certificate_fingerprint(certificates[!i], FINGERPRINT_SHA_256, &fingerprint);
        fingerprint.bytes[0] ^= (uint8_t)(i == 0 ? fuzz.is_wrong : 0);
        fuzz.side[i] = dtls_new(&(dtls_config_t){.certificate = certificates[i], .pool = fuzz.pool, .mtu = (what & 2) != 0 ? 256 : 1200});
        dtls_set_remote_fingerprints(fuzz.side[i], &fingerprint, 1);
    }
    unsigned client = what >> 2 & 1;
    dtls_start(fuzz.side[client], 0, true);
    dtls_start(fuzz.side[!client], 0, false);
    poll_all(&fuzz);
    while (reader_u8(&reader, &what))
        step(&fuzz, what, &reader);
    for (int i = 0; i < 2; i++) {
        packet_queue_clear(&fuzz.flying[i]);
        dtls_free(fuzz.side[i]);
    }
    packet_pool_release(fuzz.pool);
    return 0;
}
