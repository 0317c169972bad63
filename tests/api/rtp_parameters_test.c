/* RTCRtpCapabilities, setCodecPreferences, getParameters and setParameters as W3C WebRTC §5.2 to §5.4 say them. Nothing goes over a
 * network here. */
#include <peer/peer.h>

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static peer_connection_t *new_connection(void)
{
    peer_connection_t *pc = peer_connection_new(NULL, NULL, NULL);
    CHECK(pc != NULL);
    return pc;
}

static void end(peer_connection_t *pc)
{
    peer_connection_close(pc);
    peer_connection_unref(pc);
}

static peer_transceiver_t *add(peer_connection_t *pc, int32_t kind)
{
    peer_transceiver_t *transceiver;
    CHECK_INT(peer_connection_add_transceiver(pc, kind, NULL, &transceiver), 0);
    return transceiver;
}

static void signal_local(peer_connection_t *from, peer_connection_t *to)
{
    CHECK_INT(peer_connection_set_local_description(from, NULL), 0);
    peer_description_t *description = peer_connection_local_description(from);
    CHECK_INT(peer_connection_set_remote_description(to, description), 0);
    peer_description_unref(description);
}

static void negotiate(peer_connection_t *offerer, peer_connection_t *answerer)
{
    signal_local(offerer, answerer);
    signal_local(answerer, offerer);
}

static char *local_sdp(peer_connection_t *pc)
{
    CHECK_INT(peer_connection_set_local_description(pc, NULL), 0);
    peer_description_t *description = peer_connection_local_description(pc);
    char *sdp = strdup(peer_description_sdp(description));
    peer_description_unref(description);
    return sdp;
}

static const peer_rtp_codec_t *find(const peer_rtp_codec_t *codecs, size_t count, const char *mime_type)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(codecs[i].mime_type, mime_type) == 0)
            return &codecs[i];
    return NULL;
}

static bool has_extension(const peer_rtp_header_extension_t *extensions, size_t count, const char *uri)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(extensions[i].uri, uri) == 0)
            return true;
    return false;
}

#define MID_URI "urn:ietf:params:rtp-hdrext:sdes:mid"

/* ---- capabilities ---- */

TEST(capabilities_are_what_an_offer_lists)
{
    for (int32_t kind = 0; kind < 2; kind++) {
        peer_connection_t *pc = new_connection();
        peer_transceiver_unref(add(pc, kind));
        char *sdp = local_sdp(pc);
        peer_rtp_capabilities_t *capabilities;
        CHECK_INT(peer_sender_get_capabilities(kind, &capabilities), 0);
        CHECK(capabilities->codec_count > 0 && capabilities->header_extension_count > 0);
        for (size_t i = 0; i < capabilities->codec_count; i++) {
            const char *name = strchr(capabilities->codecs[i].mime_type, '/') + 1;
            char line[64];
            snprintf(line, sizeof line, " %s/%u", name, capabilities->codecs[i].clock_rate);
            CHECK(strstr(sdp, line) != NULL);
            CHECK_INT(capabilities->codecs[i].payload_type, -1);
            if (capabilities->codecs[i].sdp_fmtp_line != NULL)
                CHECK(strstr(sdp, capabilities->codecs[i].sdp_fmtp_line) != NULL);
        }
        for (size_t i = 0; i < capabilities->header_extension_count; i++)
            CHECK_INT(strstr(sdp, capabilities->header_extensions[i].uri) != NULL,
                      capabilities->header_extensions[i].direction != PEER_DIRECTION_STOPPED);
        peer_rtp_capabilities_free(capabilities);
        free(sdp);
        end(pc);
    }
}

TEST(rtx_stands_once_in_video_capabilities_without_format_parameters)
{
    peer_rtp_capabilities_t *capabilities;
    CHECK_INT(peer_receiver_get_capabilities(PEER_MEDIA_VIDEO, &capabilities), 0);
    int rtx = 0;
    for (size_t i = 0; i < capabilities->codec_count; i++)
        if (strcmp(capabilities->codecs[i].mime_type, "video/rtx") == 0) {
            rtx++;
            CHECK(capabilities->codecs[i].sdp_fmtp_line == NULL);
        }
    CHECK_INT(rtx, 1);
    peer_rtp_capabilities_free(capabilities);
    CHECK_INT(peer_receiver_get_capabilities(PEER_MEDIA_AUDIO, &capabilities), 0);
    CHECK(find(capabilities->codecs, capabilities->codec_count, "audio/rtx") == NULL);
    const peer_rtp_codec_t *opus = find(capabilities->codecs, capabilities->codec_count, "audio/opus");
    CHECK(opus != NULL && opus->channels == 2 && opus->clock_rate == 48000);
    peer_rtp_capabilities_free(capabilities);
    peer_rtp_capabilities_free(NULL);
}

