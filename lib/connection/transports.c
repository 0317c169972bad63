/* The one ICE and the one DTLS transport as W3C shows them (RTCIceTransport §5.6, RTCDtlsTransport §5.5): their states, told in W3C's
 * order, what they can be asked, and which transceivers have them. */
#include "connection/internal.h"

#include "base/memory.h"

/* ---- states ---- */

/* W3C §5.6 "change the selected candidate pair and state": the agent tells a new pair first. */
void on_ice_state(connection_t *connection, ice_state_t state)
{
    connection->ice_state = state;
    event_state(connection, CONNECTION_EVENT_TRANSPORT_STATE, (int32_t)state);
    event_state(connection, CONNECTION_EVENT_ICE_CONNECTION_STATE, (int32_t)state);
    update_state(connection);
}

static void tell_dtls_state(connection_t *connection, dtls_state_t state)
{
    connection->dtls_state = state;
    event_state(connection, CONNECTION_EVENT_DTLS_STATE, (int32_t)state);
}

/* W3C §5.5: the error before the state that it leads to. */
static void tell_dtls_error(connection_t *connection, const dtls_failure_t *failure)
{
    connection_event_t *event = event_new(connection, CONNECTION_EVENT_DTLS_ERROR);
    if (event == NULL)
        return;
    event->text = memory_string(failure->text);
    event->dtls_error.sent_alert = failure->sent_alert;
    event->dtls_error.received_alert = failure->received_alert;
    event->dtls_error.is_fingerprint_failure = failure->is_fingerprint_failure;
}

void follow_dtls_state(connection_t *connection)
{
    if (connection->dtls_state == DTLS_STATE_NEW && dtls_state(transport_dtls(connection->transport)) != DTLS_STATE_NEW &&
        !connection->is_closed)
        tell_dtls_state(connection, DTLS_STATE_CONNECTING);
}

void on_dtls_state(connection_t *connection, dtls_state_t state, const dtls_failure_t *failure)
{
    follow_dtls_state(connection);
    if (state == DTLS_STATE_FAILED)
        tell_dtls_error(connection, failure);
    tell_dtls_state(connection, state);
    if (state == DTLS_STATE_CONNECTED)
        sending_tell(connection);
    if (state == DTLS_STATE_CLOSED || state == DTLS_STATE_FAILED)
        sctp_terminate(transport_sctp(connection->transport), connection->now);
    update_state(connection);
}

/* ---- who has them ---- */

/* Has it an m-line, not rejected? */
static bool is_negotiated(const transceiver_t *transceiver)
{
    const jsep_transceiver_t *jsep = transceiver->jsep;
    return jsep != NULL && jsep->mid != NULL && !jsep->is_stopped;
}

static void set_back(connection_t *connection)
{
    for (size_t i = 0; i < connection->transceiver_count; i++)
        connection->transceivers[i]->has_transport = connection->transceivers[i]->had_transport;
}

static void keep_stable(connection_t *connection)
{
    for (size_t i = 0; i < connection->transceiver_count; i++)
        connection->transceivers[i]->had_transport = connection->transceivers[i]->has_transport;
}

void follow_transports(connection_t *connection, jsep_side_t side, const jsep_description_t *description, jsep_state_t before)
{
    bool is_offer = description != NULL ? description->type == JSEP_OFFER : before == JSEP_STABLE || before == JSEP_HAVE_LOCAL_OFFER;
    bool is_rollback = description != NULL && description->type == JSEP_ROLLBACK;
    bool rolls_back = is_offer && side == JSEP_REMOTE && before == JSEP_HAVE_LOCAL_OFFER;
    if (is_rollback || rolls_back)
        set_back(connection);
    if (is_offer && (rolls_back || before == JSEP_STABLE))
        keep_stable(connection);
    if (is_rollback || (is_offer && side == JSEP_REMOTE))
        return; /* a transceiver that the peer offers has one from our answer on */
    for (size_t i = 0; i < connection->transceiver_count; i++)
        if (is_negotiated(connection->transceivers[i]))
            connection->transceivers[i]->has_transport = true;
}

bool transceiver_has_transport(const transceiver_t *transceiver)
{
    return transceiver->has_transport;
}

/* ---- what they can be asked ---- */

connection_ice_role_t connection_ice_role(const connection_t *connection)
{
    if (!connection->has_ice_role)
        return CONNECTION_ICE_UNKNOWN;
    return ice_agent_is_controlling(transport_ice(connection->transport)) ? CONNECTION_ICE_CONTROLLING : CONNECTION_ICE_CONTROLLED;
}

dtls_state_t connection_dtls_state(const connection_t *connection)
{
    return connection->is_closed ? DTLS_STATE_CLOSED : connection->dtls_state;
}

static connection_event_t *new_description(const connection_t *connection, const ice_candidate_t *candidate, bool is_remote)
{
    const ice_parameters_t *parameters = connection_ice_parameters(connection, is_remote);
    const char *ufrag = candidate->ufrag != NULL || parameters == NULL ? candidate->ufrag : parameters->ufrag;
    connection_event_t *event = memory_resize(NULL, sizeof *event);
    if (event == NULL)
        return NULL;
    *event = (connection_event_t){.type = CONNECTION_EVENT_ICE_CANDIDATE};
    describe_candidate(connection, candidate, ufrag, event);
    return event;
}

size_t connection_candidates(const connection_t *connection, bool is_remote, connection_event_t **events, size_t capacity)
{
    const ice_agent_t *ice = transport_ice(connection->transport);
    size_t count = 0;
    if (!is_remote && !connection->is_gathering)
        return 0; /* gathered early, not told yet */
    for (size_t i = 0; i < ice_agent_candidate_count(ice, is_remote); i++) {
        if (!ice_agent_is_signalled(ice, is_remote, i))
            continue;
        if (count < capacity)
            events[count] = new_description(connection, ice_agent_candidate(ice, is_remote, i), is_remote);
        count++;
    }
    return count;
}

bool connection_selected_pair(const connection_t *connection, connection_event_t **local, connection_event_t **remote)
{
    const ice_agent_t *ice = transport_ice(connection->transport);
    ice_pair_stats_t pair;
    if (connection->is_closed || connection->ice_state == ICE_STATE_NEW)
        return false;
    for (size_t i = 0; i < ice_agent_pair_count(ice); i++) {
        if (!ice_agent_pair_stats(ice, i, &pair) || !pair.is_selected)
            continue;
        *local = new_description(connection, pair.local, false);
        *remote = new_description(connection, pair.remote, true);
        if (*local != NULL && *remote != NULL)
            return true;
        connection_event_free(*local);
        connection_event_free(*remote);
        return false;
    }
    return false;
}

const ice_parameters_t *connection_ice_parameters(const connection_t *connection, bool is_remote)
{
    if (is_remote)
        return connection->described.ufrag[0] != '\0' ? &connection->described : NULL;
    return connection->is_gathering ? ice_agent_local_parameters(transport_ice(connection->transport)) : NULL;
}

uint8_t *connection_remote_certificate(const connection_t *connection, size_t index, size_t *length)
{
    return dtls_remote_certificate(transport_dtls(connection->transport), index, length);
}
