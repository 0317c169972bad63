/* The far end of the test picture (peer/test_media.h): which one is it, and how much of it is left. */
#include "device/test_picture.h"

#include "base/bytes.h"
#include "base/memory.h"

#include <math.h>
#include <peer/test_media.h>

#define WHITE_ABOVE 128

/* The mean luma in the middle of a rectangle of the code. */
static uint32_t middle_luma(const uint8_t *luma, uint32_t stride, uint32_t x0, uint32_t y0, uint32_t x1, uint32_t y1)
{
    uint32_t dx = (x1 - x0) / 4, dy = (y1 - y0) / 4, sum = 0, count = 0;
    for (uint32_t y = y0 + dy; y < y1 - dy; y++)
        for (uint32_t x = x0 + dx; x < x1 - dx; x++, count++)
            sum += luma[(size_t)y * stride + x];
    return count != 0 ? sum / count : 0;
}

static bool read_code(const peer_video_frame_t *frame, uint32_t *number, uint32_t *clock_ms)
{
    const uint8_t *luma = peer_video_frame_plane(frame, 0);
    uint32_t width = peer_video_frame_width(frame), height = peer_video_frame_height(frame), stride = peer_video_frame_stride(frame, 0);
    uint8_t code[10] = {0};
    for (uint32_t i = 0; i < TEST_PICTURE_CODE_COLUMNS * TEST_PICTURE_CODE_ROWS; i++) {
        uint32_t column = i % TEST_PICTURE_CODE_COLUMNS, row = i / TEST_PICTURE_CODE_COLUMNS;
        uint32_t mean = middle_luma(luma, stride, width * column / TEST_PICTURE_CODE_COLUMNS, height * row / TEST_PICTURE_ROWS,
                                    width * (column + 1) / TEST_PICTURE_CODE_COLUMNS, height * (row + 1) / TEST_PICTURE_ROWS);
        if (mean > WHITE_ABOVE)
            code[i / 8] |= (uint8_t)(0x80 >> i % 8);
    }
    if (test_picture_crc(code, 8) != bytes_get_u16(code + 8))
        return false;
    *number = bytes_get_u32(code);
    *clock_ms = bytes_get_u32(code + 4);
    return true;
}

/* The frame, or the same one in a format that has a plane of luma. */
static peer_video_frame_t *with_luma(peer_video_frame_t *frame)
{
    peer_video_frame_t *converted;
    if (peer_video_frame_format(frame) != PEER_VIDEO_RGBA)
        return peer_video_frame_ref(frame);
    return peer_video_frame_convert(frame, PEER_VIDEO_I420, &converted) == 0 ? converted : NULL;
}

bool peer_test_picture_read(peer_video_frame_t *frame, uint32_t *number, uint32_t *clock_ms)
{
    uint32_t number_read, clock_read;
    if (frame == NULL || peer_video_frame_width(frame) < 2 * TEST_PICTURE_CODE_COLUMNS ||
        peer_video_frame_height(frame) < 2 * TEST_PICTURE_ROWS)
        return false;
    peer_video_frame_t *readable = with_luma(frame);
    bool is_read = readable != NULL && read_code(readable, &number_read, &clock_read);
    peer_video_frame_unref(readable);
    if (is_read && number != NULL)
        *number = number_read;
    if (is_read && clock_ms != NULL)
        *clock_ms = clock_read;
    return is_read;
}

double peer_test_picture_psnr(peer_video_frame_t *frame, uint32_t number)
{
    uint32_t number_read, clock_ms = 0;
    if (frame == NULL)
        return -1;
    peer_test_picture_read(frame, &number_read, &clock_ms);
    uint32_t width = peer_video_frame_width(frame), height = peer_video_frame_height(frame);
    uint32_t even_width = width + width % 2, even_height = height + height % 2;
    peer_video_frame_t *readable = with_luma(frame);
    uint8_t *bytes = memory_resize(NULL, canvas_size(even_width, even_height));
    double psnr = -1;
    if (readable != NULL && bytes != NULL) {
        canvas_t canvas = canvas_over(bytes, even_width, even_height);
        test_picture_draw_background(&canvas);
        test_picture_draw(&canvas, number, clock_ms);
        uint64_t sum = 0;
        for (uint32_t y = 0; y < height; y++) {
            const uint8_t *got = peer_video_frame_plane(readable, 0) + (size_t)y * peer_video_frame_stride(readable, 0);
            const uint8_t *original = canvas.y + (size_t)y * canvas.y_stride;
            for (uint32_t x = 0; x < width; x++) {
                int difference = got[x] - original[x];
                sum += (uint64_t)(difference * difference);
            }
        }
        psnr = sum == 0 ? 100 : 10 * log10(255.0 * 255.0 * width * height / (double)sum);
    }
    memory_free(bytes);
    peer_video_frame_unref(readable);
    return psnr;
}
