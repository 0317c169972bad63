/* Every member of every stats object, by one list: its type, its unit's range, whether it only grows, and whether it must be there in a
 * call that has been on for a while (W3C webrtc-stats). */
#include "pair.h"
#include "test.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef enum class {
    UNSIGNED, /* an integer, 0 or more */
    SIGNED,
    DOUBLE, /* 0 or more */
    SHARE,  /* 0 … 1 */
    TEXT,
    FLAG,
    RECORD,    /* of doubles */
    TIME,      /* milliseconds since 1970 */
    NTP,       /* milliseconds since 1900 */
    REFERENCE, /* the id of an object of the report */
    GROWS = 0x100,
    MAYBE = 0x200 /* it depends on what happened whether it is there */
} class_t;

typedef struct member {
    const char *type, *kind; /* kind NULL: whatever it is */
    const char *name;
    int class;
} member_t;

#define COUNT (UNSIGNED | GROWS)
#define TOTAL (DOUBLE | GROWS)

#define CANDIDATE(type)                                                                                                                    \
    {type, NULL, "transportId", REFERENCE}, {type, NULL, "address", TEXT | MAYBE}, {type, NULL, "port", UNSIGNED},                         \
        {type, NULL, "protocol", TEXT}, {type, NULL, "candidateType", TEXT}, {type, NULL, "priority", UNSIGNED},                           \
        {type, NULL, "foundation", TEXT | MAYBE}, {type, NULL, "usernameFragment", TEXT | MAYBE}, {type, NULL, "tcpType", TEXT | MAYBE},   \
        {type, NULL, "relatedAddress", TEXT | MAYBE},                                                                                      \
    {                                                                                                                                      \
        type, NULL, "relatedPort", UNSIGNED | MAYBE                                                                                        \
    }

#define RTP(type)                                                                                                                          \
    {type, NULL, "ssrc", UNSIGNED}, {type, NULL, "kind", TEXT}, {type, NULL, "transportId", REFERENCE},                                    \
    {                                                                                                                                      \
        type, NULL, "codecId", REFERENCE                                                                                                   \
    }

