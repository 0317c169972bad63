/* What the parts of a session see of each other. */
#ifndef MEDIA_SESSION_H
#define MEDIA_SESSION_H

#include "base/map.h"
#include "cc/cc.h"
#include "media/audio_buffer.h"
#include "media/capture_time.h"
#include "media/delay.h"
#include "media/history.h"
#include "media/media.h"
#include "media/nack.h"
#include "media/output.h"
#include "media/reception.h"
#include "media/tone.h"
#include "media/video_buffer.h"

#define MEDIA_VIDEO_FRAMES_HELD_MAX 64 /* whole frames waiting for their time */
#define MEDIA_CSRCS_KEPT 8
#define MEDIA_RETIRED_SSRCS 4
#define MEDIA_PAST_SOURCES 7
#define MEDIA_LEARNED_MAX 32 /* SSRCs remembered before they are heard */
#define MEDIA_RTT_DEFAULT (100 * PEER_MILLISECOND)
#define MEDIA_RTT_MAX (5 * PEER_SECOND)
#define MEDIA_REFERENCE_TIMES_MAX 8 /* remote SSRCs whose XR reference time is answered */

/* One remote SSRC with its repair SSRC, received for one receiver. */
typedef struct media_stream {
    media_session_t *session;
    media_receiver_t *receiver;
    uint64_t number; /* see media_inbound_stats_t */
    uint32_t ssrc;
    uint32_t rtx_ssrc; /* 0: none known */
    const char *rid;   /* one of the receiver's, or "" */
    bool is_wanted;    /* its frames are given out; else it is only counted */
    struct {
        bool is_known;
        uint16_t sequence;              /* of the last packet that named where it belongs (RFC 7941 §4.2.6) */
    } named[2];                         /* of its own SSRC and of the repair SSRC */
    uint32_t clock_rate;                /* of the last packet's codec */
    const rtp_payload_format_t *format; /* likewise */
    media_reception_t reception;
    rtp_unwrap_t timestamps;
    media_nack_t nack;
    media_delay_t delay;
    media_video_buffer_t *video; /* one of the two, by the receiver's kind */
    media_audio_buffer_t *audio;

    /* Video: whole frames until their time. */
    media_frame_t *held[MEDIA_VIDEO_FRAMES_HELD_MAX];
    size_t held_first, held_count;
    peer_time_t last_render;
    int64_t given_timestamp_us; /* of the last frame given out */
    peer_time_t given_time;     /* when that was; 0: none */
    int64_t first_timestamp;    /* where timestamp_us starts */
    bool has_first_timestamp;

    /* Key frames. */
    bool wants_key_frame;
    peer_time_t key_frame_wanted; /* when to ask (again); PEER_TIME_NEVER */
    peer_time_t key_frame_asked;  /* when last; 0: never */
    unsigned key_frame_tries;
    uint8_t fir_sequence;

    /* The last sender report (RFC 3550 §6.4.1). */
    bool has_report;
    uint64_t report_ntp;
    int64_t report_timestamp; /* unwrapped */
    peer_time_t report_arrival;
    char *cname;

    /* Lip sync. */
    peer_time_t sync_delay;
    bool was_heard; /* since our last report about it */

    /* Simulcast: what it is worth, see layers.c. */
    uint32_t pixels;        /* of its last key frame; 0: not known */
    uint64_t weighed_bytes; /* as counted when its rate was last taken */
    uint64_t weighed_packets;
    double rate;            /* octets in a turn of the clock, smoothed */
    unsigned flowing_turns; /* in a row with packets */

    struct {
        uint32_t source;
        uint32_t rtp_timestamp;
        bool has_level;
        uint8_t level; /* RFC 6465 */
        peer_time_t time;
        media_capture_t capture;
    } csrcs[MEDIA_CSRCS_KEPT];
    media_capture_t capture;

    media_tone_listener_t tone;

    media_inbound_stats_t stats;
} media_stream_t;

