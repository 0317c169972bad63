/* The payload formats that are built in. */
#include "rtp/payload.h"

#include "base/text.h"

const rtp_payload_format_t *rtp_payload_format_find(const char *encoding_name)
{
    static const rtp_payload_format_t *const formats[] = {&rtp_payload_opus, &rtp_payload_vp8, &rtp_payload_vp9, &rtp_payload_pcmu,
                                                          &rtp_payload_pcma};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (text_equal_ignore_case(formats[i]->name, encoding_name))
            return formats[i];
    return NULL;
}
