/* Connectivity checks as the STUN client (RFC 8445 §7.2): when one leaves, how the request looks, what its answer does to the pair. */
#include "ice/agent.h"

#include "base/log.h"

#include <string.h>

#define MAX_ROLE_CONFLICTS 8 /* of one pair; a peer that never settles fails it */

void ice_check_write_request(const ice_agent_t *agent, const ice_transaction_t *transaction, packet_t *packet)
{
    stun_builder_t builder;
    stun_build_begin(&builder, packet->data, packet_tailroom(packet), STUN_REQUEST, STUN_BINDING, transaction->id);
    if (transaction->kind != ICE_TRANSACTION_SERVER) {
        const ice_parameters_t *theirs = ice_pair_remote_parameters(agent, transaction->pair),
                               *ours = ice_pair_local_parameters(agent, transaction->pair);
        char username[2 * ICE_UFRAG_MAX + 2];
        size_t remote = strlen(theirs->ufrag), local = strlen(ours->ufrag);
        memcpy(username, theirs->ufrag, remote); /* RFC 8445 §7.2.2 */
        username[remote] = ':';
        memcpy(username + remote + 1, ours->ufrag, local);
        stun_build_bytes(&builder, STUN_USERNAME, username, remote + 1 + local);
        stun_build_u64(&builder, transaction->is_controlling ? STUN_ICE_CONTROLLING : STUN_ICE_CONTROLLED, agent->tie_breaker);
        if (transaction->is_nominating)
            stun_build_flag(&builder, STUN_USE_CANDIDATE);
        if (transaction->nomination != 0)
            stun_build_u32(&builder, STUN_NOMINATION, transaction->nomination);
        stun_build_u32(&builder, STUN_PRIORITY, ice_candidate_priority(transaction->pair->base, ICE_CANDIDATE_PEER_REFLEXIVE)); /* §7.1.1 */
        stun_build_integrity(&builder, STUN_HASH_SHA1, theirs->password, strlen(theirs->password));
    }
    stun_build_fingerprint(&builder);
    packet->length = stun_build_end(&builder);
}

static peer_time_t first_rto(const ice_agent_t *agent, const ice_pair_t *pair)
{
    if (pair->round_trip_time > 0)
        return 2 * pair->round_trip_time > ICE_CHECK_RTO ? 2 * pair->round_trip_time : ICE_CHECK_RTO;
    peer_time_t outstanding = 0; /* Num-Waiting + Num-In-Progress of §14.3 */
    for (size_t i = 0; i < agent->pair_count; i++)
        outstanding += agent->pairs[i]->state == ICE_PAIR_WAITING || agent->pairs[i]->state == ICE_PAIR_IN_PROGRESS;
    return outstanding * ICE_TA_FAST > ICE_CHECK_RTO ? outstanding * ICE_TA_FAST : ICE_CHECK_RTO;
}

/* RFC 6544 §7.1: the connection comes before the check. */
static void connect(ice_agent_t *agent, ice_pair_t *pair, peer_time_t now)
{
    pair->last_check_at = now;
    pair->state = ICE_PAIR_IN_PROGRESS;
    if (pair->link == NULL && (pair->base->kind != ICE_BASE_TCP_ACTIVE || !ice_link_connect_pair(agent, pair)))
        ice_check_fail(agent, pair);
}

void ice_check_send(ice_agent_t *agent, ice_pair_t *pair, peer_time_t now, bool is_nominating)
{
    if (ice_base_is_tcp(pair->base) && pair->path.socket == 0) {
        connect(agent, pair, now);
        return;
    }
    ice_transaction_t *transaction = ice_transaction_new(agent, ICE_TRANSACTION_CHECK, &pair->path, now);
    if (transaction == NULL)
        return;
    transaction->pair = pair;
    transaction->is_nominating = is_nominating;
    if (is_nominating && agent->remote_renominates)
        transaction->nomination = ++agent->last_nomination;
    if (pair->state != ICE_PAIR_SUCCEEDED)
        pair->state = ICE_PAIR_IN_PROGRESS;
    transaction->rto = first_rto(agent, pair);
    agent->checks_sent++;
    pair->last_check_at = now;
    if (log_enabled(PEER_LOG_DEBUG)) {
        char local[ADDRESS_TEXT_SIZE], remote[ADDRESS_TEXT_SIZE];
        LOG_DEBUG("ice", agent->connection, "check %s -> %s%s", address_text(&pair->path.local, local),
                  address_text(&pair->path.remote, remote), is_nominating ? ", nominating" : "");
    }
    ice_transaction_transmit(agent, transaction, now);
}

