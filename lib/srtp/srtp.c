#include "srtp/srtp.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "srtp/crypto.h"

#include <pthread.h>
#include <srtp2/srtp.h>
#include <string.h>

#define RTP_HEADER 12 /* RFC 3550 §5.1 */
#define RTCP_HEADER 8 /* RFC 3550 §6.4: header and sender's SSRC, which SRTCP leaves in the clear */
#define SALT_MAX 14
#define KEY_MAX 32

/* One direction: its libsrtp context, and the SSRCs it has streams for, which libsrtp does not bound. */
typedef struct direction {
    srtp_t context;
    map_t ssrcs;
} direction_t;

struct srtp_session {
    direction_t inbound;
    direction_t outbound;
    srtp_statistics_t statistics;
};

static const struct {
    uint16_t profile;
    size_t key_length;
    size_t salt_length;
    void (*set_policy)(srtp_crypto_policy_t *policy);
} profiles[] = {
    /* The full tag for both: the profile AES128_CM_HMAC_SHA1_80 authenticates SRTP and SRTCP with 80 bits (RFC 5764 §4.1.2). */
    {SRTP_PROTECTION_AES128_CM_HMAC_SHA1_80, 16, 14, srtp_crypto_policy_set_rtp_default},
    {SRTP_PROTECTION_AEAD_AES_128_GCM, 16, 12, srtp_crypto_policy_set_aes_gcm_128_16_auth},
    {SRTP_PROTECTION_AEAD_AES_256_GCM, 32, 12, srtp_crypto_policy_set_aes_gcm_256_16_auth},
};

static srtp_err_status_t library_status = srtp_err_status_fail;

static void start_library(void)
{
    library_status = srtp_init();
    if (library_status == srtp_err_status_ok && !crypto_install())
        LOG_WARNING("srtp", 0, "libsrtp keeps ciphers of its own");
}

/* libsrtp is initialised once for the process and never shut down: another user of it in the same process may still be at work. */
static bool library_is_ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_library);
    return library_status == srtp_err_status_ok;
}

void srtp_prepare(void)
{
    library_is_ready();
}

static int direction_open(direction_t *direction, size_t profile, const uint8_t *key, const uint8_t *salt, bool is_inbound)
{
    uint8_t master[KEY_MAX + SALT_MAX];
    memcpy(master, key, profiles[profile].key_length);
    memcpy(master + profiles[profile].key_length, salt, profiles[profile].salt_length);
    srtp_policy_t policy = {
        .ssrc = {.type = is_inbound ? ssrc_any_inbound : ssrc_any_outbound},
        .key = master,
        .window_size = SRTP_REPLAY_WINDOW,
        .allow_repeat_tx = 1, /* the same packet again, for peers without RTX (RFC 4585 §6.2.1) */
    };
    profiles[profile].set_policy(&policy.rtp);
    profiles[profile].set_policy(&policy.rtcp);
    srtp_err_status_t status = srtp_create(&direction->context, &policy);
    explicit_bzero(master, sizeof master);
    return status == srtp_err_status_ok ? 0 : error_set(PEER_ERROR_OPERATION, "srtp: libsrtp refused the keys (%d)", (int)status);
}

static int session_open(srtp_session_t *session, uint16_t number, const uint8_t *material, size_t length, bool is_client)
{
    size_t profile = 0;
    while (profile < sizeof profiles / sizeof *profiles && profiles[profile].profile != number)
        profile++;
    if (profile == sizeof profiles / sizeof *profiles)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "srtp: protection profile 0x%04x is unknown", number);
    size_t key = profiles[profile].key_length, salt = profiles[profile].salt_length;
    if (length != 2 * (key + salt))
        return error_set(PEER_ERROR_RANGE, "srtp: %zu bytes of keying material, the profile has %zu", length, 2 * (key + salt));
    if (!library_is_ready())
        return error_set(PEER_ERROR_OPERATION, "srtp: libsrtp did not start (%d)", (int)library_status);
    /* RFC 5764 §4.2: client_write_key, server_write_key, client_write_salt, server_write_salt */
    const uint8_t *client_key = material, *server_key = client_key + key;
    const uint8_t *client_salt = server_key + key, *server_salt = client_salt + salt;
    direction_t *client = is_client ? &session->outbound : &session->inbound;
    direction_t *server = is_client ? &session->inbound : &session->outbound;
    int error = direction_open(client, profile, client_key, client_salt, !is_client);
    if (error == 0)
        error = direction_open(server, profile, server_key, server_salt, is_client);
    return error;
}

