#include "received.h"

#define LOUD_DBFS (-50.0)

/* FNV-1a over every fourth pixel of every fourth row. */
static uint64_t hash_luma(peer_video_frame_t *frame)
{
    const uint8_t *luma = peer_video_frame_plane(frame, 0);
    uint32_t stride = peer_video_frame_stride(frame, 0);
    uint64_t hash = 14695981039346656037u;
    for (uint32_t y = 0; y < peer_video_frame_height(frame); y += 4)
        for (uint32_t x = 0; x < peer_video_frame_width(frame); x += 4)
            hash = (hash ^ luma[(size_t)y * stride + x]) * 1099511628211u;
    return hash;
}

void received_video(received_t *received, peer_video_frame_t *frame)
{
    uint64_t hash = hash_luma(frame);
    received->video_changes += received->video_frames > 0 && hash != received->picture_hash;
    received->picture_hash = hash;
    received->video_frames++;
    received->width = peer_video_frame_width(frame);
    received->height = peer_video_frame_height(frame);
    uint32_t number;
    if (peer_test_picture_read(frame, &number, NULL) && (received->video_numbers == 0 || number > received->highest_number)) {
        received->video_numbers++;
        received->highest_number = number;
    }
}

static void judge_sound(received_t *received, uint32_t rate)
{
    if (peer_test_sound_is_present(received->sound, received->sound_count, 1, rate))
        received->test_sound_seconds += (double)received->sound_count / rate;
    received->sound_count = 0;
}

void received_audio(received_t *received, peer_audio_frame_t *frame)
{
    peer_audio_frame_t *samples;
    if (peer_audio_frame_convert(frame, PEER_AUDIO_S16, &samples) < 0)
        return;
    uint32_t rate = peer_audio_frame_sample_rate(samples), channels = peer_audio_frame_channels(samples);
    uint32_t count = peer_audio_frame_samples_per_channel(samples);
    const int16_t *data = peer_audio_frame_data(samples);
    double seconds = (double)count / rate;
    received->audio_frames++;
    received->audio_seconds += seconds;
    if (peer_audio_frame_level_dbfs(samples) > LOUD_DBFS)
        received->loud_seconds += seconds;
    for (uint32_t i = 0; i < count; i++) {
        received->sound[received->sound_count++] = data[(size_t)i * channels];
        if (received->sound_count == RECEIVED_SOUND_SAMPLES)
            judge_sound(received, rate);
    }
    peer_audio_frame_unref(samples);
}

void received_report(const received_t *received, json_t *report)
{
    json_object_set_new(report, "video_frames", json_integer((json_int_t)received->video_frames));
    json_object_set_new(report, "video_changes", json_integer((json_int_t)received->video_changes));
    json_object_set_new(report, "video_numbers", json_integer((json_int_t)received->video_numbers));
    json_object_set_new(report, "video_size", json_pack("[i, i]", (int)received->width, (int)received->height));
    json_object_set_new(report, "audio_seconds", json_real(received->audio_seconds));
    json_object_set_new(report, "loud_seconds", json_real(received->loud_seconds));
    json_object_set_new(report, "test_sound_seconds", json_real(received->test_sound_seconds));
}
