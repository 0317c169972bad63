/* RTCStatsReport: what the connection tells, with what encoders, decoders and tracks add, kept as JSON; and the selection of what concerns
 * one sender or receiver. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "media/media.h"

#include <string.h>

struct peer_stats_report {
    atomic_uint references;
    json_t *objects; /* array */
};

/* The selector (W3C WebRTC §8.5); both NULL: the whole connection. */
typedef struct selector {
    const struct peer_sender *sender;
    const struct peer_receiver *receiver;
} selector_t;

typedef struct collection {
    peer_connection_t *pc;
    peer_time_t now;
    selector_t selector;
    json_t *objects;
    json_t *current;
    json_t *selected; /* ids that the selector names, as keys */
    bool failed;
} collection_t;

/* ---- what is told becomes JSON ---- */

static void set(collection_t *collection, const char *member, json_t *value)
{
    collection->failed |= json_object_set_new(collection->current, member, value) < 0;
}

static void begin(void *context, const char *type, const char *id, double timestamp_ms)
{
    collection_t *collection = context;
    collection->current = json_object();
    set(collection, "id", json_string(id));
    set(collection, "timestamp", json_real(timestamp_ms));
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

/* The peer's texts may be anything; JSON is UTF-8. As a decoder would, each byte that is none of a character becomes U+FFFD. */
static json_t *repaired(const char *value)
{
    text_t written = {0};
    size_t length;
    for (; *value != '\0'; value += length) {
        length = 1;
        while (length < 4 && value[length] != '\0' && !text_is_utf8(value, length))
            length++;
        bool is_character = text_is_utf8(value, length);
        length = is_character ? length : 1;
        text_add_n(&written, is_character ? value : "\xef\xbf\xbd", is_character ? length : 3);
    }
    char *made = text_take(&written);
    json_t *string = made != NULL ? json_string(made) : NULL;
    memory_free(made);
    return string;
}

static void text(void *context, const char *member, const char *value)
{
    set(context, member, text_is_utf8(value, strlen(value)) ? json_string(value) : repaired(value));
}

static void boolean(void *context, const char *member, bool value)
{
    set(context, member, json_boolean(value));
}

static void record(void *context, const char *member, const stats_entry_t *entries, size_t count)
{
    collection_t *collection = context;
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++)
        collection->failed |= json_object_set_new(object, entries[i].name, json_real(entries[i].value)) < 0;
    set(collection, member, object);
}

static void end(void *context)
{
    collection_t *collection = context;
    collection->failed |= json_array_append_new(collection->objects, collection->current) < 0;
    collection->current = NULL;
}

/* ---- what the connection does not know ---- */

static void select_current(collection_t *collection)
{
    const char *id = json_string_value(json_object_get(collection->current, "id"));
    collection->failed |= id == NULL || json_object_set_new(collection->selected, id, json_true()) < 0;
}

/* webrtc-stats, qualityLimitationReason: "bandwidth" does not arise, since no congestion control limits an encoder. */
static void limitation(collection_t *collection, const api_encoder_t *encoder)
{
    const codec_worker_stats_t *counts = &encoder->counts;
    int64_t now = encoder->worker != NULL ? counts->taken_us : collection->now;
    int64_t none_us = now - encoder->since - counts->overload_us - counts->starved_us; /* whole numbers: it never falls by rounding */
    double none = none_us > 0 ? (double)none_us / 1e6 : 0;
    const stats_entry_t durations[] = {
        {"bandwidth", 0}, {"cpu", (double)counts->overload_us / 1e6}, {"none", none}, {"other", (double)counts->starved_us / 1e6}};
    static const char *const reasons[] = {
        [CODEC_WORKER_UNLIMITED] = "none", [CODEC_WORKER_OVERLOADED] = "cpu", [CODEC_WORKER_STARVED] = "other"};
    text(collection, "qualityLimitationReason", reasons[counts->limit]);
    record(collection, "qualityLimitationDurations", durations, sizeof durations / sizeof *durations);
    integer(collection, "qualityLimitationResolutionChanges", 0); /* the resolution never changes for such a reason */
}

static void outbound_video(collection_t *collection, const api_encoder_t *encoder)
{
    const codec_worker_stats_t *counts = &encoder->counts;
    integer(collection, "framesEncoded", (int64_t)counts->frames_out);
    integer(collection, "keyFramesEncoded", (int64_t)counts->key_frames);
    number(collection, "totalEncodeTime", (double)counts->busy_us / 1e6);
    integer(collection, "totalEncodedBytesTarget", (int64_t)counts->target_bytes);
    limitation(collection, encoder);
    if (counts->has_quantizer)
        integer(collection, "qpSum", (int64_t)counts->quantizer_sum);
    if (counts->frames_out > 0) {
        integer(collection, "frameWidth", counts->width);
        integer(collection, "frameHeight", counts->height);
        number(collection, "framesPerSecond", counts->frames_per_second);
    }
    if (encoder->counted == NULL)
        return;
    if (encoder->counted->implementation != NULL)
        text(collection, "encoderImplementation", encoder->counted->implementation);
    boolean(collection, "powerEfficientEncoder", (encoder->counted->flags & PEER_CODEC_POWER_EFFICIENT) != 0);
}

