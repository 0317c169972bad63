/* When media were captured, by the header extension abs-capture-time: a packet tells it once in a while, and RTP timestamps tell how much
 * later those after it were. */
#ifndef MEDIA_CAPTURE_TIME_H
#define MEDIA_CAPTURE_TIME_H

#include "base/time.h"
#include "rtp/rtp.h"

#include <stdbool.h>
#include <stdint.h>

#define MEDIA_CAPTURE_INTERVAL PEER_SECOND

typedef struct media_capture {
    bool is_known;
    bool has_offset;
    uint32_t rtp_timestamp;
    int64_t time_us; /* since 1900, as NTP counts */
    int64_t offset;  /* 32.32 fixed point seconds, the last that was told */
} media_capture_t;

/* What a packet tells, if it does. */
void media_capture_note(media_capture_t *capture, const rtp_extensions_t *extensions, uint32_t rtp_timestamp);
/* When what has this timestamp was captured, in microseconds since 1900. False: nothing is known. */
bool media_capture_at(const media_capture_t *capture, uint32_t rtp_timestamp, uint32_t clock_rate, int64_t *time_us);
/* To be sent: is it time to tell again, or has the clock of the timestamps jumped? Then it counts as told, and is put into `extensions`. */
bool media_capture_tell(media_capture_t *capture, int64_t time_us, uint32_t rtp_timestamp, uint32_t clock_rate,
                        rtp_extensions_t *extensions);

#endif
