/* The ICE and the DTLS transport as W3C shows them: which states they tell in which order, and what they can be asked. */
#include "sim.h"

#include "base/memory.h"
#include "test.h"

#include <stdio.h>

#define LOG_MAX 128

typedef struct entry {
    connection_event_type_t type;
    int32_t state;
} entry_t;

typedef struct watch {
    entry_t entries[2][LOG_MAX];
    size_t count[2];
    int32_t sent_alert[2], received_alert[2];
    bool is_fingerprint_failure[2];
    char text[2][256];
} watch_t;

static void on_event(void *user, sim_peer_t *peer, const connection_event_t *event)
{
    watch_t *watch = user;
    int side = peer->index;
    switch (event->type) {
    case CONNECTION_EVENT_DTLS_ERROR:
        watch->sent_alert[side] = event->dtls_error.sent_alert;
        watch->received_alert[side] = event->dtls_error.received_alert;
        watch->is_fingerprint_failure[side] = event->dtls_error.is_fingerprint_failure;
        snprintf(watch->text[side], sizeof watch->text[side], "%s", event->text != NULL ? event->text : "");
        break;
    case CONNECTION_EVENT_SELECTED_PAIR:
    case CONNECTION_EVENT_TRANSPORT_STATE:
    case CONNECTION_EVENT_TRANSPORT_GATHERING:
    case CONNECTION_EVENT_ICE_CONNECTION_STATE:
    case CONNECTION_EVENT_ICE_GATHERING_STATE:
    case CONNECTION_EVENT_CONNECTION_STATE:
    case CONNECTION_EVENT_DTLS_STATE:
        break;
    default:
        return;
    }
    bool has_state = event->type != CONNECTION_EVENT_DTLS_ERROR && event->type != CONNECTION_EVENT_SELECTED_PAIR;
    CHECK(watch->count[side] < LOG_MAX);
    watch->entries[side][watch->count[side]++] = (entry_t){event->type, has_state ? event->state : -1};
}

static sim_t *open_watched(watch_t *watch, sim_options_t options)
{
    *watch = (watch_t){0};
    options.on_event = on_event;
    options.on_event_user = watch;
    options.link.delay_us = 10000;
    options.signaling_delay_us = 5000;
    return sim_new(&options);
}

/* Index of the first such entry; fails when there is none. */
static size_t find(const watch_t *watch, int side, connection_event_type_t type, int32_t state)
{
    for (size_t i = 0; i < watch->count[side]; i++)
        if (watch->entries[side][i].type == type && watch->entries[side][i].state == state)
            return i;
    test_fail(__FILE__, __LINE__, "side %d was not told event %d, state %d", side, (int)type, (int)state);
}

static bool is_told(const watch_t *watch, int side, size_t index, connection_event_type_t type, int32_t state)
{
    return index < watch->count[side] && watch->entries[side][index].type == type && watch->entries[side][index].state == state;
}

/* W3C §5.6: the transport's event, then the connection's. */
static void check_ice_order(const watch_t *watch, int side)
{
    for (size_t i = 0; i < watch->count[side]; i++) {
        entry_t entry = watch->entries[side][i];
        if (entry.type == CONNECTION_EVENT_TRANSPORT_STATE)
            CHECK(is_told(watch, side, i + 1, CONNECTION_EVENT_ICE_CONNECTION_STATE, entry.state));
        if (entry.type == CONNECTION_EVENT_TRANSPORT_GATHERING)
            CHECK(is_told(watch, side, i + 1, CONNECTION_EVENT_ICE_GATHERING_STATE, entry.state));
    }
}

TEST(ice_and_dtls_tell_their_states_before_the_connection_tells_its_own)
{
    watch_t watch;
    sim_t *sim = open_watched(&watch, (sim_options_t){.seed = 1});
    sim_add_media(sim_peer(sim, 0), true, false);
    CHECK(sim_run(sim, 10 * PEER_SECOND, sim_is_connected));
    sim_run(sim, sim_now(sim) + 5 * PEER_SECOND, NULL);
    for (int i = 0; i < 2; i++) {
        check_ice_order(&watch, i);
        size_t checking = find(&watch, i, CONNECTION_EVENT_TRANSPORT_STATE, ICE_STATE_CHECKING);
        size_t selected = find(&watch, i, CONNECTION_EVENT_SELECTED_PAIR, -1);
        size_t connected = find(&watch, i, CONNECTION_EVENT_TRANSPORT_STATE, ICE_STATE_CONNECTED);
        size_t dtls_connecting = find(&watch, i, CONNECTION_EVENT_DTLS_STATE, DTLS_STATE_CONNECTING);
        size_t dtls_connected = find(&watch, i, CONNECTION_EVENT_DTLS_STATE, DTLS_STATE_CONNECTED);
        size_t all = find(&watch, i, CONNECTION_EVENT_CONNECTION_STATE, CONNECTION_STATE_CONNECTED);
        CHECK(is_told(&watch, i, checking + 2, CONNECTION_EVENT_CONNECTION_STATE, CONNECTION_STATE_CONNECTING));
        CHECK(checking < selected && selected < connected && connected < dtls_connecting && dtls_connecting < dtls_connected);
        CHECK_INT(all, dtls_connected + 1);
        CHECK_INT(find(&watch, i, CONNECTION_EVENT_TRANSPORT_STATE, ICE_STATE_COMPLETED) > connected, true);
        CHECK_INT(connection_dtls_state(sim_peer(sim, i)->connection), DTLS_STATE_CONNECTED);
    }
    sim_free(sim);
}

