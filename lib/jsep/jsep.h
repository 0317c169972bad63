/* Negotiation: the signaling state and the offer/answer model of RFC 9429 and W3C WebRTC §4.4.1.5, with the transceivers as they see them.
 * It is pure: no clock, no socket, no media. What a description means for the rest of the connection comes out as a list of effects.
 *
 *     jsep_plan(session, JSEP_REMOTE, &description, &plan)    may fail, and then nothing has changed
 *     jsep_apply(session, plan)                               cannot fail
 *     jsep_plan_effects(plan, &count)                         to be carried out in their order
 *     jsep_plan_free(plan)                                    what the effects point to goes with it
 *
 * All m-lines share one transport (BUNDLE, rtcp-mux required): an offer puts every m-line into the bundle, an answer follows the offered
 * group, and an m-line that cannot share is rejected.
 *
 * Ownership: everything passed in is copied. Everything given out belongs to the session; a pointer inside a transceiver is valid until the
 * next call that changes the session, a transceiver until the plan that removed it is freed. Transceivers are read through their fields and
 * changed through functions only. */
#ifndef JSEP_JSEP_H
#define JSEP_JSEP_H

#include "base/picture_limits.h"
#include "base/random.h"
#include "base/text.h"
#include "sdp/sdp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSEP_TRANSCEIVERS_MAX 2000 /* of one session, stopped ones that are still associated included */
#define JSEP_STREAMS_MAX 64        /* of one sender or receiver */
#define JSEP_CODECS_MAX 64         /* capabilities of one session */
#define JSEP_EXTENSIONS_MAX 32
#define JSEP_ENCODINGS_MAX 8                  /* rids of one sender or receiver */
#define JSEP_REMOTE_SSRCS_MAX 16              /* primary SSRCs of one m-line; further ones are ignored */
#define JSEP_DATA_CHANNELS_MAX SDP_DCMAPS_MAX /* in the description (RFC 8864) */
#define JSEP_CANDIDATES_MAX 256               /* kept in one description; further ones are still used, but not kept */

/* The values of these enumerations are those of the public headers. */
typedef enum jsep_kind { JSEP_AUDIO = 0, JSEP_VIDEO = 1 } jsep_kind_t;
typedef enum jsep_type { JSEP_OFFER = 0, JSEP_PRANSWER = 1, JSEP_ANSWER = 2, JSEP_ROLLBACK = 3 } jsep_type_t;
typedef enum jsep_side { JSEP_LOCAL = 0, JSEP_REMOTE = 1 } jsep_side_t;
typedef enum jsep_state {
    JSEP_STABLE = 0,
    JSEP_HAVE_LOCAL_OFFER = 1,
    JSEP_HAVE_REMOTE_OFFER = 2,
    JSEP_HAVE_LOCAL_PRANSWER = 3,
    JSEP_HAVE_REMOTE_PRANSWER = 4,
    JSEP_CLOSED = 5
} jsep_state_t;

const char *jsep_state_name(jsep_state_t state); /* "have-local-offer" */
const char *jsep_type_name(jsep_type_t type);    /* "pranswer" */

/* What we are able to do: given at creation. */

/* An fmtp parameter that has to agree for two formats to be the same codec, such as H264's packetization-mode. */
typedef struct jsep_fmtp_key {
    const char *key;
    const char *default_value; /* when a side does not write it */
    size_t significant;        /* how many leading characters count; 0: all. Case is ignored. */
} jsep_fmtp_key_t;

