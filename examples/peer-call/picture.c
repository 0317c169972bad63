#include "picture.h"

#include <stdlib.h>
#include <string.h>

/* A difference of colour that nobody sees, summed over six components. */
#define UNSEEN 10

void picture_fit(uint32_t width, uint32_t height, int window_columns, int window_rows, int *columns, int *rows)
{
    if (window_columns > PICTURE_COLUMNS_MAX)
        window_columns = PICTURE_COLUMNS_MAX;
    if (window_rows > PICTURE_ROWS_MAX)
        window_rows = PICTURE_ROWS_MAX;
    *columns = window_columns;
    *rows = (int)((uint64_t)window_columns * height / width / 2);
    if (*rows > window_rows) {
        *rows = window_rows;
        *columns = (int)((uint64_t)window_rows * 2 * width / height);
    }
    if (*columns < 1)
        *columns = 1;
    if (*rows < 1)
        *rows = 1;
}

void picture_forget(picture_t *picture)
{
    picture->columns = picture->rows = 0;
}

static int difference(const picture_cell_t *a, const picture_cell_t *b)
{
    int sum = 0;
    for (int i = 0; i < 3; i++)
        sum += abs(a->upper[i] - b->upper[i]) + abs(a->lower[i] - b->lower[i]);
    return sum;
}

static void draw_row(picture_t *picture, int row, const uint8_t *upper, const uint8_t *lower, bool is_fresh, FILE *out)
{
    picture_cell_t last = {0};
    bool has_colour = false;
    int cursor = -1; /* column behind the last cell written in this row */
    for (int column = 0; column < picture->columns; column++, upper += 4, lower += 4) {
        picture_cell_t *shown = &picture->cells[row * picture->columns + column], cell;
        memcpy(cell.upper, upper, 3);
        memcpy(cell.lower, lower, 3);
        if (!is_fresh && difference(shown, &cell) <= UNSEEN)
            continue;
        *shown = cell;
        if (cursor != column)
            fprintf(out, "\033[%d;%dH", picture->top + row, picture->left + column);
        if (!has_colour || memcmp(last.upper, cell.upper, 3) != 0)
            fprintf(out, "\033[38;2;%d;%d;%dm", cell.upper[0], cell.upper[1], cell.upper[2]);
        if (!has_colour || memcmp(last.lower, cell.lower, 3) != 0)
            fprintf(out, "\033[48;2;%d;%d;%dm", cell.lower[0], cell.lower[1], cell.lower[2]);
        fputs("▀", out);
        last = cell;
        has_colour = true;
        cursor = column + 1;
    }
    if (has_colour)
        fputs("\033[0m", out);
}

bool picture_draw(picture_t *picture, peer_video_frame_t *frame, int window_columns, int window_rows, FILE *out)
{
    int columns, rows;
    picture_fit(peer_video_frame_width(frame), peer_video_frame_height(frame), window_columns, window_rows, &columns, &rows);
    bool is_fresh = columns != picture->columns || rows != picture->rows;
    if (is_fresh)
        for (int row = 1; row <= window_rows; row++)
            fprintf(out, "\033[%d;1H\033[2K", row);
    picture->columns = columns;
    picture->rows = rows;
    picture->left = 1 + (window_columns - columns) / 2;
    picture->top = 1 + (window_rows - rows) / 2;

    peer_video_frame_t *scaled = NULL, *rgba = NULL;
    bool done = peer_video_frame_scale(frame, (uint32_t)columns, (uint32_t)rows * 2, &scaled) == 0 &&
                peer_video_frame_convert(scaled, PEER_VIDEO_RGBA, &rgba) == 0;
    if (done) {
        const uint8_t *pixels = peer_video_frame_plane(rgba, 0);
        size_t stride = peer_video_frame_stride(rgba, 0);
        for (int row = 0; row < rows; row++)
            draw_row(picture, row, pixels + (size_t)row * 2 * stride, pixels + ((size_t)row * 2 + 1) * stride, is_fresh, out);
    }
    peer_video_frame_unref(scaled);
    peer_video_frame_unref(rgba);
    return done;
}
