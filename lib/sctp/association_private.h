/* What the files of the association share: its struct, and who does what. Private to the folder; sctp/association.h is the face.
 *
 * association.c: life, events, timers. association_input.c: packets and chunks in. association_output.c: packets out. handshake.c: INIT to
 * COOKIE ACK. reconfig.c: RFC 6525. path.c: heartbeats and the search for the path's MTU. */
#ifndef SCTP_ASSOCIATION_PRIVATE_H
#define SCTP_ASSOCIATION_PRIVATE_H

#include "base/map.h"
#include "sctp/association.h"
#include "sctp/chunk.h"
#include "sctp/path_mtu.h"
#include "sctp/receiver.h"
#include "sctp/sender.h"

#define ASSOCIATION_LEAST_WINDOW 1500 /* RFC 9260 §3.3.2: no less is announced */
#define ASSOCIATION_COOKIE_SIZE 32
#define ASSOCIATION_REMOTE_COOKIE_MAX 4096
#define ASSOCIATION_UNRECOGNIZED_MAX 128 /* bytes of parameters told back in an INIT ACK */
/* DTLS has just shown that the path works, so the first repetition need not wait for the second that SCTP knows nothing about. */
#define ASSOCIATION_T1_FIRST (50 * PEER_MILLISECOND)
#define ASSOCIATION_TIMER_MAX (3 * PEER_SECOND) /* after an outage of the path all goes on within this time */
#define ASSOCIATION_LARGEST_PACKET 16384u       /* the plaintext of a DTLS record (RFC 6347 §4.1.1), and what packets are received in */
/* Others may have no room for larger ones than an Ethernet carries. Chromium reads DTLS into 2,048 bytes, and a record that is longer ends
 * the connection. */
#define ASSOCIATION_UNTOLD_DATAGRAM 1500u /* with everything that is added to a packet */
#define ASSOCIATION_CONTROL_RESERVE 8     /* a COOKIE ACK and a SHUTDOWN ACK go before the control chunks */
#define ASSOCIATION_SHUTDOWN_ACKS 8       /* then the association is over without the SHUTDOWN COMPLETE */

typedef enum association_phase {
    ASSOCIATION_CLOSED, /* nothing said yet */
    ASSOCIATION_COOKIE_WAIT,
    ASSOCIATION_COOKIE_ECHOED,
    ASSOCIATION_ESTABLISHED,
    ASSOCIATION_SHUTDOWN_RECEIVED,
    ASSOCIATION_SHUTDOWN_ACK_SENT,
    ASSOCIATION_OVER
} association_phase_t;

/* What an INIT or INIT ACK says of its sender. */
typedef struct association_offer {
    uint32_t tag;
    uint32_t window;
    uint32_t initial_tsn;
    uint16_t outbound_streams;
    uint16_t inbound_streams;
    bool has_interleaving;
    bool has_forward_tsn;   /* RFC 3758 */
    bool has_i_forward_tsn; /* RFC 8260 */
    bool has_reconfig;
    bool accepts_zero_checksum;
    uint32_t largest_packet; /* that it takes; 0: it does not say */
} association_offer_t;

/* An INIT that was answered: the cookie names it. The one peer is authenticated, so that a state may be kept for it, and the cookie needs
 * no signature. */
typedef struct association_pending {
    bool is_set;
    uint8_t cookie[ASSOCIATION_COOKIE_SIZE];
    uint32_t local_tag; /* in the INIT ACK */
    uint16_t remote_port;
    association_offer_t offer;
    peer_time_t answered; /* 0: more than once */
} association_pending_t;

typedef struct association_held {
    struct association_held *next; /* of the same stream */
    struct association_held *last; /* the stream's first knows it, */
    size_t bytes;                  /* and how many there are */
    sctp_message_info_t info;
    blob_t *message;
    peer_time_t sent_at; /* its life has begun */
} association_held_t;

typedef struct association_streams {
    uint16_t *items;
    size_t count;
    size_t capacity;
} association_streams_t;

/* RFC 6525, both directions. */
typedef struct association_reconfig {
    /* ours */
    uint32_t next_sequence;
    association_streams_t waiting; /* to be reset when nothing of them is under way any more */
    association_streams_t asked;   /* in the request that is out */
    association_streams_t again;   /* of them, those that have been used anew and are to be reset once more */
    bool may_ask;                  /* something changed since it was last looked whether one of `waiting` is ready */
    bool is_due;                   /* the request is to be sent (again) now */
    peer_time_t timer;
    peer_time_t interval;
    uint32_t last_tsn;                       /* of the request */
    uint8_t *resetting;                      /* a bit for each stream that is waiting or asked; NULL: none is */
    map_t held;                              /* messages for such streams, the first of each: behind the reset */
    association_streams_t done;              /* to be told */
    sctp_association_event_type_t done_type; /* … as this */
    /* the remote side's */
    uint32_t expected;
    uint32_t results[2];            /* of the two requests before `expected` */
    size_t result_count;            /* of them, that are known */
    association_streams_t incoming; /* reset, to be told */
    bool is_incoming_all;           /* all of them were */
    association_streams_t deferred; /* asked for when data sent before it was still missing */
    bool is_deferred;
    bool was_deferred; /* and performed since: `deferred` still says what it was */
    uint32_t deferred_sequence;
    uint32_t deferred_tsn;
    association_streams_t told; /* lent to the taker of the last event */
} association_reconfig_t;

struct sctp_association {
    sctp_association_config_t config;
    association_phase_t phase;
    peer_time_t now; /* of the last call */
    sctp_sender_t *sender;
    sctp_receiver_t *receiver;

