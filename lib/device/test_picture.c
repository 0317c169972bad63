/* The test picture: colour bars, a ball that bounces and changes its colour, a hand that sweeps, digits for people and a code for machines.
 */
#include "device/test_picture.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"
#include "device/device.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct colour {
    uint8_t y, u, v;
} colour_t;

static const colour_t black = {16, 128, 128}, white = {235, 128, 128};
/* The eight bars, in BT.601 limited range. */
static const colour_t bars[] = {{180, 128, 128}, {162, 44, 142}, {131, 156, 44}, {112, 72, 58},
                                {84, 184, 198},  {65, 100, 212}, {35, 212, 114}, {110, 128, 128}};
#define BAR_COUNT (sizeof bars / sizeof *bars)
#define BALL_COLOUR_FRAMES 15 /* frames between two colours of the ball */
#define SWEEP_FRAMES 120      /* frames of one sweep of the hand */

/* ---- drawing ---- */

size_t canvas_size(uint32_t width, uint32_t height)
{
    return (size_t)width * height * 3 / 2;
}

canvas_t canvas_over(uint8_t *bytes, uint32_t width, uint32_t height)
{
    size_t luma = (size_t)width * height;
    return (canvas_t){.y = bytes,
                      .u = bytes + luma,
                      .v = bytes + luma * 5 / 4,
                      .y_stride = width,
                      .uv_stride = width / 2,
                      .width = width,
                      .height = height};
}

/* A rectangle from (x0, y0) up to but not with (x1, y1), cut off at the borders; chroma covers the pixels it has half of. */
static void fill(const canvas_t *canvas, uint32_t x0, uint32_t y0, uint32_t x1, uint32_t y1, colour_t colour)
{
    x1 = x1 < canvas->width ? x1 : canvas->width;
    y1 = y1 < canvas->height ? y1 : canvas->height;
    if (x0 >= x1 || y0 >= y1)
        return;
    for (uint32_t y = y0; y < y1; y++)
        memset(canvas->y + (size_t)y * canvas->y_stride + x0, colour.y, x1 - x0);
    for (uint32_t y = y0 / 2; y < (y1 + 1) / 2; y++) {
        memset(canvas->u + (size_t)y * canvas->uv_stride + x0 / 2, colour.u, (x1 + 1) / 2 - x0 / 2);
        memset(canvas->v + (size_t)y * canvas->uv_stride + x0 / 2, colour.v, (x1 + 1) / 2 - x0 / 2);
    }
}

void test_picture_draw_background(const canvas_t *canvas)
{
    uint32_t top = canvas->height * TEST_PICTURE_CODE_ROWS / TEST_PICTURE_ROWS;
    for (uint32_t i = 0; i < BAR_COUNT; i++)
        fill(canvas, (uint32_t)(canvas->width * i / BAR_COUNT), 0, (uint32_t)(canvas->width * (i + 1) / BAR_COUNT), canvas->height,
             bars[i]);
    for (uint32_t y = top; y < canvas->height; y++) { /* the lower, the darker: something for prediction to do */
        uint32_t share = 256 - 96 * (y - top) / (canvas->height - top);
        uint8_t *row = canvas->y + (size_t)y * canvas->y_stride;
        for (uint32_t x = 0; x < canvas->width; x++)
            row[x] = (uint8_t)(16 + (row[x] - 16) * share / 256);
    }
}

/* Where something is that runs forth and back between 0 and `range`. */
static uint32_t bounce(uint64_t distance, uint32_t range)
{
    if (range == 0)
        return 0;
    uint32_t place = (uint32_t)(distance % (2 * (uint64_t)range));
    return place < range ? place : 2 * range - place;
}

