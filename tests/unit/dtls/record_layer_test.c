/* Records that we protect and open ourselves: among themselves, against OpenSSL's own record layer, and against a network that repeats,
 * reorders, cuts and forges them. */
#include "dtls/record_layer.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"
#include "dtls/dtls_private.h"
#include "link.h"
#include "test.h"

#include <openssl/pem.h>

static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"};

/* ---- two layers with each other's keys ---- */

typedef struct layers {
    packet_pool_t *pool;
    record_layer_t *from;
    record_layer_t *to;
} layers_t;

static record_keys_t some_keys(record_cipher_t cipher, bool is_mirrored)
{
    record_keys_t keys = {.cipher = cipher};
    for (int way = 0; way < 2; way++) {
        memset(keys.key[way ^ is_mirrored], 0x11 * (way + 1), sizeof keys.key[0]);
        memset(keys.iv[way ^ is_mirrored], 0x21 * (way + 1), sizeof keys.iv[0]);
    }
    return keys;
}

static layers_t layers_new(record_cipher_t cipher)
{
    layers_t layers = {.pool = packet_pool_new(), .from = record_layer_new(), .to = record_layer_new()};
    record_keys_t keys[2] = {some_keys(cipher, false), some_keys(cipher, true)};
    record_past_t past = {.is_any = true, .next_sequence = 1, .first_nonce = UINT64_C(0x0001000000000000)};
    CHECK(record_layer_start(layers.from, &keys[0], &past));
    CHECK(record_layer_start(layers.to, &keys[1], &past));
    return layers;
}

static void layers_free(layers_t *layers)
{
    record_layer_free(layers->from);
    record_layer_free(layers->to);
    CHECK_INT(packet_pool_outstanding(layers->pool), 0);
    packet_pool_release(layers->pool);
}

static packet_t *record(layers_t *layers, const void *data, size_t length)
{
    packet_t *packet = packet_new_copy(layers->pool, data, length);
    CHECK(record_layer_protect(layers->from, RECORD_APPLICATION_DATA, packet));
    return packet;
}

static packet_t *record_numbered(layers_t *layers, uint64_t sequence)
{
    record_layer_set_sequence(layers->from, sequence);
    return record(layers, "text", 4);
}

/* Opens a copy. */
static bool opens(layers_t *layers, const uint8_t *bytes, size_t size)
{
    uint8_t copy[DTLS_DATA_MAX + DTLS_OVERHEAD + 1];
    size_t length = 0;
    memcpy(copy, bytes, size);
    if (!record_layer_open(layers->to, copy, size, &length))
        return false;
    CHECK_INT(length, size - record_layer_room_before(layers->to) - RECORD_TAG);
    return true;
}

static bool opens_packet(layers_t *layers, packet_t *packet)
{
    bool is_open = opens(layers, packet->data, packet->length);
    packet_unref(packet);
    return is_open;
}

TEST(what_one_layer_protects_the_other_opens_whatever_its_length)
{
    static const size_t lengths[] = {0, 1, 15, 16, 17, 1163, 4000, DTLS_DATA_MAX};
    static uint8_t bytes[DTLS_DATA_MAX];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (int cipher = RECORD_AES_128_GCM; cipher <= RECORD_CHACHA20_POLY1305; cipher++) {
        layers_t layers = layers_new((record_cipher_t)cipher);
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            size_t length = 0;
            packet_t *packet = record(&layers, bytes, lengths[i]);
            CHECK_INT(packet->length, lengths[i] + (cipher == RECORD_CHACHA20_POLY1305 ? 13 + 16 : DTLS_OVERHEAD));
            CHECK_BYTES(packet->data, "\x17\xfe\xfd\x00\x01", 5);
            CHECK(lengths[i] < 16 || memcmp(packet->data + record_layer_room_before(layers.from), bytes, lengths[i]) != 0);
            CHECK(record_layer_open(layers.to, packet->data, packet->length, &length));
            CHECK_INT(length, lengths[i]);
            CHECK_BYTES(packet->data + record_layer_room_before(layers.to), bytes, length);
            packet_unref(packet);
        }
        layers_free(&layers);
    }
}

