/* Host names to addresses: literals at once, `.local` names by multicast DNS, all others by the system's resolver on a helper thread, which
 * is started when needed, ends when idle, and is never waited for. */
#ifndef RUNTIME_RESOLVER_H
#define RUNTIME_RESOLVER_H

#include "runtime/loop_private.h"

#define RESOLVER_ADDRESSES_MAX 16 /* given in one answer */

/* The answer comes through ops->resolved, at once or in a later turn. */
void resolver_request(loop_t *loop, loop_entry_t *entry, uint32_t request, const char *name, peer_time_t now);
/* Hands over what the helper thread has found. */
void resolver_take_answers(loop_t *loop);
/* The loop ends: whatever is asked for is forgotten. NULL is allowed. */
void resolver_end(resolver_t *resolver);

#endif
