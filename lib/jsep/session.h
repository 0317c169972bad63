/* Private to jsep. The session's state is one value, state_t: a plan works on a copy of it, apply exchanges the two, a rollback takes parts
 * of the copy that was kept when the stable state was left. */
#ifndef JSEP_SESSION_H
#define JSEP_SESSION_H

#include "base/map.h"
#include "jsep/jsep.h"

#define ICE_UFRAG_LENGTH 8 /* RFC 8839 §5.4: at least 24 bits of randomness; 48 here */
#define ICE_PWD_LENGTH 24  /* at least 128 bits; 144 here */
#define CREDENTIAL_SIZE 257
#define TLS_ID_LENGTH 24 /* RFC 8842 §4: 20 to 255 characters, at least 120 bits of randomness; 144 here */
#define NO_LINE (-1)
#define FOREIGN_EXTENSION UINT8_MAX

/* An arena that is counted: strings of several places that go together. */
typedef struct box {
    size_t references;
    arena_t arena;
} box_t;

box_t *jsep_box_new(void);
box_t *jsep_box_ref(box_t *box); /* NULL is allowed, in both */
void jsep_box_unref(box_t *box);

/* A codec as it stands in one m-line. */
typedef struct choice {
    size_t codec; /* index into the capabilities */
    uint8_t payload_type;
    int rtx;          /* its retransmission payload type, -1: none */
    const char *fmtp; /* as written by the other side, "" if nothing; not used for our own */
} choice_t;

typedef struct choices {
    choice_t items[JSEP_CODECS_MAX];
    size_t count;
} choices_t;

/* What we know of an m-line of our own beyond its text. */
typedef struct line {
    uint32_t transceiver; /* id, 0: none */
    choice_t *choices;
    size_t choice_count;
} line_t;

typedef struct description {
    size_t references;
    sdp_t *sdp;
    size_t candidate_count; /* local: how many of the session's candidates it has; remote: how many were trickled in */
    /* Only in our own: */
    char *text; /* as created */
    line_t *lines;
    int tag; /* the m-line that stands for the transport; NO_LINE: every one is rejected */
    uint64_t next_mid;
} description_t;

description_t *jsep_description_new(sdp_t *sdp); /* takes the sdp; frees it on failure */
description_t *jsep_description_ref(description_t *description);
void jsep_description_unref(description_t *description);

/* Is a section closed in both directions for good (RFC 3264 §6)? */
static inline bool is_rejected(const sdp_media_t *media)
{
    return media->port == 0 && !media->bundle_only;
}

/* Header extensions, by capability: sdp_direction_t or JSEP_EXTENSION_STOPPED. See extension.c. */
typedef struct extensions {
    int8_t wanted[JSEP_EXTENSIONS_MAX];     /* W3C [[HeaderExtensionsToNegotiate]] */
    int8_t negotiated[JSEP_EXTENSIONS_MAX]; /* W3C [[NegotiatedHeaderExtensions]] */
    bool is_refused[JSEP_EXTENSIONS_MAX];   /* the application has stopped it */
    bool is_negotiated;                     /* there was an answer */
} extensions_t;

/* What descriptions change in a transceiver. */
typedef struct slots {
    box_t *box; /* of the strings here */
    const char *mid;
    int mline_index;
    int current_direction;
    int fired_direction; /* W3C [[FiredDirection]] */
    bool is_receptive;
    jsep_stream_ids_t receiver_streams;
    const char *const *rids; /* of the sender's encodings; none: one encoding without rid */
    size_t rid_count;
    box_t *media_box;
    const jsep_media_t *media;
    extensions_t extensions;
} slots_t;

typedef struct transceiver {
    jsep_transceiver_t public; /* first: the two pointers are the same */
    char *sender_track;
    char *sender_msid;
    char *receiver_track;
    box_t *streams_box; /* of public.sender_streams */
    size_t *preferences;
    size_t preference_count;
    bool omits_rtx;        /* the preferences are without it */
    bool is_by_add_track;  /* addTrack() made it: a remote offer may take it (RFC 9429 §5.10) */
    bool was_in_add_track; /* addTrack() attached a track: a rollback leaves it */
    bool ever_sent;        /* its sender was in a direction that sends, negotiated */
} transceiver_t;

