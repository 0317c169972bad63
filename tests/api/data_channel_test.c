/* RTCDataChannel and RTCSctpTransport through the public interface alone. */
#include "pair.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static bool are_open(pair_t *pair)
{
    return pair->sides[1].channels > 0 && peer_data_channel_ready_state(pair->sides[0].channel) == PEER_DATA_CHANNEL_OPEN;
}

static void open_pair(pair_t *pair, uint32_t receive_window, uint32_t maximum_message_size)
{
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
    configuration.receive_window = receive_window;
    configuration.maximum_message_size = maximum_message_size;
    pair_open_configured(pair, &configuration, &configuration);
    pair_add_channel(&pair->sides[0], "first");
    CHECK(pair_wait(pair, are_open, NULL));
}

static uint8_t byte_at(uint64_t position)
{
    return (uint8_t)(position * 31 + (position >> 11));
}

/* ---- attributes ---- */

static bool has_two_channels(pair_t *pair)
{
    return pair->sides[1].channels == 2;
}

static atomic_uintptr_t announced;

static void keep_second(pair_side_t *side, pair_callback_t kind, void *object)
{
    if (kind == PAIR_DATA_CHANNEL && strcmp(peer_data_channel_label(object), "second") == 0)
        atomic_store(&announced, (uintptr_t)peer_data_channel_ref(object));
}

TEST(both_sides_read_what_a_channel_was_made_with)
{
    pair_t pair;
    open_pair(&pair, 0, 0);
    pair.sides[1].on_callback = keep_second;
    peer_data_channel_init_t init;
    peer_data_channel_init_init(&init, sizeof init);
    init.ordered = 0;
    init.max_packet_life_time = 250;
    init.protocol = "telemetry";
    init.priority = PEER_PRIORITY_HIGH;
    peer_data_channel_t *channel = NULL;
    CHECK_INT(peer_connection_create_data_channel(pair.sides[0].pc, "second", &init, NULL, NULL, &channel), 0);
    CHECK(pair_wait(&pair, has_two_channels, NULL));
    peer_data_channel_t *both[] = {channel, (peer_data_channel_t *)atomic_load(&announced)};
    for (size_t i = 0; i < 2; i++) {
        CHECK_TEXT(peer_data_channel_label(both[i]), "second");
        CHECK_TEXT(peer_data_channel_protocol(both[i]), "telemetry");
        CHECK_INT(peer_data_channel_ordered(both[i]), 0);
        CHECK_INT(peer_data_channel_max_packet_life_time(both[i]), 250);
        CHECK_INT(peer_data_channel_max_retransmits(both[i]), -1);
        CHECK_INT(peer_data_channel_negotiated(both[i]), 0);
        CHECK_INT(peer_data_channel_priority(both[i]), PEER_PRIORITY_HIGH);
        CHECK_INT(peer_data_channel_id(both[i]), peer_data_channel_id(channel));
        CHECK_INT(peer_data_channel_buffered_amount_low_threshold(both[i]), 0);
    }
    CHECK_INT(peer_data_channel_priority(pair.sides[0].channel), PEER_PRIORITY_LOW);
    init.priority = PEER_PRIORITY_HIGH + 1;
    CHECK_INT(peer_connection_create_data_channel(pair.sides[0].pc, "third", &init, NULL, NULL, NULL), PEER_ERROR_TYPE);
    peer_data_channel_set_buffered_amount_low_threshold(channel, 1234);
    CHECK_INT(peer_data_channel_buffered_amount_low_threshold(channel), 1234);
    peer_data_channel_unref(both[0]);
    peer_data_channel_unref(both[1]);
    CHECK(pair_end(&pair, NULL));
}

