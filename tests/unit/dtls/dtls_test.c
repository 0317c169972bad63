#include "dtls/dtls.h"

#include "base/error.h"
#include "base/memory.h"
#include "dtls/certificate_private.h"
#include "link.h"
#include "test.h"

#include <stdio.h>

static void exchange(link_t *link)
{
    link_send(link, &link->client, "from the client", 15);
    link_send(link, &link->server, "from the server", 15);
    link_run(link, link->now + PEER_SECOND);
    CHECK_INT(link->server.data.count, 1);
    CHECK_INT(link->client.data.count, 1);
    CHECK_INT(link->server.data.first->length, 15);
    CHECK_BYTES(link->server.data.first->data, "from the client", 15);
    CHECK_BYTES(link->client.data.first->data, "from the server", 15);
}

static void check_same_keys(link_t *link, uint16_t profile, size_t expected)
{
    uint8_t a[DTLS_SRTP_KEYING_MATERIAL_MAX], b[DTLS_SRTP_KEYING_MATERIAL_MAX];
    size_t a_length, b_length;
    CHECK_INT(dtls_srtp_profile(link->client.dtls), profile);
    CHECK_INT(dtls_srtp_profile(link->server.dtls), profile);
    CHECK(dtls_export_srtp_keys(link->client.dtls, a, &a_length));
    CHECK(dtls_export_srtp_keys(link->server.dtls, b, &b_length));
    CHECK_INT(a_length, expected);
    CHECK_INT(b_length, expected);
    CHECK_BYTES(a, b, expected);
}

TEST(both_roles_connect_and_agree_on_everything)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    CHECK_INT(dtls_state(link.client.dtls), DTLS_STATE_NEW);
    CHECK_TEXT(dtls_role_name(dtls_role(link.client.dtls)), "unknown");
    CHECK_INT(dtls_deadline(link.client.dtls), PEER_TIME_NEVER);
    link_start(&link);
    CHECK_TEXT(dtls_state_name(dtls_state(link.client.dtls)), "connecting");
    CHECK_INT(dtls_version(link.client.dtls), 0);
    CHECK_TEXT(dtls_cipher_name(link.client.dtls), "");
    link_run(&link, PEER_SECOND);
    CHECK_INT(link.client.connected, 1);
    CHECK_INT(link.server.connected, 1);
    CHECK_INT(link.now, 40 * PEER_MILLISECOND); /* two round trips: no timer had to help */
    CHECK_TEXT(dtls_role_name(dtls_role(link.client.dtls)), "client");
    CHECK_TEXT(dtls_role_name(dtls_role(link.server.dtls)), "server");
    for (int i = 0; i < 2; i++) {
        dtls_t *dtls = i == 0 ? link.client.dtls : link.server.dtls;
        CHECK_TEXT(dtls_state_name(dtls_state(dtls)), "connected");
        CHECK_INT(dtls_version(dtls), 0xfefd);
        CHECK_TEXT(dtls_version_name(dtls), "DTLS 1.2");
        CHECK_TEXT(dtls_cipher_name(dtls), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
        CHECK_TEXT(dtls_group_name(dtls), "x25519");
        CHECK_TEXT(dtls_srtp_profile_name(dtls), "SRTP_AEAD_AES_128_GCM");
        CHECK_INT(dtls_deadline(dtls), PEER_TIME_NEVER);
        size_t length, expected;
        const uint8_t *der = certificate_der(link_certificate(i == 0 ? 1 : 0, CERTIFICATE_ECDSA_P256), &expected);
        uint8_t *remote = dtls_remote_certificate(dtls, 0, &length);
        CHECK_INT(length, expected);
        CHECK_BYTES(remote, der, expected);
        memory_free(remote);
        CHECK(dtls_remote_certificate(dtls, 1, &length) == NULL);
        CHECK(dtls_remote_certificate(dtls, SIZE_MAX, &length) == NULL);
    }
    exchange(&link);
    link_close(&link);
}

