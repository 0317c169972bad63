/* Statistics in virtual time, where all that happens is known exactly. */
#include "connection/internal.h"
#include "connection/stats.h"
#include "sim.h"

#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a report as a table ---- */

#define ROWS 4096

typedef struct row {
    char type[24], id[STATS_ID_SIZE], member[40], text[64];
    double value;
} row_t;

typedef struct table {
    row_t rows[ROWS];
    size_t count;
    char type[24], id[STATS_ID_SIZE];
} table_t;

static row_t *new_row(table_t *table, const char *member)
{
    CHECK(table->count < ROWS);
    row_t *row = &table->rows[table->count++];
    *row = (row_t){0};
    snprintf(row->type, sizeof row->type, "%s", table->type);
    snprintf(row->id, sizeof row->id, "%s", table->id);
    snprintf(row->member, sizeof row->member, "%s", member);
    return row;
}

static void on_begin(void *context, const char *type, const char *id, double timestamp_ms)
{
    table_t *table = context;
    snprintf(table->type, sizeof table->type, "%s", type);
    snprintf(table->id, sizeof table->id, "%s", id);
    new_row(table, "timestamp")->value = timestamp_ms;
}

static void on_integer(void *context, const char *member, int64_t value)
{
    new_row(context, member)->value = (double)value;
}

static void on_number(void *context, const char *member, double value)
{
    new_row(context, member)->value = value;
}

static void on_text(void *context, const char *member, const char *value)
{
    row_t *row = new_row(context, member);
    snprintf(row->text, sizeof row->text, "%.60s", value);
}

static void on_boolean(void *context, const char *member, bool value)
{
    new_row(context, member)->value = value;
}

static void on_record(void *context, const char *member, const stats_entry_t *entries, size_t count)
{
}

static void on_end(void *context)
{
}

static void take(sim_t *sim, int index, table_t *table)
{
    const stats_visitor_t visitor = {table, on_begin, on_integer, on_number, on_text, on_boolean, on_record, on_end, NULL, NULL};
    table->count = 0;
    connection_visit_stats(sim_peer(sim, index)->connection, sim_now(sim), &visitor);
}

static const row_t *find(const table_t *table, const char *id, const char *member)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].id, id) == 0 && strcmp(table->rows[i].member, member) == 0)
            return &table->rows[i];
    return NULL;
}

/* The id of the one object of the type and kind. */
static const char *id_of(const table_t *table, const char *type, const char *kind)
{
    const char *found = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const row_t *row = &table->rows[i];
        bool is_it =
            kind == NULL ? strcmp(row->member, "timestamp") == 0 : strcmp(row->member, "kind") == 0 && strcmp(row->text, kind) == 0;
        if (strcmp(row->type, type) == 0 && is_it) {
            CHECK(found == NULL);
            found = row->id;
        }
    }
    if (found == NULL)
        test_fail(__FILE__, __LINE__, "there is no %s %s", type, kind != NULL ? kind : "");
    return found;
}

static double value_of(const table_t *table, const char *type, const char *kind, const char *member)
{
    const row_t *row = find(table, id_of(table, type, kind), member);
    if (row == NULL)
        test_fail(__FILE__, __LINE__, "%s has no %s", type, member);
    return row->value;
}

/* ---- a link that loses every twentieth packet of media ---- */

typedef struct losses {
    bool is_on;
    address_t from;
    uint64_t seen;
    uint32_t ssrcs[4]; /* audio, its RTX, video, its RTX */
    uint64_t packets[4];
    uint64_t bytes[4]; /* of payloads */
} losses_t;

static bool lose(void *context, packet_t *packet)
{
    losses_t *losses = context;
    const uint8_t *data = packet->data;
    bool is_rtp = packet->length > 28 && data[0] >= 128 && data[0] < 192 && (data[1] < 192 || data[1] > 223);
    if (!losses->is_on || !is_rtp || !address_equal(&packet->path.local, &losses->from) || ++losses->seen % 20 != 0)
        return true;
    size_t header = 12 + 4 * (size_t)(data[0] & 15);
    if ((data[0] & 16) != 0)
        header += 4 + 4 * (size_t)bytes_get_u16(data + header + 2);
    for (int i = 0; i < 4; i++)
        if (losses->ssrcs[i] != 0 && bytes_get_u32(data + 8) == losses->ssrcs[i]) {
            losses->packets[i]++;
            losses->bytes[i] += packet->length - header - 16; /* the tag of AEAD_AES_128_GCM */
        }
    return false;
}

