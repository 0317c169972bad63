#include "base/picture_limits.h"

#include <math.h>

static uint32_t at_least_one(double side)
{
    return side >= 1 ? (uint32_t)side : 1;
}

/* Makes both sides smaller until each is within its limit; the one that decides gets just that. */
static void shrink(uint32_t *width, uint32_t *height, uint32_t max_width, uint32_t max_height)
{
    uint64_t w = *width, h = *height;
    if (w <= max_width && h <= max_height)
        return;
    if (w * max_height >= h * max_width) {
        *width = max_width;
        *height = (uint32_t)(h * max_width / w);
    } else {
        *width = (uint32_t)(w * max_height / h);
        *height = max_height;
    }
    *width = *width != 0 ? *width : 1;
    *height = *height != 0 ? *height : 1;
}

static void shrink_to_pixels(uint32_t *width, uint32_t *height, uint64_t max_pixels)
{
    double pixels = (double)*width * (double)*height;
    if (max_pixels == 0 || pixels <= (double)max_pixels)
        return;
    double by = sqrt(pixels / (double)max_pixels);
    *width = at_least_one(floor((double)*width / by + 1e-9));
    *height = at_least_one(floor((double)*height / by + 1e-9));
    if (*height == 1 && *width > max_pixels)
        *width = (uint32_t)max_pixels;
    if (*width == 1 && *height > max_pixels)
        *height = (uint32_t)max_pixels;
}

static bool fits(const picture_range_t *range, uint32_t *width, uint32_t *height)
{
    uint32_t w = *width, h = *height;
    shrink(&w, &h, range->max_width, range->max_height);
    if (w < range->min_width || h < range->min_height)
        return false;
    *width = w;
    *height = h;
    return true;
}

bool picture_limits_fit(const picture_limits_t *limits, uint32_t *width, uint32_t *height)
{
    uint32_t w = *width, h = *height;
    shrink(&w, &h, limits->max_width != 0 ? limits->max_width : UINT32_MAX, limits->max_height != 0 ? limits->max_height : UINT32_MAX);
    shrink_to_pixels(&w, &h, limits->max_pixels);
    bool has_room = limits->has_ranges == 0;
    for (uint32_t i = 0; !has_room && i < limits->range_count; i++)
        has_room = fits(&limits->ranges[i], &w, &h);
    if (!has_room)
        return false;
    *width = w;
    *height = h;
    return true;
}

bool picture_limits_framerate(const picture_limits_t *limits, uint32_t width, uint32_t height, double *framerate)
{
    if (limits->max_pixels_per_second == 0 || width == 0 || height == 0)
        return false;
    *framerate = (double)limits->max_pixels_per_second / ((double)width * (double)height);
    return true;
}
