/* Simulcast over whole connections, with real encoders in virtual time: what a sender's parameters say is what arrives (W3C WebRTC §5.2).
 */
#include "connection/internal.h"
#include "sim.h"

#include "base/memory.h"
#include "codec/codec_worker.h"
#include "media/media.h"
#include "rtp/vp9.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYERS 3
#define WIDTH 320
#define HEIGHT 192
#define INTERVAL (PEER_SECOND / 25)

typedef struct world world_t;

typedef struct encoder {
    world_t *world;
    size_t place;
    codec_worker_t *worker;
    uint8_t temporal_layers;
    bool is_on;
} encoder_t;

typedef struct arrived {
    unsigned frames, key_frames, shown;
    size_t bytes;
    uint16_t width, height;
    unsigned temporal_ids[4];
    peer_time_t last;
} arrived_t;

struct world {
    sim_t *sim;
    codec_pool_t *pool;
    transceiver_t *sender, *receiver;
    encoder_t encoders[CONNECTION_ENCODINGS_MAX];
    size_t encoder_count;
    arrived_t arrived[LAYERS + 1]; /* by rid; the last: without one */
    int shown;
    unsigned muted;
    unsigned number;
};

static bool is_in_vp9; /* of the worlds to come; VP8 otherwise */

static const char *const rids[LAYERS] = {"q", "h", "f"};

static int layer_of(const char *rid)
{
    for (int i = 0; i < LAYERS; i++)
        if (strcmp(rids[i], rid) == 0)
            return i;
    return LAYERS;
}

/* ---- the sending side, as an application's API does it ---- */

static void on_encoded(void *user, peer_encoded_frame_t *frame)
{
    encoder_t *encoder = user;
    connection_frame_t sent = {.data = peer_encoded_frame_data(frame),
                               .length = peer_encoded_frame_length(frame),
                               .timestamp_us = peer_encoded_frame_timestamp_us(frame),
                               .is_key = peer_encoded_frame_is_key(frame),
                               .sending = encoder->place,
                               .has_layers = peer_encoded_frame_temporal_layers(frame) > 1,
                               .temporal_id = (uint8_t)peer_encoded_frame_temporal_id(frame),
                               .is_layer_sync = peer_encoded_frame_is_layer_sync(frame)};
    CHECK(transceiver_send_frame(encoder->world->sender, sim_now(encoder->world->sim), &sent) >= 0);
}

static const codec_worker_events_t encoder_events = {.on_encoded = on_encoded};

static void configure(world_t *world, const connection_event_t *event)
{
    world->encoder_count = event->sender.count;
    for (size_t i = 0; i < event->sender.count; i++) {
        const connection_sending_t *wanted = &event->sender.sendings[i];
        encoder_t *encoder = &world->encoders[i];
        bool is_on = wanted->codec.name[0] != '\0';
        if (encoder->worker != NULL && (!is_on || encoder->temporal_layers != wanted->temporal_layers)) {
            codec_worker_free(encoder->worker);
            encoder->worker = NULL;
        }
        if (!is_on)
            continue;
        peer_encoder_settings_t settings;
        peer_encoder_settings_init(&settings, sizeof settings, PEER_MEDIA_VIDEO);
        settings.bitrate_bps = 100000u << (2 * i);
        settings.temporal_layers = wanted->temporal_layers;
        encoder->world = world;
        encoder->place = i;
        encoder->temporal_layers = wanted->temporal_layers;
        if (encoder->worker == NULL)
            CHECK_INT(codec_worker_new_encoder(world->pool, peer_codec_find(is_in_vp9 ? "video/VP9" : "video/VP8"), &settings,
                                               &encoder_events, encoder, &encoder->worker),
                      0);
        codec_worker_set_limits(encoder->worker, &(codec_worker_limits_t){.scale_down_by = wanted->scale_resolution_down_by,
                                                                          .has_max_framerate = wanted->has_max_framerate,
                                                                          .max_framerate = wanted->max_framerate,
                                                                          .has_max_bitrate = wanted->has_max_bitrate,
                                                                          .max_bitrate_bps = wanted->max_bitrate_bps,
                                                                          .sizes = wanted->limits});
    }
}

