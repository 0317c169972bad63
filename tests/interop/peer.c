/* One side of a call, for peers of other stacks to call: JSON lines on standard input and output, over the public interface alone.
 *
 *   interop-peer offer|answer [--full] [--no-data] [--log]
 *
 * In:  {"description":…} and {"candidate":…} from the other side; {"report":true} asks for a report; the end of the input hangs up.
 * Out: {"description":…} and {"candidate":…} for the other side; {"report":{…}}; {"error":"…"} when a call of the library failed.
 *
 * Candidates trickle by peer_negotiator_t; with --full the classic calls are made one by one and the description leaves when it holds every
 * candidate. The test picture and the test sound are sent. The offering side opens the channel "chat" and says a few things, which the
 * other side echoes. */
#include "lines.h"
#include "received.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAID_COUNT 4
#define ECHO_PREFIX "echo: "

typedef struct said {
    const char *data;
    size_t length;
    bool is_text;
    bool is_echoed;
} said_t;

typedef struct side {
    lines_call_t call; /* without a negotiator when there is --full */
    peer_stream_t *stream;
    peer_data_channel_t *channel;
    bool is_offering, is_full, has_data, is_channel_ours, has_media;
    said_t said[SAID_COUNT];
    received_t received;
    unsigned messages;
} side_t;

static char binary[40000]; /* larger than one SCTP packet, smaller than what every stack takes */

static void send_description(side_t *side)
{
    peer_description_t *description = peer_connection_local_description(side->call.pc);
    char *json = peer_description_to_json(description);
    printf("{\"description\":%s}\n", json);
    fflush(stdout);
    peer_string_free(json);
    peer_description_unref(description);
}

/* ---- data ---- */

static void say(side_t *side, const said_t *said)
{
    lines_check("send", peer_data_channel_send(side->channel, said->data, said->length, said->is_text));
}

static void on_open(peer_data_channel_t *channel, void *user)
{
    side_t *side = user;
    for (size_t i = 0; side->is_channel_ours && i < SAID_COUNT; i++)
        say(side, &side->said[i]);
}

static bool is_echo(const said_t *said, const char *data, size_t length, bool is_text)
{
    size_t prefix = said->is_text ? strlen(ECHO_PREFIX) : 0;
    return is_text == said->is_text && length == prefix + said->length && memcmp(data, ECHO_PREFIX, prefix) == 0 &&
           memcmp(data + prefix, said->data, said->length) == 0;
}

static void on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    side_t *side = user;
    side->messages++;
    if (side->is_channel_ours) {
        for (size_t i = 0; i < SAID_COUNT; i++)
            side->said[i].is_echoed |= is_echo(&side->said[i], data, length, is_text);
        return;
    }
    size_t prefix = is_text ? strlen(ECHO_PREFIX) : 0;
    char *echo = malloc(prefix + length + 1);
    if (echo == NULL)
        abort();
    memcpy(echo, ECHO_PREFIX, prefix);
    memcpy(echo + prefix, data, length);
    lines_check("send", peer_data_channel_send(channel, echo, prefix + length, is_text));
    free(echo);
}

static const peer_data_channel_events_t channel_events = {.on_open = on_open, .on_message = on_message};

static void on_data_channel(peer_connection_t *pc, peer_data_channel_t *channel, void *user)
{
    side_t *side = user;
    peer_data_channel_set_events(channel, &channel_events, side);
    peer_data_channel_unref(side->channel);
    side->channel = peer_data_channel_ref(channel);
}

/* ---- media ---- */

static void on_video_frame(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    received_video(user, frame);
}

static void on_audio_frame(peer_track_t *track, peer_audio_frame_t *frame, void *user)
{
    received_audio(user, frame);
}

static void on_track(peer_connection_t *pc, const peer_track_event_t *event, void *user)
{
    side_t *side = user;
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_video_frame = on_video_frame;
    sink.on_audio_frame = on_audio_frame;
    lines_check("add sink", peer_track_add_sink(event->track, &sink, &side->received));
}

static void add_media(side_t *side)
{
    side->has_media = true;
    peer_media_constraints_t constraints;
    peer_media_constraints_init(&constraints, sizeof constraints);
    constraints.audio = constraints.video = 1;
    constraints.width = 320;
    constraints.height = 240;
    if (!lines_check("getUserMedia", peer_get_user_media(&constraints, &side->stream)))
        return;
    for (size_t i = 0; i < peer_stream_track_count(side->stream); i++)
        lines_check("addTrack", peer_connection_add_track(side->call.pc, peer_stream_track(side->stream, i), &side->stream, 1, NULL));
}

/* ---- negotiation ---- */

static void on_gathering_state(peer_connection_t *pc, int32_t state, void *user)
{
    side_t *side = user;
    if (side->is_full && state == PEER_ICE_GATHERING_COMPLETE)
        send_description(side);
}

