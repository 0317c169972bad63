/* Descriptions that real browsers and libraries wrote, set on whole connections: every offer is answered so that its maker can take the
 * answer (RFC 3264 §6, RFC 9143 §7.3), also the second time, and every answer is taken. */
#include "connection/internal.h"

#include "base/error.h"
#include "base/memory.h"
#include "test.h"
#include "virtual_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW PEER_SECOND

static const char *const offers[] = {"aiortc-offer",           "chromium-offer", "chromium-offer-simulcast",
                                     "firefox-offer",          "gst-offer",      "pion-offer",
                                     "node-datachannel-offer", "pion-v4-offer",  "werift-offer"};
static const char *const answers[] = {"aiortc-answer", "chromium-answer", "firefox-answer", "ndc-answer",
                                      "pion-answer",   "pion-v4-answer",  "werift-answer"};

typedef struct side {
    packet_pool_t *pool;
    random_seeded_t generator;
    certificate_t *certificate;
    connection_t *connection;
} side_t;

static void open_side(side_t *side, uint64_t seed)
{
    static const connection_codec_t codecs[] = {{CONNECTION_AUDIO, "opus", 48000, 2, "minptime=10;useinbandfec=1"},
                                                {CONNECTION_AUDIO, "PCMU", 8000, 1, NULL},
                                                {CONNECTION_VIDEO, "VP8", 90000, 0, NULL}};
    *side = (side_t){.pool = packet_pool_new()};
    virtual_time_set(NOW);
    random_seeded_init(&side->generator, seed);
    random_source_t random = random_seeded_source(&side->generator);
    CHECK_INT(certificate_generate(&side->certificate, CERTIFICATE_ECDSA_P256, 1700000000, 0, &random), 0);
    side->connection = connection_new(&(connection_config_t){.random = random,
                                                             .pool = side->pool,
                                                             .certificate = side->certificate,
                                                             .codecs = codecs,
                                                             .codec_count = sizeof codecs / sizeof *codecs});
    CHECK(side->connection != NULL);
}

static void close_side(side_t *side)
{
    output_t output;
    connection_close(side->connection, NOW);
    while (connection_poll(side->connection, &output)) {
        if (output.type == OUTPUT_SEND)
            packet_unref(output.packet);
        else if (output.type == OUTPUT_EVENT)
            connection_event_free(output.event);
    }
    connection_free(side->connection);
    certificate_unref(side->certificate);
    CHECK_INT(packet_pool_outstanding(side->pool), 0);
    packet_pool_release(side->pool);
}

static char *read_vector(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/sdp/%s.sdp", VECTORS, name);
    return test_read_file(path, NULL);
}

static sdp_t *parse(const char *text)
{
    sdp_t *sdp;
    CHECK_INT(sdp_parse(text, strlen(text), &sdp), 0);
    return sdp;
}

static sdp_t *local_of(const side_t *side)
{
    connection_sdp_type_t type;
    char *text;
    CHECK_INT(connection_local_description(side->connection, &type, &text), 1);
    sdp_t *sdp = parse(text);
    memory_free(text);
    return sdp;
}

static bool is_rejected(const sdp_media_t *media)
{
    return media->port == 0 && !media->bundle_only;
}

static void check_formats(const char *name, const sdp_media_t *offered, const sdp_media_t *answered)
{
    CHECK(answered->format_count > 0);
    for (size_t i = 0; i < answered->format_count; i++) {
        bool is_offered = strcmp(answered->type, "application") == 0;
        for (size_t j = 0; j < offered->format_count; j++)
            is_offered = is_offered || strcmp(answered->formats[i], offered->formats[j]) == 0;
        if (!is_offered)
            test_fail(__FILE__, __LINE__, "%s: the payload type %s was not offered", name, answered->formats[i]);
    }
}

/* What whoever made the offer looks at before it takes the answer. */
static void check_answer(const char *name, const sdp_t *offer, const sdp_t *answer)
{
    CHECK_INT(answer->media_count, offer->media_count);
    const sdp_group_t *offered_group = sdp_group_find(offer, "BUNDLE", NULL), *group = sdp_group_find(answer, "BUNDLE", NULL);
    for (size_t i = 0; i < offer->media_count; i++) {
        const sdp_media_t *offered = &offer->media[i], *answered = &answer->media[i];
        if (is_rejected(answered) && !is_rejected(offered))
            test_fail(__FILE__, __LINE__, "%s: m-line %zu is rejected", name, i);
        CHECK_TEXT(answered->type, offered->type);
        CHECK_TEXT(answered->protocol, offered->protocol);
        CHECK_TEXT(answered->mid, offered->mid);
        CHECK(answered->mid == NULL || offered_group == NULL || (group != NULL && sdp_group_has(group, answered->mid)));
        CHECK(sdp_media_ice_ufrag(answer, answered) != NULL && sdp_media_ice_pwd(answer, answered) != NULL);
        sdp_setup_t setup = sdp_media_setup(answer, answered);
        CHECK(setup == SDP_SETUP_ACTIVE || setup == SDP_SETUP_PASSIVE);
        CHECK((sdp_media_direction(answer, answered) & ~sdp_direction_reverse(sdp_media_direction(offer, offered))) == 0);
        check_formats(name, offered, answered);
    }
}

