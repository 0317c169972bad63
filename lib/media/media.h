/* Media of one transport: encoded frames out of and into RTP packets, with what keeps them flowing (RTCP, retransmission, jitter buffers,
 * playout and lip sync). Sans-IO: time is an argument, everything produced is polled. It takes and gives plain RTP and RTCP; SRTP, codecs
 * and SDP are others' affairs. A session and its senders and receivers belong to one thread at a time; frames may travel (they are counted
 * atomically). */
#ifndef MEDIA_MEDIA_H
#define MEDIA_MEDIA_H

#include "base/packet.h"
#include "base/random.h"
#include "base/time.h"
#include "rtp/rtp.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEDIA_PACKET_SIZE 1200 /* default largest RTP packet, before the SRTP tag */
#define MEDIA_CODECS_MAX 32    /* payload types of a receiver, RTX not counted */
#define MEDIA_SSRCS_MAX 16     /* signalled SSRCs of a receiver */
#define MEDIA_SENDERS_MAX 64
#define MEDIA_RECEIVERS_MAX 64
#define MEDIA_MID_MAX 32                       /* characters of a mid or rid that can be matched */
#define MEDIA_RIDS_MAX 8                       /* simulcast streams of one receiver */
#define MEDIA_STREAMS_MAX (MEDIA_RIDS_MAX + 1) /* SSRCs received at once by one receiver: one for each rid, and one without */
#define MEDIA_CNAME_MAX 255
#define MEDIA_FRAME_BYTES_MAX (8u << 20) /* of one encoded frame */
#define MEDIA_NO_PAYLOAD_TYPE 0xff

typedef enum media_kind { MEDIA_AUDIO, MEDIA_VIDEO } media_kind_t;

/* One encoded frame. Received ones are counted and immutable; a caller of media_sender_send_frame() fills one on its stack, zeroed first.
 */
typedef struct media_frame {
    const uint8_t *data;
    size_t length;
    int64_t timestamp_us;           /* media time. To send: its steps become the RTP timestamp's. Received: from the RTP timestamp,
                                       starting at 0 with the stream */
    peer_time_t capture_time;       /* to send: when it was captured, on the clock of `now` (0: just now) */
    peer_time_t receive_time;       /* received: when its last packet came */
    peer_time_t first_receive_time; /* received: when its first packet came */
    uint32_t packet_count;          /* received: how many packets it came in */
    size_t target_length;           /* to send: what the encoder aims at for a frame; 0 when that is not known */
    peer_time_t render_time;        /* received: when it should be seen or heard */
    int64_t duration_us;            /* audio: how long it plays; 0 for video */
    uint32_t rtp_timestamp;
    uint32_t ssrc;
    uint8_t payload_type;
    media_kind_t kind;
    bool is_key;       /* video: decodable without any other; always true for audio */
    bool is_after_gap; /* received: frames before it were lost */
    bool has_audio_level;
    bool has_voice;
    uint8_t audio_level; /* -dBov, RFC 6464 */
    bool has_orientation;
    uint8_t orientation; /* video: the octet of urn:3gpp:video-orientation */
    uint8_t temporal_id; /* video with temporal layers; has_layers says so */
    bool has_layers;
    bool is_layer_sync;
    atomic_uint references; /* 0 in a frame on the stack */
} media_frame_t;

media_frame_t *media_frame_ref(media_frame_t *frame); /* any thread; received frames only */
void media_frame_unref(media_frame_t *frame);         /* NULL is allowed */

typedef struct media_session media_session_t;
typedef struct media_sender media_sender_t;
typedef struct media_receiver media_receiver_t;

typedef struct media_session_config {
    packet_pool_t *pool; /* stays the caller's, must outlive the session */
    random_source_t random;
    const char *cname;            /* RFC 7022; copied */
    uint32_t connection;          /* for the log */
    int64_t wall_clock_offset_us; /* microseconds since 1970 at now = 0; 0 is allowed (RFC 3550 §4) */
    size_t packet_size;           /* largest RTP packet to send, without the SRTP tag; 0: MEDIA_PACKET_SIZE */
    bool reduced_size_rtcp;       /* a=rtcp-rsize was negotiated (RFC 5506) */
} media_session_config_t;

