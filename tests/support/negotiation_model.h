/* A model of what two applications may do with two connections: every call that bears on negotiation, in any order, on either side, over
 * signaling that keeps its order but may be arbitrarily late. Perfect negotiation (W3C WebRTC §10.7) is one of the things they do; offers
 * held back, withdrawn, replaced and refused, provisional answers, descriptions created now and set later are others. At rest both sides
 * have to agree. After every step an oracle, written from W3C's text alone, tells whether negotiation is needed.
 *
 * A program is a list of steps that mean something in every state, so that one that fails can be made shorter: model_search() does that,
 * and prints what is left call by call. The same model drives sessions of jsep by themselves, and whole connections in the simulator. */
#ifndef NEGOTIATION_MODEL_H
#define NEGOTIATION_MODEL_H

#include "base/time.h"
#include "jsep/jsep.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct model model_t;
typedef struct model_side model_side_t;

/* How a layer does what an application asks for. Results are those of the library. */
typedef struct model_calls {
    int (*add_track)(void *layer, jsep_kind_t kind, const char *track, const char *const *streams, size_t stream_count);
    int (*add_transceiver)(void *layer, jsep_kind_t kind, const jsep_transceiver_init_t *init);
    int (*remove_track)(void *layer, jsep_transceiver_t *transceiver);
    int (*replace_track)(void *layer, jsep_transceiver_t *transceiver, const char *track);
    int (*set_streams)(void *layer, jsep_transceiver_t *transceiver, const char *const *streams, size_t stream_count);
    int (*set_direction)(void *layer, jsep_transceiver_t *transceiver, sdp_direction_t direction);
    int (*stop)(void *layer, jsep_transceiver_t *transceiver);
    int (*prefer)(void *layer, jsep_transceiver_t *transceiver, unsigned whim); /* setCodecPreferences() */
    int (*open_channel)(void *layer);
    void (*close_channel)(void *layer, unsigned which);
    int (*restart_ice)(void *layer);
    int (*create)(void *layer, jsep_type_t type, bool restarts_ice, char **sdp); /* memory_free */
    int (*set)(void *layer, jsep_side_t side, jsep_type_t type, const char *sdp);
    int (*set_implicitly)(void *layer);
    int (*add_candidate)(void *layer, const char *text, const char *mid, int mline_index, const char *ufrag);
    void (*pass_time)(model_t *model, peer_time_t until); /* everything but signaling goes on; layers then tell model_on_…() */
    jsep_session_t *(*session)(void *layer);
    bool (*is_flagged)(void *layer);    /* [[NegotiationNeeded]] */
    void (*check_rest)(model_t *model); /* what only this layer can tell; NULL: nothing */
} model_calls_t;

typedef struct model_step {
    uint8_t operation;
    uint8_t side;
    uint32_t whims[3];
} model_step_t;

#define MODEL_STEPS_MAX 256

typedef struct model_message model_message_t;

/* Whether what was created is [[LastCreatedOffer]] or [[LastCreatedAnswer]] still. An implicit setLocalDescription() takes it if it is what
 * would be created now, and makes another otherwise. */
typedef enum model_kept { MODEL_KEPT_GONE, MODEL_KEPT_LAST, MODEL_KEPT_PERHAPS } model_kept_t;

struct model_side {
    model_t *model;
    void *layer;
    int index;
    bool is_polite;
    model_message_t *first, *last;    /* on their way to this side */
    unsigned events;                  /* negotiationneeded, not acted on yet */
    unsigned local_offer;             /* number of the pending local offer; 0: none */
    bool is_held;                     /* it was not sent */
    unsigned remote_offer;            /* of the pending remote one */
    unsigned ignored_offer;           /* that came into ours */
    unsigned sent;                    /* number of the last description sent */
    unsigned applied, stable_applied; /* of the last one of the other side that holds */
    char *kept_offer, *kept_answer;   /* created, to be set later */
    model_kept_t offer_kept, answer_kept;
    bool has_created_channel;
    char *seen[3];        /* the last description of each type that was set here, for what must not be set now */
    char replaced[2][64]; /* [[LocalIceCredentialsToReplace]], ufrags */
    size_t replaced_count;
};

struct model {
    const model_calls_t *calls;
    model_side_t sides[2];
    peer_time_t now;
    uint64_t seed;
    bool is_traced;
    bool is_at_rest; /* nothing is done any more but what is due */
    unsigned numbers, names;
    uint32_t whim;     /* of the step that is being done */
    peer_time_t delay; /* of what is sent now */
    void *user;
};

/* Layers tell what happens inside. */
void model_on_negotiation_needed(model_side_t *side);
/* text NULL: there are no more */
void model_on_candidate(model_side_t *side, const char *text, const char *mid, int mline_index, const char *ufrag);
_Noreturn void model_fail(model_t *model, const char *format, ...) __attribute__((format(printf, 2, 3)));
void model_trace(const model_t *model, const char *format, ...) __attribute__((format(printf, 2, 3)));

jsep_session_t *model_session(const model_side_t *side);
model_side_t *model_other(const model_side_t *side);

/* Does the steps and brings the two to rest; NULL, or what was wrong. `model` is cleared by model_clear() in any case. */
const char *model_run(model_t *model, const model_step_t *steps, size_t count);
void model_clear(model_t *model);

/* negotiation_model_steps.c */
void model_do(model_t *model, const model_step_t *step);
void model_make_steps(uint64_t seed, model_step_t *steps, size_t count);
/* negotiation_model_signaling.c */
void model_advance(model_t *model, peer_time_t until); /* time passes, and signaling arrives */
void model_send_offer(model_side_t *side);
void model_offer(model_side_t *side, const char *text, bool is_held); /* sets the text, or what is made now, and sends it unless held */
void model_reoffer_at_once(model_side_t *side);
void model_answer(model_side_t *side, jsep_type_t type, const char *text); /* likewise */
void model_withdraw(model_side_t *side);
void model_refuse(model_side_t *side);
void model_act_on_negotiation_needed(model_side_t *side);
bool model_is_signaling_empty(const model_t *model);
int model_set(model_side_t *side, jsep_side_t of, jsep_type_t type, const char *sdp);
void model_drop_messages(model_side_t *side);
/* negotiation_model_oracle.c */
bool model_needs_negotiation(const model_side_t *side); /* W3C §4.7.3 "check if negotiation is needed" */
void model_remember_credentials(model_side_t *side);    /* restartIce() was called */
void model_forget_credentials(model_side_t *side);      /* an answer was set */
/* negotiation_model_rest.c */
void model_check_agreement(model_t *model);

/* One program after another, each seed of its own world. `run` makes the world, runs the program in it, and frees it; NULL: all is well.
 * It is called in child processes, so that a crash is a failure like any other, which is then told with its seed and the calls that are
 * enough for it. MODEL_SEED=N or N-M runs these seeds only, and traces a single one; MODEL_JOBS=N runs that many children side by side. */
typedef const char *(*model_run_t)(uint64_t seed, const model_step_t *steps, size_t count, bool is_traced);
void model_search(model_run_t run, uint64_t first, uint64_t last, size_t step_count);

#endif