static void add_tracks(const side_t *side)
{
    static const char *const streams[] = {"stream"};
    transceiver_t *transceiver;
    CHECK_INT(connection_add_track(side->connection, NOW, CONNECTION_AUDIO, "a", streams, 1, &transceiver), 0);
    CHECK_INT(connection_add_track(side->connection, NOW, CONNECTION_VIDEO, "v", streams, 1, &transceiver), 0);
}

static void take_offer(const side_t *side, const char *name, const char *text)
{
    if (connection_set_remote_description(side->connection, NOW, CONNECTION_OFFER, text) < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", name, peer_last_error_message());
}

static void answer_offer(const side_t *side, const char *name, const char *text)
{
    take_offer(side, name, text);
    CHECK_INT(connection_set_local_description_implicitly(side->connection, NOW), 0);
    CHECK_INT(connection_signaling_state(side->connection), CONNECTION_STABLE);
    sdp_t *offer = parse(text), *answer = local_of(side);
    check_answer(name, offer, answer);
    const ice_parameters_t *ice = ice_agent_remote_parameters(transport_ice(side->connection->transport));
    CHECK(ice != NULL);
    CHECK_TEXT(ice->ufrag, sdp_media_ice_ufrag(offer, &offer->media[0]));
    sdp_free(offer);
    sdp_free(answer);
}

TEST(every_saved_offer_is_answered_by_a_connection_with_and_without_tracks_of_its_own)
{
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
        for (int has_tracks = 0; has_tracks < 2; has_tracks++) {
            side_t side;
            open_side(&side, i + 1);
            if (has_tracks)
                add_tracks(&side);
            char *text = read_vector(offers[i]);
            answer_offer(&side, offers[i], text);
            for (size_t j = 0; j < connection_transceiver_count(side.connection); j++) {
                const transceiver_t *transceiver = connection_transceiver(side.connection, j);
                if (transceiver_mid(transceiver) != NULL) /* an offer without video leaves a track waiting */
                    CHECK_INT(transceiver_current_direction(transceiver), has_tracks ? CONNECTION_SENDRECV : CONNECTION_RECVONLY);
            }
            free(text);
            close_side(&side);
        }
    }
}

TEST(a_saved_offer_that_was_rolled_back_is_answered_the_next_time_and_once_more)
{
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
        side_t side;
        open_side(&side, i + 1);
        add_tracks(&side);
        char *text = read_vector(offers[i]);
        take_offer(&side, offers[i], text);
        CHECK_INT(connection_set_remote_description(side.connection, NOW, CONNECTION_ROLLBACK, NULL), 0);
        answer_offer(&side, offers[i], text);
        answer_offer(&side, offers[i], text);
        free(text);
        close_side(&side);
    }
}

TEST(our_later_offer_keeps_the_lines_of_a_saved_offer)
{
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
        side_t side;
        transceiver_t *transceiver;
        open_side(&side, i + 1);
        char *text = read_vector(offers[i]);
        answer_offer(&side, offers[i], text);
        CHECK_INT(connection_add_transceiver(side.connection, NOW, CONNECTION_AUDIO, &(connection_transceiver_init_t){0}, &transceiver), 0);
        CHECK_INT(connection_set_local_description_implicitly(side.connection, NOW), 0);
        sdp_t *theirs = parse(text), *ours = local_of(&side);
        CHECK_INT(ours->media_count, theirs->media_count + 1);
        for (size_t j = 0; j < theirs->media_count; j++) {
            CHECK_TEXT(ours->media[j].type, theirs->media[j].type);
            CHECK_TEXT(ours->media[j].mid, theirs->media[j].mid);
            CHECK(!is_rejected(&ours->media[j]));
        }
        sdp_free(theirs);
        sdp_free(ours);
        free(text);
        close_side(&side);
    }
}

/* Offers m-lines like those of the answer. */
static void offer_like(const side_t *side, const sdp_t *answer)
{
    int error;
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    options.label = "data";
    for (size_t i = 0; i < answer->media_count; i++) {
        transceiver_t *transceiver;
        if (strcmp(answer->media[i].type, "application") == 0) {
            CHECK(connection_open_channel(side->connection, NOW, &options, &error) != NULL);
            continue;
        }
        connection_kind_t kind = strcmp(answer->media[i].type, "audio") == 0 ? CONNECTION_AUDIO : CONNECTION_VIDEO;
        CHECK_INT(connection_add_transceiver(side->connection, NOW, kind, &(connection_transceiver_init_t){0}, &transceiver), 0);
    }
    CHECK_INT(connection_set_local_description_implicitly(side->connection, NOW), 0);
}

TEST(every_saved_answer_is_taken_for_an_offer_of_the_same_lines)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        side_t side;
        open_side(&side, i + 1);
        char *text = read_vector(answers[i]);
        sdp_t *answer = parse(text);
        offer_like(&side, answer);
        if (connection_set_remote_description(side.connection, NOW, CONNECTION_ANSWER, text) < 0)
            test_fail(__FILE__, __LINE__, "%s: %s", answers[i], peer_last_error_message());
        CHECK_INT(connection_signaling_state(side.connection), CONNECTION_STABLE);
        const ice_parameters_t *ice = ice_agent_remote_parameters(transport_ice(side.connection->transport));
        CHECK(ice != NULL);
        CHECK_TEXT(ice->ufrag, sdp_media_ice_ufrag(answer, &answer->media[0]));
        CHECK_INT(connection_set_local_description_implicitly(side.connection, NOW), 0); /* and goes on from there */
        sdp_free(answer);
        free(text);
        close_side(&side);
    }
}
