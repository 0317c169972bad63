/* The connection's statistics under the names of W3C webrtc-stats, told member by member to a visitor, so that this part knows no JSON. */
#ifndef CONNECTION_STATS_H
#define CONNECTION_STATS_H

#include "connection/connection_io.h"

#include <stddef.h>

struct media_inbound_stats;

#define STATS_ID_SIZE 24

/* One entry of a record<DOMString, double>. */
typedef struct stats_entry {
    const char *name;
    double value;
} stats_entry_t;

typedef struct stats_visitor {
    void *context;
    /* A stats object; the timestamp is in milliseconds since 1970. */
    void (*begin)(void *context, const char *type, const char *id, double timestamp_ms);
    void (*integer)(void *context, const char *member, int64_t value);
    void (*number)(void *context, const char *member, double value);
    void (*text)(void *context, const char *member, const char *value);
    void (*boolean)(void *context, const char *member, bool value);
    void (*record)(void *context, const char *member, const stats_entry_t *entries, size_t count);
    void (*end)(void *context);
    /* What the owner of encoders, decoders and tracks adds to outbound-rtp and inbound-rtp objects; may be NULL. `user` is
     * transceiver_user(), `place` that of the encoding, as in CONNECTION_EVENT_SENDER_CONFIGURED. */
    void (*outbound)(void *context, void *user, size_t place);
    void (*inbound)(void *context, void *user, const struct media_inbound_stats *stats);
} stats_visitor_t;

/* Objects come in this order: peer-connection, certificates, candidates, pairs, transport, sctp-transport and data channels, then for each
 * transceiver its codecs and streams. Each of them once. */
void connection_visit_stats(connection_t *connection, peer_time_t now, const stats_visitor_t *visitor);

/* For objects that the owner tells himself: their ids (W3C WebRTC §8.4: the same for the same thing, and not to be guessed), and times. */
void connection_stats_id(const connection_t *connection, char id[STATS_ID_SIZE], const char *prefix, const char *name);
double connection_wall_clock_ms(const connection_t *connection, peer_time_t time); /* since 1970 */

#endif
