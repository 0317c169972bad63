#include "dtls/certificate.h"

#include "base/error.h"
#include "base/memory.h"
#include "dtls/certificate_private.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static random_source_t seeded(void)
{
    static random_seeded_t random;
    random_seeded_init(&random, 1);
    return random_seeded_source(&random);
}

TEST(fingerprints_parse_in_any_case_and_print_in_upper_case)
{
    fingerprint_t a, b;
    char text[FINGERPRINT_TEXT_SIZE];
    const char *upper = "sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";
    CHECK_INT(fingerprint_parse(&a, upper), 0);
    CHECK_TEXT(fingerprint_text(&a, text), upper);
    CHECK_TEXT(fingerprint_value_text(&a, text), upper + 6);
    CHECK_INT(fingerprint_parse(&b, "SHA-1 4a:ad:b9:b1:3f:82:18:3b:54:02:12:df:3e:5d:49:6b:19:e5:7c:ab"), 0);
    CHECK(fingerprint_equal(&a, &b));
    b.bytes[19] ^= 1;
    CHECK(!fingerprint_equal(&a, &b));
}

TEST(wrong_fingerprints_are_refused_with_their_reason)
{
    static const struct {
        const char *text;
        int error;
    } wrong[] = {
        {"md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF", PEER_ERROR_NOT_SUPPORTED},
        {"md2 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF", PEER_ERROR_NOT_SUPPORTED},
        {"sha-3 00", PEER_ERROR_NOT_SUPPORTED},
        {"a-very-long-name-of-a-hash 00", PEER_ERROR_NOT_SUPPORTED},
        {"", PEER_ERROR_SYNTAX},
        {"sha-256", PEER_ERROR_SYNTAX},
        {"sha-1 ", PEER_ERROR_SYNTAX},
        {"sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C", PEER_ERROR_SYNTAX},
        {"sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:00", PEER_ERROR_SYNTAX},
        {"sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:A", PEER_ERROR_SYNTAX},
        {"sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:", PEER_ERROR_SYNTAX},
        {"sha-1 4A-AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB", PEER_ERROR_SYNTAX},
        {"sha-1 GA:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB", PEER_ERROR_SYNTAX},
    };
    fingerprint_t fingerprint;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (fingerprint_parse(&fingerprint, wrong[i].text) != wrong[i].error)
            test_fail(__FILE__, __LINE__, "\"%s\"", wrong[i].text);
    CHECK_INT(fingerprint_parse(&fingerprint, NULL), PEER_ERROR_SYNTAX);
    CHECK_INT(fingerprint_parse_parts(&fingerprint, NULL, NULL), PEER_ERROR_TYPE);
}

/* fingerprints.txt is what `openssl x509 -fingerprint` says. */
static void check_vector(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, VECTORS "/dtls/%s.pem", name);
    char *pem = test_read_file(path, NULL);
    snprintf(path, sizeof path, VECTORS "/dtls/%s.key", name);
    char *key = test_read_file(path, NULL);
    snprintf(path, sizeof path, VECTORS "/dtls/%s.fingerprints", name);
    char *expected = test_read_file(path, NULL);
    certificate_t *certificate;
    CHECK_INT(certificate_from_pem(&certificate, pem, key), 0);
    fingerprint_hash_t hash = FINGERPRINT_SHA_1;
    for (char *line = strtok(expected, "\n"); line != NULL; line = strtok(NULL, "\n"), hash++) {
        fingerprint_t fingerprint;
        char text[FINGERPRINT_TEXT_SIZE];
        CHECK_INT(certificate_fingerprint(certificate, hash, &fingerprint), 0);
        CHECK_TEXT(fingerprint_text(&fingerprint, text), line);
    }
    CHECK_INT(hash, FINGERPRINT_SHA_512 + 1);
    CHECK_INT(certificate_expires_ms(certificate), 4102444800000); /* 2100-01-01 */
    CHECK(!certificate_has_expired(certificate, 4102444799));
    CHECK(certificate_has_expired(certificate, 4102444800));
    char *again = certificate_pem(certificate);
    CHECK_TEXT(again, pem);
    memory_free(again);
    certificate_unref(certificate);
    free(pem);
    free(key);
    free(expected);
}

