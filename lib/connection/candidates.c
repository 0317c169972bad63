/* Our candidates on their way to the application and into our descriptions. With a pool they are gathered before there is a local
 * description, and held until one names the m-line that they belong to (RFC 9429 §3.5.4); the gathering state waits with them. When a
 * restart is rolled back the generation before it stands again (RFC 9429 §5.7), and what was told of it is not told twice. */
#include "connection/internal.h"

#include "base/log.h"
#include "base/memory.h"

#include <string.h>

#define HELD_MAX (2 * ICE_MAX_LOCAL_CANDIDATES) /* candidates and errors; more errors are not told */

/* The candidate-attribute (RFC 8839 §5.1). A name stays one, also when it has been resolved: what it stands for is hidden. */
static void write_candidate(const ice_candidate_t *candidate, const char *ufrag, text_t *text)
{
    char address[ADDRESS_TEXT_SIZE], related[ADDRESS_TEXT_SIZE];
    sdp_attribute_t extension = {.name = "ufrag", .value = ufrag};
    sdp_candidate_t written = {.foundation = candidate->foundation,
                               .component = candidate->component,
                               .transport = candidate->protocol == TRANSPORT_TCP ? "tcp" : "udp",
                               .is_udp = candidate->protocol == TRANSPORT_UDP,
                               .is_tcp = candidate->protocol == TRANSPORT_TCP,
                               .priority = candidate->priority,
                               .address =
                                   candidate->host_name != NULL ? candidate->host_name : address_ip_text(&candidate->address, address),
                               .port = candidate->address.port,
                               .type = (sdp_candidate_type_t)(candidate->type + SDP_CANDIDATE_HOST),
                               .type_text = ice_candidate_type_name((ice_candidate_type_t)candidate->type),
                               .tcptype = (sdp_tcptype_t)candidate->tcp_type,
                               .extensions = &extension,
                               .extension_count = ufrag != NULL};
    if (candidate->related.family != ADDRESS_NONE) {
        written.related_address = address_ip_text(&candidate->related, related);
        written.related_port = candidate->related.port;
        written.has_related_port = true;
    }
    sdp_candidate_write(&written, text);
}

void describe_candidate(const connection_t *connection, const ice_candidate_t *candidate, const char *ufrag, connection_event_t *event)
{
    const char *mid = NULL;
    int mline_index = -1;
    text_t text = {0};
    jsep_candidate_mline(connection->jsep, &mid, &mline_index);
    if (candidate != NULL)
        write_candidate(candidate, ufrag, &text);
    event->text = candidate != NULL ? text_take(&text) : NULL;
    event->candidate.mid = memory_string(mid);
    event->candidate.mline_index = mline_index;
    event->candidate.ufrag = memory_string(ufrag);
    event->candidate.url = candidate != NULL ? memory_string(candidate->url) : NULL;
    event->candidate.relay_protocol = candidate != NULL && candidate->type == ICE_CANDIDATE_RELAYED ? candidate->relay_protocol : -1;
}

static void tell_gathering_state(connection_t *connection, ice_gathering_state_t state);

/* Something comes that was not there before the rollback: gathering is really going on again. */
static void end_repetition(connection_t *connection)
{
    if (!connection->repeats_gathering)
        return;
    connection->repeats_gathering = false;
    tell_gathering_state(connection, ICE_GATHERING_GATHERING);
}

/* False: it was told already. */
static bool describe(connection_t *connection, const ice_candidate_t *candidate, const char *ufrag)
{
    text_t text = {0};
    write_candidate(candidate, ufrag, &text);
    char *written = text_take(&text);
    bool is_known = written != NULL && jsep_add_local_candidate(connection->jsep, ufrag, written) == 1;
    memory_free(written);
    return !is_known;
}

static void tell_candidate(connection_t *connection, const ice_candidate_t *candidate)
{
    const char *ufrag = ice_agent_local_parameters(transport_ice(connection->transport))->ufrag;
    if (candidate != NULL && !describe(connection, candidate, ufrag))
        return;
    end_repetition(connection);
    connection_event_t *event = event_new(connection, CONNECTION_EVENT_ICE_CANDIDATE);
    if (event != NULL)
        describe_candidate(connection, candidate, ufrag, event);
}

static void tell_error(connection_t *connection, const ice_candidate_error_t *error)
{
    end_repetition(connection);
    connection_event_t *event = event_new(connection, CONNECTION_EVENT_ICE_CANDIDATE_ERROR);
    if (event == NULL)
        return;
    char text[ADDRESS_TEXT_SIZE];
    event->candidate_error.address = error->address.family != ADDRESS_NONE ? memory_string(address_ip_text(&error->address, text)) : NULL;
    event->candidate_error.port = error->address.port;
    event->candidate_error.url = memory_string(error->url);
    event->candidate_error.code = error->code;
    event->text = memory_string(error->text);
}

static void tell_gathering_state(connection_t *connection, ice_gathering_state_t state)
{
    bool is_repeated = connection->repeats_gathering && state != ICE_GATHERING_NEW;
    if (state != ICE_GATHERING_GATHERING)
        connection->repeats_gathering = false;
    if (state == ICE_GATHERING_COMPLETE) {
        const ice_parameters_t *parameters = ice_agent_local_parameters(transport_ice(connection->transport));
        jsep_add_local_candidate(connection->jsep, parameters->ufrag, NULL);
    }
    if (is_repeated || (state == ICE_GATHERING_GATHERING && connection->ice_gathering_state == state))
        return;
    connection->ice_gathering_state = state;
    event_state(connection, CONNECTION_EVENT_TRANSPORT_GATHERING, (int32_t)state); /* W3C §5.6: its transport's first */
    event_state(connection, CONNECTION_EVENT_ICE_GATHERING_STATE, (int32_t)state);
    if (state == ICE_GATHERING_COMPLETE)
        tell_candidate(connection, NULL);
}

