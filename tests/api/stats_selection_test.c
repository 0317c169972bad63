/* Whose statistics a selector names (W3C WebRTC §8.5), and that reports hang together. */
#include "pair.h"
#include "test.h"

#include <string.h>

static bool media_flow(pair_t *pair)
{
    for (int i = 0; i < 2; i++)
        if (pair->sides[i].video_frames < 5 || pair->sides[i].audio_frames < 20)
            return false;
    return true;
}

static void open_call(pair_t *pair)
{
    pair_open(pair, NULL, NULL);
    for (int i = 0; i < 2; i++)
        pair_add_media(&pair->sides[i], true, true);
    pair_add_channel(&pair->sides[0], "chat");
    CHECK(pair_wait(pair, media_flow, NULL));
}

static size_t count_type(const peer_stats_report_t *report, const char *type)
{
    size_t count = 0;
    for (size_t i = 0; i < peer_stats_report_count(report); i++)
        count += strcmp(peer_stats_report_type(report, i), type) == 0;
    return count;
}

static int64_t find_type(const peer_stats_report_t *report, const char *type)
{
    for (size_t i = 0; i < peer_stats_report_count(report); i++)
        if (strcmp(peer_stats_report_type(report, i), type) == 0)
            return (int64_t)i;
    return -1;
}

/* A transceiver of that kind; a new reference. */
static peer_transceiver_t *transceiver_of(const peer_connection_t *pc, int32_t kind)
{
    peer_transceiver_t *all[8], *found = NULL;
    size_t count = peer_connection_transceivers(pc, all, 8);
    for (size_t i = 0; i < count && i < 8; i++) {
        if (found == NULL && peer_transceiver_kind(all[i]) == kind)
            found = all[i];
        else
            peer_transceiver_unref(all[i]);
    }
    CHECK(found != NULL);
    return found;
}

/* Everything in it is there because something refers to it, but for the streams. */
static void check_is_closed_under_references(const peer_stats_report_t *report, const char *root)
{
    static const char *const members[] = {"transportId",
                                          "codecId",
                                          "remoteId",
                                          "localId",
                                          "mediaSourceId",
                                          "playoutId",
                                          "localCandidateId",
                                          "remoteCandidateId",
                                          "localCertificateId",
                                          "remoteCertificateId",
                                          "issuerCertificateId",
                                          "selectedCandidatePairId"};
    for (size_t i = 0; i < peer_stats_report_count(report); i++) {
        bool is_referred = strcmp(peer_stats_report_type(report, i), root) == 0;
        for (size_t k = 0; k < peer_stats_report_count(report); k++)
            for (size_t m = 0; m < sizeof members / sizeof *members; m++) {
                const char *id = peer_stats_report_string(report, k, members[m]);
                if (id != NULL)
                    CHECK(peer_stats_report_find(report, id) >= 0);
                is_referred |= k != i && id != NULL && strcmp(id, peer_stats_report_id(report, i)) == 0;
            }
        if (!is_referred)
            test_fail(__FILE__, __LINE__, "nothing refers to %s", peer_stats_report_type(report, i));
    }
}

TEST(a_sender_tells_of_its_streams_and_of_all_that_they_refer_to)
{
    pair_t pair;
    peer_stats_report_t *report;
    open_call(&pair);
    for (int32_t kind = PEER_MEDIA_AUDIO; kind <= PEER_MEDIA_VIDEO; kind++) {
        peer_transceiver_t *transceiver = transceiver_of(pair.sides[0].pc, kind);
        peer_sender_t *sender = peer_transceiver_sender(transceiver);
        CHECK_INT(peer_sender_get_stats(sender, &report), 0);
        int64_t stream = find_type(report, "outbound-rtp");
        CHECK(stream >= 0);
        CHECK_TEXT(peer_stats_report_string(report, (size_t)stream, "kind"), peer_media_kind_name(kind));
        CHECK_INT(count_type(report, "outbound-rtp"), 1);
        CHECK_INT(count_type(report, "codec"), 1);
        CHECK_INT(count_type(report, "transport"), 1);
        CHECK_INT(count_type(report, "candidate-pair"), 1); /* the selected one */
        CHECK_INT(count_type(report, "certificate"), 2);
        CHECK_INT(count_type(report, "inbound-rtp") + count_type(report, "data-channel") + count_type(report, "peer-connection"), 0);
        check_is_closed_under_references(report, "outbound-rtp");
        peer_stats_report_unref(report);
        peer_sender_unref(sender);
        peer_transceiver_unref(transceiver);
    }
    CHECK(pair_end(&pair, NULL));
}

TEST(a_receiver_tells_of_its_streams_and_of_all_that_they_refer_to)
{
    pair_t pair;
    peer_stats_report_t *report;
    open_call(&pair);
    for (int32_t kind = PEER_MEDIA_AUDIO; kind <= PEER_MEDIA_VIDEO; kind++) {
        peer_transceiver_t *transceiver = transceiver_of(pair.sides[0].pc, kind);
        peer_receiver_t *receiver = peer_transceiver_receiver(transceiver);
        peer_track_t *track = peer_receiver_track(receiver);
        CHECK_INT(peer_receiver_get_stats(receiver, &report), 0);
        int64_t stream = find_type(report, "inbound-rtp");
        CHECK(stream >= 0);
        CHECK_TEXT(peer_stats_report_string(report, (size_t)stream, "kind"), peer_media_kind_name(kind));
        CHECK_TEXT(peer_stats_report_string(report, (size_t)stream, "trackIdentifier"), peer_track_id(track));
        CHECK_INT(count_type(report, "inbound-rtp"), 1);
        CHECK_INT(count_type(report, "outbound-rtp") + count_type(report, "data-channel") + count_type(report, "media-source"), 0);
        check_is_closed_under_references(report, "inbound-rtp");
        peer_stats_report_unref(report);
        peer_track_unref(track);
        peer_receiver_unref(receiver);
        peer_transceiver_unref(transceiver);
    }
    CHECK(pair_end(&pair, NULL));
}