TEST(an_ecdsa_certificate_in_pem_has_the_fingerprints_that_openssl_says)
{
    check_vector("ecdsa");
}

TEST(an_rsa_certificate_in_pem_has_the_fingerprints_that_openssl_says)
{
    check_vector("rsa");
}

TEST(a_generated_certificate_lives_as_long_as_asked)
{
    certificate_t *certificate;
    random_source_t source = seeded();
    CHECK_INT(certificate_generate(&certificate, CERTIFICATE_ECDSA_P256, 1000000000, 0, &source), 0);
    CHECK_INT(certificate_expires_ms(certificate), (1000000000LL + 30 * 86400) * 1000);
    certificate_unref(certificate);
    CHECK_INT(certificate_generate(&certificate, CERTIFICATE_ECDSA_P256, 1000000000, 60, &source), 0);
    CHECK_INT(certificate_expires_ms(certificate), 1000000060000);
    certificate_unref(certificate_ref(certificate));
    CHECK_INT(certificate_expires_ms(certificate), 1000000060000);
    certificate_unref(certificate);
    CHECK_INT(certificate_generate(&certificate, CERTIFICATE_ECDSA_P256, 0, 366 * 86400, &source), PEER_ERROR_RANGE);
    CHECK(certificate == NULL);
    CHECK_INT(certificate_generate(&certificate, CERTIFICATE_ECDSA_P256, 0, -1, &source), PEER_ERROR_RANGE);
    CHECK_INT(certificate_generate(&certificate, (certificate_key_t)9, 0, 0, &source), PEER_ERROR_NOT_SUPPORTED);
    certificate_unref(NULL);
}

TEST(no_two_generated_certificates_are_alike)
{
    certificate_t *a, *b;
    random_source_t source = seeded();
    fingerprint_t fa, fb;
    CHECK_INT(certificate_generate(&a, CERTIFICATE_ECDSA_P256, 1000000000, 0, &source), 0);
    CHECK_INT(certificate_generate(&b, CERTIFICATE_ECDSA_P256, 1000000000, 0, &source), 0);
    certificate_fingerprint(a, FINGERPRINT_SHA_256, &fa);
    certificate_fingerprint(b, FINGERPRINT_SHA_256, &fb);
    CHECK(!fingerprint_equal(&fa, &fb));
    certificate_unref(a);
    certificate_unref(b);
}

TEST(a_certificate_survives_export_and_import_as_pem_and_der)
{
    for (certificate_key_t key = CERTIFICATE_ECDSA_P256; key <= CERTIFICATE_RSA_2048; key++) {
        certificate_t *a, *b, *c;
        random_source_t source = seeded();
        CHECK_INT(certificate_generate(&a, key, 1000000000, 0, &source), 0);
        char *pem = certificate_pem(a), *key_pem = certificate_private_key_pem(a);
        CHECK(strstr(key_pem, "BEGIN PRIVATE KEY") != NULL);
        CHECK_INT(certificate_from_pem(&b, pem, key_pem), 0);
        size_t der_length, key_length, length;
        const uint8_t *der = certificate_der(a, &der_length);
        uint8_t *key_der = certificate_private_key_der(a, &key_length);
        CHECK_INT(certificate_from_der(&c, der, der_length, key_der, key_length), 0);
        CHECK_BYTES(certificate_der(b, &length), der, der_length);
        CHECK_BYTES(certificate_der(c, &length), der, der_length);
        CHECK_INT(length, der_length);
        memory_free(pem);
        memory_free(key_pem);
        memory_free(key_der);
        certificate_unref(a);
        certificate_unref(b);
        certificate_unref(c);
    }
}

