#include "negotiation_tracks.h"

#include "connection/internal.h"

#include <stdio.h>
#include <string.h>

static known_track_t *find(tracks_t *tracks, const transceiver_t *transceiver)
{
    for (size_t i = 0; i < tracks->count; i++)
        if (tracks->known[i].transceiver == transceiver)
            return &tracks->known[i];
    if (tracks->count == TRACKS_MAX)
        model_fail(tracks->side->model, "more transceivers than the test can remember");
    known_track_t *track = &tracks->known[tracks->count++];
    *track = (known_track_t){.transceiver = transceiver, .is_muted = true};
    return track;
}

static char *find_stream(known_track_t *track, const char *stream)
{
    for (size_t i = 0; i < track->stream_count; i++)
        if (strcmp(track->streams[i], stream) == 0)
            return track->streams[i];
    return NULL;
}

static void add_stream(tracks_t *tracks, known_track_t *track, const char *stream)
{
    if (find_stream(track, stream) != NULL || track->stream_count == TRACK_STREAMS_MAX)
        model_fail(tracks->side->model, "side %d: a track is added to stream %s, which has it", tracks->side->index, stream);
    snprintf(track->streams[track->stream_count++], sizeof track->streams[0], "%s", stream);
}

static void remove_stream(tracks_t *tracks, known_track_t *track, const char *stream)
{
    char *known = find_stream(track, stream);
    if (known == NULL)
        model_fail(tracks->side->model, "side %d: a track is removed from stream %s, which does not have it", tracks->side->index, stream);
    memcpy(known, track->streams[--track->stream_count], sizeof track->streams[0]);
}

/* W3C §4.4.1.5: the streams have the track before the track event names them. */
static void on_track(tracks_t *tracks, known_track_t *track, const connection_event_t *event)
{
    track->was_told = true;
    if (event->streams.count != track->stream_count)
        model_fail(tracks->side->model, "side %d: a track event has %zu streams, and %zu have the track", tracks->side->index,
                   event->streams.count, track->stream_count);
    for (size_t i = 0; i < event->streams.count; i++)
        if (find_stream(track, event->streams.ids[i]) == NULL)
            model_fail(tracks->side->model, "side %d: a track event names stream %s, which does not have the track", tracks->side->index,
                       event->streams.ids[i]);
}

void tracks_on_event(tracks_t *tracks, const connection_event_t *event)
{
    switch (event->type) {
    case CONNECTION_EVENT_TRACK:
        on_track(tracks, find(tracks, event->transceiver), event);
        break;
    case CONNECTION_EVENT_STREAM_TRACK_ADDED:
        add_stream(tracks, find(tracks, event->transceiver), event->text);
        break;
    case CONNECTION_EVENT_STREAM_TRACK_REMOVED:
        remove_stream(tracks, find(tracks, event->transceiver), event->text);
        break;
    case CONNECTION_EVENT_TRACK_MUTED:
        find(tracks, event->transceiver)->is_muted = true;
        break;
    case CONNECTION_EVENT_TRACK_UNMUTED:
        find(tracks, event->transceiver)->is_muted = false;
        break;
    case CONNECTION_EVENT_TRANSCEIVER_REMOVED:
        *find(tracks, event->transceiver) = tracks->known[tracks->count - 1];
        tracks->count--;
        break;
    default:
        break;
    }
}

void tracks_check(tracks_t *tracks, const connection_t *connection)
{
    model_t *model = tracks->side->model;
    for (size_t i = 0; i < connection_transceiver_count(connection); i++) {
        const transceiver_t *transceiver = connection_transceiver(connection, i);
        const jsep_transceiver_t *jsep = transceiver->jsep;
        known_track_t *track = find(tracks, transceiver);
        if (jsep == NULL || jsep->is_stopped)
            continue;
        bool receives = (jsep->current_direction & SDP_RECVONLY) != 0;
        if (receives && !track->was_told)
            model_fail(model, "side %d: mid %s receives, and there was no track event", tracks->side->index, jsep->mid);
        if (receives == track->is_muted) /* something came on each that receives */
            model_fail(model, "side %d: mid %s does %sreceive, and its track is %smuted", tracks->side->index, jsep->mid,
                       receives ? "" : "not ", track->is_muted ? "" : "not ");
        if (track->stream_count != jsep->receiver_streams.count)
            model_fail(model, "side %d: mid %s: %zu streams have the track by events, %zu by descriptions", tracks->side->index, jsep->mid,
                       track->stream_count, jsep->receiver_streams.count);
        for (size_t j = 0; j < jsep->receiver_streams.count; j++)
            if (find_stream(track, jsep->receiver_streams.ids[j]) == NULL)
                model_fail(model, "side %d: mid %s: no event told of stream %s", tracks->side->index, jsep->mid,
                           jsep->receiver_streams.ids[j]);
    }
}