void ice_check_run(ice_agent_t *agent, peer_time_t now)
{
    if (!agent->has_remote_parameters || agent->local_parameters.is_lite)
        return;
    /* Triggered checks do not wait for Ta: each answers an authenticated check of the peer, so the peer paces them. */
    ice_pair_t *pair;
    while ((pair = ice_check_list_take_triggered(agent)) != NULL)
        ice_check_send(agent, pair, now, false);
    ice_check_list_thaw(agent);
    while (now >= agent->next_check_at && (pair = ice_check_list_next_waiting(agent)) != NULL) {
        ice_check_send(agent, pair, now, false);
        agent->next_check_at = now + (agent->checks_sent < ICE_FAST_CHECKS ? ICE_TA_FAST : ICE_TA_SLOW);
    }
}

peer_time_t ice_check_deadline(const ice_agent_t *agent)
{
    bool is_waiting = agent->has_remote_parameters && !agent->local_parameters.is_lite && ice_check_list_next_waiting(agent) != NULL;
    return is_waiting ? agent->next_check_at : PEER_TIME_NEVER;
}

void ice_check_fail(ice_agent_t *agent, ice_pair_t *pair)
{
    ice_transaction_cancel_pair(agent, pair);
    ice_link_drop(agent, pair->link);
    pair->state = ICE_PAIR_FAILED;
    pair->is_nominated = pair->is_nominating = pair->is_remote_nominated = false;
}

void ice_check_on_timeout(ice_agent_t *agent, const ice_transaction_t *transaction)
{
    if (transaction->is_nominating || transaction->pair->state == ICE_PAIR_IN_PROGRESS)
        ice_check_fail(agent, transaction->pair); /* RFC 8445 §7.2.5.2.3, §7.2.5.3.4 */
}

/* RFC 8445 §7.2.5.3.1: the candidate that the peer saw. */
static void discover_local(ice_agent_t *agent, ice_pair_t *pair, const stun_message_t *message)
{
    address_t mapped;
    if (!stun_get_mapped_address(message, &mapped) || mapped.family != pair->base->address.family || !ice_address_is_usable(&mapped))
        return;
    if (address_is_link_local(&mapped))
        mapped.scope_id = pair->base->address.scope_id;
    ice_local_t *local = ice_local_find(agent, pair->base, &mapped);
    if (pair->base->kind == ICE_BASE_TCP_ACTIVE && address_ip_equal(&mapped, &pair->base->address))
        local = pair->base->host; /* its port is the connection's */
    if (local == NULL)
        local = ice_local_add(agent, pair->base, ICE_CANDIDATE_PEER_REFLEXIVE, &mapped, NULL, NULL);
    if (local != NULL)
        pair->local = local;
}

static void on_error(ice_agent_t *agent, const ice_transaction_t *transaction, const stun_message_t *message)
{
    ice_pair_t *pair = transaction->pair;
    uint16_t code = 0;
    const char *reason;
    size_t length;
    stun_get_error(message, &code, &reason, &length);
    LOG_DEBUG("ice", agent->connection, "check answered by error %u", code);
    if (!ice_pair_is_current(agent, pair))
        return;
    if (code != STUN_ERROR_ROLE_CONFLICT || pair->role_conflicts >= MAX_ROLE_CONFLICTS) {
        if (!transaction->is_cancelled)
            ice_check_fail(agent, pair); /* §7.2.5.2.4 */
        return;
    }
    pair->role_conflicts++;
    if (agent->is_controlling == transaction->is_controlling) { /* §7.2.5.1 */
        ice_agent_switch_role(agent, !transaction->is_controlling);
        agent->tie_breaker = random_u64(&agent->random);
    }
    if (pair->state != ICE_PAIR_SUCCEEDED && !pair->is_consent_lost)
        ice_check_list_trigger(agent, pair);
}

void ice_check_on_response(ice_agent_t *agent, peer_time_t now, const ice_transaction_t *transaction, const stun_message_t *message)
{
    ice_pair_t *pair = transaction->pair;
    pair->responses_received++;
    pair->last_received = now;
    if (message->class == STUN_ERROR_RESPONSE) {
        on_error(agent, transaction, message);
        return;
    }
    if (pair->is_consent_lost)
        return;
    /* Which transmission is answered is unknown when there were several (Karn); the first then gives an upper bound. */
    if (transaction->transmissions == 1 || pair->round_trip_time == 0) {
        pair->round_trip_time = now - transaction->first_sent;
        pair->total_round_trip_time += pair->round_trip_time;
    }
    ice_consent_on_response(agent, pair, now);
    pair->is_suspect = false;
    if (pair->state != ICE_PAIR_SUCCEEDED) {
        pair->state = ICE_PAIR_SUCCEEDED;
        if (agent->first_valid_at == PEER_TIME_NEVER)
            agent->first_valid_at = now;
        ice_check_list_untrigger(agent, pair);
        ice_transaction_cancel_pair(agent, pair);
        ice_check_list_thaw_foundation(agent, pair);
        discover_local(agent, pair, message);
    }
    if (ice_pair_is_current(agent, pair))
        ice_nomination_on_success(agent, now, pair, transaction);
}
