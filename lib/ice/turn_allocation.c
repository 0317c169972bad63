/* The allocation (RFC 8656 §6–§8): asked for, checked, refreshed, given back. The server's word is not taken for everything: an address
 * that no relay can have ends the matter. */
#include "ice/turn_private.h"

#include "base/log.h"

#include <string.h>

#define TRANSPORT_UDP_NUMBER 17 /* IANA protocol numbers: what relays carry */
#define FAMILY_IPV6 0x02000000u /* RFC 8656 §18.6 */

static const turn_subject_t ALLOCATION = {0};

void turn_allocation_write(const turn_t *turn, stun_builder_t *builder)
{
    stun_build_bytes(builder, STUN_SOFTWARE, "libpeer", 7); /* RFC 8656 §5 */
    if (turn->is_giving_back) {
        stun_build_u32(builder, STUN_LIFETIME, 0);
    } else if (turn->relayed_count == 0) {
        stun_build_u32(builder, STUN_REQUESTED_TRANSPORT, (uint32_t)TRANSPORT_UDP_NUMBER << 24);
        /* RFC 8656 §7.1: IPv4 is what a server gives unasked, old ones too, which do not know these attributes. */
        if (turn->asks_ipv6)
            stun_build_u32(builder, turn->asks_ipv4 ? STUN_ADDITIONAL_ADDRESS_FAMILY : STUN_REQUESTED_ADDRESS_FAMILY, FAMILY_IPV6);
        if (turn->asks_ipv6 && turn->asks_ipv4) /* coturn up to 4.6 knows only the number that the draft had; nobody minds it */
            stun_build_u32(builder, STUN_ADDITIONAL_ADDRESS_FAMILY_DRAFT, FAMILY_IPV6);
    }
}

void turn_allocation_begin(turn_t *turn, peer_time_t now)
{
    turn->asks_ipv4 = turn->wants_ipv4;
    turn->asks_ipv6 = turn->wants_ipv6;
    turn_request_begin(turn, &turn->main, ALLOCATION, now);
}

/* Both families were too much for the server: first the one, then the other. */
static bool ask_for_less(turn_t *turn, peer_time_t now)
{
    bool wants_both = turn->wants_ipv4 && turn->wants_ipv6;
    if (!wants_both || !turn->asks_ipv4)
        return false;
    turn->asks_ipv4 = turn->asks_ipv6; /* both, then IPv4, then IPv6 */
    turn->asks_ipv6 = !turn->asks_ipv6;
    turn_request_begin(turn, &turn->main, ALLOCATION, now);
    return true;
}

static void stop_requests(turn_t *turn)
{
    for (size_t i = 0; i < turn->permission_count; i++)
        turn->permissions[i].request.is_active = false;
    for (size_t i = 0; i < turn->channel_count; i++)
        turn->channels[i].request.is_active = false;
    turn->permission_count = turn->channel_count = 0;
}

static void give_back(turn_t *turn, peer_time_t now)
{
    turn->is_giving_back = true;
    turn_request_begin(turn, &turn->main, ALLOCATION, now);
}

void turn_allocation_end(turn_t *turn, const turn_result_t *why)
{
    if (turn->state == TURN_ALLOCATING || turn->state == TURN_ALLOCATED) {
        turn->failure_kind = turn->state == TURN_ALLOCATED ? TURN_OUTPUT_LOST : TURN_OUTPUT_FAILED;
        turn->failure_code = why->code;
        turn->has_failure_untold = true;
        turn_text_write(turn->text, sizeof turn->text, why);
        LOG_INFO("turn", turn->connection, "allocation %s: %u %s", turn->state == TURN_ALLOCATED ? "lost" : "failed", why->code,
                 turn->text);
    }
    turn->state = TURN_ENDED;
    turn->main.is_active = false;
    turn->refresh_at = turn->expires = PEER_TIME_NEVER;
    turn->has_allocated_untold = false;
    stop_requests(turn);
}