TEST(each_srtp_profile_is_agreed_on_and_gives_both_sides_the_same_keys)
{
    static const struct { uint16_t client[3], server[3], agreed; size_t length; } cases[] = {
        {{0}, {0}, 0x0007, 56},
        {{0x0001}, {0}, 0x0001, 60},
        {{0}, {0x0008}, 0x0008, 88},
        {{0x0001, 0x0007}, {0x0007, 0x0001}, 0x0007, 56}, /* the server's order counts */
        {{0x0007, 0x0001}, {0x0001, 0x0007}, 0x0001, 60},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        link_t link;
        link_options_t options = {0};
        memcpy(options.client_profiles, cases[i].client, sizeof options.client_profiles);
        memcpy(options.server_profiles, cases[i].server, sizeof options.server_profiles);
        link_open(&link, &options);
        link_connect(&link);
        check_same_keys(&link, cases[i].agreed, cases[i].length);
        link_close(&link);
    }
}

TEST(without_a_common_srtp_profile_data_flow_and_no_keys_are_given)
{
    link_t link;
    link_open(&link, &(link_options_t){.client_profiles = {0x0001}, .server_profiles = {0x0008}});
    link_connect(&link);
    uint8_t keys[DTLS_SRTP_KEYING_MATERIAL_MAX];
    size_t length;
    CHECK_INT(dtls_srtp_profile(link.client.dtls), 0);
    CHECK_TEXT(dtls_srtp_profile_name(link.client.dtls), "");
    CHECK(!dtls_export_srtp_keys(link.client.dtls, keys, &length));
    exchange(&link);
    link_close(&link);
}

TEST(rsa_certificates_work_on_either_side)
{
    for (unsigned i = 1; i < 4; i++) {
        link_t link;
        link_options_t options = {0};
        if (i & 1)
            options.client_certificate = link_certificate(0, CERTIFICATE_RSA_2048);
        if (i & 2)
            options.server_certificate = link_certificate(1, CERTIFICATE_RSA_2048);
        link_open(&link, &options);
        link_connect(&link);
        CHECK_TEXT(dtls_cipher_name(link.client.dtls),
                   i & 2 ? "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" : "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
        exchange(&link);
        link_close(&link);
    }
}

TEST(the_fingerprint_may_be_of_any_believed_hash)
{
    for (fingerprint_hash_t hash = FINGERPRINT_SHA_1; hash <= FINGERPRINT_SHA_512; hash++) {
        link_t link;
        link_open(&link, &(link_options_t){.hash = hash});
        link_connect(&link);
        link_close(&link);
    }
}

static fingerprint_t fingerprint_of(unsigned which, fingerprint_hash_t hash)
{
    fingerprint_t fingerprint;
    CHECK_INT(certificate_fingerprint(link_certificate(which, CERTIFICATE_ECDSA_P256), hash, &fingerprint), 0);
    return fingerprint;
}

TEST(one_of_several_fingerprints_of_the_strongest_hash_is_enough)
{
    fingerprint_t wrong = fingerprint_of(0, FINGERPRINT_SHA_256), right = fingerprint_of(1, FINGERPRINT_SHA_256);
    link_t link;
    link_open(&link, &(link_options_t){0});
    CHECK_INT(dtls_set_remote_fingerprints(link.client.dtls, (fingerprint_t[]){wrong, right, fingerprint_of(0, FINGERPRINT_SHA_1)}, 3), 0);
    link_connect(&link);
    link_close(&link);
}

TEST(a_right_fingerprint_of_a_weaker_hash_does_not_help_a_wrong_one_of_the_strongest)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    CHECK_INT(dtls_set_remote_fingerprints(link.client.dtls,
                                           (fingerprint_t[]){fingerprint_of(1, FINGERPRINT_SHA_1), fingerprint_of(0, FINGERPRINT_SHA_512)}, 2), 0);
    link_start(&link);
    link_run(&link, 60 * PEER_SECOND);
    CHECK_INT(link.client.failed, 1);
    CHECK_INT(link.client.connected, 0);
    link_close(&link);
}

