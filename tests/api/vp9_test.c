/* Calls in VP9 between two connections of one process. */
#include "pair.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static atomic_int vp8_frames, vp9_frames, highest_layer, shown_width;

static void pause_ms(int milliseconds)
{
    nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L}, NULL);
}

static bool rises_to(atomic_int *number, int limit)
{
    for (int i = 0; i < 2000 && atomic_load(number) < limit; i++)
        pause_ms(10);
    return atomic_load(number) >= limit;
}

static void on_encoded(pair_side_t *side, peer_track_t *track, peer_encoded_frame_t *frame)
{
    int layer = (int)peer_encoded_frame_temporal_id(frame);
    bool is_vp9 = strcasecmp(peer_encoded_frame_mime_type(frame), "video/VP9") == 0;
    atomic_fetch_add(is_vp9 ? &vp9_frames : &vp8_frames, 1);
    if (layer > atomic_load(&highest_layer))
        atomic_store(&highest_layer, layer);
}

static void on_video(pair_side_t *side, peer_track_t *track, peer_video_frame_t *frame)
{
    atomic_store(&shown_width, (int)peer_video_frame_width(frame));
}

static void forget(void)
{
    atomic_store(&vp8_frames, 0);
    atomic_store(&vp9_frames, 0);
    atomic_store(&highest_layer, 0);
    atomic_store(&shown_width, 0);
}

static peer_transceiver_t *transceiver_of(pair_side_t *side)
{
    peer_transceiver_t *transceiver = NULL;
    CHECK_INT(peer_connection_transceivers(side->pc, &transceiver, 1), 1);
    return transceiver;
}

/* What setParameters() is to change: a codec, a mode and a scale; NULL and 0 leave them as they are. */
static void change(peer_sender_t *sender, const char *mime_type, const char *mode, double scale)
{
    peer_rtp_parameters_t *parameters;
    CHECK_INT(peer_sender_get_parameters(sender, &parameters), 0);
    peer_rtp_encoding_t *encoding = &parameters->encodings[0];
    for (size_t i = 0; mime_type != NULL && i < parameters->codec_count; i++)
        if (strcasecmp(parameters->codecs[i].mime_type, mime_type) == 0)
            encoding->codec = &parameters->codecs[i];
    CHECK(mime_type == NULL || encoding->codec != NULL);
    if (mode != NULL)
        encoding->scalability_mode = mode;
    if (scale != 0)
        encoding->scale_resolution_down_by = scale;
    CHECK_INT(peer_sender_set_parameters(sender, parameters), 0);
    peer_rtp_parameters_free(parameters);
}

TEST(a_call_changes_from_vp8_to_vp9_and_its_layers_without_negotiation)
{
    pair_t pair;
    pair_open(&pair, NULL, NULL);
    forget();
    pair.sides[1].on_encoded = on_encoded;
    pair.sides[1].on_video = on_video;
    pair_add_media(&pair.sides[0], false, true);
    CHECK(pair_wait(&pair, pair_is_connected, NULL));
    CHECK(rises_to(&vp8_frames, 5)); /* the first in order of preference */
    CHECK_INT(atomic_load(&vp9_frames), 0);
    peer_transceiver_t *transceiver = transceiver_of(&pair.sides[0]);
    peer_sender_t *sender = peer_transceiver_sender(transceiver);
    change(sender, "video/VP9", NULL, 0);
    CHECK(rises_to(&vp9_frames, 10));
    CHECK(rises_to(&shown_width, 320));
    CHECK_INT(atomic_load(&highest_layer), 0);
    change(sender, NULL, "L1T3", 0);
    CHECK(rises_to(&highest_layer, 2));
    forget();
    change(sender, NULL, NULL, 2);
    for (int i = 0; i < 2000 && atomic_load(&shown_width) != 160; i++)
        pause_ms(10);
    CHECK_INT(atomic_load(&shown_width), 160);
    CHECK_INT(atomic_load(&vp8_frames), 0);
    forget();
    change(sender, "video/VP8", "L1T1", 1);
    CHECK(rises_to(&vp8_frames, 10));
    CHECK(rises_to(&shown_width, 320));
    peer_sender_unref(sender);
    peer_transceiver_unref(transceiver);
    CHECK(pair_end(&pair, NULL));
}

TEST(vp9_stands_behind_vp8_in_capabilities_and_offers_with_its_profile_and_rtx)
{
    peer_rtp_capabilities_t *capabilities;
    CHECK_INT(peer_sender_get_capabilities(PEER_MEDIA_VIDEO, &capabilities), 0);
    CHECK(capabilities->codec_count >= 3);
    CHECK_TEXT(capabilities->codecs[0].mime_type, "video/VP8");
    CHECK_TEXT(capabilities->codecs[1].mime_type, "video/VP9");
    CHECK_TEXT(capabilities->codecs[1].sdp_fmtp_line, "profile-id=0");
    peer_rtp_capabilities_free(capabilities);
    peer_connection_t *pc = peer_connection_new(NULL, NULL, NULL);
    CHECK(pc != NULL);
    CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_VIDEO, NULL, NULL), 0);
    CHECK_INT(peer_connection_set_local_description(pc, NULL), 0);
    peer_description_t *offer = peer_connection_local_description(pc);
    const char *sdp = peer_description_sdp(offer), *vp8 = strstr(sdp, "VP8/90000"), *vp9 = strstr(sdp, "VP9/90000");
    CHECK(vp8 != NULL && vp9 != NULL && vp8 < vp9);
    int payload_type = atoi(vp9 - 3);
    char line[64];
    CHECK(payload_type >= 96 && payload_type <= 127);
    snprintf(line, sizeof line, "a=fmtp:%d profile-id=0\r\n", payload_type);
    CHECK(strstr(sdp, line) != NULL);
    snprintf(line, sizeof line, " apt=%d\r\n", payload_type);
    CHECK(strstr(sdp, line) != NULL);
    snprintf(line, sizeof line, "a=rtcp-fb:%d nack pli\r\n", payload_type);
    CHECK(strstr(sdp, line) != NULL);
    peer_description_unref(offer);
    peer_connection_close(pc);
    peer_connection_unref(pc);
}
