/* W3C RTCMediaSourceStats: what a track passes to the senders of a connection. The track counts; a source of a connection is what was
 * counted since the track was attached to the first of its senders, until the last one has let go. */
#include "api/track_private.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- the track's side: with its lock, from any thread ---- */

static bool start_counting(peer_track_t *track)
{
    api_track_lock(track);
    if (track->counts == NULL)
        track->counts = MEMORY_NEW(api_track_counts_t);
    bool is_counting = track->counts != NULL;
    api_track_unlock(track);
    return is_counting;
}

static void count_picture(peer_track_t *track, uint32_t width, uint32_t height)
{
    api_track_lock(track);
    if (track->counts != NULL) {
        track->counts->frames++;
        track->counts->width = width;
        track->counts->height = height;
        frame_rate_add(&track->counts->rate, runtime_now());
    }
    api_track_unlock(track);
}

void api_track_count_video(peer_track_t *track, peer_video_frame_t *frame)
{
    count_picture(track, peer_video_frame_width(frame), peer_video_frame_height(frame));
}

void api_track_count_audio(peer_track_t *track, peer_audio_frame_t *frame)
{
    api_track_lock(track);
    if (track->counts != NULL)
        audio_energy_add(&track->counts->energy, frame);
    api_track_unlock(track);
}

void api_track_count_encoded(peer_track_t *track, peer_encoded_frame_t *frame)
{
    if (track->kind == PEER_MEDIA_VIDEO)
        count_picture(track, peer_encoded_frame_width(frame), peer_encoded_frame_height(frame));
}

/* ---- the connection's side: under the loop's lock ---- */

static api_media_source_t *find(peer_connection_t *pc, const peer_track_t *track)
{
    for (size_t i = 0; i < pc->source_count; i++)
        if (pc->sources[i].track == track)
            return &pc->sources[i];
    return NULL;
}

static bool is_attached(const peer_connection_t *pc, const peer_track_t *track)
{
    for (size_t i = 0; i < pc->transceiver_count; i++)
        if (pc->transceivers[i]->sender.track == track)
            return true;
    return false;
}

static void add(peer_connection_t *pc, peer_track_t *track)
{
    void *sources = pc->sources;
    if (!start_counting(track) || !memory_reserve(&sources, &pc->source_capacity, pc->source_count + 1, sizeof *pc->sources))
        return;
    pc->sources = sources;
    api_media_source_t *source = &pc->sources[pc->source_count++];
    *source = (api_media_source_t){.track = peer_track_ref(track), .number = ++pc->sources_made, .since = runtime_now()};
    api_track_lock(track);
    source->before = *track->counts;
    api_track_unlock(track);
}

void api_sources_follow(peer_connection_t *pc)
{
    for (size_t i = pc->source_count; i-- > 0;)
        if (!is_attached(pc, pc->sources[i].track)) {
            peer_track_unref(pc->sources[i].track);
            pc->sources[i] = pc->sources[--pc->source_count];
        }
    for (size_t i = 0; i < pc->transceiver_count; i++) {
        peer_track_t *track = pc->transceivers[i]->sender.track;
        if (track != NULL && find(pc, track) == NULL)
            add(pc, track);
    }
}

void api_sources_clear(peer_connection_t *pc)
{
    for (size_t i = 0; i < pc->source_count; i++)
        peer_track_unref(pc->sources[i].track);
    memory_free(pc->sources);
    pc->sources = NULL;
    pc->source_count = 0;
}

static void name(const peer_connection_t *pc, const api_media_source_t *source, char id[STATS_ID_SIZE])
{
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, source->number);
    connection_stats_id(pc->connection, id, source->track->kind == PEER_MEDIA_VIDEO ? "SV" : "SA", number);
}

bool api_source_id(peer_connection_t *pc, const peer_track_t *track, char id[STATS_ID_SIZE])
{
    const api_media_source_t *source = track != NULL ? find(pc, track) : NULL;
    if (source != NULL)
        name(pc, source, id);
    return source != NULL;
}

static void visit_audio(const api_media_source_t *source, const api_track_counts_t *counts, const stats_visitor_t *to)
{
    if (counts->energy.has_level)
        to->number(to->context, "audioLevel", counts->energy.level);
    to->number(to->context, "totalAudioEnergy", counts->energy.total_energy - source->before.energy.total_energy);
    to->number(to->context, "totalSamplesDuration", counts->energy.total_duration - source->before.energy.total_duration);
}

static void visit_video(const api_media_source_t *source, const api_track_counts_t *counts, peer_time_t now, const stats_visitor_t *to)
{
    uint64_t frames = counts->frames - source->before.frames;
    if (frames > 0 && counts->width != 0) {
        to->integer(to->context, "width", counts->width);
        to->integer(to->context, "height", counts->height);
    }
    to->integer(to->context, "frames", (int64_t)frames);
    if (now - source->since >= PEER_SECOND)
        to->number(to->context, "framesPerSecond", frame_rate_at(&counts->rate, now));
}

void api_sources_visit(peer_connection_t *pc, peer_time_t now, const stats_visitor_t *to)
{
    for (size_t i = 0; i < pc->source_count; i++) {
        const api_media_source_t *source = &pc->sources[i];
        char id[STATS_ID_SIZE];
        api_track_lock(source->track);
        api_track_counts_t counts = *source->track->counts;
        api_track_unlock(source->track);
        name(pc, source, id);
        to->begin(to->context, "media-source", id, connection_wall_clock_ms(pc->connection, now));
        to->text(to->context, "trackIdentifier", source->track->id);
        to->text(to->context, "kind", peer_media_kind_name(source->track->kind));
        if (source->track->kind == PEER_MEDIA_VIDEO)
            visit_video(source, &counts, now, to);
        else
            visit_audio(source, &counts, to);
        to->end(to->context);
    }
}
