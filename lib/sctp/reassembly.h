/* Messages put together from the fragments of DATA (RFC 9260 §6.9: consecutive TSNs) and I-DATA (RFC 8260 §2.1: numbered), and told in the
 * order of their streams, or as they are complete. TSNs come here unwrapped and once each. */
#ifndef SCTP_REASSEMBLY_H
#define SCTP_REASSEMBLY_H

#include "sctp/association.h"
#include "sctp/incoming.h"

typedef struct incoming_stream {
    splay_t ordered;              /* messages by number: those of I-DATA from their first fragment on, those of DATA that wait for others */
    splay_t unordered;            /* I-DATA: those begun */
    uint64_t next;                /* number of the ordered message whose turn it is */
    uint64_t unordered_seen;      /* the largest number */
    uint64_t unordered_given;     /* those below were given up, unless they are here */
    incoming_message_t *streamed; /* told in parts, and not at its end */
    size_t threshold;
    size_t hint; /* length of the last message of several fragments, or part */
} incoming_stream_t;

#define INCOMING_PAGE 64

typedef struct incoming_page {
    bool is_touched; /* since all streams were reset */
    incoming_stream_t streams[INCOMING_PAGE];
} incoming_page_t;

typedef struct reassembly {
    incoming_account_t account;
    bool is_interleaved;
    bool has_forwarded;
    incoming_page_t **pages; /* NULL: none of its streams used */
    size_t page_count;
    uint64_t cumulative;
    /* DATA */
    splay_t begun;       /* messages by the TSN expected next */
    splay_t orphans;     /* fragments, by TSN, whose message has not come that far */
    uint64_t given_next; /* the TSN that would continue what was given up; 0: none */
    /* what there is to tell, in the order of its completion */
    incoming_message_t *first_ready, *last_ready;
} reassembly_t;

typedef enum reassembly_result { REASSEMBLY_TAKEN, REASSEMBLY_NO_MEMORY, REASSEMBLY_CONTRADICTION } reassembly_result_t;

void reassembly_init(reassembly_t *reassembly, size_t window, size_t max_message_size);
void reassembly_clear(reassembly_t *reassembly);
/* What is not complete of a start before goes. */
void reassembly_start(reassembly_t *reassembly, uint64_t cumulative, bool is_interleaved);

reassembly_result_t reassembly_take(reassembly_t *reassembly, uint64_t tsn, const sctp_data_t *data);
/* Everything up to `cumulative` has come. False: what came contradicts itself. */
bool reassembly_advance(reassembly_t *reassembly, uint64_t cumulative);
/* RFC 3758 §3.6, RFC 8260 §2.3.1: first each skipped stream's state is made sure of (false: no memory), then what ends below the new
 * cumulative TSN is given up, then each stream skips; reassembly_advance() follows. */
bool reassembly_has_stream(reassembly_t *reassembly, uint16_t stream);
void reassembly_give_up(reassembly_t *reassembly, uint64_t cumulative);
void reassembly_skip(reassembly_t *reassembly, const sctp_forward_stream_t *skipped);

bool reassembly_poll(reassembly_t *reassembly, sctp_association_event_t *event);
bool reassembly_set_streaming(reassembly_t *reassembly, uint16_t stream, size_t threshold);
void reassembly_reset_stream(reassembly_t *reassembly, uint16_t stream);
void reassembly_reset_all(reassembly_t *reassembly);

#endif