/* RTX (RFC 4588) is not in the list: it is added to each codec that wants it. */
typedef struct jsep_codec {
    jsep_kind_t kind;
    const char *name; /* "opus"; compared without case */
    uint32_t clock_rate;
    uint32_t channels;            /* 0 is 1 */
    const char *fmtp;             /* what we want to receive; NULL: none */
    const jsep_fmtp_key_t *match; /* keys that distinguish codecs of the same name; the value on our side is the one in `fmtp` */
    size_t match_count;
    const char *const *feedback; /* "nack", "nack pli", "ccm fir", "transport-cc", "goog-remb" */
    size_t feedback_count;
    int payload_type; /* preferred; -1: any dynamic one */
    bool wants_rtx;
    uint32_t max_ptime;        /* ms of media in a packet that we can take, for a=maxptime; 0: not told */
    bool is_auxiliary;         /* telephone-event, CN, red, ulpfec: not enough by itself to accept an m-line */
    const char *redundancy_of; /* for audio "red": the codec carried ("opus"); the fmtp becomes "PT/PT" (RFC 2198); NULL otherwise */
} jsep_codec_t;

typedef struct jsep_extension_capability { /* RFC 8285 */
    const char *uri;
    bool audio; /* for which kinds it is offered and accepted */
    bool video;
    sdp_direction_t direction; /* SDP_SENDRECV is written without direction */
    uint16_t id;               /* preferred; 0: any */
    bool is_on_demand;         /* offered only where the application asks for it; answered wherever it is offered */
    bool cannot_stop;          /* every implementation has it: it may be restricted, not stopped */
    bool is_required;          /* nor restricted */
} jsep_extension_capability_t;

/* W3C RTCBundlePolicy: which m-lines of an offer can be had without the bundle. All share one transport in any case; what is marked
 * a=bundle-only differs, and with it what a peer without BUNDLE refuses. */
typedef enum jsep_bundle_policy {
    JSEP_BUNDLE_BALANCED = 0, /* the first m-line of each kind is not marked */
    JSEP_BUNDLE_MAX_COMPAT = 1,
    JSEP_BUNDLE_MAX_BUNDLE = 2
} jsep_bundle_policy_t;

typedef struct jsep_configuration {
    random_source_t random;
    const jsep_codec_t *codecs; /* in order of preference */
    size_t codec_count;
    const jsep_extension_capability_t *extensions;
    size_t extension_count;
    bool extmap_allow_mixed; /* we can tell one-byte from two-byte header extensions packet by packet */
    bool rtcp_rsize;         /* RFC 5506 */
    bool rcvr_rtt;           /* write and understand a=rtcp-xr:rcvr-rtt=all (RFC 3611) */
    bool receives_simulcast; /* accept a=simulcast:send of the other side; otherwise it sends one stream */
    const char *ice_ufrag;   /* first generation's; NULL: made from `random`, as those of restarts always are */
    const char *ice_pwd;
    bool ice_lite;
    const sdp_fingerprint_t *fingerprints; /* of our certificates; at least one */
    size_t fingerprint_count;
    const char *cname;         /* NULL: made from `random` (RFC 7022) */
    uint16_t sctp_port;        /* 0: 5000 */
    uint64_t max_message_size; /* what we accept; written as it is */
    const char *sctp_init;     /* our INIT chunk in base64 (draft-hancke-tsvwg-snap): offered, and answered when offered; NULL: never */
    bool (*takes_channel)(void *context, const sdp_dcmap_t *channel); /* is this one of a remote offer (RFC 8864) wanted? NULL: all are */
    void *takes_channel_context;
    jsep_bundle_policy_t bundle_policy;
} jsep_configuration_t;

typedef struct jsep_session jsep_session_t;
typedef struct jsep_plan jsep_plan_t;

int jsep_session_new(const jsep_configuration_t *configuration, jsep_session_t **session);
void jsep_session_free(jsep_session_t *session); /* NULL is allowed */
/* Signaling state "closed"; whatever changes the session then fails with PEER_ERROR_INVALID_STATE. */
void jsep_close(jsep_session_t *session);

/* What was negotiated for one transceiver. */

typedef struct jsep_payload {
    const jsep_codec_t *codec; /* the session's copy of the capability */
    size_t codec_index;        /* its place in the configuration */
    uint8_t payload_type;
    int rtx_payload_type;        /* -1: none */
    const char *fmtp;            /* in `send`: what the other side wants; in `receive`: what we wrote; "" if nothing */
    const char *const *feedback; /* common to both sides: "nack", "nack pli", … */
    size_t feedback_count;
    const picture_limits_t *sizes; /* in `send`: what the other side's a=imageattr lets us send (RFC 9429 §3.6.2); NULL: any */
} jsep_payload_t;

