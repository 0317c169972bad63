/* The sans-IO peer connection: RTCPeerConnection's state and parts without sockets, clocks and threads. It owns one transport (everything
 * is bundled), the media session, and the JSEP session, and routes between them. How it is driven is said in connection_io.h; this header
 * is what the API calls, and the events that come out.
 *
 * A transceiver is counted: the connection's list, each event that names it, and whoever took transceiver_ref() hold it. One that was
 * negotiated away or rolled back leaves the list; CONNECTION_EVENT_TRANSCEIVER_REMOVED is the last event that names it. */
#ifndef CONNECTION_CONNECTION_H
#define CONNECTION_CONNECTION_H

#include "base/picture_limits.h"
#include "base/random.h"
#include "connection/connection_io.h"
#include "connection/parameters.h"
#include "connection/stats.h"
#include "dtls/certificate.h"
#include "dtls/dtls.h"
#include "ice/ice.h"
#include "sctp/sctp.h"
#include "transport/dscp.h"

typedef struct transceiver transceiver_t;

typedef enum connection_kind { CONNECTION_AUDIO = 0, CONNECTION_VIDEO = 1 } connection_kind_t; /* as peer_media_kind_t */

/* The values of these enumerations are those of the public headers. */
typedef enum connection_sdp_type { CONNECTION_OFFER, CONNECTION_PRANSWER, CONNECTION_ANSWER, CONNECTION_ROLLBACK } connection_sdp_type_t;
typedef enum connection_signaling_state {
    CONNECTION_STABLE,
    CONNECTION_HAVE_LOCAL_OFFER,
    CONNECTION_HAVE_REMOTE_OFFER,
    CONNECTION_HAVE_LOCAL_PRANSWER,
    CONNECTION_HAVE_REMOTE_PRANSWER,
    CONNECTION_SIGNALING_CLOSED
} connection_signaling_state_t;
typedef enum connection_state {
    CONNECTION_STATE_NEW,
    CONNECTION_STATE_CONNECTING,
    CONNECTION_STATE_CONNECTED,
    CONNECTION_STATE_DISCONNECTED,
    CONNECTION_STATE_FAILED,
    CONNECTION_STATE_CLOSED
} connection_state_t;
typedef enum connection_direction {
    CONNECTION_SENDRECV,
    CONNECTION_SENDONLY,
    CONNECTION_RECVONLY,
    CONNECTION_INACTIVE,
    CONNECTION_STOPPED
} connection_direction_t;

/* A codec that can be offered. */
typedef struct connection_codec {
    connection_kind_t kind;
    const char *name; /* encoding name of a=rtpmap: "opus", "VP8" */
    uint32_t clock_rate;
    uint32_t channels;
    const char *fmtp;    /* NULL: none */
    bool cannot_send;    /* there is no encoder */
    bool cannot_receive; /* there is no decoder */
} connection_codec_t;

typedef enum connection_bundle_policy { CONNECTION_BALANCED, CONNECTION_MAX_COMPAT, CONNECTION_MAX_BUNDLE } connection_bundle_policy_t;

typedef struct connection_config {
    random_source_t random;
    packet_pool_t *pool; /* outlives the connection */
    certificate_t *certificate;
    const ice_server_t *servers; /* copied */
    size_t server_count;
    connection_bundle_policy_t bundle_policy;
    ice_transport_policy_t ice_policy;
    ice_tcp_policy_t ice_tcp_policy;
    size_t max_candidate_pairs; /* 0: default */
    bool is_ice_lite;
    bool omits_private_hosts;
    bool hides_addresses; /* host candidates are mDNS names */
    bool wants_port_mapping;
    bool shares_sockets;              /* UDP sockets are other connections' too */
    uint32_t ice_candidate_pool_size; /* not 0: gathering starts before the first local description */
    const connection_codec_t *codecs; /* copied; order of preference within a kind */
    size_t codec_count;
    transport_priority_t network_priority;
    size_t mtu;              /* 0: default */
    size_t max_message_size; /* 0: default */
    size_t receive_window;   /* of data channels; 0: default */
    int64_t wall_clock_offset_us;
    uint32_t number; /* for the log */
} connection_config_t;