TEST(an_id_is_there_as_soon_as_the_dtls_role_is_and_not_before)
{
    pair_t pair;
    pair_open(&pair, NULL, NULL);
    peer_data_channel_t *early = NULL, *late = NULL;
    CHECK_INT(peer_connection_create_data_channel(pair.sides[0].pc, "early", NULL, NULL, NULL, &early), 0);
    pair_add_channel(&pair.sides[0], "first");
    CHECK(peer_data_channel_id(early) == -1 || peer_data_channel_ready_state(early) == PEER_DATA_CHANNEL_OPEN ||
          peer_connection_signaling_state(pair.sides[0].pc) == PEER_SIGNALING_STABLE);
    CHECK(pair_wait(&pair, are_open, NULL));
    CHECK(peer_data_channel_id(early) >= 0);
    CHECK_INT(peer_connection_create_data_channel(pair.sides[0].pc, "late", NULL, NULL, NULL, &late), 0);
    CHECK(peer_data_channel_id(late) >= 0 && peer_data_channel_id(late) % 2 == peer_data_channel_id(early) % 2);
    peer_data_channel_unref(early);
    peer_data_channel_unref(late);
    CHECK(pair_end(&pair, NULL));
}

/* W3C WebRTC §4.4.1.5: [[SctpTransport]] comes with the offer, and goes with its rollback. */
TEST(the_sctp_transport_is_there_once_data_channels_are_offered)
{
    peer_connection_t *pc = peer_connection_new(NULL, NULL, NULL);
    peer_data_channel_t *channel;
    peer_description_t *rollback;
    CHECK_INT(peer_connection_create_data_channel(pc, "offered", NULL, NULL, NULL, &channel), 0);
    CHECK(peer_connection_sctp(pc) == NULL);
    CHECK_INT(peer_connection_set_local_description(pc, NULL), 0);
    peer_sctp_transport_t *transport = peer_connection_sctp(pc);
    CHECK(transport != NULL);
    CHECK_INT(peer_sctp_transport_state(transport), PEER_SCTP_TRANSPORT_CONNECTING);
    CHECK_INT(peer_sctp_transport_max_channels(transport), -1);
    CHECK_INT(peer_description_new(PEER_SDP_ROLLBACK, NULL, &rollback), 0);
    CHECK_INT(peer_connection_set_local_description(pc, rollback), 0);
    CHECK(peer_connection_sctp(pc) == NULL);
    peer_sctp_transport_unref(transport);
    peer_description_unref(rollback);
    peer_data_channel_unref(channel);
    peer_connection_close(pc);
    peer_connection_unref(pc);
}

TEST(the_sctp_transport_is_one_object_that_tells_its_state)
{
    pair_t pair;
    pair_open(&pair, NULL, NULL);
    CHECK(peer_connection_sctp(pair.sides[0].pc) == NULL);
    pair_add_channel(&pair.sides[0], "first");
    CHECK(pair_wait(&pair, are_open, NULL));
    peer_sctp_transport_t *transport = peer_connection_sctp(pair.sides[0].pc), *same = peer_connection_sctp(pair.sides[0].pc);
    CHECK(transport != NULL && transport == same);
    CHECK_INT(peer_sctp_transport_state(transport), PEER_SCTP_TRANSPORT_CONNECTED);
    CHECK_INT(peer_sctp_transport_max_message_size(transport), 262144);
    CHECK_INT(peer_sctp_transport_max_channels(transport), 65535);
    CHECK_TEXT(peer_sctp_transport_state_name(PEER_SCTP_TRANSPORT_CONNECTED), "connected");
    CHECK(pair_end(&pair, NULL));
    CHECK_INT(peer_sctp_transport_state(transport), PEER_SCTP_TRANSPORT_CLOSED);
    CHECK_INT(peer_sctp_transport_max_message_size(transport), 262144);
    peer_sctp_transport_unref(transport);
    peer_sctp_transport_unref(same);
}

/* ---- sending ---- */

static bool has_one_message(pair_t *pair)
{
    return pair->sides[1].messages == 1;
}

static void check_gathered(pair_side_t *side, peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text)
{
    (void)channel;
    bool is_right = length == 11 && memcmp(data, "head-middle", 11) == 0 && is_text;
    atomic_store(&announced, is_right);
    (void)side;
}