bool jsep_payload_has_feedback(const jsep_payload_t *payload, const char *feedback);

typedef struct jsep_extension {
    const char *uri;
    uint16_t id;
    sdp_direction_t direction; /* ours */
} jsep_extension_t;

typedef struct jsep_remote_ssrc {
    uint32_t ssrc;
    uint32_t rtx_ssrc; /* by a=ssrc-group:FID; 0: none */
} jsep_remote_ssrc_t;

typedef struct jsep_encoding {
    const char *rid;
    bool is_paused;     /* the other side asked for "~rid" */
    uint32_t max_width; /* what it asks for in a=rid (RFC 8851 §5), 0: no limit */
    uint32_t max_height;
    uint32_t max_fps;
    uint32_t max_fs;              /* pixels of a picture */
    uint64_t max_br;              /* bits per second */
    uint64_t max_pps;             /* pixels per second */
    const uint8_t *payload_types; /* the only ones it may be sent in (RFC 8851 §5, pt=), as the other side numbers them; none: any */
    size_t payload_type_count;
} jsep_encoding_t;

typedef struct jsep_media {
    const char *mid;
    sdp_direction_t direction;  /* ours, as negotiated: bits SDP_SENDONLY and SDP_RECVONLY */
    const jsep_payload_t *send; /* the first that is not auxiliary is the one to send; empty when we do not send */
    size_t send_count;
    const jsep_payload_t *receive; /* any of them may come; empty when we do not receive */
    size_t receive_count;
    const jsep_extension_t *extensions;
    size_t extension_count;
    bool extmap_allow_mixed;
    bool rtcp_rsize;
    bool rcvr_rtt;
    uint32_t ssrc; /* ours, as written in our descriptions */
    uint32_t rtx_ssrc;
    const char *cname;
    const jsep_encoding_t *send_encodings; /* simulcast accepted by the other side; 0: one stream without rid */
    size_t send_encoding_count;
    const jsep_remote_ssrc_t *remote_ssrcs; /* may be none: then demultiplex by mid, rid, payload type */
    size_t remote_ssrc_count;
    const char *remote_cname;                 /* NULL when not told */
    const jsep_encoding_t *receive_encodings; /* simulcast towards us */
    size_t receive_encoding_count;
    const char *remote_stream; /* id of the first remote stream, for lip sync; NULL: none */
    uint64_t max_bitrate_bps;  /* the other side's b=TIAS or b=AS; 0: none */
    uint32_t ptime;            /* the other side's, ms; 0: none */
    uint32_t maxptime;
    bool is_early; /* our offer is not answered yet: what it lets the other side send (RFC 9429 §5.9), beside what was agreed on before */
} jsep_media_t;

/* Transceivers. */

typedef struct jsep_stream_ids {
    const char *const *ids;
    size_t count;
} jsep_stream_ids_t;

#define JSEP_NO_DIRECTION (-1)

typedef struct jsep_transceiver {
    uint32_t id; /* never used twice in a session */
    void *user;  /* the owner's: set it freely */
    jsep_kind_t kind;
    const char *mid;           /* NULL: not associated */
    int mline_index;           /* -1: not associated */
    sdp_direction_t direction; /* as wanted; when is_stopping, W3C's is "stopped" */
    int current_direction;     /* sdp_direction_t, or JSEP_NO_DIRECTION; when is_stopped, W3C's is "stopped" */
    bool is_receptive;         /* W3C [[Receptive]] */
    bool is_stopping;
    bool is_stopped;
    const char *sender_track;         /* id of the track attached, NULL: none */
    const char *sender_msid;          /* what our a=msid names: the first track's id, or one made up; never changes afterwards */
    jsep_stream_ids_t sender_streams; /* [[AssociatedMediaStreamIds]] */
    uint32_t ssrc;
    uint32_t rtx_ssrc;
    const char *receiver_track;         /* id of the remote track, never NULL */
    bool is_receiver_muted;             /* as far as descriptions say; the owner unmutes when packets come: jsep_receiver_unmuted() */
    jsep_stream_ids_t receiver_streams; /* [[AssociatedRemoteMediaStreams]] */
    const jsep_media_t *media;          /* NULL: nothing negotiated */
    const char *const *sender_rids;     /* of W3C [[SendEncodings]], in their order; none: one encoding without rid */
    size_t sender_rid_count;
} jsep_transceiver_t;

