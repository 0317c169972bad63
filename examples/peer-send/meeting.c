#include "meeting.h"

#include "conclusion.h"
#include "ice_servers.h"
#include "link.h"
#include "rendezvous.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US 1000000
#define ALONE_US 100000             /* after which a new room is ours */
#define REJOIN_US 1000000           /* between attempts to enter the room again */
#define FULL_US (90 * SECOND_US)    /* until a member that died without a word is out of the room */
#define HANG_US (3 * SECOND_US)     /* after a link that broke, until the sender enters the room anew; the receiver is quicker */
#define GOODBYE_US SECOND_US        /* at most, for the other side to be told */
#define UNPROVEN_US (SECOND_US / 2) /* for the other side to be told, too */

struct meeting {
    meeting_settings_t settings;
    meeting_events_t events;
    void *user;
    peer_loop_t *peer_loop;
    peer_certificate_t *certificate;
    uint8_t key[CODE_KEY_SIZE];
    rendezvous_t *rendezvous, *old_rendezvous;      /* the old one is freed when its callbacks are over */
    peer_ice_server_t servers[NETWORK_SERVERS_MAX]; /* the options', or else the rendezvous' */
    size_t server_count;
    json_t *told_servers;
    link_t *link;
    unsigned unreleased; /* links whose last event is to come */
    char *explanation;   /* of the last link */
    const char *path;
    int64_t full_since_us;
    bool is_joined, is_announced, was_proven, is_leaving, is_over;
    bool is_stale;   /* the other has left, and the rendezvous was not yet told that we are ready for another */
    bool is_present; /* the other is in the room */
    bool has_new_code;
    bool is_interrupted;
    alarm_clock_t alone, rejoin, hang, nobody, goodbye, unproven;
};

static void join_room(void *user);

