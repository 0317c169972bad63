#include "base/picture_limits.h"
#include "test.h"

#include <stdio.h>

/* "640x360", or "none". */
static void check(const picture_limits_t *limits, uint32_t width, uint32_t height, const char *expected)
{
    char text[32] = "none";
    if (picture_limits_fit(limits, &width, &height))
        snprintf(text, sizeof text, "%ux%u", width, height);
    CHECK_TEXT(text, expected);
}

TEST(without_limits_a_picture_keeps_its_size)
{
    static const picture_limits_t none;
    double framerate;
    check(&none, 1280, 720, "1280x720");
    check(&none, UINT32_MAX, UINT32_MAX, "4294967295x4294967295");
    CHECK(!picture_limits_framerate(&none, 1280, 720, &framerate));
}

TEST(a_picture_beyond_the_greatest_size_is_made_smaller_in_its_proportions)
{
    picture_limits_t limits = {.has_ranges = 1, .range_count = 1, .ranges = {{48, 640, 48, 480}}};
    check(&limits, 1280, 720, "640x360"); /* RFC 9429 §3.6.2's own example */
    check(&limits, 720, 1280, "270x480");
    check(&limits, 640, 480, "640x480");
    check(&limits, 640, 481, "638x480");
    check(&limits, 320, 200, "320x200");
    check(&limits, UINT32_MAX, UINT32_MAX, "480x480");
}

TEST(a_picture_below_the_least_size_is_not_sent_and_none_is_made_larger)
{
    picture_limits_t limits = {.has_ranges = 1, .range_count = 1, .ranges = {{320, 640, 240, 480}}};
    check(&limits, 319, 240, "none");
    check(&limits, 320, 239, "none");
    check(&limits, 320, 240, "320x240");
    check(&limits, 1280, 100, "none"); /* made as small as the width asks, it is too low */
    check(&limits, 1280, 481, "640x240");
}

TEST(the_first_range_that_takes_a_picture_decides)
{
    picture_limits_t limits = {.has_ranges = 1, .range_count = 3, .ranges = {{640, 640, 480, 480}, {1, 320, 1, 320}, {1, 9999, 1, 9999}}};
    check(&limits, 1280, 960, "640x480");
    check(&limits, 1280, 720, "320x180"); /* not 640×480 in its proportions */
    check(&limits, 100, 100, "100x100");
    limits.range_count = 0;
    check(&limits, 100, 100, "none");
}

TEST(restrictions_of_a_rid_limit_sides_pixels_and_pixels_a_second)
{
    picture_limits_t limits = {.max_width = 960, .max_height = 400};
    double framerate;
    check(&limits, 1280, 720, "711x400");
    check(&limits, 1280, 480, "960x360");
    limits = (picture_limits_t){.max_pixels = 230400, .max_pixels_per_second = 2304000};
    check(&limits, 1280, 720, "640x360");
    check(&limits, 1000000, 1, "230400x1");
    check(&limits, 480, 480, "480x480");
    CHECK(picture_limits_framerate(&limits, 640, 360, &framerate) && framerate == 10);
    limits = (picture_limits_t){.max_width = 640, .has_ranges = 1, .range_count = 1, .ranges = {{1, 4000, 1, 300}}};
    check(&limits, 1280, 720, "533x300");
}

TEST(whatever_comes_out_is_within_the_limits_and_not_above_what_went_in)
{
    uint32_t noise = 1;
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t values[6];
        for (unsigned k = 0; k < 6; k++) {
            noise = noise * 1664525u + 1013904223u;
            values[k] = 1 + (noise >> 8) % (k % 2 == 0 ? 5000 : 300);
        }
        picture_limits_t limits = {
            .has_ranges = 1, .range_count = 1, .ranges = {{values[1], values[1] + values[0], values[3], values[3] + values[2]}}};
        uint32_t width = values[4], height = values[5];
        if (!picture_limits_fit(&limits, &width, &height))
            continue;
        CHECK(width <= values[4] && height <= values[5] && width > 0 && height > 0);
        CHECK(width >= values[1] && width <= values[1] + values[0] && height >= values[3] && height <= values[3] + values[2]);
    }
}
