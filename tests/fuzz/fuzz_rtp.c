/* RTP: the header, its extensions and RTX. A packet that parses is written again from what was read and must read the same. */
#include "rtp/rtp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void rewrite(const rtp_view_t *view, const rtp_extensions_t *in, const rtp_extension_map_t *map)
{
    uint8_t octets[2048];
    writer_t writer;
    rtp_header_t header = {.ssrc = view->ssrc,
                           .timestamp = view->timestamp,
                           .sequence_number = view->sequence_number,
                           .payload_type = view->payload_type,
                           .marker = view->marker,
                           .extensions = in,
                           .map = map};
    writer_init(&writer, octets, sizeof octets);
    check(rtp_write_header(&writer, &header) && writer.length == rtp_header_size(&header));
    rtp_view_t again;
    rtp_extensions_t out;
    check(rtp_parse(&again, octets, writer.length));
    rtp_extensions_parse(&out, &again, map);
    check(again.ssrc == view->ssrc && again.sequence_number == view->sequence_number && out.present == in->present);
    check(out.mid_length == in->mid_length && (in->mid_length == 0 || memcmp(out.mid, in->mid, in->mid_length) == 0));
    check(out.abs_send_time == in->abs_send_time && out.toffset == in->toffset && out.audio_level == in->audio_level);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rtp_extension_map_t map = {0};
    for (int i = 0; i < RTP_EXTENSION_COUNT; i++)
        rtp_extension_map_bind(&map, (uint8_t)(i + 1), (rtp_extension_t)i);
    rtp_view_t view;
    (void)rtp_is_rtcp(data, size);
    if (!rtp_parse(&view, data, size))
        return 0;
    check(view.header_length + view.payload_length + view.padding_length == size);
    rtp_extensions_t extensions;
    rtp_extensions_parse(&extensions, &view, &map);
    size_t length;
    for (unsigned id = 0; id < 256; id++)
        (void)rtp_extension_find(&view, (uint8_t)id, &length);
    rewrite(&view, &extensions, &map);
    (void)rtp_rtx_unwrap(&view, 1, 96);
    return 0;
}
