/* The video jitter buffer's first half: packets of one SSRC in, whole frames in decodable order out. It keeps references to the packets
 * until their frame is assembled, and knows when it is stuck; when to ask for packets or a key frame, and when to show, is its owner's
 * affair. */
#ifndef MEDIA_VIDEO_BUFFER_H
#define MEDIA_VIDEO_BUFFER_H

#include "media/media.h"

#define MEDIA_VIDEO_PACKETS_MAX 2048 /* sequence numbers held at once */
#define MEDIA_VIDEO_FRAMES_MAX 128   /* whole frames waiting for an earlier one */

typedef struct media_video_packet {
    packet_t *packet; /* NULL: free */
    const uint8_t *payload;
    size_t length; /* 0: padding only */
    int64_t sequence;
    int64_t timestamp; /* unwrapped */
    const rtp_payload_format_t *format;
    rtp_payload_info_t info;
    peer_time_t time;
    uint8_t payload_type;
    bool has_orientation;
    uint8_t orientation;
    bool is_continuous; /* every packet from the frame's first to this one is here */
} media_video_packet_t;

typedef struct media_video_frame {
    int64_t first, last; /* sequence numbers */
    int64_t timestamp;
    peer_time_t completed;
    rtp_payload_info_t info;
} media_video_frame_t;

typedef struct media_video_buffer {
    media_video_packet_t *ring;                         /* by sequence number */
    size_t capacity;                                    /* a power of two, or 0 */
    media_video_frame_t frames[MEDIA_VIDEO_FRAMES_MAX]; /* whole ones, rising */
    size_t frame_count;
    int64_t next;       /* the number the next frame starts with, when is_started */
    int64_t contiguous; /* all of next … contiguous - 1 are here */
    int64_t highest;
    bool has_highest;
    bool is_started; /* a frame was given out since the last reset */
    bool needs_key_frame;
    bool can_resume;            /* one is needed, but what is missing may still come late instead */
    bool has_lost;              /* frames were skipped since the last one given out */
    peer_time_t stuck_since;    /* PEER_TIME_NEVER: not stuck */
    peer_time_t key_frame_seen; /* when a first packet of a key frame was seen, while one is needed; else PEER_TIME_NEVER */
    bool has_picture;           /* of the last frame given out: */
    uint16_t last_picture_id;
    uint64_t given;                /* bit n: the picture with an ID less by n was given out, too */
    rtp_picture_pattern_t pattern; /* how pictures build on each other; length 0: not known */
    size_t pattern_position;       /* of the last picture */
    bool has_skipped;              /* pictures that others may build on, since the last key frame */
    bool has_base_layer;
    uint8_t last_tl0picidx;
    uint64_t discarded; /* packets */
    uint64_t frames_dropped;
} media_video_buffer_t;

typedef enum media_video_insert {
    MEDIA_VIDEO_INSERTED,
    MEDIA_VIDEO_DUPLICATE,
    MEDIA_VIDEO_TOO_LATE,
    MEDIA_VIDEO_OVERFLOWED /* everything was dropped and a key frame is needed */
} media_video_insert_t;

void media_video_buffer_init(media_video_buffer_t *buffer);
void media_video_buffer_free(media_video_buffer_t *buffer);
/* Forgets all packets; a key frame is needed. */
void media_video_buffer_reset(media_video_buffer_t *buffer);
/* Takes a reference of its own. */
media_video_insert_t media_video_buffer_insert(media_video_buffer_t *buffer, const media_video_packet_t *packet, peer_time_t now);
/* The next frame in decodable order, assembled (timestamp_us, receive and render time are the owner's to fill), and what it was made from;
 * NULL when there is none now. */
media_frame_t *media_video_buffer_next(media_video_buffer_t *buffer, peer_time_t now, media_video_frame_t *description);
/* The wait for what is missing is over: skips what nothing depends on, or jumps to a key frame that is already here. When neither is
 * possible a key frame is needed. Call media_video_buffer_next() after it. */
void media_video_buffer_give_up(media_video_buffer_t *buffer, peer_time_t now);

#endif
