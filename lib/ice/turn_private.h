/* What the files of the TURN client share. */
#ifndef ICE_TURN_PRIVATE_H
#define ICE_TURN_PRIVATE_H

#include "ice/agent.h"
#include "ice/turn.h"
#include "stun/credentials.h"
#include "stun/stun.h"

#define TURN_LIFETIME_DEFAULT (600 * PEER_SECOND) /* RFC 8656 §3.2 */
#define TURN_LIFETIME_MIN (20 * PEER_SECOND)      /* less than this, and nought, is not believed */
#define TURN_LIFETIME_MAX (3600 * PEER_SECOND)    /* nor is more */
#define TURN_REFRESH_MARGIN (60 * PEER_SECOND)    /* RFC 8656 §8.1: a minute before the end; of short lifetimes half */
#define TURN_REFRESH_ROUNDS 2                     /* a server that left so many Refresh requests unanswered in a row is gone */

#define TURN_PERMISSION_LIFETIME (300 * PEER_SECOND) /* RFC 8656 §9 */
#define TURN_PERMISSION_REFRESH (240 * PEER_SECOND)
#define TURN_CHANNEL_LIFETIME (600 * PEER_SECOND)   /* RFC 8656 §12 */
#define TURN_CHANNEL_REFRESH (220 * PEER_SECOND)    /* before the permission, which it refreshes too */
#define TURN_CHANNEL_QUARANTINE (330 * PEER_SECOND) /* RFC 8656 §12: five minutes after its end a number may be another peer's */
#define TURN_IDLE (150 * PEER_SECOND)               /* what carried nothing for so long is not refreshed */

#define TURN_RETRY_DELAY (3 * PEER_SECOND) /* after a request that failed for now; doubled each time */
#define TURN_RETRIES 4                     /* so many requests for one peer fail before it is given up */

#define TURN_CHANNEL_FIRST 0x4000
#define TURN_CHANNEL_COUNT 0x1000
#define TURN_CHANNEL_HEADER 4

#define TURN_MAX_WAITING 128 /* packets that wait to be polled; more are lost as on a network */
#define TURN_REASON_MAX 128  /* octets of a server's own words that are passed on */

/* turn_request.c: a request and all its transmissions. Requests live in what they are for. */
typedef struct turn_request {
    bool is_active;
    uint8_t id[STUN_TRANSACTION_ID_SIZE];
    stun_attempt_t attempt;
    unsigned transmissions;
    bool is_last; /* it is not sent once more */
    peer_time_t first_sent;
    peer_time_t rto;
    peer_time_t next_at;     /* next transmission, or the end */
    uint16_t discarded_code; /* of an error response without integrity: named when nothing better comes */
} turn_request_t;

/* turn_permission.c: a peer's IP address that the server lets through (RFC 8656 §9, §10). */
typedef enum turn_permission_state {
    TURN_PERMISSION_ASKING, /* packets go already: the server may have installed it before we know */
    TURN_PERMISSION_GRANTED,
    TURN_PERMISSION_REFUSED,
} turn_permission_state_t;

typedef struct turn_permission {
    address_t ip; /* port and scope are 0 */
    turn_permission_state_t state;
    turn_request_t request;
    peer_time_t expires;
    peer_time_t refresh_at;
    peer_time_t last_used;
    unsigned failures;
    peer_time_t retry_at; /* refused for now; PEER_TIME_NEVER: for good */
    uint16_t code;
    bool is_untold;
} turn_permission_t;

/* turn_channel.c: a number that stands for a peer (RFC 8656 §12). */
typedef enum turn_channel_state {
    TURN_CHANNEL_BINDING,
    TURN_CHANNEL_BOUND,
    TURN_CHANNEL_FAILED,
    TURN_CHANNEL_ENDED, /* kept, so that its number is not another peer's too soon */
} turn_channel_state_t;

typedef struct turn_channel {
    address_t peer;
    uint16_t number;
    turn_channel_state_t state;
    turn_request_t request;
    peer_time_t expires;    /* no longer used by us from then on */
    peer_time_t reusable;   /* by another peer */
    peer_time_t refresh_at; /* PEER_TIME_NEVER when it was idle at that time */
    peer_time_t last_used;
    unsigned failures;
    peer_time_t retry_at;
} turn_channel_t;

typedef enum turn_state {
    TURN_ALLOCATING,
    TURN_ALLOCATED,
    TURN_CLOSING, /* the answer to the last request is awaited */
    TURN_ENDED,
} turn_state_t;

struct turn {
    random_source_t random;
    packet_pool_t *pool;
    path_t path;
    bool is_reliable;
    peer_time_t rto;
    uint32_t connection;
    stun_credentials_t *credentials;

