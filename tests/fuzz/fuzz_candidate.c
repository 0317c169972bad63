/* Any text is a candidate or an error; what is written from a candidate parses again and is written the same. */
#include "base/memory.h"
#include "sdp/sdp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sdp_candidate_t *first = NULL, *second = NULL;
    if (sdp_candidate_parse((const char *)data, size, &first) < 0)
        return 0;
    text_t one = {0}, two = {0};
    sdp_candidate_write(first, &one);
    if (one.failed || sdp_candidate_parse(one.data, one.length, &second) < 0)
        abort();
    sdp_candidate_write(second, &two);
    if (strcmp(one.data, two.data) != 0)
        abort();
    text_clear(&one);
    text_clear(&two);
    memory_free(first);
    memory_free(second);
    return 0;
}