TEST(a_message_is_gathered_from_several_buffers)
{
    pair_t pair;
    open_pair(&pair, 0, 0);
    atomic_store(&announced, 0);
    pair.sides[1].on_message = check_gathered;
    const peer_buffer_t buffers[] = {{"head", 4}, {NULL, 0}, {"-middle", 7}}, wrong[] = {{NULL, 3}};
    peer_data_channel_t *channel = pair.sides[0].channel;
    CHECK_INT(peer_data_channel_sendv(channel, wrong, 1, 0), PEER_ERROR_TYPE);
    CHECK_INT(peer_data_channel_sendv(channel, NULL, 1, 0), PEER_ERROR_TYPE);
    CHECK_INT(peer_data_channel_sendv(channel, buffers, 3, 1), 0);
    CHECK(pair_wait(&pair, has_one_message, NULL));
    CHECK(pair_end(&pair, NULL));
    CHECK_INT(atomic_load(&announced), 1);
}

#define FILE_SIZE (8u << 20)

typedef struct file {
    atomic_ullong at;
    atomic_int waits, ends;
    atomic_uint wrong;
    uint64_t received;
    bool pauses;
} file_t;

static int64_t read_file(peer_data_channel_t *channel, void *buffer, size_t capacity, void *user)
{
    file_t *file = user;
    uint8_t *bytes = buffer;
    uint64_t at = atomic_load(&file->at);
    if (at == FILE_SIZE)
        return PEER_SOURCE_END;
    if (file->pauses && at >= FILE_SIZE / 2 && atomic_fetch_add(&file->waits, 1) == 0)
        return PEER_SOURCE_WAIT;
    size_t length = FILE_SIZE - at < capacity ? (size_t)(FILE_SIZE - at) : capacity;
    for (size_t i = 0; i < length; i++)
        bytes[i] = byte_at(at + i);
    atomic_store(&file->at, at + length);
    return (int64_t)length;
}

static void on_file_end(peer_data_channel_t *channel, void *user)
{
    file_t *file = user;
    atomic_fetch_add(&file->ends, 1);
}

static void check_file(pair_side_t *side, peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text)
{
    file_t *file = side->user;
    const uint8_t *bytes = data;
    unsigned wrong = is_text != 0;
    for (size_t i = 0; i < length; i++)
        wrong += bytes[i] != byte_at(file->received + i);
    file->received += length;
    atomic_fetch_add(&file->wrong, wrong);
}

static bool file_has_come(pair_t *pair)
{
    file_t *file = pair->sides[1].user;
    return pair->sides[1].bytes == FILE_SIZE && atomic_load(&file->ends) == 1;
}

static bool source_waits(pair_t *pair)
{
    file_t *file = pair->sides[1].user;
    return atomic_load(&file->waits) > 0;
}

TEST(a_source_is_asked_for_a_file_as_the_network_takes_it)
{
    for (int pauses = 0; pauses < 2; pauses++) {
        file_t file = {.pauses = pauses};
        pair_t pair;
        peer_data_source_t source;
        open_pair(&pair, 0, 0);
        pair.sides[1].user = &file;
        pair.sides[1].on_message = check_file;
        peer_data_source_init(&source, sizeof source);
        CHECK_INT(peer_data_channel_set_source(pair.sides[0].channel, &source), PEER_ERROR_TYPE);
        source.message_size = 50000;
        source.pull = read_file;
        source.on_end = on_file_end;
        source.user = &file;
        CHECK_INT(peer_data_channel_set_source(pair.sides[0].channel, &source), 0);
        if (pauses) {
            CHECK(pair_wait(&pair, source_waits, NULL));
            peer_data_channel_resume_source(pair.sides[0].channel);
        }
        CHECK(pair_wait(&pair, file_has_come, NULL));
        CHECK_INT(file.wrong, 0);
        CHECK(pair_end(&pair, NULL));
        CHECK_INT(file.ends, 1);
    }
}

