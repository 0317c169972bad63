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

#endif
