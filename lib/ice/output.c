/* The queue between the agent and whoever polls it. */
#include "ice/agent.h"

#include "base/log.h"
#include "base/memory.h"

#include <string.h>

void ice_output_push(ice_agent_t *agent, const ice_output_t *output)
{
    if (agent->output_head > 0 && agent->output_count == agent->output_capacity) {
        agent->output_count -= agent->output_head;
        memmove(agent->outputs, agent->outputs + agent->output_head, agent->output_count * sizeof *agent->outputs);
        agent->output_head = 0;
    }
    if (!memory_reserve((void **)&agent->outputs, &agent->output_capacity, agent->output_count + 1, sizeof *agent->outputs)) {
        LOG_ERROR("ice", agent->connection, "memory ran out: an output was lost");
        if (output->kind == ICE_OUTPUT_SEND)
            packet_unref(output->packet);
        else if (output->kind == ICE_OUTPUT_CANDIDATE_ERROR)
            memory_free((char *)(uintptr_t)output->error.text);
        return;
    }
    agent->outputs[agent->output_count++] = *output;
}

void ice_output_send(ice_agent_t *agent, packet_t *packet, const path_t *path)
{
    packet->path = *path;
    if (agent->output_count - agent->output_head >= ICE_MAX_OUTPUTS || !ice_agent_wrap(agent, packet->time, packet)) {
        packet_unref(packet);
        return;
    }
    ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_SEND, .packet = packet});
}

bool ice_agent_poll(ice_agent_t *agent, ice_output_t *output)
{
    memory_free(agent->polled_text);
    agent->polled_text = NULL;
    if (agent->output_head == agent->output_count) {
        agent->output_head = agent->output_count = 0;
        return false;
    }
    *output = agent->outputs[agent->output_head++];
    if (output->kind == ICE_OUTPUT_CANDIDATE_ERROR)
        agent->polled_text = (char *)(uintptr_t)output->error.text;
    return true;
}

bool ice_output_names_url(const ice_agent_t *agent, const char *url)
{
    for (size_t i = agent->output_head; i < agent->output_count; i++)
        if (agent->outputs[i].kind == ICE_OUTPUT_CANDIDATE_ERROR && agent->outputs[i].error.url == url)
            return true;
    return false;
}

void ice_output_drop_resolve(ice_agent_t *agent, uint32_t request)
{
    size_t kept = agent->output_head;
    for (size_t i = agent->output_head; i < agent->output_count; i++)
        if (agent->outputs[i].kind != ICE_OUTPUT_RESOLVE || agent->outputs[i].resolve.request != request)
            agent->outputs[kept++] = agent->outputs[i];
    agent->output_count = kept;
}

bool ice_output_drop_connect(ice_agent_t *agent, uint32_t request)
{
    size_t kept = agent->output_head;
    bool was_waiting = false;
    for (size_t i = agent->output_head; i < agent->output_count; i++) {
        if (agent->outputs[i].kind == ICE_OUTPUT_CONNECT && agent->outputs[i].link->request == request)
            was_waiting = true;
        else
            agent->outputs[kept++] = agent->outputs[i];
    }
    agent->output_count = kept;
    return was_waiting;
}

void ice_output_drop_remote(ice_agent_t *agent, const ice_remote_t *remote)
{
    size_t kept = agent->output_head;
    for (size_t i = agent->output_head; i < agent->output_count; i++)
        if (agent->outputs[i].kind != ICE_OUTPUT_SELECTED_PAIR || agent->outputs[i].selected.remote != &remote->view)
            agent->outputs[kept++] = agent->outputs[i];
    agent->output_count = kept;
}

void ice_output_drop_local(ice_agent_t *agent, const ice_local_t *local)
{
    size_t kept = agent->output_head;
    for (size_t i = agent->output_head; i < agent->output_count; i++) {
        const ice_output_t *output = &agent->outputs[i];
        bool is_of_it = (output->kind == ICE_OUTPUT_LOCAL_CANDIDATE && output->candidate == &local->view) ||
                        (output->kind == ICE_OUTPUT_SELECTED_PAIR && output->selected.local == &local->view) ||
                        (output->kind == ICE_OUTPUT_PUBLISH_NAME && output->publish.name == local->view.host_name);
        if (!is_of_it)
            agent->outputs[kept++] = *output;
    }
    agent->output_count = kept;
}

void ice_output_clear(ice_agent_t *agent)
{
    ice_output_t output;
    while (ice_agent_poll(agent, &output))
        if (output.kind == ICE_OUTPUT_SEND)
            packet_unref(output.packet);
    memory_free(agent->outputs);
    agent->outputs = NULL;
    agent->output_capacity = 0;
}
