#include "base/frame_rate.h"
#include "test.h"

#include <math.h>

TEST(the_frames_of_the_last_second_are_counted)
{
    frame_rate_t rate = {0};
    CHECK_INT(frame_rate_at(&rate, 5 * PEER_SECOND), 0);
    for (int i = 1; i <= 90; i++)
        frame_rate_add(&rate, i * PEER_SECOND / 30);
    CHECK_INT(frame_rate_at(&rate, 3 * PEER_SECOND), 30);
    CHECK_INT(frame_rate_at(&rate, 3 * PEER_SECOND + PEER_SECOND / 2), 15);
    CHECK_INT(frame_rate_at(&rate, 4 * PEER_SECOND), 0);
    frame_rate_add(&rate, 10 * PEER_SECOND);
    CHECK_INT(frame_rate_at(&rate, 10 * PEER_SECOND), 1);
}

TEST(more_frames_than_are_remembered_are_counted_by_their_distance)
{
    frame_rate_t rate = {0};
    for (int i = 1; i <= 480; i++)
        frame_rate_add(&rate, i * PEER_SECOND / 240);
    CHECK(fabs(frame_rate_at(&rate, 2 * PEER_SECOND) - 240) < 0.1);
}
