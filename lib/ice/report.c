/* What the servers were asked and said, for whoever wants to know why a call does or does not connect. */
#include "ice/agent.h"

/* Servers that could be asked from nowhere come behind the queries. */
static const ice_server_entry_t *find_unasked(const ice_agent_t *agent, size_t index)
{
    for (size_t s = 0; s < agent->server_count; s++) {
        bool is_asked = false;
        for (size_t i = 0; i < agent->query_count && !is_asked; i++)
            is_asked = agent->queries[i]->server == s;
        if (!is_asked && index-- == 0)
            return &agent->servers[s];
    }
    return NULL;
}

static ice_server_report_t describe_unasked(const ice_server_entry_t *server)
{
    bool is_looked_up = server->resolve_request != 0;
    ice_server_report_t report = {.url = server->url, .kind = server->kind, .transport = server->transport};
    report.state = is_looked_up || (!server->has_no_address && server->address_count == 0) ? ICE_SERVER_WAITING : ICE_SERVER_FAILED;
    if (server->address_count > 0)
        report.server = server->addresses[0];
    if (report.state == ICE_SERVER_FAILED) {
        report.code = 701;
        report.text =
            server->has_no_address ? "The host name of the server has no address." : "No address of this host can reach the server.";
    }
    return report;
}

size_t ice_agent_server_report_count(const ice_agent_t *agent)
{
    size_t count = agent->query_count;
    while (find_unasked(agent, count - agent->query_count) != NULL)
        count++;
    return count;
}

bool ice_agent_server_report(const ice_agent_t *agent, size_t index, ice_server_report_t *report)
{
    if (index >= agent->query_count) {
        const ice_server_entry_t *server = find_unasked(agent, index - agent->query_count);
        if (server != NULL)
            *report = describe_unasked(server);
        return server != NULL;
    }
    const ice_query_t *query = agent->queries[index];
    const ice_server_entry_t *server = &agent->servers[query->server];
    *report = (ice_server_report_t){.url = server->url,
                                    .kind = server->kind,
                                    .transport = server->transport,
                                    .server = query->address,
                                    .local = query->base->address,
                                    .state = query->state,
                                    .mapped = query->mapped,
                                    .relayed = query->relayed,
                                    .code = query->code,
                                    .text = query->text,
                                    .requests_sent = query->requests_sent,
                                    .responses_received = query->responses_received,
                                    .round_trip_time = query->round_trip_time};
    if (query->turn != NULL) {
        const turn_counters_t *counters = turn_counters(query->turn);
        report->requests_sent += counters->requests_sent;
        report->responses_received += counters->responses_received;
        report->round_trip_time = counters->round_trip_time;
    }
    return true;
}
