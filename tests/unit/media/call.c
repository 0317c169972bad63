#include "call.h"

#include "base/bytes.h"

#define VIDEO_INTERVAL (PEER_SECOND / 30)
#define AUDIO_INTERVAL (20 * PEER_MILLISECOND)

static uint8_t first_octet(const call_t *call, bool is_key)
{
    if (call->is_vp9)
        return is_key ? 0x82 : 0x86; /* frame marker, frame_type, show_frame */
    return is_key ? 0 : 1;
}

/* Frame: the codec's first octet, number, number depended on, size, then a pattern. */
static size_t make_video(uint8_t *bytes, uint8_t first, int64_t number, int64_t depends_on, size_t size)
{
    bytes[0] = first;
    bytes_put_u32(bytes + 1, (uint32_t)number);
    bytes_put_u32(bytes + 5, (uint32_t)depends_on);
    bytes_put_u32(bytes + 9, (uint32_t)size);
    for (size_t i = 13; i < size; i++)
        bytes[i] = (uint8_t)((size_t)number * 31 + i * 7);
    return size;
}

static bool is_intact(const call_t *call, const media_frame_t *frame)
{
    if (frame->length < 13 || bytes_get_u32(frame->data + 9) != frame->length)
        return false;
    uint32_t number = bytes_get_u32(frame->data + 1);
    for (size_t i = 13; i < frame->length; i++)
        if (frame->data[i] != (uint8_t)(number * 31 + i * 7))
            return false;
    return frame->data[0] == first_octet(call, frame->is_key);
}

static void on_video(call_t *call, const media_frame_t *frame)
{
    if (!is_intact(call, frame)) {
        call->damaged++;
        return;
    }
    int64_t number = bytes_get_u32(frame->data + 1), depends_on = bytes_get_u32(frame->data + 5);
    if (call->frames_received != 0 && call->link.now - call->last_frame_time > call->longest_freeze)
        call->longest_freeze = call->link.now - call->last_frame_time;
    /* With layers a base frame depends on the base frame before; a higher one on the base it follows. */
    bool is_decodable = frame->is_key || depends_on == (call->layers > 1 ? call->decoded_base : call->last_frame);
    if (!is_decodable || number <= call->last_frame)
        call->undecodable++;
    call->last_frame = number;
    if (frame->is_key || frame->temporal_id == 0)
        call->decoded_base = number;
    call->last_frame_time = call->link.now;
    call->frames_received++;
    call->key_frames_received += frame->is_key;
    call->video_latency = call->link.now - (call->start + number * VIDEO_INTERVAL);
}

static void on_audio(call_t *call, const media_frame_t *frame)
{
    int64_t number = bytes_get_u32(frame->data + 1);
    if (number <= call->last_audio)
        call->audio_out_of_order++;
    call->last_audio = number;
    call->audio_received++;
    call->audio_us += frame->duration_us;
    call->audio_latency = call->link.now - (call->start + number * AUDIO_INTERVAL);
}

static void on_output(link_t *link, int end, media_output_t *output)
{
    call_t *call = link->user;
    switch (output->type) {
    case MEDIA_OUTPUT_FRAME:
        CHECK_INT(end, 1);
        if (output->frame->kind == MEDIA_VIDEO)
            on_video(call, output->frame);
        else
            on_audio(call, output->frame);
        break;
    case MEDIA_OUTPUT_AUDIO_LOST:
        call->audio_lost += !output->is_silence;
        call->audio_silence += output->is_silence;
        call->audio_fec += output->next != NULL;
        call->audio_us += output->duration_us;
        break;
    case MEDIA_OUTPUT_KEY_FRAME_REQUESTED:
        CHECK_INT(end, 0);
        call->wants_key_frame = true;
        call->key_frame_requests++;
        break;
    case MEDIA_OUTPUT_FIRST_PACKET:
        call->first_packets++;
        break;
    case MEDIA_OUTPUT_STREAM_ENDED:
        call->streams_ended++;
        break;
    default:
        break;
    }
}

void call_init(call_t *call, uint64_t seed, const link_conditions_t *conditions)
{
    memset(call, 0, sizeof *call);
    link_init(&call->link, seed);
    call->link.conditions = *conditions;
    call->link.user = call;
    call->link.ends[0].on_output = on_output;
    call->link.ends[1].on_output = on_output;
    call->has_rtx = call->has_nack = call->has_video = call->has_audio = true;
    call->frame_size = 4000;
    call->last_frame = call->last_audio = call->decoded_base = -1;
    call->wants_key_frame = true;
}

