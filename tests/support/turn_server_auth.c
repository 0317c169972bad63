/* The server's side of long-term credentials (RFC 8489 §9.2.4), written apart from the library's client so that neither hides the other's
 * mistakes. */
#include "turn_server_private.h"

#include <stdio.h>
#include <string.h>

/* RFC 8489 §9.2.1; the feature bits as erratum 6290 has them. */
static const char *nonce_now(turn_server_t *server, peer_time_t now)
{
    bool has_expired = server->config.nonce_lifetime != 0 && now >= server->nonce_expires;
    if (server->nonce[0] != '\0' && !has_expired)
        return server->nonce;
    const turn_server_config_t *config = &server->config;
    unsigned features = (config->has_sha256 || config->has_sha256_only) | (unsigned)config->has_username_anonymity << 1;
    unsigned long long random = random_u64(&config->random);
    if (features != 0)
        snprintf(server->nonce, sizeof server->nonce, "obMatJos2AAA%c%016llx", "ABCD"[features], random);
    else
        snprintf(server->nonce, sizeof server->nonce, "%016llx", random);
    server->nonce_expires = now + config->nonce_lifetime;
    return server->nonce;
}

static size_t algorithms_of(const turn_server_t *server, uint8_t algorithms[8])
{
    if (!server->config.has_sha256 && !server->config.has_sha256_only)
        return 0;
    memcpy(algorithms, (const uint8_t[]){0, 2, 0, 0, 0, 1, 0, 0}, 8);
    return server->config.has_sha256_only ? 4 : 8;
}

static void challenge(turn_server_request_t *request, uint16_t code, const char *reason)
{
    turn_server_t *server = request->server;
    server->counters.challenges++;
    turn_server_begin_error(request, code, reason);
    char realm[128];
    snprintf(realm, sizeof realm, "%s", server->config.realm);
    if (server->faults.has_changing_realm)
        snprintf(realm, sizeof realm, "%u", server->challenges++);
    stun_build_bytes(&request->builder, STUN_REALM, realm, strlen(realm));
    const char *nonce = nonce_now(server, request->now);
    stun_build_bytes(&request->builder, STUN_NONCE, nonce, strlen(nonce));
    uint8_t algorithms[8];
    size_t length = algorithms_of(server, algorithms);
    if (length != 0 && !server->faults.hides_algorithms)
        stun_build_bytes(&request->builder, STUN_PASSWORD_ALGORITHMS, algorithms, length);
    turn_server_finish(request);
}

static bool equals(const stun_message_t *message, uint16_t type, const void *expected, size_t expected_length)
{
    const uint8_t *value;
    size_t length;
    return stun_get_bytes(message, type, &value, &length) && length == expected_length && memcmp(value, expected, length) == 0;
}

static void set_key(turn_server_request_t *request, bool is_sha256)
{
    const turn_server_config_t *config = &request->server->config;
    char joined[2048];
    unsigned length;
    int joined_length = snprintf(joined, sizeof joined, "%s:%s:%s", config->username, config->realm, config->password);
    EVP_Digest(joined, (size_t)joined_length, request->key, &length, is_sha256 ? EVP_sha256() : EVP_md5(), NULL);
    request->key_length = length;
}

static bool has_right_user(const turn_server_request_t *request)
{
    const turn_server_config_t *config = &request->server->config;
    if (!config->has_username_anonymity)
        return equals(request->message, STUN_USERNAME, config->username, strlen(config->username));
    char joined[1024];
    uint8_t hash[EVP_MAX_MD_SIZE];
    int length = snprintf(joined, sizeof joined, "%s:%s", config->username, config->realm);
    EVP_Digest(joined, (size_t)length, hash, NULL, EVP_sha256(), NULL);
    return equals(request->message, STUN_USERHASH, hash, 32);
}

/* RFC 8489 §9.2.4, in its order. */
bool turn_server_is_authenticated(turn_server_request_t *request)
{
    turn_server_t *server = request->server;
    const stun_message_t *message = request->message;
    if (server->config.username == NULL || (message->method == STUN_BINDING && !server->config.authenticates_binding))
        return true;
    bool has_sha256 = stun_has(message, STUN_MESSAGE_INTEGRITY_SHA256);
    if (!has_sha256 && !stun_has(message, STUN_MESSAGE_INTEGRITY)) {
        challenge(request, STUN_ERROR_UNAUTHENTICATED, "Unauthenticated");
        return false;
    }
    if ((!stun_has(message, STUN_USERNAME) && !stun_has(message, STUN_USERHASH)) || !stun_has(message, STUN_REALM) ||
        !stun_has(message, STUN_NONCE)) {
        turn_server_answer_error(request, STUN_ERROR_BAD_REQUEST, "Bad Request");
        return false;
    }
    const char *nonce = nonce_now(server, request->now);
    uint8_t algorithms[8];
    size_t length = algorithms_of(server, algorithms);
    uint32_t algorithm = 0x00010000;
    if (length != 0 && (stun_has(message, STUN_PASSWORD_ALGORITHM) || stun_has(message, STUN_PASSWORD_ALGORITHMS))) {
        bool is_listed = stun_get_u32(message, STUN_PASSWORD_ALGORITHM, &algorithm) &&
                         (algorithm == 0x00020000 || (algorithm == 0x00010000 && !server->config.has_sha256_only));
        if (!is_listed || !equals(message, STUN_PASSWORD_ALGORITHMS, algorithms, length)) {
            turn_server_answer_error(request, STUN_ERROR_BAD_REQUEST, "Bad Request");
            return false;
        }
    }
    if (server->faults.has_stale_nonce_always)
        turn_server_forget_nonces(server);
    if (!equals(message, STUN_NONCE, nonce, strlen(nonce)) || server->faults.has_stale_nonce_always) {
        challenge(request, STUN_ERROR_STALE_NONCE, "Stale Nonce");
        return false;
    }
    set_key(request, algorithm == 0x00020000);
    request->hash = has_sha256 ? STUN_HASH_SHA256 : STUN_HASH_SHA1;
    if (!has_right_user(request) || !equals(message, STUN_REALM, server->config.realm, strlen(server->config.realm)) ||
        stun_check_integrity(message, request->hash, request->key, request->key_length) != STUN_CHECK_VALID) {
        challenge(request, STUN_ERROR_UNAUTHENTICATED, "Unauthenticated");
        return false;
    }
    request->is_signed = true;
    return true;
}