TEST(a_record_changed_in_any_bit_is_not_opened)
{
    for (int cipher = RECORD_AES_128_GCM; cipher <= RECORD_CHACHA20_POLY1305; cipher++) {
        layers_t layers = layers_new((record_cipher_t)cipher);
        packet_t *packet = record(&layers, "some text of a record", 21);
        for (size_t bit = 0; bit < 8 * packet->length; bit++) {
            packet->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            CHECK(!opens(&layers, packet->data, packet->length));
            packet->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        CHECK(opens_packet(&layers, packet));
        layers_free(&layers);
    }
}

TEST(a_truncated_record_is_not_opened)
{
    for (int cipher = RECORD_AES_128_GCM; cipher <= RECORD_CHACHA20_POLY1305; cipher++) {
        layers_t layers = layers_new((record_cipher_t)cipher);
        packet_t *packet = record(&layers, "some text of a record", 21);
        for (size_t size = RECORD_HEADER; size < packet->length; size++) {
            uint8_t copy[128];
            memcpy(copy, packet->data, packet->length);
            bytes_put_u16(copy + 11, (uint16_t)(size - RECORD_HEADER));
            CHECK(!opens(&layers, copy, size));
        }
        CHECK(opens_packet(&layers, packet));
        layers_free(&layers);
    }
}

TEST(a_record_longer_than_the_largest_is_not_opened)
{
    layers_t layers = layers_new(RECORD_AES_128_GCM);
    static uint8_t bytes[DTLS_DATA_MAX + 1];
    CHECK(!opens_packet(&layers, record(&layers, bytes, sizeof bytes)));
    layers_free(&layers);
}

TEST(a_record_is_opened_once)
{
    layers_t layers = layers_new(RECORD_AES_128_GCM);
    packet_t *packets[200];
    for (size_t i = 0; i < 200; i++)
        packets[i] = record(&layers, "x", 1);
    for (size_t i = 0; i < 200; i++)
        for (size_t again = 0; again < 2; again++)
            CHECK_INT(opens(&layers, packets[i]->data, packets[i]->length), again == 0);
    for (size_t i = 0; i < 200; i++)
        CHECK(!opens_packet(&layers, packets[i]));
    layers_free(&layers);
}

/* Against a plain list of what was opened. */
TEST(reordered_and_repeated_records_are_told_apart_within_the_window)
{
    enum { NUMBERS = 20000, STEPS = 30000 };
    static bool was_opened[NUMBERS];
    random_seeded_t seeded;
    random_seeded_init(&seeded, 5);
    random_source_t random = random_seeded_source(&seeded);
    layers_t layers = layers_new(RECORD_AES_128_GCM);
    uint64_t highest = 0, base = 0;
    memset(was_opened, 0, sizeof was_opened);
    for (size_t step = 0; step < STEPS && base + 3 * RECORD_WINDOW < NUMBERS; step++) {
        base += random_below(&random, 100) == 0 ? random_below(&random, 2 * RECORD_WINDOW) : random_below(&random, 2);
        uint64_t sequence = base + random_below(&random, RECORD_WINDOW + RECORD_WINDOW / 4);
        bool is_expected = !was_opened[sequence] && sequence + RECORD_WINDOW > highest;
        CHECK_INT(opens_packet(&layers, record_numbered(&layers, sequence)), is_expected);
        was_opened[sequence] |= is_expected;
        highest = is_expected && sequence > highest ? sequence : highest;
    }
    layers_free(&layers);
}

TEST(the_window_is_as_wide_as_it_says_after_a_jump_of_any_length)
{
    static const uint64_t jumps[] = {1, 63, 64, 65, RECORD_WINDOW - 1, RECORD_WINDOW, RECORD_WINDOW + 64, UINT64_C(1) << 40};
    for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
        layers_t layers = layers_new(RECORD_CHACHA20_POLY1305);
        uint64_t first = 100000, last = first + jumps[i];
        CHECK(opens_packet(&layers, record_numbered(&layers, first)));
        CHECK(opens_packet(&layers, record_numbered(&layers, last)));
        CHECK(!opens_packet(&layers, record_numbered(&layers, last)));
        CHECK(!opens_packet(&layers, record_numbered(&layers, first)));
        CHECK(!opens_packet(&layers, record_numbered(&layers, last - RECORD_WINDOW)));
        for (uint64_t back = 1; back < RECORD_WINDOW; back++)
            CHECK_INT(opens_packet(&layers, record_numbered(&layers, last - back)), last - back != first);
        layers_free(&layers);
    }
}

