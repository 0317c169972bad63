/* RTCCertificate: the public face of the certificate in lib/dtls. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "dtls/certificate.h"
#include "runtime/certificate_reserve.h"
#include "runtime/clock.h"

#include <stdlib.h>
#include <string.h>

struct peer_certificate {
    atomic_uint references;
    certificate_t *certificate;
    char fingerprint[FINGERPRINT_TEXT_SIZE];
    char fingerprint_value[FINGERPRINT_TEXT_SIZE]; /* in lower case */
};

static int wrap(certificate_t *certificate, peer_certificate_t **result)
{
    fingerprint_t fingerprint;
    peer_certificate_t *made = MEMORY_NEW(peer_certificate_t);
    if (made == NULL || certificate_fingerprint(certificate, FINGERPRINT_SHA_256, &fingerprint) < 0) {
        memory_free(made);
        certificate_unref(certificate);
        return error_no_memory();
    }
    atomic_init(&made->references, 1);
    made->certificate = certificate;
    fingerprint_value_text(&fingerprint, made->fingerprint);
    for (size_t i = 0; made->fingerprint[i] != '\0'; i++) {
        char c = made->fingerprint[i];
        made->fingerprint_value[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    }
    *result = made;
    return 0;
}

certificate_t *api_certificate(const peer_certificate_t *certificate)
{
    return certificate->certificate;
}

int peer_certificate_generate(int32_t algorithm, int64_t lifetime_s, peer_certificate_t **certificate)
{
    if (certificate == NULL)
        return error_set(PEER_ERROR_TYPE, "certificate is NULL");
    if (algorithm != PEER_KEY_ECDSA_P256 && algorithm != PEER_KEY_RSA_2048)
        return error_set(PEER_ERROR_RANGE, "%d is no key algorithm", algorithm);
    if (lifetime_s < 0 || lifetime_s > CERTIFICATE_LIFETIME_MAX_S)
        return error_set(PEER_ERROR_RANGE, "a certificate lives 1 to %d seconds", CERTIFICATE_LIFETIME_MAX_S);
    random_source_t random = runtime_random_source();
    certificate_t *made;
    int result = certificate_generate(&made, algorithm == PEER_KEY_RSA_2048 ? CERTIFICATE_RSA_2048 : CERTIFICATE_ECDSA_P256,
                                      runtime_unix_time_us() / PEER_SECOND, lifetime_s, &random);
    return result < 0 ? result : wrap(made, certificate);
}

int api_certificate_new(peer_certificate_t **certificate)
{
    certificate_t *made;
    int result = certificate_reserve_take(&made);
    return result < 0 ? result : wrap(made, certificate);
}

int peer_certificate_from_pem(const char *pem, peer_certificate_t **certificate)
{
    if (pem == NULL || certificate == NULL)
        return error_set(PEER_ERROR_TYPE, "an argument is NULL");
    certificate_t *made;
    int result = certificate_from_pem(&made, pem, pem);
    return result < 0 ? result : wrap(made, certificate);
}

char *peer_certificate_to_pem(const peer_certificate_t *certificate)
{
    text_t text = {0};
    char *public_part = certificate_pem(certificate->certificate), *private_part = certificate_private_key_pem(certificate->certificate);
    if (public_part != NULL && private_part != NULL) {
        text_add(&text, public_part);
        text_add(&text, private_part);
    } else {
        text.failed = true;
    }
    memory_free(public_part);
    memory_free(private_part);
    char *result = text_take(&text);
    if (result == NULL)
        error_no_memory();
    return result;
}

peer_certificate_t *peer_certificate_ref(peer_certificate_t *certificate)
{
    atomic_fetch_add_explicit(&certificate->references, 1, memory_order_relaxed);
    return certificate;
}

void peer_certificate_unref(peer_certificate_t *certificate)
{
    if (certificate == NULL || atomic_fetch_sub_explicit(&certificate->references, 1, memory_order_acq_rel) > 1)
        return;
    certificate_unref(certificate->certificate);
    memory_free(certificate);
}

int64_t peer_certificate_expires_ms(const peer_certificate_t *certificate)
{
    return certificate_expires_ms(certificate->certificate);
}

const char *peer_certificate_fingerprint(const peer_certificate_t *certificate)
{
    return certificate->fingerprint;
}

const char *peer_certificate_fingerprint_algorithm(const peer_certificate_t *certificate)
{
    (void)certificate;
    return fingerprint_hash_name(FINGERPRINT_SHA_256);
}

const char *peer_certificate_fingerprint_value(const peer_certificate_t *certificate)
{
    return certificate->fingerprint_value;
}
