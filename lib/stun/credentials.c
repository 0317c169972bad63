#include "stun/credentials.h"

#include "base/error.h"
#include "base/memory.h"
#include "stun/opaque_string.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define ALGORITHMS_MAX 64 /* octets of PASSWORD-ALGORITHMS: each takes four, two are known */
#define ALGORITHM_MD5 1   /* RFC 8489 §18.5.1 */
#define ALGORITHM_SHA256 2

/* §9.2.1: the nonce begins with this and 24 bits in base64. */
#define NONCE_COOKIE "obMatJos2"
#define NONCE_COOKIE_SIZE 9
/* §18.1 numbers the bits from the left, its verified erratum 6290 and the example of appendix B.1 from the right. Servers of both readings
 * exist, and no other bit is assigned. */
#define FEATURE_PASSWORD_ALGORITHMS (0x000001u | 0x800000u)
#define FEATURE_USERNAME_ANONYMITY (0x000002u | 0x400000u)

typedef struct octets {
    uint8_t data[STUN_NONCE_MAX];
    size_t length;
} octets_t;

struct stun_credentials {
    bool has_username;
    char username[STUN_USERNAME_MAX + 1];
    char password[STUN_PASSWORD_MAX + 1];
    uint32_t generation; /* counts changes of realm, algorithm or anonymity; 0 before the first challenge */
    octets_t realm, nonce;
    char prepared_realm[STUN_REALM_MAX + 1];
    bool is_anonymous; /* USERHASH instead of USERNAME */
    uint8_t algorithms[ALGORITHMS_MAX];
    size_t algorithms_length; /* 0: the server has none, which means MD5 */
    uint16_t algorithm;
    uint8_t key[EVP_MAX_MD_SIZE];
    size_t key_length;
};

int stun_credentials_new(const char *username, const char *password, stun_credentials_t **credentials)
{
    stun_credentials_t *made = MEMORY_NEW(stun_credentials_t);
    *credentials = NULL;
    if (made == NULL)
        return error_no_memory();
    const char *wrong = NULL;
    made->has_username = username != NULL;
    if (username != NULL && !opaque_string_prepare(username, strlen(username), made->username, sizeof made->username))
        wrong = "user name";
    else if (username != NULL &&
             (password == NULL || !opaque_string_prepare(password, strlen(password), made->password, sizeof made->password)))
        wrong = "password";
    if (wrong != NULL) {
        stun_credentials_free(made);
        return error_set(PEER_ERROR_INVALID_ACCESS, "The %s is empty, too long, or has characters that none may have (RFC 8265).", wrong);
    }
    *credentials = made;
    return 0;
}

void stun_credentials_free(stun_credentials_t *credentials)
{
    if (credentials != NULL)
        OPENSSL_cleanse(credentials, sizeof *credentials);
    memory_free(credentials);
}

/* The digest of the parts with colons between them. MD5 is taken from whichever provider has it, as it guards nothing but what RFC 8489
 * itself builds on it. */
static bool digest(const char *name, const char *const *parts, size_t count, uint8_t *value, size_t *length)
{
    ERR_set_mark();
    EVP_MD *type = EVP_MD_fetch(NULL, name, "-fips");
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned size = 0;
    bool is_good = type != NULL && context != NULL && EVP_DigestInit_ex(context, type, NULL) == 1;
    for (size_t i = 0; i < count && is_good; i++)
        is_good = (i == 0 || EVP_DigestUpdate(context, ":", 1) == 1) && EVP_DigestUpdate(context, parts[i], strlen(parts[i])) == 1;
    is_good = is_good && EVP_DigestFinal_ex(context, value, &size) == 1;
    EVP_MD_CTX_free(context);
    EVP_MD_free(type);
    ERR_pop_to_mark();
    *length = size;
    return is_good;
}

static bool derive_key(stun_credentials_t *credentials, uint16_t algorithm) /* §18.5.1 */
{
    if (algorithm != ALGORITHM_MD5 && algorithm != ALGORITHM_SHA256)
        return false;
    const char *const parts[] = {credentials->username, credentials->prepared_realm, credentials->password};
    credentials->algorithm = algorithm;
    return digest(algorithm == ALGORITHM_MD5 ? "MD5" : "SHA256", parts, 3, credentials->key, &credentials->key_length);
}