typedef struct jsep_transceiver_init {
    sdp_direction_t direction;
    const char *track; /* id, NULL: none */
    const char *const *streams;
    size_t stream_count;
    const char *const *rids; /* of W3C sendEncodings: one for each encoding, NULL: they are made */
    size_t rid_count; /* how many encodings; 0 or 1: one without rid. More than JSEP_ENCODINGS_MAX, and of audio more than one, are cut */
} jsep_transceiver_init_t;

jsep_transceiver_t *const *jsep_transceivers(const jsep_session_t *session, size_t *count); /* W3C order: of addition */
jsep_transceiver_t *jsep_transceiver_by_id(const jsep_session_t *session, uint32_t id);     /* NULL: none */
jsep_transceiver_t *jsep_transceiver_by_mid(const jsep_session_t *session, const char *mid);

/* W3C §5.1 addTransceiver, addTrack, removeTrack; §5.2 replaceTrack, setStreams; §5.4 direction, stop. They change nothing on failure:
 * PEER_ERROR_INVALID_STATE (closed, stopped), PEER_ERROR_INVALID_ACCESS, PEER_ERROR_NO_MEMORY. Afterwards ask
 * jsep_is_negotiation_needed(). */
int jsep_add_transceiver(jsep_session_t *session, jsep_kind_t kind, const jsep_transceiver_init_t *init, jsep_transceiver_t **transceiver);
/* Takes a transceiver whose sender never sent, where there is one; PEER_ERROR_INVALID_ACCESS when a sender has the track already. */
int jsep_add_track(jsep_session_t *session, jsep_kind_t kind, const char *track, const char *const *streams, size_t stream_count,
                   jsep_transceiver_t **transceiver);
int jsep_remove_track(jsep_session_t *session, jsep_transceiver_t *transceiver);
int jsep_replace_track(jsep_session_t *session, jsep_transceiver_t *transceiver, const char *track); /* NULL: none */
int jsep_set_streams(jsep_session_t *session, jsep_transceiver_t *transceiver, const char *const *streams, size_t stream_count);
int jsep_set_direction(jsep_session_t *session, jsep_transceiver_t *transceiver, sdp_direction_t direction);
/* W3C stop(): it is stopping at once (send and receive no more) and stopped when negotiated. Again does nothing. */
int jsep_stop(jsep_session_t *session, jsep_transceiver_t *transceiver);
#define JSEP_CODEC_RTX ((size_t)-1) /* among preferences: retransmission is wanted (RFC 4588) */
/* Indexes into the configuration's codecs in the wanted order, each counting where it stands first, and JSEP_CODEC_RTX, without which no
 * RTX is negotiated; none: back to the default. PEER_ERROR_INVALID_MODIFICATION: wrong kind, or nothing but auxiliary ones. */
int jsep_set_codec_preferences(jsep_session_t *session, jsep_transceiver_t *transceiver, const size_t *codecs, size_t count);
/* The configuration's, as the session keeps them. */
const jsep_codec_t *jsep_codecs(const jsep_session_t *session, size_t *count);
const jsep_extension_capability_t *jsep_extensions(const jsep_session_t *session, size_t *count);
/* Header extensions of one transceiver (W3C webrtc-extensions, "RTP header extension control"), all of its kind in the configuration's
 * order. */