    uint32_t local_tag;
    uint32_t local_tsn;
    uint32_t remote_tag; /* 0: not known */
    uint16_t remote_port;
    uint32_t remote_window;    /* as announced last */
    association_offer_t offer; /* the remote side's, once up */
    uint16_t outbound_streams;
    uint16_t inbound_streams;
    bool is_up;
    bool is_interleaved;

    association_pending_t pending;  /* the newest INIT that was answered */
    association_pending_t accepted; /* the one of which the association is */
    uint8_t *remote_cookie;         /* to be echoed */
    size_t remote_cookie_length;
    peer_time_t asked_at; /* INIT or COOKIE ECHO, sent once; 0: more often */

    peer_time_t timer; /* T1-init, T1-cookie or T2-shutdown, by phase */
    peer_time_t interval;
    unsigned shutdown_acks;

    /* to be sent */
    bool wants_init, wants_cookie_echo, wants_cookie_ack, wants_shutdown_ack, wants_abort;
    uint16_t abort_cause;
    const char *abort_text;
    packet_t *answer;    /* INIT ACK, or ABORT for an INIT: whole, the newest only */
    packet_t *control;   /* chunks that answer something; what has no more room there is not answered */
    size_t control_room; /* its bytes: the path may be another by now */
    bool has_error;      /* in answer to the present packet */
    bool has_sack;       /* the present packet */

    path_mtu_t path;
    bool is_searching; /* the path's MTU */
    uint64_t heartbeat_nonce;
    peer_time_t heartbeat_sent; /* the one that measures the round trip; 0: none is out */
    bool wants_heartbeat;
    bool has_rtt;

    association_reconfig_t reconfig;

    bool is_up_news;
    bool is_lost_news;
    bool is_orderly;
    uint16_t cause_code;
    char text[192];

    uint64_t packets_sent, packets_received, bytes_sent, bytes_received;
    uint32_t black_holes;
};

/* association.c */
bool association_can_send(const sctp_association_t *association); /* the remote side has all it needs to take data */
void association_lose(sctp_association_t *association, bool is_orderly, uint16_t cause_code, const char *text);
/* The same, and the remote side is told by an ABORT. `text` is static. */
void association_abort(sctp_association_t *association, uint16_t cause_code, const char *text);
/* Adds a chunk to what answers the remote side; false: no room. */
bool association_add_control(sctp_association_t *association, uint8_t type, uint8_t flags, const void *value, size_t length);
/* An ERROR with one cause, if none answers this packet yet. */
void association_add_error(sctp_association_t *association, uint16_t cause, const void *value, size_t length);
void association_set_timer(sctp_association_t *association, peer_time_t interval);
void association_stop_timer(sctp_association_t *association);
peer_time_t association_rto(const sctp_association_t *association);
void association_measured_rtt(sctp_association_t *association, peer_time_t rtt);
/* What was in flight is acknowledged, or lost. */
void association_after_sack(sctp_association_t *association, size_t acknowledged, size_t lost);

/* association_output.c */
packet_t *association_new_packet(sctp_association_t *association, size_t size, uint32_t tag, writer_t *writer);
/* The packet is what the writer wrote; its checksum is put in, or left zero. */
void association_finish_packet(packet_t *packet, const writer_t *writer, bool is_checksum_zero);

/* handshake.c */
bool handshake_write_init(sctp_association_t *association, writer_t *writer);
void handshake_on_init(sctp_association_t *association, const sctp_header_t *header, const sctp_chunk_t *chunk);
void handshake_on_init_ack(sctp_association_t *association, const sctp_chunk_t *chunk);
/* False: the packet's other chunks are not to be read. */
bool handshake_on_cookie_echo(sctp_association_t *association, const sctp_header_t *header, const sctp_chunk_t *chunk);
void handshake_on_cookie_ack(sctp_association_t *association);
void handshake_on_stale_cookie(sctp_association_t *association);
int handshake_by_init(sctp_association_t *association, const uint8_t *init, size_t length); /* both INITs are known */
void handshake_timeout(sctp_association_t *association);

/* reconfig.c */
void reconfig_start(sctp_association_t *association);
void reconfig_free(sctp_association_t *association);
bool reconfig_reset(sctp_association_t *association, uint16_t stream);
bool reconfig_is_resetting(const sctp_association_t *association, uint16_t stream);
int reconfig_hold(sctp_association_t *association, const sctp_message_info_t *info, blob_t *message);
size_t reconfig_held(const sctp_association_t *association, uint16_t stream);
void reconfig_discard_held(sctp_association_t *association, uint16_t stream);
void reconfig_on_chunk(sctp_association_t *association, const sctp_chunk_t *chunk);
void reconfig_on_progress(sctp_association_t *association); /* data came, so that a reset that waits may be performed */
void reconfig_prepare(sctp_association_t *association);     /* asks when there is something to ask for */
bool reconfig_write(sctp_association_t *association, writer_t *writer);
void reconfig_timeout(sctp_association_t *association);
bool reconfig_poll(sctp_association_t *association, sctp_association_event_t *event);

/* path.c */
size_t path_size(const sctp_association_t *association); /* of the largest packet now; chunks are padded to four bytes, and so is this */
void path_set(sctp_association_t *association, const sctp_path_t *path);
void path_on_up(sctp_association_t *association);
void path_on_queued(sctp_association_t *association); /* begins the search when there is something to gain */
packet_t *path_output(sctp_association_t *association);
void path_on_heartbeat_ack(sctp_association_t *association, const sctp_chunk_t *chunk);
void path_timeout(sctp_association_t *association);
peer_time_t path_deadline(const sctp_association_t *association);

#endif
