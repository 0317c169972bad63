/* RTCIceTransport: a view of the connection's ICE agent. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>

#define LISTED_MAX (ICE_MAX_LOCAL_CANDIDATES > ICE_MAX_REMOTE_CANDIDATES ? ICE_MAX_LOCAL_CANDIDATES : ICE_MAX_REMOTE_CANDIDATES)

struct peer_ice_transport {
    atomic_uint references;
    loop_t *loop;
    peer_connection_t *pc; /* NULL when it is gone; under the loop's lock, as all below */
    int32_t last_role;
    int32_t last_gathering_state;
};

peer_ice_transport_t *api_ice_transport_new(peer_connection_t *pc)
{
    peer_ice_transport_t *transport = MEMORY_NEW(peer_ice_transport_t);
    if (transport == NULL)
        return NULL;
    atomic_init(&transport->references, 1);
    transport->loop = loop_ref(pc->loop);
    transport->pc = pc;
    return transport;
}

void api_ice_transport_orphan(peer_ice_transport_t *transport)
{
    transport->last_role = (int32_t)connection_ice_role(transport->pc->connection);
    transport->last_gathering_state = connection_ice_gathering_state(transport->pc->connection);
    transport->pc = NULL;
}

peer_ice_transport_t *peer_ice_transport_ref(peer_ice_transport_t *transport)
{
    atomic_fetch_add_explicit(&transport->references, 1, memory_order_relaxed);
    return transport;
}

void peer_ice_transport_unref(peer_ice_transport_t *transport)
{
    if (transport == NULL || atomic_fetch_sub_explicit(&transport->references, 1, memory_order_acq_rel) > 1)
        return;
    loop_unref(transport->loop);
    memory_free(transport);
}

int32_t peer_ice_transport_role(const peer_ice_transport_t *transport)
{
    loop_lock(transport->loop);
    int32_t role = transport->pc != NULL ? (int32_t)connection_ice_role(transport->pc->connection) : transport->last_role;
    loop_unlock(transport->loop);
    return role;
}

int32_t peer_ice_transport_component(const peer_ice_transport_t *transport)
{
    (void)transport; /* RTCP is always multiplexed */
    return 1;
}

int32_t peer_ice_transport_state(const peer_ice_transport_t *transport)
{
    loop_lock(transport->loop);
    int32_t state = transport->pc != NULL ? connection_ice_connection_state(transport->pc->connection) : PEER_ICE_TRANSPORT_STATE_CLOSED;
    loop_unlock(transport->loop);
    return state;
}

int32_t peer_ice_transport_gathering_state(const peer_ice_transport_t *transport)
{
    loop_lock(transport->loop);
    int32_t state = transport->pc != NULL ? connection_ice_gathering_state(transport->pc->connection) : transport->last_gathering_state;
    loop_unlock(transport->loop);
    return state;
}

/* Takes the event. NULL: memory ran out. */
static peer_ice_candidate_t *candidate_of(connection_event_t *event)
{
    peer_ice_candidate_t *candidate = NULL;
    if (event != NULL && event->text != NULL)
        api_ice_candidate_new(event, &candidate);
    connection_event_free(event);
    return candidate;
}

/* Those that memory ran out for are left out. */
static size_t list(const peer_ice_transport_t *transport, bool is_remote, peer_ice_candidate_t **candidates, size_t capacity)
{
    connection_event_t *events[LISTED_MAX];
    size_t listed = 0, count = 0;
    loop_lock(transport->loop);
    if (transport->pc != NULL)
        listed = connection_candidates(transport->pc->connection, is_remote, events, LISTED_MAX);
    loop_unlock(transport->loop);
    for (size_t i = 0; i < listed; i++) {
        peer_ice_candidate_t *candidate = candidate_of(events[i]);
        if (candidate == NULL)
            continue;
        if (count < capacity)
            candidates[count] = candidate;
        else
            peer_ice_candidate_unref(candidate);
        count++;
    }
    return count;
}

size_t peer_ice_transport_local_candidates(const peer_ice_transport_t *transport, peer_ice_candidate_t **candidates, size_t capacity)
{
    return list(transport, false, candidates, capacity);
}

size_t peer_ice_transport_remote_candidates(const peer_ice_transport_t *transport, peer_ice_candidate_t **candidates, size_t capacity)
{
    return list(transport, true, candidates, capacity);
}

int peer_ice_transport_selected_candidate_pair(const peer_ice_transport_t *transport, peer_ice_candidate_t **local,
                                               peer_ice_candidate_t **remote)
{
    connection_event_t *events[2];
    *local = *remote = NULL;
    loop_lock(transport->loop);
    bool is_selected = transport->pc != NULL && connection_selected_pair(transport->pc->connection, &events[0], &events[1]);
    loop_unlock(transport->loop);
    if (!is_selected)
        return 0;
    *local = candidate_of(events[0]);
    *remote = candidate_of(events[1]);
    if (*local != NULL && *remote != NULL)
        return 1;
    peer_ice_candidate_unref(*local);
    peer_ice_candidate_unref(*remote);
    *local = *remote = NULL;
    return error_no_memory();
}

static int get_parameters(const peer_ice_transport_t *transport, bool is_remote, char *ufrag, size_t ufrag_size, char *password,
                          size_t password_size)
{
    if (ufrag == NULL || password == NULL || ufrag_size == 0 || password_size == 0)
        return error_set(PEER_ERROR_TYPE, "there is no room for the texts");
    loop_lock(transport->loop);
    const ice_parameters_t *parameters = transport->pc != NULL ? connection_ice_parameters(transport->pc->connection, is_remote) : NULL;
    snprintf(ufrag, ufrag_size, "%s", parameters != NULL ? parameters->ufrag : "");
    snprintf(password, password_size, "%s", parameters != NULL ? parameters->password : "");
    loop_unlock(transport->loop);
    return parameters != NULL;
}

int peer_ice_transport_local_parameters(const peer_ice_transport_t *transport, char *ufrag, size_t ufrag_size, char *password,
                                        size_t password_size)
{
    return get_parameters(transport, false, ufrag, ufrag_size, password, password_size);
}

int peer_ice_transport_remote_parameters(const peer_ice_transport_t *transport, char *ufrag, size_t ufrag_size, char *password,
                                         size_t password_size)
{
    return get_parameters(transport, true, ufrag, ufrag_size, password, password_size);
}
