/* The check list (RFC 8445 §6.1.2): which pairs there are, in which order and state they wait, and the triggered-check queue. It sends
 * nothing. Pairs are formed from bases only, so that a reflexive local candidate never makes a redundant pair (§6.1.2.4). */
#include "ice/agent.h"

#include "base/memory.h"

#include <string.h>

ice_pair_t *ice_check_list_find(const ice_agent_t *agent, const ice_base_t *base, const ice_remote_t *remote)
{
    for (size_t i = 0; i < agent->pair_count; i++)
        if (agent->pairs[i]->base == base && agent->pairs[i]->remote == remote)
            return agent->pairs[i];
    return NULL;
}

ice_pair_t *ice_check_list_find_path(const ice_agent_t *agent, const path_t *path)
{
    for (size_t i = 0; i < agent->pair_count; i++)
        if (path_equal(&agent->pairs[i]->path, path))
            return agent->pairs[i];
    return NULL;
}

/* RFC 8445 §6.1.2.2: the same family, link-local with link-local; and a loopback address means this host only. */
static bool can_pair(const ice_base_t *base, const ice_remote_t *remote)
{
    const address_t *to = &remote->view.address;
    bool is_tcp = remote->view.protocol == TRANSPORT_TCP;
    if (base->host == NULL || base->is_hidden || ice_base_is_tcp(base) != is_tcp)
        return false;
    if (is_tcp && remote->view.tcp_type != (base->kind == ICE_BASE_TCP_ACTIVE ? ICE_TCP_PASSIVE : ICE_TCP_ACTIVE))
        return false; /* RFC 6544 §6.2 */
    if (to->family == ADDRESS_NONE || to->family != base->address.family)
        return false;
    if (to->family == ADDRESS_IPV6 && address_is_link_local(to) != address_is_link_local(&base->address))
        return false;
    return address_is_loopback(to) == address_is_loopback(&base->address);
}

void ice_check_list_untrigger(ice_agent_t *agent, ice_pair_t *pair)
{
    ice_pair_t *before = NULL;
    for (ice_pair_t *p = agent->first_triggered; p != NULL; before = p, p = p->next_triggered) {
        if (p != pair)
            continue;
        if (before != NULL)
            before->next_triggered = pair->next_triggered;
        else
            agent->first_triggered = pair->next_triggered;
        if (agent->last_triggered == pair)
            agent->last_triggered = before;
        break;
    }
    pair->next_triggered = NULL;
    pair->is_triggered = false;
}

static void remove_at(ice_agent_t *agent, size_t index)
{
    ice_pair_t *pair = agent->pairs[index];
    ice_check_list_untrigger(agent, pair);
    ice_transaction_remove_pair(agent, pair);
    ice_link_drop(agent, pair->link);
    if (agent->selected == pair) {
        ice_nomination_lose(agent);
        agent->selected = NULL;
        agent->send_path = NULL;
    }
    memmove(agent->pairs + index, agent->pairs + index + 1, (agent->pair_count - index - 1) * sizeof(ice_pair_t *));
    agent->pair_count--;
    memory_free(pair);
}

/* RFC 8445 §6.1.2.5: the lowest pair that carries nothing yet gives way. */
static bool make_room(ice_agent_t *agent, uint64_t priority)
{
    if (agent->pair_count < agent->max_pairs)
        return true;
    for (size_t i = agent->pair_count; i-- > 0;) {
        const ice_pair_t *pair = agent->pairs[i];
        if (pair->priority >= priority)
            return false;
        bool is_idle =
            (pair->state == ICE_PAIR_FROZEN || pair->state == ICE_PAIR_WAITING || pair->state == ICE_PAIR_FAILED) && !pair->is_consent_lost;
        if (is_idle && !pair->is_triggered && !pair->is_remote_nominated) {
            remove_at(agent, i);
            return true;
        }
    }
    return false;
}

static void insert(ice_agent_t *agent, ice_pair_t *pair)
{
    size_t place = agent->pair_count++;
    for (; place > 0 && agent->pairs[place - 1]->priority < pair->priority; place--)
        agent->pairs[place] = agent->pairs[place - 1];
    agent->pairs[place] = pair;
}

ice_pair_t *ice_check_list_add(ice_agent_t *agent, ice_base_t *base, ice_remote_t *remote)
{
    if (!can_pair(base, remote) || ice_check_list_find(agent, base, remote) != NULL)
        return NULL;
    ice_pair_t *pair = MEMORY_NEW(ice_pair_t);
    if (pair == NULL)
        return NULL;
    pair->generation = agent->generation;
    pair->base = base;
    pair->local = base->host;
    pair->remote = remote;
    pair->path = (path_t){.socket = ice_base_is_tcp(base) ? 0 : base->socket,
                          .protocol = remote->view.protocol,
                          .relay = base->relay,
                          .local = base->address,
                          .remote = remote->view.address};
    if (address_is_link_local(&pair->path.remote))
        pair->path.remote.scope_id = base->address.scope_id;
    pair->state = ICE_PAIR_FROZEN;
    pair->probe_at = PEER_TIME_NEVER;
    pair->priority = ice_pair_priority(agent, pair);
    if (!make_room(agent, pair->priority) ||
        !memory_reserve((void **)&agent->pairs, &agent->pair_capacity, agent->pair_count + 1, sizeof(ice_pair_t *))) {
        memory_free(pair);
        return NULL;
    }
    pair->id = ++agent->next_id;
    insert(agent, pair);
    return pair;
}

