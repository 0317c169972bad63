#include "api/restart_policy.h"

#include <peer/connection.h>

void restart_policy_init(restart_policy_t *policy, bool is_polite)
{
    *policy = (restart_policy_t){.is_polite = is_polite, .state = PEER_ICE_CONNECTION_NEW, .restart_at = PEER_TIME_NEVER};
}

static void plan(restart_policy_t *policy, peer_time_t when, peer_time_t interval)
{
    if (policy->is_off)
        return;
    if (policy->restarted_at != 0 && when < policy->restarted_at + interval)
        when = policy->restarted_at + interval;
    policy->restart_at = time_earlier(policy->restart_at, when);
}

void restart_policy_set_off(restart_policy_t *policy, bool is_off)
{
    policy->is_off = is_off;
    if (is_off)
        policy->restart_at = PEER_TIME_NEVER;
}

void restart_policy_on_state(restart_policy_t *policy, peer_time_t now, int32_t state)
{
    peer_time_t politeness = policy->is_polite ? RESTART_POLITENESS : 0;
    policy->state = state;
    if (state == PEER_ICE_CONNECTION_DISCONNECTED)
        plan(policy, now + RESTART_PATIENCE + politeness, RESTART_INTERVAL);
    else if (state == PEER_ICE_CONNECTION_FAILED)
        plan(policy, now + politeness, RESTART_INTERVAL);
    else
        policy->restart_at = PEER_TIME_NEVER; /* it is well again, or somebody has restarted it */
}

void restart_policy_on_path_gone(restart_policy_t *policy, peer_time_t now)
{
    if (policy->state == PEER_ICE_CONNECTION_DISCONNECTED)
        plan(policy, now + RESTART_GONE_PATIENCE, RESTART_NETWORK_INTERVAL);
}

void restart_policy_on_network(restart_policy_t *policy, peer_time_t now)
{
    bool is_call = policy->state == PEER_ICE_CONNECTION_CONNECTED || policy->state == PEER_ICE_CONNECTION_COMPLETED ||
                   policy->state == PEER_ICE_CONNECTION_DISCONNECTED;
    if (is_call) /* before, the checks that go on take in what is new */
        plan(policy, now, RESTART_NETWORK_INTERVAL);
}

bool restart_policy_is_due(restart_policy_t *policy, peer_time_t now, bool is_negotiating)
{
    if (policy->is_off || policy->restart_at > now)
        return false;
    policy->restarted_at = now;
    policy->restart_at = PEER_TIME_NEVER;
    if (is_negotiating || policy->state == PEER_ICE_CONNECTION_FAILED)
        policy->restart_at = now + RESTART_INTERVAL; /* looks again: nothing else may happen */
    return !is_negotiating;
}