/* What a=rtcp-fb lines of a payload type allow. */
enum {
    MEDIA_FEEDBACK_NACK = 1,         /* "nack" */
    MEDIA_FEEDBACK_PLI = 2,          /* "nack pli" */
    MEDIA_FEEDBACK_FIR = 4,          /* "ccm fir" */
    MEDIA_FEEDBACK_TRANSPORT_CC = 8, /* "transport-cc": a sender numbers its packets, a receiver tells when they came */
    MEDIA_FEEDBACK_RRTR = 16         /* a=rtcp-xr:rcvr-rtt: a receiver that sends nothing learns the round trip time */
};

/* A payload type as negotiated. `format` NULL (a codec that is not built in) lets RTP through to the tap only. */
typedef struct media_codec {
    const rtp_payload_format_t *format;
    uint32_t clock_rate;
    uint8_t payload_type;
    uint8_t rtx_payload_type; /* whose apt is payload_type, else MEDIA_NO_PAYLOAD_TYPE */
    uint8_t channels;
    bool is_event;     /* telephone-event (RFC 4733); `format` is NULL */
    uint32_t feedback; /* MEDIA_FEEDBACK_… */
} media_codec_t;

typedef struct media_sender_config {
    media_kind_t kind;
    uint32_t ssrc;     /* 0: chosen at random, see media_sender_ssrc() */
    uint32_t rtx_ssrc; /* 0: chosen at random; used when codec.rtx_payload_type is set */
    media_codec_t codec;
    media_codec_t event;            /* of telephone events in the same stream; clock rate 0: none were negotiated */
    const char *mid;                /* NULL: no mid extension; copied, at most MEDIA_MID_MAX characters */
    const char *rid;                /* NULL unless simulcast */
    rtp_extension_map_t extensions; /* as the peer receives them */
} media_sender_config_t;

typedef struct media_receiver_config {
    media_kind_t kind;
    const char *mid;             /* copied */
    const media_codec_t *codecs; /* copied */
    size_t codec_count;
    const uint32_t *ssrcs;     /* of a=ssrc, primary streams; may be none */
    const uint32_t *rtx_ssrcs; /* of a=ssrc-group:FID, beside them; 0 where there is none; NULL if none at all */
    size_t ssrc_count;
    const char *const *rids; /* simulcast towards us: what comes with another rid is not received. None: one stream, whatever its rid */
    size_t rid_count;
    rtp_extension_map_t extensions; /* as we receive them */
    const char *sync_group; /* receivers with an equal one are lip-synchronised (msid stream id); NULL: the sender's CNAME decides */
    void *user;             /* see media_receiver_user() */
} media_receiver_config_t;

media_session_t *media_session_new(const media_session_config_t *config);
void media_session_free(media_session_t *session); /* with its senders and receivers, and outputs not polled; NULL is allowed */
/* Says BYE for all senders and lets go of every packet; what the statistics tell stays. Nothing is to be put in any more. */
void media_session_close(media_session_t *session, peer_time_t now);
void media_session_set_reduced_size_rtcp(media_session_t *session, bool is_allowed);
void media_session_set_packet_size(media_session_t *session, size_t size); /* when the path's MTU changes; bounded to what is sensible */

/* NULL with an error set: MEDIA_SENDERS_MAX reached, SSRC in use, no memory. The session owns it until it is removed. */
media_sender_t *media_add_sender(media_session_t *session, const media_sender_config_t *config);
/* Takes over codec, mid, rid and extensions; SSRC, sequence numbers and counts go on (a zero or equal ssrc keeps it; another one starts
 * anew). */
