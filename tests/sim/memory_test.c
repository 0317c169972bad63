/* The n-th allocation fails, for every n, while two connections are made, negotiate, connect, and send media and data. Whatever then
 * happens to the call, nothing crashes; the address sanitizer's build sees that nothing is lost either. */
#include "network.h"
#include "send_copy.h"

#include "base/error.h"
#include "base/memory.h"
#include "connection/connection.h"
#include "media/media.h"
#include "test.h"
#include "virtual_random.h"
#include "virtual_time.h"

#include <limits.h>
#include <stdlib.h>

#define LONGEST_CALL (1500 * PEER_MILLISECOND)

typedef struct party {
    connection_t *connection;
    address_t address;
    struct party *other;
    transceiver_t *audio;
    sctp_channel_t *channel;
    uint64_t received;
} party_t;

typedef struct call {
    peer_time_t now;
    packet_pool_t *pool;
    network_t *network;
    random_seeded_t generator;
    certificate_t *certificates[2];
    party_t parties[2];
} call_t;

static void receive(void *receiver, peer_time_t now, packet_t *packet)
{
    connection_input(((party_t *)receiver)->connection, now, packet);
}

static bool make_parties(call_t *call)
{
    static const connection_codec_t codecs[] = {{CONNECTION_AUDIO, "opus", 48000, 2, "minptime=10;useinbandfec=1"},
                                                {CONNECTION_VIDEO, "VP8", 90000, 0, NULL}};
    for (int i = 0; i < 2; i++) {
        party_t *party = &call->parties[i];
        connection_config_t config = {.random = random_seeded_source(&call->generator),
                                      .pool = call->pool,
                                      .certificate = call->certificates[i],
                                      .codecs = codecs,
                                      .codec_count = 2,
                                      .number = (uint32_t)i + 1};
        party->address = address_ipv4(192, 0, 2, (uint8_t)(i + 1), 5000);
        party->other = &call->parties[1 - i];
        party->connection = connection_new(&config);
        if (party->connection == NULL)
            return false;
        network_bind(call->network, &party->address, (uint32_t)i + 1, receive, party);
    }
    return true;
}

static int hand_over(call_t *call, party_t *from)
{
    connection_sdp_type_t type;
    char *sdp = NULL;
    int result = connection_local_description(from->connection, &type, &sdp);
    if (result > 0)
        result = connection_set_remote_description(from->other->connection, call->now, type, sdp);
    memory_free(sdp);
    return result;
}

static int negotiate(call_t *call)
{
    party_t *offerer = &call->parties[0], *answerer = &call->parties[1];
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    transceiver_t *video;
    int error = 0;
    options.label = "data";
    for (int i = 0; i < 2; i++) {
        error = connection_add_track(call->parties[i].connection, call->now, CONNECTION_AUDIO, "audio", &(const char *){"stream"}, 1,
                                     &call->parties[i].audio);
        if (error < 0)
            return error;
    }
    error = connection_add_track(offerer->connection, call->now, CONNECTION_VIDEO, "video", &(const char *){"stream"}, 1, &video);
    if (error < 0)
        return error;
    offerer->channel = connection_open_channel(offerer->connection, call->now, &options, &error);
    if (offerer->channel == NULL)
        return error;
    error = connection_set_local_description_implicitly(offerer->connection, call->now);
    if (error == 0)
        error = hand_over(call, offerer);
    if (error == 0)
        error = connection_set_local_description_implicitly(answerer->connection, call->now);
    if (error == 0)
        error = hand_over(call, answerer);
    return error;
}

static void on_event(call_t *call, party_t *party, connection_event_t *event)
{
    if (event->type == CONNECTION_EVENT_CHANNEL_MESSAGE)
        connection_consumed(party->connection, call->now, event->channel_message.message->length);
    party->received += event->type == CONNECTION_EVENT_CHANNEL_MESSAGE || event->type == CONNECTION_EVENT_FRAME;
    if (event->type == CONNECTION_EVENT_ICE_CANDIDATE)
        connection_add_ice_candidate(party->other->connection, call->now, event->text != NULL ? event->text : "", event->candidate.mid,
                                     event->candidate.mline_index, event->candidate.ufrag);
    connection_event_free(event);
}

