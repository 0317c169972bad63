/* One side of a call in a network of the lab, over the public interface alone: JSON lines on standard input and output.
 *
 *   nat-peer offer|answer [--server URL]… [--user NAME --password TEXT] [--ca-file FILE] [--relay-only] [--ice-tcp active|all|off]
 *            [--hide-addresses] [--map-ports] [--media] [--log]
 *
 * In:  {"description":…} and {"candidate":…} from the other side
 *      {"report":true} asks for a report, {"watch":true} to be told when data and pictures flow and since when
 *      {"restart":true} restarts ICE; the end of the input hangs up
 * Out: {"description":…} and {"candidate":…} for the other side; {"state":…}, {"ice_state":…}, {"gathering":…}, {"server_error":{…}}
 *      {"works":{…}} when data has gone both ways, with times; {"arrived":"data"|"video","at_ms":…}; {"report":{…}}
 *      {"error":…} when a call of the library failed
 *
 * Both sides send a numbered message every 20 ms over a channel that repeats nothing, so that what arrives tells of the path alone; with
 * --media also a picture. All times are milliseconds of the monotonic clock, which the namespaces of a machine share. */
#include "lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGE_INTERVAL_MS 20
#define PAUSE_MS 300  /* that long without an arrival, and what comes next is a new beginning */
#define STEADY_MS 500 /* that long without a pause, and it flows */
#define SERVERS_MAX 16

/* What comes in over the path. */
typedef struct flow {
    const char *name;
    uint64_t count;
    double last_ms, run_ms; /* of the latest arrival; of the first one since the latest pause */
    bool is_watched;        /* it is told when it flows */
} flow_t;

typedef struct side {
    lines_call_t call;
    peer_data_channel_t *channel;
    peer_stream_t *stream;
    bool is_offering, has_media, works;
    bool has_heard, is_heard; /* a message of the other side; one of it that says that it has had one of ours */
    double descriptions_ms, connected_ms, works_ms;
    double next_message_ms;
    uint64_t messages_sent;
    flow_t data, video;
} side_t;

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void note_descriptions(side_t *side)
{
    if (side->descriptions_ms > 0 || peer_connection_signaling_state(side->call.pc) != PEER_SIGNALING_STABLE)
        return;
    peer_description_t *remote = peer_connection_remote_description(side->call.pc);
    if (remote != NULL)
        side->descriptions_ms = now_ms();
    peer_description_unref(remote);
}

/* ---- what flows ---- */

static void note_arrival(flow_t *flow)
{
    double now = now_ms();
    flow->count++;
    if (now - flow->last_ms > PAUSE_MS)
        flow->run_ms = now;
    flow->last_ms = now;
    if (!flow->is_watched || now - flow->run_ms < STEADY_MS)
        return;
    flow->is_watched = false;
    lines_print(json_pack("{s:s, s:f}", "arrived", flow->name, "at_ms", flow->run_ms));
}

static void watch(flow_t *flow)
{
    flow->is_watched = true;
    flow->run_ms = flow->last_ms = now_ms();
}

static void note_working(side_t *side)
{
    if (side->works || !side->has_heard || !side->is_heard)
        return;
    side->works = true;
    side->works_ms = now_ms();
    lines_print(json_pack("{s:{s:f, s:f, s:f}}", "works", "descriptions_ms", side->descriptions_ms, "connected_ms", side->connected_ms,
                          "works_ms", side->works_ms));
}

static void send_message(side_t *side)
{
    char text[64];
    int length = snprintf(text, sizeof text, "%" PRIu64 " %s", ++side->messages_sent, side->has_heard ? "heard" : "");
    (void)peer_data_channel_send(side->channel, text, (size_t)length, 1); /* what does not fit into the queue is left out */
}

static void on_open(peer_data_channel_t *channel, void *user)
{
    side_t *side = user;
    send_message(side);
    side->next_message_ms = now_ms() + MESSAGE_INTERVAL_MS;
}

static void on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    side_t *side = user;
    bool is_news = !side->has_heard;
    side->has_heard = true;
    side->is_heard |= length > 5 && memcmp((const char *)data + length - 5, "heard", 5) == 0;
    note_arrival(&side->data);
    if (is_news)
        send_message(side);
    note_working(side);
}

