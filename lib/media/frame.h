/* Making received frames. They come from the general allocator, not from a pool, because a worker thread may release them; their octets lie
 * behind the struct. */
#ifndef MEDIA_FRAME_H
#define MEDIA_FRAME_H

#include "media/media.h"

/* One reference, zeroed but for data and length; `bytes` is where the octets go. NULL when memory ran out. */
media_frame_t *media_frame_new(size_t length, uint8_t **bytes);

#endif
