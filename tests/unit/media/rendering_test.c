/* Freezes, pauses and delays between pictures, by the formulas of W3C webrtc-stats. */
#include "media/rendering.h"
#include "test.h"

#include <math.h>

#define NEAR(actual, expected) CHECK(fabs((actual) - (expected)) < 1e-9)

static peer_time_t show(media_rendering_t *rendering, peer_time_t now, int count, peer_time_t apart)
{
    for (int i = 0; i < count; i++)
        media_rendering_add(rendering, now += apart);
    return now;
}

TEST(delays_between_pictures_and_their_squares_are_summed)
{
    media_rendering_t rendering = {0};
    media_rendering_add(&rendering, 1000000);
    CHECK_INT(rendering.frames, 1);
    NEAR(rendering.total_inter_frame_delay, 0);
    media_rendering_add(&rendering, 1040000);
    media_rendering_add(&rendering, 1070000);
    CHECK_INT(rendering.frames, 3);
    NEAR(rendering.total_inter_frame_delay, 0.07);
    NEAR(rendering.total_squared_inter_frame_delay, 0.04 * 0.04 + 0.03 * 0.03);
}

TEST(a_freeze_is_three_mean_durations_or_150_ms_more_than_the_mean_whichever_is_longer)
{
    media_rendering_t rendering = {0};
    peer_time_t now = show(&rendering, 0, 31, 40000); /* the mean is 40 ms: max(120, 190) */
    now = show(&rendering, now, 1, 189999);
    CHECK_INT(rendering.freeze_count, 0);
    now = show(&rendering, now, 30, 40000);
    now = show(&rendering, now, 1, 190000);
    CHECK_INT(rendering.freeze_count, 1);
    NEAR(rendering.total_freezes_duration, 0.19);
    now = show(&rendering, now, 30, 200000); /* the mean is 200 ms: max(600, 350) */
    uint64_t before = rendering.freeze_count;
    now = show(&rendering, now, 1, 599999);
    CHECK_INT(rendering.freeze_count, before);
    now = show(&rendering, now, 30, 200000);
    show(&rendering, now, 1, 600000);
    CHECK_INT(rendering.freeze_count, before + 1);
}

TEST(the_mean_is_that_of_the_last_thirty_pictures)
{
    media_rendering_t rendering = {0};
    peer_time_t now = show(&rendering, 0, 2, 2000000); /* a slow start is forgotten */
    now = show(&rendering, now, 30, 20000);
    show(&rendering, now, 1, 170000);
    CHECK_INT(rendering.freeze_count, 1);
}

TEST(a_pause_is_longer_than_five_seconds)
{
    media_rendering_t rendering = {0};
    peer_time_t now = show(&rendering, 0, 10, 40000);
    now = show(&rendering, now, 1, 5000000);
    CHECK_INT(rendering.pause_count, 0);
    show(&rendering, now, 1, 5000001);
    CHECK_INT(rendering.pause_count, 1);
    NEAR(rendering.total_pauses_duration, 5.000001);
}