struct media_receiver {
    media_session_t *session;
    media_kind_t kind;
    char mid[MEDIA_MID_MAX + 1];
    media_codec_t codecs[MEDIA_CODECS_MAX];
    size_t codec_count;
    uint32_t ssrcs[MEDIA_SSRCS_MAX], rtx_ssrcs[MEDIA_SSRCS_MAX];
    size_t ssrc_count;
    char rids[MEDIA_RIDS_MAX][MEDIA_MID_MAX + 1];
    size_t rid_count; /* not 0: simulcast */
    rtp_extension_map_t extensions;
    char *sync_group;
    void *user;
    bool wants_rtp, wants_frames, wants_layers;
    bool is_flowing;         /* FIRST_PACKET was given and not every stream has ended */
    peer_time_t least_delay; /* jitterBufferTarget */
    media_stream_t *streams[MEDIA_STREAMS_MAX];
    size_t stream_count;
    media_stream_t *shown;                 /* the one to decode, or NULL */
    media_stream_t *next;                  /* the one that takes its place with its next key frame, or NULL */
    peer_time_t next_turn;                 /* of layers.c; PEER_TIME_NEVER without several streams */
    unsigned turns;                        /* since the first of them came */
    unsigned silent_turns;                 /* of the one shown, while another flows */
    peer_time_t last_shown;                /* render time of the last frame given out to be decoded */
    uint32_t retired[MEDIA_RETIRED_SSRCS]; /* streams it replaced */
    size_t retired_next;
    peer_time_t ended;                       /* when the last of them was */
    media_source_t past[MEDIA_PAST_SOURCES]; /* of streams that were shown before; timestamp 0: none */
};

#define MEDIA_SENT_NUMBERS 1024 /* how far back the application's packets may come out of order: a divisor of 65,536 */

struct media_sender {
    media_session_t *session;
    media_kind_t kind;
    uint64_t number; /* see media_outbound_stats_t */
    uint32_t ssrc, rtx_ssrc;
    uint8_t priority;
    media_codec_t codec;
    char mid[MEDIA_MID_MAX + 1], rid[MEDIA_MID_MAX + 1];
    rtp_extension_map_t extensions;
    rtp_payload_context_t payload_context;
    uint16_t next_sequence, next_rtx_sequence;
    uint16_t first_sequence;                        /* that was ever sent by this SSRC */
    uint64_t sent_numbers[MEDIA_SENT_NUMBERS / 64]; /* which of the last before next_sequence were used */
    uint32_t timestamp_offset;
    uint32_t last_timestamp;
    peer_time_t last_capture; /* the moment last_timestamp stands for */
    peer_time_t last_sent;
    bool has_sent;
    media_capture_t capture; /* as it was told last */
    media_history_t history;

    /* Retransmissions may not exceed what is sent, by much. */
    peer_time_t budget_time;
    double budget_bytes;

    /* Key frames asked for by the peer. */
    peer_time_t key_frame_requested; /* when the application was last told; 0: never */
    peer_time_t key_frame_due;       /* PEER_TIME_NEVER, or when to tell it what was held back */
    bool has_fir;
    uint8_t fir_sequence;
    uint32_t fir_ssrc;

    media_codec_t event; /* telephone events; clock rate 0: none */
    media_tone_player_t tone;

    uint32_t packet_count, octet_count; /* RFC 3550 §6.4.1 */
    media_outbound_stats_t stats;
};

/* What is known of an SSRC that no stream was begun for: by RTCP (RFC 9143 §9.2, RFC 8852 §4), or that its mid is nobody's. */
typedef struct media_learned {
    uint32_t ssrc;              /* 0: free */
    media_receiver_t *receiver; /* NULL: nobody's */
    char rid[MEDIA_MID_MAX + 1], repaired_rid[MEDIA_MID_MAX + 1];
} media_learned_t;

typedef struct media_reference_time {
    uint32_t ssrc;
    uint32_t ntp_middle;
    peer_time_t arrival; /* 0: free */
} media_reference_time_t;