static void draw_ball(const canvas_t *canvas, uint32_t number)
{
    uint32_t top = canvas->height * TEST_PICTURE_CODE_ROWS / TEST_PICTURE_ROWS, floor = canvas->height * 12 / TEST_PICTURE_ROWS;
    uint32_t diameter = (floor - top) / 3 < canvas->width / 4 ? (floor - top) / 3 : canvas->width / 4, radius = diameter / 2;
    uint32_t left = bounce((uint64_t)number * canvas->width / 150, canvas->width - diameter);
    uint32_t upper = top + bounce((uint64_t)number * canvas->height / 110, floor - top - diameter);
    colour_t colour = bars[number / BALL_COLOUR_FRAMES % (BAR_COUNT - 1)];
    colour.y = (uint8_t)(255 - colour.y); /* stands out from every bar */
    for (uint32_t row = 0; row < diameter; row++) {
        double height = (double)row + 0.5 - radius;
        uint32_t half = (uint32_t)sqrt(fmax((double)radius * radius - height * height, 0));
        fill(canvas, left + radius - half, upper + row, left + radius + half, upper + row + 1, colour);
    }
}

static void draw_hand(const canvas_t *canvas, uint32_t number)
{
    uint32_t upper = canvas->height * 12 / TEST_PICTURE_ROWS, lower = canvas->height * 13 / TEST_PICTURE_ROWS;
    uint32_t breadth = canvas->width / 32;
    uint32_t left = (uint32_t)((uint64_t)(number % SWEEP_FRAMES) * (canvas->width - breadth) / SWEEP_FRAMES) & ~1u;
    fill(canvas, 0, upper, canvas->width, lower, black);
    fill(canvas, left, upper, left + breadth, lower, white);
}

/* Seven segments: top, upper right, lower right, bottom, lower left, upper left, middle; bit 0 is the top. */
static const uint8_t digit_segments[10] = {0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f};

static void draw_digit(const canvas_t *canvas, unsigned digit, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    uint32_t stroke = width / 5 > 0 ? width / 5 : 1, middle = y + height / 2, right = x + width, bottom = y + height;
    const uint32_t segments[7][4] = {{x, y, right, y + stroke},
                                     {right - stroke, y, right, middle},
                                     {right - stroke, middle, right, bottom},
                                     {x, bottom - stroke, right, bottom},
                                     {x, middle, x + stroke, bottom},
                                     {x, y, x + stroke, middle},
                                     {x, middle - stroke / 2, right, middle - stroke / 2 + stroke}};
    for (int i = 0; i < 7; i++)
        if ((digit_segments[digit] >> i & 1) != 0)
            fill(canvas, segments[i][0], segments[i][1], segments[i][2], segments[i][3], white);
}

/* The frame's number on the left, seconds and milliseconds of its clock on the right. */
static void draw_digits(const canvas_t *canvas, uint32_t number, uint32_t clock_ms)
{
    char text[32];
    uint32_t cell = canvas->width / 20, upper = canvas->height * 13 / TEST_PICTURE_ROWS, height = canvas->height - upper;
    snprintf(text, sizeof text, "%08u   %05u.%03u", number % 100000000u, clock_ms / 1000 % 100000u, clock_ms % 1000u);
    fill(canvas, 0, upper, canvas->width, canvas->height, black);
    for (uint32_t i = 0; text[i] != '\0'; i++) {
        uint32_t x = cell * i + cell / 8;
        if (text[i] == '.')
            fill(canvas, x + cell / 4, canvas->height - height / 4, x + cell / 2, canvas->height - height / 8, white);
        else if (text[i] != ' ')
            draw_digit(canvas, (unsigned)(text[i] - '0'), x, upper + height / 8, cell * 3 / 4, height * 3 / 4);
    }
}

uint16_t test_picture_crc(const uint8_t *bytes, size_t length)
{
    uint32_t crc = 0xffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= (uint32_t)bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
        crc &= 0xffff;
    }
    return (uint16_t)crc;
}

