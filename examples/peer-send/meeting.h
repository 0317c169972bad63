/* The coming together of the two sides: the room at the rendezvous, and one link after the other while the other side comes, breaks off and
 * comes again. It runs on the loop's thread; messages of a proven link go to and from the worker by the conduit. */
#ifndef MEETING_H
#define MEETING_H

#include "code.h"
#include "conduit.h"
#include "mainloop.h"
#include "network.h"

/* Exit status of peer-send. */
enum {
    STATUS_DONE = 0,
    STATUS_USAGE = 1,
    STATUS_NOT_CONNECTED = 2,
    STATUS_INCOMPLETE = 3, /* something did not arrive, or not as it was sent */
    STATUS_UNPROVEN = 4    /* a wrong code, or somebody in between */
};

typedef struct meeting meeting_t;

typedef struct meeting_events {
    void (*on_code)(void *user, const code_t *code);             /* the room is ours: the code may be told */
    void (*on_link)(void *user, const char *path);               /* connected and proven; "direct", "relay" */
    void (*on_note)(void *user, const char *text);               /* for people */
    void (*on_broken)(void *user);                               /* what was connected is not any more; it is tried again */
    void (*on_failed)(void *user, int status, const char *text); /* it will never be */
    void (*on_left)(void *user);                                 /* after meeting_leave(): the last call */
} meeting_events_t;

typedef struct meeting_settings {
    network_t *network; /* its room is the meeting's to set */
    mainloop_t *loop;
    conduit_t *conduit;
    bool is_sender;
    bool may_change_code; /* it was made here, and told to nobody yet */
    code_t code;
    double wait; /* seconds for the other; 0: for ever */
} meeting_settings_t;

/* NULL, with a message on stderr. */
meeting_t *meeting_new(const meeting_settings_t *settings, const meeting_events_t *events, void *user);
void meeting_leave(meeting_t *meeting);
/* After meeting_leave(): says on stderr which way the last connection took, or why there was none. */
void meeting_explain(const meeting_t *meeting);
const char *meeting_path(const meeting_t *meeting);
void meeting_free(meeting_t *meeting); /* after mainloop_free(); NULL is allowed */

#endif
