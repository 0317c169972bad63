/* Simulcast (RFC 8852, RFC 8853): three senders of one source, one receiver that shows the best of what flows. */
#include "link.h"

#include "base/bytes.h"

#define LAYERS 3
#define INTERVAL (PEER_SECOND / 25)

typedef struct layers {
    link_t link;
    media_sender_t *senders[LAYERS];
    media_receiver_t *receiver;
    bool is_sent[LAYERS], wants_key[LAYERS];
    uint32_t number[LAYERS];
    unsigned key_requests[LAYERS], nacks;
    peer_time_t start, next;
    /* received */
    int shown; /* layer of the last frame shown, -1: none yet */
    peer_time_t shown_at, longest_freeze, last_render;
    uint32_t last_number[LAYERS];
    bool has_last[LAYERS];
    unsigned frames[LAYERS], frames_shown[LAYERS], undecodable, disordered, changes, first_packets, ended, rtp[LAYERS];
} layers_t;

static const char *const rids[LAYERS] = {"q", "h", "f"};
static const uint16_t widths[LAYERS] = {160, 320, 640}, heights[LAYERS] = {90, 180, 360};
static const size_t sizes[LAYERS] = {400, 1500, 5000};

static const rtp_extension_map_t map = {.ids = {[RTP_EXTENSION_MID] = 4, [RTP_EXTENSION_RID] = 10, [RTP_EXTENSION_REPAIRED_RID] = 11}};
static const media_codec_t codec = {.format = &rtp_payload_vp8,
                                    .clock_rate = 90000,
                                    .payload_type = 96,
                                    .rtx_payload_type = 97,
                                    .feedback = MEDIA_FEEDBACK_NACK | MEDIA_FEEDBACK_PLI};

static int layer_of(const char *rid)
{
    for (int i = 0; i < LAYERS; i++)
        if (strcmp(rids[i], rid) == 0)
            return i;
    return -1;
}

static void on_frame(layers_t *layers, const media_output_t *output)
{
    int layer = layer_of(output->rid);
    CHECK(layer >= 0);
    uint32_t number = bytes_get_u32(output->frame->data + 10);
    bool is_decodable = output->frame->is_key || (layers->has_last[layer] && number == layers->last_number[layer] + 1);
    layers->frames[layer]++;
    layers->undecodable += !is_decodable;
    layers->last_number[layer] = number;
    layers->has_last[layer] = true;
    if (!output->is_shown)
        return;
    if (layers->shown >= 0 && layers->shown != layer) {
        CHECK(output->frame->is_key);
        layers->changes++;
    }
    if (layers->shown >= 0 && layers->link.now - layers->shown_at > layers->longest_freeze)
        layers->longest_freeze = layers->link.now - layers->shown_at;
    layers->disordered += output->frame->render_time < layers->last_render;
    layers->last_render = output->frame->render_time;
    layers->shown = layer;
    layers->shown_at = layers->link.now;
    layers->frames_shown[layer]++;
}

static void on_output(link_t *link, int end, media_output_t *output)
{
    layers_t *layers = link->user;
    if (output->type == MEDIA_OUTPUT_FRAME)
        on_frame(layers, output);
    layers->first_packets += output->type == MEDIA_OUTPUT_FIRST_PACKET;
    layers->ended += output->type == MEDIA_OUTPUT_STREAM_ENDED;
    if (output->type == MEDIA_OUTPUT_RTP)
        layers->rtp[layer_of(output->rid)]++;
    for (int i = 0; i < LAYERS && output->type == MEDIA_OUTPUT_KEY_FRAME_REQUESTED; i++)
        if (output->sender == layers->senders[i]) {
            layers->wants_key[i] = true;
            layers->key_requests[i]++;
        }
}

