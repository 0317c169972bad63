/* What an application knows of remote tracks from events alone: at rest it has to be what was negotiated. */
#ifndef SIM_NEGOTIATION_TRACKS_H
#define SIM_NEGOTIATION_TRACKS_H

#include "negotiation_model.h"

#include "connection/connection.h"

#define TRACKS_MAX 64
#define TRACK_STREAMS_MAX 8

typedef struct known_track {
    const transceiver_t *transceiver;
    char streams[TRACK_STREAMS_MAX][16];
    size_t stream_count;
    bool was_told; /* by a track event */
    bool is_muted;
} known_track_t;

typedef struct tracks {
    model_side_t *side;
    known_track_t known[TRACKS_MAX];
    size_t count;
} tracks_t;

void tracks_on_event(tracks_t *tracks, const connection_event_t *event);
void tracks_check(tracks_t *tracks, const connection_t *connection);

#endif