static void note(meeting_t *meeting, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(meeting_t *meeting, const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    meeting->events.on_note(meeting->user, text);
}

static void fail(meeting_t *meeting, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void fail(meeting_t *meeting, int status, const char *format, ...)
{
    char text[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!meeting->is_leaving)
        meeting->events.on_failed(meeting->user, status, text);
}

static void stop_when_all_is_said(meeting_t *meeting)
{
    if (!meeting->is_leaving || meeting->is_over || meeting->unreleased > 0 || meeting->rendezvous != NULL)
        return;
    meeting->is_over = true;
    meeting->events.on_left(meeting->user);
}

static void on_nobody(void *user)
{
    meeting_t *meeting = user;
    fail(meeting, STATUS_NOT_CONNECTED, "nobody came within %g s. Start the other side, or give --wait more", meeting->settings.wait);
}

static void wait_for_somebody(meeting_t *meeting)
{
    if (meeting->settings.wait > 0)
        mainloop_set_alarm(meeting->settings.loop, &meeting->nobody, (int64_t)(meeting->settings.wait * SECOND_US), on_nobody, meeting);
}

/* ---- links ---- */

static void close_link(meeting_t *meeting)
{
    if (meeting->link == NULL)
        return;
    mainloop_cancel_alarm(&meeting->unproven);
    peer_string_free(meeting->explanation);
    meeting->explanation = link_report(meeting->link, PEER_ICE_REPORT_TEXT);
    conduit_detach(meeting->settings.conduit);
    link_close(meeting->link);
    meeting->link = NULL;
}

/* Enters the room anew, so that the other side begins a new connection too. */
static void on_hang(void *user)
{
    meeting_t *meeting = user;
    if (meeting->link == NULL && meeting->is_present && meeting->rendezvous != NULL)
        rendezvous_leave(meeting->rendezvous); /* on_rendezvous_closed joins again */
}

static void send_signal(void *user, const char *json)
{
    meeting_t *meeting = user;
    if (meeting->rendezvous != NULL)
        rendezvous_send(meeting->rendezvous, json, strlen(json));
}

static void on_ready(void *user)
{
    meeting_t *meeting = user;
    meeting->was_proven = true;
    meeting->is_interrupted = false;
    meeting->path = link_path(meeting->link);
    conduit_attach(meeting->settings.conduit, link_channel(meeting->link));
    meeting->events.on_link(meeting->user, meeting->path);
}

static bool on_message(void *user, const void *data, size_t length, bool is_text)
{
    meeting_t *meeting = user;
    return conduit_take(meeting->settings.conduit, data, length, is_text);
}

static void on_low(void *user)
{
    meeting_t *meeting = user;
    conduit_low(meeting->settings.conduit);
}

static void on_interrupted(void *user, bool is_interrupted)
{
    meeting_t *meeting = user;
    if (is_interrupted == meeting->is_interrupted)
        return;
    meeting->is_interrupted = is_interrupted;
    note(meeting, is_interrupted ? "the connection is interrupted; waiting for it to come back" : "the connection is back");
}

static void on_unproven(void *user)
{
    close_link(user);
}

static void on_link_failed(meeting_t *meeting)
{
    char text[800];
    char *report = link_report(meeting->link, PEER_ICE_REPORT_JSON);
    conclusion_of(report, text, sizeof text);
    peer_string_free(report);
    close_link(meeting);
    if (meeting->was_proven)
        note(meeting, "%s (Trying goes on.)", text);
    else
        fail(meeting, STATUS_NOT_CONNECTED, "%s", text);
}

static void on_link_end(void *user, link_end_t how)
{
    meeting_t *meeting = user;
    if (how == LINK_UNPROVEN || how == LINK_FOREIGN) {
        if (how == LINK_FOREIGN)
            note(meeting, "the other side speaks another protocol, or breaks ours");
        if (meeting->settings.is_sender) {
            if (how == LINK_UNPROVEN)
                note(meeting, "somebody came with a wrong code, or tried to get in between, and was turned away");
            mainloop_set_alarm(meeting->settings.loop, &meeting->unproven, UNPROVEN_US, on_unproven, meeting);
            return;
        }
        close_link(meeting);
        fail(meeting, STATUS_UNPROVEN,
             "the code is wrong, or somebody tried to get in between: nothing was received. Ask the sender for the code again");
        return;
    }
    if (how == LINK_FAILED) {
        on_link_failed(meeting);
    } else {
        close_link(meeting);
        if (meeting->was_proven)
            meeting->events.on_broken(meeting->user);
    }
    if (!meeting->is_leaving)
        mainloop_set_alarm(meeting->settings.loop, &meeting->hang, meeting->settings.is_sender ? HANG_US : HANG_US / 6, on_hang, meeting);
}

static void on_released(void *user)
{
    meeting_t *meeting = user;
    meeting->unreleased--;
    stop_when_all_is_said(meeting);
}

static void open_link(meeting_t *meeting, bool is_polite)
{
    static const link_events_t events = {send_signal, on_ready, on_message, on_low, on_interrupted, on_link_end, on_released};
    if (meeting->link != NULL) {
        close_link(meeting);
        if (meeting->was_proven)
            meeting->events.on_broken(meeting->user);
    }
    if (meeting->is_stale)
        rendezvous_send(meeting->rendezvous, "{\"ready\":true}", 14);
    meeting->is_stale = false;
    mainloop_cancel_alarm(&meeting->hang);
    mainloop_cancel_alarm(&meeting->nobody);
    const link_settings_t settings = {.network = meeting->settings.network,
                                      .servers = meeting->servers,
                                      .server_count = meeting->server_count,
                                      .loop = meeting->peer_loop,
                                      .certificate = meeting->certificate,
                                      .key = meeting->key,
                                      .is_polite = is_polite,
                                      .is_sender = meeting->settings.is_sender};
    meeting->link = link_new(&settings, &events, meeting);
    if (meeting->link == NULL)
        fail(meeting, STATUS_NOT_CONNECTED, "no connection could be made");
    else
        meeting->unreleased++;
}

/* ---- the room ---- */

static void on_alone(void *user)
{
    meeting_t *meeting = user;
    meeting->is_announced = true;
    meeting->events.on_code(meeting->user, &meeting->settings.code);
    wait_for_somebody(meeting);
}

/* Servers of the rendezvous are for those who brought none; it may tell nonsense. */
static void take_servers(meeting_t *meeting, json_t *array)
{
    const network_t *network = meeting->settings.network;
    if (network->server_count > 0 || !json_is_array(array))
        return;
    json_decref(meeting->told_servers);
    meeting->told_servers = json_incref(array);
    meeting->server_count = ice_servers_from_json(array, meeting->servers);
    if (ice_servers_are_usable(meeting->servers, meeting->server_count, network->ca_file))
        return;
    note(meeting, "the ICE servers of the rendezvous cannot be used: %s", peer_last_error_message());
    meeting->server_count = 0;
}

/* A new code whose room somebody else is in: another one. */
static void change_code(meeting_t *meeting)
{
    meeting->has_new_code = code_make(&meeting->settings.code);
    mainloop_cancel_alarm(&meeting->alone);
    rendezvous_leave(meeting->rendezvous); /* on_rendezvous_closed joins the new room */
}

static void on_present(meeting_t *meeting, bool is_polite)
{
    if (meeting->settings.may_change_code && !meeting->is_announced) {
        change_code(meeting);
        return;
    }
    meeting->is_present = true;
    open_link(meeting, is_polite);
}

static void on_gone(meeting_t *meeting)
{
    meeting->is_present = false;
    meeting->is_stale = true;
    mainloop_cancel_alarm(&meeting->hang);
    if (meeting->link != NULL && !link_is_up(meeting->link)) {
        close_link(meeting);
        if (meeting->was_proven)
            meeting->events.on_broken(meeting->user);
    }
    if (meeting->link == NULL)
        wait_for_somebody(meeting);
}

static void on_event(meeting_t *meeting, const char *event, const json_t *message)
{
    if (strcmp(event, "joined") == 0) {
        take_servers(meeting, json_object_get(message, "iceServers"));
        meeting->is_joined = true;
        meeting->full_since_us = 0;
        if (!meeting->is_announced)
            mainloop_set_alarm(meeting->settings.loop, &meeting->alone, ALONE_US, on_alone, meeting);
    } else if (strcmp(event, "present") == 0) {
        on_present(meeting, json_is_true(json_object_get(message, "polite")));
    } else if (strcmp(event, "left") == 0) {
        on_gone(meeting);
    } else if (strcmp(event, "full") == 0) {
        if (meeting->settings.may_change_code && !meeting->is_announced) {
            change_code(meeting);
            return;
        }
        if (meeting->full_since_us == 0) {
            meeting->full_since_us = now_us();
            note(meeting, "two are in the room already; waiting for one to leave");
        }
        if (now_us() - meeting->full_since_us > FULL_US)
            fail(meeting, STATUS_NOT_CONNECTED, "two are in the room of this code already: did somebody else receive?");
    } else if (strcmp(event, "refused") == 0) {
        const char *reason = json_string_value(json_object_get(message, "reason"));
        fail(meeting, STATUS_NOT_CONNECTED, "the rendezvous refused: %.150s", reason != NULL ? reason : "it says not why");
    }
}

static void on_rendezvous_message(void *user, const char *json, size_t length)
{
    meeting_t *meeting = user;
    json_t *message = json_loadb(json, length, 0, NULL);
    const char *event = json_string_value(json_object_get(message, "event"));
    if (meeting->is_leaving)
        ;
    else if (event != NULL)
        on_event(meeting, event, message);
    else if (meeting->link != NULL)
        link_receive(meeting->link, json, length);
    json_decref(message);
}

static void on_rendezvous_closed(void *user, const char *reason)
{
    meeting_t *meeting = user;
    const network_t *network = meeting->settings.network;
    meeting->old_rendezvous = meeting->rendezvous;
    meeting->rendezvous = NULL;
    meeting->is_present = meeting->is_stale = false; /* with a new entry all is new */
    mainloop_cancel_alarm(&meeting->hang);
    if (meeting->is_leaving) {
        stop_when_all_is_said(meeting);
        return;
    }
    if (!meeting->is_joined && !meeting->has_new_code && meeting->full_since_us == 0) {
        fail(meeting, STATUS_NOT_CONNECTED,
             "the rendezvous %s:%d cannot be reached (%.60s). Is peer-call serve, or peer-send serve, running there, and do host and port "
             "agree "
             "with --rendezvous?%s",
             network->host, network->port, reason, network->is_tls ? " If its certificate is its own, give --insecure" : "");
        return;
    }
    mainloop_set_alarm(meeting->settings.loop, &meeting->rejoin, meeting->has_new_code ? ALONE_US : REJOIN_US, join_room, meeting);
}

static void on_rendezvous_missing(void *user, const char *reason)
{
    meeting_t *meeting = user;
    if (!meeting->is_joined && !meeting->is_leaving)
        note(meeting, "the rendezvous %s:%d is not there yet (%.60s); trying again ...", meeting->settings.network->host,
             meeting->settings.network->port, reason);
}

static void join_room(void *user)
{
    static const rendezvous_events_t events = {on_rendezvous_message, on_rendezvous_closed, on_rendezvous_missing};
    meeting_t *meeting = user;
    network_t *network = meeting->settings.network;
    rendezvous_free(meeting->old_rendezvous);
    meeting->old_rendezvous = NULL;
    if (meeting->link != NULL && link_is_up(meeting->link)) { /* it does without; entering would begin a new connection */
        mainloop_set_alarm(meeting->settings.loop, &meeting->rejoin, REJOIN_US, join_room, meeting);
        return;
    }
    if (meeting->has_new_code && !code_key(&meeting->settings.code, meeting->key)) {
        fail(meeting, STATUS_NOT_CONNECTED, "memory ran out");
        return;
    }
    meeting->has_new_code = false;
    snprintf(network->room, sizeof network->room, "%s", meeting->settings.code.room);
    const rendezvous_place_t place = {network->host, network->port, network->room, network->is_tls, network->is_insecure};
    meeting->rendezvous = rendezvous_new(meeting->settings.loop, &place, &events, meeting);
    if (meeting->rendezvous == NULL)
        fail(meeting, STATUS_NOT_CONNECTED, "memory ran out");
}

/* ---- life ---- */

static bool on_library(void *user)
{
    meeting_t *meeting = user;
    peer_loop_dispatch(meeting->peer_loop);
    return true;
}

meeting_t *meeting_new(const meeting_settings_t *settings, const meeting_events_t *events, void *user)
{
    meeting_t *meeting = calloc(1, sizeof *meeting);
    if (meeting == NULL)
        return NULL;
    meeting->settings = *settings;
    meeting->events = *events;
    meeting->user = user;
    meeting->path = "";
    memcpy(meeting->servers, settings->network->servers, sizeof meeting->servers);
    meeting->server_count = settings->network->server_count;
    meeting->peer_loop = peer_loop_new(PEER_LOOP_MANUAL);
    if (meeting->peer_loop == NULL || !mainloop_watch(settings->loop, peer_loop_fd(meeting->peer_loop), on_library, meeting) ||
        peer_certificate_generate(PEER_KEY_ECDSA_P256, 0, &meeting->certificate) < 0 || !code_key(&settings->code, meeting->key)) {
        network_complain("it cannot begin: %s", peer_last_error_message());
        meeting_free(meeting);
        return NULL;
    }
    join_room(meeting);
    return meeting;
}

static void on_goodbye(void *user)
{
    meeting_t *meeting = user;
    if (!meeting->is_over)
        meeting->events.on_left(meeting->user);
    meeting->is_over = true;
}

void meeting_leave(meeting_t *meeting)
{
    if (meeting->is_leaving) {
        on_goodbye(meeting); /* asked twice: at once */
        return;
    }
    meeting->is_leaving = true;
    close_link(meeting);
    alarm_clock_t *alarms[] = {&meeting->alone, &meeting->rejoin, &meeting->hang, &meeting->nobody, &meeting->unproven};
    for (size_t i = 0; i < sizeof alarms / sizeof *alarms; i++)
        mainloop_cancel_alarm(alarms[i]);
    mainloop_set_alarm(meeting->settings.loop, &meeting->goodbye, GOODBYE_US, on_goodbye, meeting);
    if (meeting->rendezvous != NULL)
        rendezvous_leave(meeting->rendezvous);
    stop_when_all_is_said(meeting);
}

void meeting_explain(const meeting_t *meeting)
{
    if (meeting->explanation != NULL)
        fprintf(stderr, "\n%s", meeting->explanation);
}

const char *meeting_path(const meeting_t *meeting)
{
    return meeting->path;
}

void meeting_free(meeting_t *meeting)
{
    if (meeting == NULL)
        return;
    rendezvous_free(meeting->rendezvous);
    rendezvous_free(meeting->old_rendezvous);
    json_decref(meeting->told_servers);
    peer_string_free(meeting->explanation);
    peer_certificate_unref(meeting->certificate);
    peer_loop_unref(meeting->peer_loop);
    free(meeting);
}