TEST(a_sender_that_was_never_negotiated_has_an_empty_report)
{
    peer_stats_report_t *report;
    peer_sender_t *sender;
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    peer_connection_t *pc = peer_connection_new(&configuration, NULL, NULL);
    peer_track_t *track;
    CHECK_INT(peer_track_new(PEER_MEDIA_AUDIO, NULL, &track), 0);
    CHECK_INT(peer_connection_add_track(pc, track, NULL, 0, &sender), 0);
    CHECK_INT(peer_sender_get_stats(sender, &report), 0);
    CHECK_INT(peer_stats_report_count(report), 0);
    peer_stats_report_unref(report);
    CHECK_INT(peer_sender_get_stats(sender, NULL), PEER_ERROR_TYPE);
    peer_connection_unref(pc);
    peer_sender_unref(sender);
    peer_track_unref(track);
}

TEST(a_track_selects_its_only_sender_or_receiver)
{
    pair_t pair;
    peer_stats_report_t *report, *of_sender;
    open_call(&pair);
    peer_connection_t *pc = pair.sides[0].pc;
    peer_transceiver_t *transceiver = transceiver_of(pc, PEER_MEDIA_VIDEO);
    peer_sender_t *sender = peer_transceiver_sender(transceiver);
    peer_receiver_t *receiver = peer_transceiver_receiver(transceiver);
    peer_track_t *sent = peer_sender_track(sender), *received = peer_receiver_track(receiver), *other;
    CHECK_INT(peer_connection_get_stats_of_track(pc, sent, &report), 0);
    CHECK_INT(peer_sender_get_stats(sender, &of_sender), 0);
    CHECK_TEXT(peer_stats_report_id(report, (size_t)find_type(report, "outbound-rtp")),
               peer_stats_report_id(of_sender, (size_t)find_type(of_sender, "outbound-rtp")));
    peer_stats_report_unref(of_sender);
    peer_stats_report_unref(report);
    CHECK_INT(peer_connection_get_stats_of_track(pc, received, &report), 0);
    CHECK_INT(count_type(report, "inbound-rtp"), 1);
    CHECK_INT(count_type(report, "outbound-rtp"), 0);
    peer_stats_report_unref(report);
    CHECK_INT(peer_track_new(PEER_MEDIA_VIDEO, NULL, &other), 0);
    CHECK_INT(peer_connection_get_stats_of_track(pc, other, &report), PEER_ERROR_INVALID_ACCESS);
    CHECK_INT(peer_connection_get_stats_of_track(pc, NULL, &report), PEER_ERROR_TYPE);
    CHECK_INT(peer_connection_get_stats_of_track(pc, sent, NULL), PEER_ERROR_TYPE);
    peer_track_unref(other);
    peer_track_unref(sent);
    peer_track_unref(received);
    peer_sender_unref(sender);
    peer_receiver_unref(receiver);
    peer_transceiver_unref(transceiver);
    CHECK(pair_end(&pair, NULL));
}

TEST(a_track_of_two_senders_selects_none)
{
    peer_stats_report_t *report;
    peer_configuration_t configuration;
    peer_transceiver_init_t init;
    peer_track_t *track;
    peer_configuration_init(&configuration, sizeof configuration);
    peer_connection_t *pc = peer_connection_new(&configuration, NULL, NULL);
    CHECK_INT(peer_track_new(PEER_MEDIA_AUDIO, NULL, &track), 0);
    peer_transceiver_init_init(&init, sizeof init);
    init.track = track;
    for (int i = 0; i < 2; i++)
        CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_AUDIO, &init, NULL), 0);
    CHECK_INT(peer_connection_get_stats_of_track(pc, track, &report), PEER_ERROR_INVALID_ACCESS);
    CHECK(strstr(peer_last_error_message(), "2 senders") != NULL);
    peer_connection_unref(pc);
    peer_track_unref(track);
}

TEST(a_closed_connection_still_tells_what_was)
{
    pair_t pair;
    peer_stats_report_t *before, *after;
    open_call(&pair);
    peer_connection_t *pc = peer_connection_ref(pair.sides[0].pc);
    CHECK_INT(peer_connection_get_stats(pc, &before), 0);
    CHECK(pair_end(&pair, NULL));
    CHECK_INT(peer_connection_get_stats(pc, &after), 0);
    static const char *const types[] = {"peer-connection", "transport", "inbound-rtp", "outbound-rtp", "certificate"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        CHECK(count_type(after, types[i]) > 0);
        CHECK_INT(count_type(after, types[i]), count_type(before, types[i]));
    }
    for (size_t i = 0; i < peer_stats_report_count(after); i++) {
        double was, is;
        int64_t earlier = peer_stats_report_find(before, peer_stats_report_id(after, i));
        if (earlier >= 0 && peer_stats_report_number(before, (size_t)earlier, "packetsSent", &was)) {
            CHECK(peer_stats_report_number(after, i, "packetsSent", &is));
            CHECK(is >= was);
        }
    }
    size_t transport = (size_t)find_type(after, "transport");
    CHECK_TEXT(peer_stats_report_string(after, transport, "dtlsState"), "closed");
    CHECK_TEXT(peer_stats_report_string(after, transport, "iceState"), "closed");
    peer_stats_report_unref(before);
    peer_stats_report_unref(after);
    peer_connection_unref(pc);
}
