/* The figures of a call that people look at, taken from a stats report, and the line made of them once a second. */
#ifndef STATISTICS_H
#define STATISTICS_H

#include "received.h"

#include <peer/peer.h>

typedef struct statistics {
    int64_t time_us;
    double rtt_ms;                   /* below 0: not known */
    double audio_bytes, video_bytes; /* received */
    double audio_lost, video_lost;   /* packets, by the gaps in the numbers */
    double audio_packets_sent, video_packets_sent;
    bool sends_audio, sends_video; /* there is an outbound-rtp object */
    double bytes_sent;
    uint64_t video_frames;
} statistics_t;

void statistics_take(statistics_t *statistics, const peer_stats_report_t *report, const received_t *received, int64_t now);
/* What happened between the two. */
void statistics_line(const statistics_t *now, const statistics_t *before, const received_t *received, double seconds, char *line,
                     size_t size);

#endif