/* §9.2.5: the first one of the list that is known. Ours take no parameters. */
static bool choose_algorithm(stun_credentials_t *credentials)
{
    if (credentials->algorithms_length == 0)
        return derive_key(credentials, ALGORITHM_MD5);
    reader_t reader;
    reader_init(&reader, credentials->algorithms, credentials->algorithms_length);
    uint16_t number, length;
    while (reader_u16(&reader, &number) && reader_u16(&reader, &length) && reader_skip(&reader, (length + 3u) & ~3u))
        if (length == 0 && derive_key(credentials, number))
            return true;
    return false;
}

static stun_hash_t hash_of(const stun_credentials_t *credentials)
{
    return credentials->algorithms_length != 0 ? STUN_HASH_SHA256 : STUN_HASH_SHA1; /* §9.2.5, its last paragraph */
}

void stun_credentials_sign(const stun_credentials_t *credentials, stun_attempt_t *attempt, stun_builder_t *builder)
{
    attempt->generation = credentials->generation;
    if (credentials->generation == 0)
        return;
    if (credentials->is_anonymous) {
        const char *const parts[] = {credentials->username, credentials->prepared_realm};
        uint8_t hash[EVP_MAX_MD_SIZE];
        size_t length = 0;
        if (!digest("SHA256", parts, 2, hash, &length))
            builder->writer.failed = true;
        stun_build_bytes(builder, STUN_USERHASH, hash, length);
    } else {
        stun_build_bytes(builder, STUN_USERNAME, credentials->username, strlen(credentials->username));
    }
    stun_build_bytes(builder, STUN_REALM, credentials->realm.data, credentials->realm.length);
    stun_build_bytes(builder, STUN_NONCE, credentials->nonce.data, credentials->nonce.length);
    if (credentials->algorithms_length != 0) {
        stun_build_bytes(builder, STUN_PASSWORD_ALGORITHMS, credentials->algorithms, credentials->algorithms_length);
        stun_build_u32(builder, STUN_PASSWORD_ALGORITHM, (uint32_t)credentials->algorithm << 16);
    }
    stun_build_integrity(builder, hash_of(credentials), credentials->key, credentials->key_length);
}

