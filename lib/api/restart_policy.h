/* When a negotiator asks for an ICE restart by itself. It knows no clock and no connection: states and times come in, the time of the next
 * restart comes out. */
#ifndef API_RESTART_POLICY_H
#define API_RESTART_POLICY_H

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

/* "disconnected" is often over by itself, when the path comes back or ICE finds another: W3C WebRTC §4.3.3 calls it transient. */
#define RESTART_PATIENCE (2 * PEER_SECOND)
/* What the polite side waits longer: as a rule only one of the two restarts, and glare is the exception. */
#define RESTART_POLITENESS (1500 * PEER_MILLISECOND)
/* The address that the pair in use started from has left this host, which the other side cannot know: time for a pair that both have
 * checked. */
#define RESTART_GONE_PATIENCE (300 * PEER_MILLISECOND)
/* From one restart to the next: a round of signaling and of checks. */
#define RESTART_INTERVAL (15 * PEER_SECOND)
/* The same for networks that appear or leave: the other side knows nothing of it, and the call waits for the way. */
#define RESTART_NETWORK_INTERVAL (3 * PEER_SECOND)

typedef struct restart_policy {
    bool is_polite;
    bool is_off;
    int32_t state;            /* peer_ice_connection_state_t */
    peer_time_t restart_at;   /* PEER_TIME_NEVER */
    peer_time_t restarted_at; /* the last one of ours; 0: none */
} restart_policy_t;

void restart_policy_init(restart_policy_t *policy, bool is_polite);
void restart_policy_set_off(restart_policy_t *policy, bool is_off);
void restart_policy_on_state(restart_policy_t *policy, peer_time_t now, int32_t state);
/* The call is interrupted because no pair is selected any more; after the state. */
void restart_policy_on_path_gone(restart_policy_t *policy, peer_time_t now);
/* A network appeared, and the peer cannot be moved to it by a nomination. */
void restart_policy_on_network(restart_policy_t *policy, peer_time_t now);
/* The time has come: whether to restart now. An exchange that is under way is waited for. */
bool restart_policy_is_due(restart_policy_t *policy, peer_time_t now, bool is_negotiating);

#endif