typedef struct entry {
    transceiver_t *transceiver;
    slots_t slots;
    bool is_stopping;
    bool is_stopped;
    bool mutes;               /* within a plan: the remote track becomes muted */
    bool is_removed;          /* within a plan: goes with jsep_plan_sweep() */
    bool is_taken_over;       /* within a plan: made by a remote offer that is rolled back, kept for the track addTrack() attached */
    bool is_of_pending_offer; /* created by the remote offer that is pending */
} entry_t;

typedef struct state {
    jsep_state_t signaling;
    description_t *descriptions[4]; /* by jsep_which_t */
    jsep_type_t types[4];
    entry_t *entries; /* by rising id */
    size_t entry_count;
    size_t entry_capacity;
    int *by_line; /* the entry of each m-line, NO_LINE: none; see jsep_state_bind() */
    size_t line_capacity;
    box_t *transport_box;
    jsep_transport_t transport;
    int transport_line; /* m-line the remote transport parameters are of; NO_LINE: none */
    bool has_role;
    box_t *data_box;
    jsep_data_t data;
    bool has_data;
    char answer_ufrag[CREDENTIAL_SIZE]; /* for the answer to an offer that restarts ICE; "": as before */
    char answer_pwd[CREDENTIAL_SIZE];
    char tls_id[TLS_ID_LENGTH + 1]; /* RFC 8842: ours */
} state_t;

typedef struct described_channel {
    sdp_dcmap_t map;
    bool is_agreed; /* offered and answered */
} described_channel_t;

struct jsep_session {
    jsep_configuration_t configuration; /* its arrays and strings in `arena` */
    arena_t arena;
    state_t state;
    state_t stable; /* what a rollback goes back to, while has_stable */
    bool has_stable;
    jsep_transceiver_t **list; /* of state.entries, for the getter */
    size_t list_capacity;
    uint32_t next_id;
    uint32_t ssrc_keys[4]; /* made with the first SSRC */
    uint32_t ssrc_count;
    map_t tracks;           /* by a hash of the id: how many senders have a track of it */
    size_t first_unused[2]; /* by kind: before this entry is no sender that addTrack() could take */
    uint64_t session_id;
    uint64_t session_version; /* of the description created last */
    uint64_t next_mid;
    char *default_stream;        /* RFC 9429 §5.8.2: of remote m-lines without a=msid; made at first need */
    uint16_t payload_types[128]; /* what each was ever used for, see numbering.c; never for something else (RFC 9429 §5.2.2) */
    uint8_t extension_ids[256]; /* by id, what either side has named by it: 1 + place of our capability, or FOREIGN_EXTENSION; 0: nothing */
    bool wants_data;
    described_channel_t *channels;
    size_t channel_count, channel_capacity;
    description_t *last_offer;       /* W3C [[LastCreatedOffer]] */
    description_t *last_answer;      /* W3C [[LastCreatedAnswer]] */
    bool is_last_answer_old;         /* it was created for another offer than the one that is there now */
    char ice_ufrag[CREDENTIAL_SIZE]; /* first generation */
    char ice_pwd[CREDENTIAL_SIZE];
    char next_ufrag[CREDENTIAL_SIZE]; /* of an offer that restarts ICE; "": to be made */
    char next_pwd[CREDENTIAL_SIZE];
    char replaced_ufrags[2][CREDENTIAL_SIZE]; /* W3C [[LocalIceCredentialsToReplace]]: of the current and the pending description */
    arena_t candidate_arena;                  /* gathered, of the generation candidate_ufrag */
    sdp_candidate_t *candidates;
    size_t candidate_count;
    char candidate_ufrag[CREDENTIAL_SIZE];
    bool candidates_ended;
};

struct jsep_plan {
    jsep_session_t *session;
    jsep_side_t side;
    jsep_type_t type;
    box_t *box; /* of everything new */
    description_t *description;
    state_t next; /* after jsep_apply(): what was before */
    state_t stable;
    bool takes_stable; /* leaves the stable state: keeps it */
    bool drops_stable;
    bool closes_transport;
    jsep_transceiver_t **list; /* for the getter, with room for next's entries */
    size_t list_capacity;
    jsep_effect_t *effects;
    size_t effect_count;
    size_t effect_capacity;
    size_t effect_phase; /* first effect of this phase: an implicit rollback is one, the offer another */
    transceiver_t **created;
    size_t created_count;
    size_t created_capacity;
    transceiver_t **removed;
    size_t removed_count;
    size_t removed_capacity;
    uint32_t next_id;
    size_t waiting[2];   /* by kind: before this entry none waits for an m-line of a remote offer */
    state_t rolled_back; /* an implicit rollback's state, kept for its strings */
    bool is_applied;
};

