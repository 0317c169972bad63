/* NAT discovery for applications: a discovery of lib/nat on a loop, and its words. The values of the enumerations are the same on both
 * sides. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"
#include "ice/ice.h"
#include "runtime/nat_client.h"

#include <string.h>

#define LIFETIME_SECONDS_MAX 3600

struct peer_nat_discovery {
    atomic_uint references; /* the application's */
    atomic_uint holds;      /* the application's as one, and the loop's */
    loop_t *loop;
    loop_entry_t *entry; /* NULL once closed; under the lock */
    nat_discovery_t *implementation;
    peer_nat_events_t events;
    void *user;
};

void peer_nat_options_init(peer_nat_options_t *options, size_t size)
{
    memset(options, 0, size);
    options->size = size;
}

static void hold(peer_nat_discovery_t *discovery)
{
    atomic_fetch_add_explicit(&discovery->holds, 1, memory_order_relaxed);
}

static void release(peer_nat_discovery_t *discovery)
{
    if (atomic_fetch_sub_explicit(&discovery->holds, 1, memory_order_acq_rel) > 1)
        return;
    if (discovery->implementation != NULL) {
        loop_lock(discovery->loop);
        nat_discovery_free(discovery->implementation);
        loop_unlock(discovery->loop);
    }
    loop_unref(discovery->loop);
    memory_free(discovery);
}

/* ---- the result ---- */

static const char *address_or_null(const address_t *address, char text[ADDRESS_TEXT_SIZE])
{
    return address->family != ADDRESS_NONE ? address_text(address, text) : NULL;
}

static void on_event(void *user, connection_event_t *event)
{
    peer_nat_discovery_t *discovery = user;
    const nat_result_t *from = (const nat_result_t *)event;
    char local[ADDRESS_TEXT_SIZE], mapped[ADDRESS_TEXT_SIZE], server[ADDRESS_TEXT_SIZE], other[ADDRESS_TEXT_SIZE];
    peer_nat_result_t result = {.size = sizeof result,
                                .error = from->error,
                                .message = from->text,
                                .type = (int32_t)from->type,
                                .mapping = (int32_t)from->mapping,
                                .filtering = (int32_t)from->filtering,
                                .hairpinning = (int32_t)from->hairpinning,
                                .local_address = address_or_null(&from->local, local),
                                .mapped_address = address_or_null(&from->mapped, mapped),
                                .server_address = address_or_null(&from->server, server),
                                .other_address = address_or_null(&from->other, other),
                                .binding_lifetime_s = from->lifetime_s,
                                .binding_lifetime_below_s = from->lifetime_below_s,
                                .round_trip_us = from->round_trip_us};
    if (discovery->events.on_result != NULL)
        discovery->events.on_result(discovery, &result, discovery->user);
}

static json_t *text_or_null(const char *text)
{
    return text != NULL && *text != '\0' ? json_string(text) : json_null();
}

static json_t *seconds_or_null(int32_t seconds)
{
    return seconds >= 0 ? json_integer(seconds) : json_null();
}

static json_t *list_direct(int32_t type)
{
    json_t *list = type != PEER_NAT_UNKNOWN ? json_array() : json_null();
    for (int32_t other = PEER_NAT_OPEN; other < NAT_TYPE_COUNT; other++)
        if (peer_nat_can_connect(type, other))
            json_array_append_new(list, json_string(peer_nat_type_name(other)));
    return list;
}

char *peer_nat_result_to_json(const peer_nat_result_t *result)
{
    bool is_hairpinning_known = result->hairpinning != PEER_NAT_ANSWER_UNKNOWN;
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "nat_type",
        text_or_null(peer_nat_type_name(result->type)), "mapping", text_or_null(peer_nat_behaviour_name(result->mapping)), "filtering",
        text_or_null(peer_nat_behaviour_name(result->filtering)), "mapped_address", text_or_null(result->mapped_address), "hairpinning",
        is_hairpinning_known ? json_boolean(result->hairpinning == PEER_NAT_ANSWER_YES) : json_null(), "binding_lifetime_s",
        seconds_or_null(result->binding_lifetime_s), "binding_lifetime_below_s", seconds_or_null(result->binding_lifetime_below_s),
        "local_address", text_or_null(result->local_address), "server_address", text_or_null(result->server_address), "other_address",
        text_or_null(result->other_address), "round_trip_ms",
        result->round_trip_us > 0 ? json_real((double)result->round_trip_us / 1000) : json_null(), "turn",
        text_or_null(peer_nat_turn_need_name(peer_nat_turn_need(result->type))), "direct_with", list_direct(result->type), "error",
        text_or_null(result->message));
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(object);
    if (text == NULL)
        error_no_memory();
    return text;
}

/* ---- life ---- */

typedef struct servers {
    nat_server_t items[NAT_MAX_SERVERS];
    ice_server_url_t urls[NAT_MAX_SERVERS];
    size_t count;
} servers_t;

