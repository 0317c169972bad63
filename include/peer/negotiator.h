/** @file
 * The perfect-negotiation pattern (W3C WebRTC §10.7) over any message channel: two callbacks are all the signaling that an application
 * needs.
 *
 * Messages are the JSON of the W3C example: {"description":{…}} or {"candidate":{…}}, so a browser with the example's JavaScript is a fit
 * peer.
 */
#ifndef PEER_NEGOTIATOR_H
#define PEER_NEGOTIATOR_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** What the negotiator asks of the application. */
typedef struct peer_negotiator_events {
    /** Bring `json` (NUL-terminated, valid during the call) to the other peer, in order. On the connection's loop. */
    void (*send)(peer_negotiator_t *negotiator, const char *json, void *user);
    /** Something the peer sent could not be applied, or an offer could not be made; the call goes on. On the connection's loop. May be
     * NULL. */
    void (*on_error)(peer_negotiator_t *negotiator, int32_t error, const char *message, void *user);
} peer_negotiator_events_t;

/**
 * Makes a negotiator for a connection. It answers the connection's negotiationneeded and icecandidate events by itself (the application's
 * own handlers still run, after it).
 *
 * @param pc      the connection; referenced
 * @param polite  1 on exactly one of the two sides: the one that gives way when offers collide
 * @param events  `send` is required; copied
 * @param user    passed to the events
 * @return the negotiator, or NULL: PEER_ERROR_TYPE (no send), PEER_ERROR_INVALID_STATE (closed, or it has one already),
 * PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API peer_negotiator_t *peer_negotiator_new(peer_connection_t *pc, int32_t polite, const peer_negotiator_events_t *events, void *user);
/** Takes a reference. @threadsafe */
PEER_API peer_negotiator_t *peer_negotiator_ref(peer_negotiator_t *negotiator);
/** Gives a reference back; the last one detaches it from its connection. @threadsafe */
PEER_API void peer_negotiator_unref(peer_negotiator_t *negotiator);

/**
 * Lets the negotiator restart ICE by itself, or not. It does from the start: when ICE has failed, when it has been "disconnected" for 2 s,
 * and when this host got a new address in mid-call and the peer cannot be moved to it by a nomination; the polite side waits 1.5 s longer,
 * and 15 s lie between restarts (3 s where the network changes). Either side may; the pattern settles what they do at the same time.
 *
 * @param negotiator    the negotiator
 * @param restarts_ice  0: no, the application calls peer_connection_restart_ice() when it wants to; else yes
 * @threadsafe
 */
PEER_API void peer_negotiator_set_restarts_ice(peer_negotiator_t *negotiator, int32_t restarts_ice);

/**
 * Takes a message that the other peer's negotiator sent.
 *
 * @param negotiator  the negotiator
 * @param json    the message
 * @param length  bytes
 * @return 0, PEER_ERROR_SYNTAX or PEER_ERROR_TYPE (not such a message), or what setting the description or candidate gave; an ignored offer
 *         (glare on the impolite side) is 0
 * @threadsafe
 */
PEER_API int peer_negotiator_receive(peer_negotiator_t *negotiator, const char *json, size_t length);

PEER_END_DECLS

#endif
