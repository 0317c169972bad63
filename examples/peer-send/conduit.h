/* What passes between the two threads of peer-send. The loop's thread does all that is network; the worker's reads, hashes and writes
 * files, asks the user, and may wait for any of it. The worker reads messages of the data channel from here and writes to it through here,
 * in plain straight-line code: when the connection breaks, every call returns false, and it begins anew with conduit_wait(). */
#ifndef CONDUIT_H
#define CONDUIT_H

#include <jansson.h>
#include <peer/peer.h>
#include <stdbool.h>

#define CONDUIT_CHUNK 65536                      /* bytes of a file in a message */
#define CONDUIT_WINDOW (32 << 20)                /* bytes of files that a sender may be ahead of what the receiver has taken */
#define CONDUIT_WAITING_MAX (2 * CONDUIT_WINDOW) /* bytes that wait for a worker; a peer that exceeds it breaks the protocol */

typedef struct conduit conduit_t;

typedef struct message {
    struct message *next;
    size_t length;
    bool is_text;
    char bytes[]; /* NUL behind it */
} message_t;

conduit_t *conduit_new(void);
void conduit_free(conduit_t *conduit);

/* ---- the loop's side ---- */

/* From now on it is this channel, which is open; conduit_low() must be told when its buffer ran low. */
void conduit_attach(conduit_t *conduit, peer_data_channel_t *channel);
void conduit_detach(conduit_t *conduit);
/* A message has come; false when too much waits. */
bool conduit_take(conduit_t *conduit, const void *data, size_t length, bool is_text);
void conduit_low(conduit_t *conduit);
/* Nothing will come any more: conduit_wait() gives false, too. */
void conduit_end(conduit_t *conduit);

/* ---- the worker's side ---- */

/* Waits for a (new) connection, at most some seconds (0: for ever); false: there is none, or the program ends. */
bool conduit_wait(conduit_t *conduit, int seconds);
/* The next message, to be freed by free(); NULL: broken, or none is there and it is not `waiting`. */
message_t *conduit_read(conduit_t *conduit, bool waiting);
bool conduit_is_broken(conduit_t *conduit);
/* Waits for room. */
bool conduit_write(conduit_t *conduit, const void *data, size_t length, bool is_text);
bool conduit_write_json(conduit_t *conduit, json_t *json); /* takes the reference over */
/* A descriptor that is readable when there is a message, or the connection is broken: for a worker that waits for something else too. */
int conduit_descriptor(const conduit_t *conduit);
/* After the last message: waits until the other side has read it, which it shows by going; at most some seconds. */
void conduit_linger(conduit_t *conduit);

#endif