static const member_t members[] = {
    {"codec", NULL, "payloadType", UNSIGNED},
    {"codec", NULL, "transportId", REFERENCE},
    {"codec", NULL, "mimeType", TEXT},
    {"codec", NULL, "clockRate", UNSIGNED},
    {"codec", NULL, "channels", UNSIGNED | MAYBE},
    {"codec", NULL, "sdpFmtpLine", TEXT | MAYBE},
    RTP("inbound-rtp"),
    {"inbound-rtp", NULL, "trackIdentifier", TEXT},
    {"inbound-rtp", NULL, "mid", TEXT},
    {"inbound-rtp", NULL, "remoteId", REFERENCE},
    {"inbound-rtp", NULL, "packetsReceived", COUNT},
    {"inbound-rtp", NULL, "packetsLost", SIGNED},
    {"inbound-rtp", NULL, "jitter", DOUBLE},
    {"inbound-rtp", NULL, "bytesReceived", COUNT},
    {"inbound-rtp", NULL, "headerBytesReceived", COUNT},
    {"inbound-rtp", NULL, "packetsDiscarded", COUNT},
    {"inbound-rtp", NULL, "lastPacketReceivedTimestamp", TIME | GROWS},
    {"inbound-rtp", NULL, "nackCount", COUNT},
    {"inbound-rtp", NULL, "retransmittedPacketsReceived", COUNT | MAYBE},
    {"inbound-rtp", NULL, "retransmittedBytesReceived", COUNT | MAYBE},
    {"inbound-rtp", NULL, "rtxSsrc", UNSIGNED | MAYBE},
    {"inbound-rtp", NULL, "jitterBufferDelay", TOTAL},
    {"inbound-rtp", NULL, "jitterBufferTargetDelay", TOTAL},
    {"inbound-rtp", NULL, "jitterBufferMinimumDelay", TOTAL},
    {"inbound-rtp", NULL, "jitterBufferEmittedCount", COUNT},
    {"inbound-rtp", NULL, "totalProcessingDelay", TOTAL},
    {"inbound-rtp", NULL, "estimatedPlayoutTimestamp", NTP},
    {"inbound-rtp", "video", "framesReceived", COUNT},
    {"inbound-rtp", "video", "framesDecoded", COUNT},
    {"inbound-rtp", "video", "keyFramesDecoded", COUNT},
    {"inbound-rtp", "video", "framesRendered", COUNT},
    {"inbound-rtp", "video", "framesDropped", COUNT},
    {"inbound-rtp", "video", "frameWidth", UNSIGNED},
    {"inbound-rtp", "video", "frameHeight", UNSIGNED},
    {"inbound-rtp", "video", "framesPerSecond", DOUBLE},
    {"inbound-rtp", "video", "qpSum", COUNT},
    {"inbound-rtp", "video", "totalDecodeTime", TOTAL},
    {"inbound-rtp", "video", "totalInterFrameDelay", TOTAL},
    {"inbound-rtp", "video", "totalSquaredInterFrameDelay", TOTAL},
    {"inbound-rtp", "video", "pauseCount", COUNT},
    {"inbound-rtp", "video", "totalPausesDuration", TOTAL},
    {"inbound-rtp", "video", "freezeCount", COUNT},
    {"inbound-rtp", "video", "totalFreezesDuration", TOTAL},
    {"inbound-rtp", "video", "framesAssembledFromMultiplePackets", COUNT},
    {"inbound-rtp", "video", "totalAssemblyTime", TOTAL},
    {"inbound-rtp", "video", "pliCount", COUNT},
    {"inbound-rtp", "video", "firCount", COUNT},
    {"inbound-rtp", "video", "decoderImplementation", TEXT},
    {"inbound-rtp", "video", "powerEfficientDecoder", FLAG},
    {"inbound-rtp", "audio", "totalSamplesReceived", COUNT},
    {"inbound-rtp", "audio", "concealedSamples", COUNT},
    {"inbound-rtp", "audio", "silentConcealedSamples", COUNT},
    {"inbound-rtp", "audio", "concealmentEvents", COUNT},
    {"inbound-rtp", "audio", "insertedSamplesForDeceleration", COUNT},
    {"inbound-rtp", "audio", "removedSamplesForAcceleration", COUNT},
    {"inbound-rtp", "audio", "audioLevel", SHARE},
    {"inbound-rtp", "audio", "totalAudioEnergy", TOTAL},
    {"inbound-rtp", "audio", "totalSamplesDuration", TOTAL},
    RTP("outbound-rtp"),
    {"outbound-rtp", NULL, "mid", TEXT},
    {"outbound-rtp", NULL, "mediaSourceId", REFERENCE},
    {"outbound-rtp", NULL, "remoteId", REFERENCE},
    {"outbound-rtp", NULL, "packetsSent", COUNT},
    {"outbound-rtp", NULL, "bytesSent", COUNT},
    {"outbound-rtp", NULL, "headerBytesSent", COUNT},
    {"outbound-rtp", NULL, "retransmittedPacketsSent", COUNT},
    {"outbound-rtp", NULL, "retransmittedBytesSent", COUNT},
    {"outbound-rtp", NULL, "rtxSsrc", UNSIGNED | MAYBE},
    {"outbound-rtp", NULL, "targetBitrate", DOUBLE},
    {"outbound-rtp", NULL, "totalPacketSendDelay", TOTAL},
    {"outbound-rtp", NULL, "nackCount", COUNT},
    {"outbound-rtp", NULL, "active", FLAG},
    {"outbound-rtp", "video", "rid", TEXT | MAYBE},
    {"outbound-rtp", "video", "encodingIndex", UNSIGNED},
    {"outbound-rtp", "video", "totalEncodedBytesTarget", COUNT},
    {"outbound-rtp", "video", "frameWidth", UNSIGNED},
    {"outbound-rtp", "video", "frameHeight", UNSIGNED},
    {"outbound-rtp", "video", "framesPerSecond", DOUBLE},
    {"outbound-rtp", "video", "framesSent", COUNT},
    {"outbound-rtp", "video", "hugeFramesSent", COUNT},
    {"outbound-rtp", "video", "framesEncoded", COUNT},
    {"outbound-rtp", "video", "keyFramesEncoded", COUNT},
    {"outbound-rtp", "video", "qpSum", COUNT},
    {"outbound-rtp", "video", "totalEncodeTime", TOTAL},
    {"outbound-rtp", "video", "qualityLimitationReason", TEXT},
    {"outbound-rtp", "video", "qualityLimitationDurations", RECORD | GROWS},
    {"outbound-rtp", "video", "qualityLimitationResolutionChanges", COUNT},
    {"outbound-rtp", "video", "pliCount", COUNT},
    {"outbound-rtp", "video", "firCount", COUNT},
    {"outbound-rtp", "video", "encoderImplementation", TEXT},
    {"outbound-rtp", "video", "powerEfficientEncoder", FLAG},
    {"outbound-rtp", "video", "scalabilityMode", TEXT | MAYBE},
    RTP("remote-inbound-rtp"),
    {"remote-inbound-rtp", NULL, "localId", REFERENCE},
    {"remote-inbound-rtp", NULL, "packetsReceived", COUNT},
    {"remote-inbound-rtp", NULL, "packetsLost", SIGNED},
    {"remote-inbound-rtp", NULL, "jitter", DOUBLE},
    {"remote-inbound-rtp", NULL, "fractionLost", SHARE},
    {"remote-inbound-rtp", NULL, "roundTripTime", DOUBLE | MAYBE},
    {"remote-inbound-rtp", NULL, "totalRoundTripTime", TOTAL},
    {"remote-inbound-rtp", NULL, "roundTripTimeMeasurements", COUNT},
    RTP("remote-outbound-rtp"),
    {"remote-outbound-rtp", NULL, "localId", REFERENCE},
    {"remote-outbound-rtp", NULL, "packetsSent", COUNT},
    {"remote-outbound-rtp", NULL, "bytesSent", COUNT},
    {"remote-outbound-rtp", NULL, "remoteTimestamp", TIME | GROWS},
    {"remote-outbound-rtp", NULL, "reportsSent", COUNT},
    {"remote-outbound-rtp", NULL, "roundTripTime", DOUBLE | MAYBE},
    {"remote-outbound-rtp", NULL, "totalRoundTripTime", TOTAL},
    {"remote-outbound-rtp", NULL, "roundTripTimeMeasurements", COUNT},
    {"media-source", NULL, "trackIdentifier", TEXT},
    {"media-source", NULL, "kind", TEXT},
    {"media-source", "audio", "audioLevel", SHARE},
    {"media-source", "audio", "totalAudioEnergy", TOTAL},
    {"media-source", "audio", "totalSamplesDuration", TOTAL},
    {"media-source", "video", "width", UNSIGNED},
    {"media-source", "video", "height", UNSIGNED},
    {"media-source", "video", "frames", COUNT},
    {"media-source", "video", "framesPerSecond", DOUBLE},
    {"peer-connection", NULL, "dataChannelsOpened", COUNT},
    {"peer-connection", NULL, "dataChannelsClosed", COUNT},
    {"data-channel", NULL, "label", TEXT},
    {"data-channel", NULL, "protocol", TEXT},
    {"data-channel", NULL, "dataChannelIdentifier", UNSIGNED},
    {"data-channel", NULL, "state", TEXT},
    {"data-channel", NULL, "messagesSent", COUNT},
    {"data-channel", NULL, "bytesSent", COUNT},
    {"data-channel", NULL, "messagesReceived", COUNT},
    {"data-channel", NULL, "bytesReceived", COUNT},
    {"transport", NULL, "packetsSent", COUNT},
    {"transport", NULL, "packetsReceived", COUNT},
    {"transport", NULL, "bytesSent", COUNT},
    {"transport", NULL, "bytesReceived", COUNT},
    {"transport", NULL, "iceRole", TEXT},
    {"transport", NULL, "iceLocalUsernameFragment", TEXT},
    {"transport", NULL, "iceState", TEXT},
    {"transport", NULL, "dtlsState", TEXT},
    {"transport", NULL, "dtlsRole", TEXT},
    {"transport", NULL, "selectedCandidatePairId", REFERENCE},
    {"transport", NULL, "localCertificateId", REFERENCE},
    {"transport", NULL, "remoteCertificateId", REFERENCE},
    {"transport", NULL, "tlsVersion", TEXT},
    {"transport", NULL, "dtlsCipher", TEXT},
    {"transport", NULL, "srtpCipher", TEXT},
    {"transport", NULL, "selectedCandidatePairChanges", COUNT},
    CANDIDATE("local-candidate"),
    {"local-candidate", NULL, "url", TEXT | MAYBE},
    {"local-candidate", NULL, "relayProtocol", TEXT | MAYBE},
    CANDIDATE("remote-candidate"),
    {"candidate-pair", NULL, "transportId", REFERENCE},
    {"candidate-pair", NULL, "localCandidateId", REFERENCE},
    {"candidate-pair", NULL, "remoteCandidateId", REFERENCE},
    {"candidate-pair", NULL, "state", TEXT},
    {"candidate-pair", NULL, "nominated", FLAG},
    {"candidate-pair", NULL, "packetsSent", COUNT},
    {"candidate-pair", NULL, "packetsReceived", COUNT},
    {"candidate-pair", NULL, "bytesSent", COUNT},
    {"candidate-pair", NULL, "bytesReceived", COUNT},
    {"candidate-pair", NULL, "lastPacketSentTimestamp", TIME | GROWS | MAYBE},
    {"candidate-pair", NULL, "lastPacketReceivedTimestamp", TIME | GROWS | MAYBE},
    {"candidate-pair", NULL, "totalRoundTripTime", TOTAL},
    {"candidate-pair", NULL, "currentRoundTripTime", DOUBLE | MAYBE},
    {"candidate-pair", NULL, "requestsReceived", COUNT},
    {"candidate-pair", NULL, "requestsSent", COUNT},
    {"candidate-pair", NULL, "responsesReceived", COUNT},
    {"candidate-pair", NULL, "responsesSent", COUNT},
    {"candidate-pair", NULL, "consentRequestsSent", COUNT},
    {"certificate", NULL, "fingerprint", TEXT},
    {"certificate", NULL, "fingerprintAlgorithm", TEXT},
    {"certificate", NULL, "base64Certificate", TEXT},
    {"certificate", NULL, "issuerCertificateId", REFERENCE | MAYBE},
    {"sctp-transport", NULL, "transportId", REFERENCE},
    {"sctp-transport", NULL, "smoothedRoundTripTime", DOUBLE | MAYBE},
    {"sctp-transport", NULL, "congestionWindow", UNSIGNED},
    {"sctp-transport", NULL, "receiverWindow", UNSIGNED},
    {"sctp-transport", NULL, "mtu", UNSIGNED},
    {"sctp-transport", NULL, "unackData", UNSIGNED},
};