/* RFC 8489 §10. */
static void take_alternate(turn_t *turn, const stun_message_t *message)
{
    const uint8_t *domain;
    size_t length;
    turn->has_alternate = stun_get_address(message, STUN_ALTERNATE_SERVER, &turn->alternate) && ice_address_is_usable(&turn->alternate);
    if (stun_get_bytes(message, STUN_ALTERNATE_DOMAIN, &domain, &length) && length < sizeof turn->alternate_domain &&
        memchr(domain, '\0', length) == NULL) {
        memcpy(turn->alternate_domain, domain, length);
        turn->alternate_domain[length] = '\0';
    }
}

static peer_time_t granted_lifetime(const stun_message_t *message)
{
    uint32_t seconds;
    if (!stun_get_u32(message, STUN_LIFETIME, &seconds))
        return TURN_LIFETIME_DEFAULT;
    peer_time_t lifetime = (peer_time_t)seconds * PEER_SECOND;
    if (lifetime < TURN_LIFETIME_MIN)
        return TURN_LIFETIME_MIN;
    return lifetime < TURN_LIFETIME_MAX ? lifetime : TURN_LIFETIME_MAX;
}

static void live(turn_t *turn, peer_time_t now, const stun_message_t *message)
{
    turn->lifetime = granted_lifetime(message);
    turn->expires = turn->main.first_sent + turn->lifetime;
    turn->refresh_at = now + (turn->lifetime > 2 * TURN_REFRESH_MARGIN ? turn->lifetime - TURN_REFRESH_MARGIN : turn->lifetime / 2);
    turn->silent_rounds = 0;
}

/* What stands in the place of a family that could not be had: coturn does not leave it out. */
static bool is_nothing(const address_t *address)
{
    return address_is_any(address) && address->port == 0;
}

/* A relay on this host is only for one who is there himself. */
static bool is_relay_address(const turn_t *turn, const address_t *address)
{
    return ice_address_is_usable(address) && (!address_is_loopback(address) || address_is_loopback(&turn->path.remote));
}

/* The relayed addresses of the response, RFC 8656 §7.3. NULL, or what is wrong with them. */
static const char *take_relayed(turn_t *turn, const stun_message_t *message)
{
    turn->relayed_count = 0;
    for (size_t i = 0; i < message->attribute_count; i++) {
        if (message->attributes[i].type != STUN_XOR_RELAYED_ADDRESS)
            continue;
        address_t relayed;
        bool is_address = stun_get_xor_address_at(message, i, &relayed);
        if (is_address && is_nothing(&relayed))
            continue;
        if (!is_address || !is_relay_address(turn, &relayed))
            return "The TURN server gave a relayed address that cannot be one.";
        if (relayed.family == ADDRESS_IPV4 ? !turn->wants_ipv4 : !turn->wants_ipv6) /* coturn may give the one that was not asked for */
            return "The TURN server gave a relayed address of an IP version that was not asked for.";
        if (turn->relayed_count > 0 && (turn->relayed_count == 2 || turn->relayed[0].family == relayed.family))
            return "The TURN server gave too many relayed addresses.";
        turn->relayed[turn->relayed_count++] = relayed;
    }
    return turn->relayed_count > 0 ? NULL : "The TURN server gave no relayed address.";
}

static void log_allocation(const turn_t *turn)
{
    for (size_t i = 0; i < turn->relayed_count && log_enabled(PEER_LOG_INFO); i++) {
        char text[ADDRESS_TEXT_SIZE];
        LOG_INFO("turn", turn->connection, "allocated %s for %d s", address_text(&turn->relayed[i], text),
                 (int)(turn->lifetime / PEER_SECOND));
    }
}

