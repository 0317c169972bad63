/* Ways through a stats report, from object to object. */
#ifndef STATS_WALK_H
#define STATS_WALK_H

#include <peer/peer.h>

/* The object a member points to by id ("selectedCandidatePairId"): its index, or -1. */
int64_t stats_follow(const peer_stats_report_t *report, int64_t index, const char *member);
/* The first object of a type: its index, or -1. */
int64_t stats_first(const peer_stats_report_t *report, const char *type);
/* The pair that carries the connection: index, or -1. */
int64_t stats_selected_pair(const peer_stats_report_t *report);

#endif