static void check_wrong_fingerprint(link_t *link, side_t *victim, side_t *other)
{
    fingerprint_t wrong = {.hash = FINGERPRINT_SHA_256, .length = 32};
    uint8_t keys[DTLS_SRTP_KEYING_MATERIAL_MAX];
    size_t length;
    CHECK_INT(dtls_set_remote_fingerprints(victim->dtls, &wrong, 1), 0);
    link_start(link);
    link_run(link, 60 * PEER_SECOND);
    CHECK_INT(victim->failed, 1);
    CHECK_INT(victim->connected, 0);
    CHECK(victim->failure.is_fingerprint_failure);
    CHECK_INT(victim->failure.sent_alert, 42); /* bad_certificate */
    CHECK_INT(victim->failure.received_alert, -1);
    CHECK(strstr(victim->failure.text, "fingerprint sha-256 ") != NULL);
    CHECK_TEXT(dtls_state_name(dtls_state(victim->dtls)), "failed");
    CHECK(!dtls_export_srtp_keys(victim->dtls, keys, &length));
    CHECK_INT(dtls_version(victim->dtls), 0);
    CHECK(dtls_remote_certificate(victim->dtls, 0, &length) == NULL);
    CHECK_INT(dtls_send(victim->dtls, link->now, packet_new_copy(link->pool, "x", 1)), PEER_ERROR_INVALID_STATE);
    CHECK_INT(dtls_deadline(victim->dtls), PEER_TIME_NEVER);
    CHECK_INT(other->connected, 0);
    CHECK_INT(other->failed, 1);
    CHECK_INT(other->failure.received_alert, 42);
    CHECK(!other->failure.is_fingerprint_failure);
    CHECK(!dtls_export_srtp_keys(other->dtls, keys, &length));
    link_close(link);
}

TEST(a_client_that_sees_another_fingerprint_fails_and_gives_no_keys)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    check_wrong_fingerprint(&link, &link.client, &link.server);
}

TEST(a_server_that_sees_another_fingerprint_fails_and_gives_no_keys)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    check_wrong_fingerprint(&link, &link.server, &link.client);
}

TEST(nothing_starts_without_fingerprints)
{
    packet_pool_t *pool = packet_pool_new();
    dtls_t *dtls = dtls_new(&(dtls_config_t){.certificate = link_certificate(0, CERTIFICATE_ECDSA_P256), .pool = pool});
    CHECK_INT(dtls_start(dtls, 0, true), PEER_ERROR_INVALID_STATE);
    CHECK_INT(dtls_set_remote_fingerprints(dtls, NULL, 0), PEER_ERROR_INVALID_ACCESS);
    CHECK_INT(dtls_start(dtls, 0, false), PEER_ERROR_INVALID_STATE);
    CHECK_INT(dtls_state(dtls), DTLS_STATE_NEW);
    dtls_free(dtls);
    packet_pool_release(pool);
}

TEST(fingerprints_cannot_change_under_a_started_association)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    fingerprint_t same = fingerprint_of(1, FINGERPRINT_SHA_256), other = fingerprint_of(0, FINGERPRINT_SHA_256);
    CHECK_INT(dtls_set_remote_fingerprints(link.client.dtls, &same, 1), 0);
    CHECK_INT(dtls_set_remote_fingerprints(link.client.dtls, &other, 1), PEER_ERROR_INVALID_MODIFICATION);
    link_close(&link);
}

TEST(wrong_configurations_are_refused)
{
    packet_pool_t *pool = packet_pool_new();
    certificate_t *certificate = link_certificate(0, CERTIFICATE_ECDSA_P256);
    CHECK(dtls_new(&(dtls_config_t){.certificate = certificate, .pool = pool, .mtu = 100}) == NULL);
    CHECK(dtls_new(&(dtls_config_t){.certificate = certificate, .pool = pool, .srtp_profiles = {0x0002}}) == NULL);
    packet_pool_release(pool);
}

/* A client that has no certificate: our own, whose context is made to forget it. */
TEST(a_client_without_a_certificate_is_refused)
{
    random_seeded_t random;
    random_seeded_init(&random, 7);
    random_source_t source = random_seeded_source(&random);
    certificate_t *certificate;
    CHECK_INT(certificate_generate(&certificate, CERTIFICATE_ECDSA_P256, 1700000000, 0, &source), 0);
    link_t link;
    link_open(&link, &(link_options_t){.client_certificate = certificate});
    SSL_certs_clear(*(SSL **)(void *)link.client.dtls);
    link_start(&link);
    link_run(&link, 60 * PEER_SECOND);
    CHECK_INT(link.server.failed, 1);
    CHECK_INT(link.server.connected, 0);
    CHECK(strstr(link.server.failure.text, "did not return a certificate") != NULL);
    CHECK_INT(link.client.failed, 1);
    CHECK(link.client.failure.received_alert > 0);
    link_close(&link);
    certificate_unref(certificate);
}