/* Also while every m-line is rejected, and after a rollback to where there was none: there is nothing that they could name. */
static bool are_held(const connection_t *connection)
{
    const char *mid;
    int mline_index;
    return !connection->is_gathering || !jsep_candidate_mline(connection->jsep, &mid, &mline_index);
}

static held_candidate_t *hold(connection_t *connection)
{
    void *held = connection->held;
    if (connection->held_count >= HELD_MAX ||
        !memory_reserve(&held, &connection->held_capacity, connection->held_count + 1, sizeof *connection->held)) {
        LOG_WARNING("connection", connection->number, "a candidate gathered early, or an error, is not told");
        return NULL;
    }
    connection->held = held;
    held_candidate_t *item = &connection->held[connection->held_count++];
    *item = (held_candidate_t){0};
    return item;
}

void on_local_candidate(connection_t *connection, const ice_candidate_t *candidate)
{
    if (!are_held(connection)) {
        tell_candidate(connection, candidate);
        return;
    }
    held_candidate_t *item = hold(connection);
    if (item != NULL)
        item->candidate = candidate->id;
}

void on_candidate_error(connection_t *connection, const ice_candidate_error_t *error)
{
    if (!are_held(connection)) {
        tell_error(connection, error);
        return;
    }
    held_candidate_t *item = hold(connection);
    if (item == NULL)
        return;
    item->error = *error;
    item->error.url = item->url = memory_string(error->url);
    item->error.text = item->text = memory_string(error->text);
}

void on_gathering_state(connection_t *connection, ice_gathering_state_t state)
{
    if (are_held(connection))
        connection->held_gathering_state = state;
    else
        tell_gathering_state(connection, state);
}

void gather_early(connection_t *connection)
{
    connection->wants_early_gathering = false;
    ice_agent_gather(transport_ice(connection->transport), connection->now);
}

int connection_set_ice_configuration(connection_t *connection, peer_time_t now, const connection_ice_configuration_t *configuration)
{
    ice_agent_t *ice = transport_ice(connection->transport);
    connection->now = now;
    int error = ice_agent_configure(ice, configuration->servers, configuration->server_count, configuration->policy);
    if (error < 0)
        return error;
    connection->is_relay_only = configuration->policy == ICE_POLICY_RELAY;
    bool is_pooled = !connection->is_gathering && ice_agent_gathering_state(ice) != ICE_GATHERING_NEW;
    if (is_pooled) { /* RFC 9429 §4.1.18: gathered for no description yet, and from servers that count no more */
        ice_parameters_t same = *ice_agent_local_parameters(ice);
        error = ice_agent_restart(ice, now, &same);
        connection->has_forgotten_peer = connection->described.ufrag[0] != '\0';
        drop_held_candidates(connection);
    }
    connection->wants_early_gathering = configuration->has_pool && !connection->is_gathering;
    return error;
}

/* NULL: it has gone, with its network or its server. */
static const ice_candidate_t *find_candidate(const ice_agent_t *ice, uint32_t id)
{
    for (size_t i = 0; i < ice_agent_candidate_count(ice, false); i++)
        if (ice_agent_candidate(ice, false, i)->id == id)
            return ice_agent_candidate(ice, false, i);
    return NULL;
}

void tell_held_candidates(connection_t *connection)
{
    if (are_held(connection))
        return;
    ice_gathering_state_t state = connection->held_gathering_state;
    if (state != ICE_GATHERING_NEW && connection->ice_gathering_state != ICE_GATHERING_GATHERING)
        tell_gathering_state(connection, ICE_GATHERING_GATHERING);
    for (size_t i = 0; i < connection->held_count; i++) {
        const held_candidate_t *item = &connection->held[i];
        const ice_candidate_t *candidate = find_candidate(transport_ice(connection->transport), item->candidate);
        if (candidate != NULL)
            tell_candidate(connection, candidate);
        else if (item->candidate == 0)
            tell_error(connection, &item->error);
    }
    if (state == ICE_GATHERING_COMPLETE)
        tell_gathering_state(connection, ICE_GATHERING_COMPLETE);
    drop_held_candidates(connection);
}

void untell_candidates(connection_t *connection)
{
    const ice_agent_t *ice = transport_ice(connection->transport);
    if (!connection->is_gathering || jsep_description_sdp(connection->jsep, JSEP_CURRENT_LOCAL) != NULL)
        return;
    drop_held_candidates(connection);
    jsep_forget_local_candidates(connection->jsep);
    connection->is_gathering = false;
    for (size_t i = 0; i < ice_agent_candidate_count(ice, false); i++) {
        held_candidate_t *item = ice_agent_is_signalled(ice, false, i) ? hold(connection) : NULL;
        if (item != NULL)
            item->candidate = ice_agent_candidate(ice, false, i)->id;
    }
    connection->held_gathering_state = ice_agent_gathering_state(ice);
    if (connection->ice_gathering_state != ICE_GATHERING_NEW)
        tell_gathering_state(connection, ICE_GATHERING_NEW);
}

void drop_held_candidates(connection_t *connection)
{
    for (size_t i = 0; i < connection->held_count; i++) {
        memory_free(connection->held[i].url);
        memory_free(connection->held[i].text);
    }
    connection->held_count = 0;
    connection->held_gathering_state = ICE_GATHERING_NEW;
}