void call_add_streams(call_t *call)
{
    rtp_extension_map_t extensions = {.ids = {[RTP_EXTENSION_MID] = 4, [RTP_EXTENSION_ABS_SEND_TIME] = 2, [RTP_EXTENSION_AUDIO_LEVEL] = 1}};
    media_codec_t video = {.format = call->is_vp9 ? &rtp_payload_vp9 : &rtp_payload_vp8,
                           .clock_rate = 90000,
                           .payload_type = 96,
                           .rtx_payload_type = call->has_rtx ? 97 : MEDIA_NO_PAYLOAD_TYPE,
                           .feedback = (call->has_nack ? MEDIA_FEEDBACK_NACK : 0) | MEDIA_FEEDBACK_PLI};
    media_codec_t opus = {
        .format = &rtp_payload_opus, .clock_rate = 48000, .channels = 2, .payload_type = 111, .rtx_payload_type = MEDIA_NO_PAYLOAD_TYPE};
    if (call->has_video) {
        call->video_sender =
            media_add_sender(call->link.ends[0].session,
                             &(media_sender_config_t){.kind = MEDIA_VIDEO, .codec = video, .mid = "1", .extensions = extensions});
        call->video_receiver = media_add_receiver(
            call->link.ends[1].session,
            &(media_receiver_config_t){.kind = MEDIA_VIDEO, .mid = "1", .codecs = &video, .codec_count = 1, .extensions = extensions});
        CHECK(call->video_sender != NULL && call->video_receiver != NULL);
    }
    if (call->has_audio) {
        call->audio_sender = media_add_sender(
            call->link.ends[0].session, &(media_sender_config_t){.kind = MEDIA_AUDIO, .codec = opus, .mid = "0", .extensions = extensions});
        call->audio_receiver = media_add_receiver(
            call->link.ends[1].session,
            &(media_receiver_config_t){.kind = MEDIA_AUDIO, .mid = "0", .codecs = &opus, .codec_count = 1, .extensions = extensions});
        CHECK(call->audio_sender != NULL && call->audio_receiver != NULL);
    }
    call->start = call->link.now;
    call->next_video = call->start + call->video_clock_offset;
    call->next_audio = call->start;
}

static void send_video(call_t *call)
{
    static uint8_t bytes[1 << 16];
    static int64_t last_base;
    int64_t number = call->frames_sent++;
    bool is_key = call->wants_key_frame;
    call->wants_key_frame = false;
    unsigned layer = call->layers > 1 && !is_key ? (unsigned)(number & 1) : 0;
    int64_t depends_on = call->layers > 1 ? last_base : number - 1;
    if (layer == 0)
        last_base = number;
    size_t size = is_key ? 3 * call->frame_size : 100 + (size_t)(link_chance(&call->link) * 2 * (double)call->frame_size);
    make_video(bytes, first_octet(call, is_key), number, depends_on, size);
    media_frame_t frame = {.data = bytes,
                           .length = size,
                           .timestamp_us = number * VIDEO_INTERVAL,
                           .kind = MEDIA_VIDEO,
                           .is_key = is_key,
                           .capture_time = call->start + number * VIDEO_INTERVAL,
                           .has_layers = call->layers > 1,
                           .temporal_id = (uint8_t)layer,
                           .is_layer_sync = layer != 0};
    CHECK_INT(media_sender_send_frame(call->video_sender, call->link.now, &frame), 0);
    call->next_video += VIDEO_INTERVAL;
}

static void send_audio(call_t *call)
{
    uint8_t bytes[80] = {0x78}; /* Opus, hybrid, one frame of 20 ms */
    int64_t number = call->audio_sent++;
    call->next_audio += AUDIO_INTERVAL;
    if (call->audio_pauses && number / 50 % 2 == 1 && number % 20 != 0)
        return;
    bytes_put_u32(bytes + 1, (uint32_t)number);
    media_frame_t frame = {.data = bytes,
                           .length = sizeof bytes,
                           .timestamp_us = number * AUDIO_INTERVAL,
                           .kind = MEDIA_AUDIO,
                           .is_key = true,
                           .capture_time = call->start + number * AUDIO_INTERVAL,
                           .has_audio_level = true,
                           .audio_level = 30};
    CHECK_INT(media_sender_send_frame(call->audio_sender, call->link.now, &frame), 0);
}

void call_run(call_t *call, peer_time_t duration)
{
    peer_time_t end = call->link.now + duration;
    while (call->link.now < end) {
        peer_time_t next = end;
        if (call->has_video)
            next = time_earlier(next, call->next_video);
        if (call->has_audio)
            next = time_earlier(next, call->next_audio);
        link_run(&call->link, next);
        while (call->has_video && call->link.now >= call->next_video && call->link.now < end)
            send_video(call);
        while (call->has_audio && call->link.now >= call->next_audio && call->link.now < end)
            send_audio(call);
    }
}

void call_free(call_t *call)
{
    link_free(&call->link);
}