#define MEMBERS (sizeof members / sizeof *members)

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text != NULL ? text : "";
}

static bool is_of(const member_t *member, const json_t *object)
{
    return strcmp(member->type, text_of(object, "type")) == 0 &&
           (member->kind == NULL || strcmp(member->kind, text_of(object, "kind")) == 0);
}

static const member_t *find_member(const json_t *object, const char *name)
{
    for (size_t i = 0; i < MEMBERS; i++)
        if (is_of(&members[i], object) && strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}

static json_t *report_of(const peer_connection_t *pc)
{
    peer_stats_report_t *report;
    CHECK_INT(peer_connection_get_stats(pc, &report), 0);
    char *text = peer_stats_report_to_json(report);
    json_t *json = json_loads(text, 0, NULL);
    CHECK(json_is_array(json));
    CHECK_INT(json_array_size(json), peer_stats_report_count(report));
    peer_string_free(text);
    peer_stats_report_unref(report);
    return json;
}

static const json_t *find_object(const json_t *report, const char *id)
{
    for (size_t i = 0; i < json_array_size(report); i++)
        if (strcmp(text_of(json_array_get(report, i), "id"), id) == 0)
            return json_array_get(report, i);
    return NULL;
}

static double wall_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

#define NTP_EPOCH_MS 2208988800e3

static bool is_near(double time_ms)
{
    return fabs(time_ms - wall_clock_ms()) < 60e3;
}

static bool has_class(const json_t *report, const json_t *value, int class)
{
    const char *name;
    json_t *entry;
    double number = json_number_value(value);
    switch (class & 0xff) {
    case UNSIGNED:
        return json_is_integer(value) && json_integer_value(value) >= 0;
    case SIGNED:
        return json_is_integer(value);
    case DOUBLE:
        return json_is_real(value) && number >= 0 && isfinite(number);
    case SHARE:
        return json_is_real(value) && number >= 0 && number <= 1;
    case TEXT:
        return json_is_string(value);
    case FLAG:
        return json_is_boolean(value);
    case TIME:
        return json_is_real(value) && is_near(number);
    case NTP:
        return json_is_real(value) && is_near(number - NTP_EPOCH_MS);
    case REFERENCE:
        return json_is_string(value) && find_object(report, json_string_value(value)) != NULL;
    case RECORD:
        if (!json_is_object(value))
            return false;
        json_object_foreach((json_t *)(uintptr_t)value, name, entry)
        {
            if (!has_class(report, entry, DOUBLE))
                return false;
        }
        return true;
    }
    return false;
}

static void check_object(const json_t *report, const json_t *object)
{
    const char *name, *type = text_of(object, "type");
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (strcmp(name, "id") == 0 || strcmp(name, "type") == 0 || strcmp(name, "timestamp") == 0)
            continue;
        const member_t *member = find_member(object, name);
        if (member == NULL)
            test_fail(__FILE__, __LINE__, "%s.%s is not in the list", type, name);
        if (!has_class(report, value, member->class)) {
            char *text = json_dumps(value, JSON_ENCODE_ANY);
            test_fail(__FILE__, __LINE__, "%s.%s is %s", type, name, text);
        }
    }
    for (size_t i = 0; i < MEMBERS; i++)
        if (is_of(&members[i], object) && (members[i].class & MAYBE) == 0 && json_object_get(object, members[i].name) == NULL)
            test_fail(__FILE__, __LINE__, "%s (%s) has no %s", type, text_of(object, "kind"), members[i].name);
    CHECK(json_is_real(json_object_get(object, "timestamp")) && is_near(json_number_value(json_object_get(object, "timestamp"))));
    CHECK(*text_of(object, "id") != '\0');
}

