/* The ICE report: the snapshot, and its JSON. */
#include "api/ice_report.h"

#include "api/api.h"
#include "base/error.h"
#include "base/memory.h"

#include <string.h>

static bool collect_candidates(const ice_agent_t *agent, bool is_remote, const ice_candidate_t ***candidates, size_t *count)
{
    size_t total = ice_agent_candidate_count(agent, is_remote);
    *candidates = memory_array(total + 1, sizeof **candidates);
    for (size_t i = 0; *candidates != NULL && i < total; i++) {
        const ice_candidate_t *candidate = ice_agent_candidate(agent, is_remote, i);
        if (candidate != NULL)
            (*candidates)[(*count)++] = candidate;
    }
    return *candidates != NULL;
}

bool ice_report_collect(const connection_t *connection, peer_time_t now, ice_report_t *report)
{
    connection_ice_t ice;
    connection_ice(connection, &ice);
    *report = (ice_report_t){.now = now,
                             .state = ice.state,
                             .gathering_state = ice_agent_gathering_state(ice.agent),
                             .is_controlling = ice_agent_is_controlling(ice.agent),
                             .is_relay_only = ice.is_relay_only,
                             .has_local_description = ice.has_local_description,
                             .has_remote_description = ice.has_remote_description,
                             .has_dtls_failed = ice.has_dtls_failed,
                             .drops = *ice_agent_drops(ice.agent)};
    size_t servers = ice_agent_server_report_count(ice.agent), pairs = ice_agent_pair_count(ice.agent);
    report->servers = memory_array(servers + 1, sizeof *report->servers);
    report->pairs = memory_array(pairs + 1, sizeof *report->pairs);
    if (report->servers == NULL || report->pairs == NULL || !collect_candidates(ice.agent, false, &report->locals, &report->local_count) ||
        !collect_candidates(ice.agent, true, &report->remotes, &report->remote_count)) {
        ice_report_clear(report);
        return false;
    }
    for (size_t i = 0; i < servers; i++)
        report->server_count += ice_agent_server_report(ice.agent, i, &report->servers[report->server_count]);
    for (size_t i = 0; i < pairs; i++)
        report->pair_count += ice_agent_pair_stats(ice.agent, i, &report->pairs[report->pair_count]);
    return true;
}

void ice_report_clear(ice_report_t *report)
{
    memory_free(report->locals);
    memory_free(report->remotes);
    memory_free(report->servers);
    memory_free(report->pairs);
    *report = (ice_report_t){0};
}

bool ice_report_is_out_of_use(const ice_report_t *report, const ice_server_report_t *server)
{
    return report->is_relay_only && server->kind == ICE_SERVER_STUN;
}

void ice_report_address(const ice_candidate_t *candidate, text_t *text)
{
    char address[ADDRESS_TEXT_SIZE];
    if (candidate->host_name != NULL)
        text_addf(text, "%s:%u", candidate->host_name, candidate->address.port);
    else
        text_add(text, address_text(&candidate->address, address));
}

/* ---- JSON ---- */

/* Members that are not known are left out. json_object_set_new() takes the value also when it fails, and NULL fails. */
static void set_text(json_t *object, const char *member, const char *value)
{
    if (value != NULL && *value != '\0')
        json_object_set_new(object, member, json_string(value));
}

static void set_address(json_t *object, const char *member, const address_t *address)
{
    char text[ADDRESS_TEXT_SIZE];
    if (address->family != ADDRESS_NONE)
        set_text(object, member, address_text(address, text));
}

static void set_time(json_t *object, const char *member, peer_time_t time)
{
    if (time > 0)
        json_object_set_new(object, member, json_real((double)time / 1e6));
}

static void set_count(json_t *object, const char *member, uint64_t count)
{
    json_object_set_new(object, member, json_integer((json_int_t)count));
}

static json_t *candidate_object(const ice_candidate_t *candidate, bool is_remote)
{
    text_t address = {0};
    json_t *object = json_object();
    ice_report_address(candidate, &address);
    set_text(object, "type", ice_candidate_type_name((ice_candidate_type_t)candidate->type));
    set_text(object, "protocol", candidate->protocol == TRANSPORT_TCP ? "tcp" : "udp");
    set_text(object, "tcpType", ice_tcp_type_name((ice_tcp_type_t)candidate->tcp_type));
    set_text(object, "address", address.data);
    if (candidate->host_name != NULL)
        set_address(object, "resolvedAddress", &candidate->address);
    set_address(object, "relatedAddress", &candidate->related);
    set_count(object, "priority", candidate->priority);
    set_text(object, "url", candidate->url);
    if (!is_remote && candidate->type == ICE_CANDIDATE_RELAYED)
        set_text(object, "relayProtocol", ice_server_transport_name((ice_server_transport_t)candidate->relay_protocol));
    if (!is_remote)
        set_text(object, "networkType", ice_network_type_name((ice_network_type_t)candidate->network_type));
    text_clear(&address);
    return object;
}

static json_t *candidate_array(const ice_candidate_t *const *candidates, size_t count, bool is_remote)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, candidate_object(candidates[i], is_remote));
    return array;
}