#define JSEP_EXTENSION_STOPPED (-1)
typedef struct jsep_extension_wish {
    const char *uri; /* the session's */
    int direction;   /* sdp_direction_t, or JSEP_EXTENSION_STOPPED */
} jsep_extension_wish_t;

/* W3C [[HeaderExtensionsToNegotiate]]; how many. */
size_t jsep_extensions_to_negotiate(const jsep_session_t *session, const jsep_transceiver_t *transceiver,
                                    jsep_extension_wish_t wishes[JSEP_EXTENSIONS_MAX]);
/* W3C [[NegotiatedHeaderExtensions]], what the last answer left of them; none before it. */
size_t jsep_negotiated_extensions(const jsep_session_t *session, const jsep_transceiver_t *transceiver,
                                  jsep_extension_wish_t wishes[JSEP_EXTENSIONS_MAX]);
/* PEER_ERROR_INVALID_MODIFICATION: not just those, in their order, or one stopped that cannot be; PEER_ERROR_INVALID_STATE. */
int jsep_set_extensions_to_negotiate(jsep_session_t *session, jsep_transceiver_t *transceiver, const jsep_extension_wish_t *wishes,
                                     size_t count);

/* Of W3C [[SendEncodings]], in order; none: one encoding without rid. Until the session changes. */
const char *const *jsep_sender_rids(const jsep_session_t *session, const jsep_transceiver_t *transceiver, size_t *count);

/* What a local offer that is not answered makes a receiver ready for (W3C [[ReceiveCodecs]]). */
typedef struct jsep_pending_receive {
    jsep_payload_t payloads[JSEP_CODECS_MAX]; /* without feedback */
    size_t count;
    const sdp_t *sdp;
    const sdp_media_t *section;
} jsep_pending_receive_t;

/* False when there is no such offer: then `media` says it. */
bool jsep_pending_receive(const jsep_session_t *session, const jsep_transceiver_t *transceiver, jsep_pending_receive_t *pending);
void jsep_receiver_unmuted(jsep_transceiver_t *transceiver); /* packets came: a later removal then mutes it again */

/* The first data channel was created: the next offer has an application m-line. */
int jsep_want_data(jsep_session_t *session);
/* A data channel that descriptions announce (RFC 8864): in every offer from now on; until one is answered (is_agreed: it was) negotiation
 * is needed. An agreed one of the same stream only becomes agreed. PEER_ERROR_TYPE (its strings are too long for a description),
 * PEER_ERROR_QUOTA_EXCEEDED, PEER_ERROR_NO_MEMORY. */
int jsep_add_data_channel(jsep_session_t *session, const sdp_dcmap_t *channel, bool is_agreed);
void jsep_remove_data_channel(jsep_session_t *session, uint16_t stream); /* it was closed: later descriptions are without it */
/* W3C restartIce(): the next offer has new credentials. */
void jsep_restart_ice(jsep_session_t *session);

/* Descriptions. */

typedef struct jsep_offer_options {
    bool ice_restart;
} jsep_offer_options_t;

/* Appends an offer or answer that fits the session as it is now (RFC 9429 §5.2, §5.3). Nothing takes effect before it is set; the session
 * only remembers it as W3C's [[LastCreatedOffer]] or [[LastCreatedAnswer]]. PEER_ERROR_INVALID_STATE, PEER_ERROR_NO_MEMORY. */
int jsep_create_offer(jsep_session_t *session, const jsep_offer_options_t *options, text_t *sdp);
int jsep_create_answer(jsep_session_t *session, text_t *sdp);

typedef struct jsep_description {
    jsep_type_t type;
    const char *sdp; /* NULL or "": locally, what was created last or would be created now; not looked at for a rollback */
    size_t length;
} jsep_description_t;

/* Works out what setting the description would do. `description` NULL, local side only: an offer or answer as the state asks for (W3C
 * §4.4.2). A remote offer in have-local-offer rolls that one back first.
 * PEER_ERROR_INVALID_STATE (the state does not allow it), PEER_ERROR_SYNTAX (line named), PEER_ERROR_INVALID_ACCESS (the content cannot
 * be), PEER_ERROR_INVALID_MODIFICATION (a local description that is not what was created last), PEER_ERROR_NO_MEMORY. */
