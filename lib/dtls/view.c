/* What an association tells about itself: states, names, keys, the peer's certificates. */
#include "base/memory.h"
#include "dtls/dtls_private.h"
#include "dtls/openssl_error.h"

#include <openssl/srtp.h>
#include <openssl/x509.h>
#include <string.h>

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

uint16_t dtls_version(const dtls_t *dtls)
{
    return dtls->facts.version;
}

const char *dtls_version_name(const dtls_t *dtls)
{
    return dtls_version(dtls) == DTLS1_2_VERSION ? "DTLS 1.2" : "";
}

const char *dtls_cipher_name(const dtls_t *dtls)
{
    return dtls->facts.cipher_name != NULL ? dtls->facts.cipher_name : "";
}

const char *dtls_group_name(const dtls_t *dtls)
{
    return dtls->facts.group_name != NULL ? dtls->facts.group_name : "";
}

uint16_t dtls_srtp_profile(const dtls_t *dtls)
{
    return dtls->facts.srtp_profile;
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
    *length = dtls->state == DTLS_STATE_CONNECTED ? dtls->facts.srtp_material_length : 0;
    memcpy(material, dtls->facts.srtp_material, *length);
    return *length != 0;
}

uint8_t *dtls_remote_certificate(const dtls_t *dtls, size_t index, size_t *length)
{
    *length = 0;
    if (index >= dtls->facts.chain_count)
        return NULL;
    uint8_t *copy = memory_copy(dtls->facts.chain[index].der, dtls->facts.chain[index].length);
    *length = copy != NULL ? dtls->facts.chain[index].length : 0;
    return copy;
}

/* ---- learning it ---- */

static const char *group_name(SSL *ssl)
{
    switch (SSL_get_negotiated_group(ssl)) { /* names of IANA's registry "TLS Supported Groups" */
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

static void learn_srtp(dtls_facts_t *facts, SSL *ssl)
{
    static const char label[] = "EXTRACTOR-dtls_srtp"; /* RFC 5764 §4.2 */
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(ssl);
    facts->srtp_profile = profile != NULL ? (uint16_t)profile->id : 0;
    size_t size = keying_material_length(facts->srtp_profile);
    if (size != 0 && SSL_export_keying_material(ssl, facts->srtp_material, size, label, sizeof label - 1, NULL, 0, 0) == 1)
        facts->srtp_material_length = size;
    ERR_clear_error();
}

static void learn_certificate(dtls_facts_t *facts, X509 *x509)
{
    uint8_t *der = NULL;
    int size = facts->chain_count < DTLS_CHAIN_MAX && x509 != NULL ? i2d_X509(x509, &der) : 0;
    uint8_t *copy = size > 0 ? memory_copy(der, (size_t)size) : NULL;
    OPENSSL_free(der);
    if (copy == NULL)
        return;
    facts->chain[facts->chain_count].der = copy;
    facts->chain[facts->chain_count++].length = (size_t)size;
}

void dtls_facts_learn(dtls_facts_t *facts, SSL *ssl, bool is_client)
{
    facts->version = (uint16_t)SSL_version(ssl);
    facts->cipher_name = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl));
    facts->group_name = group_name(ssl);
    learn_srtp(facts, ssl);
    learn_certificate(facts, SSL_get0_peer_certificate(ssl));
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    for (int i = is_client ? 1 : 0; i < sk_X509_num(chain); i++) /* only a client's chain begins with the peer's own certificate */
        learn_certificate(facts, sk_X509_value(chain, i));
}

void dtls_facts_forget(dtls_facts_t *facts)
{
    for (size_t i = 0; i < facts->chain_count; i++)
        memory_free(facts->chain[i].der);
    OPENSSL_cleanse(facts->srtp_material, sizeof facts->srtp_material);
    facts->chain_count = facts->srtp_material_length = 0;
}

const dtls_statistics_t *dtls_statistics(const dtls_t *dtls)
{
    return &dtls->statistics;
}
