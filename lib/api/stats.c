/* RTCStatsReport: what the connection tells, with what encoders and decoders add, kept as JSON. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>
#include <time.h>

struct peer_stats_report {
    atomic_uint references;
    json_t *objects; /* array */
};

typedef struct collection {
    json_t *objects;
    json_t *current;
    double timestamp_ms;
    bool failed;
} collection_t;

static void set(collection_t *collection, const char *member, json_t *value)
{
    collection->failed |= json_object_set_new(collection->current, member, value) < 0;
}

static void begin(void *context, const char *type, const char *id)
{
    collection_t *collection = context;
    collection->current = json_object();
    set(collection, "id", json_string(id));
    set(collection, "timestamp", json_real(collection->timestamp_ms));
    set(collection, "type", json_string(type));
}

static void integer(void *context, const char *member, int64_t value)
{
    set(context, member, json_integer(value));
}

static void number(void *context, const char *member, double value)
{
    set(context, member, json_real(value));
}

static void text(void *context, const char *member, const char *value)
{
    set(context, member, json_string(value));
}

static void boolean(void *context, const char *member, bool value)
{
    set(context, member, json_boolean(value));
}

static void end(void *context)
{
    collection_t *collection = context;
    collection->failed |= json_array_append_new(collection->objects, collection->current) < 0;
    collection->current = NULL;
}

static void outbound(void *context, void *user)
{
    collection_t *collection = context;
    peer_transceiver_t *transceiver = user;
    codec_worker_stats_t stats;
    const peer_codec_t *codec = NULL;
    if (transceiver == NULL || !api_sender_stats(&transceiver->sender, &stats, &codec) || transceiver->kind != PEER_MEDIA_VIDEO)
        return;
    set(collection, "framesEncoded", json_integer((json_int_t)stats.frames_out));
    set(collection, "keyFramesEncoded", json_integer((json_int_t)stats.key_frames));
    set(collection, "totalEncodeTime", json_real((double)stats.busy_us / 1e6));
    set(collection, "frameWidth", json_integer(stats.width));
    set(collection, "frameHeight", json_integer(stats.height));
    if (codec != NULL && codec->implementation != NULL)
        set(collection, "encoderImplementation", json_string(codec->implementation));
}

static void inbound(void *context, void *user)
{
    collection_t *collection = context;
    peer_transceiver_t *transceiver = user;
    codec_worker_stats_t stats;
    const peer_codec_t *codec = NULL;
    if (transceiver == NULL || !api_receiver_stats(&transceiver->receiver, &stats, &codec))
        return;
    if (transceiver->kind == PEER_MEDIA_VIDEO) {
        set(collection, "framesDecoded", json_integer((json_int_t)stats.frames_out));
        set(collection, "keyFramesDecoded", json_integer((json_int_t)stats.key_frames));
        set(collection, "totalDecodeTime", json_real((double)stats.busy_us / 1e6));
        set(collection, "frameWidth", json_integer(stats.width));
        set(collection, "frameHeight", json_integer(stats.height));
    }
    if (codec != NULL && codec->implementation != NULL)
        set(collection, "decoderImplementation", json_string(codec->implementation));
}

int api_stats_collect(peer_connection_t *pc, peer_time_t now, peer_stats_report_t **report)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    collection_t collection = {.objects = json_array(), .timestamp_ms = (double)wall.tv_sec * 1e3 + (double)wall.tv_nsec / 1e6};
    peer_stats_report_t *made = MEMORY_NEW(peer_stats_report_t);
    stats_visitor_t visitor = {&collection, begin, integer, number, text, boolean, end, outbound, inbound};
    if (collection.objects != NULL && made != NULL)
        connection_visit_stats(pc->connection, now, &visitor);
    if (collection.objects == NULL || made == NULL || collection.failed) {
        json_decref(collection.objects);
        memory_free(made);
        return error_no_memory();
    }
    atomic_init(&made->references, 1);
    made->objects = collection.objects;
    *report = made;
    return 0;
}

peer_stats_report_t *peer_stats_report_ref(peer_stats_report_t *report)
{
    atomic_fetch_add_explicit(&report->references, 1, memory_order_relaxed);
    return report;
}

void peer_stats_report_unref(peer_stats_report_t *report)
{
    if (report == NULL || atomic_fetch_sub_explicit(&report->references, 1, memory_order_acq_rel) > 1)
        return;
    json_decref(report->objects);
    memory_free(report);
}

size_t peer_stats_report_count(const peer_stats_report_t *report)
{
    return json_array_size(report->objects);
}

const char *peer_stats_report_string(const peer_stats_report_t *report, size_t index, const char *member)
{
    return json_string_value(json_object_get(json_array_get(report->objects, index), member));
}

const char *peer_stats_report_id(const peer_stats_report_t *report, size_t index)
{
    return peer_stats_report_string(report, index, "id");
}

const char *peer_stats_report_type(const peer_stats_report_t *report, size_t index)
{
    return peer_stats_report_string(report, index, "type");
}

int64_t peer_stats_report_find(const peer_stats_report_t *report, const char *id)
{
    for (size_t i = 0; i < json_array_size(report->objects); i++)
        if (strcmp(peer_stats_report_id(report, i), id) == 0)
            return (int64_t)i;
    return -1;
}

int32_t peer_stats_report_number(const peer_stats_report_t *report, size_t index, const char *member, double *value)
{
    const json_t *found = json_object_get(json_array_get(report->objects, index), member);
    if (json_is_boolean(found))
        *value = json_is_true(found);
    else if (json_is_number(found))
        *value = json_number_value(found);
    else
        return 0;
    return 1;
}

char *peer_stats_report_to_json(const peer_stats_report_t *report)
{
    char *json = json_dumps(report->objects, JSON_COMPACT);
    if (json == NULL)
        error_no_memory();
    return json;
}