/* state.c */
int jsep_state_copy(const state_t *state, size_t more_entries, size_t more_lines, state_t *copy);
void jsep_state_clear(state_t *state);
entry_t *jsep_state_entry_by_line(const state_t *state, int mline_index);
entry_t *jsep_state_entry_by_id(const state_t *state, uint32_t id);
entry_t *jsep_state_entry_of(const state_t *state, const transceiver_t *transceiver);
void jsep_state_bind(state_t *state, entry_t *entry, int mline_index); /* NO_LINE: takes it from its m-line */
void jsep_state_bind_all(state_t *state);                              /* after entries have moved */
int jsep_slots_set_strings(arena_t *arena, const char *const *strings, size_t count, const char *const **copy);
uint32_t jsep_hash(const char *text);
const description_t *jsep_state_description(const state_t *state, jsep_which_t which);
const char *jsep_local_ufrag(const state_t *state, jsep_which_t which); /* NULL: every m-line is rejected, or there is no description */

/* session.c */
bool jsep_restart_is_wanted(const jsep_session_t *session); /* W3C [[LocalIceCredentialsToReplace]] is not empty */
void jsep_restart_finish(jsep_session_t *session);
const char *jsep_default_stream(jsep_session_t *session); /* NULL: memory ran out */

/* transceiver.c */
transceiver_t *jsep_transceiver_new(jsep_session_t *session, jsep_kind_t kind, uint32_t id, const char *receiver_track);
void jsep_transceiver_free(jsep_session_t *session, transceiver_t *transceiver);
void jsep_transceiver_sync(const entry_t *entry); /* makes the public fields what the entry says */
int jsep_check_open(const jsep_session_t *session);

/* codec.c: matching of formats */
int jsep_codec_match(const jsep_session_t *session, jsep_kind_t kind, const sdp_media_t *media, choices_t *choices);
void jsep_codec_prefer(const transceiver_t *transceiver, choices_t *choices);
bool jsep_codec_has_primary(const jsep_session_t *session, const choices_t *choices);
bool jsep_codec_feedback_is_common(const sdp_media_t *media, uint8_t payload_type, const char *feedback);
const choice_t *jsep_codec_find(const choice_t *choices, size_t count, size_t codec);
bool jsep_has_rcvr_rtt(const sdp_media_t *media);

/* session.c */
void jsep_new_credentials(jsep_session_t *session); /* for the next first description */

/* numbering.c: payload types and extension ids of our offers */
typedef struct numbering {              /* of one offer or answer */
    int payload_types[JSEP_CODECS_MAX]; /* by capability; -1: none yet */
    int rtx[JSEP_CODECS_MAX];
    uint16_t owners[128];              /* as session->payload_types, with those of this offer */
    uint16_t ids[JSEP_EXTENSIONS_MAX]; /* by capability; 0: none */
    bool id_is_used[256];
} numbering_t;

void jsep_numbering_init(const jsep_session_t *session, numbering_t *numbering);
/* The codecs of an offered m-line, with the numbers that `previous` gave them and in the order of the last answer, `answered`; either may
 * be NULL. */
void jsep_numbering_choose(const jsep_session_t *session, numbering_t *numbering, const transceiver_t *transceiver, const line_t *previous,
                           const sdp_media_t *answered, choices_t *choices);
void jsep_numbering_keep(jsep_session_t *session, const description_t *local);  /* when it is set */
void jsep_numbering_keep_extensions(jsep_session_t *session, const sdp_t *sdp); /* of either side */

