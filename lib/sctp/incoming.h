/* A message on its way in: its bytes so far, in order, in one blob; and the account of what all of them hold, by which the window is
 * announced and memory stays bounded. Which fragment belongs to which message is reassembly's affair. */
#ifndef SCTP_INCOMING_H
#define SCTP_INCOMING_H

#include "base/blob.h"
#include "base/splay.h"
#include "sctp/chunk.h"

typedef enum incoming_state {
    INCOMING_BEGUN,   /* fragments are missing */
    INCOMING_WAITING, /* complete, and ordered messages before it are missing */
    INCOMING_READY    /* its bytes can be told */
} incoming_state_t;

typedef struct incoming_message {
    splay_node_t node; /* in its stream by its number; a begun one of DATA by the TSN expected next */
    struct incoming_message *next;
    blob_t *blob;      /* NULL: nothing now */
    splay_t fragments; /* I-DATA: those that came before their turn, by fragment number */
    size_t fragment_bytes;
    uint64_t id;                     /* MID or SSN, unwrapped; meaningless when unordered DATA */
    size_t length;                   /* so far, in order, told parts included */
    size_t charged;                  /* to the account, for what is in order */
    uint32_t expected, end, highest; /* I-DATA: fragment numbers; `end` holds with has_end */
    uint64_t count;                  /* I-DATA: fragments */
    uint32_t payload_protocol;
    uint16_t stream;
    incoming_state_t state;
    bool is_unordered, is_single, has_end;
    bool is_tracked;  /* more of it may come, or its turn */
    bool is_queued;   /* among what there is to tell */
    bool is_streamed; /* told in parts */
    bool is_told;     /* a part was */
    bool is_complete, is_lost;
    bool is_too_large, is_too_large_told;
} incoming_message_t;

/* A fragment that came before its turn. */
typedef struct incoming_fragment {
    splay_node_t node; /* by TSN or fragment number */
    size_t length;
    uint32_t message_id, payload_protocol;
    uint16_t stream;
    uint8_t flags;
    uint8_t data[];
} incoming_fragment_t;

typedef struct incoming_account {
    size_t window;    /* what may be held */
    size_t allowance; /* for begun messages, beyond it: they can only be finished, not be put off */
    size_t max_message_size;
    size_t held;                        /* bytes of all messages and fragments, with what it takes to keep them, and `unconsumed` */
    size_t begun;                       /* the part of it in messages that are being put together */
    size_t ready;                       /* the part of it that can be told */
    size_t spare;                       /* room in blobs that is not in use; not in `held` */
    size_t unconsumed, unconsumed_cost; /* told: bytes, and what it takes to keep them */
    incoming_message_t *pool;
    size_t pool_size;
} incoming_account_t;

void incoming_account_init(incoming_account_t *account, size_t window, size_t max_message_size);
void incoming_account_clear(incoming_account_t *account);
size_t incoming_account_window(const incoming_account_t *account); /* bytes that may come */
/* A chunk of `length` bytes without which nothing moves: there is room even beyond the window. */
bool incoming_account_has_reserve(const incoming_account_t *account, size_t length);
/* The application holds, or could take, something. */
static inline bool incoming_account_is_releasable(const incoming_account_t *account)
{
    return account->ready + account->unconsumed != 0;
}
void incoming_account_consumed(incoming_account_t *account, size_t bytes);

incoming_message_t *incoming_message_new(incoming_account_t *account, const sctp_data_t *data, uint64_t id); /* NULL: no memory */
void incoming_message_free(incoming_account_t *account, incoming_message_t *message);
void incoming_message_set_state(incoming_account_t *account, incoming_message_t *message, incoming_state_t state);
/* Room for `length` bytes more, which are known to belong to it. A message that gets too large loses its bytes and takes no more: true,
 * too. False, and nothing changed: no memory. */
bool incoming_message_reserve(incoming_account_t *account, incoming_message_t *message, size_t length, size_t hint, bool is_all);
void incoming_message_append(incoming_account_t *account, incoming_message_t *message, const uint8_t *data, size_t length);
blob_t *incoming_message_take(incoming_account_t *account, incoming_message_t *message); /* its bytes are told; it keeps none */

incoming_fragment_t *incoming_fragment_new(incoming_account_t *account, const sctp_data_t *data, uint64_t key);
void incoming_fragment_free(incoming_account_t *account, incoming_fragment_t *fragment);
void incoming_fragments_free(incoming_account_t *account, splay_t *fragments);

#endif
