/* A picture made of characters: every cell is an upper half block, its two halves two pixels in true colour. It knows no terminal. */
#ifndef PICTURE_H
#define PICTURE_H

#include <peer/peer.h>
#include <stdio.h>

#define PICTURE_COLUMNS_MAX 320
#define PICTURE_ROWS_MAX 160

typedef struct picture_cell {
    uint8_t upper[3], lower[3]; /* red, green, blue */
} picture_cell_t;

/* What stands on the screen now, so that only what changed is written. */
typedef struct picture {
    int columns, rows; /* 0: nothing yet */
    int left, top;     /* of its first cell, counted from 1 */
    picture_cell_t cells[PICTURE_COLUMNS_MAX * PICTURE_ROWS_MAX];
} picture_t;

/* The largest size of the picture's shape in a window; a cell is taken to be twice as high as wide. */
void picture_fit(uint32_t width, uint32_t height, int window_columns, int window_rows, int *columns, int *rows);
/* Writes the frame, fitted to the middle of a window that begins in the first line. False when memory ran out. */
bool picture_draw(picture_t *picture, peer_video_frame_t *frame, int window_columns, int window_rows, FILE *out);
/* The screen was cleared: everything is written next time. */
void picture_forget(picture_t *picture);

#endif
