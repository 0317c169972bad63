/* What an application's configuration means for the connection and its sockets. */
#ifndef API_CONFIGURATION_H
#define API_CONFIGURATION_H

#include <peer/connection.h>

#include "ice/ice.h"
#include "runtime/loop.h"

#define API_SERVERS_MAX ICE_MAX_SERVERS

typedef struct api_configuration {
    ice_server_t servers[API_SERVERS_MAX]; /* user names and passwords are the application's */
    size_t server_count;
    loop_network_t network;
} api_configuration_t;

/* 0 or an error that names the member. To be cleared in either case. */
int api_configuration_read(const peer_configuration_t *given, api_configuration_t *read);
void api_configuration_clear(api_configuration_t *read);

/* A copy that owns what its pointers lead to, the certificates by reference. On failure there is nothing to drop. */
int api_configuration_keep(const peer_configuration_t *given, peer_configuration_t *kept);
void api_configuration_drop(peer_configuration_t *kept);
/* W3C WebRTC §4.4.1.6: what must not change. */
int api_configuration_check_change(const peer_configuration_t *old, const peer_configuration_t *given, bool has_local_description);

#endif
