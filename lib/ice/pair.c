/* A candidate pair's own facts and its view for getStats. When it is checked and whether it is used is decided elsewhere. */
#include "ice/agent.h"

uint64_t ice_pair_priority(const ice_agent_t *agent, const ice_pair_t *pair)
{
    /* The pair is checked from the base, so the base's candidate counts (RFC 8445 §6.1.2.4). */
    uint64_t local = pair->base->host->view.priority, remote = pair->remote->view.priority;
    uint64_t g = agent->is_controlling ? local : remote, d = agent->is_controlling ? remote : local;
    return ((g < d ? g : d) << 32) + 2 * (g > d ? g : d) + (g > d);
}

bool ice_pair_is_valid(const ice_pair_t *pair, peer_time_t now)
{
    return pair->state == ICE_PAIR_SUCCEEDED && now < pair->consent_expires;
}

bool ice_pair_is_unfinished(const ice_pair_t *pair)
{
    return pair->state == ICE_PAIR_FROZEN || pair->state == ICE_PAIR_WAITING || pair->state == ICE_PAIR_IN_PROGRESS;
}

unsigned ice_pair_relays(const ice_pair_t *pair)
{
    return (pair->base->kind == ICE_BASE_RELAY) + (pair->remote->view.type == ICE_CANDIDATE_RELAYED);
}

bool ice_pair_is_better(const ice_pair_t *a, const ice_pair_t *b)
{
    unsigned relays = ice_pair_relays(a), others = ice_pair_relays(b);
    return relays != others ? relays < others : a->priority > b->priority;
}

size_t ice_agent_pair_count(const ice_agent_t *agent)
{
    return agent->pair_count;
}

bool ice_agent_pair_stats(const ice_agent_t *agent, size_t index, ice_pair_stats_t *stats)
{
    if (index >= agent->pair_count)
        return false;
    const ice_pair_t *pair = agent->pairs[index];
    *stats = (ice_pair_stats_t){
        .id = pair->id,
        .local = &pair->local->view,
        .remote = &pair->remote->view,
        .state = pair->state,
        .is_nominated = pair->is_nominated,
        .is_selected = pair == agent->selected,
        .priority = pair->priority,
        .packets_sent = pair->packets_sent,
        .packets_received = pair->packets_received,
        .bytes_sent = pair->bytes_sent,
        .bytes_received = pair->bytes_received,
        .last_packet_sent = pair->last_packet_sent,
        .last_packet_received = pair->last_packet_received,
        .requests_sent = pair->requests_sent,
        .requests_received = pair->requests_received,
        .responses_sent = pair->responses_sent,
        .responses_received = pair->responses_received,
        .consent_requests_sent = pair->consent_requests_sent,
        .current_round_trip_time = pair->round_trip_time,
        .total_round_trip_time = pair->total_round_trip_time,
    };
    return true;
}