static int base64_value(uint8_t c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != 0 ? memchr(digits, c, sizeof digits - 1) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* The security features that a nonce tells (§9.2.1); none without its cookie. */
static uint32_t features_of(const uint8_t *nonce, size_t length)
{
    if (length < NONCE_COOKIE_SIZE + 4 || memcmp(nonce, NONCE_COOKIE, NONCE_COOKIE_SIZE) != 0)
        return 0;
    uint32_t features = 0;
    for (size_t i = NONCE_COOKIE_SIZE; i < NONCE_COOKIE_SIZE + 4; i++) {
        int value = base64_value(nonce[i]);
        if (value < 0)
            return 0;
        features = features << 6 | (uint32_t)value;
    }
    return features;
}

static bool set_octets(octets_t *octets, const uint8_t *data, size_t length)
{
    if (octets->length == length && memcmp(octets->data, data, length) == 0)
        return false;
    memcpy(octets->data, data, length);
    octets->length = length;
    return true;
}

/* 401 and 438: takes the new realm and nonce, and says whether the request is worth another try. */
static stun_verdict_t on_challenge(stun_credentials_t *credentials, stun_attempt_t *attempt, const stun_message_t *response, uint16_t code,
                                   const char **why)
{
    const uint8_t *realm = credentials->realm.data, *nonce, *algorithms = NULL;
    size_t realm_length = credentials->realm.length, nonce_length, algorithms_length = 0;
    bool has_realm = stun_get_bytes(response, STUN_REALM, &realm, &realm_length) || credentials->generation != 0;
    stun_get_bytes(response, STUN_PASSWORD_ALGORITHMS, &algorithms, &algorithms_length);
    if (!credentials->has_username) {
        *why = "The server asks for a user name and a password.";
        return STUN_VERDICT_REFUSE;
    }
    if (!has_realm || !stun_get_bytes(response, STUN_NONCE, &nonce, &nonce_length) || realm_length > STUN_REALM_MAX ||
        nonce_length > STUN_NONCE_MAX || nonce_length == 0 || algorithms_length > ALGORITHMS_MAX) {
        *why = "The server's request for credentials is malformed.";
        return STUN_VERDICT_REFUSE;
    }
    uint32_t features = features_of(nonce, nonce_length);
    if (algorithms_length == 0 && (features & FEATURE_PASSWORD_ALGORITHMS) != 0) {
        *why = "The list of password algorithms was taken out of the server's answer: somebody tampers with the connection to it.";
        return STUN_VERDICT_REFUSE;
    }
    if (algorithms_length == 0 && credentials->algorithms_length != 0)
        return STUN_VERDICT_DISCARD; /* MESSAGE-INTEGRITY-SHA256 only, once it was in use */
    if (++attempt->challenges > STUN_MAX_CHALLENGES) {
        *why = "The server asks for credentials again and again.";
        return STUN_VERDICT_REFUSE;
    }
    bool is_anonymous = (features & FEATURE_USERNAME_ANONYMITY) != 0;
    bool is_new = credentials->generation == 0 || is_anonymous != credentials->is_anonymous ||
                  algorithms_length != credentials->algorithms_length ||
                  (algorithms_length != 0 && memcmp(algorithms, credentials->algorithms, algorithms_length) != 0);
    is_new |= set_octets(&credentials->realm, realm, realm_length);
    set_octets(&credentials->nonce, nonce, nonce_length);
    if (is_new) {
        credentials->generation++;
        credentials->is_anonymous = is_anonymous;
        credentials->algorithms_length = algorithms_length;
        if (algorithms_length != 0)
            memcpy(credentials->algorithms, algorithms, algorithms_length);
        credentials->prepared_realm[0] = '\0';
        if (realm_length != 0 && !opaque_string_prepare((const char *)credentials->realm.data, realm_length, credentials->prepared_realm,
                                                        sizeof credentials->prepared_realm)) {
            *why = "The server's realm has characters that none may have (RFC 8265).";
            return STUN_VERDICT_REFUSE;
        }
        if (!choose_algorithm(credentials)) {
            *why = "The server demands a password algorithm that is not known here.";
            return STUN_VERDICT_REFUSE;
        }
    }
    if (code == STUN_ERROR_UNAUTHENTICATED && attempt->generation == credentials->generation) {
        *why = "The server did not accept the user name and the password.";
        return STUN_VERDICT_REFUSE; /* §9.2.5: not again with the same */
    }
    return STUN_VERDICT_RETRY;
}

static bool is_authentic(const stun_credentials_t *credentials, const stun_message_t *response)
{
    stun_check_t check = stun_check_integrity(response, STUN_HASH_SHA256, credentials->key, credentials->key_length);
    if (check == STUN_CHECK_ABSENT && hash_of(credentials) == STUN_HASH_SHA1)
        check = stun_check_integrity(response, STUN_HASH_SHA1, credentials->key, credentials->key_length);
    return check == STUN_CHECK_VALID;
}

stun_verdict_t stun_credentials_judge(stun_credentials_t *credentials, stun_attempt_t *attempt, const stun_message_t *response,
                                      const char **why)
{
    uint16_t code = 0;
    const char *reason;
    size_t length;
    if (response->class == STUN_ERROR_RESPONSE && stun_get_error(response, &code, &reason, &length) &&
        (code == STUN_ERROR_UNAUTHENTICATED || code == STUN_ERROR_STALE_NONCE))
        return on_challenge(credentials, attempt, response, code, why);
    const uint8_t *nonce;
    if (stun_get_bytes(response, STUN_NONCE, &nonce, &length) && (features_of(nonce, length) & FEATURE_PASSWORD_ALGORITHMS) != 0 &&
        !stun_has(response, STUN_PASSWORD_ALGORITHMS))
        return STUN_VERDICT_DISCARD;
    if (attempt->generation == 0 || is_authentic(credentials, response))
        return STUN_VERDICT_ACCEPT;
    attempt->had_forgery = true;
    return STUN_VERDICT_DISCARD;
}
