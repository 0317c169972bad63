#include "media/capture_time.h"
#include "test.h"

#define START INT64_C(3900000000000000)

static rtp_extensions_t told(int64_t time_us, int64_t offset, bool has_offset)
{
    return (rtp_extensions_t){.present = 1u << RTP_EXTENSION_ABS_CAPTURE_TIME,
                              .capture_time = rtp_ntp_from_us(time_us),
                              .has_capture_offset = has_offset,
                              .capture_offset = offset};
}

static int64_t time_at(const media_capture_t *capture, uint32_t timestamp)
{
    int64_t time_us = -1;
    CHECK(media_capture_at(capture, timestamp, 90000, &time_us));
    return time_us;
}

TEST(the_capture_time_of_packets_that_do_not_tell_it_follows_from_their_timestamps)
{
    media_capture_t capture = {0};
    int64_t time_us;
    CHECK(!media_capture_at(&capture, 0, 90000, &time_us));
    rtp_extensions_t none = {0}, first = told(START, 0, false);
    media_capture_note(&capture, &none, 1);
    CHECK(!media_capture_at(&capture, 1, 90000, &time_us));
    media_capture_note(&capture, &first, UINT32_MAX - 899);
    CHECK_INT(time_at(&capture, UINT32_MAX - 899), START);
    CHECK_INT(time_at(&capture, 8100), START + 100000); /* over the end of the numbers */
    CHECK_INT(time_at(&capture, UINT32_MAX - 9899), START - 100000);
    CHECK(!media_capture_at(&capture, 0, 0, &time_us));
    CHECK(!capture.has_offset);
}

TEST(the_senders_offset_stays_until_another_is_told)
{
    media_capture_t capture = {0};
    rtp_extensions_t first = told(START, -5, true), second = told(START + 20000, 0, false), third = told(START + 40000, 9, true);
    media_capture_note(&capture, &first, 0);
    media_capture_note(&capture, &second, 1800);
    CHECK(capture.has_offset && capture.offset == -5);
    CHECK_INT(time_at(&capture, 1800), START + 20000);
    media_capture_note(&capture, &third, 3600);
    CHECK_INT(capture.offset, 9);
}

TEST(a_sender_tells_the_capture_time_once_in_a_second_and_when_timestamps_do_not_say_it)
{
    media_capture_t capture = {0};
    rtp_extensions_t values = {0};
    int64_t time_us = START;
    uint32_t timestamp = 0;
    CHECK(media_capture_tell(&capture, time_us, timestamp, 90000, &values));
    CHECK(rtp_extensions_has(&values, RTP_EXTENSION_ABS_CAPTURE_TIME) && values.has_capture_offset && values.capture_offset == 0);
    CHECK_INT(rtp_ntp_to_us(values.capture_time), START);
    unsigned count = 0;
    for (int i = 0; i < 100; i++) { /* four seconds */
        time_us += 40000;
        timestamp += 3600;
        values = (rtp_extensions_t){0};
        count += media_capture_tell(&capture, time_us, timestamp, 90000, &values);
    }
    CHECK_INT(count, 4);
    timestamp += 3600;
    CHECK(media_capture_tell(&capture, time_us + 42000, timestamp, 90000, &values));
    CHECK(!media_capture_tell(&capture, time_us + 42000, timestamp, 90000, &values));
    CHECK(media_capture_tell(&capture, time_us - 5000000, timestamp, 90000, &values));
}
