/* The TURN client as a whole: what comes in is given to the part that it concerns, what the parts have to tell comes out in order. */
#include "ice/turn_private.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

turn_t *turn_new(const turn_config_t *config, peer_time_t now)
{
    turn_t *turn = MEMORY_NEW(turn_t);
    if (turn == NULL)
        return NULL;
    turn->random = config->random;
    turn->pool = config->pool;
    turn->path = config->path;
    turn->is_reliable = config->path.protocol == TRANSPORT_TCP;
    turn->rto = config->rto > 0 ? config->rto : ICE_SERVER_RTO;
    turn->connection = config->connection;
    turn->wants_ipv4 = config->wants_ipv4 || !config->wants_ipv6;
    turn->wants_ipv6 = config->wants_ipv6;
    turn->refresh_at = turn->expires = PEER_TIME_NEVER;
    int result = stun_credentials_new(config->username, config->password, &turn->credentials);
    if (result == 0) {
        turn_allocation_begin(turn, now);
    } else if (result == PEER_ERROR_NO_MEMORY) {
        turn_free(turn);
        return NULL;
    } else {
        turn_allocation_end(turn, &(turn_result_t){.code = STUN_ERROR_UNAUTHENTICATED, .why = peer_last_error_message()});
    }
    turn_settle(turn);
    return turn;
}

void turn_free(turn_t *turn)
{
    if (turn == NULL)
        return;
    packet_queue_clear(&turn->waiting);
    stun_credentials_free(turn->credentials);
    memory_free(turn->permissions);
    memory_free(turn->channels);
    memory_free(turn);
}

void turn_settle(turn_t *turn)
{
    turn->deadline = turn_allocation_deadline(turn);
    turn->deadline = time_earlier(turn->deadline, turn_permission_deadline(turn));
    turn->deadline = time_earlier(turn->deadline, turn_channel_deadline(turn));
}

peer_time_t turn_deadline(const turn_t *turn)
{
    return turn->deadline;
}

void turn_timeout(turn_t *turn, peer_time_t now)
{
    turn_allocation_run(turn, now);
    turn_channel_run(turn, now); /* before permissions, which they refresh */
    turn_permission_run(turn, now);
    turn_settle(turn);
}

static bool is_answer_to(const turn_request_t *request, const stun_message_t *message)
{
    return request->is_active && memcmp(request->id, message->transaction_id, STUN_TRANSACTION_ID_SIZE) == 0;
}

static turn_input_result_t on_response(turn_t *turn, peer_time_t now, const stun_message_t *message)
{
    turn_result_t result;
    if (is_answer_to(&turn->main, message)) {
        result = turn_request_on_response(turn, &turn->main, (turn_subject_t){0}, now, message);
        if (result.answer != TURN_ANSWER_NONE)
            turn_allocation_on_result(turn, now, message, &result);
        return TURN_INPUT_CONSUMED;
    }
    for (size_t i = 0; i < turn->permission_count; i++) {
        turn_permission_t *permission = &turn->permissions[i];
        if (!is_answer_to(&permission->request, message))
            continue;
        result = turn_request_on_response(turn, &permission->request, (turn_subject_t){.permission = permission}, now, message);
        if (result.answer != TURN_ANSWER_NONE)
            turn_permission_on_result(turn, now, permission, &result);
        return TURN_INPUT_CONSUMED;
    }
    for (size_t i = 0; i < turn->channel_count; i++) {
        turn_channel_t *channel = &turn->channels[i];
        if (!is_answer_to(&channel->request, message))
            continue;
        result = turn_request_on_response(turn, &channel->request, (turn_subject_t){.channel = channel}, now, message);
        if (result.answer != TURN_ANSWER_NONE)
            turn_channel_on_result(turn, now, channel, &result);
        return TURN_INPUT_CONSUMED;
    }
    return TURN_INPUT_IGNORED;
}

turn_input_result_t turn_input(turn_t *turn, peer_time_t now, packet_t *packet)
{
    if (packet->length >= TURN_CHANNEL_HEADER && packet->data[0] >= 64 && packet->data[0] <= 79) /* RFC 8656 §12.6 */
        return turn_data_channel(turn, now, packet);
    stun_message_t message;
    if (!stun_parse(&message, packet->data, packet->length) || stun_check_fingerprint(&message) == STUN_CHECK_INVALID)
        return TURN_INPUT_IGNORED;
    if (message.class == STUN_INDICATION)
        return message.method == STUN_DATA ? turn_data_indication(turn, now, packet, &message) : TURN_INPUT_IGNORED;
    if (message.class == STUN_REQUEST)
        return TURN_INPUT_IGNORED;
    turn_input_result_t result = on_response(turn, now, &message);
    turn_settle(turn);
    return result;
}

static bool poll_permission(turn_t *turn, turn_output_t *output)
{
    for (size_t i = 0; i < turn->permission_count; i++) {
        turn_permission_t *permission = &turn->permissions[i];
        if (!permission->is_untold)
            continue;
        permission->is_untold = false;
        *output = (turn_output_t){.kind = TURN_OUTPUT_PERMISSION_FAILED,
                                  .permission = {permission->ip, permission->code, turn_text_meaning(permission->code)}};
        return true;
    }
    return false;
}

packet_t *turn_poll_packet(turn_t *turn)
{
    return packet_queue_pop(&turn->waiting);
}

bool turn_poll(turn_t *turn, turn_output_t *output)
{
    if (turn->waiting.first != NULL) {
        *output = (turn_output_t){.kind = TURN_OUTPUT_SEND, .packet = turn_poll_packet(turn)};
        return true;
    }
    if (turn->has_allocated_untold) {
        turn->has_allocated_untold = false;
        *output = (turn_output_t){.kind = TURN_OUTPUT_ALLOCATED,
                                  .allocated = {.relayed_count = turn->relayed_count, .mapped = turn->mapped, .lifetime = turn->lifetime}};
        memcpy(output->allocated.relayed, turn->relayed, sizeof turn->relayed);
        return true;
    }
    if (turn->has_failure_untold) {
        turn->has_failure_untold = false;
        *output = (turn_output_t){.kind = turn->failure_kind,
                                  .failure = {.code = turn->failure_code,
                                              .text = turn->text,
                                              .has_alternate = turn->has_alternate,
                                              .alternate = turn->alternate,
                                              .alternate_domain = turn->alternate_domain[0] != '\0' ? turn->alternate_domain : NULL}};
        return true;
    }
    return poll_permission(turn, output);
}

const turn_counters_t *turn_counters(const turn_t *turn)
{
    return &turn->counters;
}

const address_t *turn_relayed(const turn_t *turn, address_family_t family)
{
    for (size_t i = 0; i < turn->relayed_count; i++)
        if (turn->relayed[i].family == family)
            return &turn->relayed[i];
    return NULL;
}
