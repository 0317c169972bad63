/** @file
 * RTCStatsReport (W3C WebRTC §8): a list of stats objects, whose types, members, units and lifetimes are those of W3C webrtc-stats. Which
 * of them there are, and which are not and why, is said in docs/conformance/stats.md. A report is immutable.
 *
 * Objects come in this order: peer-connection, certificate, local-candidate, remote-candidate, candidate-pair, transport, sctp-transport,
 * data-channel; then for each transceiver codec, outbound-rtp with remote-inbound-rtp, inbound-rtp with remote-outbound-rtp; media-source
 * last. Ids stay the same as long as what they name exists, and say nothing else. Timestamps are milliseconds since 1970 (with fractions),
 * and those of one report are of one moment, but for what the peer reported: then of the moment when that came. They run with a clock that
 * never goes back, set by the wall clock when the connection was made.
 */
#ifndef PEER_STATS_H
#define PEER_STATS_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** Takes a reference. @threadsafe */
PEER_API peer_stats_report_t *peer_stats_report_ref(peer_stats_report_t *report);
/** Gives a reference back. @threadsafe */
PEER_API void peer_stats_report_unref(peer_stats_report_t *report);
/** How many stats objects it holds. @threadsafe */
PEER_API size_t peer_stats_report_count(const peer_stats_report_t *report);
/** Id of the object at `index`; NULL beyond the end. @threadsafe */
PEER_API const char *peer_stats_report_id(const peer_stats_report_t *report, size_t index);
/** Type of the object at `index` ("inbound-rtp", "candidate-pair", …); NULL beyond the end. @threadsafe */
PEER_API const char *peer_stats_report_type(const peer_stats_report_t *report, size_t index);
/** Index of the object with this id, or -1. @threadsafe */
PEER_API int64_t peer_stats_report_find(const peer_stats_report_t *report, const char *id);

/**
 * Takes a snapshot of what concerns one sender (W3C WebRTC §5.2 getStats, §8.5): its outbound-rtp objects and all that they refer to,
 * directly or indirectly.
 *
 * @param sender  the sender
 * @param report  receives the report, for peer_stats_report_unref(); it is empty while nothing was negotiated
 * @return 0; PEER_ERROR_TYPE (report is NULL), PEER_ERROR_INVALID_STATE (the connection was freed: a closed one answers still),
 *         PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_sender_get_stats(const peer_sender_t *sender, peer_stats_report_t **report);
/** The same of one receiver (§5.3 getStats, §8.5): its inbound-rtp objects and all that they refer to. Errors as peer_sender_get_stats().
 * @threadsafe */
PEER_API int peer_receiver_get_stats(const peer_receiver_t *receiver, peer_stats_report_t **report);
/**
 * Takes a snapshot of what concerns the sender or receiver of a track (§8.2 getStats with a selector).
 *
 * @param pc      the connection
 * @param track   a track that exactly one sender or receiver of the connection has
 * @param report  receives the report, for peer_stats_report_unref()
 * @return 0; PEER_ERROR_TYPE (report or track is NULL), PEER_ERROR_INVALID_ACCESS (no sender or receiver has the track, or several have),
 *         PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_connection_get_stats_of_track(const peer_connection_t *pc, peer_track_t *track, peer_stats_report_t **report);

/**
 * Reads a numeric or boolean member; an entry of a record by the names of both with a dot between, "qualityLimitationDurations.cpu".
 * @return 1 and *value, or 0 when the object has no such member
 * @threadsafe
 */
PEER_API int32_t peer_stats_report_number(const peer_stats_report_t *report, size_t index, const char *member, double *value);
/** Reads a string member, or NULL. The string lives as long as the report. @threadsafe */
PEER_API const char *peer_stats_report_string(const peer_stats_report_t *report, size_t index, const char *member);

/** Writes the report as a JSON array of stats objects; give it back with peer_string_free(). NULL when memory ran out. @threadsafe */
PEER_API char *peer_stats_report_to_json(const peer_stats_report_t *report);

PEER_END_DECLS

#endif
