/* STUN and TURN servers as the rendezvous hands them on: an array of W3C's RTCIceServer, which a browser takes as it is. */
#ifndef ICE_SERVERS_H
#define ICE_SERVERS_H

#include "network.h"

#include <jansson.h>

/* A new reference; NULL when memory ran out. */
json_t *ice_servers_to_json(const peer_ice_server_t *servers, size_t count);
/* How many were taken; what is no server is left out, as is what exceeds NETWORK_SERVERS_MAX. The texts stay those of `array`. */
size_t ice_servers_from_json(const json_t *array, peer_ice_server_t servers[NETWORK_SERVERS_MAX]);

/* Whether connections can be made with these; else peer_last_error_message() says why not. */
bool ice_servers_are_usable(const peer_ice_server_t *servers, size_t count, const char *ca_file);

#endif