static void start(layers_t *layers, uint64_t seed, const link_conditions_t *conditions)
{
    memset(layers, 0, sizeof *layers);
    link_init(&layers->link, seed);
    layers->link.conditions = *conditions;
    layers->link.user = layers;
    layers->link.ends[0].on_output = layers->link.ends[1].on_output = on_output;
    for (int i = 0; i < LAYERS; i++) {
        layers->senders[i] =
            media_add_sender(layers->link.ends[0].session,
                             &(media_sender_config_t){.kind = MEDIA_VIDEO, .codec = codec, .mid = "0", .rid = rids[i], .extensions = map});
        CHECK(layers->senders[i] != NULL);
        layers->is_sent[i] = layers->wants_key[i] = true;
    }
    layers->receiver = media_add_receiver(
        layers->link.ends[1].session,
        &(media_receiver_config_t){
            .kind = MEDIA_VIDEO, .mid = "0", .codecs = &codec, .codec_count = 1, .rids = rids, .rid_count = LAYERS, .extensions = map});
    CHECK(layers->receiver != NULL);
    layers->shown = -1;
    layers->start = layers->next = layers->link.now;
}

static void send_frame(layers_t *layers, int layer)
{
    static uint8_t bytes[32768];
    bool is_key = layers->wants_key[layer];
    size_t length = is_key ? 3 * sizes[layer] : sizes[layer];
    memset(bytes, 0, 16);
    bytes[0] = is_key ? 0 : 1;
    if (is_key) {
        memcpy(bytes + 3, "\x9d\x01\x2a", 3);
        bytes[6] = (uint8_t)widths[layer], bytes[7] = (uint8_t)(widths[layer] >> 8);
        bytes[8] = (uint8_t)heights[layer], bytes[9] = (uint8_t)(heights[layer] >> 8);
    }
    bytes_put_u32(bytes + 10, layers->number[layer]++);
    layers->wants_key[layer] = false;
    media_frame_t frame = {
        .data = bytes, .length = length, .timestamp_us = layers->next - layers->start, .kind = MEDIA_VIDEO, .is_key = is_key};
    CHECK_INT(media_sender_send_frame(layers->senders[layer], layers->link.now, &frame), 0);
}

static void run(layers_t *layers, peer_time_t duration)
{
    peer_time_t end = layers->link.now + duration;
    while (layers->link.now < end) {
        link_run(&layers->link, time_earlier(end, layers->next));
        if (layers->link.now < layers->next)
            continue;
        for (int i = 0; i < LAYERS; i++)
            if (layers->is_sent[i])
                send_frame(layers, i);
        layers->next += INTERVAL;
    }
}

static void forget(layers_t *layers)
{
    memset(layers->frames, 0, sizeof layers->frames);
    memset(layers->frames_shown, 0, sizeof layers->frames_shown);
    memset(layers->key_requests, 0, sizeof layers->key_requests);
    layers->changes = 0;
    layers->longest_freeze = 0;
    layers->shown_at = layers->link.now;
}

static void end(layers_t *layers)
{
    CHECK_INT(layers->undecodable, 0);
    CHECK_INT(layers->disordered, 0);
    link_free(&layers->link);
}

static void stream_stats(const layers_t *layers, int layer, media_inbound_stats_t *stats)
{
    for (size_t i = 0; i < media_receiver_stream_count(layers->receiver); i++) {
        media_receiver_stream_stats(layers->receiver, i, layers->link.now, stats);
        if (strcmp(stats->rid, rids[layer]) == 0)
            return;
    }
    *stats = (media_inbound_stats_t){0};
}

TEST(of_three_streams_the_largest_is_shown_and_the_others_are_only_counted)
{
    layers_t layers;
    start(&layers, 1, &(link_conditions_t){.delay = 20000});
    run(&layers, 5 * PEER_SECOND);
    CHECK_INT(layers.shown, 2);
    CHECK_INT(layers.first_packets, 1);
    CHECK(layers.frames_shown[2] > 115);
    CHECK(layers.frames[0] < 15 && layers.frames[1] < 15); /* at the start, when the best was still to come */
    for (int i = 0; i < LAYERS; i++) {
        CHECK_INT(layers.key_requests[i], 0);
        media_inbound_stats_t in;
        media_outbound_stats_t out;
        stream_stats(&layers, i, &in);
        media_sender_stats(layers.senders[i], layers.link.now, &out);
        CHECK_INT(in.ssrc, out.ssrc);
        CHECK(in.is_active && in.packets_received + 8 > out.packets_sent);
        CHECK_INT(in.is_shown, i == 2);
        CHECK(out.has_receiver_report && out.fraction_lost == 0);
    }
    CHECK_INT(media_receiver_stream_count(layers.receiver), 3);
    end(&layers);
}

