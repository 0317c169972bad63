/* RTCPeerConnection: the application's handle on a connection: its life, channels and statistics. Negotiation is in
 * negotiation.c, media in connection_media.c, events in events.c. */
#include "api/api.h"

#include "api/configuration.h"
#include "api/events.h"
#include "api/rtp.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/connection_client.h"

#include <string.h>

codec_pool_t *api_codec_pool(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static codec_pool_t *pool; /* for the life of the process: its threads sleep while nothing is encoded */
    pthread_mutex_lock(&lock);
    if (pool == NULL)
        pool = codec_pool_new(codec_pool_default_threads());
    pthread_mutex_unlock(&lock);
    return pool;
}

/* ---- life ---- */

void api_connection_hold(peer_connection_t *pc)
{
    atomic_fetch_add_explicit(&pc->holds, 1, memory_order_relaxed);
}

void api_connection_release(peer_connection_t *pc)
{
    if (atomic_fetch_sub_explicit(&pc->holds, 1, memory_order_acq_rel) > 1)
        return;
    loop_lock(pc->loop);
    for (size_t i = 0; i < pc->transceiver_count; i++)
        api_transceiver_orphan(pc->transceivers[i]);
    for (size_t i = 0; i < pc->channel_count; i++)
        api_channel_orphan(pc->channels[i]);
    if (pc->sctp_transport != NULL)
        api_sctp_transport_orphan(pc->sctp_transport);
    if (pc->dtls_transport != NULL)
        api_dtls_transport_orphan(pc->dtls_transport);
    connection_free(pc->connection);
    loop_unlock(pc->loop);
    for (size_t i = 0; i < pc->transceiver_count; i++)
        peer_transceiver_unref(pc->transceivers[i]);
    for (size_t i = 0; i < pc->channel_count; i++)
        peer_data_channel_unref(pc->channels[i]);
    peer_sctp_transport_unref(pc->sctp_transport);
    peer_dtls_transport_unref(pc->dtls_transport);
    for (size_t i = 0; i < pc->stream_count; i++)
        peer_stream_unref(pc->streams[i]);
    api_sources_clear(pc);
    memory_free(pc->transceivers);
    memory_free(pc->channels);
    memory_free(pc->streams);
    api_configuration_drop(&pc->configuration);
    peer_certificate_unref(pc->certificate);
    loop_unref(pc->loop);
    memory_free(pc);
}

void api_connection_touch(peer_connection_t *pc)
{
    if (pc->entry != NULL)
        loop_touch(pc->loop, pc->entry);
}

int api_connection_check_open(const peer_connection_t *pc)
{
    return pc->is_closed ? error_set(PEER_ERROR_INVALID_STATE, "the connection is closed") : 0;
}

static int choose_certificate(const peer_configuration_t *configuration, peer_certificate_t **certificate)
{
    if (configuration->certificate_count == 0)
        return api_certificate_new(certificate);
    for (size_t i = 0; i < configuration->certificate_count; i++)
        if (certificate_has_expired(api_certificate(configuration->certificates[i]), runtime_unix_time_us() / PEER_SECOND))
            return error_set(PEER_ERROR_INVALID_ACCESS, "certificate %zu has expired", i);
    *certificate = peer_certificate_ref(configuration->certificates[0]);
    return 0;
}

static int make(peer_connection_t *pc, const peer_configuration_t *given, const api_configuration_t *read)
{
    static atomic_uint numbers;
    connection_codec_t codecs[API_CODECS_MAX];
    connection_config_t config = {.random = runtime_random_source(),
                                  .pool = loop_packets(pc->loop),
                                  .certificate = api_certificate(pc->certificate),
                                  .servers = read->servers,
                                  .server_count = read->server_count,
                                  .bundle_policy = (connection_bundle_policy_t)given->bundle_policy,
                                  .ice_policy = (ice_transport_policy_t)given->ice_transport_policy,
                                  .ice_tcp_policy = (ice_tcp_policy_t)given->ice_tcp_policy,
                                  .max_candidate_pairs = given->maximum_candidate_pairs,
                                  .is_ice_lite = given->ice_lite != 0,
                                  .hides_addresses = given->hide_addresses != 0,
                                  .omits_private_hosts = given->address_policy == PEER_ADDRESSES_DEFAULT_ROUTE,
                                  .wants_port_mapping = given->port_mapping != 0,
                                  .shares_sockets = given->shared_port != 0,
                                  .ice_candidate_pool_size = given->ice_candidate_pool_size,
                                  .codecs = codecs,
                                  .codec_count = api_list_codecs(codecs),
                                  .network_priority = (transport_priority_t)given->network_priority,
                                  .mtu = given->mtu,
                                  .max_message_size = given->maximum_message_size,
                                  .receive_window = given->receive_window,
                                  .wall_clock_offset_us = runtime_unix_time_us() - runtime_now(),
                                  .number = atomic_fetch_add(&numbers, 1) + 1};
    loop_lock(pc->loop);
    pc->connection = connection_new(&config);
    loop_unlock(pc->loop);
    if (pc->connection != NULL)
        pc->entry = loop_add(pc->loop, &connection_client_ops, pc->connection, &read->network, api_on_event, pc);
    if (pc->entry == NULL)
        return PEER_ERROR_NO_MEMORY;
    if (given->ice_candidate_pool_size > 0) {
        loop_lock(pc->loop);
        api_connection_touch(pc);
        loop_unlock(pc->loop);
    }
    return 0;
}