int media_sender_reconfigure(media_sender_t *sender, const media_sender_config_t *config);
/* Sends BYE if it ever sent, and frees it. */
void media_remove_sender(media_session_t *session, media_sender_t *sender, peer_time_t now);
/* A number that goes with every packet, for whoever sends it. */
void media_sender_set_priority(media_sender_t *sender, uint8_t priority);
uint32_t media_sender_ssrc(const media_sender_t *sender);
uint32_t media_sender_rtx_ssrc(const media_sender_t *sender); /* 0 without RTX */
uint32_t media_session_new_ssrc(media_session_t *session);    /* random, not in use, for a sender to be configured later */

/* An encoded frame. 0 or an error (no payload format for it, empty, too large, no memory): then nothing was sent of it. */
int media_sender_send_frame(media_sender_t *sender, peer_time_t now, const media_frame_t *frame);
/* An RTP packet of the application: payload, marker, timestamp and sequence number are kept; SSRC, payload type and header extensions
 * become the sender's own. Copied. */
int media_sender_send_rtp(media_sender_t *sender, peer_time_t now, const void *data, size_t length);
/* A packet of it that was polled goes now: for the statistics. */
void media_sender_note_departure(media_sender_t *sender, peer_time_t now, const packet_t *packet);

/* Plays a telephone event (RFC 4733): its packets take the place of the sound while it lasts. One that plays is ended first.
 * PEER_ERROR_INVALID_STATE: none were negotiated. */
int media_sender_play_event(media_sender_t *sender, peer_time_t now, uint8_t code, int64_t duration_us);
void media_sender_stop_event(media_sender_t *sender, peer_time_t now); /* ends it now */
void media_sender_abandon_event(media_sender_t *sender);               /* nothing is sent any more, not its end either */
bool media_sender_is_playing_event(const media_sender_t *sender);

media_receiver_t *media_add_receiver(media_session_t *session, const media_receiver_config_t *config);
/* Takes over everything; streams whose SSRC still belongs to it go on undisturbed. */
int media_receiver_reconfigure(media_receiver_t *receiver, const media_receiver_config_t *config);
void media_remove_receiver(media_session_t *session, media_receiver_t *receiver);
void *media_receiver_user(const media_receiver_t *receiver);
/* Whether every RTP packet (RTX unwrapped) is also given as MEDIA_OUTPUT_RTP, and whether frames are wanted at all. Default: frames only.
 */
void media_receiver_set_tap(media_receiver_t *receiver, bool wants_rtp, bool wants_frames);
/* Whether the frames of every simulcast stream are given, or only those of the best that flows (the default). */
void media_receiver_set_layers_wanted(media_receiver_t *receiver, peer_time_t now, bool wants_layers);
/* W3C jitterBufferTarget: the least delay the jitter buffer may aim at; bounded to 4 s. */
void media_receiver_set_target_delay(media_receiver_t *receiver, peer_time_t delay_us);
/* Asks the sender for a key frame (PLI or FIR as negotiated; throttled). */
void media_receiver_request_key_frame(media_receiver_t *receiver, peer_time_t now);

/* Decrypted packets. The session takes references of its own. */
void media_session_input_rtp(media_session_t *session, peer_time_t now, packet_t *packet);
void media_session_input_rtcp(media_session_t *session, peer_time_t now, packet_t *packet);
void media_session_timeout(media_session_t *session, peer_time_t now);
peer_time_t media_session_deadline(const media_session_t *session);

typedef enum media_output_type {
    MEDIA_OUTPUT_SEND_RTP,   /* packet: protect and send; the receiver of this output releases it */
    MEDIA_OUTPUT_SEND_RTCP,  /* packet, likewise */
    MEDIA_OUTPUT_FRAME,      /* receiver, frame: due now; release with media_frame_unref(); rid; is_shown: of the stream to decode */
    MEDIA_OUTPUT_AUDIO_LOST, /* receiver, duration_us to conceal; next (may be NULL, releasable) follows it and may hold in-band FEC;
                                is_silence when the sender has rather paused (discontinuous transmission) */
    MEDIA_OUTPUT_KEY_FRAME_REQUESTED, /* sender: the peer needs a key frame */
    MEDIA_OUTPUT_FIRST_PACKET,        /* receiver: media began to flow (W3C: unmute) */
    MEDIA_OUTPUT_EVENT,               /* receiver, event, duration_us: a telephone event that has ended */
    MEDIA_OUTPUT_STREAM_ENDED,        /* receiver: RTCP BYE of its stream (W3C: mute) */
    MEDIA_OUTPUT_RTP                  /* receiver, packet (plain, read-only, released by the taker), rid; only with a tap */
} media_output_type_t;

