/* The two halves of the receiving worker: what is agreed before the first byte (receiver_plan.c), and what becomes of the bytes
 * (receiver.c). */
#ifndef RECEIVER_PRIVATE_H
#define RECEIVER_PRIVATE_H

#include "manifest.h"
#include "names.h"
#include "protocol.h"
#include "receiver.h"
#include "tree.h"

typedef struct receiver {
    receiver_settings_t settings;
    conduit_t *conduit;
    progress_t *progress;
    bool goes_to_stdout;
    tree_t *tree;        /* NULL when it goes to stdout */
    manifest_t manifest; /* of the last offer */
    enum { NOT_ASKED, MAY_OVERWRITE, MAY_NOT } permission;
    int status;        /* when it is over */
    bool is_concluded; /* all that can be here is; the sender may not know it yet */
    int64_t started_us;
    int64_t out_bytes;    /* that went to stdout, over all connections */
    digest_t *out_digest; /* of these */
    /* Of the connection: */
    int64_t before, taken, acknowledged;
    /* Of the file that comes: */
    entry_t *current;
    int file; /* -1: its bytes are let go */
    int64_t position;
    digest_t *digest;
    char part[NAMES_PATH_MAX + 100];
    bool has_hole;       /* the last bytes were zeros that were not written */
    const char *trouble; /* why it will not be kept; NULL: it will */
    char trouble_text[300];
} receiver_t;

/* Ends it for both. */
step_t receiver_fail(receiver_t *receiver, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The next message, as an object and its type; waits. */
step_t receiver_next(receiver_t *receiver, json_t **object, const char **type);
bool receiver_find_part(const receiver_t *receiver, const entry_t *entry, char part[NAMES_PATH_MAX + 100]);
void receiver_reject(receiver_t *receiver, entry_t *entry, const char *why);

/* Takes the offer, compares with what is here, asks, and says what is wanted. */
step_t receiver_plan(receiver_t *receiver);

#endif
