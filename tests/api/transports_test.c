/* RTCIceTransport and RTCDtlsTransport through the public interface: one of each per connection, what they tell and what becomes of them.
 */
#include "pair.h"
#include "test.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static bool both_connected(pair_t *pair)
{
    return atomic_load(&pair->sides[0].state) == PEER_CONNECTION_CONNECTED &&
           atomic_load(&pair->sides[1].state) == PEER_CONNECTION_CONNECTED;
}

static peer_transceiver_t *first_transceiver(peer_connection_t *pc)
{
    peer_transceiver_t *transceivers[1];
    CHECK(peer_connection_transceivers(pc, transceivers, 1) > 0);
    return transceivers[0];
}

static peer_dtls_transport_t *transport_of(peer_connection_t *pc)
{
    peer_transceiver_t *transceiver = first_transceiver(pc);
    peer_sender_t *sender = peer_transceiver_sender(transceiver);
    peer_receiver_t *receiver = peer_transceiver_receiver(transceiver);
    peer_dtls_transport_t *transport = peer_sender_transport(sender), *same = peer_receiver_transport(receiver);
    CHECK(transport == same);
    peer_dtls_transport_unref(same);
    peer_receiver_unref(receiver);
    peer_sender_unref(sender);
    peer_transceiver_unref(transceiver);
    return transport;
}

/* The channel's offer may leave before the media are added: those are in the next one then. */
static bool both_have_media_and_data(pair_t *pair)
{
    bool are_ready = both_connected(pair);
    for (int i = 0; are_ready && i < 2; i++) {
        peer_connection_t *pc = pair->sides[i].pc;
        peer_transceiver_t *transceiver = NULL;
        peer_sender_t *sender = peer_connection_transceivers(pc, &transceiver, 1) > 0 ? peer_transceiver_sender(transceiver) : NULL;
        peer_dtls_transport_t *media = sender != NULL ? peer_sender_transport(sender) : NULL;
        peer_sctp_transport_t *data = peer_connection_sctp(pc);
        are_ready = media != NULL && data != NULL && peer_connection_signaling_state(pc) == PEER_SIGNALING_STABLE;
        peer_sctp_transport_unref(data);
        peer_dtls_transport_unref(media);
        peer_sender_unref(sender);
        peer_transceiver_unref(transceiver);
    }
    return are_ready;
}

TEST(senders_receivers_and_data_channels_share_one_transport_which_tells_what_ice_and_dtls_know)
{
    pair_t pair;
    pair_open(&pair, NULL, NULL);
    pair_add_channel(&pair.sides[0], "c");
    pair_add_media(&pair.sides[0], true, true);
    CHECK(pair_wait(&pair, both_have_media_and_data, NULL));
    char ufrag[2][300], password[2][300];
    for (int i = 0; i < 2; i++) {
        peer_connection_t *pc = pair.sides[i].pc;
        peer_dtls_transport_t *dtls = transport_of(pc);
        peer_sctp_transport_t *sctp = peer_connection_sctp(pc);
        peer_dtls_transport_t *under = peer_sctp_transport_transport(sctp);
        peer_ice_transport_t *ice = peer_dtls_transport_ice_transport(dtls), *same = peer_dtls_transport_ice_transport(under);
        peer_ice_candidate_t *local, *remote, *listed[128];
        CHECK(dtls != NULL && dtls == under && ice == same);
        CHECK_INT(peer_dtls_transport_state(dtls), PEER_DTLS_TRANSPORT_CONNECTED);
        CHECK_INT(peer_ice_transport_component(ice), 1);
        CHECK_INT(peer_ice_transport_role(ice), i == 0 ? PEER_ICE_ROLE_CONTROLLING : PEER_ICE_ROLE_CONTROLLED);
        int32_t state = peer_ice_transport_state(ice);
        CHECK(state == PEER_ICE_TRANSPORT_STATE_CONNECTED || state == PEER_ICE_TRANSPORT_STATE_COMPLETED);
        CHECK(peer_ice_transport_gathering_state(ice) != PEER_ICE_GATHERING_NEW);
        CHECK_INT(peer_ice_transport_selected_candidate_pair(ice, &local, &remote), 1);
        CHECK(peer_ice_candidate_address(local) != NULL && peer_ice_candidate_port(remote) != 0);
        CHECK(peer_ice_candidate_username_fragment(local) != NULL && peer_ice_candidate_username_fragment(remote) != NULL);
        size_t count = peer_ice_transport_local_candidates(ice, listed, 128);
        CHECK(count > 0 && count <= 128);
        for (size_t j = 0; j < count; j++)
            peer_ice_candidate_unref(listed[j]);
        CHECK_INT(peer_ice_transport_local_candidates(ice, NULL, 0), count);
        CHECK(peer_ice_transport_remote_candidates(ice, NULL, 0) > 0);
        CHECK_INT(peer_ice_transport_local_parameters(ice, ufrag[0], sizeof ufrag[0], password[0], sizeof password[0]), 1);
        CHECK_INT(peer_ice_transport_remote_parameters(ice, ufrag[1], sizeof ufrag[1], password[1], sizeof password[1]), 1);
        CHECK(strlen(ufrag[0]) >= 4 && strlen(password[0]) >= 22); /* RFC 8839 §5.4 */
        CHECK(strcmp(ufrag[0], ufrag[1]) != 0);
        CHECK_INT(peer_ice_transport_local_parameters(ice, ufrag[0], 0, password[0], 1), PEER_ERROR_TYPE);
        peer_ice_candidate_unref(local);
        peer_ice_candidate_unref(remote);
        peer_ice_transport_unref(ice);
        peer_ice_transport_unref(same);
        peer_sctp_transport_unref(sctp);
        peer_dtls_transport_unref(under);
        peer_dtls_transport_unref(dtls);
    }
    CHECK(pair_end(&pair, NULL));
}