TEST(when_the_stream_shown_pauses_the_next_best_takes_over_and_gives_way_when_it_comes_back)
{
    layers_t layers;
    start(&layers, 2, &(link_conditions_t){.delay = 20000});
    run(&layers, 2 * PEER_SECOND);
    forget(&layers);
    layers.is_sent[2] = false;
    run(&layers, 3 * PEER_SECOND);
    CHECK_INT(layers.shown, 1);
    CHECK_INT(layers.changes, 1);
    CHECK(layers.key_requests[1] >= 1 && layers.key_requests[0] == 0);
    CHECK(layers.longest_freeze < PEER_SECOND);
    layers.is_sent[1] = false;
    run(&layers, 3 * PEER_SECOND);
    CHECK_INT(layers.shown, 0);
    forget(&layers);
    layers.is_sent[2] = layers.is_sent[1] = true;
    run(&layers, 3 * PEER_SECOND);
    CHECK_INT(layers.shown, 2);
    CHECK(layers.longest_freeze < 200 * PEER_MILLISECOND); /* the lower one is shown until a key frame of the higher one is there */
    CHECK(layers.key_requests[2] >= 1);
    end(&layers);
}

TEST(a_source_with_few_pictures_does_not_make_streams_change_places)
{
    layers_t layers;
    start(&layers, 3, &(link_conditions_t){.delay = 20000, .jitter = 30000});
    layers.link.keeps_order = true;
    run(&layers, PEER_SECOND);
    forget(&layers);
    for (int i = 0; i < 10; i++) { /* one in 1.5 s */
        run(&layers, INTERVAL);
        for (int k = 0; k < LAYERS; k++)
            layers.is_sent[k] = false;
        run(&layers, 1500 * PEER_MILLISECOND);
        for (int k = 0; k < LAYERS; k++)
            layers.is_sent[k] = true;
    }
    CHECK_INT(layers.changes, 0);
    CHECK_INT(layers.shown, 2);
    CHECK_INT(layers.key_requests[0] + layers.key_requests[1] + layers.key_requests[2], 0);
    end(&layers);
}

TEST(when_every_layer_is_wanted_every_layer_can_be_decoded)
{
    layers_t layers;
    start(&layers, 4, &(link_conditions_t){.delay = 30000, .loss = 0.05});
    media_receiver_set_layers_wanted(layers.receiver, layers.link.now, true);
    media_receiver_set_tap(layers.receiver, true, true);
    run(&layers, 20 * PEER_SECOND);
    for (int i = 0; i < LAYERS; i++) {
        CHECK(layers.frames[i] > 470);
        CHECK(layers.rtp[i] >= layers.frames[i]);
    }
    CHECK_INT(layers.shown, 2);
    end(&layers);
}

TEST(each_stream_is_completed_by_the_rtx_stream_that_names_it)
{
    layers_t layers;
    start(&layers, 5, &(link_conditions_t){.delay = 30000, .loss = 0.1});
    run(&layers, 20 * PEER_SECOND);
    media_inbound_stats_t in;
    media_outbound_stats_t out;
    stream_stats(&layers, 2, &in);
    media_sender_stats(layers.senders[2], layers.link.now, &out);
    CHECK(in.retransmitted_packets_received > 50);
    CHECK_INT(in.rtx_ssrc, out.rtx_ssrc);
    CHECK(layers.frames_shown[2] > 450);
    stream_stats(&layers, 0, &in);
    CHECK(in.nack_count < 5); /* nobody has use for what it lost */
    end(&layers);
}

static void strip_repaired_rid(link_t *link, int from, bool is_rtcp, packet_t *packet)
{
    rtp_view_t view;
    size_t length;
    if (is_rtcp || from != 0 || !rtp_parse(&view, packet->data, packet->length) || view.payload_type != 97)
        return;
    uint8_t *rid = (uint8_t *)(uintptr_t)rtp_extension_find(&view, 11, &length);
    if (rid != NULL)
        rid[-1] = (uint8_t)(9 << 4 | (length - 1)); /* another extension, which nobody knows */
}

