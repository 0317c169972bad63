/* The agent: it owns the parts, routes between them and computes the state (W3C RTCIceTransportState) and the deadline. */
#include "ice/agent.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <string.h>

ice_agent_t *ice_agent_new(const ice_config_t *config)
{
    ice_agent_t *agent = MEMORY_NEW(ice_agent_t);
    if (agent == NULL)
        return NULL;
    agent->random = config->random;
    agent->pool = config->pool;
    agent->policy = config->policy;
    agent->tcp_policy = config->tcp_policy;
    agent->max_pairs = config->max_pairs != 0 ? config->max_pairs : ICE_MAX_PAIRS;
    agent->hides_addresses = config->hides_addresses;
    agent->omits_private_hosts = config->omits_private_hosts;
    agent->wants_port_mapping = config->wants_port_mapping;
    agent->shares_sockets = config->shares_sockets;
    agent->connection = config->connection;
    agent->is_controlling = config->is_controlling;
    agent->tie_breaker = random_u64(&agent->random);
    agent->error_tokens = ICE_ERROR_BURST;
    agent->first_valid_at = agent->nominate_at = agent->patience_at = agent->deadline = agent->fail_at = PEER_TIME_NEVER;
    ice_parameters_make(&agent->local_parameters, &agent->random);
    agent->local_parameters.is_lite = config->is_lite;
    if (!ice_servers_copy(config->servers, config->server_count, &agent->servers, &agent->server_count)) {
        ice_agent_free(agent);
        return NULL;
    }
    return agent;
}

void ice_agent_free(ice_agent_t *agent)
{
    if (agent == NULL)
        return;
    ice_check_list_clear(agent);
    ice_previous_clear(agent);
    ice_remote_clear(agent);
    ice_gather_clear(agent);
    ice_output_clear(agent);
    memory_free(agent->transactions);
    memory_free(agent);
}

const ice_parameters_t *ice_agent_local_parameters(const ice_agent_t *agent)
{
    return &agent->local_parameters;
}

const ice_parameters_t *ice_agent_remote_parameters(const ice_agent_t *agent)
{
    return agent->has_remote_parameters ? &agent->remote_parameters : NULL;
}

bool ice_agent_is_controlling(const ice_agent_t *agent)
{
    return agent->is_controlling;
}

void ice_agent_switch_role(ice_agent_t *agent, bool is_controlling)
{
    agent->is_role_settled = true;
    if (agent->is_controlling == is_controlling)
        return;
    LOG_INFO("ice", agent->connection, "role is now %s", is_controlling ? "controlling" : "controlled");
    agent->is_controlling = is_controlling;
    for (size_t i = 0; i < agent->pair_count; i++) {
        ice_pair_t *pair = agent->pairs[i];
        pair->is_nominating = pair->is_remote_nominated = false;
        ice_transaction_cancel_pair(agent, pair); /* they say the old role */
        if (pair->state == ICE_PAIR_IN_PROGRESS)
            pair->state = ICE_PAIR_WAITING;
    }
    ice_check_list_sort(agent);
}

void ice_agent_set_controlling(ice_agent_t *agent, peer_time_t now, bool is_controlling)
{
    if (agent->is_role_settled || agent->checks_sent > 0 || agent->is_controlling == is_controlling)
        return;
    ice_agent_switch_role(agent, is_controlling);
    agent->is_role_settled = false;
    ice_agent_settle(agent, now);
}

int ice_agent_set_remote_parameters(ice_agent_t *agent, peer_time_t now, const char *ufrag, const char *password, bool is_lite)
{
    size_t ufrag_length = strlen(ufrag), password_length = strlen(password);
    if (ufrag_length == 0 || ufrag_length > ICE_UFRAG_MAX || password_length == 0 || password_length > ICE_PASSWORD_MAX)
        return error_set(PEER_ERROR_SYNTAX, "ICE parameters: the ufrag or password is empty or longer than %d", ICE_UFRAG_MAX);
    if (agent->has_remote_parameters) {
        if (strcmp(ufrag, agent->remote_parameters.ufrag) == 0 && strcmp(password, agent->remote_parameters.password) == 0)
            return 0;
        return error_set(PEER_ERROR_INVALID_STATE, "ICE parameters: the peer's ufrag or password changed without a restart");
    }
    memcpy(agent->remote_parameters.ufrag, ufrag, ufrag_length + 1);
    memcpy(agent->remote_parameters.password, password, password_length + 1);
    agent->remote_parameters.is_lite = is_lite;
    agent->has_remote_parameters = true;
    agent->patience_at = now + ICE_PATIENCE;
    agent->is_failed = false;
    if (is_lite)
        ice_agent_switch_role(agent, true); /* RFC 8445 §6.1.1: only a full agent controls */
    ice_remote_purge(agent);
    ice_agent_settle(agent, now);
    return 0;
}

void ice_agent_set_remote_renomination(ice_agent_t *agent, bool renominates)
{
    agent->remote_renominates = renominates;
}

void ice_agent_on_traffic(ice_agent_t *agent, peer_time_t now, const path_t *path, size_t bytes)
{
    ice_pair_t *pair = agent->selected;
    if (pair == NULL || !path_equal(&pair->path, path))
        pair = ice_check_list_find_path(agent, path);
    if (pair == NULL) {
        ice_recovery_on_stray(agent, now, path);
        return;
    }
    pair->packets_received++;
    pair->bytes_received += bytes;
    pair->last_packet_received = pair->last_traffic = pair->last_received = now;
    if (pair != agent->selected && agent->local_parameters.is_lite)
        ice_recovery_on_traffic_to_lite(agent, now, pair);
    else if (pair != agent->selected)
        ice_recovery_on_evidence(agent, now, pair);
    else if (agent->is_disconnected)
        ice_agent_settle(agent, now);
}