TEST(a_peer_that_never_answers_makes_the_handshake_fail_within_half_a_minute)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link.loss_percent = 100;
    link_start(&link);
    CHECK(dtls_deadline(link.client.dtls) <= 50 * PEER_MILLISECOND);
    unsigned timeouts = 0;
    while (link.client.failed == 0 && timeouts++ < 100)
        CHECK(link_step(&link));
    CHECK_INT(link.client.failed, 1);
    CHECK(strstr(link.client.failure.text, "no answer") != NULL);
    CHECK(link.now > 10 * PEER_SECOND && link.now < 30 * PEER_SECOND);
    CHECK(dtls_statistics(link.client.dtls)->retransmissions >= 10);
    link_close(&link);
}

static bool loses_numbered(link_t *link, const packet_t *packet, unsigned number)
{
    return number < 8 && (link->loss_percent >> number & 1) != 0;
}

/* Every choice of lost datagrams among the first eight: each flight, each part of it, and its retransmission. */
TEST(every_pattern_of_early_losses_is_recovered_from)
{
    for (unsigned pattern = 0; pattern < 256; pattern++) {
        link_t link;
        link_open(&link, &(link_options_t){.seed = pattern});
        link.is_lost = loses_numbered;
        link.loss_percent = pattern;
        link_connect(&link);
        CHECK(link.now < 20 * PEER_SECOND);
        link.is_lost = NULL;
        link.loss_percent = 0;
        exchange(&link);
        link_close(&link);
    }
}

TEST(lost_reordered_and_repeated_flights_connect_over_200_seeds)
{
    peer_time_t worst = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        link_t link;
        link_open(&link, &(link_options_t){.seed = seed, .client_mtu = seed % 3 == 0 ? 400 : 0});
        link.delay = (peer_time_t)random_below(&link.source, 150) * PEER_MILLISECOND;
        link.jitter = (peer_time_t)random_below(&link.source, 100) * PEER_MILLISECOND;
        link.loss_percent = random_below(&link.source, 31);
        link.duplicate_percent = random_below(&link.source, 31);
        link_start(&link);
        while ((link.client.connected == 0 || link.server.connected == 0) && link_step(&link) && link.now < 60 * PEER_SECOND)
            continue;
        if (link.client.connected != 1 || link.server.connected != 1)
            test_fail(__FILE__, __LINE__, "seed %llu did not connect: %s %s", (unsigned long long)seed, link.client.failure.text, link.server.failure.text);
        if (link.now > worst)
            worst = link.now;
        link.loss_percent = link.duplicate_percent = 0;
        exchange(&link);
        link_close(&link);
    }
    test_note("slowest handshake: %lld ms", (long long)(worst / PEER_MILLISECOND));
}

TEST(records_come_out_once_however_often_they_arrive)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    link.duplicate_percent = 100;
    exchange(&link);
    link_close(&link);
}

/* What Chromium sends today: a post-quantum key share makes a ClientHello of some 1,400 bytes. */
static int add_filling(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *length, X509 *x509, size_t index, int *alert,
                       void *argument)
{
    static const unsigned char filling[1190];
    *out = filling;
    *length = sizeof filling;
    return 1;
}

static bool loses_each_half_once(link_t *link, const packet_t *packet, unsigned number)
{
    return number == link->loss_percent;
}