TEST(capabilities_of_no_kind_are_refused)
{
    peer_rtp_capabilities_t *capabilities = NULL;
    CHECK_INT(peer_sender_get_capabilities(2, &capabilities), PEER_ERROR_TYPE);
    CHECK_INT(peer_receiver_get_capabilities(-1, &capabilities), PEER_ERROR_TYPE);
    CHECK(capabilities == NULL);
}

/* ---- codec preferences ---- */

TEST(codec_preferences_order_and_limit_what_an_offer_lists)
{
    peer_connection_t *pc = new_connection();
    peer_transceiver_t *transceiver = add(pc, PEER_MEDIA_AUDIO);
    peer_rtp_capabilities_t *capabilities;
    CHECK_INT(peer_receiver_get_capabilities(PEER_MEDIA_AUDIO, &capabilities), 0);
    peer_rtp_codec_t wanted[3] = {*find(capabilities->codecs, capabilities->codec_count, "audio/PCMA"),
                                  *find(capabilities->codecs, capabilities->codec_count, "audio/opus")};
    wanted[2] = wanted[0]; /* of equal ones the first counts */
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, wanted, 3), 0);
    char *sdp = local_sdp(pc);
    char *line = strstr(sdp, "m=audio");
    CHECK(line != NULL);
    CHECK(strstr(sdp, "UDP/TLS/RTP/SAVPF 8 ") != NULL);
    CHECK(strstr(sdp, "PCMU") == NULL && strstr(sdp, "opus/48000/2") != NULL);
    free(sdp);
    peer_rtp_capabilities_free(capabilities);
    peer_transceiver_unref(transceiver);
    end(pc);
}

TEST(preferences_without_rtx_leave_it_out_and_none_bring_it_back)
{
    peer_connection_t *pc = new_connection();
    peer_transceiver_t *transceiver = add(pc, PEER_MEDIA_VIDEO);
    peer_rtp_codec_t vp8 = {.size = sizeof vp8, .mime_type = "video/vp8", .clock_rate = 90000};
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, &vp8, 1), 0);
    char *sdp = local_sdp(pc);
    CHECK(strstr(sdp, "VP8/90000") != NULL && strstr(sdp, "rtx") == NULL);
    free(sdp);
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, NULL, 0), 0);
    peer_description_t *offer;
    CHECK_INT(peer_connection_create_offer(pc, NULL, &offer), 0);
    CHECK(strstr(peer_description_sdp(offer), "rtx/90000") != NULL);
    peer_description_unref(offer);
    peer_transceiver_unref(transceiver);
    end(pc);
}

TEST(preferences_that_are_no_capabilities_or_carry_no_media_are_refused)
{
    peer_connection_t *pc = new_connection();
    peer_transceiver_t *transceiver = add(pc, PEER_MEDIA_VIDEO);
    peer_rtp_codec_t vp8 = {.size = sizeof vp8, .mime_type = "video/VP8", .clock_rate = 90000}, codec = vp8;
    peer_rtp_codec_t rtx = {.size = sizeof rtx, .mime_type = "video/rtx", .clock_rate = 90000};
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, &rtx, 1), PEER_ERROR_INVALID_MODIFICATION);
    codec.clock_rate = 8000;
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, &codec, 1), PEER_ERROR_INVALID_MODIFICATION);
    codec = vp8;
    codec.sdp_fmtp_line = "x=1";
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, &codec, 1), PEER_ERROR_INVALID_MODIFICATION);
    codec = vp8;
    codec.channels = 2;
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, &codec, 1), PEER_ERROR_INVALID_MODIFICATION);
    codec = vp8;
    codec.mime_type = "audio/opus";
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, &codec, 1), PEER_ERROR_INVALID_MODIFICATION);
    codec.mime_type = "video/";
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, &codec, 1), PEER_ERROR_INVALID_MODIFICATION);
    codec.mime_type = NULL;
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, &codec, 1), PEER_ERROR_TYPE);
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, NULL, 1), PEER_ERROR_TYPE);
    peer_rtp_codec_t both[2] = {rtx, vp8};
    CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, both, 2), 0);
    peer_transceiver_unref(transceiver);
    end(pc);
}

/* ---- getParameters ---- */

TEST(parameters_before_negotiation_have_one_encoding_and_no_codecs)
{
    for (int32_t kind = 0; kind < 2; kind++) {
        peer_connection_t *pc = new_connection();
        peer_transceiver_t *transceiver = add(pc, kind);
        peer_sender_t *sender = peer_transceiver_sender(transceiver);
        peer_receiver_t *receiver = peer_transceiver_receiver(transceiver);
        peer_rtp_parameters_t *parameters;
        CHECK_INT(peer_sender_get_parameters(sender, &parameters), 0);
        CHECK_INT(parameters->encoding_count, 1);
        CHECK_INT(parameters->encodings[0].active, 1);
        CHECK(parameters->encodings[0].rid == NULL && parameters->encodings[0].codec == NULL);
        CHECK(parameters->encodings[0].scale_resolution_down_by == (kind == PEER_MEDIA_VIDEO ? 1.0 : 0.0));
        CHECK_INT(parameters->encodings[0].priority, PEER_PRIORITY_LOW);
        CHECK_INT(parameters->codec_count, 0);
        CHECK_INT(parameters->header_extension_count, 0);
        CHECK(parameters->rtcp_cname[0] != '\0');
        CHECK(parameters->transaction_id[0] != '\0');
        CHECK_INT(parameters->degradation_preference, PEER_DEGRADATION_UNSET);
        peer_rtp_parameters_free(parameters);
        CHECK_INT(peer_receiver_get_parameters(receiver, &parameters), 0);
        CHECK(parameters->transaction_id == NULL && parameters->encodings == NULL);
        CHECK_INT(parameters->codec_count, 0);
        CHECK_TEXT(parameters->rtcp_cname, "");
        peer_rtp_parameters_free(parameters);
        peer_receiver_unref(receiver);
        peer_sender_unref(sender);
        peer_transceiver_unref(transceiver);
        end(pc);
    }
}

