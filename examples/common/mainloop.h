/* The one loop of the program: libwebsockets' own, to which other descriptors (libpeer's manual loop, the keyboard, signals) and alarms are
 * added. Everything in a program runs on its thread. */
#ifndef MAINLOOP_H
#define MAINLOOP_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct mainloop mainloop_t;

/* NULL, with a message on stderr, when the system refuses. Signals SIGINT, SIGTERM and SIGWINCH are blocked from here on and come by
 * mainloop_on_signal(), so this is called before any thread is made. */
mainloop_t *mainloop_new(void);
void mainloop_free(mainloop_t *loop);
struct lws_context *mainloop_context(mainloop_t *loop);

/* Calls `readable` whenever the descriptor is; false from it ends the watch. The descriptor stays the caller's. False when it cannot be
 * watched. */
bool mainloop_watch(mainloop_t *loop, int descriptor, bool (*readable)(void *user), void *user);
void mainloop_on_signal(mainloop_t *loop, void (*arrived)(int signal, void *user), void *user);

/* A call that is due once, after a while. All zero is one that is not set. */
typedef struct alarm_clock {
    lws_sorted_usec_list_t entry; /* first: libwebsockets gives this back */
    void (*ring)(void *user);
    void *user;
} alarm_clock_t;

void mainloop_set_alarm(mainloop_t *loop, alarm_clock_t *alarm, int64_t microseconds, void (*ring)(void *user), void *user);
void mainloop_cancel_alarm(alarm_clock_t *alarm);

/* Runs until mainloop_stop(). */
void mainloop_run(mainloop_t *loop);
void mainloop_stop(mainloop_t *loop);

/* Microseconds on the monotonic clock. */
int64_t now_us(void);

#endif