#define DELAY (40 * PEER_MILLISECOND)
#define RTT 0.08
#define NEAR(actual, expected, by)                                                                                                         \
    do {                                                                                                                                   \
        double near_a = (actual), near_e = (expected);                                                                                     \
        if (fabs(near_a - near_e) > (by))                                                                                                  \
            test_fail(__FILE__, __LINE__, "%s is %.9f, expected %.9f", #actual, near_a, near_e);                                           \
    } while (0)

static table_t sent, received;

/* Ten seconds over the lossy link, then two without loss, so that everything is reported. */
static sim_t *run_call(losses_t *losses)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 1, .link = {.delay_us = DELAY}, .signaling_delay_us = 5000});
    sim_add_media(sim_peer(sim, 0), true, true);
    CHECK(sim_run(sim, 10 * PEER_SECOND, sim_is_connected));
    sim_run(sim, sim_now(sim) + 200 * PEER_MILLISECOND, NULL);
    take(sim, 0, &sent);
    losses->from = sim_address(sim_peer(sim, 0));
    losses->ssrcs[0] = (uint32_t)value_of(&sent, "outbound-rtp", "audio", "ssrc");
    losses->ssrcs[2] = (uint32_t)value_of(&sent, "outbound-rtp", "video", "ssrc");
    losses->ssrcs[3] = (uint32_t)value_of(&sent, "outbound-rtp", "video", "rtxSsrc");
    losses->is_on = true;
    network_set_mangle(sim_network(sim), lose, losses);
    sim_run(sim, sim_now(sim) + 10 * PEER_SECOND, NULL);
    losses->is_on = false;
    sim_run(sim, sim_now(sim) + 2 * PEER_SECOND, NULL);
    sim_peer(sim, 0)->sends_audio = sim_peer(sim, 0)->sends_video = false;
    sim_run(sim, sim_now(sim) + 500 * PEER_MILLISECOND, NULL);
    take(sim, 0, &sent);
    take(sim, 1, &received);
    return sim;
}

TEST(what_was_sent_is_what_was_received_and_what_the_link_lost)
{
    losses_t losses = {0};
    sim_t *sim = run_call(&losses);
    CHECK(losses.packets[0] > 10 && losses.packets[2] > 10);
    CHECK_INT(value_of(&sent, "outbound-rtp", "audio", "packetsSent"),
              value_of(&received, "inbound-rtp", "audio", "packetsReceived") + (double)losses.packets[0]);
    CHECK_INT(value_of(&sent, "outbound-rtp", "audio", "bytesSent"),
              value_of(&received, "inbound-rtp", "audio", "bytesReceived") + (double)losses.bytes[0]);
    CHECK_INT(value_of(&received, "inbound-rtp", "audio", "packetsLost"), losses.packets[0]);
    CHECK_INT(value_of(&sent, "outbound-rtp", "video", "packetsSent"),
              value_of(&received, "inbound-rtp", "video", "packetsReceived") + (double)(losses.packets[2] + losses.packets[3]));
    CHECK_INT(value_of(&sent, "outbound-rtp", "video", "retransmittedPacketsSent"),
              value_of(&received, "inbound-rtp", "video", "retransmittedPacketsReceived") + (double)losses.packets[3]);
    CHECK_INT(value_of(&received, "inbound-rtp", "video", "packetsLost"), losses.packets[2]);
    CHECK(value_of(&sent, "outbound-rtp", "video", "nackCount") > 0);
    CHECK(value_of(&received, "inbound-rtp", "video", "nackCount") >= value_of(&sent, "outbound-rtp", "video", "nackCount"));
    sim_free(sim);
}