TEST(an_rtx_stream_without_a_name_belongs_to_the_stream_that_misses_what_it_repeats)
{
    layers_t layers;
    start(&layers, 6, &(link_conditions_t){.delay = 30000, .loss = 0.1});
    layers.link.on_packet = strip_repaired_rid;
    run(&layers, 20 * PEER_SECOND);
    media_inbound_stats_t in;
    stream_stats(&layers, 2, &in);
    CHECK(in.retransmitted_packets_received > 50);
    CHECK(layers.frames_shown[2] > 400);
    end(&layers);
}

TEST(a_stream_that_ends_with_bye_leaves_the_others_and_the_last_one_mutes)
{
    layers_t layers;
    start(&layers, 7, &(link_conditions_t){.delay = 10000});
    run(&layers, PEER_SECOND);
    for (int i = 2; i >= 0; i--) {
        media_remove_sender(layers.link.ends[0].session, layers.senders[i], layers.link.now);
        layers.is_sent[i] = false;
        run(&layers, 2 * PEER_SECOND);
        CHECK_INT(layers.ended, i == 0);
        CHECK_INT(media_receiver_stream_count(layers.receiver), (size_t)i);
        CHECK(i == 0 || layers.shown == i - 1);
    }
    end(&layers);
}

TEST(a_simulcast_that_is_negotiated_away_keeps_the_stream_that_is_shown)
{
    layers_t layers;
    start(&layers, 8, &(link_conditions_t){.delay = 10000});
    run(&layers, PEER_SECOND);
    static const char *const two[] = {"f", "h"};
    media_receiver_config_t config = {
        .kind = MEDIA_VIDEO, .mid = "0", .codecs = &codec, .codec_count = 1, .rids = two, .rid_count = 2, .extensions = map};
    CHECK_INT(media_receiver_reconfigure(layers.receiver, &config), 0);
    run(&layers, PEER_SECOND);
    CHECK_INT(media_receiver_stream_count(layers.receiver), 2); /* what comes as q is not received */
    CHECK_INT(layers.shown, 2);
    media_session_stats_t stats;
    media_session_stats(layers.link.ends[1].session, &stats);
    CHECK(stats.rtp_unknown_ssrc > 10);
    layers.is_sent[0] = layers.is_sent[1] = false;
    config.rid_count = 0;
    CHECK_INT(media_receiver_reconfigure(layers.receiver, &config), 0);
    CHECK_INT(media_receiver_stream_count(layers.receiver), 1);
    media_inbound_stats_t in;
    media_outbound_stats_t out;
    media_receiver_stats(layers.receiver, layers.link.now, &in);
    media_sender_stats(layers.senders[2], layers.link.now, &out);
    CHECK_INT(in.ssrc, out.ssrc);
    CHECK(in.rid[0] == '\0');
    link_free(&layers.link);
}

TEST(layers_over_bad_networks_of_two_hundred_seeds_are_always_decodable)
{
    for (uint64_t seed = 100; seed < 300; seed++) {
        layers_t layers;
        start(&layers, seed,
              &(link_conditions_t){.delay = (peer_time_t)(seed % 7) * 20000,
                                   .jitter = (peer_time_t)(seed % 5) * 3000,
                                   .loss = (double)(seed % 6) / 60,
                                   .reorder = (double)(seed % 3) / 50,
                                   .reorder_delay = 10000,
                                   .duplicate = (double)(seed % 2) / 50});
        for (int i = 0; i < 8; i++) {
            for (int k = 0; k < LAYERS; k++)
                layers.is_sent[k] = link_chance(&layers.link) < 0.7;
            layers.is_sent[i % LAYERS] = true; /* one of them at least */
            run(&layers, 2 * PEER_SECOND);
        }
        for (int k = 0; k < LAYERS; k++)
            layers.is_sent[k] = true;
        run(&layers, 6 * PEER_SECOND);
        if (layers.shown != 2 || layers.undecodable != 0 || layers.disordered != 0)
            test_fail(__FILE__, __LINE__, "seed %llu: shows %d, %u frames could not be decoded, %u out of order", (unsigned long long)seed,
                      layers.shown, layers.undecodable, layers.disordered);
        link_free(&layers.link);
    }
}