static void outbound(void *context, void *user, size_t place)
{
    collection_t *collection = context;
    peer_transceiver_t *transceiver = user;
    api_encoder_t encoder = {.since = collection->now};
    char source[STATS_ID_SIZE];
    if (transceiver == NULL)
        return;
    if (collection->selector.sender == &transceiver->sender)
        select_current(collection);
    if (api_source_id(collection->pc, transceiver->sender.track, source))
        text(collection, "mediaSourceId", source);
    api_sender_counts(&transceiver->sender, place, &encoder);
    if (encoder.counts.target_bps != 0)
        number(collection, "targetBitrate", encoder.counts.target_bps);
    if (transceiver->kind == PEER_MEDIA_VIDEO)
        outbound_video(collection, &encoder);
}

/* webrtc-stats: what has not happened yet counts zero; what is not known yet is not told. */
static void inbound_video(collection_t *collection, const api_received_t *counts, const media_inbound_stats_t *media)
{
    const codec_worker_stats_t *decoded = &counts->decoded;
    const media_rendering_t *rendering = &counts->rendering;
    integer(collection, "framesDecoded", (int64_t)decoded->frames_out);
    integer(collection, "keyFramesDecoded", (int64_t)decoded->key_frames);
    integer(collection, "framesRendered", (int64_t)rendering->frames);
    integer(collection, "framesDropped", (int64_t)(media->frames_dropped + decoded->frames_dropped + counts->overflowed));
    number(collection, "totalDecodeTime", (double)decoded->busy_us / 1e6);
    number(collection, "totalInterFrameDelay", rendering->total_inter_frame_delay);
    number(collection, "totalSquaredInterFrameDelay", rendering->total_squared_inter_frame_delay);
    integer(collection, "pauseCount", (int64_t)rendering->pause_count);
    number(collection, "totalPausesDuration", rendering->total_pauses_duration);
    integer(collection, "freezeCount", (int64_t)rendering->freeze_count);
    number(collection, "totalFreezesDuration", rendering->total_freezes_duration);
    integer(collection, "framesAssembledFromMultiplePackets", (int64_t)decoded->assembled_frames);
    number(collection, "totalAssemblyTime", decoded->assembly_s);
    if (decoded->has_quantizer)
        integer(collection, "qpSum", (int64_t)decoded->quantizer_sum);
    if (decoded->frames_out == 0)
        return;
    integer(collection, "frameWidth", decoded->width);
    integer(collection, "frameHeight", decoded->height);
    number(collection, "framesPerSecond", decoded->frames_per_second);
}

static void inbound(void *context, void *user, const media_inbound_stats_t *media)
{
    collection_t *collection = context;
    peer_transceiver_t *transceiver = user;
    if (transceiver == NULL)
        return;
    struct peer_receiver *receiver = &transceiver->receiver;
    api_received_t counts = {0};
    bool is_decoded = api_receiver_counts(receiver, media->ssrc, &counts);
    if (collection->selector.receiver == receiver)
        select_current(collection);
    text(collection, "trackIdentifier", peer_track_id(receiver->track));
    number(collection, "totalProcessingDelay", counts.decoded.processing_s);
    if (transceiver->kind == PEER_MEDIA_VIDEO) {
        inbound_video(collection, &counts, media);
    } else {
        number(collection, "totalAudioEnergy", counts.decoded.energy.total_energy);
        if (counts.decoded.energy.has_level)
            number(collection, "audioLevel", counts.decoded.energy.level);
    }
    if (transceiver->kind != PEER_MEDIA_VIDEO || !is_decoded || receiver->codec == NULL)
        return;
    if (receiver->codec->implementation != NULL)
        text(collection, "decoderImplementation", receiver->codec->implementation);
    boolean(collection, "powerEfficientDecoder", (receiver->codec->flags & PEER_CODEC_POWER_EFFICIENT) != 0);
}

/* ---- selection ---- */

/* W3C webrtc-stats §3: members whose names end in "Id" refer to objects. */
static bool is_reference(const char *member)
{
    size_t length = strlen(member);
    return length > 2 && strcmp(member + length - 2, "Id") == 0;
}

/* Adds what the object refers to; true when something was not selected before. */
static bool select_referred(collection_t *collection, json_t *object)
{
    const char *member;
    json_t *value;
    bool is_more = false;
    json_object_foreach(object, member, value)
    {
        const char *id = is_reference(member) ? json_string_value(value) : NULL;
        if (id == NULL || json_object_get(collection->selected, id) != NULL)
            continue;
        collection->failed |= json_object_set_new(collection->selected, id, json_true()) < 0;
        is_more = true;
    }
    return is_more;
}

static bool is_selected(const collection_t *collection, const json_t *object)
{
    return json_object_get(collection->selected, json_string_value(json_object_get(object, "id"))) != NULL;
}