TEST(a_receiver_is_prepared_for_what_a_local_offer_lists_and_a_sender_for_nothing_before_the_answer)
{
    peer_connection_t *a = new_connection(), *b = new_connection();
    peer_transceiver_t *transceiver = add(a, PEER_MEDIA_AUDIO);
    peer_sender_t *sender = peer_transceiver_sender(transceiver);
    peer_receiver_t *receiver = peer_transceiver_receiver(transceiver);
    peer_rtp_parameters_t *parameters;
    signal_local(a, b);
    CHECK_INT(peer_sender_get_parameters(sender, &parameters), 0);
    CHECK_INT(parameters->codec_count, 0);
    peer_rtp_parameters_free(parameters);
    CHECK_INT(peer_receiver_get_parameters(receiver, &parameters), 0);
    CHECK(find(parameters->codecs, parameters->codec_count, "audio/PCMU") != NULL);
    CHECK(has_extension(parameters->header_extensions, parameters->header_extension_count, MID_URI));
    peer_rtp_parameters_free(parameters);
    /* The other side wants Opus alone, and so that is what remains. */
    peer_transceiver_t *theirs;
    CHECK_INT(peer_connection_transceivers(b, &theirs, 1), 1);
    peer_rtp_capabilities_t *capabilities;
    CHECK_INT(peer_receiver_get_capabilities(PEER_MEDIA_AUDIO, &capabilities), 0);
    CHECK_INT(peer_transceiver_set_codec_preferences(theirs, find(capabilities->codecs, capabilities->codec_count, "audio/opus"), 1), 0);
    CHECK_INT(peer_transceiver_set_direction(theirs, PEER_DIRECTION_SENDRECV), 0);
    peer_rtp_capabilities_free(capabilities);
    signal_local(b, a);
    CHECK_INT(peer_receiver_get_parameters(receiver, &parameters), 0);
    CHECK_INT(parameters->codec_count, 1);
    CHECK_TEXT(parameters->codecs[0].mime_type, "audio/opus");
    CHECK(parameters->codecs[0].payload_type >= 96);
    CHECK_INT(parameters->rtcp_reduced_size, 1);
    peer_rtp_parameters_free(parameters);
    CHECK_INT(peer_sender_get_parameters(sender, &parameters), 0);
    CHECK_INT(parameters->codec_count, 1);
    CHECK(has_extension(parameters->header_extensions, parameters->header_extension_count, MID_URI));
    CHECK(parameters->header_extensions[0].id > 0);
    peer_rtp_parameters_free(parameters);
    peer_transceiver_unref(theirs);
    peer_receiver_unref(receiver);
    peer_sender_unref(sender);
    peer_transceiver_unref(transceiver);
    end(a);
    end(b);
}

TEST(negotiated_codecs_have_their_rtx_beside_them)
{
    peer_connection_t *a = new_connection(), *b = new_connection();
    peer_transceiver_t *transceiver = add(a, PEER_MEDIA_VIDEO);
    peer_sender_t *sender = peer_transceiver_sender(transceiver);
    peer_transceiver_t *theirs;
    signal_local(a, b);
    CHECK_INT(peer_connection_transceivers(b, &theirs, 1), 1);
    CHECK_INT(peer_transceiver_set_direction(theirs, PEER_DIRECTION_SENDRECV), 0);
    signal_local(b, a);
    peer_rtp_parameters_t *parameters;
    CHECK_INT(peer_sender_get_parameters(sender, &parameters), 0);
    const peer_rtp_codec_t *vp8 = find(parameters->codecs, parameters->codec_count, "video/VP8");
    const peer_rtp_codec_t *rtx = find(parameters->codecs, parameters->codec_count, "video/rtx");
    CHECK(vp8 != NULL && vp8->channels == 0 && rtx != NULL);
    char apt[16];
    snprintf(apt, sizeof apt, "apt=%d", vp8->payload_type);
    CHECK_TEXT(rtx->sdp_fmtp_line, apt);
    /* The CNAME is the one that the description names. */
    peer_description_t *offer = peer_connection_local_description(a);
    CHECK(strstr(peer_description_sdp(offer), parameters->rtcp_cname) != NULL);
    peer_description_unref(offer);
    peer_rtp_parameters_free(parameters);
    peer_transceiver_unref(theirs);
    peer_sender_unref(sender);
    peer_transceiver_unref(transceiver);
    end(a);
    end(b);
}