int jsep_plan(jsep_session_t *session, jsep_side_t side, const jsep_description_t *description, jsep_plan_t **plan);
/* Makes the plan true. Only one that was made for the session as it is now: nothing may have changed it in between. */
void jsep_apply(jsep_session_t *session, jsep_plan_t *plan);
void jsep_plan_free(jsep_plan_t *plan); /* NULL is allowed; without jsep_apply() nothing happens */

jsep_state_t jsep_signaling_state(const jsep_session_t *session);
/* The signaling state that setting a description leads to; PEER_ERROR_INVALID_STATE when it is not allowed. Pure: the table of RFC 9429
 * §3.2. */
int jsep_next_state(jsep_state_t state, jsep_side_t side, jsep_type_t type, jsep_state_t *next);

typedef enum jsep_which { JSEP_CURRENT_LOCAL, JSEP_PENDING_LOCAL, JSEP_CURRENT_REMOTE, JSEP_PENDING_REMOTE } jsep_which_t;

/* Appends a description as it is now, with the candidates known so far. False when there is none. W3C localDescription is the pending one
 * if there is one, else the current one. */
bool jsep_description_write(const jsep_session_t *session, jsep_which_t which, jsep_type_t *type, text_t *sdp);
/* Parsed; NULL when there is none. */
const sdp_t *jsep_description_sdp(const jsep_session_t *session, jsep_which_t which);

/* W3C §4.7.3 "check if negotiation is needed". When to ask and to fire is the owner's affair. */
bool jsep_is_negotiation_needed(const jsep_session_t *session);
/* W3C canTrickleIceCandidates: 1, 0, or -1 when there is no remote description. */
int jsep_can_trickle(const jsep_session_t *session);

/* Candidates. */

/* A gathered candidate ("candidate:…"), to be written in the local descriptions of that generation; NULL: there are no more. 1: that one
 * is written already, as when a restart was rolled back and the generation before it is gathered again. */
int jsep_add_local_candidate(jsep_session_t *session, const char *ufrag, const char *candidate);
/* The current local description is of that generation, and has all its candidates. */
bool jsep_local_candidates_ended(const jsep_session_t *session, const char *ufrag);
/* They are not to be in the next local description: only while there is none. */
void jsep_forget_local_candidates(jsep_session_t *session);
/* The m-line that stands for the transport: what our trickled candidates name. False before there is a local description. */
bool jsep_candidate_mline(const jsep_session_t *session, const char **mid, int *mline_index);

/* A trickled candidate (W3C addIceCandidate). text "" is the end of candidates; mid NULL and mline_index -1 when not told; ufrag NULL when
 * not told. It is added to the remote description it belongs to. On success *candidate is what the agent is to be told (memory_free), or
 * NULL when there is nothing to tell: it belongs to an m-line that shares another one's transport or is rejected. *is_end: the other side
 * has no more. PEER_ERROR_INVALID_STATE (no remote description), PEER_ERROR_OPERATION (no such m-line, another generation, not a
 * candidate). */
int jsep_add_remote_candidate(jsep_session_t *session, const char *text, const char *mid, int mline_index, const char *ufrag,
                              sdp_candidate_t **candidate, bool *is_end);

/* Effects. */

typedef enum jsep_dtls_role { JSEP_DTLS_UNKNOWN = 0, JSEP_DTLS_CLIENT, JSEP_DTLS_SERVER } jsep_dtls_role_t;