/* A picture that keeps an encoder busy: bars that move, and noise. */
static void write_picture(world_t *world)
{
    static uint8_t bytes[WIDTH * HEIGHT * 3 / 2];
    peer_video_buffer_t buffer;
    peer_video_frame_t *frame;
    uint32_t noise = world->number + 1;
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        noise = noise * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(((i % WIDTH + world->number * 3) / 16 % 2) * 120 + 40 + (noise >> 28));
    }
    memset(bytes + WIDTH * HEIGHT, 128, sizeof bytes - WIDTH * HEIGHT);
    peer_video_buffer_init(&buffer, sizeof buffer);
    buffer.width = WIDTH;
    buffer.height = HEIGHT;
    buffer.timestamp_us = sim_now(world->sim);
    buffer.planes[0] = bytes;
    buffer.planes[1] = bytes + WIDTH * HEIGHT;
    buffer.planes[2] = bytes + WIDTH * HEIGHT * 5 / 4;
    CHECK_INT(peer_video_frame_new_copy(&buffer, &frame), 0);
    world->number++;
    for (size_t i = 0; i < world->encoder_count; i++)
        if (world->encoders[i].worker != NULL)
            codec_worker_encode_video(world->encoders[i].worker, frame);
    peer_video_frame_unref(frame);
}

/* ---- the receiving side ---- */

static void on_frame(world_t *world, const connection_event_t *event)
{
    int layer = layer_of(event->media.rid);
    arrived_t *arrived = &world->arrived[layer];
    const media_frame_t *frame = event->media.frame;
    arrived->frames++;
    arrived->bytes += frame->length;
    arrived->last = sim_now(world->sim);
    arrived->shown += event->media.is_shown;
    if (event->media.is_shown)
        world->shown = layer;
    if (frame->has_layers)
        arrived->temporal_ids[frame->temporal_id & 3]++;
    if (!frame->is_key)
        return;
    arrived->key_frames++;
    CHECK((is_in_vp9 ? rtp_vp9_key_frame_size : rtp_vp8_key_frame_size)(frame->data, frame->length, &arrived->width, &arrived->height));
}

static void on_event(void *user, sim_peer_t *peer, const connection_event_t *event)
{
    world_t *world = user;
    if (event->type == CONNECTION_EVENT_SENDER_CONFIGURED && event->transceiver == world->sender)
        configure(world, event);
    if (event->type == CONNECTION_EVENT_KEY_FRAME_REQUESTED && event->transceiver == world->sender &&
        world->encoders[event->sending].worker != NULL)
        codec_worker_force_key(world->encoders[event->sending].worker);
    if (event->type == CONNECTION_EVENT_FRAME && peer->index == 1)
        on_frame(world, event);
    if (event->type == CONNECTION_EVENT_TRACK_MUTED && peer->index == 1)
        world->muted++;
}

static void forget(world_t *world)
{
    memset(world->arrived, 0, sizeof world->arrived);
}

static void run(world_t *world, peer_time_t duration)
{
    peer_time_t end = sim_now(world->sim) + duration;
    while (sim_now(world->sim) < end) {
        write_picture(world);
        sim_run(world->sim, sim_now(world->sim) + INTERVAL, NULL);
    }
}

static void open_world(world_t *world, const link_options_t *link, size_t count, bool is_manual)
{
    memset(world, 0, sizeof *world);
    world->pool = codec_pool_new(0);
    world->sim = sim_new(&(sim_options_t){.seed = 7,
                                          .link = *link,
                                          .signaling_delay_us = 1000,
                                          .is_manual = is_manual,
                                          .is_in_vp9 = is_in_vp9,
                                          .on_event = on_event,
                                          .on_event_user = world});
    connection_encoding_t encodings[LAYERS];
    for (size_t i = 0; i < count; i++) {
        encodings[i] = connection_encoding_default(CONNECTION_VIDEO, i, count);
        encodings[i].rid = count > 1 ? rids[i] : NULL;
    }
    connection_transceiver_init_t init = {
        .direction = CONNECTION_SENDONLY, .track_id = "camera", .encodings = encodings, .encoding_count = count};
    CHECK_INT(connection_add_transceiver(sim_peer(world->sim, 0)->connection, sim_now(world->sim), CONNECTION_VIDEO, &init, &world->sender),
              0);
    if (is_manual)
        return;
    CHECK(sim_run(world->sim, 20 * PEER_SECOND, sim_is_connected));
    world->receiver = connection_transceiver(sim_peer(world->sim, 1)->connection, 0);
}

