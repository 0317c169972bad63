/* Links: TCP connections and those secured by TLS or DTLS, which the driver opens for the agent. */
#include "ice/agent.h"

static void close_socket(ice_agent_t *agent, uint32_t socket)
{
    ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_CLOSE_SOCKET, .socket = socket});
}

int ice_agent_add_listener(ice_agent_t *agent, peer_time_t now, uint32_t socket, const address_t *local, ice_network_type_t network)
{
    close_socket(agent, socket);
    return 0;
}

void ice_agent_link_opened(ice_agent_t *agent, peer_time_t now, uint32_t request, uint32_t socket, const address_t *local)
{
    close_socket(agent, socket);
}

void ice_agent_link_failed(ice_agent_t *agent, peer_time_t now, uint32_t request, const char *text)
{
}

void ice_agent_link_accepted(ice_agent_t *agent, peer_time_t now, uint32_t listener, uint32_t socket, const address_t *remote)
{
    close_socket(agent, socket);
}

void ice_agent_socket_closed(ice_agent_t *agent, peer_time_t now, uint32_t socket, const char *text)
{
}

void ice_agent_port_mapped(ice_agent_t *agent, peer_time_t now, uint32_t socket, const address_t *external)
{
}
