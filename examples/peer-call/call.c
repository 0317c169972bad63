#include "call.h"

#include "file_transfer.h"
#include "mainloop.h"
#include "stats_walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAT_LABEL "chat"
#define FILES_RECEIVED_MAX 64   /* in one call */
#define REMOTE_TRACKS_MAX 8     /* that are listened to */
#define SHARED_STAYS_US 1000000 /* after its last picture the other one is shown again */

typedef struct remote_track {
    peer_track_t *track;
    peer_transceiver_t *transceiver;
    bool is_shared;
} remote_track_t;

struct call {
    call_settings_t settings;
    call_events_t events;
    void *user;
    peer_connection_t *pc;
    peer_negotiator_t *negotiator;
    peer_data_channel_t *chat; /* the one that is spoken on; NULL before one is open */
    size_t said;               /* of the options' lines */
    remote_track_t tracks[REMOTE_TRACKS_MAX];
    size_t track_count;
    file_sender_t *senders[OPTIONS_FILES_MAX];
    size_t sender_count, files_arrived;
    bool has_file_failed;
    file_receiver_t *receivers[FILES_RECEIVED_MAX];
    size_t receiver_count;
    call_times_t times;
    received_t received, shared;     /* what is shared is measured by itself */
    char main_stream[128];           /* id of the one with sound and picture: the first to come */
    peer_stats_report_t *last_stats; /* of a moment when the transport was up */
    bool is_ended;
    char missing[256];
};

static void note(call_t *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(call_t *call, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    call->events.on_note(call->user, text);
}

/* ---- signaling ---- */

static void send_signal(peer_negotiator_t *negotiator, const char *json, void *user)
{
    call_t *call = user;
    call->events.send(call->user, json);
}

static void on_negotiation_error(peer_negotiator_t *negotiator, int32_t error, const char *message, void *user)
{
    note(user, "negotiation: %s (%s)", message, peer_error_name(error));
}

/* Lets the trace show the addresses of the selected pair. */
static void trace_path(call_t *call)
{
    peer_stats_report_t *report = call_stats(call);
    int64_t pair = report != NULL ? stats_selected_pair(report) : -1;
    int64_t ends[2] = {-1, -1};
    double ports[2] = {0, 0};
    if (pair >= 0) {
        ends[0] = stats_follow(report, pair, "localCandidateId");
        ends[1] = stats_follow(report, pair, "remoteCandidateId");
    }
    if (ends[0] >= 0 && ends[1] >= 0) {
        for (int i = 0; i < 2; i++)
            peer_stats_report_number(report, (size_t)ends[i], "port", &ports[i]);
        trace_set_path(call->settings.trace, peer_stats_report_string(report, (size_t)ends[0], "address"), (uint16_t)ports[0],
                       peer_stats_report_string(report, (size_t)ends[1], "address"), (uint16_t)ports[1]);
    }
    peer_stats_report_unref(report);
}

static void on_ice_connection_state(peer_connection_t *pc, int32_t state, void *user)
{
    call_t *call = user;
    if (state != PEER_ICE_CONNECTION_CONNECTED && state != PEER_ICE_CONNECTION_COMPLETED)
        return;
    if (call->times.ice_connected_us == 0)
        call->times.ice_connected_us = now_us();
    if (call->settings.trace != NULL)
        trace_path(call);
}

static void on_candidate_error(peer_connection_t *pc, const peer_ice_candidate_error_t *error, void *user)
{
    note(user, "%s cannot be used (%d): %s", error->url, error->code, error->text);
}

/* ---- chat ---- */

bool call_say(call_t *call, const char *text)
{
    return call->chat != NULL && peer_data_channel_send(call->chat, text, strlen(text), 1) == 0;
}

static void on_chat_open(peer_data_channel_t *channel, void *user)
{
    call_t *call = user;
    if (call->chat == NULL)
        call->chat = peer_data_channel_ref(channel);
    while (call->said < call->settings.options->say_count && call_say(call, call->settings.options->say[call->said]))
        call->said++;
}

static void on_chat_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    call_t *call = user;
    received_message(&call->received, length);
    char text[512];
    if (is_text)
        snprintf(text, sizeof text, "%.*s", (int)(length < sizeof text ? length : sizeof text - 1), (const char *)data);
    else
        snprintf(text, sizeof text, "(%zu bytes)", length);
    call->events.on_chat(call->user, text);
}

static void on_chat_close(peer_data_channel_t *channel, void *user)
{
    call_t *call = user;
    if (channel != call->chat)
        return;
    peer_data_channel_unref(call->chat);
    call->chat = NULL;
}

