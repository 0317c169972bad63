/* A host of the simulated network: it drives one connection, as the runtime does a real one (connection/connection_io.h). It opens sockets
 * on its interfaces, which may come and go, listens, connects, looks up and publishes names, and has ports mapped. */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "names.h"
#include "network.h"

#include "connection/connection_io.h"

typedef struct host host_t;

host_t *host_new(network_t *network, names_t *names, connection_t *connection);
void host_free(host_t *host);
void host_set_listens(host_t *host, bool listens); /* for TCP, on every interface that is opened from now on */
/* Tells the number by which the interface is known here. A port of 0 becomes one of the host's choice. */
size_t host_add_interface(host_t *host, peer_time_t now, const network_place_t *place, network_type_t type);
void host_remove_interface(host_t *host, peer_time_t now, size_t interface);
/* Does what the connection asks for; events are not for the host. */
void host_do(host_t *host, peer_time_t now, const output_t *output);
/* Of the first socket on the interface; 0: none is open. */
uint32_t host_socket(const host_t *host, size_t interface, address_t *local);

#endif