/* ---- setParameters ---- */

typedef struct video_call {
    peer_connection_t *a, *b;
    peer_transceiver_t *transceiver;
    peer_sender_t *sender;
    peer_rtp_parameters_t *parameters;
} video_call_t;

static void open_call(video_call_t *call, int32_t kind)
{
    call->a = new_connection();
    call->b = new_connection();
    call->transceiver = add(call->a, kind);
    call->sender = peer_transceiver_sender(call->transceiver);
    negotiate(call->a, call->b);
    CHECK_INT(peer_sender_get_parameters(call->sender, &call->parameters), 0);
}

static void close_call(video_call_t *call)
{
    peer_rtp_parameters_free(call->parameters);
    peer_sender_unref(call->sender);
    peer_transceiver_unref(call->transceiver);
    end(call->a);
    end(call->b);
}

static void get_again(video_call_t *call)
{
    peer_rtp_parameters_free(call->parameters);
    CHECK_INT(peer_sender_get_parameters(call->sender, &call->parameters), 0);
}

TEST(what_set_parameters_changed_is_what_get_parameters_gives)
{
    video_call_t call;
    open_call(&call, PEER_MEDIA_VIDEO);
    peer_rtp_encoding_t *encoding = &call.parameters->encodings[0];
    peer_rtp_codec_t vp8 = *find(call.parameters->codecs, call.parameters->codec_count, "video/VP8");
    encoding->active = 0;
    encoding->has_max_bitrate = 1;
    encoding->max_bitrate_bps = 123456;
    encoding->has_max_framerate = 1;
    encoding->max_framerate = 7.5;
    encoding->scale_resolution_down_by = 2.5;
    encoding->scalability_mode = "L1T3";
    encoding->priority = PEER_PRIORITY_HIGH;
    encoding->network_priority = PEER_PRIORITY_MEDIUM;
    encoding->codec = &vp8;
    call.parameters->degradation_preference = PEER_DEGRADATION_BALANCED;
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), 0);
    get_again(&call);
    encoding = &call.parameters->encodings[0];
    CHECK_INT(encoding->active, 0);
    CHECK(encoding->has_max_bitrate && encoding->max_bitrate_bps == 123456);
    CHECK(encoding->has_max_framerate && encoding->max_framerate == 7.5);
    CHECK(encoding->scale_resolution_down_by == 2.5);
    CHECK_TEXT(encoding->scalability_mode, "L1T3");
    CHECK_INT(encoding->priority, PEER_PRIORITY_HIGH);
    CHECK_INT(encoding->network_priority, PEER_PRIORITY_MEDIUM);
    CHECK(encoding->codec != NULL);
    CHECK_TEXT(encoding->codec->mime_type, "video/VP8");
    CHECK_INT(call.parameters->degradation_preference, PEER_DEGRADATION_BALANCED);
    CHECK_TEXT(peer_degradation_preference_name(call.parameters->degradation_preference), "balanced");
    close_call(&call);
}

TEST(parameters_can_be_set_once_and_only_those_given_out_last)
{
    video_call_t call;
    open_call(&call, PEER_MEDIA_AUDIO);
    peer_rtp_parameters_t *older = call.parameters;
    CHECK_INT(peer_sender_get_parameters(call.sender, &call.parameters), 0);
    CHECK(strcmp(older->transaction_id, call.parameters->transaction_id) != 0);
    CHECK_INT(peer_sender_set_parameters(call.sender, older), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), 0);
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), PEER_ERROR_INVALID_STATE);
    peer_rtp_parameters_free(older);
    close_call(&call);
}

TEST(parameters_from_before_an_answer_cannot_be_set_after_it)
{
    video_call_t call;
    open_call(&call, PEER_MEDIA_VIDEO);
    negotiate(call.a, call.b);
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), PEER_ERROR_INVALID_STATE);
    get_again(&call);
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), 0);
    close_call(&call);
}