static bool source_has_ended(pair_t *pair)
{
    file_t *file = pair->sides[1].user;
    return atomic_load(&file->ends) == 2;
}

static int64_t never(peer_data_channel_t *channel, void *buffer, size_t capacity, void *user)
{
    return PEER_SOURCE_WAIT;
}

TEST(a_source_that_is_replaced_or_whose_channel_closes_is_told_its_end)
{
    file_t file = {0};
    pair_t pair;
    peer_data_source_t source;
    open_pair(&pair, 0, 0);
    pair.sides[1].user = &file;
    peer_data_source_init(&source, sizeof source);
    source.pull = never;
    source.on_end = on_file_end;
    source.user = &file;
    CHECK_INT(peer_data_channel_set_source(pair.sides[0].channel, &source), 0);
    CHECK_INT(peer_data_channel_set_source(pair.sides[0].channel, &source), 0);
    peer_data_channel_close(pair.sides[0].channel);
    CHECK_INT(peer_data_channel_set_source(pair.sides[0].channel, &source), PEER_ERROR_INVALID_STATE);
    CHECK(pair_wait(&pair, source_has_ended, NULL));
    CHECK(pair_end(&pair, NULL));
}

typedef struct crowd {
    uint64_t sent;
    int pulled;
    atomic_int ends;
} crowd_t;

static int64_t pull_after_all_that_is_taken(peer_data_channel_t *channel, void *buffer, size_t capacity, void *user)
{
    static const uint8_t bytes[65536];
    crowd_t *crowd = user;
    if (crowd->pulled == 3)
        return PEER_SOURCE_END;
    while (peer_data_channel_send(channel, bytes, sizeof bytes, 0) == 0)
        crowd->sent += sizeof bytes;
    crowd->pulled++;
    crowd->sent += capacity;
    memset(buffer, 0, capacity);
    return (int64_t)capacity;
}

static void on_crowd_end(peer_data_channel_t *channel, void *user)
{
    crowd_t *crowd = user;
    atomic_fetch_add(&crowd->ends, 1);
}

static bool crowd_has_come(pair_t *pair)
{
    crowd_t *crowd = pair->sides[1].user;
    return atomic_load(&crowd->ends) == 1 && pair->sides[1].bytes == crowd->sent;
}

TEST(a_pulled_message_finds_room_whatever_was_sent_while_it_was_made)
{
    crowd_t crowd = {0};
    pair_t pair;
    peer_data_source_t source;
    open_pair(&pair, 0, 0);
    pair.sides[1].user = &crowd;
    peer_data_source_init(&source, sizeof source);
    source.pull = pull_after_all_that_is_taken;
    source.on_end = on_crowd_end;
    source.user = &crowd;
    CHECK_INT(peer_data_channel_set_source(pair.sides[0].channel, &source), 0);
    CHECK(pair_wait(&pair, crowd_has_come, NULL));
    CHECK_INT(crowd.pulled, 3);
    CHECK(crowd.sent > 16777216);
    CHECK(pair_end(&pair, NULL));
}

/* ---- receiving ---- */

typedef struct parts {
    file_t file;
    atomic_int count, firsts, lasts, most;
} parts_t;

static void on_part(peer_data_channel_t *channel, const void *data, size_t length, int32_t part, int32_t is_text, void *user)
{
    parts_t *parts = user;
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++)
        parts->file.wrong += bytes[i] != byte_at(parts->file.received + i);
    parts->file.received += length;
    atomic_fetch_add(&parts->firsts, (part & PEER_MESSAGE_PART_FIRST) != 0);
    atomic_fetch_add(&parts->count, 1);
    if ((int)length > parts->most)
        parts->most = (int)length;
    atomic_fetch_add(&parts->lasts, (part & PEER_MESSAGE_PART_LAST) != 0);
}

static bool part_has_ended(pair_t *pair)
{
    parts_t *parts = pair->sides[1].user;
    return atomic_load(&parts->lasts) == 1;
}