TEST(a_wrong_fingerprint_is_told_as_an_error_of_dtls_before_its_state_and_the_peer_hears_the_alert)
{
    watch_t watch;
    sim_t *sim = open_watched(&watch, (sim_options_t){.seed = 5, .wrong_fingerprint = {true, false}});
    sim_add_media(sim_peer(sim, 0), true, false);
    sim_run(sim, 20 * PEER_SECOND, NULL);
    for (int i = 0; i < 2; i++) {
        size_t error = find(&watch, i, CONNECTION_EVENT_DTLS_ERROR, -1);
        CHECK(is_told(&watch, i, error + 1, CONNECTION_EVENT_DTLS_STATE, DTLS_STATE_FAILED));
        CHECK(is_told(&watch, i, error + 2, CONNECTION_EVENT_CONNECTION_STATE, CONNECTION_STATE_FAILED));
        CHECK(watch.text[i][0] != '\0');
    }
    CHECK(watch.is_fingerprint_failure[1] && watch.sent_alert[1] > 0);
    CHECK_INT(watch.received_alert[1], -1);
    CHECK(!watch.is_fingerprint_failure[0]);
    CHECK_INT(watch.received_alert[0], watch.sent_alert[1]);
    sim_free(sim);
}

TEST(a_peer_that_closes_is_told_as_dtls_that_is_closed)
{
    watch_t watch;
    sim_t *sim = open_watched(&watch, (sim_options_t){.seed = 2});
    sim_add_media(sim_peer(sim, 0), true, false);
    CHECK(sim_run(sim, 10 * PEER_SECOND, sim_is_connected));
    size_t told = watch.count[0];
    sim_close(sim_peer(sim, 0));
    CHECK_INT(connection_dtls_state(sim_peer(sim, 0)->connection), DTLS_STATE_CLOSED);
    sim_run(sim, sim_now(sim) + PEER_SECOND, NULL);
    CHECK_INT(watch.count[0], told); /* W3C §4.4.2: who closes is told nothing */
    find(&watch, 1, CONNECTION_EVENT_DTLS_STATE, DTLS_STATE_CLOSED);
    sim_free(sim);
}

static bool has_candidate(const connection_t *connection, bool is_remote, const char *text)
{
    connection_event_t *events[64];
    size_t count = connection_candidates(connection, is_remote, events, 64);
    bool is_found = false;
    for (size_t i = 0; i < count; i++) {
        is_found |= strcmp(events[i]->text, text) == 0;
        connection_event_free(events[i]);
    }
    return is_found;
}

TEST(candidates_parameters_and_the_pair_of_both_sides_are_each_others)
{
    watch_t watch;
    sim_t *sim = open_watched(&watch, (sim_options_t){.seed = 3});
    connection_t *sides[2] = {sim_peer(sim, 0)->connection, sim_peer(sim, 1)->connection};
    for (int i = 0; i < 2; i++) {
        connection_event_t *pair[2];
        CHECK_INT(connection_ice_role(sides[i]), CONNECTION_ICE_UNKNOWN);
        CHECK_INT(connection_candidates(sides[i], false, NULL, 0), 0);
        CHECK(connection_ice_parameters(sides[i], false) == NULL && connection_ice_parameters(sides[i], true) == NULL);
        CHECK(!connection_selected_pair(sides[i], &pair[0], &pair[1]));
    }
    sim_add_media(sim_peer(sim, 0), true, false);
    CHECK(sim_run(sim, 10 * PEER_SECOND, sim_is_connected));
    sim_run(sim, sim_now(sim) + 2 * PEER_SECOND, NULL);
    CHECK_INT(connection_ice_role(sides[0]), CONNECTION_ICE_CONTROLLING);
    CHECK_INT(connection_ice_role(sides[1]), CONNECTION_ICE_CONTROLLED);
    for (int i = 0; i < 2; i++) {
        connection_event_t *events[64], *local, *remote;
        const ice_parameters_t *own = connection_ice_parameters(sides[i], false), *others = connection_ice_parameters(sides[1 - i], true);
        CHECK_TEXT(own->ufrag, others->ufrag);
        CHECK_TEXT(own->password, others->password);
        size_t count = connection_candidates(sides[i], false, events, 64);
        CHECK(count > 0 && count <= 64);
        CHECK_INT(connection_candidates(sides[1 - i], true, NULL, 0), count);
        for (size_t j = 0; j < count; j++) {
            CHECK_TEXT(events[j]->candidate.ufrag, own->ufrag);
            CHECK(has_candidate(sides[1 - i], true, events[j]->text));
            connection_event_free(events[j]);
        }
        CHECK(connection_selected_pair(sides[i], &local, &remote));
        CHECK(has_candidate(sides[i], false, local->text) && has_candidate(sides[1 - i], false, remote->text));
        connection_event_free(local);
        connection_event_free(remote);
    }
    sim_free(sim);
}