/* W3C WebRTC §8.5 steps 3 and 4: the streams, and all that they refer to, directly or indirectly. */
static void select_objects(collection_t *collection)
{
    bool is_more = true;
    while (is_more && !collection->failed) {
        is_more = false;
        for (size_t i = 0; i < json_array_size(collection->objects); i++) {
            json_t *object = json_array_get(collection->objects, i);
            if (is_selected(collection, object))
                is_more |= select_referred(collection, object);
        }
    }
    for (size_t i = json_array_size(collection->objects); i-- > 0;)
        if (!is_selected(collection, json_array_get(collection->objects, i)))
            json_array_remove(collection->objects, i);
}

static int collect(peer_connection_t *pc, selector_t selector, peer_stats_report_t **report)
{
    static const stats_visitor_t functions = {NULL, begin, integer, number, text, boolean, record, end, outbound, inbound};
    collection_t collection = {.pc = pc, .now = runtime_now(), .selector = selector, .objects = json_array(), .selected = json_object()};
    peer_stats_report_t *made = MEMORY_NEW(peer_stats_report_t);
    stats_visitor_t visitor = functions;
    visitor.context = &collection;
    collection.failed = collection.objects == NULL || collection.selected == NULL || made == NULL;
    if (!collection.failed) {
        api_sources_follow(pc);
        connection_visit_stats(pc->connection, collection.now, &visitor);
        api_sources_visit(pc, collection.now, &visitor);
    }
    if (!collection.failed && (selector.sender != NULL || selector.receiver != NULL))
        select_objects(&collection);
    json_decref(collection.selected);
    if (collection.failed) {
        json_decref(collection.objects);
        memory_free(made);
        return error_no_memory();
    }
    atomic_init(&made->references, 1);
    made->objects = collection.objects;
    *report = made;
    return 0;
}

int peer_connection_get_stats(const peer_connection_t *pc, peer_stats_report_t **report)
{
    if (report == NULL)
        return error_set(PEER_ERROR_TYPE, "report is NULL");
    loop_lock(pc->loop);
    int result = collect((peer_connection_t *)pc, (selector_t){0}, report);
    loop_unlock(pc->loop);
    return result;
}

static int collect_of(peer_transceiver_t *transceiver, selector_t selector, peer_stats_report_t **report)
{
    if (report == NULL)
        return error_set(PEER_ERROR_TYPE, "report is NULL");
    loop_lock(transceiver->loop);
    int result = transceiver->pc != NULL ? collect(transceiver->pc, selector, report)
                                         : error_set(PEER_ERROR_INVALID_STATE, "the connection is gone");
    loop_unlock(transceiver->loop);
    return result;
}

int peer_sender_get_stats(const peer_sender_t *sender, peer_stats_report_t **report)
{
    return collect_of(sender->transceiver, (selector_t){.sender = sender}, report);
}

int peer_receiver_get_stats(const peer_receiver_t *receiver, peer_stats_report_t **report)
{
    return collect_of(receiver->transceiver, (selector_t){.receiver = receiver}, report);
}

/* W3C WebRTC §8.2 getStats step 4. How many senders and receivers have the track; the last of them. */
static size_t find_track(const peer_connection_t *pc, const peer_track_t *track, selector_t *selector)
{
    size_t count = 0;
    for (size_t i = 0; i < pc->transceiver_count; i++) {
        const peer_transceiver_t *transceiver = pc->transceivers[i];
        if (transceiver_direction(transceiver->implementation) == CONNECTION_STOPPED)
            continue; /* such senders and receivers are not in the connection's sets */
        if (transceiver->sender.track == track) {
            *selector = (selector_t){.sender = &transceiver->sender};
            count++;
        }
        if (transceiver->receiver.track == track) {
            *selector = (selector_t){.receiver = &transceiver->receiver};
            count++;
        }
    }
    return count;
}

int peer_connection_get_stats_of_track(const peer_connection_t *pc, peer_track_t *track, peer_stats_report_t **report)
{
    selector_t selector;
    if (report == NULL || track == NULL)
        return error_set(PEER_ERROR_TYPE, "%s is NULL", report == NULL ? "report" : "track");
    loop_lock(pc->loop);
    size_t count = find_track(pc, track, &selector);
    int result = count == 1 ? collect((peer_connection_t *)pc, selector, report)
                            : error_set(PEER_ERROR_INVALID_ACCESS, "%zu senders and receivers of the connection have the track", count);
    loop_unlock(pc->loop);
    return result;
}

/* ---- the report ---- */

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

/* "record.entry" is an entry of a record. */
static const json_t *find_member(const peer_stats_report_t *report, size_t index, const char *member)
{
    const json_t *object = json_array_get(report->objects, index);
    const char *dot = strchr(member, '.');
    if (dot == NULL)
        return json_object_get(object, member);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (strlen(name) == (size_t)(dot - member) && memcmp(name, member, (size_t)(dot - member)) == 0)
            return json_object_get(value, dot + 1);
    }
    return NULL;
}

const char *peer_stats_report_string(const peer_stats_report_t *report, size_t index, const char *member)
{
    return json_string_value(find_member(report, index, member));
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
    const json_t *found = find_member(report, index, member);
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