static void close_world(world_t *world)
{
    for (size_t i = 0; i < CONNECTION_ENCODINGS_MAX; i++)
        codec_worker_free(world->encoders[i].worker);
    codec_pool_release(world->pool);
    sim_free(world->sim);
}

static void want_all(world_t *world)
{
    transceiver_set_wanted(world->receiver, sim_now(world->sim), false, true);
}

/* Changes one encoding as setParameters() does. */
static void change(world_t *world, size_t index, const connection_encoding_t *changed)
{
    const connection_encoding_t *now;
    connection_encoding_t encodings[CONNECTION_ENCODINGS_MAX];
    size_t count = transceiver_encodings(world->sender, &now);
    memcpy(encodings, now, count * sizeof *now);
    const char *rid = encodings[index].rid;
    encodings[index] = *changed;
    encodings[index].rid = rid;
    CHECK_INT(transceiver_set_encodings(world->sender, sim_now(world->sim), encodings, count), 0);
}

static connection_encoding_t encoding(world_t *world, size_t index)
{
    const connection_encoding_t *now;
    CHECK(index < transceiver_encodings(world->sender, &now));
    connection_encoding_t copy = now[index];
    copy.rid = NULL;
    return copy;
}

static const link_options_t lossy = {.delay_us = 30000, .jitter_us = 3000, .loss = 0.03, .reorder = 0.01};
static const link_options_t clean = {.delay_us = 20000};

TEST(three_layers_cross_a_lossy_link_and_every_one_can_be_had)
{
    world_t world;
    open_world(&world, &lossy, 3, false);
    want_all(&world);
    run(&world, 10 * PEER_SECOND);
    for (int i = 0; i < LAYERS; i++) {
        const arrived_t *arrived = &world.arrived[i];
        CHECK(arrived->frames > 230);
        CHECK_INT(arrived->width, WIDTH >> (2 - i));
        CHECK_INT(arrived->height, HEIGHT >> (2 - i));
    }
    CHECK_INT(world.arrived[LAYERS].frames, 0);
    CHECK_INT(world.shown, 2);
    CHECK(world.arrived[2].shown > 220);
    close_world(&world);
}

TEST(three_layers_in_vp9_cross_a_lossy_link)
{
    world_t world;
    is_in_vp9 = true;
    open_world(&world, &lossy, 3, false);
    want_all(&world);
    run(&world, 5 * PEER_SECOND);
    for (int i = 0; i < LAYERS; i++) {
        CHECK(world.arrived[i].frames > 100);
        CHECK_INT(world.arrived[i].width, WIDTH >> (2 - i));
    }
    CHECK_INT(world.shown, 2);
    close_world(&world);
    is_in_vp9 = false;
}

TEST(a_call_in_vp9_goes_on_though_every_twentieth_packet_is_lost)
{
    static const link_options_t bad = {.delay_us = 30000, .jitter_us = 3000, .loss = 0.05};
    for (uint8_t layers = 1; layers <= 3; layers++) {
        world_t world;
        is_in_vp9 = true;
        open_world(&world, &bad, 1, false);
        connection_encoding_t layered = encoding(&world, 0);
        layered.temporal_layers = layers;
        change(&world, 0, &layered);
        run(&world, 10 * PEER_SECOND);
        const arrived_t *arrived = &world.arrived[LAYERS];
        test_note("%u layers: %u frames, %u of them key frames", layers, arrived->frames, arrived->key_frames);
        CHECK(arrived->frames > 225);
        CHECK(sim_now(world.sim) - arrived->last < PEER_SECOND / 2);
        CHECK_INT(arrived->temporal_ids[0] + arrived->temporal_ids[1] + arrived->temporal_ids[2] > 0, layers > 1);
        close_world(&world);
        is_in_vp9 = false;
    }
}

