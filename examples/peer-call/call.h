/* One call: a peer connection with its negotiator, the tracks that are sent and received, the chat and the files. It lives from the moment
 * both sides are present until one of them leaves. */
#ifndef CALL_H
#define CALL_H

#include "options.h"
#include "outgoing.h"
#include "received.h"
#include "recorder.h"
#include "statistics.h"
#include "trace.h"

#include <peer/peer.h>

typedef struct call call_t;

typedef struct call_events {
    void (*send)(void *user, const char *json);                /* to the other side, by way of the rendezvous */
    void (*on_state)(void *user, int32_t state);               /* peer_connection_state_t */
    void (*on_picture)(void *user, peer_video_frame_t *frame); /* NULL: what was seen last comes no more */
    void (*on_chat)(void *user, const char *text);
    void (*on_note)(void *user, const char *text); /* something the user wants to know */
    void (*on_released)(void *user);               /* the last: the call is no more, some time after call_end() */
} call_events_t;

typedef struct call_settings {
    const options_t *options;
    const peer_ice_server_t *servers; /* copied by the connection */
    size_t server_count;
    peer_loop_t *loop;
    peer_certificate_t *certificate;
    outgoing_t *outgoing; /* what is sent; of the call while it lasts */
    trace_t *trace;       /* NULL: none */
    recorder_t *recorder; /* NULL: none; the call takes it over */
    bool is_polite;
    bool sends_files; /* those of the options have not been sent before */
} call_settings_t;

/* NULL, with a message on stderr, when it cannot be made (a bad --ice-server, no memory). */
call_t *call_new(const call_settings_t *settings, const call_events_t *events, void *user);
void call_receive(call_t *call, const char *json, size_t length);
/* False when the chat is not open. */
bool call_say(call_t *call, const char *text);
/* Hangs up. No event follows but on_released. */
void call_end(call_t *call);

typedef struct call_times {
    int64_t present_us, ice_connected_us, dtls_connected_us, last_shared_us; /* on the monotonic clock; 0: not yet */
} call_times_t;

const call_times_t *call_times(const call_t *call);
const received_t *call_received(const call_t *call);
const received_t *call_shared(const call_t *call); /* pictures beside the first */
int32_t call_state(const call_t *call);
/* A new reference, or NULL; when the other side has already hung up, of the last moment before that was known. */
peer_stats_report_t *call_stats(call_t *call);
/* The ICE report, one of peer_ice_report_format_t, for peer_string_free(); NULL when memory ran out. */
char *call_explain(const call_t *call, int32_t format);
bool call_files_are_sent(const call_t *call);
/* NULL when everything that was asked for went through; else what did not. Valid until the next call of it. */
const char *call_what_is_missing(call_t *call);

#endif