TEST(a_message_larger_than_the_window_comes_in_parts)
{
    enum { SIZE = 4 << 20 };
    pair_t pair;
    parts_t parts = {.count = 0};
    open_pair(&pair, 262144, SIZE);
    pair.sides[1].user = &parts;
    peer_data_channel_t *channel = pair.sides[1].channel;
    CHECK_INT(peer_data_channel_set_streaming(channel, 65536), 0);
    peer_data_channel_set_events(channel, &(peer_data_channel_events_t){.on_message_part = on_part}, &parts);
    uint8_t *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = byte_at(i);
    CHECK_INT(peer_data_channel_send(pair.sides[0].channel, bytes, SIZE, 0), 0);
    free(bytes);
    CHECK(pair_wait(&pair, part_has_ended, NULL));
    test_note("%d parts, the largest of %d bytes", parts.count, parts.most);
    CHECK(parts.file.received == SIZE && parts.file.wrong == 0);
    CHECK(parts.firsts == 1 && parts.count > 4 && parts.most <= 262144);
    CHECK(pair_end(&pair, NULL));
}

static bool sender_is_stuck(pair_t *pair)
{
    static uint64_t before;
    static int same;
    uint64_t now = peer_data_channel_buffered_amount(pair->sides[0].channel);
    same = now == before && now > 0 ? same + 1 : 0;
    before = now;
    return same > 20;
}

static bool all_has_come(pair_t *pair)
{
    return pair->sides[1].bytes == 64 * 65536;
}

TEST(a_paused_channel_stops_its_sender_and_loses_nothing)
{
    static uint8_t bytes[65536];
    pair_t pair;
    open_pair(&pair, 262144, 0);
    peer_data_channel_set_paused(pair.sides[1].channel, 1);
    for (int i = 0; i < 64; i++)
        CHECK_INT(peer_data_channel_send(pair.sides[0].channel, bytes, sizeof bytes, 0), 0);
    CHECK(pair_wait(&pair, sender_is_stuck, NULL));
    CHECK_INT(pair.sides[1].messages, 0);
    CHECK(peer_data_channel_buffered_amount(pair.sides[0].channel) >= 64 * 65536 - 2 * 262144);
    peer_data_channel_set_paused(pair.sides[1].channel, 0);
    CHECK(pair_wait(&pair, all_has_come, NULL));
    CHECK(pair_end(&pair, NULL));
}

/* ---- channels that descriptions announce (RFC 8864) ---- */

static peer_data_channel_t *describe(pair_t *pair, const char *label, int32_t id, const peer_data_channel_events_t *events, void *user)
{
    peer_data_channel_t *channel = NULL;
    peer_data_channel_init_t init;
    peer_data_channel_init_init(&init, sizeof init);
    init.in_description = 1;
    CHECK_INT(peer_connection_create_data_channel(pair->sides[0].pc, label, &init, NULL, NULL, NULL), PEER_ERROR_TYPE);
    init.negotiated = 1;
    init.id = id;
    init.ordered = 0;
    init.max_retransmits = 7;
    init.protocol = "tele \"metry\"";
    init.priority = PEER_PRIORITY_MEDIUM;
    CHECK_INT(peer_connection_create_data_channel(pair->sides[0].pc, label, &init, events, user, &channel), 0);
    return channel;
}

static bool has_announced(pair_t *pair)
{
    return atomic_load(&announced) != 0;
}

static bool first_has_a_message(pair_t *pair)
{
    return pair->sides[0].messages == 1;
}

static bool both_have_a_message(pair_t *pair)
{
    return pair->sides[0].messages == 1 && pair->sides[1].messages == 1;
}

static bool both_have_closed_one(pair_t *pair)
{
    return pair->sides[0].channels_closed == 1 && pair->sides[1].channels_closed == 1;
}

