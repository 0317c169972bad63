#include "media/capture_time.h"

#define DRIFT_MAX_US PEER_MILLISECOND /* between what timestamps say and what was told */

void media_capture_note(media_capture_t *capture, const rtp_extensions_t *extensions, uint32_t rtp_timestamp)
{
    if (!rtp_extensions_has(extensions, RTP_EXTENSION_ABS_CAPTURE_TIME))
        return;
    capture->is_known = true;
    capture->rtp_timestamp = rtp_timestamp;
    capture->time_us = rtp_ntp_to_us(extensions->capture_time);
    if (!extensions->has_capture_offset)
        return;
    capture->has_offset = true;
    capture->offset = extensions->capture_offset;
}

bool media_capture_at(const media_capture_t *capture, uint32_t rtp_timestamp, uint32_t clock_rate, int64_t *time_us)
{
    if (!capture->is_known || clock_rate == 0)
        return false;
    int64_t units = (int32_t)(rtp_timestamp - capture->rtp_timestamp);
    *time_us = capture->time_us + units * PEER_SECOND / clock_rate;
    return true;
}

bool media_capture_tell(media_capture_t *capture, int64_t time_us, uint32_t rtp_timestamp, uint32_t clock_rate,
                        rtp_extensions_t *extensions)
{
    int64_t expected, since = time_us - capture->time_us;
    bool is_as_expected = media_capture_at(capture, rtp_timestamp, clock_rate, &expected) && time_us - expected <= DRIFT_MAX_US &&
                          expected - time_us <= DRIFT_MAX_US;
    if (is_as_expected && since >= 0 && since < MEDIA_CAPTURE_INTERVAL)
        return false;
    *capture = (media_capture_t){.is_known = true, .rtp_timestamp = rtp_timestamp, .time_us = time_us};
    extensions->present |= 1u << RTP_EXTENSION_ABS_CAPTURE_TIME;
    extensions->capture_time = rtp_ntp_from_us(time_us);
    extensions->has_capture_offset = true; /* the clock is our own */
    extensions->capture_offset = 0;
    return true;
}
