/* STUN transactions that the agent began: checks, consent requests, requests to servers. This file repeats and ends them (RFC 8489 §6.2.1,
 * RFC 8445 §14.3); what an answer means is told by check.c, consent.c and gather.c. */
#include "ice/agent.h"

#include "base/memory.h"

#include <string.h>

static unsigned transmissions_of(const ice_transaction_t *transaction)
{
    if (transaction->path.protocol == TRANSPORT_TCP) /* RFC 8489 §6.2.2: what is reliable is not repeated */
        return 1;
    switch (transaction->kind) {
    case ICE_TRANSACTION_CHECK:
        return (transaction->is_nominating ? ICE_NOMINATION_TRANSMISSIONS : ICE_CHECK_TRANSMISSIONS) + transaction->hastened;
    case ICE_TRANSACTION_SERVER:
        return ICE_SERVER_TRANSMISSIONS;
    case ICE_TRANSACTION_CONSENT: /* RFC 7675 §5.1: each is sent once */
        break;
    }
    return 1;
}

/* The oldest of those nobody would miss. */
static bool evict(ice_agent_t *agent)
{
    ice_transaction_t *oldest = NULL;
    for (size_t i = 0; i < agent->transaction_count; i++) {
        ice_transaction_t *t = &agent->transactions[i];
        if ((t->is_cancelled || t->kind == ICE_TRANSACTION_CONSENT) && (oldest == NULL || t->first_sent < oldest->first_sent))
            oldest = t;
    }
    if (oldest != NULL)
        ice_transaction_remove(agent, oldest);
    return oldest != NULL;
}

ice_transaction_t *ice_transaction_new(ice_agent_t *agent, ice_transaction_kind_t kind, const path_t *path, peer_time_t now)
{
    if (agent->transaction_count >= ICE_MAX_TRANSACTIONS && !evict(agent))
        return NULL;
    if (!memory_reserve((void **)&agent->transactions, &agent->transaction_capacity, agent->transaction_count + 1,
                        sizeof *agent->transactions))
        return NULL;
    ice_transaction_t *transaction = &agent->transactions[agent->transaction_count++];
    *transaction =
        (ice_transaction_t){.kind = kind, .path = *path, .is_controlling = agent->is_controlling, .first_sent = now, .rto = ICE_CHECK_RTO};
    random_fill(&agent->random, transaction->id, sizeof transaction->id);
    return transaction;
}

ice_transaction_t *ice_transaction_find(const ice_agent_t *agent, const uint8_t *id)
{
    for (size_t i = 0; i < agent->transaction_count; i++)
        if (memcmp(agent->transactions[i].id, id, STUN_TRANSACTION_ID_SIZE) == 0)
            return &agent->transactions[i];
    return NULL;
}

void ice_transaction_remove(ice_agent_t *agent, ice_transaction_t *transaction)
{
    *transaction = agent->transactions[--agent->transaction_count];
}

void ice_transaction_remove_pair(ice_agent_t *agent, const ice_pair_t *pair)
{
    for (size_t i = agent->transaction_count; i-- > 0;)
        if (agent->transactions[i].pair == pair)
            ice_transaction_remove(agent, &agent->transactions[i]);
}

bool ice_transaction_hasten(ice_agent_t *agent, const ice_pair_t *pair, peer_time_t now, peer_time_t after)
{
    for (size_t i = 0; i < agent->transaction_count; i++) {
        ice_transaction_t *t = &agent->transactions[i];
        if (t->pair != pair || t->kind != ICE_TRANSACTION_CHECK || t->is_cancelled)
            continue;
        peer_time_t soon = t->last_sent + after > now ? t->last_sent + after : now;
        if (t->path.protocol == TRANSPORT_TCP || t->next_at <= soon)
            return true;
        t->next_at = soon;
        t->rto = ICE_CHECK_RTO;
        if (t->hastened < ICE_CHECK_TRANSMISSIONS)
            t->hastened++;
        return true;
    }
    return false;
}

void ice_transaction_cancel_pair(ice_agent_t *agent, const ice_pair_t *pair)
{
    for (size_t i = 0; i < agent->transaction_count; i++) {
        ice_transaction_t *t = &agent->transactions[i];
        if (t->pair == pair && t->kind == ICE_TRANSACTION_CHECK && !t->is_cancelled) {
            t->is_cancelled = true;
            t->next_at += ICE_CHECK_RTO_MAX;
        }
    }
}

void ice_transaction_transmit(ice_agent_t *agent, ice_transaction_t *transaction, peer_time_t now)
{
    transaction->transmissions++;
    transaction->last_sent = now;
    transaction->next_at = now + transaction->rto;
    if (transaction->kind == ICE_TRANSACTION_SERVER && transaction->transmissions == ICE_SERVER_TRANSMISSIONS)
        transaction->next_at = now + ICE_SERVER_LAST_WAIT;
    if (transaction->path.protocol == TRANSPORT_TCP && transaction->kind != ICE_TRANSACTION_CONSENT)
        transaction->next_at = now + ICE_STREAM_WAIT;
    transaction->rto *= 2;
    peer_time_t longest = transaction->is_nominating ? ICE_NOMINATION_RTO_MAX : ICE_CHECK_RTO_MAX;
    if (transaction->kind == ICE_TRANSACTION_CHECK && transaction->rto > longest)
        transaction->rto = longest;
    if (transaction->pair != NULL)
        transaction->pair->requests_sent++;
    if (transaction->query != NULL)
        transaction->query->requests_sent++;
    packet_t *packet = packet_new(agent->pool, PACKET_SMALL);
    if (packet == NULL)
        return; /* as if the network had lost it */
    packet->time = now;
    ice_check_write_request(agent, transaction, packet);
    ice_output_send(agent, packet, &transaction->path);
}

void ice_transaction_run(ice_agent_t *agent, peer_time_t now)
{
    for (size_t i = agent->transaction_count; i-- > 0;) {
        if (i >= agent->transaction_count || agent->transactions[i].next_at > now)
            continue;
        ice_transaction_t *due = &agent->transactions[i];
        if (!due->is_cancelled && due->transmissions < transmissions_of(due)) {
            ice_transaction_transmit(agent, due, now);
            continue;
        }
        ice_transaction_t ended = *due;
        ice_transaction_remove(agent, due);
        if (ended.is_cancelled)
            continue;
        if (ended.kind == ICE_TRANSACTION_CHECK)
            ice_check_on_timeout(agent, &ended);
        else if (ended.kind == ICE_TRANSACTION_SERVER)
            ice_query_fail_unreachable(agent, now, ended.query, "The server did not answer.");
    }
}

peer_time_t ice_transaction_deadline(const ice_agent_t *agent)
{
    peer_time_t deadline = PEER_TIME_NEVER;
    for (size_t i = 0; i < agent->transaction_count; i++)
        deadline = time_earlier(deadline, agent->transactions[i].next_at);
    return deadline;
}
