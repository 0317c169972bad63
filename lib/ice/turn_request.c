/* Requests to the server: how they are written, repeated (RFC 8489 §6.2.1, ended as early as the agent ends its own to servers), matched
 * with responses and made anew when the server challenges. What an answer means is told by the file of the request's subject. */
#include "ice/turn_private.h"

#include <string.h>

/* How long a request is repeated, by the agent's timers for servers. A quicker start repeats it more often in the same time. */
static peer_time_t repeating_time(const turn_t *turn)
{
    peer_time_t time = 0, rto = turn->rto;
    for (unsigned i = 1; i < ICE_SERVER_TRANSMISSIONS; i++, rto *= 2)
        time += rto;
    return time;
}

/* RFC 8489 §6.2.1: from the round trip time, where that is known. */
static peer_time_t first_rto(const turn_t *turn)
{
    peer_time_t measured = 2 * turn->counters.round_trip_time;
    if (measured == 0 || measured >= turn->rto)
        return turn->rto;
    return measured > ICE_CHECK_RTO ? measured : ICE_CHECK_RTO;
}

static uint16_t method_of(const turn_t *turn, turn_subject_t subject)
{
    if (subject.permission != NULL)
        return STUN_CREATE_PERMISSION;
    if (subject.channel != NULL)
        return STUN_CHANNEL_BIND;
    return turn->relayed_count == 0 && !turn->is_giving_back ? STUN_ALLOCATE : STUN_REFRESH;
}

static void transmit(turn_t *turn, turn_request_t *request, turn_subject_t subject, peer_time_t now)
{
    request->transmissions++;
    request->next_at = now + request->rto;
    request->rto *= 2;
    peer_time_t last = request->first_sent + repeating_time(turn);
    request->is_last = turn->is_reliable || request->next_at > last; /* over TCP nothing is repeated (RFC 8489 §6.2.2) */
    if (request->is_last)
        request->next_at = (last > now ? last : now) + ICE_SERVER_LAST_WAIT;
    packet_t *packet = turn->waiting.count < TURN_MAX_WAITING ? packet_new(turn->pool, PACKET_SMALL) : NULL;
    if (packet == NULL)
        return; /* as if the network had lost it */
    stun_builder_t builder;
    stun_build_begin(&builder, packet->data, packet_tailroom(packet), STUN_REQUEST, method_of(turn, subject), request->id);
    if (subject.permission != NULL) {
        stun_build_xor_address(&builder, STUN_XOR_PEER_ADDRESS, &subject.permission->ip);
    } else if (subject.channel != NULL) {
        stun_build_u32(&builder, STUN_CHANNEL_NUMBER, (uint32_t)subject.channel->number << 16);
        stun_build_xor_address(&builder, STUN_XOR_PEER_ADDRESS, &subject.channel->peer);
    } else {
        turn_allocation_write(turn, &builder);
    }
    stun_credentials_sign(turn->credentials, &request->attempt, &builder);
    packet->length = stun_build_end(&builder);
    if (packet->length == 0) {
        packet_unref(packet);
        return;
    }
    packet->time = now;
    packet->path = turn->path;
    packet_queue_push(&turn->waiting, packet);
    turn->counters.requests_sent++;
}

static void start(turn_t *turn, turn_request_t *request, turn_subject_t subject, peer_time_t now)
{
    request->is_active = true;
    request->transmissions = 0;
    request->first_sent = now;
    request->rto = first_rto(turn);
    random_fill(&turn->random, request->id, sizeof request->id);
    transmit(turn, request, subject, now);
}

void turn_request_begin(turn_t *turn, turn_request_t *request, turn_subject_t subject, peer_time_t now)
{
    *request = (turn_request_t){0};
    start(turn, request, subject, now);
}

static turn_result_t end(turn_request_t *request, turn_answer_t answer, uint16_t code, const char *why)
{
    request->is_active = false;
    return (turn_result_t){.answer = answer, .code = code, .why = why};
}

turn_result_t turn_request_on_response(turn_t *turn, turn_request_t *request, turn_subject_t subject, peer_time_t now,
                                       const stun_message_t *message)
{
    turn_result_t result = {.answer = TURN_ANSWER_NONE};
    if (message->method != method_of(turn, subject))
        return result;
    const char *why = NULL;
    uint16_t unknown[1];
    bool has_error = message->class == STUN_ERROR_RESPONSE && stun_get_error(message, &result.code, &result.words, &result.words_length);
    turn->counters.responses_received++;
    if (turn->counters.round_trip_time == 0 && request->transmissions == 1)
        turn->counters.round_trip_time = now - request->first_sent;
    stun_verdict_t verdict = stun_credentials_judge(turn->credentials, &request->attempt, message, &why);
    switch (verdict) {
    case STUN_VERDICT_RETRY:
        if (turn->state == TURN_CLOSING && !turn->is_giving_back)
            return end(request, TURN_ANSWER_REFUSED, result.code, NULL); /* there is nothing to give back */
        start(turn, request, subject, now);
        return (turn_result_t){.answer = TURN_ANSWER_NONE};
    case STUN_VERDICT_REFUSE:
        return end(request, TURN_ANSWER_REFUSED, result.code, why);
    case STUN_VERDICT_DISCARD:
        if (has_error)
            request->discarded_code = result.code;
        if (turn->is_reliable) { /* RFC 8489 §9.2.5: no other answer will come */
            request->is_active = false;
            return turn_request_silence(request);
        }
        return (turn_result_t){.answer = TURN_ANSWER_NONE};
    case STUN_VERDICT_ACCEPT:
        break;
    }
    if (has_error) {
        request->is_active = false;
        result.answer = TURN_ANSWER_ERROR;
        return result;
    }
    if (message->class != STUN_SUCCESS_RESPONSE || stun_unknown_attributes(message, unknown, 1) != 0) /* RFC 8489 §6.3.3, §6.3.4 */
        return end(request, TURN_ANSWER_REFUSED, TURN_CODE_UNREACHABLE, "The TURN server's answer cannot be understood.");
    return end(request, TURN_ANSWER_SUCCESS, 0, NULL);
}

bool turn_request_run(turn_t *turn, turn_request_t *request, turn_subject_t subject, peer_time_t now)
{
    if (!request->is_active || now < request->next_at)
        return false;
    if (!request->is_last) {
        transmit(turn, request, subject, now);
        return false;
    }
    request->is_active = false;
    return true;
}

turn_result_t turn_request_silence(const turn_request_t *request)
{
    if (request->discarded_code != 0) /* RFC 8489 §9.2.5; some servers never sign their errors */
        return (turn_result_t){.answer = TURN_ANSWER_SILENCE, .code = request->discarded_code};
    return (turn_result_t){.answer = TURN_ANSWER_SILENCE,
                           .code = TURN_CODE_UNREACHABLE,
                           .why = request->attempt.had_forgery ? "The TURN server's answers are not authentic." : NULL};
}

peer_time_t turn_request_deadline(const turn_request_t *request)
{
    return request->is_active ? request->next_at : PEER_TIME_NEVER;
}
