/** @file
 * The ICE report: how a connection found its way to the peer, or why it did not. Not in W3C.
 */
#ifndef PEER_ICE_REPORT_H
#define PEER_ICE_REPORT_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** Forms of the report. */
typedef enum peer_ice_report_format {
    PEER_ICE_REPORT_JSON = 0, /**< for programs */
    PEER_ICE_REPORT_TEXT = 1  /**< in words, some lines of UTF-8 */
} peer_ice_report_format_t;

/**
 * Tells what ICE has done so far: the addresses of both sides, which servers were asked and what they said, which pairs were tried, what
 * was sent and came back, and a conclusion: which way the call takes and why, or why there is none and what would help.
 *
 * The JSON is an object of `iceState`, `gatheringState`, `iceRole`, `relayOnly`, `localCandidates`, `remoteCandidates`, `servers`, `pairs`,
 * `drops` (STUN datagrams that changed nothing, by reason) and `conclusion`. That has a `verdict` (`new`, `connecting`, `connected-direct`,
 * `connected-through-nat`, `connected-through-relay`, `interrupted`, `failed`, `closed`), a `text` for users, and `findings`, each with a
 * `code` that stays the same over versions, and a `text`. Times are in seconds.
 *
 * It may be asked for at any time; after an ICE restart it tells of the new session, when the connection has been closed of the last one.
 * So ask for it in on_connection_state_change when the state is "failed": a negotiator restarts ICE then.
 *
 * @param pc      the connection
 * @param format  one of ::peer_ice_report_format_t
 * @return the report, to be given back with peer_string_free(); NULL: PEER_ERROR_RANGE (no such format), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API char *peer_connection_ice_report(const peer_connection_t *pc, int32_t format);

PEER_END_DECLS

#endif