typedef struct media_output {
    media_output_type_t type;
    media_kind_t kind; /* SEND_RTP */
    uint8_t priority;  /* SEND_RTP: as media_sender_set_priority() said */
    uint8_t event;     /* code of RFC 4733 §3.2, 0 to 15 */
    bool is_silence;
    bool is_shown;
    media_sender_t *sender;
    media_receiver_t *receiver;
    packet_t *packet;
    media_frame_t *frame;
    media_frame_t *next;
    int64_t duration_us;
    peer_time_t render_time; /* AUDIO_LOST */
    const char *rid;         /* the receiver's: valid as long as it, until it is reconfigured; "": none */
} media_output_t;

/* The next output, in the order they arose; false when there is none. What it carries is the caller's. Outputs never outlive the sender or
 * receiver they name: removal drops them. */
bool media_session_poll(media_session_t *session, media_output_t *output);
void media_output_clear(media_output_t *output); /* releases packet and frames */

/* Statistics, named as in W3C webrtc-stats; times in microseconds on the clock of `now` unless the name says seconds. */
typedef struct media_inbound_stats {
    bool is_active;              /* a stream exists */
    bool is_shown;               /* it is the one whose frames are decoded */
    char rid[MEDIA_MID_MAX + 1]; /* "": none */
    uint64_t number;             /* of the stream among those that the session has had: one whose SSRC comes again is another */
    media_kind_t kind;
    uint32_t ssrc;
    uint32_t rtx_ssrc;
    bool has_rtx;         /* RTX was negotiated */
    uint32_t clock_rate;  /* of payload_type; 0 before the first packet of a known codec */
    uint8_t payload_type; /* of the last packet */
    uint64_t packets_received;
    uint64_t bytes_received;        /* payload octets, without headers and padding */
    uint64_t header_bytes_received; /* headers and padding */
    int64_t packets_lost;           /* RFC 3550 §6.4.1: may be negative */
    double jitter;                  /* seconds */
    uint64_t packets_discarded;     /* too late, duplicates, overflow */
    uint64_t retransmitted_packets_received;
    uint64_t retransmitted_bytes_received;
    peer_time_t last_packet_received_timestamp;
    uint64_t nack_count; /* NACK packets sent */
    uint64_t pli_count;
    uint64_t fir_count;
    uint64_t frames_received; /* whole frames */
    uint64_t key_frames_received;
    uint64_t frames_dropped;    /* whole, but not decodable or too late to give out */
    double jitter_buffer_delay; /* seconds, sum over emitted samples (audio) or frames (video) */
    double jitter_buffer_target_delay;
    double jitter_buffer_minimum_delay;
    uint64_t jitter_buffer_emitted_count;
    uint64_t total_samples_received; /* audio, at the RTP clock */
    uint64_t concealed_samples;
    uint64_t silent_concealed_samples;
    uint64_t concealment_events;
    uint64_t inserted_samples_for_deceleration;
    uint64_t removed_samples_for_acceleration;
    bool has_audio_level;
    uint8_t audio_level;     /* of the last packet that said */
    bool has_playout_time;   /* a sender report has tied the stream to the sender's clock, and something was given out */
    int64_t playout_time_us; /* what is heard or seen now, on the sender's NTP clock: microseconds since 1900 */
    /* remote-outbound-rtp */
    bool has_sender_report;
    peer_time_t sender_report_timestamp; /* when the last one came */
    uint64_t remote_packets_sent;
    uint64_t remote_bytes_sent;
    uint64_t reports_sent;       /* sender reports received */
    int64_t remote_timestamp_us; /* NTP of the last one, microseconds since 1900 */
    bool has_round_trip_time;    /* by RFC 3611 DLRR */
    double round_trip_time;      /* seconds */
    double total_round_trip_time;
    uint64_t round_trip_time_measurements;
    peer_time_t playout_latency_us; /* from capture to render on the sender's NTP clock; differences between streams are lip sync error */
    bool has_playout_latency;
    peer_time_t sync_delay_us; /* what lip sync adds */
} media_inbound_stats_t;

