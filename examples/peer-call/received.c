#include "received.h"

#include "mainloop.h"

#include <math.h>
#include <peer/test_media.h>
#include <string.h>

#define SILENCE_DBFS (-127.0)
#define PSNR_EVERY 5     /* pictures; making the original again costs some */
#define PSNR_ALIEN_DB 15 /* below this it is not our picture: a page draws its own under the same numbers */

void received_init(received_t *received)
{
    memset(received, 0, sizeof *received);
    received->audio_level_dbfs = SILENCE_DBFS;
}

/* FNV-1a over every fourth byte of every fourth row of luma. */
static uint64_t hash_luma(peer_video_frame_t *frame)
{
    const uint8_t *luma = peer_video_frame_plane(frame, 0);
    uint32_t stride = peer_video_frame_stride(frame, 0), width = peer_video_frame_width(frame), height = peer_video_frame_height(frame);
    uint64_t hash = 14695981039346656037u;
    for (uint32_t y = 0; y < height; y += 4)
        for (uint32_t x = 0; x < width; x += 4)
            hash = (hash ^ luma[(size_t)y * stride + x]) * 1099511628211u;
    return hash;
}

void received_video(received_t *received, peer_video_frame_t *frame)
{
    if (received->first_video_us == 0)
        received->first_video_us = now_us();
    received->width = peer_video_frame_width(frame);
    received->height = peer_video_frame_height(frame);
    uint32_t number;
    bool is_first = received->video_frames++ == 0, was_numbered = received->is_numbered;
    received->is_numbered = peer_test_picture_read(frame, &number, NULL);
    if (received->is_numbered) {
        received->video_frames_distinct += is_first || !was_numbered || number != received->number;
        received->number = number;
        if (received->video_frames % PSNR_EVERY == 0) {
            double psnr_db = peer_test_picture_psnr(frame, number);
            received->psnr_sum += psnr_db;
            received->psnr_count += psnr_db >= 0;
        }
    } else if (!was_numbered) { /* one unreadable picture among numbered ones is not counted twice */
        uint64_t hash = hash_luma(frame);
        received->video_frames_distinct += is_first || hash != received->content_hash;
        received->content_hash = hash;
    }
}

void received_audio(received_t *received, peer_audio_frame_t *frame)
{
    if (received->first_audio_us == 0)
        received->first_audio_us = now_us();
    double seconds = (double)peer_audio_frame_samples_per_channel(frame) / peer_audio_frame_sample_rate(frame);
    received->audio_level_dbfs = peer_audio_frame_level_dbfs(frame);
    received->audio_seconds += seconds;
    received->audio_energy += pow(10, received->audio_level_dbfs / 10) * seconds;
}

void received_message(received_t *received, size_t length)
{
    received->data_messages++;
    received->data_bytes += length;
}

bool received_psnr_db(const received_t *received, double *psnr_db)
{
    if (received->psnr_count == 0)
        return false;
    *psnr_db = received->psnr_sum / (double)received->psnr_count;
    return *psnr_db >= PSNR_ALIEN_DB;
}

double received_level_dbfs(const received_t *received)
{
    if (received->audio_seconds <= 0)
        return SILENCE_DBFS;
    double dbfs = 10 * log10(received->audio_energy / received->audio_seconds);
    return dbfs > SILENCE_DBFS ? dbfs : SILENCE_DBFS;
}