TEST(the_peers_certificate_is_told_in_der_and_stays_when_the_connection_is_gone)
{
    pair_t pair;
    pair_open(&pair, NULL, NULL);
    pair_add_media(&pair.sides[0], true, false);
    peer_transceiver_t *transceiver = first_transceiver(pair.sides[0].pc);
    peer_sender_t *sender = peer_transceiver_sender(transceiver);
    CHECK(pair_wait(&pair, both_connected, NULL));
    peer_dtls_transport_t *dtls = peer_sender_transport(sender);
    peer_ice_transport_t *ice = peer_dtls_transport_ice_transport(dtls);
    uint8_t der[4096], again[4096];
    CHECK_INT(peer_dtls_transport_remote_certificate_count(dtls), 1);
    int length = peer_dtls_transport_remote_certificate(dtls, 0, der, sizeof der);
    CHECK(length > 100 && length <= (int)sizeof der);
    CHECK_INT(der[0], 0x30); /* X.690 §8.9: a SEQUENCE */
    CHECK_INT(peer_dtls_transport_remote_certificate(dtls, 0, NULL, 0), length);
    CHECK_INT(peer_dtls_transport_remote_certificate(dtls, 1, der, sizeof der), PEER_ERROR_RANGE);
    peer_connection_close(pair.sides[0].pc);
    CHECK_INT(peer_dtls_transport_state(dtls), PEER_DTLS_TRANSPORT_CLOSED);
    CHECK_INT(peer_ice_transport_state(ice), PEER_ICE_TRANSPORT_STATE_CLOSED);
    peer_ice_candidate_t *local, *remote;
    CHECK_INT(peer_ice_transport_selected_candidate_pair(ice, &local, &remote), 0);
    CHECK(pair_end(&pair, NULL));
    CHECK_INT(peer_dtls_transport_state(dtls), PEER_DTLS_TRANSPORT_CLOSED);
    CHECK_INT(peer_dtls_transport_remote_certificate(dtls, 0, again, sizeof again), length);
    CHECK_BYTES(again, der, (size_t)length);
    CHECK_INT(peer_ice_transport_role(ice), PEER_ICE_ROLE_CONTROLLING);
    CHECK_INT(peer_ice_transport_gathering_state(ice), PEER_ICE_GATHERING_COMPLETE);
    peer_dtls_transport_t *last = peer_sender_transport(sender);
    CHECK(last == dtls);
    peer_dtls_transport_unref(last);
    peer_ice_transport_unref(ice);
    peer_dtls_transport_unref(dtls);
    peer_sender_unref(sender);
    peer_transceiver_unref(transceiver);
}

/* ---- events ---- */

typedef struct told {
    atomic_int ice_states, gathering_states, pairs, dtls_states, errors;
    atomic_int last_ice, last_dtls;
} told_t;

static void on_ice_state(peer_connection_t *pc, int32_t state, void *user)
{
    told_t *told = user;
    atomic_store(&told->last_ice, state);
    atomic_fetch_add(&told->ice_states, 1);
}

static void on_gathering_state(peer_connection_t *pc, int32_t state, void *user)
{
    told_t *told = user;
    atomic_fetch_add(&told->gathering_states, 1);
}

static void on_pair(peer_connection_t *pc, void *user)
{
    told_t *told = user;
    atomic_fetch_add(&told->pairs, 1);
}

static void on_dtls_state(peer_connection_t *pc, int32_t state, void *user)
{
    told_t *told = user;
    atomic_store(&told->last_dtls, state);
    atomic_fetch_add(&told->dtls_states, 1);
}