struct media_session {
    packet_pool_t *pool;
    random_source_t random;
    char cname[MEDIA_CNAME_MAX + 1];
    uint32_t connection;
    int64_t wall_clock_offset;
    size_t packet_size;
    bool allows_reduced_size;
    uint32_t local_ssrc;         /* speaks for us while nothing is sent */
    uint16_t transport_sequence; /* transport-wide, of the next packet */

    media_sender_t *senders[MEDIA_SENDERS_MAX];
    size_t sender_count;
    media_receiver_t *receivers[MEDIA_RECEIVERS_MAX];
    size_t receiver_count;
    uint64_t streams_made; /* and senders: their numbers */
    map_t streams;         /* remote SSRC, also of RTX -> media_stream_t */
    map_t local;           /* our SSRCs -> media_sender_t */
    media_learned_t learned[MEDIA_LEARNED_MAX];
    size_t learned_next;
    uint8_t mid_id, rid_id, repaired_rid_id; /* one meaning in all m-sections of a transport (RFC 9143 §7.1 by RFC 8285 §5) */

    peer_time_t next_report;
    bool is_reporting;
    packet_t *feedback; /* messages collected in this turn */
    media_reference_time_t reference_times[MEDIA_REFERENCE_TIMES_MAX];
    peer_time_t rtt;
    bool has_rtt;
    peer_time_t next_sync;
    cc_arrivals_t arrivals;
    peer_time_t next_transport_feedback;
    uint32_t feedback_ssrc;
    uint8_t transport_feedback_count;

    media_output_queue_t outputs;
    media_session_stats_t stats;
};

/* receiver.c */
/* The codec a payload type stands for, by itself or as its RTX. */
media_codec_t *media_receiver_codec(media_receiver_t *receiver, uint8_t payload_type, bool *is_rtx);

/* session.c */
peer_time_t media_session_rtt(const media_session_t *session);
void media_session_set_rtt(media_session_t *session, peer_time_t rtt);
int64_t media_session_ntp_us(const media_session_t *session, peer_time_t now); /* microseconds since 1900 */
uint32_t media_session_speaker(const media_session_t *session);                /* the SSRC our RTCP comes from */

/* demultiplexer.c */
/* The stream a packet belongs to, begun if it is new; NULL (counted) when it is nobody's. `extensions` needs MID only. */
media_stream_t *media_session_find_stream(media_session_t *session, peer_time_t now, const rtp_view_t *view,
                                          const rtp_extensions_t *extensions);
/* Frees the stream and forgets its SSRCs. */
void media_session_unlink_stream(media_session_t *session, media_stream_t *stream);
/* The same for one that ended: stragglers of its SSRC do not start it again. */
void media_session_retire_stream(media_session_t *session, media_stream_t *stream, peer_time_t now);
/* An SDES item (RTCP_SDES_…) tells where an SSRC belongs. */
void media_session_learn(media_session_t *session, uint32_t ssrc, int item, const char *text, size_t length);
/* The receiver goes. */
void media_session_forget_receiver(media_session_t *session, const media_receiver_t *receiver);

/* stream.c */
media_stream_t *media_stream_new(media_receiver_t *receiver, uint32_t ssrc);
void media_stream_free(media_stream_t *stream);
void media_stream_input(media_stream_t *stream, peer_time_t now, packet_t *packet, rtp_view_t *view, const rtp_extensions_t *extensions,
                        const media_codec_t *codec, bool is_rtx);
void media_stream_timeout(media_stream_t *stream, peer_time_t now);
peer_time_t media_stream_deadline(const media_stream_t *stream);
void media_stream_want_key_frame(media_stream_t *stream, peer_time_t when);
void media_stream_flush(media_stream_t *stream);
peer_time_t media_stream_target(const media_stream_t *stream); /* the delay aimed at, without lip sync */
void media_stream_set_wanted(media_stream_t *stream, peer_time_t now, bool is_wanted);