typedef struct jsep_transport {
    const char *local_ufrag; /* NULL until there is a local description: then gather */
    const char *local_pwd;
    const char *remote_ufrag; /* NULL until there is a remote description */
    const char *remote_pwd;
    bool remote_is_lite;
    bool remote_trickles;
    bool remote_renominates;
    const sdp_fingerprint_t *remote_fingerprints; /* any of them identifies the other side's certificate */
    size_t remote_fingerprint_count;
    jsep_dtls_role_t dtls_role; /* ours; known from the first (provisional) answer on */
    bool is_controlling;        /* the ICE role to start with (RFC 8445 §6.1.1); later ones are the agent's */
    bool is_local_new;          /* credentials of a new generation: gather (again) */
    bool is_remote_new;         /* likewise: forget the other side's candidates and check anew */
    const char *remote_tls_id;  /* RFC 8842 §4; NULL when not told */
    bool is_dtls_new;           /* the other side begins another DTLS association; set by the description that says so only */
    uint64_t max_bitrate_bps;   /* the other side's b=CT: for all m-lines together; 0: none */
} jsep_transport_t;

typedef struct jsep_data {
    const char *mid;
    uint16_t local_port;
    uint16_t remote_port;
    uint64_t remote_max_message_size; /* 65536 when not told (RFC 8841 §6.1); 0: no limit */
    const char *remote_sctp_init;     /* base64; NULL unless both sides gave theirs */
    const sdp_dcmap_t *channels;      /* that offer and answer both have (RFC 8864), as the remote side wrote them */
    size_t channel_count;
    const uint16_t *ended; /* streams of channels given to jsep_add_data_channel() that one of the two leaves out */
    size_t ended_count;
} jsep_data_t;

/* In this order within one list: the things themselves, then what W3C §4.4.1.5 fires, in its order. */
typedef enum jsep_effect_type {
    JSEP_EFFECT_TRANSCEIVER_CREATED,  /* transceiver: the remote offer asked for it */
    JSEP_EFFECT_TRANSPORT,            /* transport: something in it is new */
    JSEP_EFFECT_CURRENT_DIRECTION,    /* transceiver, its fields */
    JSEP_EFFECT_MEDIA,                /* transceiver, its `media` (NULL: send and receive nothing) */
    JSEP_EFFECT_DATA,                 /* data: the association was negotiated, or its parameters changed */
    JSEP_EFFECT_DATA_REJECTED,        /* mline_index: no data channels, close what there are */
    JSEP_EFFECT_MLINE_REJECTED,       /* mline_index, transceiver (NULL: data or unknown) */
    JSEP_EFFECT_CANDIDATE,            /* candidate, mline_index, mid: came inside the description */
    JSEP_EFFECT_END_OF_CANDIDATES,    /* mline_index, mid: likewise */
    JSEP_EFFECT_TRANSPORT_CLOSED,     /* no m-line is left: forget the other side, and what secured the way to it */
    JSEP_EFFECT_TRANSCEIVER_STOPPED,  /* transceiver: end its tracks */
    JSEP_EFFECT_TRANSCEIVER_REMOVED,  /* transceiver: no longer in the list; the pointer dies with the plan */
    JSEP_EFFECT_SIGNALING_STATE,      /* state: fire signalingstatechange */
    JSEP_EFFECT_TRACK_MUTED,          /* transceiver: mute its remote track */
    JSEP_EFFECT_STREAM_TRACK_REMOVED, /* transceiver, stream: removetrack */
    JSEP_EFFECT_STREAM_TRACK_ADDED,   /* transceiver, stream: addtrack */
    JSEP_EFFECT_TRACK                 /* transceiver, streams: fire track */
} jsep_effect_type_t;

typedef struct jsep_effect {
    jsep_effect_type_t type;
    jsep_transceiver_t *transceiver;
    int mline_index;
    const char *mid;
    union {
        const jsep_transport_t *transport;
        const jsep_data_t *data;
        const sdp_candidate_t *candidate;
        const char *stream;
        jsep_stream_ids_t streams;
        jsep_state_t state;
    };
} jsep_effect_t;

/* Valid until jsep_plan_free(); before jsep_apply() they tell what would follow. */
const jsep_effect_t *jsep_plan_effects(const jsep_plan_t *plan, size_t *count);

#endif