static void on_dtls_error(peer_connection_t *pc, const peer_rtc_error_t *error, void *user)
{
    told_t *told = user;
    if (error->code == PEER_ERROR_OPERATION && error->message != NULL && error->sctp_cause_code == -1)
        atomic_fetch_add(&told->errors, 1);
}

static told_t told[2];
static peer_connection_t *ends[2];

static void exchange(int from)
{
    peer_description_t *description = peer_connection_local_description(ends[from]);
    CHECK_INT(peer_connection_set_remote_description(ends[1 - from], description), 0);
    peer_description_unref(description);
}

static bool is_gathered(void)
{
    return peer_connection_ice_gathering_state(ends[0]) == PEER_ICE_GATHERING_COMPLETE &&
           peer_connection_ice_gathering_state(ends[1]) == PEER_ICE_GATHERING_COMPLETE;
}

static bool have_both_dtls(void)
{
    return atomic_load(&told[0].last_dtls) == PEER_DTLS_TRANSPORT_CONNECTED &&
           atomic_load(&told[1].last_dtls) == PEER_DTLS_TRANSPORT_CONNECTED;
}

static bool is_second_closed(void)
{
    return atomic_load(&told[1].last_dtls) == PEER_DTLS_TRANSPORT_CLOSED;
}

/* At most 60 s. */
static bool dispatch_until(peer_loop_t *loop, bool (*is_done)(void))
{
    for (int i = 0; i < 6000 && !is_done(); i++) {
        struct pollfd descriptor = {.fd = peer_loop_fd(loop), .events = POLLIN};
        poll(&descriptor, 1, 10);
        peer_loop_dispatch(loop);
    }
    return is_done();
}

TEST(a_connection_tells_what_its_transports_do)
{
    peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
    peer_configuration_t configuration;
    peer_connection_events_t events = {.on_ice_transport_state_change = on_ice_state,
                                       .on_ice_transport_gathering_state_change = on_gathering_state,
                                       .on_selected_candidate_pair_change = on_pair,
                                       .on_dtls_transport_state_change = on_dtls_state,
                                       .on_dtls_transport_error = on_dtls_error};
    peer_data_channel_t *channel;
    memset(told, 0, sizeof told);
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loop = loop;
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
    for (int i = 0; i < 2; i++)
        ends[i] = peer_connection_new(&configuration, &events, &told[i]);
    CHECK_INT(peer_connection_create_data_channel(ends[0], "c", NULL, NULL, NULL, &channel), 0);
    CHECK_INT(peer_connection_set_local_description(ends[0], NULL), 0);
    exchange(0);
    CHECK_INT(peer_connection_set_local_description(ends[1], NULL), 0);
    CHECK(dispatch_until(loop, is_gathered));
    exchange(1);
    for (int i = 0; i < 2; i++) { /* the first had our offer before there were candidates in it */
        peer_ice_candidate_t *candidates[128];
        peer_sctp_transport_t *sctp = peer_connection_sctp(ends[i]);
        peer_dtls_transport_t *dtls = peer_sctp_transport_transport(sctp);
        peer_ice_transport_t *ice = peer_dtls_transport_ice_transport(dtls);
        size_t count = peer_ice_transport_local_candidates(ice, candidates, 128);
        CHECK(count > 0);
        for (size_t j = 0; j < count; j++) {
            CHECK_INT(peer_connection_add_ice_candidate(ends[1 - i], candidates[j]), 0);
            peer_ice_candidate_unref(candidates[j]);
        }
        peer_ice_transport_unref(ice);
        peer_dtls_transport_unref(dtls);
        peer_sctp_transport_unref(sctp);
    }
    CHECK(dispatch_until(loop, have_both_dtls));
    for (int i = 0; i < 2; i++) {
        CHECK_INT(atomic_load(&told[i].dtls_states), 2); /* connecting, connected */
        CHECK_INT(atomic_load(&told[i].errors), 0);
        CHECK(atomic_load(&told[i].ice_states) >= 2 && atomic_load(&told[i].pairs) >= 1);
        CHECK(atomic_load(&told[i].gathering_states) >= 2);
        int last = atomic_load(&told[i].last_ice);
        CHECK(last == PEER_ICE_TRANSPORT_STATE_CONNECTED || last == PEER_ICE_TRANSPORT_STATE_COMPLETED);
    }
    peer_connection_close(ends[0]);
    CHECK(dispatch_until(loop, is_second_closed));
    CHECK_INT(atomic_load(&told[0].dtls_states), 2); /* who closes is told nothing */
    peer_data_channel_unref(channel);
    peer_connection_unref(ends[0]);
    peer_connection_unref(ends[1]);
    peer_loop_unref(loop);
}