TEST(without_anyone_who_wants_all_layers_only_the_best_is_given)
{
    world_t world;
    open_world(&world, &lossy, 3, false);
    run(&world, 10 * PEER_SECOND);
    CHECK(world.arrived[2].frames > 220 && world.arrived[2].shown > 210);
    CHECK(world.arrived[0].frames < 30 && world.arrived[1].frames < 30);
    close_world(&world);
}

TEST(an_inactive_encoding_is_neither_encoded_nor_sent_and_no_bye_ends_it)
{
    world_t world;
    open_world(&world, &clean, 3, false);
    want_all(&world);
    run(&world, 2 * PEER_SECOND);
    connection_encoding_t off = encoding(&world, 2);
    off.is_active = false;
    change(&world, 2, &off);
    run(&world, PEER_SECOND);
    CHECK(world.encoders[2].worker == NULL && world.encoders[1].worker != NULL);
    forget(&world);
    run(&world, 3 * PEER_SECOND);
    CHECK_INT(world.arrived[2].frames, 0);
    CHECK(world.arrived[1].frames > 70 && world.arrived[0].frames > 70);
    CHECK_INT(world.shown, 1);
    CHECK_INT(world.muted, 0);
    off.is_active = true;
    change(&world, 2, &off);
    run(&world, 2 * PEER_SECOND);
    CHECK(world.arrived[2].frames > 40);
    CHECK_INT(world.shown, 2);
    close_world(&world);
}

TEST(all_encodings_inactive_send_nothing)
{
    world_t world;
    open_world(&world, &clean, 3, false);
    want_all(&world);
    run(&world, PEER_SECOND);
    for (size_t i = 0; i < LAYERS; i++) {
        connection_encoding_t off = encoding(&world, i);
        off.is_active = false;
        change(&world, i, &off);
    }
    run(&world, PEER_SECOND);
    forget(&world);
    run(&world, 2 * PEER_SECOND);
    for (int i = 0; i <= LAYERS; i++)
        CHECK_INT(world.arrived[i].frames, 0);
    close_world(&world);
}

TEST(the_frame_rate_of_an_encoding_is_at_most_its_max_framerate)
{
    world_t world;
    open_world(&world, &clean, 3, false);
    want_all(&world);
    run(&world, PEER_SECOND);
    connection_encoding_t slow = encoding(&world, 1);
    slow.has_max_framerate = true;
    slow.max_framerate = 10;
    change(&world, 1, &slow);
    run(&world, PEER_SECOND);
    forget(&world);
    run(&world, 5 * PEER_SECOND);
    CHECK(world.arrived[1].frames >= 48 && world.arrived[1].frames <= 51);
    CHECK(world.arrived[0].frames > 120 && world.arrived[2].frames > 120);
    slow.max_framerate = 0; /* freezes the picture */
    change(&world, 1, &slow);
    run(&world, PEER_SECOND);
    forget(&world);
    run(&world, 2 * PEER_SECOND);
    CHECK_INT(world.arrived[1].frames, 0);
    close_world(&world);
}

TEST(pictures_are_scaled_by_numbers_that_are_not_whole_too)
{
    world_t world;
    open_world(&world, &clean, 1, false);
    run(&world, PEER_SECOND);
    CHECK_INT(world.arrived[LAYERS].width, WIDTH);
    connection_encoding_t smaller = encoding(&world, 0);
    smaller.scale_resolution_down_by = 1.5;
    change(&world, 0, &smaller);
    run(&world, PEER_SECOND);
    CHECK_INT(world.arrived[LAYERS].width, 213);
    CHECK_INT(world.arrived[LAYERS].height, 128);
    smaller.scale_resolution_down_by = 100; /* a picture keeps a row and a column */
    change(&world, 0, &smaller);
    run(&world, PEER_SECOND);
    CHECK_INT(world.arrived[LAYERS].width, 3);
    CHECK_INT(world.arrived[LAYERS].height, 1);
    close_world(&world);
}