static int parse_servers(const char *urls, servers_t *servers)
{
    for (const char *at = urls + strspn(urls, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (servers->count == NAT_MAX_SERVERS)
            return error_set(PEER_ERROR_RANGE, "more than %d STUN servers", NAT_MAX_SERVERS);
        ice_server_url_t *url = &servers->urls[servers->count];
        int error = ice_server_url_parse(at, length, url);
        if (error < 0)
            return error;
        if (url->kind != ICE_SERVER_STUN || url->transport != ICE_SERVER_UDP)
            return error_set(PEER_ERROR_NOT_SUPPORTED, "%.*s: only STUN over UDP shows what a NAT does", (int)length, at);
        servers->items[servers->count++] = (nat_server_t){.host = url->host, .port = url->port};
        at += length;
    }
    return servers->count > 0 ? 0 : error_set(PEER_ERROR_TYPE, "there is no STUN server to ask");
}

static int read_options(const peer_nat_options_t *options, servers_t *servers, nat_config_t *config)
{
    if (options->urls == NULL)
        return error_set(PEER_ERROR_TYPE, "urls is NULL");
    if (options->lifetime_seconds > LIFETIME_SECONDS_MAX)
        return error_set(PEER_ERROR_RANGE, "lifetimes are measured for %d seconds at most, not for %u", LIFETIME_SECONDS_MAX,
                         options->lifetime_seconds);
    if (options->local_address != NULL && !address_parse(&config->local, options->local_address, 0))
        return error_set(PEER_ERROR_SYNTAX, "\"%s\" is no IP address", options->local_address);
    int error = parse_servers(options->urls, servers);
    config->servers = servers->items;
    config->server_count = servers->count;
    config->lifetime_max = (peer_time_t)options->lifetime_seconds * PEER_SECOND;
    return error;
}

static int start(peer_nat_discovery_t *discovery, const peer_nat_options_t *options)
{
    servers_t servers = {.count = 0};
    nat_config_t config = {.random = runtime_random_source()};
    int error = read_options(options, &servers, &config);
    if (error < 0)
        return error;
    discovery->loop = options->loop != NULL ? loop_ref(api_loop(options->loop)) : loop_default();
    if (discovery->loop == NULL)
        return PEER_ERROR_OPERATION; /* the error is set */
    config.pool = loop_packets(discovery->loop);
    loop_lock(discovery->loop);
    discovery->implementation = nat_discovery_new(&config);
    loop_unlock(discovery->loop);
    if (discovery->implementation == NULL)
        return error_no_memory();
    loop_entry_t *entry = loop_add(discovery->loop, &nat_client_ops, discovery->implementation, NULL, on_event, discovery);
    if (entry == NULL)
        return PEER_ERROR_OPERATION; /* the error is set */
    loop_lock(discovery->loop);
    discovery->entry = entry;
    nat_discovery_start(discovery->implementation, runtime_now());
    loop_touch(discovery->loop, entry);
    loop_unlock(discovery->loop);
    return 0;
}

peer_nat_discovery_t *peer_nat_discovery_new(const peer_nat_options_t *options, const peer_nat_events_t *events, void *user)
{
    if (options == NULL || options->size < sizeof options->size) {
        error_set(PEER_ERROR_TYPE, "the options were not filled by peer_nat_options_init()");
        return NULL;
    }
    peer_nat_options_t known;
    peer_nat_options_init(&known, sizeof known);
    API_COPY_SIZED(&known, options);
    peer_nat_discovery_t *discovery = MEMORY_NEW(peer_nat_discovery_t);
    if (discovery == NULL) {
        error_no_memory();
        return NULL;
    }
    atomic_init(&discovery->references, 1);
    atomic_init(&discovery->holds, 1);
    discovery->events = events != NULL ? *events : (peer_nat_events_t){0};
    discovery->user = user;
    hold(discovery); /* the loop's: an event may come before this call returns */
    if (start(discovery, &known) < 0) {
        atomic_store(&discovery->holds, 1);
        release(discovery);
        return NULL;
    }
    return discovery;
}

peer_nat_discovery_t *peer_nat_discovery_ref(peer_nat_discovery_t *discovery)
{
    if (atomic_fetch_add_explicit(&discovery->references, 1, memory_order_relaxed) == 0)
        hold(discovery); /* in a last event, after the last reference had gone */
    return discovery;
}

void peer_nat_discovery_unref(peer_nat_discovery_t *discovery)
{
    if (discovery == NULL || atomic_fetch_sub_explicit(&discovery->references, 1, memory_order_acq_rel) > 1)
        return;
    peer_nat_discovery_close(discovery);
    release(discovery);
}

static void say_closed(void *argument)
{
    peer_nat_discovery_t *discovery = argument;
    if (discovery->events.on_closed != NULL)
        discovery->events.on_closed(discovery, discovery->user);
    release(discovery);
}

static void on_removed(void *user)
{
    peer_nat_discovery_t *discovery = user;
    if (loop_post(discovery->loop, say_closed, discovery) < 0)
        release(discovery);
}

void peer_nat_discovery_close(peer_nat_discovery_t *discovery)
{
    loop_lock(discovery->loop);
    loop_entry_t *entry = discovery->entry;
    discovery->entry = NULL;
    loop_unlock(discovery->loop);
    if (entry != NULL)
        loop_remove(discovery->loop, entry, on_removed);
}

/* ---- words ---- */

/* Values from outside that are no type count as unknown. */
static nat_type_t type_of(int32_t type)
{
    return type >= 0 && type < NAT_TYPE_COUNT ? (nat_type_t)type : NAT_TYPE_UNKNOWN;
}

const char *peer_nat_type_name(int32_t type)
{
    return nat_type_name((nat_type_t)type);
}

const char *peer_nat_behaviour_name(int32_t behaviour)
{
    return nat_behaviour_name((nat_behaviour_t)behaviour);
}

const char *peer_nat_type_meaning(int32_t type)
{
    return nat_type_meaning((nat_type_t)type);
}

int peer_nat_can_connect(int32_t a, int32_t b)
{
    return nat_can_connect(type_of(a), type_of(b));
}

int32_t peer_nat_turn_need(int32_t type)
{
    return (int32_t)nat_turn_of(type_of(type));
}

const char *peer_nat_turn_need_name(int32_t need)
{
    return nat_turn_name((nat_turn_t)need);
}

const char *peer_nat_turn_need_meaning(int32_t need)
{
    return nat_turn_meaning((nat_turn_t)need);
}
