/* RTCDtlsTransport: a view of the connection's DTLS association; and who has it. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

#define CHAIN_MAX 16

typedef struct last_certificate {
    uint8_t *der;
    size_t length;
} last_certificate_t;

struct peer_dtls_transport {
    atomic_uint references;
    loop_t *loop;
    peer_ice_transport_t *ice;
    peer_connection_t *pc;                    /* NULL when it is gone; under the loop's lock, as all below */
    last_certificate_t last_chain[CHAIN_MAX]; /* once it is gone */
};

peer_dtls_transport_t *api_dtls_transport(peer_connection_t *pc)
{
    if (pc->dtls_transport != NULL)
        return pc->dtls_transport;
    peer_dtls_transport_t *transport = MEMORY_NEW(peer_dtls_transport_t);
    peer_ice_transport_t *ice = api_ice_transport_new(pc);
    if (transport == NULL || ice == NULL) {
        peer_ice_transport_unref(ice);
        memory_free(transport);
        return NULL;
    }
    atomic_init(&transport->references, 1); /* the connection's */
    transport->loop = loop_ref(pc->loop);
    transport->ice = ice;
    transport->pc = pc;
    pc->dtls_transport = transport;
    return transport;
}

void api_dtls_transport_orphan(peer_dtls_transport_t *transport)
{
    for (size_t i = 0; i < CHAIN_MAX; i++) {
        last_certificate_t *last = &transport->last_chain[i];
        last->der = connection_remote_certificate(transport->pc->connection, i, &last->length);
        if (last->der == NULL)
            break;
    }
    api_ice_transport_orphan(transport->ice);
    transport->pc = NULL;
}

peer_dtls_transport_t *peer_dtls_transport_ref(peer_dtls_transport_t *transport)
{
    atomic_fetch_add_explicit(&transport->references, 1, memory_order_relaxed);
    return transport;
}

void peer_dtls_transport_unref(peer_dtls_transport_t *transport)
{
    if (transport == NULL || atomic_fetch_sub_explicit(&transport->references, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < CHAIN_MAX; i++)
        memory_free(transport->last_chain[i].der);
    peer_ice_transport_unref(transport->ice);
    loop_unref(transport->loop);
    memory_free(transport);
}

int32_t peer_dtls_transport_state(const peer_dtls_transport_t *transport)
{
    loop_lock(transport->loop);
    int32_t state = transport->pc != NULL ? (int32_t)connection_dtls_state(transport->pc->connection) : PEER_DTLS_TRANSPORT_CLOSED;
    loop_unlock(transport->loop);
    return state;
}

peer_ice_transport_t *peer_dtls_transport_ice_transport(const peer_dtls_transport_t *transport)
{
    return peer_ice_transport_ref(transport->ice);
}

/* Under the lock; the caller's. */
static uint8_t *certificate_at(const peer_dtls_transport_t *transport, size_t index, size_t *length)
{
    if (transport->pc != NULL)
        return connection_remote_certificate(transport->pc->connection, index, length);
    *length = index < CHAIN_MAX ? transport->last_chain[index].length : 0;
    return *length > 0 ? memory_copy(transport->last_chain[index].der, *length) : NULL;
}

size_t peer_dtls_transport_remote_certificate_count(const peer_dtls_transport_t *transport)
{
    size_t count = 0, length;
    uint8_t *certificate;
    loop_lock(transport->loop);
    while (count < CHAIN_MAX && (certificate = certificate_at(transport, count, &length)) != NULL) {
        memory_free(certificate);
        count++;
    }
    loop_unlock(transport->loop);
    return count;
}

int peer_dtls_transport_remote_certificate(const peer_dtls_transport_t *transport, size_t index, void *der, size_t capacity)
{
    size_t length = 0;
    loop_lock(transport->loop);
    uint8_t *certificate = certificate_at(transport, index, &length);
    loop_unlock(transport->loop);
    if (certificate == NULL)
        return error_set(PEER_ERROR_RANGE, "there is no certificate %zu of the peer", index);
    if (length <= capacity)
        memcpy(der, certificate, length);
    memory_free(certificate);
    return (int)length;
}

/* ---- who has it ---- */

static peer_dtls_transport_t *transport_of(const peer_transceiver_t *transceiver)
{
    peer_dtls_transport_t *transport = NULL;
    loop_lock(transceiver->loop);
    if (transceiver->pc == NULL)
        transport = transceiver->last_transport;
    else if (transceiver_has_transport(transceiver->implementation))
        transport = api_dtls_transport(transceiver->pc);
    if (transport != NULL)
        peer_dtls_transport_ref(transport);
    loop_unlock(transceiver->loop);
    return transport;
}

peer_dtls_transport_t *peer_sender_transport(const peer_sender_t *sender)
{
    return transport_of(sender->transceiver);
}

peer_dtls_transport_t *peer_receiver_transport(const peer_receiver_t *receiver)
{
    return transport_of(receiver->transceiver);
}
