/* Data channels that are told what to do, for peers of other stacks: JSON lines on standard input and output, over the public interface
 * alone.
 *
 *   interop-channels [--polite] [--max-message-size BYTES] [--log]
 *
 * In:  {"description":…} and {"candidate":…} from the other side, and commands: {"do":"create","label":…,"init":{…}},
 *      {"do":"send","label":…,"size":…,"seed":…,"text":…,"count":…}, {"do":"close","label":…}, {"do":"threshold","label":…,"bytes":…},
 *      {"do":"hangup"}, {"do":"state"}. A channel goes by its label, whoever opened it. The end of the input ends the program.
 * Out: {"description":…} and {"candidate":…} for the other side, and {"done":…} for each command, with what it gave or "error".
 *
 * The content of a message follows from its seed, so that both sides can tell it by a sum. */
#include "lines.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_SIZE 64
#define CHANNELS_MAX 4096

typedef struct channel {
    peer_data_channel_t *channel;
    char label[LABEL_SIZE];
    json_t *messages; /* [length, is_text, sum] each */
} channel_t;

typedef struct side {
    lines_call_t call;
    channel_t channels[CHANNELS_MAX];
    size_t count;
    json_t *log; /* "event label", in order */
} side_t;

static side_t side;

static void note(const char *event, const char *label)
{
    json_array_append_new(side.log, json_sprintf("%s %s", event, label));
}

/* FNV-1a, which JavaScript computes exactly too. */
static uint32_t sum_of(const uint8_t *data, size_t length)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < length; i++)
        sum = (sum ^ data[i]) * 16777619u;
    return sum;
}

static void fill(uint8_t *data, size_t length, unsigned seed, bool is_text)
{
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)(is_text ? 97 + (i * 7 + seed) % 26 : i * 7 + (i >> 8) + seed);
}

static channel_t *find(const char *label)
{
    for (size_t i = side.count; i-- > 0;)
        if (strcmp(side.channels[i].label, label) == 0)
            return &side.channels[i];
    return NULL;
}

/* ---- events ---- */

static void on_open(peer_data_channel_t *channel, void *user)
{
    note("open", peer_data_channel_label(channel));
}

static void on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    channel_t *mine = find(peer_data_channel_label(channel));
    if (mine != NULL)
        json_array_append_new(mine->messages, json_pack("[I,b,I]", (json_int_t)length, (int)is_text, (json_int_t)sum_of(data, length)));
}

static void on_low(peer_data_channel_t *channel, void *user)
{
    note("bufferedamountlow", peer_data_channel_label(channel));
}

static void on_closing(peer_data_channel_t *channel, void *user)
{
    note("closing", peer_data_channel_label(channel));
}

static void on_error(peer_data_channel_t *channel, const peer_rtc_error_t *error, void *user)
{
    char event[64];
    snprintf(event, sizeof event, "error %s", peer_error_detail_name(error->detail));
    note(event, peer_data_channel_label(channel));
}

static void on_close(peer_data_channel_t *channel, void *user)
{
    note("close", peer_data_channel_label(channel));
}

static const peer_data_channel_events_t channel_events = {.on_open = on_open,
                                                          .on_message = on_message,
                                                          .on_buffered_amount_low = on_low,
                                                          .on_closing = on_closing,
                                                          .on_error = on_error,
                                                          .on_close = on_close};

static channel_t *add(const char *label)
{
    if (side.count == CHANNELS_MAX)
        return NULL;
    channel_t *mine = &side.channels[side.count++];
    *mine = (channel_t){.messages = json_array()};
    snprintf(mine->label, sizeof mine->label, "%s", label);
    return mine;
}

static void on_data_channel(peer_connection_t *pc, peer_data_channel_t *channel, void *user)
{
    const char *label = peer_data_channel_label(channel);
    channel_t *mine = add(label);
    if (mine == NULL)
        return;
    mine->channel = peer_data_channel_ref(channel);
    note("datachannel", label);
    peer_data_channel_set_events(channel, &channel_events, NULL);
}

static void on_sctp_state(peer_connection_t *pc, int32_t state, void *user)
{
    note("sctp", peer_sctp_transport_state_name(state));
}

/* ---- commands ---- */

static void create(json_t *command)
{
    json_t *given = json_object_get(command, "init");
    peer_data_channel_init_t init;
    peer_data_channel_init_init(&init, sizeof init);
    init.ordered = lines_integer(given, "ordered", 1);
    init.max_retransmits = lines_integer(given, "maxRetransmits", -1);
    init.max_packet_life_time = lines_integer(given, "maxPacketLifeTime", -1);
    init.negotiated = lines_integer(given, "negotiated", 0);
    init.id = lines_integer(given, "id", -1);
    init.protocol = json_string_value(json_object_get(given, "protocol"));
    const char *label = json_string_value(json_object_get(command, "label"));
    channel_t *mine = add(label);
    int error = mine == NULL ? PEER_ERROR_OPERATION
                             : peer_connection_create_data_channel(side.call.pc, label, &init, &channel_events, NULL, &mine->channel);
    if (mine != NULL && error < 0)
        side.count--;
    lines_done("create", NULL, error);
}