TEST(a_forged_number_does_not_move_the_window)
{
    layers_t layers = layers_new(RECORD_AES_256_GCM);
    packet_t *low = record_numbered(&layers, 5), *high = record_numbered(&layers, UINT64_C(1) << 40);
    high->data[high->length - 1] ^= 1;
    CHECK(!opens_packet(&layers, high));
    CHECK(opens_packet(&layers, low));
    layers_free(&layers);
}

TEST(the_last_sequence_number_is_used_and_none_after_it)
{
    layers_t layers = layers_new(RECORD_AES_128_GCM);
    CHECK(opens_packet(&layers, record_numbered(&layers, RECORD_SEQUENCE_MAX)));
    packet_t *packet = packet_new_copy(layers.pool, "x", 1);
    CHECK(!record_layer_protect(layers.from, RECORD_APPLICATION_DATA, packet));
    packet_unref(packet);
    layers_free(&layers);
}

/* ---- with OpenSSL's record layer at the other end ---- */

typedef struct plain_peer {
    link_t link; /* its client is ours, its server is not used */
    SSL_CTX *context;
    SSL *ssl;
    BIO *in;
    BIO *out;
} plain_peer_t;

static int accept_any(X509_STORE_CTX *store, void *unused)
{
    (void)store;
    (void)unused;
    return 1;
}

static void exchange(plain_peer_t *peer)
{
    dtls_output_t output;
    uint8_t bytes[PACKET_LARGE];
    bool is_more = true;
    while (is_more) {
        is_more = false;
        while (dtls_poll(peer->link.client.dtls, &output)) {
            is_more = true;
            if (output.type == DTLS_OUTPUT_DATA)
                packet_queue_push(&peer->link.client.data, output.packet);
            else if (output.type == DTLS_OUTPUT_CLOSED)
                peer->link.client.closed++;
            else if (output.type == DTLS_OUTPUT_SEND) {
                CHECK_INT(BIO_write(peer->in, output.packet->data, (int)output.packet->length), output.packet->length);
                packet_unref(output.packet);
                if (!SSL_is_init_finished(peer->ssl))
                    SSL_do_handshake(peer->ssl);
            }
        }
        int length = BIO_read(peer->out, bytes, sizeof bytes);
        if (length > 0) {
            is_more = true;
            dtls_input(peer->link.client.dtls, peer->link.now, packet_new_copy(peer->link.pool, bytes, (size_t)length));
        }
    }
}

