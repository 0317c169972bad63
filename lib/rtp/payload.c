/* The payload formats that are built in. */
#include "rtp/payload.h"

#include "base/text.h"

#include <string.h>

const rtp_payload_format_t *rtp_payload_format_find(const char *encoding_name)
{
    static const rtp_payload_format_t *const formats[] = {&rtp_payload_opus, &rtp_payload_vp8, &rtp_payload_vp9, &rtp_payload_pcmu,
                                                          &rtp_payload_pcma};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (text_equal_ignore_case(formats[i]->name, encoding_name))
            return formats[i];
    return NULL;
}

size_t rtp_payload_join(const rtp_fragment_t *fragments, size_t count, size_t (*descriptor_size)(const uint8_t *payload, size_t length),
                        uint8_t *frame, size_t capacity)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        size_t descriptor = descriptor_size(fragments[i].payload, fragments[i].length);
        if (descriptor == 0)
            return 0;
        size_t piece = fragments[i].length - descriptor;
        if (frame != NULL) {
            if (piece > capacity - length)
                return 0;
            memcpy(frame + length, fragments[i].payload + descriptor, piece);
        }
        length += piece;
    }
    return length;
}
