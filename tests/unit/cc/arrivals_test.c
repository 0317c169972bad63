#include "cc/cc.h"
#include "test.h"

TEST(arrivals_are_told_once_with_what_is_missing_between_them)
{
    cc_arrivals_t arrivals = {0};
    cc_arrival_t out[8];
    CHECK_INT(cc_arrivals_pending(&arrivals), 0);
    cc_arrivals_add(&arrivals, 10, 65534);
    cc_arrivals_add(&arrivals, 20, 1);
    cc_arrivals_add(&arrivals, 21, 1); /* a duplicate */
    CHECK_INT(cc_arrivals_take(&arrivals, out, 8), 4);
    CHECK(out[0].sequence_number == 65534 && out[0].is_received && out[0].time == 10);
    CHECK(!out[1].is_received && !out[2].is_received);
    CHECK(out[3].sequence_number == 1 && out[3].time == 20);
    CHECK_INT(cc_arrivals_pending(&arrivals), 0);
    cc_arrivals_add(&arrivals, 30, 65535); /* late: told again from there */
    CHECK_INT(cc_arrivals_take(&arrivals, out, 2), 2);
    CHECK(out[0].sequence_number == 65535 && out[0].time == 30);
    CHECK_INT(cc_arrivals_take(&arrivals, out, 8), 1);
    cc_arrivals_free(&arrivals);
}

TEST(arrivals_hold_no_more_than_their_window)
{
    cc_arrivals_t arrivals = {0};
    cc_arrival_t out[CC_ARRIVALS_WINDOW + 1];
    uint32_t random = 1;
    for (int i = 0; i < 100000; i++) {
        random = random * 1664525u + 1013904223u;
        cc_arrivals_add(&arrivals, i, (uint16_t)((random & 0xff000000u) == 0 ? random >> 4 : (uint32_t)i + (random >> 30)));
        CHECK(cc_arrivals_pending(&arrivals) <= CC_ARRIVALS_WINDOW);
        if (i % 1500 == 0)
            CHECK(cc_arrivals_take(&arrivals, out, CC_ARRIVALS_WINDOW + 1) <= CC_ARRIVALS_WINDOW);
    }
    cc_arrivals_free(&arrivals);
}