static void check_grows(const char *type, const char *name, const json_t *before, const json_t *after)
{
    const char *entry;
    json_t *value;
    if (json_is_object(before)) {
        json_object_foreach((json_t *)(uintptr_t)before, entry, value)
        {
            check_grows(type, entry, value, json_object_get(after, entry));
        }
        return;
    }
    if (json_number_value(after) < json_number_value(before))
        test_fail(__FILE__, __LINE__, "%s.%s was %f and is %f", type, name, json_number_value(before), json_number_value(after));
}

/* What was there is there, of the same type, and what is counted has not become less. */
static void check_successor(const json_t *before, const json_t *after)
{
    for (size_t i = 0; i < json_array_size(before); i++) {
        const json_t *object = json_array_get(before, i), *next = find_object(after, text_of(object, "id"));
        const char *type = text_of(object, "type");
        if (next == NULL)
            test_fail(__FILE__, __LINE__, "a %s is gone", type);
        CHECK_TEXT(text_of(next, "type"), type);
        CHECK(json_number_value(json_object_get(next, "timestamp")) >= json_number_value(json_object_get(object, "timestamp")));
        for (size_t k = 0; k < MEMBERS; k++) {
            const json_t *value = json_object_get(object, members[k].name);
            if (value != NULL && is_of(&members[k], object) && (members[k].class & GROWS) != 0)
                check_grows(type, members[k].name, value, json_object_get(next, members[k].name));
        }
    }
}