TEST(what_is_no_certificate_or_has_another_key_is_refused)
{
    certificate_t *a, *b, *c;
    random_source_t source = seeded();
    CHECK_INT(certificate_generate(&a, CERTIFICATE_ECDSA_P256, 1000000000, 0, &source), 0);
    CHECK_INT(certificate_generate(&b, CERTIFICATE_ECDSA_P256, 1000000000, 0, &source), 0);
    char *pem = certificate_pem(a), *key_pem = certificate_private_key_pem(b);
    CHECK_INT(certificate_from_pem(&c, pem, key_pem), PEER_ERROR_INVALID_ACCESS);
    CHECK(c == NULL);
    CHECK_INT(certificate_from_pem(&c, key_pem, pem), PEER_ERROR_SYNTAX);
    CHECK_INT(certificate_from_pem(&c, pem, "nothing"), PEER_ERROR_SYNTAX);
    CHECK_INT(certificate_from_pem(&c, "", ""), PEER_ERROR_SYNTAX);
    CHECK_INT(certificate_from_pem(&c, NULL, ""), PEER_ERROR_TYPE);
    size_t length;
    const uint8_t *der = certificate_der(a, &length);
    CHECK_INT(certificate_from_der(&c, der, length - 1, der, length), PEER_ERROR_SYNTAX);
    CHECK_INT(certificate_from_der(&c, der, length, der, length), PEER_ERROR_SYNTAX);
    CHECK_INT(certificate_from_der(&c, NULL, 0, NULL, 0), PEER_ERROR_TYPE);
    memory_free(pem);
    memory_free(key_pem);
    certificate_unref(a);
    certificate_unref(b);
}

TEST(a_certificate_fails_cleanly_when_memory_runs_out)
{
    certificate_t *certificate;
    random_source_t source = seeded();
    memory_fail_nth(1);
    CHECK_INT(certificate_generate(&certificate, CERTIFICATE_ECDSA_P256, 1000000000, 0, &source), PEER_ERROR_NO_MEMORY);
    CHECK(certificate == NULL);
    CHECK_INT(certificate_generate(&certificate, CERTIFICATE_ECDSA_P256, 1000000000, 0, &source), 0);
    memory_fail_nth(1);
    CHECK(certificate_pem(certificate) == NULL);
    memory_fail_nth(1);
    CHECK(certificate_private_key_pem(certificate) == NULL);
    certificate_unref(certificate);
}

/* A connection's own certificate rests with it, and is as good as before when it is asked for. */
TEST(a_packed_certificate_is_the_same)
{
    random_source_t random = seeded();
    certificate_t *certificate = NULL;
    CHECK_INT(certificate_generate(&certificate, CERTIFICATE_ECDSA_P256, 1000000, 0, &random), 0);
    char *pem = certificate_pem(certificate), *key = certificate_private_key_pem(certificate);
    fingerprint_t before, after;
    CHECK_INT(certificate_fingerprint(certificate, FINGERPRINT_SHA_256, &before), 0);
    for (int round = 0; round < 3; round++) {
        if (round == 1)
            certificate_set_for_one(certificate); /* in round 0 it belongs to many, and packing does nothing */
        certificate_pack(certificate);
        certificate_pack(certificate);
        CHECK_INT(certificate_fingerprint(certificate, FINGERPRINT_SHA_256, &after), 0);
        CHECK(fingerprint_equal(&before, &after));
        CHECK_INT(certificate_expires_ms(certificate), (1000000 + (int64_t)CERTIFICATE_LIFETIME_DEFAULT_S) * 1000);
        SSL *ssl = certificate_open(certificate);
        CHECK(ssl != NULL);
        CHECK_INT(SSL_check_private_key(ssl), 1);
        SSL_free(ssl);
        certificate_pack(certificate);
        char *pem_again = certificate_pem(certificate);
        certificate_pack(certificate);
        char *key_again = certificate_private_key_pem(certificate);
        CHECK_TEXT(pem_again, pem);
        CHECK_TEXT(key_again, key);
        memory_free(pem_again);
        memory_free(key_again);
    }
    certificate_pack(certificate); /* freed as it is */
    memory_free(pem);
    memory_free(key);
    certificate_unref(certificate);
}
