/* Telephone events in an audio stream (RFC 4733): a player at the sender, which puts them in the place of the sound, and a listener at the
 * receiver. Both are driven by their stream, in packets and time. */
#ifndef MEDIA_TONE_H
#define MEDIA_TONE_H

#include "base/time.h"
#include "rtp/rtp.h"
#include "rtp/telephone_event.h"

/* tone_player.c */
typedef struct media_tone_player {
    bool is_playing;
    uint8_t code;
    peer_time_t begun, end;
    uint32_t timestamp;    /* of the segment that is reported, on the stream's clock */
    uint32_t told;         /* how much of the event the segments before it have told, in units of the event's clock */
    bool is_begin_told;    /* the marker was set */
    peer_time_t update_at; /* the next report; PEER_TIME_NEVER */

    /* The last report of an event or segment, repeated. */
    uint8_t last[RTP_TELEPHONE_EVENT_SIZE];
    uint32_t last_timestamp;
    unsigned repeats_left;
    peer_time_t repeat_at;

    uint16_t shift; /* what the event's packets have added to the numbers of packets that the application numbers */
} media_tone_player_t;

/* tone_listener.c */
typedef struct media_tone_listener {
    bool has_any;
    bool is_active; /* an event that has not ended */
    uint8_t code;
    uint32_t timestamp; /* of the last event's last segment */
    uint32_t told;      /* length of the segments before it */
    uint16_t duration;
    uint32_t clock_rate;
    peer_time_t ends_at; /* unless there is news of it; PEER_TIME_NEVER */
} media_tone_listener_t;

#endif
