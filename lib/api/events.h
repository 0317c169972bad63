/* From the connection's events to the application's callbacks. */
#ifndef API_EVENTS_H
#define API_EVENTS_H

#include "connection/connection.h"

/* loop_add()'s on_event; `user` is the peer_connection_t. */
void api_on_event(void *user, connection_event_t *event);

#endif