TEST(read_only_parameters_cannot_be_set)
{
    video_call_t call;
    open_call(&call, PEER_MEDIA_VIDEO);
    peer_rtp_parameters_t *own = call.parameters;
    peer_rtp_encoding_t two[2] = {own->encodings[0], own->encodings[0]}, with_rid = own->encodings[0];
    with_rid.rid = "a";
    peer_rtp_codec_t codecs[4];
    memcpy(codecs, own->codecs, own->codec_count * sizeof *codecs);
    codecs[0].payload_type++;
    peer_rtp_header_extension_t extensions[8];
    memcpy(extensions, own->header_extensions, own->header_extension_count * sizeof *extensions);
    extensions[0].id++;
    peer_rtp_parameters_t changed[9];
    for (size_t i = 0; i < 9; i++)
        changed[i] = *own;
    changed[0].transaction_id = "other";
    changed[1].encodings = two, changed[1].encoding_count = 2;
    changed[2].encoding_count = 0;
    changed[3].encodings = &with_rid;
    changed[4].codecs = codecs;
    changed[5].codec_count--;
    changed[6].header_extensions = extensions;
    changed[7].rtcp_cname = "other";
    changed[8].rtcp_reduced_size = !own->rtcp_reduced_size;
    for (size_t i = 0; i < 9; i++)
        CHECK_INT(peer_sender_set_parameters(call.sender, &changed[i]), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(peer_sender_set_parameters(call.sender, NULL), PEER_ERROR_TYPE);
    CHECK_INT(peer_sender_set_parameters(call.sender, own), 0); /* a refusal has not ended the transaction */
    close_call(&call);
}

TEST(encodings_outside_their_ranges_are_refused_and_change_nothing)
{
    video_call_t call;
    open_call(&call, PEER_MEDIA_VIDEO);
    peer_rtp_encoding_t *encoding = &call.parameters->encodings[0], good = *encoding;
    peer_rtp_codec_t h264 = {.size = sizeof h264, .mime_type = "video/H264", .clock_rate = 90000};
    peer_rtp_codec_t opus = {.size = sizeof opus, .mime_type = "audio/opus", .clock_rate = 48000, .channels = 2};
    encoding->scale_resolution_down_by = 0.5;
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), PEER_ERROR_RANGE);
    *encoding = good;
    encoding->has_max_framerate = 1, encoding->max_framerate = -1;
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), PEER_ERROR_RANGE);
    *encoding = good;
    encoding->scalability_mode = "L3T3";
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), PEER_ERROR_INVALID_MODIFICATION);
    *encoding = good;
    encoding->priority = 5;
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), PEER_ERROR_TYPE);
    *encoding = good;
    encoding->codec = &h264;
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), PEER_ERROR_INVALID_MODIFICATION);
    encoding->codec = &opus;
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), PEER_ERROR_INVALID_MODIFICATION);
    *encoding = good;
    call.parameters->degradation_preference = 3;
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), PEER_ERROR_TYPE);
    call.parameters->degradation_preference = PEER_DEGRADATION_UNSET;
    encoding->scale_resolution_down_by = 0; /* not given: 1 */
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), 0);
    get_again(&call);
    CHECK(call.parameters->encodings[0].scale_resolution_down_by == 1);
    close_call(&call);
}

TEST(scale_and_frame_rate_of_sound_are_ignored)
{
    video_call_t call;
    open_call(&call, PEER_MEDIA_AUDIO);
    peer_rtp_encoding_t *encoding = &call.parameters->encodings[0];
    encoding->scale_resolution_down_by = 0.25;
    encoding->has_max_framerate = 1, encoding->max_framerate = -3;
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), 0);
    get_again(&call);
    CHECK(call.parameters->encodings[0].scale_resolution_down_by == 0);
    CHECK_INT(call.parameters->encodings[0].has_max_framerate, 0);
    close_call(&call);
}

TEST(parameters_need_to_be_asked_for_before_they_are_set_and_not_after_a_stop)
{
    video_call_t call;
    open_call(&call, PEER_MEDIA_VIDEO);
    peer_transceiver_t *other = add(call.a, PEER_MEDIA_VIDEO);
    peer_sender_t *sender = peer_transceiver_sender(other);
    CHECK_INT(peer_sender_set_parameters(sender, call.parameters), PEER_ERROR_INVALID_STATE);
    CHECK_INT(peer_transceiver_stop(call.transceiver), 0);
    CHECK_INT(peer_sender_set_parameters(call.sender, call.parameters), PEER_ERROR_INVALID_STATE);
    peer_sender_unref(sender);
    peer_transceiver_unref(other);
    close_call(&call);
}

TEST(parameters_can_be_read_when_the_connection_is_closed_and_gone)
{
    peer_connection_t *pc = new_connection();
    peer_transceiver_t *transceiver = add(pc, PEER_MEDIA_VIDEO);
    peer_sender_t *sender = peer_transceiver_sender(transceiver);
    peer_receiver_t *receiver = peer_transceiver_receiver(transceiver);
    end(pc);
    for (int i = 0; i < 2; i++) {
        peer_rtp_parameters_t *parameters;
        CHECK_INT(peer_sender_get_parameters(sender, &parameters), 0);
        CHECK_INT(parameters->encoding_count, 1);
        CHECK_INT(peer_sender_set_parameters(sender, parameters), PEER_ERROR_INVALID_STATE);
        peer_rtp_parameters_free(parameters);
        CHECK_INT(peer_receiver_get_parameters(receiver, &parameters), 0);
        CHECK_INT(parameters->codec_count, 0);
        peer_rtp_parameters_free(parameters);
        CHECK_INT(peer_transceiver_set_codec_preferences(transceiver, NULL, 0) == 0 ||
                      peer_transceiver_set_codec_preferences(transceiver, NULL, 0) == PEER_ERROR_INVALID_STATE,
                  1);
    }
    peer_receiver_unref(receiver);
    peer_sender_unref(sender);
    peer_transceiver_unref(transceiver);
}