TEST(after_a_restart_the_candidates_are_those_of_the_new_generation)
{
    watch_t watch;
    connection_event_t *events[64];
    sim_t *sim = open_watched(&watch, (sim_options_t){.seed = 4});
    connection_t *first = sim_peer(sim, 0)->connection;
    char old[ICE_UFRAG_MAX + 1];
    sim_add_media(sim_peer(sim, 0), true, false);
    CHECK(sim_run(sim, 10 * PEER_SECOND, sim_is_connected));
    snprintf(old, sizeof old, "%s", connection_ice_parameters(first, false)->ufrag);
    CHECK_INT(connection_restart_ice(first, sim_now(sim)), 0);
    sim_run(sim, sim_now(sim) + 5 * PEER_SECOND, NULL);
    CHECK(strcmp(connection_ice_parameters(first, false)->ufrag, old) != 0);
    for (int is_remote = 0; is_remote < 2; is_remote++) {
        size_t count = connection_candidates(first, is_remote != 0, events, 64);
        CHECK(count > 0);
        for (size_t i = 0; i < count; i++) {
            CHECK_TEXT(events[i]->candidate.ufrag, connection_ice_parameters(first, is_remote != 0)->ufrag);
            connection_event_free(events[i]);
        }
    }
    sim_free(sim);
}

/* RFC 9429 §5.7: the description before stands again, and with it what was gathered and told for it. */
TEST(a_restart_that_is_rolled_back_leaves_candidates_gathering_and_ice_as_they_were)
{
    watch_t watch;
    sim_t *sim = open_watched(&watch, (sim_options_t){.seed = 5, .is_disturbed = true}); /* the offer does not get to the other side */
    connection_t *first = sim_peer(sim, 0)->connection;
    connection_sdp_type_t type;
    char *before, *after;
    sim_add_media(sim_peer(sim, 0), true, false);
    CHECK(sim_run(sim, 10 * PEER_SECOND, sim_is_connected));
    sim_run(sim, sim_now(sim) + 2 * PEER_SECOND, NULL);
    CHECK_INT(connection_ice_connection_state(first), ICE_STATE_COMPLETED);
    CHECK_INT(connection_local_description(first, &type, &before), 1);

    char *offer;
    CHECK_INT(connection_create_offer(first, sim_now(sim), &(connection_offer_options_t){true, {-1, -1}}, &offer), 0);
    CHECK_INT(connection_set_local_description(first, sim_now(sim), CONNECTION_OFFER, offer), 0);
    sim_run(sim, sim_now(sim) + 2 * PEER_SECOND, NULL);
    CHECK_INT(connection_ice_gathering_state(first), ICE_GATHERING_COMPLETE);

    watch.count[0] = 0;
    CHECK_INT(connection_set_local_description(first, sim_now(sim), CONNECTION_ROLLBACK, NULL), 0);
    sim_run(sim, sim_now(sim) + 5 * PEER_SECOND, NULL);
    for (size_t i = 0; i < watch.count[0]; i++)
        CHECK(watch.entries[0][i].type != CONNECTION_EVENT_TRANSPORT_GATHERING);
    CHECK_INT(connection_ice_gathering_state(first), ICE_GATHERING_COMPLETE);
    CHECK_INT(connection_ice_connection_state(first), ICE_STATE_COMPLETED);
    CHECK_INT(connection_local_description(first, &type, &after), 1);
    CHECK_TEXT(after, before);
    memory_free(offer);
    memory_free(before);
    memory_free(after);
    sim_free(sim);
}