TEST(frames_and_samples_are_those_that_were_given_out)
{
    losses_t losses = {0};
    sim_t *sim = run_call(&losses);
    CHECK_INT(value_of(&sent, "outbound-rtp", "video", "framesSent"), sim_peer(sim, 0)->video_number);
    CHECK_INT(value_of(&received, "inbound-rtp", "video", "framesReceived"), sim_peer(sim, 1)->received.video_frames);
    CHECK_INT(value_of(&received, "inbound-rtp", "video", "jitterBufferEmittedCount"), sim_peer(sim, 1)->received.video_frames);
    double emitted = value_of(&received, "inbound-rtp", "audio", "jitterBufferEmittedCount");
    CHECK_INT(emitted, 960 * sim_peer(sim, 1)->received.audio_frames);
    double samples = value_of(&received, "inbound-rtp", "audio", "totalSamplesReceived");
    CHECK_INT(samples, emitted + value_of(&received, "inbound-rtp", "audio", "concealedSamples"));
    NEAR(value_of(&received, "inbound-rtp", "audio", "totalSamplesDuration"), samples / 48000, 1e-9);
    double least = value_of(&received, "inbound-rtp", "audio", "jitterBufferMinimumDelay"),
           target = value_of(&received, "inbound-rtp", "audio", "jitterBufferTargetDelay");
    CHECK(least > 0 && least <= target + 1e-9);
    NEAR(value_of(&sent, "outbound-rtp", "video", "totalPacketSendDelay"), 0, 0); /* there is no pacer */
    sim_free(sim);
}

TEST(round_trip_times_are_twice_the_delay_of_the_link)
{
    losses_t losses = {0};
    sim_t *sim = run_call(&losses);
    static const char *const kinds[] = {"audio", "video"};
    for (int i = 0; i < 2; i++) {
        double count = value_of(&sent, "remote-inbound-rtp", kinds[i], "roundTripTimeMeasurements");
        CHECK(count > 2);
        NEAR(value_of(&sent, "remote-inbound-rtp", kinds[i], "roundTripTime"), RTT, 3.0 / 65536);
        NEAR(value_of(&sent, "remote-inbound-rtp", kinds[i], "totalRoundTripTime"), count * RTT, count * 3.0 / 65536);
    }
    const char *transport = id_of(&sent, "transport", NULL);
    const row_t *pair = find(&sent, transport, "selectedCandidatePairId");
    CHECK(pair != NULL);
    double responses = find(&sent, pair->text, "responsesReceived")->value;
    NEAR(find(&sent, pair->text, "currentRoundTripTime")->value, RTT, 1e-9);
    NEAR(find(&sent, pair->text, "totalRoundTripTime")->value, responses * RTT, 1e-9);
    sim_free(sim);
}

TEST(what_the_peer_reported_has_the_time_when_that_came)
{
    losses_t losses = {0};
    sim_t *sim = run_call(&losses);
    double now_ms = (double)sim_now(sim) / 1e3;
    NEAR(value_of(&sent, "transport", NULL, "timestamp"), now_ms, 0);
    NEAR(value_of(&sent, "outbound-rtp", "audio", "timestamp"), now_ms, 0);
    double came = value_of(&received, "remote-outbound-rtp", "audio", "timestamp");
    CHECK(came < now_ms && came > now_ms - 6000);
    NEAR(value_of(&received, "remote-outbound-rtp", "audio", "remoteTimestamp"), came - (double)DELAY / 1e3, 0.001);
    CHECK(value_of(&sent, "remote-inbound-rtp", "audio", "timestamp") < now_ms);
    NEAR(value_of(&received, "inbound-rtp", "audio", "lastPacketReceivedTimestamp"),
         (double)(sim_peer(sim, 0)->next_audio - 20000 + DELAY) / 1e3, 1);
    sim_free(sim);
}