/* ---- sendEncodings ---- */

static int add_with(peer_connection_t *pc, int32_t kind, const peer_rtp_encoding_t *encodings, size_t count,
                    peer_rtp_parameters_t **parameters)
{
    peer_transceiver_init_t init;
    peer_transceiver_t *transceiver = NULL;
    peer_transceiver_init_init(&init, sizeof init);
    init.send_encodings = encodings;
    init.send_encoding_count = count;
    int result = peer_connection_add_transceiver(pc, kind, &init, &transceiver);
    if (result < 0)
        return result;
    peer_sender_t *sender = peer_transceiver_sender(transceiver);
    CHECK_INT(peer_sender_get_parameters(sender, parameters), 0);
    peer_sender_unref(sender);
    peer_transceiver_unref(transceiver);
    return result;
}

static void init_encodings(peer_rtp_encoding_t *encodings, size_t count, const char *const *rids)
{
    for (size_t i = 0; i < count; i++) {
        peer_rtp_encoding_init(&encodings[i], sizeof *encodings);
        encodings[i].rid = rids != NULL ? rids[i] : NULL;
    }
}

static const char *const rids[] = {"q", "h", "f", "g", "i", "j", "k", "l", "m", "n"};

TEST(three_encodings_without_a_scale_are_scaled_4_2_1)
{
    peer_connection_t *pc = new_connection();
    peer_rtp_encoding_t encodings[3];
    peer_rtp_parameters_t *parameters;
    init_encodings(encodings, 3, rids);
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 3, &parameters), 0);
    CHECK_INT(parameters->encoding_count, 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK_TEXT(parameters->encodings[i].rid, rids[i]);
        CHECK(parameters->encodings[i].scale_resolution_down_by == 4 >> i);
    }
    peer_rtp_parameters_free(parameters);
    char *sdp = local_sdp(pc);
    CHECK(strstr(sdp, "a=rid:q send") != NULL && strstr(sdp, "a=simulcast:send q;h;f") != NULL);
    CHECK(strstr(sdp, "a=ssrc:") == NULL);
    free(sdp);
    end(pc);
}

TEST(with_one_scale_given_the_others_are_1)
{
    peer_connection_t *pc = new_connection();
    peer_rtp_encoding_t encodings[3];
    peer_rtp_parameters_t *parameters;
    init_encodings(encodings, 3, rids);
    encodings[1].scale_resolution_down_by = 3;
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 3, &parameters), 0);
    CHECK(parameters->encodings[0].scale_resolution_down_by == 1 && parameters->encodings[1].scale_resolution_down_by == 3 &&
          parameters->encodings[2].scale_resolution_down_by == 1);
    peer_rtp_parameters_free(parameters);
    end(pc);
}

TEST(a_single_encoding_loses_its_rid_and_too_many_are_cut_off)
{
    peer_connection_t *pc = new_connection();
    peer_rtp_encoding_t encodings[10];
    peer_rtp_parameters_t *parameters;
    init_encodings(encodings, 10, rids);
    encodings[0].has_max_bitrate = 1, encodings[0].max_bitrate_bps = 77000;
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 1, &parameters), 0);
    CHECK(parameters->encodings[0].rid == NULL && parameters->encodings[0].max_bitrate_bps == 77000);
    peer_rtp_parameters_free(parameters);
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 10, &parameters), 0);
    CHECK_INT(parameters->encoding_count, PEER_RTP_ENCODINGS_MAX);
    CHECK(parameters->encodings[0].scale_resolution_down_by == 128);
    peer_rtp_parameters_free(parameters);
    CHECK_INT(add_with(pc, PEER_MEDIA_AUDIO, encodings, 3, &parameters), 0);
    CHECK(parameters->encoding_count == 1 && parameters->encodings[0].rid == NULL);
    peer_rtp_parameters_free(parameters);
    end(pc);
}