/* layers.c */
void media_layers_add(media_receiver_t *receiver, peer_time_t now, media_stream_t *stream);
void media_layers_remove(media_receiver_t *receiver, const media_stream_t *stream);
void media_layers_timeout(media_receiver_t *receiver, peer_time_t now);
void media_layers_update(media_receiver_t *receiver, peer_time_t now); /* what is wanted has changed */
void media_layers_wake(media_receiver_t *receiver, peer_time_t now);   /* a packet came */
/* A frame is about to be given out: is it to be decoded? Makes its stream the one shown, if that waited for a key frame. */
bool media_layers_show(media_stream_t *stream, peer_time_t now, media_frame_t *frame);

/* inbound.c: the stream that is shown will be so no more, and its sources are told for a while (W3C WebRTC §5.3: 10 s). */
void media_receiver_keep_sources(media_receiver_t *receiver);

/* sender.c */
void media_sender_free(media_sender_t *sender);
/* The values of our header extensions for a packet. */
rtp_extensions_t media_sender_extensions(const media_sender_t *sender, bool is_rtx);
/* A packet with its header written; NULL when memory ran out. */
packet_t *media_sender_start_packet(media_sender_t *sender, const rtp_header_t *header);
/* Writes what is only known when a packet leaves. */
void media_sender_stamp(media_sender_t *sender, peer_time_t now, packet_t *packet);
void media_sender_count(media_sender_t *sender, peer_time_t now, const packet_t *packet, size_t payload_length, bool is_retransmission);
/* A packet leaves. Everything the sender sends goes through here: this is where a pacer stands between the packets and the output. */
void media_sender_transmit(media_sender_t *sender, peer_time_t now, packet_t *packet);
bool media_sender_has_rtx(const media_sender_t *sender);

/* A packet that was started with next_sequence leaves. */
void media_sender_send_numbered(media_sender_t *sender, peer_time_t now, packet_t *packet, size_t payload_length);
/* Where the stream's timestamps are now, for what is not a frame. */
uint32_t media_sender_event_timestamp(media_sender_t *sender, peer_time_t now);

/* tone_player.c */
void media_tone_player_init(media_tone_player_t *tone);
void media_tone_player_timeout(media_sender_t *sender, peer_time_t now);
peer_time_t media_tone_player_deadline(const media_sender_t *sender);

/* tone_listener.c */
void media_tone_listener_init(media_tone_listener_t *tone);
void media_tone_listener_input(media_stream_t *stream, peer_time_t now, const rtp_view_t *view, uint32_t clock_rate);
void media_tone_listener_timeout(media_stream_t *stream, peer_time_t now);

void media_sender_on_key_frame_request(media_sender_t *sender, peer_time_t now);
void media_sender_on_report(media_sender_t *sender, peer_time_t now, const rtcp_report_block_t *block);
void media_sender_timeout(media_sender_t *sender, peer_time_t now);
peer_time_t media_sender_deadline(const media_sender_t *sender);
uint32_t media_sender_timestamp_at(const media_sender_t *sender, peer_time_t now);

/* retransmission.c */
void media_sender_on_nack(media_sender_t *sender, peer_time_t now, const rtcp_feedback_t *feedback);

/* rtcp_in.c */
void media_rtcp_input(media_session_t *session, peer_time_t now, const packet_t *packet);

/* rtcp_out.c */
void media_rtcp_schedule(media_session_t *session, peer_time_t now); /* something is to be reported on: starts the timer if it rests */
void media_rtcp_report(media_session_t *session, peer_time_t now);
/* Where to write a feedback message of at most `size` octets; false when memory ran out. Then media_rtcp_feedback_done(). */
bool media_rtcp_feedback(media_session_t *session, size_t size, writer_t *writer);
void media_rtcp_feedback_done(media_session_t *session, const writer_t *writer);
void media_rtcp_flush(media_session_t *session);
void media_rtcp_bye(media_session_t *session, peer_time_t now, const media_sender_t *sender);

/* transport_feedback.c */
void media_transport_feedback_note(media_session_t *session, peer_time_t now, uint32_t ssrc, uint16_t sequence_number);
void media_transport_feedback_send(media_session_t *session);

/* sync.c */
bool media_stream_latency(const media_stream_t *stream, peer_time_t *latency);
void media_sync_update(media_session_t *session, peer_time_t now);

#endif