TEST(a_client_hello_in_two_datagrams_completes_also_lost_reordered_and_repeated)
{
    random_seeded_t random;
    random_seeded_init(&random, 9);
    random_source_t source = random_seeded_source(&random);
    certificate_t *certificate;
    CHECK_INT(certificate_generate(&certificate, CERTIFICATE_ECDSA_P256, 1700000000, 0, &source), 0);
    CHECK(SSL_CTX_add_custom_ext(certificate_context(certificate)->ssl, 0xfe0d, SSL_EXT_CLIENT_HELLO, add_filling, NULL, NULL, NULL, NULL) == 1);
    for (unsigned variant = 0; variant < 40; variant++) {
        link_t link;
        link_open(&link, &(link_options_t){.client_certificate = certificate, .seed = variant});
        link.jitter = variant >= 4 ? 30 * PEER_MILLISECOND : 0;
        link.duplicate_percent = variant >= 20 ? 40 : 0;
        link.is_lost = loses_each_half_once;
        link.loss_percent = variant < 4 ? variant : 100;
        link_start(&link);
        CHECK_INT(link.sent, 2);
        if (variant == 0) {
            CHECK_INT(link.flying.count, 1); /* the first half is lost */
            CHECK(link.flying.first->length < 400);
        } else if (variant == 1) {
            CHECK_INT(link.flying.first->length, 1200);
        }
        link_run(&link, 10 * PEER_SECOND);
        CHECK_INT(link.client.connected, 1);
        CHECK_INT(link.server.connected, 1);
        link_close(&link);
    }
    certificate_unref(certificate);
}

TEST(datagrams_before_the_start_are_held_and_then_answered)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    CHECK_INT(dtls_start(link.client.dtls, 0, true), 0);
    link_flush(&link);
    link_run(&link, 30 * PEER_MILLISECOND); /* the server does not know its role yet */
    CHECK_INT(dtls_state(link.server.dtls), DTLS_STATE_NEW);
    CHECK_INT(dtls_statistics(link.server.dtls)->datagrams_received, 1);
    CHECK_INT(dtls_start(link.server.dtls, link.now, false), 0);
    link_flush(&link);
    link_run(&link, 10 * PEER_SECOND);
    CHECK_INT(link.client.connected, 1);
    CHECK_INT(link.server.connected, 1);
    link_close(&link);
}

TEST(only_a_few_datagrams_are_held_before_the_start)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    for (int i = 0; i < 100; i++)
        link_inject(&link, &link.server, "\x16\xfe\xfd", 3);
    CHECK(packet_pool_outstanding(link.pool) <= 8);
    CHECK_INT(dtls_statistics(link.server.dtls)->datagrams_dropped, 92);
    link_connect(&link);
    link_close(&link);
}

static void inject_garbage(link_t *link, unsigned count)
{
    uint8_t bytes[300];
    for (unsigned i = 0; i < count; i++) {
        size_t length = random_below(&link->source, sizeof bytes + 1);
        random_fill(&link->source, bytes, length);
        if (length > 0 && i % 2 == 0)
            bytes[0] = (uint8_t)(20 + random_below(&link->source, 44));
        if (length > 13 && i % 4 == 0) { /* a whole record of data that cannot be decrypted */
            bytes[0] = 23;
            memcpy(bytes + 1, "\xfe\xfd\x00\x01", 4);
            bytes[11] = (uint8_t)((length - 13) >> 8);
            bytes[12] = (uint8_t)(length - 13);
        }
        link_inject(link, i % 8 < 4 ? &link->client : &link->server, bytes, length);
    }
}

TEST(garbage_before_during_and_after_the_handshake_is_dropped)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        link_t link;
        link_open(&link, &(link_options_t){.seed = seed});
        inject_garbage(&link, 20);
        link_start(&link);
        for (int i = 0; i < 20 && link_step(&link); i++)
            inject_garbage(&link, 20);
        link_run(&link, 60 * PEER_SECOND);
        CHECK_INT(link.client.connected, 1);
        CHECK_INT(link.server.connected, 1);
        inject_garbage(&link, 200);
        CHECK_INT(link.client.failed + link.server.failed, 0);
        CHECK(dtls_statistics(link.client.dtls)->datagrams_dropped > 0);
        exchange(&link);
        link_close(&link);
    }
}

