/* What this side sends: sound, a picture, and a second picture while something is shared. It outlives the calls: what is switched off stays
 * off in the next one. In the call that is on, a change takes effect at once, by negotiation where the other side has to know. */
#ifndef OUTGOING_H
#define OUTGOING_H

#include "options.h"

#include <peer/peer.h>

typedef struct outgoing outgoing_t;

/* Opens what the options name. NULL, with a message on stderr and *status set, when it cannot be had. */
outgoing_t *outgoing_new(const options_t *options, int *status);
void outgoing_free(outgoing_t *outgoing); /* sources stop; NULL is allowed */

/* Adds its tracks to the connection of a call that begins; false: peer_last_error_message(). */
bool outgoing_attach(outgoing_t *outgoing, peer_connection_t *pc);
void outgoing_detach(outgoing_t *outgoing); /* the call is over */
bool outgoing_sends(const outgoing_t *outgoing, int32_t kind);
int outgoing_level_dbfs(void); /* of what is sent, or was last */

/* Does what a line such as "camera off" says. `answer` becomes a sentence for the user: what is so now, or what was wrong. */
bool outgoing_command(outgoing_t *outgoing, const char *line, char *answer, size_t size);
/* Whether a line is a command at all, for the options: NULL, or a sentence that says what is wrong. */
const char *outgoing_check(const char *line);

#endif
