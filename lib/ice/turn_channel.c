/* Channels (RFC 8656 §12): numbers that stand for peers, so that a packet costs four octets instead of 36 or more. */
#include "ice/turn_private.h"

#include "base/memory.h"

turn_channel_t *turn_channel_find(const turn_t *turn, const address_t *peer)
{
    for (size_t i = 0; i < turn->channel_count; i++)
        if (address_equal(&turn->channels[i].peer, peer))
            return &turn->channels[i];
    return NULL;
}

turn_channel_t *turn_channel_find_number(const turn_t *turn, uint16_t number)
{
    for (size_t i = 0; i < turn->channel_count; i++)
        if (turn->channels[i].number == number)
            return &turn->channels[i];
    return NULL;
}

static void bind_channel(turn_t *turn, peer_time_t now, turn_channel_t *channel)
{
    channel->refresh_at = PEER_TIME_NEVER;
    /* The server may bind it even if no answer comes back. */
    channel->reusable = now + TURN_CHANNEL_LIFETIME + TURN_CHANNEL_QUARANTINE;
    turn_request_begin(turn, &channel->request, (turn_subject_t){.channel = channel}, now);
}

/* A channel that may be another peer's now, or a new one; NULL when there is none. */
static turn_channel_t *take_entry(turn_t *turn, peer_time_t now)
{
    for (size_t i = 0; i < turn->channel_count; i++)
        if (!turn->channels[i].request.is_active && now >= turn->channels[i].reusable)
            return &turn->channels[i];
    if (turn->channel_count >= TURN_MAX_CHANNELS ||
        !memory_reserve((void **)&turn->channels, &turn->channel_capacity, turn->channel_count + 1, sizeof *turn->channels))
        return NULL;
    return &turn->channels[turn->channel_count++];
}

/* Numbers are drawn at random, as another allocation of the same address and port may have used some. */
static uint16_t free_number(turn_t *turn)
{
    uint32_t number = random_below(&turn->random, TURN_CHANNEL_COUNT);
    while (turn_channel_find_number(turn, (uint16_t)(TURN_CHANNEL_FIRST + number)) != NULL)
        number = (number + 1) % TURN_CHANNEL_COUNT;
    return (uint16_t)(TURN_CHANNEL_FIRST + number);
}

void turn_bind_channel(turn_t *turn, peer_time_t now, const address_t *peer)
{
    if (turn->state != TURN_ALLOCATED || turn_relayed(turn, (address_family_t)peer->family) == NULL ||
        !turn_permission_need(turn, now, peer))
        return;
    turn_channel_t *channel = turn_channel_find(turn, peer);
    if (channel == NULL) {
        channel = take_entry(turn, now);
        if (channel == NULL)
            return;
        uint16_t number = free_number(turn);
        *channel = (turn_channel_t){.peer = *peer, .number = number, .state = TURN_CHANNEL_ENDED};
    } else if (channel->state == TURN_CHANNEL_FAILED && now < channel->retry_at) {
        return;
    }
    channel->last_used = now;
    if (channel->state != TURN_CHANNEL_BINDING && channel->state != TURN_CHANNEL_BOUND) {
        channel->state = TURN_CHANNEL_BINDING;
        channel->expires = PEER_TIME_NEVER;
        bind_channel(turn, now, channel);
    }
    turn_settle(turn);
}

void turn_channel_use(turn_t *turn, peer_time_t now, turn_channel_t *channel)
{
    channel->last_used = now;
    if (channel->state == TURN_CHANNEL_BOUND && channel->refresh_at == PEER_TIME_NEVER && !channel->request.is_active) {
        bind_channel(turn, now, channel); /* it was thought idle */
        turn_settle(turn);
    }
}

void turn_channel_on_result(turn_t *turn, peer_time_t now, turn_channel_t *channel, const turn_result_t *result)
{
    if (result->answer == TURN_ANSWER_SUCCESS) {
        peer_time_t granted_at = channel->request.first_sent;
        channel->state = TURN_CHANNEL_BOUND;
        channel->expires = granted_at + TURN_PERMISSION_LIFETIME; /* without the permission the server drops what comes through it */
        channel->refresh_at = now + TURN_CHANNEL_REFRESH;
        channel->failures = 0;
        turn_permission_extend(turn, now, &channel->peer, granted_at);
        return;
    }
    if (result->code == TURN_ERROR_ALLOCATION_MISMATCH) { /* the server has forgotten it */
        turn_allocation_end(turn, result);
        return;
    }
    if (channel->state == TURN_CHANNEL_BOUND && result->answer == TURN_ANSWER_SILENCE && now < channel->expires) {
        bind_channel(turn, now, channel);
        return;
    }
    channel->state = TURN_CHANNEL_FAILED; /* Send indications do it too */
    channel->expires = PEER_TIME_NEVER;
    channel->failures++;
    channel->retry_at = channel->failures >= TURN_RETRIES ? PEER_TIME_NEVER : now + (TURN_RETRY_DELAY << (channel->failures - 1));
}

void turn_channel_run(turn_t *turn, peer_time_t now)
{
    for (size_t i = 0; i < turn->channel_count && turn->state == TURN_ALLOCATED; i++) {
        turn_channel_t *channel = &turn->channels[i];
        if (turn_request_run(turn, &channel->request, (turn_subject_t){.channel = channel}, now)) {
            turn_result_t silence = turn_request_silence(&channel->request);
            turn_channel_on_result(turn, now, channel, &silence);
        } else if (channel->state == TURN_CHANNEL_BOUND && now >= channel->expires && !channel->request.is_active) {
            channel->state = TURN_CHANNEL_ENDED;
            channel->expires = channel->refresh_at = PEER_TIME_NEVER;
        } else if (channel->state == TURN_CHANNEL_BOUND && now >= channel->refresh_at) {
            channel->refresh_at = PEER_TIME_NEVER;
            if (now - channel->last_used < TURN_IDLE)
                bind_channel(turn, now, channel);
        }
    }
}

peer_time_t turn_channel_deadline(const turn_t *turn)
{
    peer_time_t deadline = PEER_TIME_NEVER;
    for (size_t i = 0; i < turn->channel_count; i++) {
        const turn_channel_t *channel = &turn->channels[i];
        deadline = time_earlier(deadline, turn_request_deadline(&channel->request));
        if (channel->state == TURN_CHANNEL_BOUND) {
            deadline = time_earlier(deadline, channel->refresh_at);
            if (!channel->request.is_active)
                deadline = time_earlier(deadline, channel->expires);
        }
    }
    return deadline;
}
