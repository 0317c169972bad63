/* From the start to connected or failed. */
#include "base/error.h"
#include "base/memory.h"
#include "dtls/certificate_private.h"
#include "link.h"
#include "test.h"
#include "virtual_random.h"

#include <stdlib.h>

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
    CHECK_INT(link.client.connected_at, 40 * PEER_MILLISECOND); /* two round trips: no timer had to help */
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
        size_t length, expected;
        const uint8_t *der = certificate_der(link_certificate(i == 0 ? 1 : 0, CERTIFICATE_ECDSA_P256), &expected);
        uint8_t *remote = dtls_remote_certificate(dtls, 0, &length);
        CHECK_INT(length, expected);
        CHECK_BYTES(remote, der, expected);
        memory_free(remote);
        CHECK(dtls_remote_certificate(dtls, 1, &length) == NULL);
        CHECK(dtls_remote_certificate(dtls, SIZE_MAX, &length) == NULL);
    }
    link_exchange(&link);
    link_close(&link);
}

TEST(each_srtp_profile_is_agreed_on_and_gives_both_sides_the_same_keys)
{
    static const struct {
        uint16_t client[3], server[3], agreed;
        size_t length;
    } cases[] = {
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
    link_exchange(&link);
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
        link_exchange(&link);
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
    CHECK_INT(dtls_set_remote_fingerprints(
                  link.client.dtls, (fingerprint_t[]){fingerprint_of(1, FINGERPRINT_SHA_1), fingerprint_of(0, FINGERPRINT_SHA_512)}, 2),
              0);
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
        link_exchange(&link);
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
            test_fail(__FILE__, __LINE__, "seed %llu did not connect: %s %s", (unsigned long long)seed, link.client.failure.text,
                      link.server.failure.text);
        if (link.now > worst)
            worst = link.now;
        link.loss_percent = link.duplicate_percent = 0;
        link_exchange(&link);
        link_close(&link);
    }
    test_note("slowest handshake: %lld ms", (long long)(worst / PEER_MILLISECOND));
}

/* What Chromium sends today: a post-quantum key share makes a ClientHello of some 1,400 bytes. All tests share OpenSSL's context, so only
 * the one that asks for it gets it. */
static bool is_hello_long;

static int add_filling(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *length, X509 *x509, size_t index,
                       int *alert, void *argument)
{
    static const unsigned char filling[1190];
    *out = filling;
    *length = sizeof filling;
    return is_hello_long;
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
    CHECK(SSL_CTX_add_custom_ext(dtls_context()->ssl, 0xfe0d, SSL_EXT_CLIENT_HELLO, add_filling, NULL, NULL, NULL, NULL) == 1);
    is_hello_long = true;
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
    is_hello_long = false;
}

/* As Chromium 156 sent it: 1,200 and 263 bytes, with DTLS 1.3 and X25519MLKEM768 on offer. */
TEST(the_client_hello_of_chromium_is_answered_in_either_order)
{
    static const char *const orders[] = {"12", "21", "112", "221", "1212", "2112"};
    size_t length[2];
    char *half[2] = {test_read_file(VECTORS "/dtls/chromium-156-client-hello-1", &length[0]),
                     test_read_file(VECTORS "/dtls/chromium-156-client-hello-2", &length[1])};
    CHECK_INT(length[0], 1200);
    CHECK_INT(length[1], 263);
    for (size_t i = 0; i < 2 * sizeof orders / sizeof *orders; i++) {
        link_t link;
        link_open(&link, &(link_options_t){0});
        bool is_early = i % 2 != 0;
        if (!is_early)
            CHECK_INT(dtls_start(link.server.dtls, 0, false), 0);
        for (const char *p = orders[i / 2]; *p != '\0'; p++)
            link_inject(&link, &link.server, half[*p - '1'], length[*p - '1']);
        if (is_early)
            CHECK_INT(dtls_start(link.server.dtls, 0, false), 0);
        link_flush(&link);
        CHECK(link.flying.first != NULL);
        const uint8_t *answer = link.flying.first->data;
        CHECK_INT(answer[0], 22);    /* handshake */
        CHECK_INT(answer[13], 2);    /* ServerHello */
        CHECK_INT(answer[26], 0xfd); /* of DTLS 1.2 */
        CHECK_INT(dtls_state(link.server.dtls), DTLS_STATE_CONNECTING);
        link_close(&link);
    }
    free(half[0]);
    free(half[1]);
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

TEST(a_failed_allocation_costs_a_datagram_and_no_more)
{
    for (unsigned n = 1; n <= 12; n++) {
        link_t link;
        link_open(&link, &(link_options_t){0});
        memory_fail_nth(n);
        link_connect(&link);
        memory_fail_nth(0);
        link_exchange(&link);
        link_close(&link);
    }
    packet_pool_t *pool = packet_pool_new();
    memory_fail_nth(1);
    CHECK(dtls_new(&(dtls_config_t){.certificate = link_certificate(0, CERTIFICATE_ECDSA_P256), .pool = pool}) == NULL);
    packet_pool_release(pool);
}

static uint64_t trace_of_a_handshake(uint64_t seed)
{
    virtual_random_seed(seed);
    link_t link;
    link_open(&link, &(link_options_t){.seed = seed});
    link_start(&link);
    uint64_t hash = 0;
    for (int i = 0; i < 10 && link.flying.first != NULL; i++) {
        for (size_t k = 0; k < link.flying.first->length; k++)
            hash = hash * 1099511628211u + link.flying.first->data[k];
        link_step(&link);
    }
    CHECK_INT(link.client.connected, 1);
    link_close(&link);
    return hash;
}

/* The last of this file: OpenSSL's randomness stays virtual. */
TEST(with_virtual_randomness_a_handshake_is_the_same_byte_for_byte)
{
    uint64_t first = trace_of_a_handshake(5);
    CHECK(trace_of_a_handshake(6) != first);
    CHECK(trace_of_a_handshake(5) == first);
}