static const peer_data_channel_events_t chat_events = {.on_open = on_chat_open, .on_message = on_chat_message, .on_close = on_chat_close};

/* ---- files ---- */

static void on_file_sent(void *user, const char *name, int64_t size, const char *error)
{
    call_t *call = user;
    if (error == NULL) {
        call->files_arrived++;
        note(call, "%s (%lld bytes) has arrived at the other side", name, (long long)size);
    } else if (!call->is_ended) {
        call->has_file_failed = true;
        note(call, "%s was not sent: %s", name, error);
    }
}

static void on_file_bytes(void *user, size_t bytes)
{
    call_t *call = user;
    received_message(&call->received, bytes);
}

static void on_file_received(void *user, const char *name, int64_t size, const char *error)
{
    call_t *call = user;
    if (error == NULL)
        note(call, "received %s (%lld bytes, SHA-256 checked)%s", name, (long long)size,
             call->settings.options->record == NULL ? "; it is not kept without --record DIR" : "");
    else
        note(call, "%s did not arrive: %s", name, error);
}

static void send_files(call_t *call)
{
    const options_t *options = call->settings.options;
    if (!call->settings.sends_files || call->sender_count > 0)
        return;
    for (size_t i = 0; i < options->file_count; i++) {
        file_sender_t *sender = file_sender_new(call->pc, options->files[i], on_file_sent, call);
        if (sender != NULL)
            call->senders[call->sender_count++] = sender;
        else
            call->has_file_failed = true;
    }
}

bool call_files_are_sent(const call_t *call)
{
    return call->files_arrived == call->settings.options->file_count;
}

static void on_data_channel(peer_connection_t *pc, peer_data_channel_t *channel, void *user)
{
    call_t *call = user;
    if (strncmp(peer_data_channel_label(channel), FILE_LABEL, strlen(FILE_LABEL)) != 0) {
        peer_data_channel_set_events(channel, &chat_events, call);
        if (peer_data_channel_ready_state(channel) == PEER_DATA_CHANNEL_OPEN)
            on_chat_open(channel, call);
        return;
    }
    file_receiver_t *receiver = NULL;
    if (call->receiver_count < FILES_RECEIVED_MAX)
        receiver = file_receiver_new(channel, call->settings.options->record, on_file_bytes, on_file_received, call);
    if (receiver != NULL)
        call->receivers[call->receiver_count++] = receiver;
    else
        peer_data_channel_close(channel);
}

/* ---- media ---- */

static void forget_track(call_t *call, size_t index)
{
    remote_track_t gone = call->tracks[index];
    call->tracks[index] = call->tracks[--call->track_count];
    peer_track_remove_sink(gone.track, call);
    peer_track_unref(gone.track);
    peer_transceiver_unref(gone.transceiver);
}

static void on_video_frame(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    call_t *call = user;
    received_video(&call->received, frame);
    if (call->settings.recorder != NULL)
        recorder_video(call->settings.recorder, frame);
    if (now_us() - call->times.last_shared_us > SHARED_STAYS_US)
        call->events.on_picture(call->user, frame);
}

static void on_shared_frame(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    call_t *call = user;
    received_video(&call->shared, frame);
    call->times.last_shared_us = now_us();
    call->events.on_picture(call->user, frame);
}

static bool is_shared(const call_t *call, const peer_track_t *track);

static const char *name_of(const call_t *call, const peer_track_t *track)
{
    return peer_track_kind(track) == PEER_MEDIA_AUDIO ? "sound" : is_shared(call, track) ? "shared picture" : "picture";
}

static void on_track_mute(peer_track_t *track, void *user)
{
    call_t *call = user;
    note(call, "the other side's %s stops", name_of(call, track));
    call->events.on_picture(call->user, NULL);
}

static void on_track_unmute(peer_track_t *track, void *user)
{
    note(user, "the other side's %s comes", name_of(user, track));
}

static void on_track_ended(peer_track_t *track, void *user)
{
    call_t *call = user;
    note(call, "the other side's %s has ended", name_of(call, track));
    for (size_t i = 0; i < call->track_count; i++)
        if (call->tracks[i].track == track) {
            forget_track(call, i);
            break;
        }
}

static void on_encoded_frame(peer_track_t *track, peer_encoded_frame_t *frame, void *user)
{
    call_t *call = user;
    recorder_encoded(call->settings.recorder, frame);
}

static void on_audio_frame(peer_track_t *track, peer_audio_frame_t *frame, void *user)
{
    call_t *call = user;
    received_audio(&call->received, frame);
    if (call->settings.recorder != NULL)
        recorder_audio(call->settings.recorder, frame);
}