/* extension.c: header extensions */
void jsep_extensions_init(const jsep_session_t *session, const state_t *state, jsep_kind_t kind, extensions_t *extensions);
static inline bool jsep_extension_is_of(const jsep_extension_capability_t *capability, jsep_kind_t kind)
{
    return kind == JSEP_AUDIO ? capability->audio : capability->video;
}
/* Their a=extmap in a section of ours. offer and offered: of an answer, else NULL. */
int jsep_extensions_write(const jsep_session_t *session, arena_t *arena, sdp_media_t *media, const entry_t *entry, const sdp_t *offer,
                          const sdp_media_t *offered, const numbering_t *numbering);
/* What a final answer comes to. */
void jsep_extensions_settle(const jsep_session_t *session, entry_t *entry, const sdp_t *answer, const sdp_media_t *answered,
                            bool is_remote);

/* section.c: m-sections of our descriptions */
typedef struct builder {
    jsep_session_t *session;
    jsep_type_t type;
    sdp_t *sdp;
    description_t *description;
    const char *ufrag;
    const char *pwd;
    sdp_setup_t setup;
    const char *const *ice_options; /* an answer has those that were offered */
    size_t ice_option_count;
} builder_t;

int jsep_builder_begin(builder_t *builder, jsep_session_t *session, jsep_type_t type, bool restarts_ice, size_t line_count);
int jsep_builder_end(builder_t *builder, bool has_group, description_t **description); /* the reference is the caller's */
void jsep_builder_clear(builder_t *builder);
/* Each appends one section and tells its index by sdp->media_count - 1. */
int jsep_section_rejected(builder_t *builder, const char *type, const char *protocol, const char *const *formats, size_t format_count,
                          const char *mid);
/* offer and offered: of an answer. answered: the section of the last answer that an offer changes. Each may be NULL. */
int jsep_section_rtp(builder_t *builder, const entry_t *entry, const char *mid, sdp_direction_t direction, const choices_t *choices,
                     const sdp_t *offer, const sdp_media_t *offered, const sdp_media_t *answered, numbering_t *numbering);
int jsep_section_data(builder_t *builder, const char *mid, const sdp_media_t *like); /* like: another section whose form it takes; NULL */
/* Puts the session's candidates in that are not in yet, and the default one into c= and m=. */
int jsep_description_add_candidates(const jsep_session_t *session, description_t *description);

/* offer.c, answer.c */
bool jsep_answer_could_accept(const jsep_session_t *session, const sdp_media_t *offered,
                              const entry_t *entry); /* entry NULL: there will be one */
int jsep_offer_build(jsep_session_t *session, const jsep_offer_options_t *options, description_t **description);
int jsep_answer_build(jsep_session_t *session, description_t **description);
/* W3C clears [[LastCreatedAnswer]] only with an answer that was set: one that was created for an earlier offer can still be set when it is
 * what this offer would be answered with. PEER_ERROR_INVALID_MODIFICATION: it is not. */
int jsep_renew_answer(jsep_session_t *session);

/* lipsync.c: a=group:LS of our descriptions */
int jsep_lipsync_offer(builder_t *builder);
int jsep_lipsync_answer(builder_t *builder, const sdp_t *offer);
/* The side of the last answer: the section of each m-line says what was agreed on. NULL: none yet. */
const sdp_t *jsep_last_answer(const state_t *state);

/* bundle.c: which m-lines of a remote description can share the one transport */
typedef struct bundle {
    int tag;                                  /* the m-line whose transport parameters hold; NO_LINE: none */
    const sdp_group_t *group;                 /* NULL: the tag's m-line alone */
    uint8_t members[(SDP_MEDIA_MAX + 7) / 8]; /* a bit for each m-line of the group */
} bundle_t;

/* `is_wanted`, one for each m-line, says which could be accepted otherwise. */
void jsep_bundle_choose(const sdp_t *sdp, const bool *is_wanted, bundle_t *bundle);
bool jsep_bundle_has(const bundle_t *bundle, size_t mline_index);

