/* RTCP: every packet of a compound through every reader. */
#include "rtp/rtcp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink; /* what is read is used, so that a read out of bounds shows */

static void read_feedback(const rtcp_view_t *view)
{
    rtcp_feedback_t feedback;
    if (!rtcp_parse_feedback(view, &feedback))
        return;
    size_t position = 0, ssrc_count, numbers = 0;
    uint16_t number;
    while (rtcp_nack_next(&feedback, &position, &number))
        numbers++;
    if (numbers > feedback.fci_length / 4 * 17)
        abort();
    rtcp_fir_entry_t entry;
    for (size_t i = 0; rtcp_fir_entry(&feedback, i, &entry); i++)
        sink += entry.ssrc;
    uint64_t bitrate;
    if (rtcp_parse_remb(&feedback, &bitrate, &ssrc_count))
        for (size_t i = 0; i < ssrc_count; i++)
            sink += rtcp_remb_ssrc(&feedback, i) + bitrate;
    rtcp_transport_cc_t cc;
    rtcp_transport_cc_packet_t packet;
    if (rtcp_transport_cc_parse(&feedback, &cc))
        while (rtcp_transport_cc_next(&cc, &packet))
            sink += (uint64_t)packet.delta;
}

static void read_report(const rtcp_view_t *view)
{
    rtcp_sender_info_t info;
    rtcp_report_block_t block;
    uint32_t ssrc;
    if (rtcp_parse_sender_report(view, &info))
        sink += info.ntp;
    if (rtcp_parse_receiver_report(view, &ssrc))
        sink += ssrc;
    for (size_t i = 0; i < 40; i++)
        if (rtcp_report_block(view, i, &block))
            sink += block.jitter;
    for (size_t i = 0; rtcp_bye_ssrc(view, i, &ssrc); i++)
        sink += ssrc;
    rtcp_sdes_iterator_t items;
    rtcp_sdes_item_t item;
    rtcp_sdes_iterate(&items, view);
    while (rtcp_sdes_next(&items, &item))
        for (size_t i = 0; i < item.length; i++)
            sink += (uint8_t)item.text[i];
}

static void read_extended(const rtcp_view_t *view)
{
    uint32_t ssrc;
    uint64_t ntp;
    rtcp_xr_block_t block;
    rtcp_dlrr_t dlrr;
    size_t position = 0;
    if (!rtcp_xr_ssrc(view, &ssrc))
        return;
    while (rtcp_xr_next(view, &position, &block)) {
        if (rtcp_xr_reference_time(&block, &ntp))
            sink += ntp;
        for (size_t i = 0; rtcp_xr_dlrr(&block, i, &dlrr); i++)
            sink += dlrr.ssrc;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rtcp_iterator_t iterator;
    rtcp_view_t view;
    rtcp_iterate(&iterator, data, size);
    while (rtcp_next(&iterator, &view)) {
        read_report(&view);
        read_feedback(&view);
        read_extended(&view);
    }
    return 0;
}