static const peer_data_channel_events_t channel_events = {.on_open = on_open, .on_message = on_message};

static void on_data_channel(peer_connection_t *pc, peer_data_channel_t *channel, void *user)
{
    side_t *side = user;
    peer_data_channel_set_events(channel, &channel_events, side);
    peer_data_channel_unref(side->channel);
    side->channel = peer_data_channel_ref(channel);
}

static void on_video_frame(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    note_arrival(&((side_t *)user)->video);
}

static void on_track(peer_connection_t *pc, const peer_track_event_t *event, void *user)
{
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_video_frame = on_video_frame;
    lines_check("add sink", peer_track_add_sink(event->track, &sink, user));
}

static void add_media(side_t *side)
{
    peer_media_constraints_t constraints;
    peer_media_constraints_init(&constraints, sizeof constraints);
    constraints.video = 1;
    constraints.width = 320;
    constraints.height = 240;
    if (!lines_check("getUserMedia", peer_get_user_media(&constraints, &side->stream)))
        return;
    for (size_t i = 0; i < peer_stream_track_count(side->stream); i++)
        lines_check("addTrack", peer_connection_add_track(side->call.pc, peer_stream_track(side->stream, i), &side->stream, 1, NULL));
}

/* ---- the connection ---- */

static void on_candidate_error(peer_connection_t *pc, const peer_ice_candidate_error_t *error, void *user)
{
    lines_print(json_pack("{s:{s:s, s:s?, s:i, s:s}}", "server_error", "url", error->url, "address", error->address, "code",
                          (int)error->code, "text", error->text));
}

static void on_ice_state(peer_connection_t *pc, int32_t state, void *user)
{
    side_t *side = user;
    if (state == PEER_ICE_CONNECTION_CONNECTED && side->connected_ms <= 0)
        side->connected_ms = now_ms();
    lines_print(json_pack("{s:s, s:f}", "ice_state", peer_ice_connection_state_name(state), "at_ms", now_ms()));
}

static void on_connection_state(peer_connection_t *pc, int32_t state, void *user)
{
    lines_print(json_pack("{s:s, s:f}", "state", peer_connection_state_name(state), "at_ms", now_ms()));
}

static void on_gathering_state(peer_connection_t *pc, int32_t state, void *user)
{
    lines_print(json_pack("{s:s, s:f}", "gathering", peer_ice_gathering_state_name(state), "at_ms", now_ms()));
}

static void open_channel(side_t *side)
{
    peer_data_channel_init_t init;
    peer_data_channel_init_init(&init, sizeof init);
    init.ordered = 0;
    init.max_retransmits = 0;
    lines_check("createDataChannel",
                peer_connection_create_data_channel(side->call.pc, "path", &init, &channel_events, side, &side->channel));
}

/* Takes a JSON text of the library over; null when there is none. */
static json_t *taken(char *json)
{
    json_t *value = json != NULL ? json_loads(json, 0, NULL) : NULL;
    peer_string_free(json);
    return value != NULL ? value : json_null();
}

static void report(const side_t *side)
{
    peer_stats_report_t *report = NULL;
    if (!lines_check("getStats", peer_connection_get_stats(side->call.pc, &report)))
        return;
    lines_print(json_pack(
        "{s:{s:s, s:I, s:I, s:o, s:o}}", "report", "state", peer_connection_state_name(peer_connection_connection_state(side->call.pc)),
        "messages", (json_int_t)side->data.count, "frames", (json_int_t)side->video.count, "stats",
        taken(peer_stats_report_to_json(report)), "ice", taken(peer_connection_ice_report(side->call.pc, PEER_ICE_REPORT_JSON))));
    peer_stats_report_unref(report);
}

