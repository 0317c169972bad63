/* What people, or programs, are told while a transfer goes on: a bar on a terminal's stderr, or JSON lines (README.md lists them). Both
 * threads may call. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct progress progress_t;

/* `json`: lines on stdout, or on stderr when the data goes there. NULL when memory ran out. */
progress_t *progress_new(bool json, bool data_goes_to_stdout, bool is_quiet);
void progress_free(progress_t *progress);

/* A transfer of `total` bytes (-1: not known) begins, `before` of which are there already. */
void progress_begin(progress_t *progress, int64_t total, int64_t before);
void progress_at(progress_t *progress, int64_t bytes, const char *name);
void progress_path(progress_t *progress, const char *path);
void progress_broken(progress_t *progress);    /* the rate is measured anew */
void progress_tick(progress_t *progress);      /* some times a second: shows it */
void progress_end(progress_t *progress);       /* the last state stays on the terminal */
bool progress_has_ended(progress_t *progress); /* and nothing began since */

/* A line for people, an event {"event":"note","text":…} for programs. */
void progress_note(progress_t *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An event for programs alone; takes the reference over. */
void progress_event(progress_t *progress, json_t *event);
/* A line for people alone. */
void progress_line(progress_t *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For people who answer: the bar stays away until it is called again with false. */
void progress_ask(progress_t *progress, bool is_asking);

#define PROGRESS_SIZE 24
const char *progress_size(int64_t bytes, char text[PROGRESS_SIZE]); /* "1.5 MB" */
/* The same of what may have a stream in it: "of unknown size", "1.5 MB and a stream". */
#define PROGRESS_EXTENT_SIZE (PROGRESS_SIZE + 16)
const char *progress_extent(int64_t bytes, bool has_stream, char text[PROGRESS_EXTENT_SIZE]);

#endif
