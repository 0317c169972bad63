/* What the files of this folder share. connection.c owns and drives, negotiation.c carries out what descriptions mean, candidates.c tells
 * our candidates, transports.c shows ICE and DTLS, streams.c joins transceivers to the media session, events.c makes what the application
 * is told, stats.c and its like tell numbers. */
#ifndef CONNECTION_INTERNAL_H
#define CONNECTION_INTERNAL_H

#include "base/memory.h"
#include "connection/connection.h"
#include "jsep/jsep.h"
#include "media/media.h"
#include "transport/transport.h"

#include <stdatomic.h>

/* sending.c: an encoding on its way, in a place that it keeps: its SSRCs and their sequence numbers go on. */
typedef struct sending {
    media_sender_t *media;
    char *rid;       /* of the encoding that it belongs to in a simulcast; NULL: none yet */
    size_t encoding; /* its place in [[SendEncodings]], while is_current */
    bool is_current; /* it was negotiated last */
    bool is_paused;  /* by the peer: "~rid" (RFC 8853 §5.1) */
} sending_t;

/* dtmf.c: of a sender of sound. */
typedef struct dtmf {
    char *tones;      /* owned; NULL before the first */
    const char *next; /* W3C [[ToneBuffer]], inside it */
    int32_t duration_ms, gap_ms;
    bool is_scheduled; /* the playout task */
    peer_time_t task_at;
} dtmf_t;

struct transceiver {
    atomic_uint references;
    connection_t *connection;
    jsep_transceiver_t *jsep; /* NULL once it was removed: rolled back, or stopped and negotiated away */
    void *user;
    connection_kind_t kind;
    char mid[SDP_MID_MAX + 1]; /* as last known; "" before negotiation */
    char remote_track[128];
    sending_t sendings[CONNECTION_ENCODINGS_MAX]; /* from the first negotiation that sends, until it is stopped */
    size_t sending_count;
    connection_sending_t *told; /* what the owner was told of them last */
    size_t told_count;
    media_receiver_t *media_receiver; /* while it receives */
    connection_encoding_t *encodings; /* of its sender, W3C [[SendEncodings]]; its texts are owned */
    size_t encoding_count;            /* 0 before they were first asked for */
    connection_encoding_t *ridless;   /* the one from before a simulcast was offered to us, or NULL */
    uint32_t parameters_generation;
    bool has_packets; /* they come to media_receiver */
    dtmf_t dtmf;
    peer_time_t target_delay; /* W3C [[JitterBufferTarget]]; 0: none */
    bool is_rtp_wanted;
    bool are_layers_wanted;            /* the frames of every simulcast stream */
    bool is_track_ended;               /* the remote track's end was told */
    bool has_transport, had_transport; /* W3C [[SenderTransport]], and as it was in the last stable state */
};

/* candidates.c: one of ours, or an error of a server, that waits for a local description. */
typedef struct held_candidate {
    uint32_t candidate; /* the agent's number for it, which may have gone meanwhile; 0: it is an error */
    ice_candidate_error_t error;
    char *url, *text; /* of the error */
} held_candidate_t;

#define SCTP_INIT_ENCODED_MAX 1024 /* characters of an INIT chunk in base64 */

struct connection {
    random_source_t random;
    uint32_t number;
    char cname[17];               /* RFC 7022 §4.2: 96 random bits */
    int64_t wall_clock_offset_us; /* microseconds since 1970 at now = 0 */
    uint64_t stats_salt;          /* of the ids in reports */
    certificate_t *certificate;
    transport_t *transport;
    jsep_session_t *jsep;
    media_session_t *media;
    transceiver_t **transceivers;
    size_t transceiver_count, transceiver_capacity;
    uint32_t *ended_ssrcs; /* of senders that are gone: their last packets, such as BYE, may still be on the way to the transport */
    size_t ended_ssrc_count, ended_ssrc_capacity;
    connection_event_t *first_event, *last_event;
    peer_time_t now;            /* of the last call that brought one */
    bool is_gathering;          /* for a local description */
    ice_parameters_t described; /* what the peer's last description has; the agent may not have it yet */
    bool has_forgotten_peer;    /* the agent, of an offer that is to be answered: another configuration has begun it anew */
    bool repeats_gathering;     /* of a generation that was complete before a restart, which was rolled back: nothing of it is told again */
    bool is_relay_only;
    bool peer_renominates;
    bool renews_transport;      /* the peer's offer wants another DTLS association: with the answer */
    bool has_data;              /* data channels have been negotiated */
    bool wants_early_gathering; /* for none yet: begins with the first timeout */
    bool has_ice_role;          /* a description has said it */
    dtls_state_t dtls_state;    /* as told */
    peer_time_t dtmf_at;        /* the next playout task of any transceiver; PEER_TIME_NEVER */
    held_candidate_t *held;
    size_t held_count, held_capacity;
    ice_gathering_state_t held_gathering_state;
    bool is_negotiation_needed;       /* W3C [[NegotiationNeeded]] */
    bool is_check_queued;             /* the task that looks whether it is */
    int32_t negotiation_needed_count; /* how often it became so */
    bool is_closed;
    ice_gathering_state_t ice_gathering_state;
    ice_state_t ice_state;
    connection_state_t state;
    connection_tap_t tap;
    void *tap_context;
};

/* events.c */
connection_event_t *event_new(connection_t *connection,
                              connection_event_type_t type); /* queued; NULL when memory ran out: then the event is lost */
