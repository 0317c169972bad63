/* A client and a server of TLS or DTLS, and between them a network that does what the input says, one byte a step: deliver in pieces, drop,
 * change, repeat, wait, or bring in bytes of the input itself. The server's certificate is good, or bad in a way that the input chooses:
 * whatever happens, only the good one is believed, and only what the server said comes out. */
#include "base/bytes.h"
#include "base/error.h"
#include "dtls/tls_client.h"
#include "test.h"
#include "tls_server.h"
#include "virtual_random.h"
#include "virtual_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GOOD, OTHER_NAME, UNKNOWN_AUTHORITY, EXPIRED, SERVER_KINDS };

typedef struct fuzz {
    packet_pool_t *pool;
    tls_client_t *client;
    tls_server_t server;
    packet_queue_t to_client;
    packet_queue_t to_server;
    peer_time_t now;
    unsigned kind;
    bool is_connected;
    size_t received;
} fuzz_t;

static char ca_path[64];

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
{
    abort();
}

static void remove_ca_file(void)
{
    unlink(ca_path);
}

static const identity_t *identities(void)
{
    static identity_t kept[SERVER_KINDS];
    if (kept[GOOD].certificate != NULL)
        return kept;
    identity_t authority = identity_new(&(identity_options_t){.is_authority = true, .common_name = "authority"});
    identity_t stranger = identity_new(&(identity_options_t){.is_authority = true, .common_name = "stranger"});
    kept[GOOD] = identity_new(&(identity_options_t){.issuer = &authority, .names = "DNS:a.test"});
    kept[OTHER_NAME] = identity_new(&(identity_options_t){.issuer = &authority, .names = "DNS:b.test"});
    kept[UNKNOWN_AUTHORITY] = identity_new(&(identity_options_t){.issuer = &stranger, .names = "DNS:a.test"});
    kept[EXPIRED] =
        identity_new(&(identity_options_t){.issuer = &authority, .names = "DNS:a.test", .valid_from_s = -7200, .valid_until_s = -3600});
    identity_write(&authority, ca_path);
    atexit(remove_ca_file);
    identity_free(&authority);
    identity_free(&stranger);
    return kept;
}

static void take_plaintext(fuzz_t *fuzz, const packet_t *packet)
{
    static const char said[] = "data";
    if (!fuzz->is_connected || fuzz->received + packet->length > 4 || memcmp(packet->data, said + fuzz->received, packet->length) != 0)
        abort();
    fuzz->received += packet->length;
}

static void poll_all(fuzz_t *fuzz)
{
    tls_client_output_t output;
    packet_t *packet;
    while (tls_client_poll(fuzz->client, &output)) {
        if (output.type == TLS_CLIENT_SEND) {
            packet_queue_push(&fuzz->to_server, output.packet);
            continue;
        }
        if (output.type == TLS_CLIENT_CONNECTED) {
            if (fuzz->kind != GOOD || fuzz->is_connected)
                abort();
            fuzz->is_connected = true;
            tls_client_send(fuzz->client, fuzz->now, packet_new_copy(fuzz->pool, "data", 4));
        } else if (output.type == TLS_CLIENT_DATA) {
            take_plaintext(fuzz, output.packet);
        } else if (output.type == TLS_CLIENT_FAILED && (output.text == NULL || output.text[0] == '\0')) {
            abort();
        }
        packet_unref(output.packet);
    }
    while ((packet = packet_queue_pop(&fuzz->server.out)) != NULL)
        packet_queue_push(&fuzz->to_client, packet);
}

static void give(fuzz_t *fuzz, bool is_to_client, uint8_t *data, size_t length)
{
    if (is_to_client)
        tls_client_input(fuzz->client, fuzz->now, data, length);
    else if (!fuzz->server.is_over && length != 0)
        tls_server_input(&fuzz->server, data, length);
}

static void step(fuzz_t *fuzz, uint8_t what, reader_t *reader)
{
    bool is_to_client = (what & 1) == 0;
    packet_queue_t *queue = is_to_client ? &fuzz->to_client : &fuzz->to_server;
    packet_t *packet = packet_queue_pop(queue);
    uint8_t a = 0, b = 0;
    switch (what >> 1 & 7) {
    case 0: /* lost */
        packet_unref(packet);
        packet = NULL;
        break;
    case 1: /* twice */
        if (packet != NULL) {
            packet_t *copy = packet_new_copy(fuzz->pool, packet->data, packet->length);
            give(fuzz, is_to_client, copy->data, copy->length);
            packet_unref(copy);
        }
        break;
    case 2: /* changed */
        if (packet != NULL && reader_u8(reader, &a) && reader_u8(reader, &b))
            packet->data[(a | (what & 0xf0) << 4) % packet->length] ^= b;
        break;
    case 3: /* in two pieces */
        if (packet != NULL && reader_u8(reader, &a)) {
            size_t cut = a % packet->length;
            give(fuzz, is_to_client, packet->data, cut);
            packet->data += cut;
            packet->length -= cut;
        }
        break;
    case 4: /* behind others */
        if (packet != NULL)
            packet_queue_push(queue, packet);
        packet = NULL;
        break;
    case 5:
        fuzz->now += (what >> 4) * 200 * PEER_MILLISECOND;
        virtual_time_set(fuzz->now);
        tls_client_timeout(fuzz->client, fuzz->now);
        break;
    case 6: /* anything */
        if (reader_u8(reader, &a)) {
            size_t length = a < reader_left(reader) ? a : reader_left(reader);
            packet_t *forged = packet_new_copy(fuzz->pool, reader_bytes(reader, length), length);
            give(fuzz, is_to_client, forged->data, forged->length);
            packet_unref(forged);
        }
        break;
    default:
        break;
    }
    if (packet != NULL)
        give(fuzz, is_to_client, packet->data, packet->length);
    packet_unref(packet);
    if (what == 0xff)
        tls_client_close(fuzz->client);
    poll_all(fuzz);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader_t reader;
    uint8_t what = 0;
    virtual_random_seed(1);
    virtual_time_set(0);
    const identity_t *servers = identities();
    virtual_random_seed(2);
    reader_init(&reader, data, size);
    reader_u8(&reader, &what);
    fuzz_t fuzz = {.pool = packet_pool_new(), .kind = (what >> 1) % SERVER_KINDS};
    tls_client_config_t config = {.pool = fuzz.pool, .is_datagram = (what & 1) != 0, .server_name = "a.test", .ca_file = ca_path};
    tls_server_open(&fuzz.server, fuzz.pool, config.is_datagram, &servers[fuzz.kind], NULL);
    if ((what & 0x80) != 0)
        SSL_set_max_proto_version(fuzz.server.ssl, config.is_datagram ? DTLS1_2_VERSION : TLS1_2_VERSION);
    fuzz.client = tls_client_new(&config, 0);
    if (fuzz.client == NULL)
        abort();
    poll_all(&fuzz);
    while (reader_u8(&reader, &what))
        step(&fuzz, what, &reader);
    tls_client_free(fuzz.client);
    tls_server_close(&fuzz.server);
    packet_queue_clear(&fuzz.to_client);
    packet_queue_clear(&fuzz.to_server);
    if (packet_pool_outstanding(fuzz.pool) != 0)
        abort();
    packet_pool_release(fuzz.pool);
    return 0;
}
