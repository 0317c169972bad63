/* Any text is a description or an error; what is written from a description parses again and is written the same. */
#include "base/memory.h"
#include "sdp/sdp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sdp_t *first = NULL, *second = NULL;
    if (sdp_parse((const char *)data, size, &first) < 0)
        return 0;
    text_t one = {0}, two = {0};
    sdp_write(first, &one);
    if (one.failed || sdp_parse(one.data, one.length, &second) < 0)
        abort();
    sdp_write(second, &two);
    if (one.length != two.length || memcmp(one.data, two.data, one.length) != 0)
        abort();
    for (size_t i = 0; i < first->media_count; i++) {
        const sdp_media_t *media = &first->media[i];
        for (size_t j = 0; j < media->candidate_count; j++) {
            text_t line = {0};
            sdp_candidate_t *alone = NULL;
            sdp_candidate_write(&media->candidates[j], &line);
            if (sdp_candidate_parse(line.data, line.length, &alone) < 0)
                abort();
            memory_free(alone);
            text_clear(&line);
        }
    }
    text_clear(&one);
    text_clear(&two);
    sdp_free(first);
    sdp_free(second);
    return 0;
}