static int start(peer_connection_t *pc, const peer_configuration_t *configuration)
{
    api_configuration_t read;
    int error = api_configuration_read(configuration, &read);
    if (error == 0)
        error = api_configuration_keep(configuration, &pc->configuration);
    if (error == 0)
        error = choose_certificate(configuration, &pc->certificate);
    if (error == 0) {
        pc->loop = configuration->loop != NULL ? loop_ref(api_loop(configuration->loop)) : loop_default();
        error = pc->loop == NULL ? PEER_ERROR_OPERATION : 0;
    }
    if (error == 0)
        error = make(pc, configuration, &read);
    api_configuration_clear(&read);
    return error;
}

peer_connection_t *peer_connection_new(const peer_configuration_t *configuration, const peer_connection_events_t *events, void *user)
{
    peer_configuration_t known;
    peer_configuration_init(&known, sizeof known);
    if (configuration != NULL && configuration->size < sizeof configuration->size) {
        error_set(PEER_ERROR_TYPE, "the configuration was not filled by peer_configuration_init()");
        return NULL;
    }
    if (configuration != NULL)
        API_COPY_SIZED(&known, configuration);
    peer_connection_t *pc = MEMORY_NEW(peer_connection_t);
    if (pc == NULL) {
        error_no_memory();
        return NULL;
    }
    static atomic_uint_fast64_t ids;
    pc->id = atomic_fetch_add(&ids, 1) + 1;
    atomic_init(&pc->references, 1);
    atomic_init(&pc->holds, 2);
    pc->events = events != NULL ? *events : (peer_connection_events_t){0};
    pc->user = user;
    if (start(pc, &known) < 0) {
        if (pc->connection != NULL) {
            loop_lock(pc->loop);
            connection_free(pc->connection);
            loop_unlock(pc->loop);
        }
        loop_unref(pc->loop);
        api_configuration_drop(&pc->configuration);
        peer_certificate_unref(pc->certificate);
        memory_free(pc);
        return NULL;
    }
    return pc;
}

/* ---- configuration ---- */

/* Under the lock. */
static int check_change(const peer_connection_t *pc, const peer_configuration_t *given)
{
    int error = api_connection_check_open(pc);
    return error < 0 ? error : api_configuration_check_change(&pc->configuration, given, connection_has_local_description(pc->connection));
}

/* Under the lock. */
static int change(peer_connection_t *pc, const peer_configuration_t *given, const api_configuration_t *read)
{
    peer_configuration_t kept;
    int error = check_change(pc, given);
    if (error == 0)
        error = api_configuration_keep(given, &kept);
    if (error < 0)
        return error;
    connection_ice_configuration_t ice = {.servers = read->servers,
                                          .server_count = read->server_count,
                                          .policy = (ice_transport_policy_t)given->ice_transport_policy,
                                          .has_pool = given->ice_candidate_pool_size > 0};
    error = connection_set_ice_configuration(pc->connection, runtime_now(), &ice);
    if (error < 0) {
        api_configuration_drop(&kept);
        return error;
    }
    api_configuration_drop(&pc->configuration);
    pc->configuration = kept;
    api_connection_touch(pc);
    return 0;
}

int peer_connection_set_configuration(peer_connection_t *pc, const peer_configuration_t *configuration)
{
    peer_configuration_t known;
    peer_configuration_init(&known, sizeof known);
    if (configuration != NULL && configuration->size < sizeof configuration->size)
        return error_set(PEER_ERROR_TYPE, "the configuration was not filled by peer_configuration_init()");
    if (configuration != NULL)
        API_COPY_SIZED(&known, configuration);
    loop_lock(pc->loop);
    int error = check_change(pc, &known);
    loop_unlock(pc->loop);
    api_configuration_t read;
    if (error < 0)
        return error;
    error = api_configuration_read(&known, &read); /* without the lock: it looks at a file */
    if (error == 0) {
        loop_lock(pc->loop);
        error = change(pc, &known, &read);
        loop_unlock(pc->loop);
    }
    api_configuration_clear(&read);
    return error;
}

int peer_connection_get_configuration(const peer_connection_t *pc, peer_configuration_t *configuration)
{
    if (configuration == NULL || configuration->size < sizeof configuration->size)
        return error_set(PEER_ERROR_TYPE, "the configuration was not filled by peer_configuration_init()");
    size_t size = configuration->size;
    loop_lock(pc->loop);
    memcpy(configuration, &pc->configuration, size < sizeof pc->configuration ? size : sizeof pc->configuration);
    loop_unlock(pc->loop);
    configuration->size = size;
    return 0;
}

/* ---- life, continued ---- */