    /* turn_allocation.c */
    turn_state_t state;
    bool wants_ipv4, wants_ipv6;
    bool asks_ipv4, asks_ipv6; /* in the Allocate request under way */
    turn_request_t main;       /* Allocate, then Refresh */
    bool is_giving_back;       /* the Refresh request says lifetime 0 */
    address_t relayed[2];
    size_t relayed_count;
    address_t mapped;
    peer_time_t lifetime;
    peer_time_t expires;
    peer_time_t refresh_at;
    unsigned silent_rounds;

    turn_permission_t *permissions;
    size_t permission_count, permission_capacity;
    turn_channel_t *channels;
    size_t channel_count, channel_capacity;

    /* what is to be told */
    bool has_allocated_untold, has_failure_untold;
    turn_output_kind_t failure_kind;
    uint16_t failure_code;
    bool has_alternate;
    address_t alternate;
    char alternate_domain[256];
    char text[TURN_REASON_MAX + 256]; /* of the failure */
    packet_queue_t waiting;

    peer_time_t deadline;
    turn_counters_t counters;
};

/* turn.c */
void turn_settle(turn_t *turn); /* at the end of whatever changed something: the deadline */

/* turn_request.c */
typedef enum turn_answer {
    TURN_ANSWER_NONE,    /* nothing follows, the request goes on */
    TURN_ANSWER_SUCCESS, /* and the request has ended, as with all that follow */
    TURN_ANSWER_ERROR,   /* code */
    TURN_ANSWER_REFUSED, /* code and why: of the credentials, or of the answer itself */
    TURN_ANSWER_SILENCE, /* code and why */
} turn_answer_t;

typedef struct turn_result {
    turn_answer_t answer;
    uint16_t code;
    const char *why;   /* ours; NULL when the server's words tell */
    const char *words; /* the server's, with their length */
    size_t words_length;
} turn_result_t;

/* What a request is for: exactly one of them is set, or neither for the allocation itself. */
typedef struct turn_subject {
    const turn_permission_t *permission;
    const turn_channel_t *channel;
} turn_subject_t;

void turn_request_begin(turn_t *turn, turn_request_t *request, turn_subject_t subject, peer_time_t now);
turn_result_t turn_request_on_response(turn_t *turn, turn_request_t *request, turn_subject_t subject, peer_time_t now,
                                       const stun_message_t *message);
/* When it is due: repeats it and returns false, or ends it and returns true. */
bool turn_request_run(turn_t *turn, turn_request_t *request, turn_subject_t subject, peer_time_t now);
turn_result_t turn_request_silence(const turn_request_t *request); /* for one that ended unanswered */
peer_time_t turn_request_deadline(const turn_request_t *request);

/* turn_allocation.c */
void turn_allocation_begin(turn_t *turn, peer_time_t now);
void turn_allocation_write(const turn_t *turn, stun_builder_t *builder); /* the attributes of the main request */
void turn_allocation_on_result(turn_t *turn, peer_time_t now, const stun_message_t *message, const turn_result_t *result);
void turn_allocation_run(turn_t *turn, peer_time_t now);
peer_time_t turn_allocation_deadline(const turn_t *turn);
/* No allocation, or no more: FAILED or LOST, whichever fits. */
void turn_allocation_end(turn_t *turn, const turn_result_t *why);

/* turn_permission.c */
turn_permission_t *turn_permission_find(const turn_t *turn, const address_t *peer);
/* For something that is to be sent: asks for it where there is none. False when it is refused or cannot be. */
bool turn_permission_need(turn_t *turn, peer_time_t now, const address_t *peer);
bool turn_permission_covers(turn_t *turn, peer_time_t now, const address_t *peer); /* something came from there: may it? */
void turn_permission_extend(turn_t *turn, peer_time_t now, const address_t *peer, peer_time_t granted_at);
void turn_permission_on_result(turn_t *turn, peer_time_t now, turn_permission_t *permission, const turn_result_t *result);
void turn_permission_run(turn_t *turn, peer_time_t now);
peer_time_t turn_permission_deadline(const turn_t *turn);

/* turn_channel.c */
turn_channel_t *turn_channel_find(const turn_t *turn, const address_t *peer);
turn_channel_t *turn_channel_find_number(const turn_t *turn, uint16_t number);
void turn_channel_use(turn_t *turn, peer_time_t now, turn_channel_t *channel); /* it carried something */
void turn_channel_on_result(turn_t *turn, peer_time_t now, turn_channel_t *channel, const turn_result_t *result);
void turn_channel_run(turn_t *turn, peer_time_t now);
peer_time_t turn_channel_deadline(const turn_t *turn);

/* turn_data.c */
turn_input_result_t turn_data_channel(turn_t *turn, peer_time_t now, packet_t *packet);
turn_input_result_t turn_data_indication(turn_t *turn, peer_time_t now, packet_t *packet, const stun_message_t *message);

/* turn_text.c */
const char *turn_text_meaning(uint16_t code); /* for a user */
/* Our words, or the code's meaning with the server's words behind it. */
void turn_text_write(char *text, size_t size, const turn_result_t *result);

#endif
