/* Multicast DNS (RFC 6762), as candidates that hide their address need it (RFC 8828 §3.1): a resolver of `.local` names, which asks on
 * every interface, three times at most, and answers with the first message that names an address; and a responder for the names of the
 * loop's own clients. These are random, so they are neither probed for nor announced, and no good-bye is said for them. */
#ifndef RUNTIME_MDNS_H
#define RUNTIME_MDNS_H

#include "runtime/loop_private.h"

/* False when it cannot be asked (no memory, too many names, not a name); else the answer comes through the entry's ops->resolved. */
bool mdns_request(loop_t *loop, uint32_t entry, uint32_t request, const char *name, peer_time_t now);
/* Answers queries for the name, on the network of `address` only, until the entry withdraws. False when it cannot: no memory, too many
 * names, not a name in .local, or another client's. */
bool mdns_publish(loop_t *loop, uint32_t entry, const char *name, const address_t *address, peer_time_t now);
void mdns_withdraw(loop_t *loop, uint32_t entry); /* all its names */
void mdns_refresh(loop_t *loop, peer_time_t now); /* the host's interfaces may have changed */
void mdns_free(loop_t *loop);

#endif