TEST(the_sender_knows_what_was_received_from_reports)
{
    losses_t losses = {0};
    sim_t *sim = run_call(&losses);
    double lost = value_of(&sent, "remote-inbound-rtp", "audio", "packetsLost"),
           got = value_of(&sent, "remote-inbound-rtp", "audio", "packetsReceived"),
           packets = value_of(&sent, "outbound-rtp", "audio", "packetsSent");
    CHECK_INT(lost, losses.packets[0]); /* the last report came after the last loss */
    CHECK(got + lost <= packets && got + lost > packets - 400);
    CHECK(value_of(&received, "remote-outbound-rtp", "audio", "packetsSent") <= packets);
    CHECK(value_of(&received, "remote-outbound-rtp", "audio", "reportsSent") > 1);
    sim_free(sim);
}

TEST(sound_and_pictures_of_one_moment_are_played_at_one_moment)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 2, .link = {.delay_us = DELAY, .jitter_us = 30000}, .signaling_delay_us = 5000});
    sim_add_media(sim_peer(sim, 0), true, true);
    CHECK(sim_run(sim, 10 * PEER_SECOND, sim_is_connected));
    sim_run(sim, sim_now(sim) + 20 * PEER_SECOND, NULL);
    take(sim, 1, &received);
    double now_ms = (double)(sim_now(sim) + RTP_NTP_UNIX_EPOCH_US) / 1e3;
    double audio = value_of(&received, "inbound-rtp", "audio", "estimatedPlayoutTimestamp"),
           video = value_of(&received, "inbound-rtp", "video", "estimatedPlayoutTimestamp");
    CHECK(audio < now_ms - 40 && audio > now_ms - 300); /* behind the sender's clock by the link and the buffer */
    NEAR(audio - video, 0, 40);
    sim_free(sim);
}

/* ---- that reports hang together at every moment ---- */

static void check_references(const table_t *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const row_t *row = &table->rows[i];
        size_t length = strlen(row->member);
        if (strcmp(row->member, "timestamp") == 0)
            for (size_t k = 0; k < i; k++)
                if (strcmp(table->rows[k].id, row->id) == 0)
                    test_fail(__FILE__, __LINE__, "two objects have the id %s of a %s", row->id, row->type);
        if (length > 2 && strcmp(row->member + length - 2, "Id") == 0 && find(table, row->text, "timestamp") == NULL)
            test_fail(__FILE__, __LINE__, "%s of %s refers to nothing", row->member, row->type);
    }
}

static void watch(sim_t *sim, peer_time_t duration)
{
    static table_t table;
    for (peer_time_t end = sim_now(sim) + duration; sim_now(sim) < end;) {
        sim_run(sim, sim_now(sim) + 7 * PEER_MILLISECOND, NULL);
        for (int i = 0; i < 2; i++) {
            take(sim, i, &table);
            check_references(&table);
        }
    }
}

TEST(references_resolve_at_every_moment_of_a_call_that_restarts_ice_stops_media_and_ends)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 3, .link = {.delay_us = DELAY, .loss = 0.02}, .signaling_delay_us = 20000});
    for (int i = 0; i < 2; i++)
        sim_add_media(sim_peer(sim, i), true, true);
    sim_add_data(sim_peer(sim, 0), false, 20, 0);
    watch(sim, 2 * PEER_SECOND);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(connection_restart_ice(sim_peer(sim, i)->connection, sim_now(sim)), 0);
        watch(sim, PEER_SECOND);
    }
    CHECK_INT(transceiver_stop(sim_peer(sim, 0)->video, sim_now(sim)), 0);
    watch(sim, PEER_SECOND);
    sim_close(sim_peer(sim, 0));
    watch(sim, PEER_SECOND);
    sim_free(sim);
}

TEST(the_same_thing_has_the_same_id_and_another_connection_another_one)
{
    static table_t other;
    losses_t losses = {0};
    sim_t *sim = run_call(&losses);
    take(sim, 0, &other);
    CHECK_TEXT(id_of(&other, "outbound-rtp", "video"), id_of(&sent, "outbound-rtp", "video"));
    CHECK_TEXT(id_of(&other, "transport", NULL), id_of(&sent, "transport", NULL));
    CHECK(strcmp(id_of(&received, "transport", NULL), id_of(&sent, "transport", NULL)) != 0);
    CHECK(strcmp(id_of(&received, "peer-connection", NULL), id_of(&sent, "peer-connection", NULL)) != 0);
    sim_free(sim);
}