typedef enum connection_event_type {
    CONNECTION_EVENT_NEGOTIATION_NEEDED,   /* see connection_fires_negotiation_needed() */
    CONNECTION_EVENT_SIGNALING_STATE,      /* state */
    CONNECTION_EVENT_ICE_CANDIDATE,        /* candidate; text NULL: no more */
    CONNECTION_EVENT_ICE_CANDIDATE_ERROR,  /* candidate_error */
    CONNECTION_EVENT_ICE_GATHERING_STATE,  /* state */
    CONNECTION_EVENT_ICE_CONNECTION_STATE, /* state */
    CONNECTION_EVENT_CONNECTION_STATE,     /* state */
    CONNECTION_EVENT_TRANSPORT_STATE,      /* state: an ice_state_t */
    CONNECTION_EVENT_TRANSPORT_GATHERING,  /* state: an ice_gathering_state_t */
    CONNECTION_EVENT_SELECTED_PAIR,        /* data goes another way */
    CONNECTION_EVENT_DTLS_STATE,           /* state: a dtls_state_t */
    CONNECTION_EVENT_DTLS_ERROR,           /* text, dtls_error */
    CONNECTION_EVENT_TRACK,                /* transceiver, streams */
    CONNECTION_EVENT_TRACK_ENDED,          /* transceiver */
    CONNECTION_EVENT_STREAM_TRACK_REMOVED, /* transceiver, text: id of the stream */
    CONNECTION_EVENT_STREAM_TRACK_ADDED,   /* likewise */
    CONNECTION_EVENT_TRANSCEIVER_REMOVED,  /* transceiver: it is no longer in the list, and is not named again */
    CONNECTION_EVENT_TRACK_MUTED,          /* transceiver */
    CONNECTION_EVENT_TRACK_UNMUTED,        /* transceiver */
    CONNECTION_EVENT_SENDER_CONFIGURED,    /* transceiver, sender: what to encode from now on */
    CONNECTION_EVENT_KEY_FRAME_REQUESTED,  /* transceiver, sending: its place among what is sent */
    CONNECTION_EVENT_FRAME,                /* transceiver, media */
    CONNECTION_EVENT_AUDIO_LOST,           /* transceiver, media (frame may be NULL: the one behind the gap) */
    CONNECTION_EVENT_RTP,                  /* transceiver, message (the packet) */
    CONNECTION_EVENT_TONE,                 /* transceiver, tone: a DTMF tone of the peer has ended */
    CONNECTION_EVENT_TONE_CHANGE,          /* transceiver, tone: one of ours begins; "": the last has ended (W3C §7.3) */
    CONNECTION_EVENT_DATA_CHANNEL,         /* channel */
    CONNECTION_EVENT_CHANNEL_OPEN,         /* channel, as all below */
    CONNECTION_EVENT_CHANNEL_MESSAGE,      /* channel_message; connection_consumed() when it was told */
    CONNECTION_EVENT_CHANNEL_HANDED,       /* see sctp_channel_apply_handed() */
    CONNECTION_EVENT_CHANNEL_ROOM,         /* see sctp_channel_ask_for_room() */
    CONNECTION_EVENT_CHANNEL_CLOSING,
    CONNECTION_EVENT_CHANNEL_ERROR, /* text, channel_error */
    CONNECTION_EVENT_CHANNEL_CLOSED,
    CONNECTION_EVENT_SCTP_STATE /* state: an sctp_state_t, CONNECTED or CLOSED */
} connection_event_type_t;

#define CONNECTION_STREAMS_MAX 8 /* of one track; further ones are not told */

typedef struct connection_event_codec {
    char name[32];
    uint32_t clock_rate;
    uint32_t channels;
    char fmtp[256];
} connection_event_codec_t;

#define CONNECTION_RECEIVED_RID_MAX 32

/* One encoding to be sent, in a place that it keeps. */
typedef struct connection_sending {
    connection_event_codec_t codec; /* name "": nothing is to be encoded for it */
    bool has_max_framerate;
    bool has_max_bitrate;
    uint8_t temporal_layers; /* 0: as the encoder likes */
    double max_framerate;
    double scale_resolution_down_by;
    uint64_t max_bitrate_bps;
    uint64_t limit_bps;      /* of all of the transceiver's together, as the peer said (b=TIAS); 0: none */
    picture_limits_t limits; /* on the size that is sent, as the peer said (a=imageattr, a=rid) */
} connection_sending_t;

struct media_frame;

