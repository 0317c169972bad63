/* What the sender's files share: sender.c writes, sender_sack.c hears what arrived, sender_recovery.c finds what was lost and keeps the
 * timers, sender_abandon.c gives up (RFC 3758). */
#ifndef SCTP_SENDER_PRIVATE_H
#define SCTP_SENDER_PRIVATE_H

#include "sctp/outstanding.h"
#include "sctp/sender.h"

#define SENDER_PROBES 2u /* before the retransmission timer (RFC 8985 §7; RFC 9002 §6.2.4 sends two as well) */

#define SENDER_REPEATED 1024u

/* A TSN that was sent again: its second arrival says that this was needless. */
typedef struct sender_repeated {
    uint32_t tsn;
    bool is_valid, is_probe;
} sender_repeated_t;

struct sctp_sender {
    send_queue_t queue;
    outstanding_t ring;
    congestion_t congestion;
    size_t mtu;
    bool is_started;
    bool is_interleaved;
    bool has_forward;
    bool is_ring_stuck; /* it could not grow */
    uint32_t remote_window;

    /* The packet that is being made. */
    uint32_t packet;      /* its number */
    uint32_t made_chunks; /* of data */
    size_t made_bytes;
    size_t extra_room; /* that it has beyond the mtu */

    /* Loss (RFC 8985 §6.2): the chunk sent last of those that arrived. */
    bool has_arrived;
    uint32_t arrived_packet;
    peer_time_t arrived_rtt;
    uint32_t highest_arrived; /* TSN */
    bool is_report_full;      /* the last SACK may have had no room for what stands behind its last block */
    uint32_t report_end;      /* the TSN behind that */
    uint32_t report_blocks;   /* most that one had */
    bool is_reordering_seen;
    unsigned reorder_steps; /* quarters of the least round trip */
    peer_time_t reorder_raised;
    unsigned reorder_recoveries; /* until the steps start anew */
    peer_time_t reorder_deadline;
    /* An episode of loss lasts until all that was sent before it is settled: one reduction. */
    bool is_recovering;
    uint32_t reduced_packet; /* the first packet sent since the last reduction */
    bool is_lost_anew;       /* something sent since it began was lost, too */
    uint32_t recovery_point;
    bool can_undo;
    uint32_t undo_left; /* losses of the episode that have not proved wrong */
    bool is_after_timeout;
    sender_repeated_t *repeated; /* SENDER_REPEATED of them, by TSN; NULL: none was, or no memory */

    /* Timers. */
    peer_time_t timer_start;
    peer_time_t last_sent;
    unsigned backoff;
    unsigned probes;      /* since anything arrived */
    bool is_probe_due;    /* one packet may leave whatever the window */
    bool is_forced;       /* the same, the first after the retransmission timer */
    peer_time_t patience; /* for a delayed acknowledgement, learned */
    peer_time_t hold;     /* what is lost is not sent again before; the path is new */

    /* RFC 3758 */
    uint32_t advanced; /* Advanced.Peer.Ack.Point */
    uint32_t forward_told;
    bool is_forward_due;
    peer_time_t forward_deadline;
    unsigned forward_tries;
    uint32_t forward_epoch;

    sctp_sender_stats_t stats;
};

/* What one call learns of arrival and loss. */
typedef struct sender_news {
    uint64_t bytes;
    peer_time_t rtt;        /* 0: no sample */
    uint32_t newest_packet; /* that left last, of those that arrived */
    bool has_newest;
    size_t acknowledged, lost; /* largest packets */
    uint32_t losses;
    bool is_advanced;
    bool is_anything;
    bool is_spurious_timeout;
    bool is_probe_needed; /* a probe repaired a loss */
} sender_news_t;

/* sender_recovery.c */
peer_time_t sender_rto(const sctp_sender_t *sender);
peer_time_t sender_timer(const sctp_sender_t *sender); /* earliest of loss probe, retransmission, reordering; PEER_TIME_NEVER */
void sender_find_losses(sctp_sender_t *sender, peer_time_t now, sender_news_t *news);
void sender_judge_unknown(sctp_sender_t *sender, peer_time_t now, uint32_t from, uint32_t to, sender_news_t *news);
void sender_react_to_losses(sctp_sender_t *sender, peer_time_t now, const sender_news_t *news);
void sender_end_recovery(sctp_sender_t *sender, peer_time_t now);
void sender_disprove_loss(sctp_sender_t *sender);
void sender_disprove_timeout(sctp_sender_t *sender);
outstanding_chunk_t *sender_probe_chunk(const sctp_sender_t *sender,
                                        peer_time_t now); /* what to send again as a probe; NULL: nothing may be */
size_t sender_probe_length(const sctp_sender_t *sender);  /* at most, of its payload: which one it will be depends on life times */

/* sender_abandon.c */
bool sender_may_send_again(const sctp_sender_t *sender, const outstanding_chunk_t *chunk, peer_time_t now);
void sender_abandon(sctp_sender_t *sender, send_message_t *message);
bool sender_place_end(sctp_sender_t *sender, send_message_t *message); /* false: no room for a TSN now */
void sender_advance(sctp_sender_t *sender);
bool sender_write_forward(sctp_sender_t *sender, peer_time_t now, writer_t *writer);

/* sender.c */
void sender_settle_first(sctp_sender_t *sender); /* the ring's first chunk goes */

#endif