void ice_check_list_pair_base(ice_agent_t *agent, ice_base_t *base)
{
    for (size_t i = 0; i < agent->remote_count && base->kind != ICE_BASE_TCP_PASSIVE; i++) /* which waits for the peer's connection */
        ice_check_list_add(agent, base, agent->remotes[i]);
}

void ice_check_list_pair_remote(ice_agent_t *agent, ice_remote_t *remote)
{
    for (size_t i = 0; i < agent->base_count; i++)
        if (agent->bases[i]->kind != ICE_BASE_TCP_PASSIVE)
            ice_check_list_add(agent, agent->bases[i], remote);
}

void ice_check_list_remove(ice_agent_t *agent, const ice_pair_t *pair)
{
    for (size_t i = 0; i < agent->pair_count; i++) {
        if (agent->pairs[i] == pair) {
            remove_at(agent, i);
            return;
        }
    }
}

void ice_check_list_remove_remote(ice_agent_t *agent, const ice_remote_t *remote)
{
    for (size_t i = agent->pair_count; i-- > 0;)
        if (agent->pairs[i]->remote == remote)
            remove_at(agent, i);
}

void ice_check_list_sort(ice_agent_t *agent)
{
    size_t count = agent->pair_count;
    agent->pair_count = 0;
    for (size_t i = 0; i < count; i++) {
        ice_pair_t *pair = agent->pairs[i];
        pair->priority = ice_pair_priority(agent, pair);
        insert(agent, pair);
    }
}

static bool same_foundation(const ice_pair_t *a, const ice_pair_t *b)
{
    return a->base->host->foundation == b->base->host->foundation && strcmp(a->remote->view.foundation, b->remote->view.foundation) == 0;
}

/* Whether a pair of the same foundation is to be awaited. One that stays silent is not waited for until it times out: RFC 8445's rule is
 * meant to save checks, and a peer with two ports on one host would otherwise be found only after half a minute. */
static bool is_held_back(const ice_agent_t *agent, const ice_pair_t *frozen)
{
    for (size_t i = 0; i < agent->pair_count; i++) {
        const ice_pair_t *pair = agent->pairs[i];
        if (pair != frozen && same_foundation(pair, frozen) && !pair->is_retired &&
            (pair->state == ICE_PAIR_WAITING || (pair->state == ICE_PAIR_IN_PROGRESS && pair->requests_sent < ICE_UNFREEZE_TRANSMISSIONS)))
            return true;
    }
    return false;
}

/* Pairs of the session before are not checked any more, ones that came after the conclusion only where they are of use. */
static bool may_be_checked(const ice_agent_t *agent, const ice_pair_t *pair)
{
    return pair->state == ICE_PAIR_FROZEN && !pair->is_retired && ice_pair_is_current(agent, pair) &&
           (!agent->is_concluded || ice_recovery_needs_checks(agent, pair));
}

void ice_check_list_thaw(ice_agent_t *agent)
{
    for (size_t i = 0; i < agent->pair_count; i++)
        if (may_be_checked(agent, agent->pairs[i]) && !is_held_back(agent, agent->pairs[i]))
            agent->pairs[i]->state = ICE_PAIR_WAITING;
}

void ice_check_list_thaw_foundation(ice_agent_t *agent, const ice_pair_t *succeeded)
{
    for (size_t i = 0; i < agent->pair_count; i++)
        if (may_be_checked(agent, agent->pairs[i]) && same_foundation(agent->pairs[i], succeeded))
            agent->pairs[i]->state = ICE_PAIR_WAITING;
}

void ice_check_list_trigger(ice_agent_t *agent, ice_pair_t *pair)
{
    if (pair->is_consent_lost) /* nothing is sent there any more (RFC 7675 §5.1) */
        return;
    pair->state = ICE_PAIR_WAITING;
    pair->is_retired = false;
    if (pair->is_triggered)
        return;
    pair->is_triggered = true;
    pair->next_triggered = NULL;
    if (agent->last_triggered != NULL)
        agent->last_triggered->next_triggered = pair;
    else
        agent->first_triggered = pair;
    agent->last_triggered = pair;
}

ice_pair_t *ice_check_list_take_triggered(ice_agent_t *agent)
{
    ice_pair_t *pair = agent->first_triggered;
    if (pair != NULL)
        ice_check_list_untrigger(agent, pair);
    return pair;
}

ice_pair_t *ice_check_list_next_waiting(const ice_agent_t *agent)
{
    for (size_t i = 0; i < agent->pair_count; i++)
        if (agent->pairs[i]->state == ICE_PAIR_WAITING && !agent->pairs[i]->is_triggered && !agent->pairs[i]->is_retired)
            return agent->pairs[i];
    return NULL;
}

bool ice_check_list_is_unfinished(const ice_agent_t *agent)
{
    for (size_t i = 0; i < agent->pair_count; i++)
        if (ice_pair_is_unfinished(agent->pairs[i]) && !agent->pairs[i]->is_retired)
            return true;
    return false;
}

void ice_check_list_clear(ice_agent_t *agent)
{
    while (agent->pair_count > 0)
        remove_at(agent, agent->pair_count - 1);
    memory_free(agent->pairs);
    agent->pairs = NULL;
    agent->pair_capacity = 0;
}