struct connection_event {
    connection_event_type_t type;
    connection_event_t *next;
    transceiver_t *transceiver; /* with a reference */
    sctp_channel_t *channel;
    char *text; /* owned */
    union {
        int32_t state;
        struct {
            char *mid; /* owned */
            int32_t mline_index;
            char *ufrag;            /* owned */
            char *url;              /* owned; the server that gave it, or NULL */
            int32_t relay_protocol; /* ice_server_transport_t of a relayed one; else -1 */
        } candidate;                /* text is the attribute */
        struct {
            char *address; /* owned; NULL: none */
            uint16_t port;
            char *url; /* owned */
            int32_t code;
        } candidate_error; /* text says why */
        struct {
            int32_t sent_alert, received_alert; /* or -1 */
            bool is_fingerprint_failure;
        } dtls_error;
        struct {
            char text[2];
            int32_t duration_ms;
        } tone;
        struct {
            char *ids[CONNECTION_STREAMS_MAX]; /* owned */
            size_t count;
        } streams;
        struct {
            const connection_sending_t *sendings; /* behind the event */
            size_t count;
        } sender;
        size_t sending;
        struct {
            struct media_frame *frame; /* owned */
            connection_event_codec_t codec;
            peer_time_t render_time;
            int64_t duration_us;
            bool is_silence;
            bool is_shown; /* it is of the stream to decode */
            char rid[CONNECTION_RECEIVED_RID_MAX + 1];
        } media;
        struct {
            const uint8_t *data; /* behind the event */
            size_t length;
            char rid[CONNECTION_RECEIVED_RID_MAX + 1];
        } message;
        struct {
            blob_t *message; /* owned; NULL when a streamed one was lost */
            unsigned part;   /* 0, or SCTP_PART_… */
            bool is_text;
        } channel_message;
        struct {
            uint16_t cause_code; /* RFC 9260 §3.3.10, or 0 */
            bool is_of_association;
        } channel_error;
    };
};

/* W3C §4.4.1.6: what may change, from the next gathering on. */
typedef struct connection_ice_configuration {
    const ice_server_t *servers; /* copied */
    size_t server_count;
    ice_transport_policy_t policy;
    bool has_pool;
} connection_ice_configuration_t;
int connection_set_ice_configuration(connection_t *connection, peer_time_t now, const connection_ice_configuration_t *configuration);
bool connection_has_local_description(const connection_t *connection);

connection_t *connection_new(const connection_config_t *config); /* NULL: peer_last_error_message() */
void connection_free(connection_t *connection);
/* Says goodbye; poll once more to send it. Everything fails with PEER_ERROR_INVALID_STATE afterwards. */
void connection_close(connection_t *connection, peer_time_t now);

/* Negotiation. Texts given out are new (memory_free). */
/* W3C §4.4.3 legacy extensions: -1 is not given; what it changes in transceivers does not make negotiation needed. */
typedef struct connection_offer_options {
    bool ice_restart;
    int offer_to_receive[2]; /* by connection_kind_t: -1, 0, 1 */
} connection_offer_options_t;
int connection_create_offer(connection_t *connection, peer_time_t now, const connection_offer_options_t *options,
                            char **sdp); /* options NULL: none */
int connection_create_answer(connection_t *connection, peer_time_t now, char **sdp);
int connection_set_local_description(connection_t *connection, peer_time_t now, connection_sdp_type_t type, const char *sdp);
int connection_set_local_description_implicitly(connection_t *connection, peer_time_t now);
int connection_set_remote_description(connection_t *connection, peer_time_t now, connection_sdp_type_t type, const char *sdp);
/* text "" is the end of candidates; mid NULL and mline_index -1 when unknown */
int connection_add_ice_candidate(connection_t *connection, peer_time_t now, const char *text, const char *mid, int32_t mline_index,
                                 const char *ufrag);
int connection_restart_ice(connection_t *connection, peer_time_t now);
/* 1 and *type, *sdp; 0 when there is none. */
typedef enum connection_which {
    CONNECTION_CURRENT_LOCAL,
    CONNECTION_PENDING_LOCAL,
    CONNECTION_CURRENT_REMOTE,
    CONNECTION_PENDING_REMOTE
} connection_which_t;
int connection_description(const connection_t *connection, connection_which_t which, connection_sdp_type_t *type, char **sdp);
int connection_local_description(const connection_t *connection, connection_sdp_type_t *type, char **sdp);
int connection_remote_description(const connection_t *connection, connection_sdp_type_t *type, char **sdp);
int32_t connection_can_trickle(const connection_t *connection); /* 1, 0, -1: there is no remote description */

int32_t connection_signaling_state(const connection_t *connection);
int32_t connection_ice_gathering_state(const connection_t *connection);
int32_t connection_ice_connection_state(const connection_t *connection);
int32_t connection_state(const connection_t *connection);