static void on_allocated(turn_t *turn, peer_time_t now, const stun_message_t *message)
{
    const char *wrong = take_relayed(turn, message);
    if (!stun_get_xor_address(message, STUN_XOR_MAPPED_ADDRESS, &turn->mapped) || !ice_address_is_usable(&turn->mapped))
        turn->mapped = (address_t){.family = ADDRESS_NONE};
    if (wrong != NULL) {
        turn->relayed_count = 0;
        turn_allocation_end(turn, &(turn_result_t){.code = TURN_CODE_UNREACHABLE, .why = wrong});
        turn->state = TURN_CLOSING; /* RFC 8656 §7.3: whatever it is, the server need not keep it */
        give_back(turn, now);
    } else if (turn->state == TURN_CLOSING) {
        give_back(turn, now);
    } else {
        live(turn, now, message);
        turn->state = TURN_ALLOCATED;
        turn->has_allocated_untold = true;
        log_allocation(turn);
    }
}

static void on_allocate_result(turn_t *turn, peer_time_t now, const stun_message_t *message, const turn_result_t *result)
{
    if (result->answer == TURN_ANSWER_SUCCESS) {
        on_allocated(turn, now, message);
        return;
    }
    if (result->answer == TURN_ANSWER_ERROR && turn->state == TURN_ALLOCATING) {
        if (result->code == TURN_ERROR_FAMILY_NOT_SUPPORTED && ask_for_less(turn, now))
            return;
        if (result->code == STUN_ERROR_TRY_ALTERNATE)
            take_alternate(turn, message);
    }
    turn_allocation_end(turn, result);
}

static void on_refresh_result(turn_t *turn, peer_time_t now, const stun_message_t *message, const turn_result_t *result)
{
    if (turn->state == TURN_CLOSING) {
        turn_allocation_end(turn, result);
    } else if (result->answer == TURN_ANSWER_SUCCESS) {
        live(turn, now, message);
    } else if (result->answer == TURN_ANSWER_SILENCE && !turn->is_reliable && ++turn->silent_rounds < TURN_REFRESH_ROUNDS) {
        turn_request_begin(turn, &turn->main, ALLOCATION, now);
    } else {
        turn_allocation_end(turn, result);
    }
}

void turn_allocation_on_result(turn_t *turn, peer_time_t now, const stun_message_t *message, const turn_result_t *result)
{
    if (turn->relayed_count == 0 && !turn->is_giving_back)
        on_allocate_result(turn, now, message, result);
    else
        on_refresh_result(turn, now, message, result);
}

void turn_allocation_run(turn_t *turn, peer_time_t now)
{
    if (turn_request_run(turn, &turn->main, ALLOCATION, now)) {
        turn_result_t silence = turn_request_silence(&turn->main);
        turn_allocation_on_result(turn, now, NULL, &silence);
    }
    if (turn->state != TURN_ALLOCATED)
        return;
    if (now >= turn->expires) { /* the clock stood still for long, or the server for the whole margin */
        turn_allocation_end(turn, &(turn_result_t){.code = TURN_CODE_UNREACHABLE, .why = "The allocation on the TURN server expired."});
    } else if (now >= turn->refresh_at) {
        turn->refresh_at = PEER_TIME_NEVER;
        turn_request_begin(turn, &turn->main, ALLOCATION, now);
    }
}

peer_time_t turn_allocation_deadline(const turn_t *turn)
{
    peer_time_t deadline = turn_request_deadline(&turn->main);
    if (turn->state == TURN_ALLOCATED)
        deadline = time_earlier(deadline, time_earlier(turn->refresh_at, turn->expires));
    return deadline;
}

void turn_close(turn_t *turn, peer_time_t now)
{
    turn->has_allocated_untold = turn->has_failure_untold = false;
    stop_requests(turn);
    if (turn->state == TURN_ALLOCATED) {
        give_back(turn, now);
        turn->state = TURN_CLOSING;
    } else if (turn->state == TURN_ALLOCATING) {
        turn->main.is_last = true; /* repeated no more; an allocation that still comes is given back */
        turn->main.next_at = now + ICE_SERVER_LAST_WAIT;
        turn->state = TURN_CLOSING;
    }
    turn_settle(turn);
}

void turn_verify(turn_t *turn, peer_time_t now)
{
    if (turn->state == TURN_ALLOCATED && !turn->main.is_active && turn->refresh_at != PEER_TIME_NEVER)
        turn->refresh_at = now;
    turn_settle(turn);
}