static void receive_line(void *user, const char *line, size_t length)
{
    side_t *side = user;
    json_t *message = json_loadb(line, length, 0, NULL);
    if (json_object_get(message, "report") != NULL) {
        report(side);
    } else if (json_object_get(message, "watch") != NULL) {
        watch(&side->data);
        watch(&side->video);
    } else if (json_object_get(message, "restart") != NULL) {
        lines_check("restartIce", peer_connection_restart_ice(side->call.pc));
    } else {
        if (side->has_media && side->stream == NULL) /* before the offer is answered, so that the answer has it */
            add_media(side);
        peer_negotiator_receive(side->call.negotiator, line, length); /* its on_error reports */
        note_descriptions(side);
    }
    json_decref(message);
}

/* The next message, when it is time. */
static int prepare(void *user)
{
    side_t *side = user;
    if (side->channel == NULL || peer_data_channel_ready_state(side->channel) != PEER_DATA_CHANNEL_OPEN)
        return -1;
    double left = side->next_message_ms - now_ms();
    if (left > 0)
        return (int)left + 1;
    send_message(side);
    side->next_message_ms = now_ms() + MESSAGE_INTERVAL_MS;
    return MESSAGE_INTERVAL_MS;
}

/* ---- the command line ---- */

static int32_t tcp_policy(const char *text)
{
    return strcmp(text, "all") == 0 ? PEER_ICE_TCP_ALL : strcmp(text, "off") == 0 ? PEER_ICE_TCP_OFF : PEER_ICE_TCP_ACTIVE;
}

/* Reads the command line; the strings stay where they are. */
static bool read_arguments(side_t *side, peer_configuration_t *configuration, peer_ice_server_t *servers, char **arguments)
{
    const char *user = NULL, *password = NULL;
    for (; *arguments != NULL; arguments++) {
        const char *name = *arguments, *value = arguments[1];
        if (strcmp(name, "offer") == 0) {
            side->is_offering = true;
        } else if (strcmp(name, "--relay-only") == 0) {
            configuration->ice_transport_policy = PEER_ICE_TRANSPORT_RELAY;
        } else if (strcmp(name, "--hide-addresses") == 0) {
            configuration->hide_addresses = 1;
        } else if (strcmp(name, "--map-ports") == 0) {
            configuration->port_mapping = 1;
        } else if (strcmp(name, "--media") == 0) {
            side->has_media = true;
        } else if (strcmp(name, "answer") != 0 && strcmp(name, "--log") != 0) {
            if (value == NULL)
                return false;
            arguments++;
            if (strcmp(name, "--server") == 0 && configuration->ice_server_count < SERVERS_MAX)
                servers[configuration->ice_server_count++].urls = value;
            else if (strcmp(name, "--user") == 0)
                user = value;
            else if (strcmp(name, "--password") == 0)
                password = value;
            else if (strcmp(name, "--ca-file") == 0)
                configuration->ca_file = value;
            else if (strcmp(name, "--ice-tcp") == 0)
                configuration->ice_tcp_policy = tcp_policy(value);
            else
                return false;
        }
    }
    for (size_t i = 0; i < configuration->ice_server_count; i++) {
        servers[i].username = user;
        servers[i].credential = password;
    }
    configuration->ice_servers = servers;
    return true;
}

int main(int count, char **arguments)
{
    static side_t side = {.data = {.name = "data"}, .video = {.name = "video"}};
    static peer_ice_server_t servers[SERVERS_MAX];
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    if (count < 2 || !read_arguments(&side, &configuration, servers, arguments + 1)) {
        fprintf(stderr, "nat-peer: a wrong command line\n");
        return 2;
    }
    static const peer_connection_events_t events = {.on_track = on_track,
                                                    .on_data_channel = on_data_channel,
                                                    .on_ice_candidate_error = on_candidate_error,
                                                    .on_ice_connection_state_change = on_ice_state,
                                                    .on_ice_gathering_state_change = on_gathering_state,
                                                    .on_connection_state_change = on_connection_state};
    if (!lines_open(&side.call, arguments, &configuration, &events, &side))
        return 1;
    lines_negotiate(&side.call, !side.is_offering);
    if (side.is_offering) {
        if (side.has_media)
            add_media(&side);
        open_channel(&side);
    }
    lines_run(&side.call, &(lines_handler_t){.on_line = receive_line, .prepare = prepare}, &side);
    peer_data_channel_unref(side.channel);
    peer_stream_unref(side.stream);
    lines_close(&side.call);
    return 0;
}