/* Everything the network carries arrives cut first, then whole. */
TEST(truncated_datagrams_are_dropped)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_start(&link);
    for (int i = 0; i < 100 && link.flying.first != NULL; i++) {
        uint8_t bytes[2048];
        packet_t *packet = link.flying.first;
        memcpy(bytes, packet->data, packet->length);
        side_t *side = packet->path.socket == 1 ? &link.client : &link.server;
        for (size_t length = packet->length - 1; length > 0; length -= length > 20 ? 17 : 1)
            if (length < 13 || length < (size_t)(bytes[11] << 8 | bytes[12]) + 13) /* its first record is cut */
                link_inject(&link, side, bytes, length);
        link_step(&link);
    }
    CHECK_INT(link.client.connected, 1);
    CHECK_INT(link.server.connected, 1);
    exchange(&link);
    link_close(&link);
}

TEST(a_changed_bit_in_a_data_record_drops_it_and_nothing_else)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    for (unsigned bit = 0; bit < 8 * 60; bit++) {
        link_send(&link, &link.client, "something to protect...", 23);
        link.flying.last->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        link_run(&link, link.now + PEER_SECOND);
        CHECK_INT(link.server.data.count, 0);
        CHECK_INT(link.server.failed + link.server.closed, 0);
    }
    exchange(&link);
    link_close(&link);
}

TEST(several_records_of_one_datagram_all_come_out)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    uint8_t datagram[2048];
    size_t length = 0;
    for (int i = 0; i < 20; i++) {
        char text[16];
        link_send(&link, &link.client, text, (size_t)snprintf(text, sizeof text, "record %d", i));
        packet_t *packet = link.flying.last;
        memcpy(datagram + length, packet->data, packet->length);
        length += packet->length;
        packet_queue_clear(&link.flying);
    }
    link_inject(&link, &link.server, datagram, length);
    CHECK_INT(link.server.data.count, 20);
    CHECK_BYTES(link.server.data.first->data, "record 0", 8);
    CHECK_BYTES(link.server.data.last->data, "record 19", 9);
    CHECK_INT(link.server.data.last->length, 9);
    link_close(&link);
}

TEST(data_ahead_of_the_last_handshake_message_are_not_lost)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_start(&link);
    while (link.server.connected == 0)
        CHECK(link_step(&link));
    packet_t *finished = packet_queue_pop(&link.flying);
    CHECK(finished != NULL && link.flying.count == 0);
    link_send(&link, &link.server, "early", 5);
    link_step(&link);
    CHECK_INT(link.client.connected, 0);
    CHECK_INT(link.client.data.count, 0);
    dtls_input(link.client.dtls, link.now, finished);
    link_flush(&link);
    CHECK_INT(link.client.connected, 1);
    CHECK_INT(link.client.data.count, 1);
    CHECK_BYTES(link.client.data.first->data, "early", 5);
    link_close(&link);
}

TEST(packets_up_to_16384_bytes_pass_and_larger_ones_are_refused)
{
    static uint8_t bytes[DTLS_DATA_MAX + 1];
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    memset(bytes, 0x5a, sizeof bytes);
    link_send(&link, &link.client, bytes, DTLS_DATA_MAX);
    link_run(&link, link.now + PEER_SECOND);
    CHECK_INT(link.server.data.count, 1);
    CHECK_INT(link.server.data.first->length, DTLS_DATA_MAX);
    CHECK_BYTES(link.server.data.first->data, bytes, DTLS_DATA_MAX);
    CHECK_INT(dtls_send(link.client.dtls, link.now, packet_new_copy(link.pool, bytes, sizeof bytes)), PEER_ERROR_RANGE);
    CHECK_INT(dtls_send(link.client.dtls, link.now, packet_new_copy(link.pool, bytes, 0)), PEER_ERROR_RANGE);
    CHECK_INT(dtls_state(link.client.dtls), DTLS_STATE_CONNECTED);
    link_close(&link);
}

TEST(a_shared_packet_is_sent_and_received_without_being_changed)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    packet_t *shared = packet_new_copy(link.pool, "shared bytes", 12);
    CHECK_INT(dtls_send(link.client.dtls, link.now, packet_ref(shared)), 0);
    CHECK_INT(shared->length, 12);
    CHECK_BYTES(shared->data, "shared bytes", 12);
    packet_unref(shared);
    link_flush(&link);
    packet_t *record = packet_queue_pop(&link.flying);
    uint8_t copy[100];
    size_t length = record->length;
    memcpy(copy, record->data, length);
    dtls_input(link.server.dtls, link.now, packet_ref(record));
    link_flush(&link);
    CHECK_INT(record->length, length);
    CHECK_BYTES(record->data, copy, length);
    packet_unref(record);
    CHECK_INT(link.server.data.count, 1);
    link_close(&link);
}