static void poll(call_t *call, party_t *party)
{
    output_t output;
    while (connection_poll(party->connection, &output)) {
        if (output.type == OUTPUT_SEND)
            network_send(call->network, call->now, output.packet);
        else if (output.type == OUTPUT_EVENT)
            on_event(call, party, output.event);
        else if (output.type == OUTPUT_OPEN_SOCKETS) {
            connection_socket_opened(party->connection, call->now, (uint32_t)(party - call->parties) + 1, &party->address,
                                     NETWORK_ETHERNET);
            connection_sockets_complete(party->connection, call->now);
        }
    }
}

static void talk(call_t *call, party_t *party)
{
    uint8_t frame[80] = {0xf8};
    connection_frame_t sent = {.data = frame, .length = sizeof frame, .timestamp_us = call->now, .duration_us = 20000, .is_key = true};
    if (party->audio != NULL)
        transceiver_send_frame(party->audio, call->now, &sent);
    if (party->channel != NULL)
        send_copy(party->channel, call->now, frame, sizeof frame, false);
}

static void run(call_t *call)
{
    peer_time_t end = call->now + LONGEST_CALL, next_talk = call->now;
    int standing = 0; /* steps in which time did not pass */
    while (call->now < end && standing < 10000) {
        for (int i = 0; i < 2; i++)
            poll(call, &call->parties[i]);
        peer_time_t next = time_earlier(network_deadline(call->network), next_talk);
        for (int i = 0; i < 2; i++)
            next = time_earlier(next, connection_deadline(call->parties[i].connection));
        standing = next > call->now ? 0 : standing + 1;
        if (next > call->now)
            call->now = next;
        virtual_time_set(call->now);
        network_deliver(call->network, call->now);
        for (int i = 0; i < 2; i++)
            if (connection_deadline(call->parties[i].connection) <= call->now)
                connection_timeout(call->parties[i].connection, call->now);
        if (next_talk <= call->now) {
            for (int i = 0; i < 2; i++)
                talk(call, &call->parties[i]);
            next_talk = call->now + 20 * PEER_MILLISECOND;
        }
    }
    CHECK(standing < 10000);
}

/* One call in which the n-th allocation fails; 0: none. How much was received. */
static uint64_t call_with_failure(unsigned n)
{
    call_t call = {.now = PEER_SECOND};
    virtual_time_set(call.now);
    virtual_random_seed(1);
    random_seeded_init(&call.generator, 1);
    random_source_t random = random_seeded_source(&call.generator);
    call.pool = packet_pool_new();
    call.network = network_new(1, call.pool, &(link_options_t){.delay_us = 5000});
    for (int i = 0; i < 2; i++)
        CHECK_INT(certificate_generate(&call.certificates[i], CERTIFICATE_ECDSA_P256, 1700000000, 0, &random), 0);
    memory_fail_nth(n);
    if (make_parties(&call)) {
        int error = negotiate(&call);
        CHECK(error == 0 || n != 0);
        CHECK(error == 0 || *peer_last_error_message() != '\0');
        run(&call);
        for (int i = 0; i < 2; i++)
            connection_close(call.parties[i].connection, call.now);
        for (int i = 0; i < 2; i++)
            poll(&call, &call.parties[i]);
    }
    memory_fail_nth(0);
    for (int i = 0; i < 2; i++) {
        connection_free(call.parties[i].connection);
        certificate_unref(call.certificates[i]);
    }
    network_free(call.network);
    packet_pool_release(call.pool);
    return call.parties[0].received + call.parties[1].received;
}

TEST(a_call_survives_or_ends_decently_whichever_allocation_fails)
{
    uint64_t undisturbed = call_with_failure(0);
    CHECK(undisturbed > 100);
    unsigned runs = 0, unharmed = 0;
    for (unsigned n = 1; n < 4000; n += n < 300 ? 1 : n / 20, runs++)
        unharmed += call_with_failure(n) >= undisturbed * 9 / 10;
    test_note("%u calls, %u of them hardly harmed", runs, unharmed);
    CHECK(unharmed > 0);
}
