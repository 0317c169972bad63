/* One side of a call that changes while it is on: commands and signaling as JSON lines on standard input and output (sides.py, midcall.py).
 *
 *   interop-midcall [--polite] [--log]
 *
 * In:  {"do":…,…}; {"description":…} and {"candidate":…} from the other side; the end of the input hangs up.
 * Out: {"done":…,…} to each command, with "error" when it failed; descriptions and candidates; {"error":…}. */
#include "lines.h"
#include "midcall_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define OURS_MAX 32

/* What is sent under a name of the driver's. */
typedef struct ours {
    char name[32];
    peer_track_t *track; /* the last */
    peer_sender_t *sender;
} ours_t;

static struct {
    lines_call_t call;
    ours_t ours[OURS_MAX];
    size_t count;
} side;

static ours_t *find(const char *name)
{
    for (size_t i = 0; i < side.count; i++)
        if (strcmp(side.ours[i].name, name) == 0)
            return &side.ours[i];
    return NULL;
}

/* A test source of the kind and size that the command names. */
static int open_track(const json_t *command, int32_t kind, peer_track_t **track)
{
    peer_media_constraints_t constraints;
    peer_media_constraints_init(&constraints, sizeof constraints);
    constraints.audio = kind == PEER_MEDIA_AUDIO;
    constraints.video = kind == PEER_MEDIA_VIDEO;
    constraints.width = lines_integer(command, "width", 320);
    constraints.height = lines_integer(command, "height", 240);
    peer_stream_t *stream;
    int error = peer_get_user_media(&constraints, &stream);
    if (error < 0)
        return error;
    *track = peer_track_ref(peer_stream_track(stream, 0));
    peer_stream_unref(stream);
    return 0;
}

static int32_t kind_of(const json_t *command)
{
    return strcmp(lines_text(command, "kind"), "video") == 0 ? PEER_MEDIA_VIDEO : PEER_MEDIA_AUDIO;
}

static void take(ours_t *ours, peer_track_t *track)
{
    if (ours->track != NULL)
        peer_track_stop(ours->track);
    peer_track_unref(ours->track);
    ours->track = track;
}

/* The codec that the command names goes before the others. */
static int prefer(const json_t *command, ours_t *ours)
{
    peer_transceiver_t *transceiver = peer_sender_transceiver(ours->sender);
    peer_rtp_capabilities_t *known;
    int error = peer_sender_get_capabilities(peer_transceiver_kind(transceiver), &known);
    if (error < 0)
        return error;
    peer_rtp_codec_t *ordered = calloc(known->codec_count, sizeof *ordered);
    size_t count = 0;
    for (int is_other = 0; is_other < 2 && ordered != NULL; is_other++)
        for (size_t i = 0; i < known->codec_count; i++)
            if ((strcasecmp(known->codecs[i].mime_type, lines_text(command, "codec")) != 0) == is_other)
                ordered[count++] = known->codecs[i];
    error = peer_transceiver_set_codec_preferences(transceiver, ordered, count);
    free(ordered);
    peer_rtp_capabilities_free(known);
    return error;
}

/* Three encodings, from the smallest to the whole; or one, in the layers of a scalability mode. */
static int add_encodings(ours_t *ours, peer_track_t *track, peer_stream_t *stream, const char *mode)
{
    static const char *const rids[] = {"q", "h", "f"};
    peer_rtp_encoding_t encodings[3];
    for (int i = 0; i < 3; i++) {
        peer_rtp_encoding_init(&encodings[i], sizeof encodings[i]);
        encodings[i].rid = mode == NULL ? rids[i] : NULL;
        encodings[i].scale_resolution_down_by = mode == NULL ? 4 >> i : 1;
        encodings[i].scalability_mode = mode;
    }
    peer_transceiver_init_t init;
    peer_transceiver_init_init(&init, sizeof init);
    init.track = track;
    init.streams = &stream;
    init.stream_count = 1;
    init.send_encodings = encodings;
    init.send_encoding_count = mode == NULL ? 3 : 1;
    peer_transceiver_t *transceiver;
    int error = peer_connection_add_transceiver(side.call.pc, PEER_MEDIA_VIDEO, &init, &transceiver);
    if (error == 0) {
        ours->sender = peer_transceiver_sender(transceiver);
        peer_transceiver_unref(transceiver);
    }
    return error;
}

static int add(const json_t *command)
{
    ours_t *ours = find(lines_text(command, "name"));
    if (ours == NULL && side.count == OURS_MAX)
        return PEER_ERROR_QUOTA_EXCEEDED;
    if (ours == NULL) {
        ours = &side.ours[side.count++];
        snprintf(ours->name, sizeof ours->name, "%s", lines_text(command, "name"));
    }
    peer_track_t *track;
    peer_stream_t *stream = peer_stream_new();
    int error = open_track(command, kind_of(command), &track);
    if (error == 0) {
        take(ours, track);
        peer_sender_unref(ours->sender);
        ours->sender = NULL;
        const char *mode = json_string_value(json_object_get(command, "mode"));
        bool has_encodings = mode != NULL || json_is_true(json_object_get(command, "simulcast"));
        error = has_encodings ? add_encodings(ours, track, stream, mode)
                              : peer_connection_add_track(side.call.pc, track, &stream, 1, &ours->sender);
    }
    if (error == 0 && json_object_get(command, "codec") != NULL)
        error = prefer(command, ours);
    peer_stream_unref(stream);
    return error;
}

