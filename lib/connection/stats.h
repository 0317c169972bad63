/* The connection's statistics under the names of W3C webrtc-stats, told member by member to a visitor, so that this part knows no JSON. */
#ifndef CONNECTION_STATS_H
#define CONNECTION_STATS_H

#include "connection/connection_io.h"

typedef struct stats_visitor {
    void *context;
    void (*begin)(void *context, const char *type, const char *id); /* a stats object; its timestamp is the caller's */
    void (*integer)(void *context, const char *member, int64_t value);
    void (*number)(void *context, const char *member, double value);
    void (*text)(void *context, const char *member, const char *value);
    void (*boolean)(void *context, const char *member, bool value);
    void (*end)(void *context);
    /* What the owner of encoders and decoders adds to outbound-rtp and inbound-rtp objects; may be NULL. `user` is transceiver_user(). */
    void (*outbound)(void *context, void *user);
    void (*inbound)(void *context, void *user);
} stats_visitor_t;

void connection_visit_stats(connection_t *connection, peer_time_t now, const stats_visitor_t *visitor);

#endif
