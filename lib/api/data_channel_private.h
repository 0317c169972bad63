/* A data channel of the application's, for the two files that know it: data_channel.c, data_channel_send.c. */
#ifndef API_DATA_CHANNEL_PRIVATE_H
#define API_DATA_CHANNEL_PRIVATE_H

#include "api/api.h"
#include "api/data_source.h"

struct peer_data_channel {
    atomic_uint references;
    loop_t *loop;
    peer_connection_t *pc; /* NULL when it is gone; under the loop's lock, as all below */
    size_t place;          /* among its channels */
    sctp_channel_t *implementation;
    peer_data_channel_events_t events;
    void *user;
    char *label;
    char *protocol;
    bool is_ordered;
    bool is_negotiated;
    int32_t max_retransmits;
    int32_t max_packet_life_time;
    int32_t priority;
    bool was_closed; /* the close event was delivered, or the connection closed */
    int32_t last_id;
    uint64_t last_buffered_amount;
    uint64_t last_low_threshold;
    api_source_t *source;        /* NULL: none */
    api_source_t *ended_sources; /* their end is still to be told */
};

/* Something waits to be sent no more: the source is asked for messages. On the dispatcher, without the lock. */
void api_channel_feed(peer_data_channel_t *channel);
/* Takes the source off. Under the lock; the end is told by the next. */
void api_channel_end_source(peer_data_channel_t *channel);
void api_channel_tell_ended_sources(peer_data_channel_t *channel); /* on the dispatcher, without the lock */
void api_channel_forget_sources(peer_data_channel_t *channel);     /* told nothing: the connection was closed */

#endif
