/* Packetization layer path MTU discovery for datagrams (RFC 8899, with RFC 9260 §7.3): which sizes to probe, what the answers mean, when to
 * doubt. Pure bookkeeping: the association sends the probes (HEARTBEAT and PAD, RFC 4820, padded to the size) and tells what became of
 * them. Sizes are those of SCTP packets; `overhead` is what DTLS, a relay, UDP and IP add to each. */
#ifndef SCTP_PATH_MTU_H
#define SCTP_PATH_MTU_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_MTU_PROBES 7   /* at once */
#define PATH_MTU_HISTORY 32 /* probes of which late answers still count */

typedef struct path_mtu_probe {
    uint32_t id; /* of the last transmission; 0: none yet */
    size_t size; /* 0: free */
    peer_time_t sent;
    unsigned attempt; /* transmissions so far */
    bool is_due;      /* for the next one */
} path_mtu_probe_t;

typedef struct path_mtu {
    size_t base; /* taken to pass everywhere (RFC 8899 BASE_PLPMTU) */
    size_t most; /* no larger ones */
    size_t overhead;
    size_t proven;  /* the size in use */
    size_t refused; /* the least size known not to pass; most + 1: none */
    path_mtu_probe_t probes[PATH_MTU_PROBES];
    struct {
        uint32_t id;
        size_t size;
    } history[PATH_MTU_HISTORY]; /* by id */
    uint32_t last_id;
    peer_time_t next_search;    /* PMTU_RAISE_TIMER */
    peer_time_t retransmission; /* how long an answer may take */
    bool is_started, is_searching;
    unsigned losses_in_row; /* of packets larger than base, none of them acknowledged since */
} path_mtu_t;

/* A path: sizes between base and most; most == base turns the search off. Also for a new path: everything is forgotten, base is in use. */
void path_mtu_init(path_mtu_t *path, peer_time_t now, size_t base, size_t most, size_t overhead);
/* The association is up, or data begins to flow, and `rtt` was measured (0: not yet): what is due is searched. */
void path_mtu_start(path_mtu_t *path, peer_time_t now, peer_time_t rtt);
/* A probe to send now: its size and id; false: none. Large strides first (what common links carry: 1,280, 1,400, 1,420, 1,492, 1,500, 9,000
 * and the most), several at once, then the gap between the largest proven and the least refused is divided until it is small. */
bool path_mtu_next_probe(path_mtu_t *path, peer_time_t now, size_t *size, uint32_t *id);
/* The probe's answer came; true: the size in use grew. */
bool path_mtu_on_probe_acknowledged(path_mtu_t *path, peer_time_t now, uint32_t id);
/* Packets of `size` were acknowledged, or lost. True from on_lost: a black hole is suspected (RFC 8899 §4.3), the size in use is base again
 * and the search starts anew later. */
void path_mtu_on_acknowledged(path_mtu_t *path, size_t size);
bool path_mtu_on_lost(path_mtu_t *path, peer_time_t now, size_t size);
void path_mtu_timeout(path_mtu_t *path, peer_time_t now); /* probes without an answer are repeated, then counted as refused */
peer_time_t path_mtu_deadline(const path_mtu_t *path);

#endif