bool ice_agent_has_heard(const ice_agent_t *agent, const path_t *path)
{
    for (size_t i = 0; i < agent->pair_count; i++) {
        const ice_pair_t *pair = agent->pairs[i];
        if ((pair->requests_received != 0 || pair->responses_received != 0) && path_equal(&pair->path, path))
            return true;
    }
    return false;
}

void ice_agent_on_sent(ice_agent_t *agent, peer_time_t now, size_t bytes)
{
    ice_pair_t *pair = agent->selected;
    if (pair == NULL)
        return;
    pair->packets_sent++;
    pair->bytes_sent += bytes;
    pair->last_packet_sent = now;
}

const path_t *ice_agent_send_path(const ice_agent_t *agent)
{
    return agent->send_path;
}

void ice_agent_timeout(ice_agent_t *agent, peer_time_t now)
{
    ice_transaction_run(agent, now);
    ice_agent_settle(agent, now);
}

peer_time_t ice_agent_deadline(const ice_agent_t *agent)
{
    return agent->deadline;
}

/* RFC 8863 §4: never before the patience is over; and not while candidates are still to be expected. */
static bool has_run_out(const ice_agent_t *agent, peer_time_t now)
{
    return agent->has_remote_parameters && now >= agent->patience_at && (agent->has_end_of_remote_candidates || agent->remote_count > 0) &&
           (agent->is_concluded || !ice_check_list_is_unfinished(agent));
}

static ice_state_t compute_state(const ice_agent_t *agent)
{
    if (agent->selected != NULL) {
        if (agent->is_disconnected)
            return ICE_STATE_DISCONNECTED;
        bool is_complete =
            agent->selected->is_nominated && agent->has_end_of_remote_candidates && agent->gathering_state == ICE_GATHERING_COMPLETE;
        return is_complete ? ICE_STATE_COMPLETED : ICE_STATE_CONNECTED;
    }
    if (agent->is_failed)
        return ICE_STATE_FAILED;
    if (agent->fail_at != PEER_TIME_NEVER)
        return ICE_STATE_DISCONNECTED; /* the pair in use is gone, others are tried */
    return agent->has_remote_parameters && agent->remote_count > 0 ? ICE_STATE_CHECKING : ICE_STATE_NEW;
}

static void update_state(ice_agent_t *agent, peer_time_t now)
{
    if (agent->selected != NULL)
        agent->is_failed = false;
    else if (now >= agent->fail_at || (agent->fail_at == PEER_TIME_NEVER && has_run_out(agent, now)))
        agent->is_failed = true;
    ice_state_t state = compute_state(agent);
    if (state == agent->state)
        return;
    agent->state = state;
    LOG_INFO("ice", agent->connection, "state %s", ice_state_name(state));
    ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_STATE, .state = state});
}

static peer_time_t compute_deadline(const ice_agent_t *agent, peer_time_t now)
{
    peer_time_t deadline = time_earlier(ice_transaction_deadline(agent), ice_query_deadline(agent));
    deadline = time_earlier(deadline, time_earlier(ice_relay_deadline(agent), ice_recovery_deadline(agent)));
    deadline = time_earlier(deadline, time_earlier(ice_check_deadline(agent), agent->nominate_at));
    deadline = time_earlier(deadline, ice_consent_deadline(agent));
    if (agent->selected == NULL && !agent->is_failed)
        deadline = time_earlier(deadline, now < agent->patience_at ? time_earlier(agent->patience_at, agent->fail_at) : agent->fail_at);
    return deadline;
}

void ice_agent_settle(ice_agent_t *agent, peer_time_t now)
{
    ice_configuration_release(agent);
    ice_query_run(agent, now);
    ice_relay_run(agent, now);
    ice_gather_check_complete(agent);
    ice_consent_run(agent, now);
    ice_nomination_select(agent, now);
    ice_recovery_run(agent, now);
    ice_check_run(agent, now);
    ice_nomination_run(agent, now);
    ice_nomination_select(agent, now);
    update_state(agent, now);
    agent->deadline = compute_deadline(agent, now);
}

ice_state_t ice_agent_state(const ice_agent_t *agent)
{
    return agent->state;
}

ice_gathering_state_t ice_agent_gathering_state(const ice_agent_t *agent)
{
    return agent->gathering_state;
}

size_t ice_agent_candidate_count(const ice_agent_t *agent, bool is_remote)
{
    return is_remote ? agent->remote_count : agent->local_count;
}

const ice_candidate_t *ice_agent_candidate(const ice_agent_t *agent, bool is_remote, size_t index)
{
    if (index >= ice_agent_candidate_count(agent, is_remote))
        return NULL;
    return is_remote ? &agent->remotes[index]->view : &agent->locals[index]->view;
}

bool ice_agent_is_signalled(const ice_agent_t *agent, bool is_remote, size_t index)
{
    if (index >= ice_agent_candidate_count(agent, is_remote))
        return false;
    if (is_remote)
        return agent->remotes[index]->view.type != ICE_CANDIDATE_PEER_REFLEXIVE;
    return agent->locals[index]->is_announced && agent->locals[index]->generation == agent->generation;
}

uint32_t ice_agent_selected_pair_changes(const ice_agent_t *agent)
{
    return agent->selected_pair_changes;
}

const ice_drops_t *ice_agent_drops(const ice_agent_t *agent)
{
    return &agent->drops;
}