static void on_track(peer_connection_t *pc, const peer_track_event_t *event, void *user)
{
    call_t *call = user;
    for (size_t i = 0; i < call->track_count; i++)
        if (call->tracks[i].track == event->track)
            return; /* it comes again when its direction changed */
    if (call->track_count == REMOTE_TRACKS_MAX)
        return;
    const char *stream = event->stream_count > 0 ? peer_stream_id(event->streams[0]) : "";
    if (call->track_count == 0)
        snprintf(call->main_stream, sizeof call->main_stream, "%s", stream);
    bool is_shared = peer_track_kind(event->track) == PEER_MEDIA_VIDEO && strcmp(stream, call->main_stream) != 0;
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_mute = on_track_mute;
    sink.on_unmute = on_track_unmute;
    sink.on_ended = on_track_ended;
    if (is_shared) {
        sink.on_video_frame = on_shared_frame;
    } else if (peer_track_kind(event->track) == PEER_MEDIA_VIDEO) {
        sink.on_video_frame = on_video_frame;
        if (call->settings.recorder != NULL && recorder_wants_encoded(call->settings.recorder))
            sink.on_encoded_frame = on_encoded_frame;
    } else {
        sink.on_audio_frame = on_audio_frame;
    }
    if (peer_track_add_sink(event->track, &sink, call) < 0)
        return;
    call->tracks[call->track_count++] = (remote_track_t){peer_track_ref(event->track), peer_transceiver_ref(event->transceiver), is_shared};
}

static bool is_shared(const call_t *call, const peer_track_t *track)
{
    for (size_t i = 0; i < call->track_count; i++)
        if (call->tracks[i].track == track)
            return call->tracks[i].is_shared;
    return false;
}

/* ---- life ---- */

static void on_connection_state(peer_connection_t *pc, int32_t state, void *user)
{
    call_t *call = user;
    if (state == PEER_CONNECTION_CONNECTED && call->times.dtls_connected_us == 0) {
        call->times.dtls_connected_us = now_us();
        peer_stats_report_unref(call_stats(call)); /* kept, should the other side leave soon */
        send_files(call);
    }
    call->events.on_state(call->user, state);
}

static void on_closed(peer_connection_t *pc, void *user)
{
    call_t *call = user;
    call_events_t events = call->events;
    void *owner = call->user;
    peer_connection_unref(call->pc);
    peer_stats_report_unref(call->last_stats);
    free(call);
    events.on_released(owner);
}

/* Offers what we send; and, on the impolite side, whose offer stands when both offer at once, asks for what we do not send, and opens the
 * chat. */
static bool add_media(call_t *call)
{
    if (!outgoing_attach(call->settings.outgoing, call->pc))
        return false;
    if (call->settings.is_polite)
        return true;
    peer_transceiver_init_t init;
    peer_transceiver_init_init(&init, sizeof init);
    init.direction = PEER_DIRECTION_RECVONLY;
    for (int32_t kind = PEER_MEDIA_AUDIO; kind <= PEER_MEDIA_VIDEO; kind++)
        if (!outgoing_sends(call->settings.outgoing, kind) && peer_connection_add_transceiver(call->pc, kind, &init, NULL) < 0)
            return false;
    peer_data_channel_t *chat = NULL;
    if (peer_connection_create_data_channel(call->pc, CHAT_LABEL, NULL, &chat_events, call, &chat) < 0)
        return false;
    peer_data_channel_unref(chat); /* it stays open; on_chat_open takes it */
    return true;
}

call_t *call_new(const call_settings_t *settings, const call_events_t *events, void *user)
{
    static const peer_connection_events_t connection_events = {.on_ice_candidate_error = on_candidate_error,
                                                               .on_ice_connection_state_change = on_ice_connection_state,
                                                               .on_connection_state_change = on_connection_state,
                                                               .on_track = on_track,
                                                               .on_data_channel = on_data_channel,
                                                               .on_closed = on_closed};
    static const peer_negotiator_events_t negotiator_events = {.send = send_signal, .on_error = on_negotiation_error};
    call_t *call = calloc(1, sizeof *call);
    if (call == NULL)
        return NULL;
    call->settings = *settings;
    call->events = *events;
    call->user = user;
    call->times.present_us = now_us();
    received_init(&call->received);
    received_init(&call->shared);

    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loop = settings->loop;
    network_configure(&settings->options->network, settings->servers, settings->server_count, &configuration);
    configuration.certificates = &settings->certificate;
    configuration.certificate_count = settings->certificate != NULL;
    call->pc = peer_connection_new(&configuration, &connection_events, call);
    if (call->pc == NULL) {
        fprintf(stderr, "peer-call: no connection can be made: %s\n", peer_last_error_message());
        recorder_free(settings->recorder);
        free(call);
        return NULL;
    }
    if (settings->trace != NULL)
        peer_connection_set_packet_tap(call->pc, trace_packet, settings->trace);
    call->negotiator = peer_negotiator_new(call->pc, settings->is_polite, &negotiator_events, call);
    if (call->negotiator == NULL || !add_media(call))
        note(call, "the call cannot be offered: %s", peer_last_error_message());
    return call;
}

