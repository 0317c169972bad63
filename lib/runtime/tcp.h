/* TCP descriptors, non-blocking: connecting ones and listening ones. Nothing here knows a loop. */
#ifndef RUNTIME_TCP_H
#define RUNTIME_TCP_H

#include "base/address.h"

/* A descriptor that is connecting to `remote` from `local` (port 0: any; `shares_port`: also where a listener of ours is bound). -1 with
 * errno set. */
int tcp_connect(const address_t *local, const address_t *remote, bool shares_port);
/* Listens on `local`'s IP address: on its port if that is free, else on any; with port_min not 0 on a free one of the range, `local`'s
 * tried first. -1 with errno set. */
int tcp_listen(const address_t *local, uint16_t port_min, uint16_t port_max);
/* The next connection that waits; -1 with errno set. */
int tcp_accept(int fd, address_t *remote);
bool tcp_local_address(int fd, address_t *local);

#endif