/* What the ICE report is made of; the agent may be read only, and until the next call on the connection. */
typedef struct connection_ice {
    const ice_agent_t *agent;
    ice_state_t state;
    bool is_relay_only;
    bool has_local_description;
    bool has_remote_description;
    bool has_dtls_failed;
    bool peer_renominates; /* the peer follows a later nomination to another pair */
} connection_ice_t;
void connection_ice(const connection_t *connection, connection_ice_t *ice);

/* The transports as W3C §5.5 and §5.6 show them (transports.c). */
typedef enum connection_ice_role { CONNECTION_ICE_UNKNOWN, CONNECTION_ICE_CONTROLLING, CONNECTION_ICE_CONTROLLED } connection_ice_role_t;
connection_ice_role_t connection_ice_role(const connection_t *connection);
dtls_state_t connection_dtls_state(const connection_t *connection);
/* Those told or signalled, as CONNECTION_EVENT_ICE_CANDIDATE that is in no queue (connection_event_free). How many there are; `events` gets
 * up to `capacity`, NULL where memory ran out. */
size_t connection_candidates(const connection_t *connection, bool is_remote, connection_event_t **events, size_t capacity);
/* The pair that data goes over, likewise. False: there is none. */
bool connection_selected_pair(const connection_t *connection, connection_event_t **local, connection_event_t **remote);
/* NULL: no description has told them. */
const ice_parameters_t *connection_ice_parameters(const connection_t *connection, bool is_remote);
/* The peer's chain in DER, its own certificate first: a new copy (memory_free), NULL beyond the end. */
uint8_t *connection_remote_certificate(const connection_t *connection, size_t index, size_t *length);

/* W3C §4.7.3, "check if negotiation is needed": 1 or 0, in any signaling state. */
int32_t connection_negotiation_check(const connection_t *connection);
/* W3C §4.7.3: [[NegotiationNeeded]] is set, and rightly so. */
bool connection_is_negotiation_needed(const connection_t *connection);
/* An event of that name is delivered some time after it came out: is it the last one, and still true? */
bool connection_fires_negotiation_needed(const connection_t *connection, const connection_event_t *event);

/* Transceivers. */
int connection_add_track(connection_t *connection, peer_time_t now, connection_kind_t kind, const char *track_id,
                         const char *const *stream_ids, size_t stream_count, transceiver_t **transceiver);
int connection_remove_track(connection_t *connection, peer_time_t now, transceiver_t *transceiver);
typedef struct connection_transceiver_init {
    connection_direction_t direction;
    const char *track_id; /* NULL: none */
    const char *const *stream_ids;
    size_t stream_count;
    const connection_encoding_t *encodings; /* of its sender; none: the default one */
    size_t encoding_count;                  /* at most CONNECTION_ENCODINGS_MAX; several have rids */
} connection_transceiver_init_t;
int connection_add_transceiver(connection_t *connection, peer_time_t now, connection_kind_t kind, const connection_transceiver_init_t *init,
                               transceiver_t **transceiver);
/* W3C's set of transceivers, in its order; of a closed connection too. */
size_t connection_transceiver_count(const connection_t *connection);
transceiver_t *connection_transceiver(const connection_t *connection, size_t index);

/* From any thread; what else is done with a transceiver is done on its connection, as long as that exists. */
transceiver_t *transceiver_ref(transceiver_t *transceiver);
void transceiver_unref(transceiver_t *transceiver); /* NULL is allowed */

void transceiver_set_user(transceiver_t *transceiver, void *user);
void *transceiver_user(const transceiver_t *transceiver);
connection_kind_t transceiver_kind(const transceiver_t *transceiver);
const char *transceiver_mid(const transceiver_t *transceiver); /* NULL before negotiation */
int32_t transceiver_direction(const transceiver_t *transceiver);
int32_t transceiver_current_direction(const transceiver_t *transceiver); /* -1: none yet */
bool transceiver_is_removed(const transceiver_t *transceiver);           /* no longer in W3C's set of transceivers */
bool transceiver_is_stopped(const transceiver_t *transceiver);           /* W3C [[Stopped]]; of one that is stopping it is false */
/* Negotiation has given it the transport (W3C [[SenderTransport]], [[ReceiverTransport]]). */
bool transceiver_has_transport(const transceiver_t *transceiver);
const char *transceiver_remote_track_id(const transceiver_t *transceiver);
int transceiver_set_direction(transceiver_t *transceiver, peer_time_t now, connection_direction_t direction);
int transceiver_stop(transceiver_t *transceiver, peer_time_t now);
int transceiver_set_streams(transceiver_t *transceiver, peer_time_t now, const char *const *stream_ids, size_t stream_count);
/* A sender has another track, or none: for msid in later offers. */
int transceiver_replace_track(transceiver_t *transceiver, const char *track_id);

