/* A resolver of `.local` names by multicast DNS (RFC 6762), as candidates that hide their address need it (RFC 8828 §3.1). It asks on every
 * interface, three times at most, and answers with the first message that names an address. */
#ifndef RUNTIME_MDNS_H
#define RUNTIME_MDNS_H

#include "runtime/loop_private.h"

/* False when it cannot be asked (no memory, too many names, not a name); else the answer comes through the entry's ops->resolved. */
bool mdns_request(loop_t *loop, uint32_t entry, uint32_t request, const char *name, peer_time_t now);
void mdns_free(loop_t *loop);

#endif
