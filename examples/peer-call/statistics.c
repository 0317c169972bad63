#include "statistics.h"

#include "stats_walk.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double number(const peer_stats_report_t *report, size_t index, const char *member)
{
    double value = 0;
    peer_stats_report_number(report, index, member, &value);
    return value;
}

void statistics_take(statistics_t *statistics, const peer_stats_report_t *report, const received_t *received, int64_t now)
{
    *statistics = (statistics_t){.time_us = now, .rtt_ms = -1, .video_frames = received->video_frames};
    for (size_t i = 0; i < peer_stats_report_count(report); i++) {
        const char *type = peer_stats_report_type(report, i), *kind = peer_stats_report_string(report, i, "kind");
        bool is_video = kind != NULL && strcmp(kind, "video") == 0;
        if (strcmp(type, "inbound-rtp") == 0) {
            *(is_video ? &statistics->video_bytes : &statistics->audio_bytes) += number(report, i, "bytesReceived");
            *(is_video ? &statistics->video_lost : &statistics->audio_lost) += number(report, i, "packetsLost");
        } else if (strcmp(type, "outbound-rtp") == 0) {
            *(is_video ? &statistics->sends_video : &statistics->sends_audio) = true;
            *(is_video ? &statistics->video_packets_sent : &statistics->audio_packets_sent) += number(report, i, "packetsSent");
            statistics->bytes_sent += number(report, i, "bytesSent");
        }
    }
    int64_t pair = stats_selected_pair(report);
    double rtt;
    if (pair >= 0 && peer_stats_report_number(report, (size_t)pair, "currentRoundTripTime", &rtt))
        statistics->rtt_ms = rtt * 1000;
}

void statistics_line(const statistics_t *now, const statistics_t *before, const received_t *received, double seconds, char *line,
                     size_t size)
{
    double elapsed = (double)(now->time_us - before->time_us) / 1e6, psnr_db;
    if (elapsed <= 0)
        elapsed = 1;
    FILE *out = fmemopen(line, size, "w");
    if (out == NULL)
        return;
    fprintf(out, "%5.1f s", seconds);
    if (received->video_frames > 0) {
        fprintf(out, "  video %ux%u %.0f fps %.0f kbit/s", received->width, received->height,
                (double)(now->video_frames - before->video_frames) / elapsed,
                fmax(0, now->video_bytes - before->video_bytes) * 8 / elapsed / 1000); /* a stream that ended has taken its count with it */
        if (received_psnr_db(received, &psnr_db))
            fprintf(out, " %.1f dB", psnr_db);
    }
    if (received->audio_seconds > 0)
        fprintf(out, "  audio %.0f kbit/s %.0f dBFS", fmax(0, now->audio_bytes - before->audio_bytes) * 8 / elapsed / 1000,
                received->audio_level_dbfs);
    fprintf(out, "  sent %.0f kbit/s", fmax(0, now->bytes_sent - before->bytes_sent) * 8 / elapsed / 1000);
    if (now->rtt_ms >= 0)
        fprintf(out, "  rtt %.1f ms", now->rtt_ms);
    fprintf(out, "  lost %.0f", now->audio_lost + now->video_lost);
    if (received->data_messages > 0)
        fprintf(out, "  data %llu", (unsigned long long)received->data_messages);
    fclose(out);
    line[size - 1] = '\0';
}