/* Media. The frame is sent if the transceiver sends now; otherwise 0 too, and nothing happens. */
typedef struct connection_frame {
    const uint8_t *data;
    size_t length;
    int64_t timestamp_us; /* media time */
    int64_t duration_us;
    size_t target_length; /* what the encoder aims at for a frame; 0 when that is not known */
    bool is_key;
    size_t sending; /* its place among what is sent: the first, or what CONNECTION_EVENT_SENDER_CONFIGURED said */
    bool has_layers;
    uint8_t temporal_id;
    bool is_layer_sync;
    bool has_audio_level;
    uint8_t audio_level; /* -dBov, RFC 6464 */
} connection_frame_t;
int transceiver_send_frame(transceiver_t *transceiver, peer_time_t now, const connection_frame_t *frame);
int transceiver_send_rtp(transceiver_t *transceiver, peer_time_t now, const void *packet, size_t length);
/* The place of the encoding with this rid, or with NULL of the first. False: it is not sent. */
bool transceiver_find_sending(const transceiver_t *transceiver, const char *rid, size_t *index);
/* And the rid of a place; "" when there is none. */
void transceiver_sending_rid(const transceiver_t *transceiver, size_t index, char *rid, size_t size);
/* Whether received packets are told as CONNECTION_EVENT_RTP, and whether frames of every simulcast stream are told or those of one. */
void transceiver_set_wanted(transceiver_t *transceiver, peer_time_t now, bool is_rtp_wanted, bool are_layers_wanted);
/* The least delay that the jitter buffer aims at (W3C jitterBufferTarget); 0: as little as it takes. */
void transceiver_set_target_delay(transceiver_t *transceiver, peer_time_t delay);
/* W3C §5.3, SSRCs or CSRCs of the last 10 s, latest first; how many there are. */
#define CONNECTION_SOURCES_MAX 16
typedef struct connection_source {
    uint32_t source;
    uint32_t rtp_timestamp;
    int64_t wall_clock_us; /* since 1970 */
    bool has_audio_level;
    double audio_level; /* 0 … 1, linear */
    bool has_capture_time;
    bool has_capture_offset;
    int64_t capture_time_us; /* since 1900 (NTP), on the clock of the system that captured it */
    double capture_offset_s; /* the sender's clock minus that one, as it estimates */
} connection_source_t;
size_t transceiver_sources(const transceiver_t *transceiver, peer_time_t now, bool is_contributing,
                           connection_source_t sources[CONNECTION_SOURCES_MAX]);
void transceiver_request_key_frame(transceiver_t *transceiver, peer_time_t now);

/* DTMF (W3C §7; dtmf.c). Durations are clamped. PEER_ERROR_INVALID_STATE, PEER_ERROR_INVALID_CHARACTER, PEER_ERROR_NO_MEMORY. */
bool transceiver_can_insert_dtmf(const transceiver_t *transceiver);
int transceiver_insert_dtmf(transceiver_t *transceiver, peer_time_t now, const char *tones, int32_t duration_ms, int32_t gap_ms);
const char *transceiver_tone_buffer(const transceiver_t *transceiver); /* "" when empty */

sctp_t *connection_sctp(connection_t *connection);
/* Data channels have been negotiated, once, or are being offered. */
bool connection_has_data(const connection_t *connection);
/* The application has had so many bytes of messages. */
void connection_consumed(connection_t *connection, peer_time_t now, size_t bytes);
/* The first channel makes negotiation needed. NULL: peer_last_error_message(). */
sctp_channel_t *connection_open_channel(connection_t *connection, peer_time_t now, const sctp_channel_options_t *options, int *error);
void connection_close_channel(connection_t *connection, peer_time_t now, sctp_channel_t *channel);
/* The caller forgets the channel, whose CONNECTION_EVENT_CHANNEL_CLOSED it has had: it is freed. Else it stays as long as the connection.
 */
void connection_release_channel(connection_t *connection, peer_time_t now, sctp_channel_t *channel);

typedef enum connection_packet_kind { CONNECTION_PACKET_RTP, CONNECTION_PACKET_RTCP, CONNECTION_PACKET_SCTP } connection_packet_kind_t;
typedef void (*connection_tap_t)(void *context, connection_packet_kind_t kind, bool is_outgoing, peer_time_t now, const uint8_t *data,
                                 size_t length);
void connection_set_tap(connection_t *connection, connection_tap_t tap, void *context);

#endif
