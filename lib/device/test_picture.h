/* How the test picture is drawn: wholly determined by its size, number and clock. The layout of its code is told in peer/test_media.h. */
#ifndef DEVICE_TEST_PICTURE_H
#define DEVICE_TEST_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#define TEST_PICTURE_CODE_COLUMNS 20
#define TEST_PICTURE_CODE_ROWS 4
#define TEST_PICTURE_ROWS 15 /* the code's rows and what lies below, in rows of the same height */

typedef struct canvas {
    uint8_t *y, *u, *v;
    uint32_t y_stride, uv_stride; /* bytes */
    uint32_t width, height;       /* even */
} canvas_t;

/* One block of memory for a whole I420 picture without gaps, and a canvas over it. */
size_t canvas_size(uint32_t width, uint32_t height);
canvas_t canvas_over(uint8_t *bytes, uint32_t width, uint32_t height);

void test_picture_draw_background(const canvas_t *canvas);
/* Draws over the background what belongs to one number and clock. */
void test_picture_draw(const canvas_t *canvas, uint32_t number, uint32_t clock_ms);

/* CRC-16 with polynomial 0x1021, initial value 0xffff, not reflected. */
uint16_t test_picture_crc(const uint8_t *bytes, size_t length);

#endif