TEST(send_encodings_that_cannot_be_are_refused_with_w3cs_errors)
{
    peer_connection_t *pc = new_connection();
    peer_rtp_encoding_t encodings[2];
    peer_rtp_parameters_t *parameters;
    const char *const bad[] = {"", "a b", "\xc3\xa4", "a~"};
    char long_rid[257];
    memset(long_rid, 'a', 256);
    long_rid[256] = '\0';
    for (size_t i = 0; i < 4; i++) {
        init_encodings(encodings, 2, rids);
        encodings[1].rid = bad[i];
        CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 2, &parameters), PEER_ERROR_TYPE);
    }
    encodings[1].rid = long_rid;
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 2, &parameters), PEER_ERROR_TYPE);
    encodings[1].rid = NULL;
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 2, &parameters), PEER_ERROR_TYPE);
    encodings[1].rid = "q";
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 2, &parameters), PEER_ERROR_TYPE);
    init_encodings(encodings, 2, NULL);
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 2, &parameters), PEER_ERROR_TYPE);
    init_encodings(encodings, 2, rids);
    encodings[1].scale_resolution_down_by = 0.9;
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 2, &parameters), PEER_ERROR_RANGE);
    init_encodings(encodings, 2, rids);
    encodings[0].has_max_framerate = 1, encodings[0].max_framerate = -0.5;
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 2, &parameters), PEER_ERROR_RANGE);
    encodings[0].max_framerate = 0;
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 2, &parameters), PEER_ERROR_RANGE);
    init_encodings(encodings, 2, rids);
    peer_rtp_codec_t h264 = {.size = sizeof h264, .mime_type = "video/H264", .clock_rate = 90000};
    encodings[0].codec = &h264;
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 2, &parameters), PEER_ERROR_OPERATION);
    h264.mime_type = "audio/opus";
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 2, &parameters), PEER_ERROR_OPERATION);
    init_encodings(encodings, 2, rids);
    encodings[1].scalability_mode = "S2T1";
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, encodings, 2, &parameters), PEER_ERROR_OPERATION);
    CHECK_INT(add_with(pc, PEER_MEDIA_VIDEO, NULL, 2, &parameters), PEER_ERROR_TYPE);
    CHECK_INT(peer_connection_transceivers(pc, NULL, 0), 0);
    end(pc);
}

TEST(an_answer_without_simulcast_leaves_the_first_encoding_and_what_was_set_of_it)
{
    peer_connection_t *a = new_connection(), *b = new_connection();
    peer_transceiver_init_t init;
    peer_rtp_encoding_t encodings[3];
    peer_transceiver_t *transceiver;
    peer_rtp_parameters_t *parameters;
    init_encodings(encodings, 3, rids);
    encodings[0].has_max_bitrate = 1, encodings[0].max_bitrate_bps = 200000;
    peer_transceiver_init_init(&init, sizeof init);
    init.send_encodings = encodings;
    init.send_encoding_count = 3;
    CHECK_INT(peer_connection_add_transceiver(a, PEER_MEDIA_VIDEO, &init, &transceiver), 0);
    peer_sender_t *sender = peer_transceiver_sender(transceiver);
    signal_local(a, b);
    CHECK_INT(peer_connection_set_local_description(b, NULL), 0);
    peer_description_t *answer = peer_connection_local_description(b), *stripped;
    char *sdp = strdup(peer_description_sdp(answer)), *line;
    while ((line = strstr(sdp, "a=simulcast")) != NULL || (line = strstr(sdp, "a=rid")) != NULL) {
        char *next = strchr(line, '\n') + 1;
        memmove(line, next, strlen(next) + 1);
    }
    CHECK_INT(peer_description_new(PEER_SDP_ANSWER, sdp, &stripped), 0);
    CHECK_INT(peer_connection_set_remote_description(a, stripped), 0);
    CHECK_INT(peer_sender_get_parameters(sender, &parameters), 0);
    CHECK_INT(parameters->encoding_count, 1);
    CHECK_TEXT(parameters->encodings[0].rid, "q");
    CHECK_INT(parameters->encodings[0].max_bitrate_bps, 200000);
    peer_rtp_parameters_free(parameters);
    free(sdp);
    peer_description_unref(answer);
    peer_description_unref(stripped);
    peer_sender_unref(sender);
    peer_transceiver_unref(transceiver);
    end(a);
    end(b);
}

/* ---- header extension control (W3C webrtc-extensions) ---- */

#define CAPTURE_URI "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
#define ROTATION_URI "urn:3gpp:video-orientation"
#define EXTENSIONS_MAX 16

static size_t get_wanted(peer_transceiver_t *transceiver, peer_rtp_header_extension_t *extensions)
{
    extensions[0].size = sizeof *extensions;
    return peer_transceiver_get_header_extensions_to_negotiate(transceiver, extensions, EXTENSIONS_MAX);
}

static peer_rtp_header_extension_t *extension_of(peer_rtp_header_extension_t *extensions, size_t count, const char *uri)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(extensions[i].uri, uri) == 0)
            return &extensions[i];
    test_fail(__FILE__, __LINE__, "%s is missing", uri);
    return NULL;
}

static int set_direction(peer_transceiver_t *transceiver, const char *uri, int32_t direction)
{
    peer_rtp_header_extension_t extensions[EXTENSIONS_MAX];
    size_t count = get_wanted(transceiver, extensions);
    extension_of(extensions, count, uri)->direction = direction;
    return peer_transceiver_set_header_extensions_to_negotiate(transceiver, extensions, count);
}

