/* One connection with the other side: a data channel, and the proof that nobody is in between. Nothing of what is sent is told before both
 * ends have proven that they know the code and see each other's certificates; README.md tells how. */
#ifndef LINK_H
#define LINK_H

#include "code.h"
#include "network.h"

#include <peer/peer.h>

typedef struct link link_t;

typedef enum link_end {
    LINK_BROKEN,   /* the connection, or the other side's program, is gone */
    LINK_FAILED,   /* no way to the other side was found */
    LINK_UNPROVEN, /* the other side does not know the code, or somebody is in between */
    LINK_FOREIGN   /* it speaks another protocol, or breaks ours */
} link_end_t;

typedef struct link_events {
    void (*send)(void *user, const char *json);                                    /* of the signaling */
    void (*on_ready)(void *user);                                                  /* proven: messages may go */
    bool (*on_message)(void *user, const void *data, size_t length, bool is_text); /* false: it breaks the protocol */
    void (*on_low)(void *user);
    void (*on_interrupted)(void *user, bool is_interrupted); /* it is silent, or came back */
    void (*on_end)(void *user, link_end_t how);              /* once, not from within a call; link_close() may follow */
    void (*on_released)(void *user);                         /* after link_close(): the last call */
} link_events_t;

typedef struct link_settings {
    const network_t *network;
    const peer_ice_server_t *servers;
    size_t server_count;
    peer_loop_t *loop;
    peer_certificate_t *certificate;
    const uint8_t *key;
    bool is_polite; /* of the two, in the signaling */
    bool is_sender;
} link_settings_t;

/* NULL, with a message on stderr, when it cannot be made. */
link_t *link_new(const link_settings_t *settings, const link_events_t *events, void *user);
void link_receive(link_t *link, const char *json, size_t length); /* of the signaling */
void link_close(link_t *link);
bool link_is_up(const link_t *link); /* proven, and the connection is heard of */
peer_data_channel_t *link_channel(link_t *link);
char *link_report(const link_t *link, int32_t format); /* peer_connection_ice_report(), for peer_string_free() */
/* "direct" or "relay", "" when it is not known (yet). */
const char *link_path(const link_t *link);

#endif
