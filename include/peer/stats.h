/** @file
 * RTCStatsReport (W3C WebRTC §8; names and members of W3C webrtc-stats). Immutable.
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
 * Reads a numeric or boolean member.
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