typedef struct media_outbound_stats {
    media_kind_t kind;
    uint64_t number; /* as media_inbound_stats_t has it */
    uint32_t ssrc;
    uint32_t rtx_ssrc;
    uint8_t payload_type;
    uint64_t packets_sent; /* with retransmissions, as webrtc-stats has it */
    uint64_t bytes_sent;   /* payload octets */
    uint64_t header_bytes_sent;
    uint64_t retransmitted_packets_sent;
    uint64_t retransmitted_bytes_sent;
    uint64_t frames_sent;
    uint64_t huge_frames_sent; /* larger than 2.5 times what the encoder aims at, or else than the average */
    uint64_t key_frames_sent;
    uint64_t nack_count; /* NACK packets received */
    uint64_t pli_count;
    uint64_t fir_count;
    uint64_t retransmissions_refused; /* asked for, but too old, too often, or over the budget */
    peer_time_t last_packet_sent_timestamp;
    peer_time_t total_packet_send_delay; /* from the packetizer until the packet was polled */
    /* remote-inbound-rtp */
    bool has_receiver_report;
    peer_time_t receiver_report_timestamp;
    uint64_t remote_packets_received;
    int64_t remote_packets_lost;
    double remote_jitter; /* seconds */
    double fraction_lost; /* 0 … 1 */
    uint64_t reports_received;
    bool has_round_trip_time;
    double round_trip_time; /* seconds, the last */
    double total_round_trip_time;
    uint64_t round_trip_time_measurements;
} media_outbound_stats_t;

typedef struct media_session_stats {
    uint64_t rtp_malformed;
    uint64_t rtp_unknown_ssrc; /* no receiver for it */
    uint64_t rtp_unknown_payload_type;
    uint64_t rtcp_malformed;
    uint64_t rtcp_unknown_ssrc; /* speaks of a stream that is not ours */
    uint64_t outputs_dropped;   /* the caller did not poll */
    uint64_t rtcp_packets_sent;
    uint64_t rtcp_packets_received;
} media_session_stats_t;

/* Of the stream that is shown, or of any that is received: index below media_receiver_stream_count(). */
void media_receiver_stats(const media_receiver_t *receiver, peer_time_t now, media_inbound_stats_t *stats);
size_t media_receiver_stream_count(const media_receiver_t *receiver);
void media_receiver_stream_stats(const media_receiver_t *receiver, size_t index, peer_time_t now, media_inbound_stats_t *stats);
void media_sender_stats(const media_sender_t *sender, peer_time_t now, media_outbound_stats_t *stats);
void media_session_stats(const media_session_t *session, media_session_stats_t *stats);

/* W3C RTCRtpReceiver.getSynchronizationSources() / getContributingSources(). */
typedef struct media_source {
    uint32_t source; /* SSRC or CSRC */
    bool is_contributing;
    peer_time_t timestamp; /* when a frame of it was last given out */
    uint32_t rtp_timestamp;
    bool has_audio_level;
    uint8_t audio_level;
    bool has_capture_time; /* abs-capture-time, of the packet with rtp_timestamp */
    bool has_capture_offset;
    int64_t capture_time_us; /* since 1900 */
    int64_t capture_offset;  /* 32.32 fixed point seconds */
} media_source_t;

size_t media_receiver_sources(const media_receiver_t *receiver, media_source_t *sources, size_t capacity);

#endif
