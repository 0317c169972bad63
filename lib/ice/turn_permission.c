/* Permissions (RFC 8656 §9, §10): for which peers' IP addresses the server relays. They are asked for when something is to be sent, one
 * request each, so that a refusal has one meaning. */
#include "ice/turn_private.h"

#include "base/log.h"
#include "base/memory.h"

#include <string.h>

static bool has_ip(const turn_permission_t *permission, const address_t *peer)
{
    return permission->ip.family == peer->family && memcmp(permission->ip.bytes, peer->bytes, sizeof peer->bytes) == 0;
}

turn_permission_t *turn_permission_find(const turn_t *turn, const address_t *peer)
{
    for (size_t i = 0; i < turn->permission_count; i++)
        if (has_ip(&turn->permissions[i], peer))
            return &turn->permissions[i];
    return NULL;
}

static void ask(turn_t *turn, peer_time_t now, turn_permission_t *permission)
{
    permission->refresh_at = PEER_TIME_NEVER;
    turn_request_begin(turn, &permission->request, (turn_subject_t){.permission = permission}, now);
}

/* Also one that was thought idle when its refresh was due. */
static void use(turn_t *turn, peer_time_t now, turn_permission_t *permission)
{
    permission->last_used = now;
    if (permission->state == TURN_PERMISSION_GRANTED && permission->refresh_at == PEER_TIME_NEVER && !permission->request.is_active)
        ask(turn, now, permission);
}

static void remove_at(turn_t *turn, size_t i)
{
    turn->permissions[i] = turn->permissions[--turn->permission_count];
}

/* One that was refused makes room. */
static bool make_room(turn_t *turn)
{
    if (turn->permission_count < TURN_MAX_PERMISSIONS)
        return memory_reserve((void **)&turn->permissions, &turn->permission_capacity, turn->permission_count + 1,
                              sizeof *turn->permissions);
    for (size_t i = 0; i < turn->permission_count; i++) {
        if (turn->permissions[i].state == TURN_PERMISSION_REFUSED && !turn->permissions[i].is_untold) {
            remove_at(turn, i);
            return true;
        }
    }
    return false;
}

bool turn_permission_need(turn_t *turn, peer_time_t now, const address_t *peer)
{
    turn_permission_t *permission = turn_permission_find(turn, peer);
    if (permission == NULL) {
        if (!make_room(turn))
            return false;
        permission = &turn->permissions[turn->permission_count++];
        *permission = (turn_permission_t){.ip = *peer, .expires = PEER_TIME_NEVER, .retry_at = PEER_TIME_NEVER};
        permission->ip.port = 0;
        permission->ip.scope_id = 0;
        ask(turn, now, permission);
    } else if (permission->state == TURN_PERMISSION_REFUSED) {
        if (now < permission->retry_at)
            return false;
        permission->state = TURN_PERMISSION_ASKING;
        ask(turn, now, permission);
    }
    use(turn, now, permission);
    return true;
}

bool turn_permission_covers(turn_t *turn, peer_time_t now, const address_t *peer)
{
    turn_permission_t *permission = turn_permission_find(turn, peer);
    if (permission == NULL || permission->state == TURN_PERMISSION_REFUSED)
        return false;
    use(turn, now, permission);
    return true;
}

static void grant(turn_permission_t *permission, peer_time_t now, peer_time_t granted_at)
{
    permission->state = TURN_PERMISSION_GRANTED;
    permission->expires = granted_at + TURN_PERMISSION_LIFETIME;
    permission->refresh_at = now + TURN_PERMISSION_REFRESH;
    permission->failures = 0;
}

void turn_permission_extend(turn_t *turn, peer_time_t now, const address_t *peer, peer_time_t granted_at)
{
    turn_permission_t *permission = turn_permission_find(turn, peer);
    if (permission == NULL || permission->state == TURN_PERMISSION_REFUSED)
        return;
    permission->request.is_active = false; /* it has what it asked for */
    grant(permission, now, granted_at);
}

/* RFC 8656 §10.2: the peer's address will not do, now or later. Everything else may pass. */
static bool is_final(uint16_t code)
{
    return code == STUN_ERROR_BAD_REQUEST || code == TURN_ERROR_FORBIDDEN || code == TURN_ERROR_FAMILY_MISMATCH ||
           code == TURN_ERROR_FAMILY_NOT_SUPPORTED;
}

void turn_permission_on_result(turn_t *turn, peer_time_t now, turn_permission_t *permission, const turn_result_t *result)
{
    if (result->answer == TURN_ANSWER_SUCCESS) {
        grant(permission, now, permission->request.first_sent);
        return;
    }
    if (result->code == TURN_ERROR_ALLOCATION_MISMATCH) { /* the server has forgotten it */
        turn_allocation_end(turn, result);
        return;
    }
    if (permission->state == TURN_PERMISSION_GRANTED && result->answer == TURN_ANSWER_SILENCE && now < permission->expires) {
        ask(turn, now, permission); /* what was granted still lasts */
        return;
    }
    permission->failures++;
    permission->state = TURN_PERMISSION_REFUSED;
    permission->code = result->code;
    permission->is_untold = true;
    permission->refresh_at = permission->expires = PEER_TIME_NEVER;
    bool is_over = is_final(result->code) || permission->failures >= TURN_RETRIES;
    permission->retry_at = is_over ? PEER_TIME_NEVER : now + (TURN_RETRY_DELAY << (permission->failures - 1));
    char text[ADDRESS_TEXT_SIZE];
    LOG_INFO("turn", turn->connection, "no permission for %s: %u", address_ip_text(&permission->ip, text), result->code);
}

/* A channel's packets are not seen here. */
static bool is_idle(const turn_t *turn, const turn_permission_t *permission, peer_time_t now)
{
    peer_time_t last_used = permission->last_used;
    for (size_t i = 0; i < turn->channel_count; i++)
        if (has_ip(permission, &turn->channels[i].peer) && turn->channels[i].last_used > last_used)
            last_used = turn->channels[i].last_used;
    return now - last_used >= TURN_IDLE;
}

void turn_permission_run(turn_t *turn, peer_time_t now)
{
    for (size_t i = turn->permission_count; i-- > 0 && turn->state == TURN_ALLOCATED;) {
        turn_permission_t *permission = &turn->permissions[i];
        if (turn_request_run(turn, &permission->request, (turn_subject_t){.permission = permission}, now)) {
            turn_result_t silence = turn_request_silence(&permission->request);
            turn_permission_on_result(turn, now, permission, &silence);
        } else if (now >= permission->expires && !permission->request.is_active) {
            remove_at(turn, i); /* the next packet asks anew */
        } else if (now >= permission->refresh_at) {
            permission->refresh_at = PEER_TIME_NEVER;
            if (!is_idle(turn, permission, now))
                ask(turn, now, permission);
        }
    }
}

peer_time_t turn_permission_deadline(const turn_t *turn)
{
    peer_time_t deadline = PEER_TIME_NEVER;
    for (size_t i = 0; i < turn->permission_count; i++) {
        const turn_permission_t *permission = &turn->permissions[i];
        deadline = time_earlier(deadline, turn_request_deadline(&permission->request));
        deadline = time_earlier(deadline, permission->refresh_at);
        if (!permission->request.is_active)
            deadline = time_earlier(deadline, permission->expires);
    }
    return deadline;
}