static json_t *server_object(const ice_server_report_t *server)
{
    static const char *const states[] = {"waiting", "connecting", "asked", "answered", "failed"};
    json_t *object = json_object();
    set_text(object, "url", server->url);
    set_text(object, "kind", server->kind == ICE_SERVER_TURN ? "turn" : "stun");
    set_text(object, "transport", ice_server_transport_name(server->transport));
    set_address(object, "server", &server->server);
    set_address(object, "local", &server->local);
    set_text(object, "state", API_NAME(states, (int)server->state));
    set_address(object, "mapped", &server->mapped);
    set_address(object, "relayed", &server->relayed);
    if (server->code != 0)
        set_count(object, "errorCode", server->code);
    set_text(object, "errorText", server->text);
    set_count(object, "requestsSent", server->requests_sent);
    set_count(object, "responsesReceived", server->responses_received);
    set_time(object, "roundTripTime", server->round_trip_time);
    return object;
}

static json_t *pair_object(const ice_pair_stats_t *pair)
{
    json_t *object = json_object();
    json_object_set_new(object, "local", candidate_object(pair->local, false));
    json_object_set_new(object, "remote", candidate_object(pair->remote, true));
    set_text(object, "state", ice_pair_state_name(pair->state));
    json_object_set_new(object, "nominated", json_boolean(pair->is_nominated));
    json_object_set_new(object, "selected", json_boolean(pair->is_selected));
    set_count(object, "requestsSent", pair->requests_sent);
    set_count(object, "responsesReceived", pair->responses_received);
    set_count(object, "requestsReceived", pair->requests_received);
    set_count(object, "responsesSent", pair->responses_sent);
    set_count(object, "packetsSent", pair->packets_sent);
    set_count(object, "packetsReceived", pair->packets_received);
    if (pair->responses_received > 0)
        set_time(object, "roundTripTime", pair->current_round_trip_time);
    return object;
}

static json_t *drops_object(const ice_drops_t *drops)
{
    json_t *object = json_object();
    set_count(object, "malformed", drops->malformed);
    set_count(object, "unknownSocket", drops->unknown_socket);
    set_count(object, "unsupported", drops->unsupported);
    set_count(object, "missingCredentials", drops->missing_credentials);
    set_count(object, "wrongUsername", drops->wrong_username);
    set_count(object, "wrongIntegrity", drops->wrong_integrity);
    set_count(object, "unknownAttribute", drops->unknown_attribute);
    set_count(object, "unknownTransaction", drops->unknown_transaction);
    set_count(object, "wrongSource", drops->wrong_source);
    set_count(object, "overLimit", drops->over_limit);
    return object;
}

static json_t *conclusion_object(const ice_conclusion_t *conclusion)
{
    json_t *object = json_object(), *findings = json_array();
    set_text(object, "verdict", conclusion->verdict);
    set_text(object, "text", conclusion->text.data);
    for (size_t i = 0; i < conclusion->count; i++) {
        json_t *finding = json_object();
        set_text(finding, "code", conclusion->findings[i].code);
        set_text(finding, "text", conclusion->findings[i].text.data);
        json_array_append_new(findings, finding);
    }
    json_object_set_new(object, "findings", findings);
    return object;
}

char *ice_report_json(const ice_report_t *report, const ice_conclusion_t *conclusion)
{
    json_t *object = json_object(), *servers = json_array(), *pairs = json_array();
    set_text(object, "iceState", ice_state_name(report->state));
    set_text(object, "gatheringState", ice_gathering_state_name(report->gathering_state));
    set_text(object, "iceRole", report->is_controlling ? "controlling" : "controlled");
    json_object_set_new(object, "relayOnly", json_boolean(report->is_relay_only));
    json_object_set_new(object, "conclusion", conclusion_object(conclusion));
    json_object_set_new(object, "localCandidates", candidate_array(report->locals, report->local_count, false));
    json_object_set_new(object, "remoteCandidates", candidate_array(report->remotes, report->remote_count, true));
    for (size_t i = 0; i < report->server_count; i++)
        json_array_append_new(servers, server_object(&report->servers[i]));
    json_object_set_new(object, "servers", servers);
    for (size_t i = 0; i < report->pair_count; i++)
        json_array_append_new(pairs, pair_object(&report->pairs[i]));
    json_object_set_new(object, "pairs", pairs);
    json_object_set_new(object, "drops", drops_object(&report->drops));
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    return text;
}

/* ---- the public call ---- */

static char *make(const connection_t *connection, peer_time_t now, int32_t format)
{
    ice_report_t report;
    ice_conclusion_t conclusion;
    if (!ice_report_collect(connection, now, &report))
        return NULL;
    ice_conclude(&report, &conclusion);
    char *text = format == PEER_ICE_REPORT_JSON ? ice_report_json(&report, &conclusion) : ice_report_text(&report, &conclusion);
    ice_conclusion_clear(&conclusion);
    ice_report_clear(&report);
    return text;
}

char *peer_connection_ice_report(const peer_connection_t *pc, int32_t format)
{
    if (format != PEER_ICE_REPORT_JSON && format != PEER_ICE_REPORT_TEXT) {
        error_set(PEER_ERROR_RANGE, "%d is no format of an ICE report", format);
        return NULL;
    }
    loop_lock(pc->loop);
    char *text = make(pc->connection, runtime_now(), format);
    loop_unlock(pc->loop);
    if (text == NULL)
        error_no_memory();
    return text;
}
