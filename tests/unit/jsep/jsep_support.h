/* What the tests of jsep share: capabilities like the library's, sessions on them, and the steps of a negotiation in one call each. */
#ifndef JSEP_SUPPORT_H
#define JSEP_SUPPORT_H

#include "base/error.h"
#include "base/memory.h"
#include "jsep/jsep.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPUS, RED, PCMU, PCMA, TELEPHONE_EVENT, VP8, VP9, H264, CODEC_COUNT };
extern const jsep_codec_t test_codecs[CODEC_COUNT];

typedef struct peer {
    random_seeded_t random;
    jsep_session_t *session;
    jsep_plan_t *plan; /* of the last step: its effects */
} peer_t;

typedef void (*configure_t)(jsep_configuration_t *configuration);

void peer_init(peer_t *peer, uint64_t seed, configure_t configure); /* configure NULL: the default */
void peer_clear(peer_t *peer);

/* Plans and applies; the result of the plan. */
int peer_set(peer_t *peer, jsep_side_t side, jsep_type_t type, const char *sdp);
int peer_set_implicitly(peer_t *peer);
/* The same, failing the test on error. */
void peer_must_set(peer_t *peer, jsep_side_t side, jsep_type_t type, const char *sdp);
char *peer_offer(peer_t *peer);  /* creates it and sets it locally; free() the text */
char *peer_answer(peer_t *peer); /* likewise */
void negotiate(peer_t *offerer, peer_t *answerer);

size_t effect_count(const peer_t *peer, jsep_effect_type_t type);
const jsep_effect_t *effect_of(const peer_t *peer, jsep_effect_type_t type, size_t index); /* fails the test when there is none */
/* "state track media" …: the types of the last step's effects in order. */
void check_effects(const peer_t *peer, const char *expected);

jsep_transceiver_t *add(peer_t *peer, jsep_kind_t kind, sdp_direction_t direction);
jsep_transceiver_t *add_track(peer_t *peer, jsep_kind_t kind, const char *track, const char *stream);
jsep_transceiver_t *transceiver(const peer_t *peer, size_t index); /* fails the test when there is none */
size_t transceiver_count(const peer_t *peer);
sdp_t *local_sdp(const peer_t *peer); /* of the newest local description; sdp_free() it */
char *read_sdp_vector(const char *name);
sdp_t *parse_sdp(const char *text);

#endif
