/* Which sizes of pictures a receiver takes: the ranges of a=imageattr (RFC 6236, RFC 9429 §3.6.2) and the restrictions of a=rid (RFC 8851
 * §5). A picture that is too large is made smaller, its sides in the same proportion; none is made larger. */
#ifndef BASE_PICTURE_LIMITS_H
#define BASE_PICTURE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#define PICTURE_RANGES_MAX 8

typedef struct picture_range { /* pixels */
    uint32_t min_width;
    uint32_t max_width;
    uint32_t min_height;
    uint32_t max_height;
} picture_range_t;

/* All zero: any size. There is no padding in it, so that two can be compared by their bytes. */
typedef struct picture_limits {
    uint32_t has_ranges; /* a picture has to fit into one of them; none: no picture can be sent */
    uint32_t range_count;
    picture_range_t ranges[PICTURE_RANGES_MAX]; /* most wanted first */
    uint32_t max_width;                         /* beside the ranges; 0: no limit, as with those below */
    uint32_t max_height;
    uint64_t max_pixels;            /* of a picture */
    uint64_t max_pixels_per_second; /* of all of them; see picture_limits_framerate() */
} picture_limits_t;

/* The size in which a picture of this size is sent, at most that. False: in none. */
bool picture_limits_fit(const picture_limits_t *limits, uint32_t *width, uint32_t *height);
/* How many pictures of a size may be sent in a second. False: any number. */
bool picture_limits_framerate(const picture_limits_t *limits, uint32_t width, uint32_t height, double *framerate);

#endif