TEST(the_bit_rate_of_an_encoding_is_at_most_its_max_bitrate)
{
    static const uint64_t rates[] = {200000, 20000, 5000};
    world_t world;
    open_world(&world, &clean, 3, false);
    want_all(&world);
    run(&world, PEER_SECOND);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        connection_encoding_t limited = encoding(&world, 2);
        limited.has_max_bitrate = true;
        limited.max_bitrate_bps = rates[i];
        change(&world, 2, &limited);
        run(&world, 5 * PEER_SECOND); /* what was sent before is paid off */
        forget(&world);
        run(&world, 20 * PEER_SECOND);
        double used = (double)world.arrived[2].bytes * 8 / 20;
        test_note("%llu b/s allowed, %.0f used by %u frames", (unsigned long long)rates[i], used, world.arrived[2].frames);
        CHECK(used <= 1.1 * (double)rates[i]);
        CHECK(world.arrived[2].frames > 0);
    }
    connection_encoding_t limited = encoding(&world, 2);
    limited.max_bitrate_bps = 0;
    change(&world, 2, &limited);
    run(&world, PEER_SECOND);
    forget(&world);
    run(&world, 5 * PEER_SECOND);
    CHECK(world.arrived[2].frames <= 1);
    close_world(&world);
}

TEST(the_priority_of_an_encoding_marks_its_packets)
{
    world_t world;
    open_world(&world, &clean, 3, false);
    const sending_t *sendings = world.sender->sendings;
    CHECK_INT(sending_priority(world.sender, &sendings[1]), TRANSPORT_PRIORITY_UNSET); /* the connection's */
    connection_encoding_t urgent = encoding(&world, 1);
    urgent.priority = TRANSPORT_PRIORITY_HIGH;
    change(&world, 1, &urgent);
    CHECK_INT(sending_priority(world.sender, &sendings[1]), TRANSPORT_PRIORITY_HIGH);
    urgent.network_priority = TRANSPORT_PRIORITY_VERY_LOW;
    change(&world, 1, &urgent);
    CHECK_INT(sending_priority(world.sender, &sendings[1]), TRANSPORT_PRIORITY_VERY_LOW);
    CHECK_INT(sending_priority(world.sender, &sendings[0]), TRANSPORT_PRIORITY_UNSET);
    close_world(&world);
}

TEST(a_scalability_mode_makes_temporal_layers_that_the_receiver_is_told)
{
    for (uint8_t layers = 2; layers <= 3; layers++) {
        world_t world;
        open_world(&world, &clean, 1, false);
        run(&world, PEER_SECOND);
        connection_encoding_t layered = encoding(&world, 0);
        layered.temporal_layers = layers;
        change(&world, 0, &layered);
        run(&world, PEER_SECOND);
        forget(&world);
        run(&world, 4 * PEER_SECOND);
        const arrived_t *arrived = &world.arrived[LAYERS];
        CHECK(arrived->frames > 95);
        unsigned base = arrived->frames / (layers == 2 ? 2 : 4);
        CHECK(arrived->temporal_ids[0] >= base - 2 && arrived->temporal_ids[0] <= base + 2);
        unsigned highest = arrived->temporal_ids[layers - 1];
        CHECK(highest >= arrived->frames / 2 - 2 && highest <= arrived->frames / 2 + 2);
        CHECK_INT(arrived->temporal_ids[0] + arrived->temporal_ids[1] + arrived->temporal_ids[2], arrived->frames);
        close_world(&world);
    }
}

/* ---- what the peer answers ---- */