TEST(header_extensions_to_negotiate_are_those_of_the_capabilities_and_what_an_offer_lists)
{
    for (int32_t kind = PEER_MEDIA_AUDIO; kind <= PEER_MEDIA_VIDEO; kind++) {
        peer_connection_t *pc = new_connection();
        peer_transceiver_t *transceiver = add(pc, kind);
        peer_rtp_capabilities_t *capabilities;
        peer_rtp_header_extension_t extensions[EXTENSIONS_MAX];
        size_t count = get_wanted(transceiver, extensions);
        CHECK_INT(peer_transceiver_get_header_extensions_to_negotiate(transceiver, NULL, 0), count);
        CHECK_INT(peer_transceiver_get_negotiated_header_extensions(transceiver, NULL, 0), 0);
        CHECK_INT(peer_receiver_get_capabilities(kind, &capabilities), 0);
        CHECK_INT(capabilities->header_extension_count, count);
        CHECK_INT(extension_of(extensions, count, CAPTURE_URI)->direction, PEER_DIRECTION_STOPPED);
        CHECK_INT(extension_of(extensions, count, MID_URI)->direction, PEER_DIRECTION_SENDRECV);
        CHECK_INT(set_direction(transceiver, CAPTURE_URI, PEER_DIRECTION_RECVONLY), 0);
        char *sdp = local_sdp(pc);
        for (size_t i = 0; i < count; i++) {
            CHECK_TEXT(extensions[i].uri, capabilities->header_extensions[i].uri);
            CHECK_INT(extensions[i].direction, capabilities->header_extensions[i].direction);
            CHECK_INT(extensions[i].id, -1);
            CHECK(strstr(sdp, extensions[i].uri) != NULL);
        }
        CHECK(strstr(sdp, "/recvonly " CAPTURE_URI "\r\n") != NULL);
        free(sdp);
        peer_rtp_capabilities_free(capabilities);
        peer_transceiver_unref(transceiver);
        end(pc);
    }
}

TEST(an_answer_says_which_header_extensions_are_negotiated_and_they_stay_when_the_connection_is_gone)
{
    peer_connection_t *offerer = new_connection(), *answerer = new_connection();
    peer_transceiver_t *transceiver = add(offerer, PEER_MEDIA_VIDEO);
    peer_rtp_header_extension_t extensions[EXTENSIONS_MAX];
    CHECK_INT(set_direction(transceiver, CAPTURE_URI, PEER_DIRECTION_SENDONLY), 0);
    CHECK_INT(set_direction(transceiver, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", PEER_DIRECTION_STOPPED), 0);
    negotiate(offerer, answerer);
    for (int i = 0; i < 2; i++) {
        extensions[0].size = sizeof *extensions;
        size_t count = peer_transceiver_get_negotiated_header_extensions(transceiver, extensions, EXTENSIONS_MAX);
        CHECK(count > 4);
        CHECK_INT(extension_of(extensions, count, MID_URI)->direction, PEER_DIRECTION_SENDRECV);
        CHECK_INT(extension_of(extensions, count, CAPTURE_URI)->direction, PEER_DIRECTION_SENDONLY);
        CHECK_INT(extension_of(extensions, count, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id")->direction, PEER_DIRECTION_STOPPED);
        CHECK_INT(get_wanted(transceiver, extensions), count);
        CHECK_INT(extension_of(extensions, count, CAPTURE_URI)->direction, PEER_DIRECTION_SENDONLY);
        if (i == 0)
            end(offerer);
    }
    CHECK_INT(set_direction(transceiver, CAPTURE_URI, PEER_DIRECTION_STOPPED), PEER_ERROR_INVALID_STATE);
    peer_transceiver_unref(transceiver);
    end(answerer);
}

TEST(header_extensions_that_cannot_be_are_refused_with_w3cs_errors)
{
    peer_connection_t *pc = new_connection();
    peer_transceiver_t *transceiver = add(pc, PEER_MEDIA_VIDEO);
    peer_rtp_header_extension_t extensions[EXTENSIONS_MAX];
    size_t count = get_wanted(transceiver, extensions);
    CHECK_INT(peer_transceiver_set_header_extensions_to_negotiate(transceiver, extensions, count - 1), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(peer_transceiver_set_header_extensions_to_negotiate(transceiver, NULL, 0), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(peer_transceiver_set_header_extensions_to_negotiate(transceiver, extensions, 1000), PEER_ERROR_INVALID_MODIFICATION);
    for (int32_t direction = PEER_DIRECTION_SENDONLY; direction <= PEER_DIRECTION_STOPPED; direction++)
        CHECK_INT(set_direction(transceiver, MID_URI, direction), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(set_direction(transceiver, ROTATION_URI, PEER_DIRECTION_STOPPED), PEER_ERROR_INVALID_MODIFICATION);
    CHECK_INT(set_direction(transceiver, CAPTURE_URI, 5), PEER_ERROR_TYPE);
    CHECK_INT(set_direction(transceiver, CAPTURE_URI, -1), PEER_ERROR_TYPE);
    extensions[1].uri = "";
    CHECK_INT(peer_transceiver_set_header_extensions_to_negotiate(transceiver, extensions, count), PEER_ERROR_TYPE);
    extensions[1].uri = "urn:4711";
    CHECK_INT(peer_transceiver_set_header_extensions_to_negotiate(transceiver, extensions, count), PEER_ERROR_INVALID_MODIFICATION);
    peer_transceiver_unref(transceiver);
    end(pc);
}
