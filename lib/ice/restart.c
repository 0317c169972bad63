/* ICE restart (RFC 8445 §9): a new session with new credentials in the same agent, while the pair of the session before goes on carrying
 * data and proving consent with the credentials it was made with. */
#include "ice/agent.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#define LOCAL_UFRAG_LENGTH 8     /* RFC 8445 §5.3: at least 24 bits; 48 here */
#define LOCAL_PASSWORD_LENGTH 24 /* at least 128 bits; 144 here */

void ice_parameters_make(ice_parameters_t *parameters, const random_source_t *random)
{
    random_text(random, parameters->ufrag, LOCAL_UFRAG_LENGTH, RANDOM_ICE_CHARS);
    random_text(random, parameters->password, LOCAL_PASSWORD_LENGTH, RANDOM_ICE_CHARS);
    parameters->is_lite = false;
}

bool ice_pair_is_current(const ice_agent_t *agent, const ice_pair_t *pair)
{
    return pair->generation == agent->generation;
}

const ice_parameters_t *ice_pair_local_parameters(const ice_agent_t *agent, const ice_pair_t *pair)
{
    return ice_pair_is_current(agent, pair) ? &agent->local_parameters : &agent->previous->local_parameters;
}

const ice_parameters_t *ice_pair_remote_parameters(const ice_agent_t *agent, const ice_pair_t *pair)
{
    return ice_pair_is_current(agent, pair) ? &agent->remote_parameters : &agent->previous->remote_parameters;
}

void ice_previous_release_pair(ice_agent_t *agent)
{
    if (agent->previous == NULL || agent->previous->pair == NULL)
        return;
    ice_check_list_remove(agent, agent->previous->pair);
    agent->previous->pair = NULL; /* the remote candidate stays, as its view was given out with the pair */
}

void ice_previous_clear(ice_agent_t *agent)
{
    if (agent->previous == NULL)
        return;
    ice_previous_release_pair(agent);
    if (agent->previous->remote != NULL)
        ice_remote_free(agent, agent->previous->remote);
    memory_free(agent->previous);
    agent->previous = NULL;
}

/* What else leads to the kept candidate would never be checked again, and so never fail. */
static void remove_others(ice_agent_t *agent, const ice_pair_t *kept)
{
    for (size_t i = agent->pair_count; i-- > 0;)
        if (agent->pairs[i]->remote == kept->remote && agent->pairs[i] != kept)
            ice_check_list_remove(agent, agent->pairs[i]);
}

/* Keeps the pair in use, unless it is already the one kept by an earlier restart. */
static int keep_selected(ice_agent_t *agent)
{
    ice_pair_t *pair = agent->selected;
    if (pair != NULL && !ice_pair_is_current(agent, pair))
        return 0;
    ice_previous_t *previous = pair != NULL ? MEMORY_NEW(ice_previous_t) : NULL;
    if (pair != NULL && previous == NULL)
        return error_no_memory();
    ice_previous_clear(agent);
    if (pair == NULL)
        return 0;
    previous->local_parameters = agent->local_parameters;
    previous->remote_parameters = agent->remote_parameters;
    previous->pair = pair;
    previous->remote = ice_remote_take(agent, pair->remote);
    remove_others(agent, pair);
    agent->previous = previous;
    return 0;
}

int ice_agent_restart(ice_agent_t *agent, peer_time_t now, const ice_parameters_t *local)
{
    bool is_lite = agent->local_parameters.is_lite;
    int result = keep_selected(agent);
    if (result < 0)
        return result;
    ice_remote_clear(agent); /* and with the candidates all pairs but the kept one */
    ice_gather_restart(agent);
    agent->generation++;
    if (local != NULL)
        agent->local_parameters = *local;
    else
        ice_parameters_make(&agent->local_parameters, &agent->random);
    agent->local_parameters.is_lite = is_lite;
    agent->remote_renominates = false;
    agent->last_nomination = 0;
    agent->has_remote_parameters = agent->has_end_of_remote_candidates = false;
    agent->is_concluded = agent->is_failed = false;
    agent->fail_at = PEER_TIME_NEVER;
    agent->revived_at = 0;
    agent->first_valid_at = agent->nominate_at = agent->patience_at = PEER_TIME_NEVER;
    agent->checks_sent = 0;
    LOG_INFO("ice", agent->connection, "restart %u", (unsigned)agent->generation);
    ice_agent_settle(agent, now);
    return 0;
}

int ice_agent_forget(ice_agent_t *agent, peer_time_t now)
{
    int result = ice_agent_restart(agent, now, NULL);
    if (result < 0)
        return result;
    ice_previous_clear(agent);
    ice_nomination_select(agent, now);
    agent->fail_at = PEER_TIME_NEVER; /* nothing was lost: nothing is wanted */
    ice_agent_settle(agent, now);
    return 0;
}