static char *description_of(world_t *world, int side)
{
    connection_sdp_type_t type;
    char *sdp;
    CHECK_INT(connection_set_local_description_implicitly(sim_peer(world->sim, side)->connection, sim_now(world->sim)), 0);
    sim_run(world->sim, sim_now(world->sim) + PEER_SECOND, NULL); /* candidates */
    CHECK(connection_local_description(sim_peer(world->sim, side)->connection, &type, &sdp) > 0);
    return sdp;
}

static void give(world_t *world, int side, connection_sdp_type_t type, const char *sdp)
{
    CHECK_INT(connection_set_remote_description(sim_peer(world->sim, side)->connection, sim_now(world->sim), type, sdp), 0);
}

/* An answer whose a=simulcast line says `list`, and whose a=rid lines are those in `kept`, with `more` behind them. */
static char *answer_with(const char *sdp, const char *list, const char *kept, const char *more)
{
    char *copy = malloc(strlen(sdp) + strlen(more) + 64), *to = copy;
    while (*sdp != '\0') {
        size_t length = strcspn(sdp, "\n") + 1;
        if (strncmp(sdp, "a=simulcast:", 12) == 0)
            to += sprintf(to, "a=simulcast:recv %s\r\n", list);
        else if (strncmp(sdp, "a=rid:", 6) != 0 || memchr(kept, sdp[6], strlen(kept)) != NULL)
            to = (char *)memcpy(to, sdp, length) + length;
        sdp += length;
    }
    memcpy(to, more, strlen(more) + 1);
    return copy;
}

static void negotiate_with(world_t *world, const char *list, const char *kept, const char *more)
{
    char *offer = description_of(world, 0);
    give(world, 1, CONNECTION_OFFER, offer);
    char *answer = description_of(world, 1), *changed = answer_with(answer, list, kept, more);
    give(world, 0, CONNECTION_ANSWER, changed);
    free(changed);
    memory_free(offer);
    memory_free(answer);
    CHECK(sim_run(world->sim, sim_now(world->sim) + 10 * PEER_SECOND, sim_is_connected));
    world->receiver = connection_transceiver(sim_peer(world->sim, 1)->connection, 0);
    want_all(world);
}

TEST(a_layer_that_the_answer_drops_is_not_sent_and_what_was_set_of_the_others_stays)
{
    world_t world;
    const connection_encoding_t *encodings;
    open_world(&world, &clean, 3, true);
    connection_encoding_t slow = encoding(&world, 2);
    slow.has_max_framerate = true;
    slow.max_framerate = 5;
    change(&world, 2, &slow);
    negotiate_with(&world, "q;f", "qf", "");
    CHECK_INT(transceiver_encodings(world.sender, &encodings), 2);
    CHECK(strcmp(encodings[0].rid, "q") == 0 && strcmp(encodings[1].rid, "f") == 0);
    CHECK(encodings[1].max_framerate == 5 && encodings[0].scale_resolution_down_by == 4);
    run(&world, 4 * PEER_SECOND);
    CHECK(world.arrived[0].frames > 80);
    CHECK_INT(world.arrived[1].frames, 0);
    CHECK(world.arrived[2].frames > 15 && world.arrived[2].frames < 22);
    close_world(&world);
}

TEST(a_layer_that_the_answer_pauses_is_an_encoding_still_but_is_not_sent)
{
    world_t world;
    const connection_encoding_t *encodings;
    open_world(&world, &clean, 3, true);
    negotiate_with(&world, "q;h;~f", "qhf", "");
    CHECK_INT(transceiver_encodings(world.sender, &encodings), 3);
    CHECK(encodings[2].is_active);
    run(&world, 3 * PEER_SECOND);
    CHECK(world.arrived[0].frames > 60 && world.arrived[1].frames > 60);
    CHECK_INT(world.arrived[2].frames, 0);
    CHECK_INT(world.shown, 1);
    close_world(&world);
}

static void check_size(const world_t *world, int layer, unsigned width, unsigned height)
{
    CHECK_INT(world->arrived[layer].width, width);
    CHECK_INT(world->arrived[layer].height, height);
}