/* plan.c */
jsep_effect_t *jsep_plan_effect(jsep_plan_t *plan, jsep_effect_type_t type); /* NULL when memory ran out */
int jsep_plan_line_effect(jsep_plan_t *plan, jsep_effect_type_t type, entry_t *entry, int mline_index);
int jsep_plan_remove_entry(jsep_plan_t *plan, entry_t *entry); /* it stays in its place until jsep_plan_sweep() */
void jsep_plan_sweep(jsep_plan_t *plan);
int jsep_plan_stop_entry(jsep_plan_t *plan, entry_t *entry);
void jsep_plan_sort_phase(jsep_plan_t *plan);
int jsep_plan_own_slots(jsep_plan_t *plan, slots_t *slots);                                       /* its strings move into the plan's box */
entry_t *jsep_plan_create_entry(jsep_plan_t *plan, jsep_kind_t kind, const char *receiver_track); /* NULL: error set */

/* local.c, remote.c, rollback.c: what a description changes in plan->next */
int jsep_plan_local(jsep_plan_t *plan);
int jsep_plan_remote(jsep_plan_t *plan);
int jsep_plan_rollback(jsep_plan_t *plan);
int jsep_remote_check(const state_t *state, jsep_type_t type, const sdp_t *sdp);                  /* validate.c */
int jsep_remote_choose_bundle(const sdp_t *sdp, const jsep_session_t *session, bundle_t *bundle); /* session NULL: an answer */

/* data.c: data channels in the description (RFC 8864) */
int jsep_section_data_channels(builder_t *builder, sdp_media_t *media, const sdp_media_t *offered); /* offered NULL: an offer */
int jsep_negotiate_data_channels(jsep_plan_t *plan, const sdp_media_t *local, const sdp_media_t *remote, jsep_data_t *data);
bool jsep_data_channels_are_agreed(const jsep_session_t *session);
void jsep_data_channels_clear(jsep_session_t *session);

/* negotiated.c: the outcome of an answer, whosever it is */
int jsep_negotiate(jsep_plan_t *plan, const description_t *local, const sdp_t *remote, const sdp_t *answer);

/* early.c */
int jsep_negotiate_early(jsep_plan_t *plan, entry_t *entry, size_t index); /* an m-line of our offer */

/* image.c: a=imageattr (RFC 6236). What the section lets us send in a payload type of its own; NULL: any size. */
int jsep_image_limits(arena_t *arena, const sdp_media_t *remote, uint8_t payload_type, const picture_limits_t **limits);

/* rid.c: restrictions of a=rid (RFC 8851) */
const sdp_rid_t *jsep_rid_find(const sdp_media_t *media, const char *id);                  /* NULL: none */
int jsep_rid_read_limits(arena_t *arena, const sdp_rid_t *rid, jsep_encoding_t *encoding); /* rid NULL: none */
/* Can we send or receive (direction: ours) by this offered rid, with these codecs? */
bool jsep_rid_is_possible(const sdp_rid_t *rid, sdp_direction_t direction, const choices_t *choices);

/* transport.c: what the descriptions say of the one transport */
int jsep_transport_set_local(jsep_plan_t *plan, const description_t *local);
int jsep_transport_set_remote(jsep_plan_t *plan, const sdp_t *remote, int tag); /* with the candidates of that m-line */
int jsep_transport_set_role(jsep_plan_t *plan, sdp_setup_t setup, bool is_ours);
int jsep_transport_close_if_unused(jsep_plan_t *plan);             /* after an answer */
int jsep_transport_tell(jsep_plan_t *plan, const state_t *before); /* an effect, if anything differs */

/* tracks.c: W3C §5.5 */
int jsep_tracks_process_remote(jsep_plan_t *plan, entry_t *entry, int direction, const char *const *streams, size_t stream_count);
int jsep_tracks_set_streams(jsep_plan_t *plan, entry_t *entry, const char *const *streams, size_t stream_count, bool *has_added);
int jsep_tracks_process_removal(jsep_plan_t *plan, entry_t *entry);
/* streams has room for JSEP_STREAMS_MAX; what is in it lives as long as the plan. *track NULL: not told. */
int jsep_tracks_read_msids(jsep_plan_t *plan, const sdp_media_t *media, const char **streams, size_t *count, const char **track);

static inline bool receives(int direction)
{
    return direction != JSEP_NO_DIRECTION && (direction & SDP_RECVONLY) != 0;
}

static inline bool sends(int direction)
{
    return direction != JSEP_NO_DIRECTION && (direction & SDP_SENDONLY) != 0;
}

static inline bool is_data(const sdp_media_t *media)
{
    return text_equal_ignore_case(media->type, "application");
}

#endif