void call_receive(call_t *call, const char *json, size_t length)
{
    if (call->negotiator != NULL)
        peer_negotiator_receive(call->negotiator, json, length); /* errors come by on_negotiation_error */
}

void call_end(call_t *call)
{
    call->is_ended = true;
    if (call->settings.trace != NULL)
        peer_connection_set_packet_tap(call->pc, NULL, NULL);
    outgoing_detach(call->settings.outgoing);
    while (call->track_count > 0)
        forget_track(call, call->track_count - 1);
    for (size_t i = 0; i < call->sender_count; i++)
        file_sender_free(call->senders[i]);
    call->sender_count = 0;
    for (size_t i = 0; i < call->receiver_count; i++)
        file_receiver_free(call->receivers[i]);
    call->receiver_count = 0;
    peer_data_channel_unref(call->chat);
    call->chat = NULL;
    peer_negotiator_unref(call->negotiator);
    call->negotiator = NULL;
    recorder_free(call->settings.recorder);
    call->settings.recorder = NULL;
    peer_connection_close(call->pc); /* on_closed ends the rest */
}

/* ---- what became of it ---- */

const call_times_t *call_times(const call_t *call)
{
    return &call->times;
}

const received_t *call_received(const call_t *call)
{
    return &call->received;
}

const received_t *call_shared(const call_t *call)
{
    return &call->shared;
}

int32_t call_state(const call_t *call)
{
    return peer_connection_connection_state(call->pc);
}

static bool transport_is_up(const peer_stats_report_t *report)
{
    int64_t transport = stats_first(report, "transport");
    const char *state = transport >= 0 ? peer_stats_report_string(report, (size_t)transport, "dtlsState") : NULL;
    return state != NULL && strcmp(state, "connected") == 0;
}

peer_stats_report_t *call_stats(call_t *call)
{
    peer_stats_report_t *report = NULL;
    if (peer_connection_get_stats(call->pc, &report) < 0)
        return NULL;
    if (transport_is_up(report)) {
        peer_stats_report_unref(call->last_stats);
        call->last_stats = peer_stats_report_ref(report);
    } else if (call->last_stats != NULL) {
        peer_stats_report_unref(report);
        report = peer_stats_report_ref(call->last_stats);
    }
    return report;
}

char *call_explain(const call_t *call, int32_t format)
{
    return peer_connection_ice_report(call->pc, format);
}

static void miss(call_t *call, const char *what)
{
    size_t length = strlen(call->missing);
    snprintf(call->missing + length, sizeof call->missing - length, "%s%s", length > 0 ? ", " : "", what);
}

static bool receives(const call_t *call, int32_t kind)
{
    for (size_t i = 0; i < call->track_count; i++) {
        int32_t direction = peer_transceiver_current_direction(call->tracks[i].transceiver);
        if (peer_track_kind(call->tracks[i].track) == kind && !call->tracks[i].is_shared &&
            (direction == PEER_DIRECTION_SENDRECV || direction == PEER_DIRECTION_RECVONLY))
            return true;
    }
    return false;
}

const char *call_what_is_missing(call_t *call)
{
    call->missing[0] = '\0';
    statistics_t statistics = {0};
    peer_stats_report_t *report = call_stats(call);
    if (report != NULL)
        statistics_take(&statistics, report, &call->received, now_us());
    peer_stats_report_unref(report);
    if (receives(call, PEER_MEDIA_VIDEO) && call->received.video_frames == 0)
        miss(call, "the other side's video");
    if (receives(call, PEER_MEDIA_AUDIO) && call->received.audio_seconds <= 0)
        miss(call, "the other side's audio");
    if (statistics.sends_video && statistics.video_packets_sent <= 0)
        miss(call, "our video");
    if (statistics.sends_audio && statistics.audio_packets_sent <= 0)
        miss(call, "our audio");
    if (call->said < call->settings.options->say_count)
        miss(call, "what was to be said");
    if (call->settings.sends_files && (call->has_file_failed || !call_files_are_sent(call)))
        miss(call, "a file");
    return call->missing[0] != '\0' ? call->missing : NULL;
}
