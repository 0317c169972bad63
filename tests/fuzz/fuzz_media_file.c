/* Media files of any content: opened, read through as they are and decoded, repeated a little. */
#include "device/media_input.h"

#include <peer/error.h>
#include <stdlib.h>

#define MAX_UNITS 50

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_through(const uint8_t *data, size_t size, bool is_decoded)
{
    const media_file_settings_t settings = {.is_looped = true, .is_decoded = is_decoded};
    media_producer_t *producer;
    media_unit_t unit;
    FILE *file = fmemopen((void *)(uintptr_t)data, size, "rb");
    if (file == NULL || media_file_from(file, &settings, &producer) < 0)
        return;
    peer_time_t last_us = -1;
    for (int i = 0; i < MAX_UNITS && media_producer_next(producer, 0, &unit) == 1; i++) {
        if (unit.due_us < last_us || (unit.video == NULL) + (unit.audio == NULL) + (unit.encoded == NULL) != 2)
            abort();
        last_us = unit.due_us;
        media_unit_clear(&unit);
    }
    media_producer_free(producer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    read_through(data, size, false);
    if (size > 12 && data[0] == 'D')
        read_through(data, size, true);
    return 0;
}