static void start_offer(side_t *side)
{
    add_media(side);
    if (side->has_data) {
        side->is_channel_ours = true;
        lines_check("createDataChannel",
                    peer_connection_create_data_channel(side->call.pc, "chat", NULL, &channel_events, side, &side->channel));
    }
    if (!side->is_full)
        return; /* the negotiator offers */
    peer_description_t *offer = NULL;
    if (lines_check("createOffer", peer_connection_create_offer(side->call.pc, NULL, &offer)))
        lines_check("setLocalDescription", peer_connection_set_local_description(side->call.pc, offer));
    peer_description_unref(offer);
}

static void receive_description(side_t *side, json_t *value)
{
    char *json = json_dumps(value, JSON_COMPACT);
    peer_description_t *description = NULL, *answer = NULL;
    if (lines_check("description", peer_description_from_json(json, strlen(json), &description)) &&
        lines_check("setRemoteDescription", peer_connection_set_remote_description(side->call.pc, description)) &&
        peer_description_type(description) == PEER_SDP_OFFER) {
        if (!side->has_media)
            add_media(side);
        if (lines_check("createAnswer", peer_connection_create_answer(side->call.pc, &answer)))
            lines_check("setLocalDescription", peer_connection_set_local_description(side->call.pc, answer));
    }
    peer_description_unref(answer);
    peer_description_unref(description);
    free(json);
}

static void receive_candidate(side_t *side, json_t *value)
{
    char *json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    peer_ice_candidate_t *candidate = NULL;
    if (json_is_null(value) || lines_check("candidate", peer_ice_candidate_from_json(json, strlen(json), &candidate)))
        lines_check("addIceCandidate", peer_connection_add_ice_candidate(side->call.pc, candidate));
    peer_ice_candidate_unref(candidate);
    free(json);
}

static json_t *stats_of(const side_t *side)
{
    peer_stats_report_t *report = NULL;
    if (!lines_check("getStats", peer_connection_get_stats(side->call.pc, &report)))
        return json_array();
    char *json = peer_stats_report_to_json(report);
    json_t *stats = json_loads(json, 0, NULL);
    peer_string_free(json);
    peer_stats_report_unref(report);
    return stats != NULL ? stats : json_array();
}

static void report(const side_t *side)
{
    unsigned echoes = 0;
    for (size_t i = 0; i < SAID_COUNT; i++)
        echoes += side->said[i].is_echoed;
    json_t *report = json_pack("{s:s, s:i, s:i, s:o}", "state", peer_connection_state_name(peer_connection_connection_state(side->call.pc)),
                               "messages", (int)side->messages, "echoes", (int)echoes, "stats", stats_of(side));
    received_report(&side->received, report);
    lines_print(json_pack("{s:o}", "report", report));
}

static void receive_line(void *user, const char *line, size_t length)
{
    side_t *side = user;
    json_t *message = json_loadb(line, length, 0, NULL);
    json_t *description = json_object_get(message, "description"), *candidate = json_object_get(message, "candidate");
    if (json_object_get(message, "report") != NULL) {
        report(side);
    } else if (description == NULL && candidate == NULL) {
        lines_print(json_pack("{s:s}", "error", "a line that is no message"));
    } else if (side->call.negotiator != NULL) {
        if (!side->has_media) /* before the offer is answered, so that the answer has them */
            add_media(side);
        peer_negotiator_receive(side->call.negotiator, line, length); /* its on_error reports */
    } else if (description != NULL) {
        receive_description(side, description);
    } else {
        receive_candidate(side, candidate);
    }
    json_decref(message);
}

static void on_connection_state(peer_connection_t *pc, int32_t state, void *user)
{
    lines_print(json_pack("{s:s}", "state", peer_connection_state_name(state)));
}

static void prepare_what_is_said(side_t *side)
{
    for (size_t i = 0; i < sizeof binary; i++)
        binary[i] = (char)(i * 7 + i / 256);
    static const char *const texts[] = {"hello", "größer, 你好 ✓"};
    for (size_t i = 0; i < 2; i++)
        side->said[i] = (said_t){.data = texts[i], .length = strlen(texts[i]), .is_text = true};
    side->said[2] = (said_t){.data = binary, .length = 100};
    side->said[3] = (said_t){.data = binary, .length = sizeof binary};
}

int main(int count, char **arguments)
{
    static side_t side;
    side.is_offering = lines_has(arguments, "offer");
    side.is_full = lines_has(arguments, "--full");
    side.has_data = !lines_has(arguments, "--no-data");
    prepare_what_is_said(&side);
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
    static const peer_connection_events_t events = {.on_track = on_track,
                                                    .on_data_channel = on_data_channel,
                                                    .on_ice_gathering_state_change = on_gathering_state,
                                                    .on_connection_state_change = on_connection_state};
    if (!lines_open(&side.call, arguments, &configuration, &events, &side))
        return 1;
    if (!side.is_full)
        lines_negotiate(&side.call, !side.is_offering);
    if (side.is_offering)
        start_offer(&side);
    lines_run(&side.call, &(lines_handler_t){.on_line = receive_line}, &side);
    peer_data_channel_unref(side.channel);
    peer_stream_unref(side.stream);
    lines_close(&side.call);
    return 0;
}
