/* What a side of midcall.c sees of its call: the tracks that came, and the state that it tells the driver. */
#ifndef MIDCALL_STATE_H
#define MIDCALL_STATE_H

#include <jansson.h>
#include <peer/peer.h>

void midcall_take_track(const peer_track_event_t *event); /* listens to it */
void midcall_note(const char *what, const char *of);      /* in the log */
/* {signalingState, connectionState, log, tones, sections, inbound, outbound, ufrag, lines}: what midcall.py's page tells too. */
json_t *midcall_state(peer_connection_t *pc);
void midcall_clear(void);

#endif
