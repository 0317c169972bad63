#include "picture.h"
#include "test.h"

#include <stdlib.h>

static peer_video_frame_t *make_frame(uint32_t width, uint32_t height, uint8_t luma)
{
    uint8_t *bytes = malloc((size_t)width * height * 3 / 2);
    memset(bytes, luma, (size_t)width * height);
    memset(bytes + width * height, 128, (size_t)width * height / 2);
    peer_video_buffer_t buffer;
    peer_video_buffer_init(&buffer, sizeof buffer);
    buffer.width = width;
    buffer.height = height;
    buffer.planes[0] = bytes;
    buffer.planes[1] = bytes + width * height;
    buffer.planes[2] = buffer.planes[1] + width * height / 4;
    peer_video_frame_t *frame = NULL;
    CHECK_INT(peer_video_frame_new_copy(&buffer, &frame), 0);
    free(bytes);
    return frame;
}

static size_t draw(picture_t *picture, peer_video_frame_t *frame, char **text)
{
    size_t length;
    FILE *out = open_memstream(text, &length);
    CHECK(picture_draw(picture, frame, 80, 20, out));
    fclose(out);
    return length;
}

TEST(the_picture_keeps_its_shape_in_any_window)
{
    int columns, rows;
    picture_fit(640, 480, 80, 100, &columns, &rows);
    CHECK_INT(columns, 80);
    CHECK_INT(rows, 30);
    picture_fit(640, 480, 200, 30, &columns, &rows);
    CHECK_INT(rows, 30);
    CHECK_INT(columns, 80);
    picture_fit(1, 16384, 10, 10, &columns, &rows);
    CHECK(columns >= 1 && rows >= 1);
    picture_fit(16384, 1, 10000, 10000, &columns, &rows);
    CHECK(columns <= PICTURE_COLUMNS_MAX && rows >= 1);
}

TEST(only_what_changed_is_written)
{
    picture_t *picture = calloc(1, sizeof *picture);
    peer_video_frame_t *grey = make_frame(64, 48, 126), *white = make_frame(64, 48, 235);
    char *text = NULL;
    draw(picture, grey, &text);
    CHECK(strstr(text, "\033[38;2;128;128;128m") != NULL);
    free(text);
    draw(picture, grey, &text);
    CHECK(strstr(text, "▀") == NULL);
    free(text);
    draw(picture, white, &text);
    CHECK(strstr(text, "\033[38;2;255;255;255m") != NULL);
    free(text);
    picture_forget(picture);
    draw(picture, white, &text);
    CHECK(strstr(text, "▀") != NULL);
    free(text);
    peer_video_frame_unref(grey);
    peer_video_frame_unref(white);
    free(picture);
}
