#ifndef SIM_MEDIA_H
#define SIM_MEDIA_H

#include "sim.h"

void sim_media_send(sim_peer_t *peer); /* what is due */
void sim_media_on_frame(sim_peer_t *peer, const connection_event_t *event);
void sim_data_send(sim_peer_t *peer); /* what fits */
void sim_data_on_message(sim_peer_t *peer, const connection_event_t *event);

#endif