static void plain_peer_open(plain_peer_t *peer, const char *suite, bool is_client)
{
    certificate_t *certificate = link_certificate(1, CERTIFICATE_ECDSA_P256);
    size_t length;
    link_open(&peer->link, &(link_options_t){0});
    peer->context = SSL_CTX_new(DTLS_method());
    CHECK_INT(SSL_CTX_set_cipher_list(peer->context, suite), 1);
    SSL_CTX_set_verify(peer->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(peer->context, accept_any, NULL);
    const uint8_t *der = certificate_der(certificate, &length);
    CHECK_INT(SSL_CTX_use_certificate_ASN1(peer->context, (int)length, der), 1);
    char *pem = certificate_private_key_pem(certificate);
    BIO *file = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
    CHECK_INT(SSL_CTX_use_PrivateKey(peer->context, key), 1);
    EVP_PKEY_free(key);
    BIO_free(file);
    memory_free(pem);
    peer->ssl = SSL_new(peer->context);
    SSL_set_options(peer->ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(peer->ssl, 16384);
    peer->in = BIO_new(BIO_s_mem());
    peer->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(peer->in, -1);
    BIO_set_mem_eof_return(peer->out, -1);
    SSL_set_bio(peer->ssl, peer->in, peer->out);
    if (is_client)
        SSL_set_accept_state(peer->ssl);
    else
        SSL_set_connect_state(peer->ssl);
    CHECK_INT(dtls_start(peer->link.client.dtls, 0, is_client), 0);
    SSL_do_handshake(peer->ssl);
    exchange(peer);
    CHECK_INT(dtls_state(peer->link.client.dtls), DTLS_STATE_CONNECTED);
    CHECK(SSL_is_init_finished(peer->ssl));
    CHECK_TEXT(SSL_CIPHER_get_name(SSL_get_current_cipher(peer->ssl)), suite);
}

static void plain_peer_close(plain_peer_t *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
    link_close(&peer->link);
}

static void converse(plain_peer_t *peer)
{
    static const size_t lengths[] = {1, 16, 1163, 9000, DTLS_DATA_MAX};
    static uint8_t bytes[DTLS_DATA_MAX], got[DTLS_DATA_MAX];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memset(bytes, (int)(0x30 + i), lengths[i]);
        packet_t *packet = packet_new_copy(peer->link.pool, bytes, lengths[i]);
        CHECK_INT(dtls_send(peer->link.client.dtls, peer->link.now, packet), 0);
        exchange(peer);
        CHECK_INT(SSL_read(peer->ssl, got, sizeof got), lengths[i]);
        CHECK_BYTES(got, bytes, lengths[i]);
        CHECK_INT(SSL_write(peer->ssl, bytes, (int)lengths[i]), lengths[i]);
        exchange(peer);
        CHECK_INT(peer->link.client.data.count, 1);
        CHECK_INT(peer->link.client.data.first->length, lengths[i]);
        CHECK_BYTES(peer->link.client.data.first->data, bytes, lengths[i]);
        packet_queue_clear(&peer->link.client.data);
    }
}

TEST(openssl_reads_what_we_write_and_writes_what_we_read)
{
    for (size_t i = 0; i < 2 * sizeof suites / sizeof *suites; i++) {
        plain_peer_t peer;
        plain_peer_open(&peer, suites[i / 2], i % 2 == 0);
        converse(&peer);
        plain_peer_close(&peer);
    }
}

TEST(openssl_understands_our_goodbye_and_we_understand_its)
{
    for (size_t i = 0; i < 2 * sizeof suites / sizeof *suites; i++) {
        plain_peer_t peer;
        uint8_t byte;
        plain_peer_open(&peer, suites[i / 2], true);
        converse(&peer);
        if (i % 2 == 0) {
            dtls_close(peer.link.client.dtls);
            exchange(&peer);
            CHECK_INT(SSL_read(peer.ssl, &byte, 1), 0);
            CHECK_INT(SSL_get_shutdown(peer.ssl), SSL_RECEIVED_SHUTDOWN);
        } else {
            SSL_shutdown(peer.ssl);
            exchange(&peer);
            CHECK_INT(peer.link.client.closed, 1);
            CHECK_INT(SSL_shutdown(peer.ssl), 1); /* ours answers it */
        }
        plain_peer_close(&peer);
    }
}

/* ---- one source of numbers and nonces ---- */

enum { SEEN_MAX = 4000 };

static struct {
    uint64_t sequence[SEEN_MAX];
    uint64_t nonce[SEEN_MAX];
    size_t count;
} seen;

static bool note_server_records(link_t *link, const packet_t *packet, unsigned number)
{
    bool is_server = packet->path.socket == 1;
    for (size_t at = 0; is_server && at + RECORD_HEADER + 8 <= packet->length;
         at += RECORD_HEADER + bytes_get_u16(packet->data + at + 11)) {
        const uint8_t *bytes = packet->data + at;
        if (bytes_get_u16(bytes + 3) != 1)
            continue;
        CHECK(seen.count < SEEN_MAX);
        seen.sequence[seen.count] = bytes_get_u64(bytes + 3);
        seen.nonce[seen.count++] = bytes_get_u64(bytes + RECORD_HEADER);
    }
    return is_server && link->loss_percent == 100; /* the client hears nothing for a while */
}

static void check_seen_once(const uint64_t *values)
{
    for (size_t i = 0; i < seen.count; i++)
        for (size_t j = 0; j < i; j++)
            CHECK(values[i] != values[j]);
}

/* The server is connected and sends data while its last flight is lost again and again, says it anew each time the client asks, and says
 * goodbye: all of that under one key. */
TEST(no_number_and_no_nonce_is_used_twice_whoever_writes_the_record)
{
    for (size_t suite = 0; suite < sizeof suites / sizeof *suites; suite++) {
        link_t link;
        seen.count = 0;
        link_open(&link, &(link_options_t){0});
        CHECK_INT(SSL_set_cipher_list(link.client.dtls->ssl, suites[suite]), 1);
        link.is_lost = note_server_records;
        link_start(&link);
        while (link.server.connected == 0)
            CHECK(link_step(&link));
        link.loss_percent = 100;
        packet_queue_clear(&link.flying);
        for (int i = 0; i < 100; i++)
            link_send(&link, &link.server, "some data", 9);
        link_run(&link, link.now + PEER_SECOND);
        for (int i = 0; i < 100; i++)
            link_send(&link, &link.server, "some data", 9);
        CHECK_INT(link.client.connected, 0);
        size_t repeated = seen.count;
        CHECK(repeated >= 203); /* 200 of data, Finished at least thrice */
        link.loss_percent = 0;
        link_run(&link, link.now + 10 * PEER_SECOND);
        CHECK_INT(link.client.connected, 1);
        CHECK(seen.count > repeated);
        link_exchange(&link);
        dtls_close(link.server.dtls);
        link_flush(&link);
        link_run(&link, link.now + PEER_SECOND);
        CHECK_INT(link.client.closed, 1);
        check_seen_once(seen.sequence);
        if (suite < 2) /* ChaCha20's nonces are the numbers */
            check_seen_once(seen.nonce);
        link_close(&link);
    }
}

TEST(an_association_whose_numbers_are_used_up_fails_rather_than_begin_anew)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    record_layer_set_sequence(link.client.dtls->records, RECORD_SEQUENCE_MAX);
    link_send(&link, &link.client, "last", 4);
    link_run(&link, link.now + PEER_SECOND);
    CHECK_INT(link.server.data.count, 1);
    CHECK_INT(dtls_send(link.client.dtls, link.now, packet_new_copy(link.pool, "x", 1)), PEER_ERROR_OPERATION);
    link_flush(&link);
    CHECK_INT(link.client.failed, 1);
    CHECK_INT(dtls_state(link.client.dtls), DTLS_STATE_FAILED);
    link_run(&link, link.now + PEER_SECOND);
    CHECK_INT(link.server.data.count, 1);
    link_close(&link);
}

