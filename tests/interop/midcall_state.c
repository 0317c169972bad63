#include "midcall_state.h"

#include <stdio.h>
#include <string.h>

#define TRACKS_MAX 64

static struct {
    peer_track_t *tracks[TRACKS_MAX];
    size_t count;
    json_t *log;
    json_t *tones; /* [tone, duration_ms] each, as they were heard */
} seen;

void midcall_note(const char *what, const char *of)
{
    if (seen.log == NULL)
        seen.log = json_array();
    json_array_append_new(seen.log, json_sprintf("%s %s", what, of));
}

static void note(const char *what, const peer_track_t *track)
{
    midcall_note(what, peer_media_kind_name(peer_track_kind(track)));
}

static void on_tone(peer_track_t *track, const char *tone, int32_t duration_ms, void *user)
{
    if (seen.tones == NULL)
        seen.tones = json_array();
    json_array_append_new(seen.tones, json_pack("[s,i]", tone, (int)duration_ms));
}

static void on_mute(peer_track_t *track, void *user)
{
    note("mute", track);
}

static void on_unmute(peer_track_t *track, void *user)
{
    note("unmute", track);
}

static void on_ended(peer_track_t *track, void *user)
{
    note("ended", track);
}

/* Whoever wants pictures and sound makes the library decode them. */
static void on_video(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
}

static void on_audio(peer_track_t *track, peer_audio_frame_t *frame, void *user)
{
}

void midcall_take_track(const peer_track_event_t *event)
{
    note("track", event->track);
    for (size_t i = 0; i < seen.count; i++)
        if (seen.tracks[i] == event->track)
            return;
    if (seen.count == TRACKS_MAX)
        return;
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_mute = on_mute;
    sink.on_unmute = on_unmute;
    sink.on_ended = on_ended;
    sink.on_video_frame = on_video;
    sink.on_audio_frame = on_audio;
    sink.on_tone = on_tone;
    peer_track_add_sink(event->track, &sink, &seen);
    seen.tracks[seen.count++] = peer_track_ref(event->track);
}

void midcall_clear(void)
{
    for (size_t i = 0; i < seen.count; i++) {
        peer_track_remove_sink(seen.tracks[i], &seen);
        peer_track_unref(seen.tracks[i]);
    }
    json_decref(seen.log);
    json_decref(seen.tones);
}

static json_t *sections_of(peer_connection_t *pc)
{
    peer_transceiver_t *all[TRACKS_MAX];
    size_t count = peer_connection_transceivers(pc, all, TRACKS_MAX);
    json_t *sections = json_array();
    for (size_t i = 0; i < count && i < TRACKS_MAX; i++) {
        const char *mid = peer_transceiver_mid(all[i]);
        int32_t current = peer_transceiver_current_direction(all[i]);
        json_array_append_new(sections,
                              json_pack("{s:s?,s:s,s:s,s:s?}", "mid", mid, "kind", peer_media_kind_name(peer_transceiver_kind(all[i])),
                                        "direction", peer_direction_name(peer_transceiver_direction(all[i])), "currentDirection",
                                        current >= 0 ? peer_direction_name(current) : NULL));
        peer_transceiver_unref(all[i]);
    }
    return sections;
}

static void copy(json_t *to, const peer_stats_report_t *report, size_t index, const char *const *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double value;
        const char *word = peer_stats_report_string(report, index, members[i]);
        if (word != NULL)
            json_object_set_new(to, members[i], json_string(word));
        else if (peer_stats_report_number(report, index, members[i], &value))
            json_object_set_new(to, members[i], json_real(value));
    }
}

/* The objects of one type, with the names that matter here. */
static json_t *streams_of(const peer_stats_report_t *report, const char *type)
{
    static const char *const members[] = {"mid",           "kind",       "rid",        "ssrc",        "packetsSent", "packetsReceived",
                                          "framesDecoded", "framesSent", "frameWidth", "frameHeight", "active"};
    json_t *streams = json_array();
    for (size_t i = 0; i < peer_stats_report_count(report); i++) {
        if (strcmp(peer_stats_report_type(report, i), type) != 0)
            continue;
        json_t *stream = json_object();
        copy(stream, report, i, members, sizeof members / sizeof *members);
        const char *codec = peer_stats_report_string(report, i, "codecId");
        int64_t index = codec != NULL ? peer_stats_report_find(report, codec) : -1;
        if (index >= 0)
            json_object_set_new(stream, "codec", json_string(peer_stats_report_string(report, (size_t)index, "mimeType")));
        json_array_append_new(streams, stream);
    }
    return streams;
}

static const char *value_of(const char *sdp, const char *start, char *buffer, size_t size)
{
    const char *found = sdp != NULL ? strstr(sdp, start) : NULL;
    snprintf(buffer, size, "%.*s", found != NULL ? (int)strcspn(found + strlen(start), "\r\n") : 0,
             found != NULL ? found + strlen(start) : "");
    return buffer;
}

static int lines_of(const char *sdp)
{
    int count = 0;
    for (const char *at = sdp; at != NULL && (at = strstr(at, "\nm=")) != NULL; at++)
        count++;
    return count;
}

json_t *midcall_state(peer_connection_t *pc)
{
    char ufrag[300];
    peer_stats_report_t *report = NULL;
    peer_description_t *local = peer_connection_current_local_description(pc);
    const char *sdp = local != NULL ? peer_description_sdp(local) : NULL;
    if (peer_connection_get_stats(pc, &report) < 0)
        return json_null();
    json_t *state =
        json_pack("{s:s,s:s,s:o,s:o,s:o,s:s,s:i}", "signalingState", peer_signaling_state_name(peer_connection_signaling_state(pc)),
                  "connectionState", peer_connection_state_name(peer_connection_connection_state(pc)), "sections", sections_of(pc),
                  "inbound", streams_of(report, "inbound-rtp"), "outbound", streams_of(report, "outbound-rtp"), "ufrag",
                  value_of(sdp, "a=ice-ufrag:", ufrag, sizeof ufrag), "lines", lines_of(sdp));
    json_object_set_new(state, "log", seen.log != NULL ? json_copy(seen.log) : json_array());
    json_object_set_new(state, "tones", seen.tones != NULL ? json_copy(seen.tones) : json_array());
    peer_stats_report_unref(report);
    peer_description_unref(local);
    return state;
}