/* Which encodings are sent, in their order. */
static int set_active(const json_t *command, ours_t *ours)
{
    peer_rtp_parameters_t *parameters;
    int error = peer_sender_get_parameters(ours->sender, &parameters);
    if (error < 0)
        return error;
    for (size_t i = 0; i < parameters->encoding_count; i++)
        parameters->encodings[i].active = json_is_true(json_array_get(json_object_get(command, "active"), i));
    error = peer_sender_set_parameters(ours->sender, parameters);
    peer_rtp_parameters_free(parameters);
    return error;
}

static int replace(const json_t *command, ours_t *ours)
{
    peer_track_t *track = NULL;
    int error = json_is_true(json_object_get(command, "nothing"))
                    ? 0
                    : open_track(command, peer_transceiver_kind(peer_sender_transceiver(ours->sender)), &track);
    if (error == 0)
        error = peer_sender_replace_track(ours->sender, track);
    if (error == 0)
        take(ours, track);
    else
        peer_track_unref(track);
    return error;
}

static int set_direction(const json_t *command, ours_t *ours)
{
    for (int32_t direction = PEER_DIRECTION_SENDRECV; direction < PEER_DIRECTION_STOPPED; direction++)
        if (strcmp(lines_text(command, "direction"), peer_direction_name(direction)) == 0)
            return peer_transceiver_set_direction(peer_sender_transceiver(ours->sender), direction);
    return PEER_ERROR_TYPE;
}

static int roll_back(void)
{
    peer_description_t *rollback;
    int error = peer_description_new(PEER_SDP_ROLLBACK, "", &rollback);
    if (error < 0)
        return error;
    error = peer_connection_set_local_description(side.call.pc, rollback);
    peer_description_unref(rollback);
    return error;
}

static void on_tone_change(peer_dtmf_sender_t *dtmf, const char *tone, void *user)
{
    midcall_note("playing", tone);
}

static int play_tones(const json_t *command, ours_t *ours)
{
    peer_dtmf_sender_t *dtmf = peer_sender_dtmf(ours->sender);
    if (dtmf == NULL)
        return PEER_ERROR_NOT_SUPPORTED;
    peer_dtmf_sender_events_t events;
    peer_dtmf_sender_events_init(&events, sizeof events);
    events.on_tone_change = on_tone_change;
    int error = peer_dtmf_sender_set_events(dtmf, &events, NULL);
    if (error == 0)
        error = peer_dtmf_sender_insert_dtmf(dtmf, lines_text(command, "tones"), lines_integer(command, "duration", -1),
                                             lines_integer(command, "gap", -1));
    peer_dtmf_sender_unref(dtmf);
    return error;
}

static int obey(const char *what, const json_t *command)
{
    if (strcmp(what, "add") == 0)
        return add(command);
    if (strcmp(what, "restart") == 0)
        return peer_connection_restart_ice(side.call.pc);
    if (strcmp(what, "rollback") == 0)
        return roll_back();
    ours_t *ours = find(lines_text(command, "name"));
    if (ours == NULL || ours->sender == NULL)
        return PEER_ERROR_NOT_FOUND;
    if (strcmp(what, "remove") == 0)
        return peer_connection_remove_track(side.call.pc, ours->sender);
    if (strcmp(what, "replace") == 0)
        return replace(command, ours);
    if (strcmp(what, "stop") == 0)
        return peer_transceiver_stop(peer_sender_transceiver(ours->sender));
    if (strcmp(what, "direction") == 0)
        return set_direction(command, ours);
    if (strcmp(what, "prefer") == 0)
        return prefer(command, ours);
    if (strcmp(what, "active") == 0)
        return set_active(command, ours);
    if (strcmp(what, "tones") == 0)
        return play_tones(command, ours);
    return PEER_ERROR_NOT_SUPPORTED;
}

static void on_track(peer_connection_t *pc, const peer_track_event_t *event, void *user)
{
    midcall_take_track(event);
}

static void receive_line(void *user, const char *line, size_t length)
{
    json_t *message = json_loadb(line, length, 0, NULL);
    const char *what = json_string_value(json_object_get(message, "do"));
    if (what == NULL)
        peer_negotiator_receive(side.call.negotiator, line, length); /* its on_error reports */
    else if (strcmp(what, "state") == 0)
        lines_done(what, midcall_state(side.call.pc), 0);
    else
        lines_done(what, NULL, obey(what, message));
    json_decref(message);
}

int main(int count, char **arguments)
{
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
    static const peer_connection_events_t events = {.on_track = on_track};
    if (!lines_open(&side.call, arguments, &configuration, &events, NULL))
        return 1;
    lines_negotiate(&side.call, lines_has(arguments, "--polite"));
    lines_run(&side.call, &(lines_handler_t){.on_line = receive_line}, NULL);
    for (size_t i = 0; i < side.count; i++) {
        take(&side.ours[i], NULL);
        peer_sender_unref(side.ours[i].sender);
    }
    midcall_clear();
    lines_close(&side.call);
    return 0;
}
