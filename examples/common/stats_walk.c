#include "stats_walk.h"

#include <string.h>

int64_t stats_first(const peer_stats_report_t *report, const char *type)
{
    for (size_t i = 0; i < peer_stats_report_count(report); i++)
        if (strcmp(peer_stats_report_type(report, i), type) == 0)
            return (int64_t)i;
    return -1;
}

int64_t stats_follow(const peer_stats_report_t *report, int64_t index, const char *member)
{
    const char *id = index >= 0 ? peer_stats_report_string(report, (size_t)index, member) : NULL;
    return id != NULL ? peer_stats_report_find(report, id) : -1;
}

int64_t stats_selected_pair(const peer_stats_report_t *report)
{
    return stats_follow(report, stats_first(report, "transport"), "selectedCandidatePairId");
}
