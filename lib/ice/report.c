/* What the servers were asked and said, for whoever wants to know why a call does or does not connect. */
#include "ice/agent.h"

size_t ice_agent_server_report_count(const ice_agent_t *agent)
{
    return agent->query_count;
}

bool ice_agent_server_report(const ice_agent_t *agent, size_t index, ice_server_report_t *report)
{
    if (index >= agent->query_count)
        return false;
    const ice_query_t *query = agent->queries[index];
    const ice_server_entry_t *server = &agent->servers[query->server];
    *report = (ice_server_report_t){.url = server->url,
                                    .kind = server->kind,
                                    .transport = server->transport,
                                    .server = query->address,
                                    .local = query->base->address,
                                    .state = query->state};
    return true;
}
