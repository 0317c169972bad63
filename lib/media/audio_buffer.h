/* The audio jitter buffer: packets of one SSRC in; out, one frame or one gap to conceal for every moment of a playout clock that its owner
 * turns. The clock runs at the sender's speed and is pushed a few per cent faster or slower towards the delay aimed at, so that nothing is
 * cut or stretched but where the distance is too large for that. */
#ifndef MEDIA_AUDIO_BUFFER_H
#define MEDIA_AUDIO_BUFFER_H

#include "media/delay.h"
#include "media/media.h"

#define MEDIA_AUDIO_PACKETS_MAX 256 /* held at once; a power of two */
#define MEDIA_AUDIO_INITIAL_DELAY (40 * PEER_MILLISECOND)
#define MEDIA_AUDIO_CONCEAL_MAX (1 * PEER_SECOND) /* without any packet; then the clock stops until one comes */
#define MEDIA_AUDIO_SKIP (150 * PEER_MILLISECOND) /* farther from the aim than this, frames are dropped or gaps put in */
#define MEDIA_AUDIO_GAP_MAX (2 * PEER_SECOND)     /* a pause in the timestamps that is played through; a longer one is jumped */

typedef struct media_audio_packet {
    packet_t *packet; /* NULL: free */
    const uint8_t *payload;
    size_t length;
    int64_t sequence;
    int64_t timestamp; /* unwrapped */
    uint32_t duration; /* timestamp units */
    uint32_t clock_rate;
    peer_time_t time;
    uint8_t payload_type;
    bool has_level;
    bool has_voice;
    uint8_t level;
} media_audio_packet_t;

typedef struct media_audio_buffer {
    media_audio_packet_t ring[MEDIA_AUDIO_PACKETS_MAX]; /* by sequence number */
    size_t count;
    int64_t next_sequence; /* nothing before it is played any more */
    int64_t highest;
    int64_t next_timestamp;  /* of the next sample to play */
    uint32_t frame_duration; /* of the last packet */
    uint32_t clock_rate;
    bool has_started; /* next_sequence counts */
    bool is_playing;  /* the clock runs */
    bool is_concealing;
    uint64_t taken[MEDIA_AUDIO_PACKETS_MAX / 64]; /* numbers after next_sequence that something else than sound has */
    bool is_paused;                               /* the last packet announced a pause (DTX), or was none of sound */
    peer_time_t next_playout;                     /* when next_timestamp is due; PEER_TIME_NEVER while not playing */
    peer_time_t concealed;                        /* without any packet, in a row */
    uint64_t discarded;                           /* packets too late, duplicate or dropped to catch up */
    uint64_t samples, concealed_samples, silent_concealed_samples, concealment_events, inserted_samples, removed_samples;
    uint64_t emitted_samples;
    double emitted_delay, emitted_target, emitted_least; /* seconds times samples */
    peer_time_t least_target;                            /* the owner's: of the target, what the network asks for */
} media_audio_buffer_t;

/* What a turn of the clock gives: a frame, or a gap of `duration` with, perhaps, the frame that follows it. */
typedef struct media_audio_event {
    media_frame_t *frame;
    media_frame_t *next;
    int64_t duration_us;
    peer_time_t render_time;
    bool is_silence;
} media_audio_event_t;

void media_audio_buffer_init(media_audio_buffer_t *buffer);
void media_audio_buffer_reset(media_audio_buffer_t *buffer); /* forgets packets, keeps counts */
/* Takes a reference of its own. `target` and `base` are the delay to aim at and the transit to count it from. False when it was discarded.
 */
bool media_audio_buffer_insert(media_audio_buffer_t *buffer, const media_audio_packet_t *packet, peer_time_t now, peer_time_t base,
                               peer_time_t target);
/* The packet of that number has come and is no sound (a telephone event): it is not missing, and there is silence in its place. */
void media_audio_buffer_take_number(media_audio_buffer_t *buffer, int64_t sequence);
/* The event due at `now`; false when none is due. */
bool media_audio_buffer_next(media_audio_buffer_t *buffer, peer_time_t now, peer_time_t base, peer_time_t target,
                             media_audio_event_t *event);

#endif