/* For two seconds and more everything has flowed: reports have come and gone. */
static bool has_been_on(pair_t *pair)
{
    bool is_on = true;
    for (int i = 0; i < 2 && is_on; i++) {
        is_on = pair->sides[i].video_frames > 60 && pair->sides[i].audio_frames > 100 && pair->sides[i].messages > 0;
        json_t *report = is_on ? report_of(pair->sides[i].pc) : NULL;
        for (size_t k = 0; k < json_array_size(report); k++) {
            const json_t *object = json_array_get(report, k);
            const char *type = text_of(object, "type");
            if (strcmp(type, "inbound-rtp") == 0 || strcmp(type, "outbound-rtp") == 0)
                is_on = is_on && json_object_get(object, "remoteId") != NULL;
        }
        json_decref(report);
    }
    return is_on;
}

static bool channel_is_open(pair_t *pair)
{
    return pair->sides[1].channels > 0 && peer_data_channel_ready_state(pair->sides[0].channel) == PEER_DATA_CHANNEL_OPEN;
}

static void open_call(pair_t *pair)
{
    pair_open(pair, NULL, NULL);
    for (int i = 0; i < 2; i++)
        pair_add_media(&pair->sides[i], true, true);
    pair_add_channel(&pair->sides[0], "chat");
    CHECK(pair_wait(pair, channel_is_open, NULL));
    for (int i = 0; i < 2; i++)
        CHECK_INT(peer_data_channel_send(pair->sides[i].channel, "hello", 5, 1), 0);
    CHECK(pair_wait(pair, has_been_on, NULL));
}

