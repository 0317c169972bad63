/* Recovery: what happens in mid-call when the pair in use dies, when the peer turns up at another address (its NAT has forgotten it, or it
 * changed networks), and when networks of our own come and go. Data moves to another pair as soon as one works; a nomination by whoever
 * controls makes both sides agree on it (draft-thatcher-ice-renomination where the peer knows it). Only where no pair works at all is an
 * ICE restart needed, which is signalling's affair. */
#include "ice/agent.h"

#include "base/log.h"

#define HEARD_TIME (200 * PEER_MILLISECOND)     /* a pair that something came on this short a time ago is not doubted */
#define SURE_TIME (1 * PEER_SECOND)             /* what worked longer ago than this may have died of the same cause */
#define STRAY_INTERVAL (100 * PEER_MILLISECOND) /* between two strange paths that are looked into */
#define REVIVE_INTERVAL (5 * PEER_SECOND)       /* between two rounds of checks of everything, while nothing works */

bool ice_recovery_needs_checks(const ice_agent_t *agent, const ice_pair_t *pair)
{
    const ice_pair_t *selected = agent->selected;
    if (selected == NULL || selected->is_suspect || agent->is_disconnected)
        return true;
    if (!agent->remote_renominates || !ice_pair_is_better(pair, selected))
        return false;
    return agent->is_controlling || ice_pair_relays(pair) < ice_pair_relays(selected);
}

void ice_recovery_on_evidence(ice_agent_t *agent, peer_time_t now, ice_pair_t *pair)
{
    ice_pair_t *selected = agent->selected;
    if (!agent->is_concluded || pair == selected || !ice_pair_is_current(agent, pair) || agent->local_parameters.is_lite)
        return;
    if (pair->state != ICE_PAIR_IN_PROGRESS && (!ice_pair_is_valid(pair, now) || pair->is_suspect) && !pair->is_consent_lost &&
        !pair->is_triggered && now >= pair->last_check_at + STRAY_INTERVAL)
        ice_check_list_trigger(agent, pair);
    if (selected != NULL && now >= selected->last_received + HEARD_TIME)
        ice_consent_question(selected, now);
    ice_agent_settle(agent, now);
}

/* A lite agent asks nobody: where the peer's media come from, and no longer from elsewhere, there it is. */
void ice_recovery_on_traffic_to_lite(ice_agent_t *agent, peer_time_t now, const ice_pair_t *pair)
{
    if (agent->selected == NULL || !ice_pair_is_valid(pair, now) || pair->is_suspect || now < agent->selected->last_received + HEARD_TIME)
        return;
    agent->selected->is_suspect = true;
    ice_agent_settle(agent, now);
}

void ice_recovery_on_stray(ice_agent_t *agent, peer_time_t now, const path_t *path)
{
    if (agent->selected == NULL || now < agent->stray_at + STRAY_INTERVAL || agent->local_parameters.is_lite)
        return;
    agent->stray_at = now;
    ice_base_t *base = ice_base_find(agent, path);
    if (base == NULL || base->host == NULL || ice_base_is_tcp(base))
        return;
    path_t from = *path;
    from.remote.scope_id = 0;
    ice_remote_t *remote = ice_remote_find(agent, (transport_protocol_t)from.protocol, &from.remote);
    if (remote == NULL) /* the priority that its checks would have shown (RFC 8445 §7.3.1.3) */
        remote = ice_remote_add_peer_reflexive(agent, &from, ice_candidate_priority(base, ICE_CANDIDATE_PEER_REFLEXIVE), NULL, 0);
    if (remote == NULL)
        return;
    ice_pair_t *pair = ice_check_list_add(agent, base, remote);
    if (pair == NULL)
        return;
    LOG_INFO("ice", agent->connection, "the peer sends from elsewhere");
    ice_check_list_trigger(agent, pair);
    ice_agent_settle(agent, now);
}

void ice_recovery_doubt(ice_agent_t *agent, peer_time_t now, ice_pair_t *selected)
{
    selected->is_suspect = true;
    agent->revived_at = 0;
    for (size_t i = 0; i < agent->pair_count; i++) {
        ice_pair_t *pair = agent->pairs[i];
        if (ice_pair_is_current(agent, pair) && now >= pair->last_response + SURE_TIME)
            pair->is_suspect = true;
    }
}

/* Another chance for all pairs but those whose peer no longer consents (RFC 7675 §5.1). */
static void revive(ice_agent_t *agent, peer_time_t now)
{
    agent->revived_at = now;
    agent->checks_sent = 0;
    ice_query_refresh(agent, now);
    for (size_t i = 0; i < agent->pair_count; i++) {
        ice_pair_t *pair = agent->pairs[i];
        if (pair == agent->selected || pair->is_consent_lost || !ice_pair_is_current(agent, pair) || pair->is_triggered)
            continue;
        pair->is_retired = false;
        if (pair->state == ICE_PAIR_IN_PROGRESS || pair->state == ICE_PAIR_WAITING || (ice_pair_is_valid(pair, now) && !pair->is_suspect))
            continue;
        if (pair->base->kind != ICE_BASE_TCP_PASSIVE)
            pair->state = ICE_PAIR_FROZEN;
    }
}

static bool is_needed(const ice_agent_t *agent)
{
    bool is_lost = agent->selected == NULL && agent->fail_at != PEER_TIME_NEVER;
    if (agent->selected == NULL && !is_lost)
        return false;
    return agent->is_concluded && !agent->is_failed && !agent->local_parameters.is_lite &&
           (is_lost || agent->is_disconnected || agent->selected->is_suspect);
}

void ice_recovery_run(ice_agent_t *agent, peer_time_t now)
{
    if (is_needed(agent) && (agent->revived_at == 0 || now >= agent->revived_at + REVIVE_INTERVAL))
        revive(agent, now);
}

peer_time_t ice_recovery_deadline(const ice_agent_t *agent)
{
    return is_needed(agent) ? agent->revived_at + REVIVE_INTERVAL : PEER_TIME_NEVER;
}