TEST(one_packet_carries_a_record_each_way_without_another_being_taken)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    dtls_output_t output;
    packet_t *packet = packet_new_copy(link.pool, "in place", 8);
    CHECK_INT(dtls_send(link.client.dtls, link.now, packet), 0);
    CHECK(dtls_poll(link.client.dtls, &output));
    CHECK(output.packet == packet);
    dtls_input(link.server.dtls, link.now, packet);
    CHECK(dtls_poll(link.server.dtls, &output));
    CHECK(output.type == DTLS_OUTPUT_DATA && output.packet == packet);
    CHECK_BYTES(packet->data, "in place", 8);
    CHECK_INT(packet_pool_outstanding(link.pool), 1);
    packet_unref(packet);
    link_close(&link);
}

static void check_close(bool is_client)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    side_t *closing = is_client ? &link.client : &link.server, *other = is_client ? &link.server : &link.client;
    link_send(&link, closing, "last words", 10);
    dtls_close(closing->dtls);
    link_flush(&link);
    CHECK_TEXT(dtls_state_name(dtls_state(closing->dtls)), "closed");
    link_run(&link, link.now + PEER_SECOND);
    CHECK_INT(other->data.count, 1);
    CHECK_INT(other->closed, 1);
    CHECK_INT(other->failed + closing->failed + closing->closed, 0);
    CHECK_TEXT(dtls_state_name(dtls_state(other->dtls)), "closed");
    uint8_t keys[DTLS_SRTP_KEYING_MATERIAL_MAX];
    size_t length;
    CHECK(!dtls_export_srtp_keys(other->dtls, keys, &length));
    CHECK_INT(dtls_send(other->dtls, link.now, packet_new_copy(link.pool, "x", 1)), PEER_ERROR_INVALID_STATE);
    dtls_close(other->dtls);
    dtls_close(closing->dtls);
    link_flush(&link);
    link_close(&link);
}

TEST(close_notify_of_the_client_closes_the_server)
{
    check_close(true);
}

TEST(close_notify_of_the_server_closes_the_client)
{
    check_close(false);
}

TEST(an_association_closed_in_mid_handshake_says_no_more)
{
    for (int steps = 0; steps < 4; steps++) {
        link_t link;
        link_open(&link, &(link_options_t){0});
        link_start(&link);
        for (int i = 0; i < steps; i++)
            link_step(&link);
        dtls_close(link.client.dtls);
        unsigned sent = dtls_statistics(link.client.dtls)->datagrams_sent > 0;
        CHECK(sent);
        CHECK_INT(dtls_deadline(link.client.dtls), PEER_TIME_NEVER);
        link_flush(&link);
        link_run(&link, 60 * PEER_SECOND);
        CHECK_INT(link.client.closed + link.client.failed, 0);
        link_close(&link);
    }
}

TEST(a_connection_and_its_end_within_one_batch_are_told_in_order)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_start(&link);
    while (link.server.connected == 0)
        CHECK(link_step(&link));
    link_send(&link, &link.server, "hello", 5);
    dtls_close(link.server.dtls);
    link_flush(&link);
    packet_t *packet;
    while ((packet = packet_queue_pop(&link.flying)) != NULL)
        dtls_input(link.client.dtls, link.now, packet);
    dtls_output_t output;
    dtls_output_type_t expected[] = {DTLS_OUTPUT_SEND, DTLS_OUTPUT_CONNECTED, DTLS_OUTPUT_DATA, DTLS_OUTPUT_CLOSED};
    for (size_t i = 0; i < 4; i++) {
        CHECK(dtls_poll(link.client.dtls, &output));
        CHECK_INT(output.type, expected[i]);
        packet_unref(output.packet);
    }
    CHECK(!dtls_poll(link.client.dtls, &output));
    link_close(&link);
}