TEST(every_member_has_its_type_and_every_reference_an_object)
{
    pair_t pair;
    open_call(&pair);
    for (int i = 0; i < 2; i++) {
        json_t *report = report_of(pair.sides[i].pc);
        bool is_there[MEMBERS] = {false};
        for (size_t k = 0; k < json_array_size(report); k++) {
            const json_t *object = json_array_get(report, k);
            check_object(report, object);
            CHECK(find_object(report, text_of(object, "id")) == object); /* ids are unique */
            for (size_t m = 0; m < MEMBERS; m++)
                is_there[m] |= is_of(&members[m], object);
        }
        for (size_t m = 0; m < MEMBERS; m++)
            if (!is_there[m])
                test_fail(__FILE__, __LINE__, "there is no %s %s", members[m].type, members[m].kind != NULL ? members[m].kind : "");
        json_decref(report);
    }
    CHECK(pair_end(&pair, NULL));
}

static size_t count_frames(const json_t *report, const char *type, const char *member)
{
    size_t sum = 0;
    for (size_t i = 0; i < json_array_size(report); i++)
        if (strcmp(text_of(json_array_get(report, i), "type"), type) == 0)
            sum += (size_t)json_integer_value(json_object_get(json_array_get(report, i), member));
    return sum;
}

TEST(from_one_report_to_the_next_ids_stay_and_counts_do_not_fall)
{
    pair_t pair;
    open_call(&pair);
    json_t *before = report_of(pair.sides[0].pc);
    for (int i = 0; i < 10; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
        json_t *after = report_of(pair.sides[0].pc);
        check_successor(before, after);
        json_decref(before);
        before = after;
    }
    peer_connection_t *pc = peer_connection_ref(pair.sides[0].pc);
    CHECK(pair_end(&pair, NULL));
    json_t *after = report_of(pc); /* of the connection that is closed */
    for (size_t i = json_array_size(before); i-- > 0;)
        if (strcmp(text_of(json_array_get(before, i), "type"), "sctp-transport") == 0 ||
            strcmp(text_of(json_array_get(before, i), "type"), "data-channel") == 0)
            json_array_remove(before, i); /* they go with what they describe */
    check_successor(before, after);
    CHECK(count_frames(after, "inbound-rtp", "framesDecoded") > 60);
    json_decref(before);
    json_decref(after);
    peer_connection_unref(pc);
}

TEST(a_report_does_not_change_and_its_accessors_tell_what_its_json_does)
{
    pair_t pair;
    peer_stats_report_t *report;
    open_call(&pair);
    CHECK_INT(peer_connection_get_stats(pair.sides[0].pc, &report), 0);
    char *first = peer_stats_report_to_json(report);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    CHECK(pair_end(&pair, NULL));
    char *second = peer_stats_report_to_json(report);
    CHECK_TEXT(second, first);
    json_t *json = json_loads(first, 0, NULL);
    for (size_t i = 0; i < json_array_size(json); i++) {
        const char *name;
        json_t *value;
        CHECK_TEXT(peer_stats_report_id(report, i), text_of(json_array_get(json, i), "id"));
        CHECK_INT(peer_stats_report_find(report, peer_stats_report_id(report, i)), i);
        json_object_foreach(json_array_get(json, i), name, value)
        {
            double number;
            if (json_is_string(value))
                CHECK_TEXT(peer_stats_report_string(report, i, name), json_string_value(value));
            else if (json_is_number(value))
                CHECK(peer_stats_report_number(report, i, name, &number) == 1 && number == json_number_value(value));
            else if (json_is_object(value))
                CHECK(peer_stats_report_number(report, i, "qualityLimitationDurations.none", &number) == 1 && number > 0);
        }
    }
    double number;
    CHECK_INT(peer_stats_report_number(report, 0, "qualityLimitationDurations.none", &number), 0);
    CHECK_INT(peer_stats_report_number(report, 0, "id.", &number), 0);
    CHECK(peer_stats_report_string(report, 1000000, "id") == NULL);
    json_decref(json);
    peer_string_free(first);
    peer_string_free(second);
    peer_stats_report_unref(report);
}