static void draw_code(const canvas_t *canvas, uint32_t number, uint32_t clock_ms)
{
    uint8_t code[10];
    bytes_put_u32(code, number);
    bytes_put_u32(code + 4, clock_ms);
    bytes_put_u16(code + 8, test_picture_crc(code, 8));
    for (uint32_t i = 0; i < TEST_PICTURE_CODE_COLUMNS * TEST_PICTURE_CODE_ROWS; i++) {
        uint32_t column = i % TEST_PICTURE_CODE_COLUMNS, row = i / TEST_PICTURE_CODE_COLUMNS;
        bool is_set = (code[i / 8] >> (7 - i % 8) & 1) != 0;
        fill(canvas, canvas->width * column / TEST_PICTURE_CODE_COLUMNS, canvas->height * row / TEST_PICTURE_ROWS,
             canvas->width * (column + 1) / TEST_PICTURE_CODE_COLUMNS, canvas->height * (row + 1) / TEST_PICTURE_ROWS,
             is_set ? white : black);
    }
}

void test_picture_draw(const canvas_t *canvas, uint32_t number, uint32_t clock_ms)
{
    draw_ball(canvas, number);
    draw_hand(canvas, number);
    draw_digits(canvas, number, clock_ms);
    draw_code(canvas, number, clock_ms);
}

/* ---- the producer ---- */

typedef struct test_picture {
    media_producer_t producer; /* first */
    uint8_t *background;
    uint64_t index;
    uint32_t first_number;
    int64_t clock_offset_us;
} test_picture_t;

static int next(media_producer_t *producer, peer_time_t epoch, media_unit_t *unit)
{
    test_picture_t *self = (test_picture_t *)producer;
    uint32_t width = producer->width, height = producer->height;
    uint8_t *bytes = memory_resize(NULL, canvas_size(width, height));
    if (bytes == NULL)
        return error_no_memory();
    memcpy(bytes, self->background, canvas_size(width, height));
    canvas_t canvas = canvas_over(bytes, width, height);
    unit->due_us = (peer_time_t)((double)self->index * 1e6 / producer->framerate);
    int64_t timestamp_us = epoch + unit->due_us;
    test_picture_draw(&canvas, self->first_number + (uint32_t)self->index, (uint32_t)((timestamp_us + self->clock_offset_us) / 1000));
    peer_video_buffer_t buffer = {.size = sizeof buffer,
                                  .format = PEER_VIDEO_I420,
                                  .width = width,
                                  .height = height,
                                  .timestamp_us = timestamp_us,
                                  .planes = {canvas.y, canvas.u, canvas.v}};
    int error = peer_video_frame_new_adopt(&buffer, memory_free, bytes, &unit->video);
    if (error < 0) {
        memory_free(bytes);
        return error;
    }
    self->index++;
    return 1;
}

static void free_picture(media_producer_t *producer)
{
    memory_free(((test_picture_t *)producer)->background);
    memory_free(producer);
}

int test_picture_new(const test_picture_settings_t *settings, media_producer_t **producer)
{
    uint32_t width = settings->width != 0 ? settings->width : 640, height = settings->height != 0 ? settings->height : 480;
    double framerate = settings->framerate != 0 ? settings->framerate : 30;
    if (width < 64 || width > 7680 || width % 2 != 0 || height < 48 || height > 4320 || height % 2 != 0)
        return error_set(PEER_ERROR_OVERCONSTRAINED, "test picture: %u×%u is not even and within 64×48 and 7680×4320", width, height);
    if (!(framerate >= 1 && framerate <= 120))
        return error_set(PEER_ERROR_OVERCONSTRAINED, "test picture: %g frames a second, not 1 to 120", framerate);
    test_picture_t *self = MEMORY_NEW(test_picture_t);
    if (self == NULL)
        return error_no_memory();
    self->background = memory_resize(NULL, canvas_size(width, height));
    if (self->background == NULL) {
        memory_free(self);
        return error_no_memory();
    }
    canvas_t canvas = canvas_over(self->background, width, height);
    test_picture_draw_background(&canvas);
    self->first_number = settings->first_number;
    self->clock_offset_us = settings->clock_offset_us;
    self->producer.next = next;
    self->producer.free = free_picture;
    self->producer.kind = PEER_MEDIA_VIDEO;
    self->producer.width = width;
    self->producer.height = height;
    self->producer.framerate = framerate;
    snprintf(self->producer.label, sizeof self->producer.label, "test picture");
    *producer = &self->producer;
    return 0;
}
