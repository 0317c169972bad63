/* What an association tells about itself: states, names, keys, the peer's certificates. */
#include "base/memory.h"
#include "dtls/dtls_private.h"
#include "dtls/openssl_error.h"

#include <openssl/srtp.h>
#include <openssl/x509.h>

dtls_state_t dtls_state(const dtls_t *dtls)
{
    return dtls->state;
}

const char *dtls_state_name(dtls_state_t state)
{
    static const char *const names[] = {"new", "connecting", "connected", "closed", "failed"};
    return (size_t)state < sizeof names / sizeof *names ? names[state] : "";
}

dtls_role_t dtls_role(const dtls_t *dtls)
{
    return dtls->role;
}

const char *dtls_role_name(dtls_role_t role)
{
    static const char *const names[] = {"unknown", "client", "server"};
    return (size_t)role < sizeof names / sizeof *names ? names[role] : "";
}

static bool has_connected(const dtls_t *dtls)
{
    return dtls->is_verified && SSL_is_init_finished(dtls->ssl);
}

uint16_t dtls_version(const dtls_t *dtls)
{
    return has_connected(dtls) ? (uint16_t)SSL_version(dtls->ssl) : 0;
}

const char *dtls_version_name(const dtls_t *dtls)
{
    return dtls_version(dtls) == DTLS1_2_VERSION ? "DTLS 1.2" : "";
}

const char *dtls_cipher_name(const dtls_t *dtls)
{
    const char *name = has_connected(dtls) ? SSL_CIPHER_standard_name(SSL_get_current_cipher(dtls->ssl)) : NULL;
    return name != NULL ? name : "";
}

const char *dtls_group_name(const dtls_t *dtls)
{
    if (!has_connected(dtls))
        return "";
    switch (SSL_get_negotiated_group(dtls->ssl)) { /* names of IANA's registry "TLS Supported Groups" */
    case NID_X25519:
        return "x25519";
    case NID_X9_62_prime256v1:
        return "secp256r1";
    case NID_secp384r1:
        return "secp384r1";
    default:
        return "";
    }
}

uint16_t dtls_srtp_profile(const dtls_t *dtls)
{
    const SRTP_PROTECTION_PROFILE *profile = has_connected(dtls) ? SSL_get_selected_srtp_profile(dtls->ssl) : NULL;
    return profile != NULL ? (uint16_t)profile->id : 0;
}

const char *dtls_srtp_profile_name(const dtls_t *dtls)
{
    switch (dtls_srtp_profile(dtls)) { /* IANA's names, which are not OpenSSL's */
    case SRTP_AES128_CM_SHA1_80:
        return "SRTP_AES128_CM_HMAC_SHA1_80";
    case SRTP_AEAD_AES_128_GCM:
        return "SRTP_AEAD_AES_128_GCM";
    case SRTP_AEAD_AES_256_GCM:
        return "SRTP_AEAD_AES_256_GCM";
    default:
        return "";
    }
}

static size_t keying_material_length(uint16_t profile)
{
    switch (profile) { /* two keys and two salts (RFC 5764 §4.1.2, RFC 7714 §12) */
    case SRTP_AES128_CM_SHA1_80:
        return 2 * (16 + 14);
    case SRTP_AEAD_AES_128_GCM:
        return 2 * (16 + 12);
    case SRTP_AEAD_AES_256_GCM:
        return 2 * (32 + 12);
    default:
        return 0;
    }
}

bool dtls_export_srtp_keys(const dtls_t *dtls, uint8_t material[DTLS_SRTP_KEYING_MATERIAL_MAX], size_t *length)
{
    static const char label[] = "EXTRACTOR-dtls_srtp"; /* RFC 5764 §4.2 */
    *length = 0;
    size_t size = keying_material_length(dtls_srtp_profile(dtls));
    if (dtls->state != DTLS_STATE_CONNECTED || size == 0)
        return false;
    if (SSL_export_keying_material(dtls->ssl, material, size, label, sizeof label - 1, NULL, 0, 0) != 1) {
        ERR_clear_error();
        return false;
    }
    *length = size;
    return true;
}

uint8_t *dtls_remote_certificate(const dtls_t *dtls, size_t index, size_t *length)
{
    *length = 0;
    if (!has_connected(dtls))
        return NULL;
    X509 *x509 = SSL_get0_peer_certificate(dtls->ssl);
    if (index > 0) {
        STACK_OF(X509) *chain = SSL_get_peer_cert_chain(dtls->ssl);
        /* Only a client's chain begins with the peer's own certificate. */
        int position = (int)(dtls->role == DTLS_ROLE_CLIENT ? index : index - 1);
        x509 = index <= INT16_MAX && position < sk_X509_num(chain) ? sk_X509_value(chain, position) : NULL;
    }
    uint8_t *der = NULL;
    int size = x509 != NULL ? i2d_X509(x509, &der) : 0;
    if (size <= 0)
        return NULL;
    uint8_t *copy = memory_copy(der, (size_t)size);
    OPENSSL_free(der);
    *length = copy != NULL ? (size_t)size : 0;
    return copy;
}

const dtls_statistics_t *dtls_statistics(const dtls_t *dtls)
{
    return &dtls->statistics;
}
