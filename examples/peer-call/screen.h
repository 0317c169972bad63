/* What the user sees: in a terminal the picture with meters, statistics and the chat below it; elsewhere plain lines. */
#ifndef SCREEN_H
#define SCREEN_H

#include "mainloop.h"

#include <peer/peer.h>
#include <stdbool.h>

typedef struct screen screen_t;

/* With `is_live` it takes the terminal over, if standard output is one. NULL when memory ran out. */
screen_t *screen_new(mainloop_t *loop, bool is_live);
void screen_free(screen_t *screen); /* gives the terminal back as it was; NULL is allowed */
bool screen_is_live(const screen_t *screen);

/* A line that stays: something happened, or was said. */
__attribute__((format(printf, 2, 3))) void screen_note(screen_t *screen, const char *format, ...);
/* The line of statistics; a new one replaces the last in a terminal. */
void screen_statistics(screen_t *screen, const char *line);
/* Loudness in dBFS of what comes and of what is sent. */
void screen_levels(screen_t *screen, double theirs, double ours);
/* What is being typed. */
void screen_typed(screen_t *screen, const char *text);
/* A received picture; too many a second are left out. */
void screen_picture(screen_t *screen, peer_video_frame_t *frame);
void screen_clear_picture(screen_t *screen);
void screen_resized(screen_t *screen);

#endif
