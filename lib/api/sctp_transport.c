/* RTCSctpTransport: a view of the connection's association. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"

struct peer_sctp_transport {
    atomic_uint references;
    loop_t *loop;
    peer_connection_t *pc;                 /* NULL when it is gone; under the loop's lock, as all below */
    peer_dtls_transport_t *last_transport; /* once it is gone */
    uint64_t last_max_message_size;
    int32_t last_max_channels;
};

static uint64_t max_message_size(const peer_sctp_transport_t *transport)
{
    uint64_t size = sctp_max_message_size(connection_sctp(transport->pc->connection));
    return size == SIZE_MAX ? UINT64_MAX : size;
}

static int32_t max_channels(const peer_sctp_transport_t *transport)
{
    sctp_stats_t stats;
    sctp_stats_get(connection_sctp(transport->pc->connection), &stats);
    return stats.max_channels != 0 ? stats.max_channels : -1;
}

void api_sctp_transport_orphan(peer_sctp_transport_t *transport)
{
    transport->last_max_message_size = max_message_size(transport);
    transport->last_max_channels = max_channels(transport);
    peer_dtls_transport_t *under = api_dtls_transport(transport->pc);
    transport->last_transport = under != NULL ? peer_dtls_transport_ref(under) : NULL;
    transport->pc = NULL;
}

peer_sctp_transport_t *peer_connection_sctp(peer_connection_t *pc)
{
    loop_lock(pc->loop);
    bool is_there = connection_has_data(pc->connection);
    peer_sctp_transport_t *transport = is_there ? pc->sctp_transport : NULL;
    if (is_there && transport == NULL) {
        transport = MEMORY_NEW(peer_sctp_transport_t);
        if (transport != NULL) {
            atomic_init(&transport->references, 1); /* the connection's */
            transport->loop = loop_ref(pc->loop);
            transport->pc = pc;
            pc->sctp_transport = transport;
        }
    }
    if (transport != NULL)
        peer_sctp_transport_ref(transport);
    loop_unlock(pc->loop);
    return transport;
}

peer_sctp_transport_t *peer_sctp_transport_ref(peer_sctp_transport_t *transport)
{
    atomic_fetch_add_explicit(&transport->references, 1, memory_order_relaxed);
    return transport;
}

void peer_sctp_transport_unref(peer_sctp_transport_t *transport)
{
    if (transport == NULL || atomic_fetch_sub_explicit(&transport->references, 1, memory_order_acq_rel) > 1)
        return;
    peer_dtls_transport_unref(transport->last_transport);
    loop_unref(transport->loop);
    memory_free(transport);
}

peer_dtls_transport_t *peer_sctp_transport_transport(const peer_sctp_transport_t *transport)
{
    loop_lock(transport->loop);
    peer_dtls_transport_t *under = transport->pc != NULL ? api_dtls_transport(transport->pc) : transport->last_transport;
    if (under != NULL)
        peer_dtls_transport_ref(under);
    loop_unlock(transport->loop);
    if (under == NULL)
        error_no_memory();
    return under;
}

int32_t peer_sctp_transport_state(const peer_sctp_transport_t *transport)
{
    int32_t state = PEER_SCTP_TRANSPORT_CLOSED;
    loop_lock(transport->loop);
    if (transport->pc != NULL && !transport->pc->is_closed) {
        sctp_state_t of_association = sctp_state(connection_sctp(transport->pc->connection));
        if (of_association < SCTP_STATE_CONNECTED)
            state = PEER_SCTP_TRANSPORT_CONNECTING;
        else if (of_association == SCTP_STATE_CONNECTED)
            state = PEER_SCTP_TRANSPORT_CONNECTED;
    }
    loop_unlock(transport->loop);
    return state;
}

uint64_t peer_sctp_transport_max_message_size(const peer_sctp_transport_t *transport)
{
    loop_lock(transport->loop);
    uint64_t size = transport->pc != NULL ? max_message_size(transport) : transport->last_max_message_size;
    loop_unlock(transport->loop);
    return size;
}

int32_t peer_sctp_transport_max_channels(const peer_sctp_transport_t *transport)
{
    loop_lock(transport->loop);
    int32_t count = transport->pc != NULL ? max_channels(transport) : transport->last_max_channels;
    loop_unlock(transport->loop);
    return count;
}