static void scale_by(world_t *world, double by)
{
    connection_encoding_t scaled = encoding(world, 0);
    scaled.scale_resolution_down_by = by;
    change(world, 0, &scaled);
    run(world, PEER_SECOND);
}

TEST(pictures_are_made_small_enough_for_the_sizes_that_the_answer_takes_whatever_their_scale)
{
    world_t world;
    open_world(&world, &clean, 1, true);
    negotiate_with(&world, "", "", "a=imageattr:* recv [x=[16:160],y=[16:160],q=1.0]\r\n");
    run(&world, PEER_SECOND);
    check_size(&world, LAYERS, 160, 96);
    forget(&world);
    scale_by(&world, 1.5); /* 213x128 is too large, too: what is sent does not change */
    CHECK(world.arrived[LAYERS].frames >= 24);
    CHECK_INT(world.arrived[LAYERS].key_frames, 0);
    scale_by(&world, 4);
    check_size(&world, LAYERS, 80, 48);
    close_world(&world);
}

TEST(the_size_that_is_most_wanted_is_sent_if_it_can_be)
{
    world_t world;
    open_world(&world, &clean, 1, true);
    negotiate_with(&world, "", "",
                   "a=imageattr:* recv [x=[1:64],y=[1:64],q=0.2] [x=[321:640],y=[1:640],q=0.9]\r\n"
                   "a=imageattr:* send [x=1,y=1,q=1.0] recv [x=[1:200],y=[1:200],q=0.8]\r\n");
    run(&world, PEER_SECOND);
    check_size(&world, LAYERS, 200, 120);
    close_world(&world);
}

TEST(each_layer_is_made_small_enough_by_itself)
{
    world_t world;
    open_world(&world, &clean, 3, true);
    negotiate_with(&world, "q;h;f", "qhf", "a=imageattr:* recv [x=[1:100],y=[1:100]]\r\n");
    run(&world, 2 * PEER_SECOND);
    check_size(&world, 0, 80, 48);
    check_size(&world, 1, 100, 60);
    check_size(&world, 2, 100, 60);
    close_world(&world);
}

TEST(no_picture_is_sent_where_no_size_can_be_and_they_come_when_the_limit_has_gone)
{
    world_t world;
    open_world(&world, &clean, 1, true);
    negotiate_with(&world, "", "", "a=imageattr:* recv [x=[640:1280],y=[480:720]] [x=[1:160],y=[1:160],sar=1.1]\r\n");
    run(&world, 2 * PEER_SECOND);
    CHECK_INT(world.arrived[LAYERS].frames, 0);
    char *offer = description_of(&world, 1);
    give(&world, 0, CONNECTION_OFFER, offer);
    char *answer = description_of(&world, 0);
    give(&world, 1, CONNECTION_ANSWER, answer);
    run(&world, 2 * PEER_SECOND);
    CHECK(world.arrived[LAYERS].frames > 20);
    check_size(&world, LAYERS, WIDTH, HEIGHT);
    memory_free(offer);
    memory_free(answer);
    close_world(&world);
}

TEST(the_restrictions_of_a_rid_are_kept_to)
{
    world_t world;
    open_world(&world, &clean, 3, true);
    negotiate_with(&world, "q;h;f", "",
                   "a=rid:q recv max-fps=5\r\na=rid:h recv max-height=48;max-br=60000\r\na=rid:f recv max-fs=20000;max-pps=100000\r\n");
    run(&world, 6 * PEER_SECOND);
    forget(&world);
    for (size_t i = 0; i < LAYERS; i++)
        codec_worker_force_key(world.encoders[i].worker);
    run(&world, 10 * PEER_SECOND);
    check_size(&world, 0, 80, 48);
    CHECK(world.arrived[0].frames >= 48 && world.arrived[0].frames <= 51);
    check_size(&world, 1, 80, 48);
    CHECK(world.arrived[1].bytes * 8 / 10 <= 66000);
    check_size(&world, 2, 182, 109); /* 19838 pixels, and 100000 of them in a second */
    CHECK(world.arrived[2].frames >= 49 && world.arrived[2].frames <= 52);
    close_world(&world);
}