static void send_messages(json_t *command, channel_t *mine)
{
    size_t size = (size_t)json_integer_value(json_object_get(command, "size"));
    bool is_text = json_is_true(json_object_get(command, "text"));
    int32_t count = lines_integer(command, "count", 1), seed = lines_integer(command, "seed", 0);
    uint8_t *data = malloc(size + 1);
    int error = 0;
    for (int32_t i = 0; i < count && error == 0 && data != NULL; i++) {
        fill(data, size, (unsigned)(seed + i), is_text);
        error = peer_data_channel_send(mine->channel, data, size, is_text);
    }
    free(data);
    lines_done("send", json_pack("{s:I}", "bufferedAmount", (json_int_t)peer_data_channel_buffered_amount(mine->channel)), error);
}

static json_t *describe(const channel_t *mine)
{
    peer_data_channel_t *channel = mine->channel;
    return json_pack("{s:s,s:s,s:i,s:b,s:i,s:i,s:b,s:s,s:I,s:O}", "label", peer_data_channel_label(channel), "protocol",
                     peer_data_channel_protocol(channel), "id", peer_data_channel_id(channel), "ordered",
                     peer_data_channel_ordered(channel), "maxRetransmits", peer_data_channel_max_retransmits(channel), "maxPacketLifeTime",
                     peer_data_channel_max_packet_life_time(channel), "negotiated", peer_data_channel_negotiated(channel), "readyState",
                     peer_data_channel_state_name(peer_data_channel_ready_state(channel)), "bufferedAmount",
                     (json_int_t)peer_data_channel_buffered_amount(channel), "messages", mine->messages);
}

static void tell_state(void)
{
    json_t *channels = json_object(), *transport = json_null();
    for (size_t i = 0; i < side.count; i++)
        json_object_set_new(channels, side.channels[i].label, describe(&side.channels[i]));
    peer_sctp_transport_t *sctp = peer_connection_sctp(side.call.pc);
    if (sctp != NULL)
        transport =
            json_pack("{s:s,s:I,s:i}", "state", peer_sctp_transport_state_name(peer_sctp_transport_state(sctp)), "maxMessageSize",
                      (json_int_t)peer_sctp_transport_max_message_size(sctp), "maxChannels", peer_sctp_transport_max_channels(sctp));
    peer_sctp_transport_unref(sctp);
    lines_done("state",
               json_pack("{s:s,s:o,s:o,s:O}", "connectionState", peer_connection_state_name(peer_connection_connection_state(side.call.pc)),
                         "channels", channels, "sctp", transport, "log", side.log),
               0);
}

static void obey(const char *what, json_t *command)
{
    const char *label = json_string_value(json_object_get(command, "label"));
    channel_t *mine = label != NULL ? find(label) : NULL;
    if (strcmp(what, "create") == 0 && label != NULL) {
        create(command);
    } else if (strcmp(what, "state") == 0) {
        tell_state();
    } else if (strcmp(what, "hangup") == 0) {
        peer_connection_close(side.call.pc);
        lines_done(what, NULL, 0);
    } else if (mine == NULL) {
        lines_done(what, NULL, PEER_ERROR_NOT_FOUND);
    } else if (strcmp(what, "send") == 0) {
        send_messages(command, mine);
    } else if (strcmp(what, "threshold") == 0) {
        peer_data_channel_set_buffered_amount_low_threshold(mine->channel, (uint64_t)lines_integer(command, "bytes", 0));
        lines_done(what, NULL, 0);
    } else if (strcmp(what, "close") == 0) {
        peer_data_channel_close(mine->channel);
        lines_done(what, NULL, 0);
    } else {
        lines_done(what, NULL, PEER_ERROR_NOT_SUPPORTED);
    }
}

static void receive_line(void *user, const char *line, size_t length)
{
    json_t *message = json_loadb(line, length, 0, NULL);
    const char *what = json_string_value(json_object_get(message, "do"));
    if (what != NULL)
        obey(what, message);
    else
        peer_negotiator_receive(side.call.negotiator, line, length);
    json_decref(message);
}

int main(int count, char **arguments)
{
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
    for (int i = 1; i + 1 < count; i++)
        if (strcmp(arguments[i], "--max-message-size") == 0)
            configuration.maximum_message_size = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
    static const peer_connection_events_t events = {.on_data_channel = on_data_channel, .on_sctp_transport_state_change = on_sctp_state};
    side.log = json_array();
    if (!lines_open(&side.call, arguments, &configuration, &events, NULL))
        return 1;
    lines_negotiate(&side.call, lines_has(arguments, "--polite"));
    lines_run(&side.call, &(lines_handler_t){.on_line = receive_line}, NULL);
    for (size_t i = 0; i < side.count; i++) {
        json_decref(side.channels[i].messages);
        peer_data_channel_unref(side.channels[i].channel);
    }
    json_decref(side.log);
    lines_close(&side.call);
    return 0;
}