TEST(an_association_fails_after_as_many_forgeries_as_its_key_bears)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    record_layer_set_forgeries(link.server.dtls->records, RECORD_FORGERIES_MAX - 2);
    uint8_t forged[64] = {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 1, 0, 0, 0, sizeof forged - RECORD_HEADER};
    link_inject(&link, &link.server, forged, sizeof forged);
    CHECK_INT(link.server.failed, 0);
    link_inject(&link, &link.server, forged, sizeof forged);
    CHECK_INT(link.server.failed, 1);
    link_close(&link);
}

TEST(several_records_of_a_datagram_come_in_order_with_what_is_between_them)
{
    link_t link;
    uint8_t datagram[2000];
    size_t length = 0;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    for (int i = 0; i < 3; i++) {
        link_send(&link, &link.client, &"abc"[i], 1);
        packet_t *packet = packet_queue_pop(&link.flying);
        memcpy(datagram + length, packet->data, packet->length);
        length += packet->length;
        packet_unref(packet);
    }
    dtls_close(link.client.dtls);
    link_flush(&link);
    packet_t *packet = packet_queue_pop(&link.flying);
    memcpy(datagram + length, packet->data, packet->length);
    length += packet->length;
    packet_unref(packet);
    link_inject(&link, &link.server, datagram, length);
    CHECK_INT(link.server.data.count, 3);
    CHECK_BYTES(link.server.data.first->data, "a", 1);
    CHECK_BYTES(link.server.data.last->data, "c", 1);
    CHECK_INT(link.server.closed, 1);
    link_close(&link);
}