static void check_described(pair_t *pair)
{
    peer_data_channel_t *ours = describe(pair, "second", 1000, NULL, NULL);
    pair_watch_channel(&pair->sides[0], ours);
    CHECK(pair_wait(pair, has_announced, NULL));
    peer_data_channel_t *both[] = {ours, (peer_data_channel_t *)atomic_exchange(&announced, 0)};
    CHECK(both[1] != NULL);
    for (size_t i = 0; i < 2; i++) {
        CHECK_TEXT(peer_data_channel_label(both[i]), "second");
        CHECK_TEXT(peer_data_channel_protocol(both[i]), "tele \"metry\"");
        CHECK_INT(peer_data_channel_id(both[i]), 1000);
        CHECK_INT(peer_data_channel_negotiated(both[i]), 1);
        CHECK_INT(peer_data_channel_ordered(both[i]), 0);
        CHECK_INT(peer_data_channel_max_retransmits(both[i]), 7);
        CHECK_INT(peer_data_channel_max_packet_life_time(both[i]), -1);
        CHECK_INT(peer_data_channel_priority(both[i]), PEER_PRIORITY_MEDIUM);
    }
    pair->sides[0].messages = pair->sides[1].messages = 0;
    CHECK_INT(peer_data_channel_send(both[1], "back", 4, 1), 0); /* it is announced as open */
    CHECK(pair_wait(pair, first_has_a_message, NULL));
    CHECK_INT(peer_data_channel_send(ours, "forth", 5, 1), 0);
    CHECK(pair_wait(pair, both_have_a_message, NULL));
    pair->sides[0].channels_closed = pair->sides[1].channels_closed = 0;
    peer_data_channel_close(both[1]);
    CHECK(pair_wait(pair, both_have_closed_one, NULL));
    peer_data_channel_unref(both[0]);
    peer_data_channel_unref(both[1]);
}

TEST(a_channel_in_the_description_is_announced_by_it_at_first_and_later_and_again)
{
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
    pair_t pair;
    pair_open_configured(&pair, &configuration, &configuration);
    atomic_store(&announced, 0);
    pair.sides[1].on_callback = keep_second;
    for (int i = 0; i < 3; i++)
        check_described(&pair); /* on the same stream each time */
    CHECK(pair_end(&pair, NULL));
}

typedef struct refused {
    atomic_int opens, errors, closes;
} refused_t;

static void count_open(peer_data_channel_t *channel, void *user)
{
    atomic_fetch_add(&((refused_t *)user)->opens, 1);
}

static void count_error(peer_data_channel_t *channel, const peer_rtc_error_t *error, void *user)
{
    atomic_fetch_add(&((refused_t *)user)->errors, error->detail == PEER_ERROR_DETAIL_DATA_CHANNEL_FAILURE);
}

static void count_close(peer_data_channel_t *channel, void *user)
{
    atomic_fetch_add(&((refused_t *)user)->closes, 1);
}

static bool is_refused(pair_t *pair)
{
    return atomic_load(&((refused_t *)pair->sides[0].user)->closes) == 1;
}

TEST(a_channel_in_the_description_that_the_peer_does_not_take_fails)
{
    static const peer_data_channel_events_t events = {.on_open = count_open, .on_error = count_error, .on_close = count_close};
    refused_t refused = {.opens = 0};
    peer_data_channel_init_t init;
    pair_t pair;
    open_pair(&pair, 0, 0);
    pair.sides[0].user = &refused;
    peer_data_channel_init_init(&init, sizeof init);
    init.negotiated = 1;
    init.id = 77; /* in use there */
    CHECK_INT(peer_connection_create_data_channel(pair.sides[1].pc, "own", &init, NULL, NULL, NULL), 0);
    peer_data_channel_unref(describe(&pair, "other", 77, &events, &refused));
    CHECK(pair_wait(&pair, is_refused, NULL));
    CHECK_INT(refused.errors, 1);
    CHECK_INT(refused.opens, 0);
    CHECK_INT(pair.sides[1].channels, 1);
    CHECK(pair_end(&pair, NULL));
    CHECK_INT(refused.closes, 1);
}
