/* The ICE report: a snapshot of what the agent knows, the conclusion drawn from it, and both forms in which they are told. */
#ifndef API_ICE_REPORT_H
#define API_ICE_REPORT_H

#include "base/text.h"
#include "connection/connection.h"

#include <stdbool.h>
#include <stddef.h>

#define ICE_FINDINGS_MAX 32 /* further ones are left out */

/* What it points to is the agent's: to be used before anything else is done with the connection. */
typedef struct ice_report {
    peer_time_t now;
    ice_state_t state;
    ice_gathering_state_t gathering_state;
    bool is_controlling;
    bool is_relay_only;
    bool has_local_description;
    bool has_remote_description;
    bool has_dtls_failed;
    const ice_candidate_t **locals;
    size_t local_count;
    const ice_candidate_t **remotes;
    size_t remote_count;
    ice_server_report_t *servers;
    size_t server_count;
    ice_pair_stats_t *pairs;
    size_t pair_count;
    ice_drops_t drops;
} ice_report_t;

bool ice_report_collect(const connection_t *connection, peer_time_t now, ice_report_t *report); /* false: memory ran out */
void ice_report_clear(ice_report_t *report);

typedef struct ice_finding {
    const char *code;
    text_t text;
} ice_finding_t;

typedef struct ice_conclusion {
    const char *verdict;
    text_t text; /* a sentence or two */
    ice_finding_t findings[ICE_FINDINGS_MAX];
    size_t count;
} ice_conclusion_t;

void ice_conclude(const ice_report_t *report, ice_conclusion_t *conclusion);
void ice_conclusion_clear(ice_conclusion_t *conclusion);

/* A STUN server where only relayed candidates are wanted: it is not asked. */
bool ice_report_is_out_of_use(const ice_report_t *report, const ice_server_report_t *server);

/* "192.0.2.1:5000", "[2001:db8::1]:5000", "name.local:5000" */
void ice_report_address(const ice_candidate_t *candidate, text_t *text);

/* NULL when memory ran out; else the caller's (peer_string_free). */
char *ice_report_json(const ice_report_t *report, const ice_conclusion_t *conclusion);
char *ice_report_text(const ice_report_t *report, const ice_conclusion_t *conclusion);

#endif