connection_event_t *event_new_sized(connection_t *connection, connection_event_type_t type, size_t extra);
void event_state(connection_t *connection, connection_event_type_t type, int32_t state);
connection_event_t *event_transceiver(connection_t *connection, connection_event_type_t type, transceiver_t *transceiver);
void event_name(connection_event_t *event, transceiver_t *transceiver); /* with a reference */
connection_event_t *event_pop(connection_t *connection);
/* W3C §4.7.3 "update the negotiation-needed flag": queues the task. */
void update_negotiation_needed(connection_t *connection);
/* The task itself, as the event comes out; false: it is not fired. */
bool check_negotiation_needed(connection_t *connection, connection_event_t *event);

/* connection.c */
void update_state(connection_t *connection);

/* negotiation.c */
int describe_channel(connection_t *connection, const sctp_channel_t *channel); /* in the offers from now on */
bool takes_channel(void *context, const sdp_dcmap_t *map);                     /* for jsep: is a channel of an offer one we can open? */

/* transceiver.c */
transceiver_t *transceiver_of(connection_t *connection, jsep_transceiver_t *jsep); /* made at first need */
void transceiver_remove(transceiver_t *transceiver, bool keeps_mid);               /* jsep has; keeps_mid: not by a rollback */
void end_track(transceiver_t *transceiver); /* its remote track, for good; the second time does nothing */

/* candidates.c */
void on_local_candidate(connection_t *connection, const ice_candidate_t *candidate);
void on_candidate_error(connection_t *connection, const ice_candidate_error_t *error);
void on_gathering_state(connection_t *connection, ice_gathering_state_t state);
/* Makes a new CONNECTION_EVENT_ICE_CANDIDATE say the candidate; NULL: there are no more. */
void describe_candidate(const connection_t *connection, const ice_candidate_t *candidate, const char *ufrag, connection_event_t *event);
void gather_early(connection_t *connection);
void tell_held_candidates(connection_t *connection); /* those that were held, once there is a local description */
/* After a rollback: if no local description is left, what was told is as if it had been gathered early, and comes again with the next one
 * (W3C iceGatheringState: without a transport it is "new"). */
void untell_candidates(connection_t *connection);
void drop_held_candidates(connection_t *connection);

/* capabilities.c */
size_t describe_codecs(const connection_codec_t *codecs, size_t count, jsep_codec_t described[JSEP_CODECS_MAX]);
size_t describe_extensions(jsep_extension_capability_t described[JSEP_EXTENSIONS_MAX]);

/* parameters.c */
void encodings_clear(transceiver_t *transceiver); /* it goes */
bool encodings_are_possible(const connection_t *connection, connection_kind_t kind, const connection_encoding_t *encodings, size_t count);
bool encodings_update(transceiver_t *transceiver);     /* to the rids that jsep has; false when memory ran out */
void encodings_negotiated(transceiver_t *transceiver); /* an answer was applied */

/* dtmf.c */
bool is_telephone_event(const jsep_payload_t *payload);
const jsep_payload_t *event_payload(const jsep_media_t *media, uint32_t clock_rate); /* for sending; NULL: none */
void dtmf_timeout(connection_t *connection, peer_time_t now);

/* transports.c */
void on_ice_state(connection_t *connection, ice_state_t state);
void on_dtls_state(connection_t *connection, dtls_state_t state, const dtls_failure_t *failure);
void follow_dtls_state(connection_t *connection); /* to be called when all that the transport had to say was taken */
/* W3C §4.4.1.5: a description took effect; NULL: the one that fitted the state. */
void follow_transports(connection_t *connection, jsep_side_t side, const jsep_description_t *description, jsep_state_t before);

/* sending.c */
void sending_apply(transceiver_t *transceiver);                   /* its jsep->media or its encodings are new */
void sending_encodings_changed(transceiver_t *transceiver);       /* the same, and tells the owner */
void sending_remove(transceiver_t *transceiver, peer_time_t now); /* stopped */
void sending_clear(transceiver_t *transceiver);                   /* it goes */
void sending_tell(connection_t *connection);                      /* the transport became ready, or a negotiation ended */
bool sending_is_active(const transceiver_t *transceiver, const sending_t *sending);
transport_priority_t sending_priority(const transceiver_t *transceiver, const sending_t *sending);
transceiver_t *sending_owner(const connection_t *connection, const media_sender_t *media, size_t *index); /* NULL: it is gone */

/* streams.c */
void streams_bind_extensions(const jsep_media_t *media, sdp_direction_t direction, rtp_extension_map_t *map); /* those of one direction */
media_codec_t streams_codec(const jsep_media_t *media, const jsep_payload_t *payload);
void streams_describe_codec(const jsep_payload_t *payload, connection_event_codec_t *codec);
void streams_end_ssrc(connection_t *connection, uint32_t ssrc);   /* it is sent no more */
void streams_apply(transceiver_t *transceiver, peer_time_t now);  /* its jsep->media is new */
void streams_remove(transceiver_t *transceiver, peer_time_t now); /* stopped */
void streams_forget_ssrcs(connection_t *connection);              /* all that was to be sent has gone to the transport */
void streams_unmute(connection_t *connection); /* descriptions changed: what was muted by one that was rolled back goes on */
void streams_route(connection_t *connection, media_output_t *output);

/* extensions.c: of sdp_direction_t or JSEP_EXTENSION_STOPPED */
connection_direction_t extension_direction(int direction);

#endif