/* In a last callback the application may have no reference left and take one again: its hold begins anew then. */
peer_connection_t *peer_connection_ref(peer_connection_t *pc)
{
    if (atomic_fetch_add_explicit(&pc->references, 1, memory_order_relaxed) == 0)
        api_connection_hold(pc);
    return pc;
}

void peer_connection_unref(peer_connection_t *pc)
{
    if (pc == NULL || atomic_fetch_sub_explicit(&pc->references, 1, memory_order_acq_rel) > 1)
        return;
    peer_connection_close(pc);
    api_connection_release(pc);
}

static void say_closed(void *argument)
{
    peer_connection_t *pc = argument;
    if (pc->events.on_closed != NULL)
        pc->events.on_closed(pc, pc->user);
    api_connection_release(pc);
}

static void on_removed(void *user)
{
    peer_connection_t *pc = user;
    if (loop_post(pc->loop, say_closed, pc) < 0)
        api_connection_release(pc);
}

void peer_connection_close(peer_connection_t *pc)
{
    loop_lock(pc->loop);
    if (pc->is_closed) {
        loop_unlock(pc->loop);
        return;
    }
    pc->is_closed = true;
    pc->listener = (api_listener_t){0};
    connection_close(pc->connection, runtime_now());
    for (size_t i = 0; i < pc->transceiver_count; i++)
        api_transceiver_close(pc->transceivers[i]);
    loop_entry_t *entry = pc->entry;
    pc->entry = NULL;
    loop_unlock(pc->loop);
    loop_remove(pc->loop, entry, on_removed);
}

bool api_connection_set_listener(peer_connection_t *pc, const api_listener_t *listener)
{
    loop_lock(pc->loop);
    bool may_set = listener == NULL || (pc->listener.listener == NULL && !pc->is_closed);
    if (may_set)
        pc->listener = listener != NULL ? *listener : (api_listener_t){0};
    loop_unlock(pc->loop);
    return may_set;
}

static int create_channel(peer_connection_t *pc, const sctp_channel_options_t *options, const peer_data_channel_events_t *events,
                          void *user, peer_data_channel_t **result)
{
    int error = 0;
    sctp_channel_t *implementation = connection_open_channel(pc->connection, runtime_now(), options, &error);
    if (implementation == NULL)
        return error;
    *result = api_channel(pc, implementation);
    if (*result == NULL)
        return error_no_memory();
    api_channel_set_first_events(*result, events, user);
    peer_data_channel_ref(*result); /* the caller's: as soon as the lock is gone the channel may be closed and forgotten */
    return 0;
}

int peer_connection_create_data_channel(peer_connection_t *pc, const char *label, const peer_data_channel_init_t *init,
                                        const peer_data_channel_events_t *events, void *user, peer_data_channel_t **channel)
{
    peer_data_channel_init_t known;
    peer_data_channel_init_init(&known, sizeof known);
    if (init != NULL && init->size < sizeof init->size)
        return error_set(PEER_ERROR_TYPE, "init was not filled by peer_data_channel_init_init()");
    if (init != NULL)
        API_COPY_SIZED(&known, init);
    if (label == NULL)
        return error_set(PEER_ERROR_TYPE, "label is NULL");
    if (known.negotiated && known.id < 0)
        return error_set(PEER_ERROR_TYPE, "a negotiated channel needs an id");
    if (known.in_description && !known.negotiated)
        return error_set(PEER_ERROR_TYPE, "a channel in the description is a negotiated one");
    if (known.priority < PEER_PRIORITY_UNSET || known.priority > PEER_PRIORITY_HIGH)
        return error_set(PEER_ERROR_TYPE, "priority is one of peer_priority_t, not %d", known.priority);
    sctp_channel_options_t options = {.label = label,
                                      .protocol = known.protocol,
                                      .is_unordered = known.ordered == 0,
                                      .max_retransmits = known.max_retransmits,
                                      .max_packet_life_time_ms = known.max_packet_life_time,
                                      .is_negotiated = known.negotiated != 0,
                                      .is_described = known.in_description != 0,
                                      .priority = api_priority_weight(known.priority),
                                      .id = known.negotiated ? known.id : SCTP_CHANNEL_ID_NONE};
    peer_data_channel_t *made = NULL;
    int result;
    API_CALL_OPEN(pc, result, create_channel(pc, &options, events, user, &made));
    if (result == 0 && channel != NULL)
        *channel = made;
    else
        peer_data_channel_unref(made);
    return result;
}

static void show_packet(void *context, connection_packet_kind_t kind, bool is_outgoing, peer_time_t now, const uint8_t *data, size_t length)
{
    peer_connection_t *pc = context;
    pc->tap((int32_t)kind, is_outgoing, now, data, length, pc->tap_user);
}

int peer_connection_set_packet_tap(peer_connection_t *pc, peer_packet_tap_t tap, void *user)
{
    loop_lock(pc->loop);
    int result = tap != NULL ? api_connection_check_open(pc) : 0;
    if (result == 0) {
        pc->tap = tap;
        pc->tap_user = user;
        connection_set_tap(pc->connection, tap != NULL ? show_packet : NULL, pc);
    }
    loop_unlock(pc->loop);
    return result;
}