srtp_session_t *srtp_session_new(uint16_t profile, const uint8_t *keying_material, size_t length, bool is_client)
{
    srtp_session_t *session = MEMORY_NEW(srtp_session_t);
    if (session == NULL) {
        error_no_memory();
        return NULL;
    }
    if (session_open(session, profile, keying_material, length, is_client) < 0) {
        srtp_session_free(session);
        return NULL;
    }
    return session;
}

static void direction_close(direction_t *direction)
{
    if (direction->context != NULL)
        srtp_dealloc(direction->context);
    map_clear(&direction->ssrcs);
}

void srtp_session_free(srtp_session_t *session)
{
    if (session == NULL)
        return;
    direction_close(&session->inbound);
    direction_close(&session->outbound);
    memory_free(session);
}

static bool count(srtp_session_t *session, srtp_err_status_t status)
{
    srtp_statistics_t *statistics = &session->statistics;
    switch (status) {
    case srtp_err_status_ok:
        return true;
    case srtp_err_status_auth_fail:
        statistics->authentication_failures++;
        break;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
        statistics->replays++;
        break;
    case srtp_err_status_bad_param:
    case srtp_err_status_parse_err:
    case srtp_err_status_cant_check:
        statistics->malformed++;
        break;
    case srtp_err_status_key_expired:
        statistics->keys_exhausted++;
        break;
    default:
        statistics->other_failures++;
        break;
    }
    return false;
}

typedef srtp_err_status_t operation_t(srtp_t context, void *packet, int *length);

/* libsrtp makes a stream when the first packet of an SSRC was protected, or was authenticated: nobody but the peer can fill the table. */
static bool apply(srtp_session_t *session, direction_t *direction, operation_t *operation, packet_t *packet, uint32_t ssrc)
{
    bool is_known = map_get(&direction->ssrcs, ssrc) != NULL;
    if (!is_known && direction->ssrcs.count >= SRTP_SSRCS_MAX) {
        session->statistics.too_many_ssrcs++;
        return false;
    }
    int length = (int)packet->length;
    if (!count(session, operation(direction->context, packet->data, &length)))
        return false;
    packet->length = (size_t)length;
    if (!is_known && !map_set(&direction->ssrcs, ssrc, direction)) {
        session->statistics.other_failures++;
        return false;
    }
    return true;
}

static bool is_packet(const packet_t *packet, size_t header)
{
    return packet->length >= header && packet->length <= PACKET_LARGE && packet->data[0] >> 6 == 2; /* version */
}

static bool protect(srtp_session_t *session, operation_t *operation, packet_t *packet, size_t header, size_t ssrc_at)
{
    if (!is_packet(packet, header) || packet_tailroom(packet) < SRTP_MAX_TRAILER_LEN + sizeof(uint32_t)) {
        session->statistics.malformed++;
        return false;
    }
    if (!apply(session, &session->outbound, operation, packet, bytes_get_u32(packet->data + ssrc_at)))
        return false;
    session->statistics.protected_packets++;
    return true;
}

static bool unprotect(srtp_session_t *session, operation_t *operation, packet_t *packet, size_t header, size_t ssrc_at)
{
    if (!is_packet(packet, header)) {
        session->statistics.malformed++;
        return false;
    }
    if (!apply(session, &session->inbound, operation, packet, bytes_get_u32(packet->data + ssrc_at)))
        return false;
    session->statistics.unprotected_packets++;
    return true;
}

bool srtp_session_protect_rtp(srtp_session_t *session, packet_t *packet)
{
    return protect(session, srtp_protect, packet, RTP_HEADER, 8);
}

bool srtp_session_protect_rtcp(srtp_session_t *session, packet_t *packet)
{
    return protect(session, srtp_protect_rtcp, packet, RTCP_HEADER, 4);
}

bool srtp_session_unprotect_rtp(srtp_session_t *session, packet_t *packet)
{
    return unprotect(session, srtp_unprotect, packet, RTP_HEADER, 8);
}

bool srtp_session_unprotect_rtcp(srtp_session_t *session, packet_t *packet)
{
    return unprotect(session, srtp_unprotect_rtcp, packet, RTCP_HEADER, 4);
}

void srtp_session_remove_outbound(srtp_session_t *session, uint32_t ssrc)
{
    uint32_t in_network_order;
    bytes_put_u32((uint8_t *)&in_network_order, ssrc); /* libsrtp wants it as it stands in a packet */
    if (map_remove(&session->outbound.ssrcs, ssrc) != NULL)
        srtp_remove_stream(session->outbound.context, in_network_order);
}

const srtp_statistics_t *srtp_session_statistics(const srtp_session_t *session)
{
    return &session->statistics;
}
