/* What the ICE report says of calls that went well, and of those that did not. */
#include "api/ice_report.h"
#include "sim.h"

#include "base/memory.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static void check_report(sim_t *sim, int index, const char *verdict, const char *code)
{
    ice_report_t report;
    ice_conclusion_t conclusion;
    CHECK(ice_report_collect(sim_peer(sim, index)->connection, sim_now(sim), &report));
    ice_conclude(&report, &conclusion);
    char *text = ice_report_text(&report, &conclusion), *json = ice_report_json(&report, &conclusion);
    CHECK(text != NULL && json != NULL);
    bool is_found = code == NULL && conclusion.count == 0;
    for (size_t i = 0; code != NULL && i < conclusion.count; i++) {
        is_found |= strcmp(conclusion.findings[i].code, code) == 0;
        CHECK(strstr(text, conclusion.findings[i].text.data) != NULL);
    }
    if (strcmp(conclusion.verdict, verdict) != 0 || !is_found)
        test_fail(__FILE__, __LINE__, "%s and %s are expected of:\n%s", verdict, code != NULL ? code : "no finding", text);
    CHECK(strstr(text, conclusion.text.data) != NULL);
    char member[64];
    snprintf(member, sizeof member, "\"verdict\":\"%s\"", verdict);
    CHECK(strstr(json, member) != NULL);
    memory_free(text);
    free(json);
    ice_conclusion_clear(&conclusion);
    ice_report_clear(&report);
}

static bool has_ice_state(sim_t *sim, int32_t state)
{
    return sim_peer(sim, 0)->ice_state == state && sim_peer(sim, 1)->ice_state == state;
}

static bool have_both_failed(sim_t *sim)
{
    return has_ice_state(sim, ICE_STATE_FAILED);
}

static bool is_one_disconnected(sim_t *sim)
{
    return sim_peer(sim, 0)->ice_state == ICE_STATE_DISCONNECTED;
}

static bool drop_all(void *mangler, packet_t *packet)
{
    return false;
}

static bool drop_from_first(void *mangler, packet_t *packet)
{
    const sim_peer_t *first = mangler;
    address_t address = sim_address(first);
    return !address_equal(&packet->path.local, &address);
}

TEST(a_direct_call_is_told_as_one_and_nothing_is_found_wanting)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 1, .link = {.delay_us = 10000}, .signaling_delay_us = 5000});
    check_report(sim, 0, "new", "no-local-description");
    sim_add_data(sim_peer(sim, 0), false, 1, 0);
    CHECK(sim_run(sim, 10 * PEER_SECOND, sim_is_connected));
    for (int i = 0; i < 2; i++)
        check_report(sim, i, "connected-direct", NULL);
    sim_close(sim_peer(sim, 0));
    check_report(sim, 0, "closed", NULL);
    sim_free(sim);
}

TEST(a_peer_that_cannot_be_reached_is_told_as_one_and_a_relay_is_advised)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 1, .link = {.delay_us = 10000}, .signaling_delay_us = 5000});
    network_set_mangle(sim_network(sim), drop_all, NULL);
    sim_add_data(sim_peer(sim, 0), false, 1, 0);
    sim_run(sim, 3 * PEER_SECOND, NULL);
    check_report(sim, 0, "connecting", "no-answer");
    CHECK(sim_run(sim, 100 * PEER_SECOND, have_both_failed));
    for (int i = 0; i < 2; i++) {
        check_report(sim, i, "failed", "no-answer");
        check_report(sim, i, "failed", "no-relay");
    }
    sim_free(sim);
}

TEST(a_way_that_is_open_in_one_direction_only_is_told_as_one)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 1, .link = {.delay_us = 10000}, .signaling_delay_us = 5000});
    network_set_mangle(sim_network(sim), drop_from_first, sim_peer(sim, 0));
    sim_add_data(sim_peer(sim, 0), false, 1, 0);
    CHECK(sim_run(sim, 100 * PEER_SECOND, have_both_failed));
    check_report(sim, 0, "failed", "one-way");
    check_report(sim, 1, "failed", "no-answer");
    sim_free(sim);
}

TEST(a_server_that_is_silent_is_told_as_udp_that_is_blocked_and_the_call_connects)
{
    static const ice_server_t server = {.url = "stun:198.51.100.1", .host = "198.51.100.1", .port = 3478};
    sim_t *sim = sim_new(&(sim_options_t){.seed = 1, .signaling_delay_us = 5000, .peers = {{&server, 1}, {&server, 1}}});
    sim_add_data(sim_peer(sim, 0), false, 1, 0);
    CHECK(sim_run(sim, 10 * PEER_SECOND, sim_is_connected));
    sim_run(sim, 20 * PEER_SECOND, NULL);
    check_report(sim, 0, "connected-direct", "udp-blocked");
    sim_free(sim);
}

TEST(a_wrong_password_is_told_from_silence)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 1, .signaling_delay_us = 5000, .wrong_password = {true, true}});
    sim_add_data(sim_peer(sim, 0), false, 1, 0);
    CHECK(sim_run(sim, 100 * PEER_SECOND, have_both_failed));
    check_report(sim, 0, "failed", "wrong-description");
    sim_free(sim);
}

TEST(relays_only_without_a_relay_is_told)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 1, .signaling_delay_us = 5000, .peers = {{.policy = ICE_POLICY_RELAY}}});
    sim_add_data(sim_peer(sim, 0), false, 1, 0);
    CHECK(sim_run(sim, 100 * PEER_SECOND, have_both_failed));
    check_report(sim, 0, "failed", "no-local-candidates");
    check_report(sim, 1, "failed", "no-remote-candidates");
    sim_free(sim);
}

TEST(a_call_that_is_cut_is_told_as_interrupted_and_then_as_failed)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 1, .link = {.delay_us = 10000}, .signaling_delay_us = 5000});
    sim_add_data(sim_peer(sim, 0), false, 1, 0);
    CHECK(sim_run(sim, 10 * PEER_SECOND, sim_is_connected));
    network_set_mangle(sim_network(sim), drop_all, NULL);
    CHECK(sim_run(sim, 60 * PEER_SECOND, is_one_disconnected));
    check_report(sim, 0, "interrupted", "lost");
    CHECK(sim_run(sim, 200 * PEER_SECOND, have_both_failed));
    check_report(sim, 0, "failed", "lost");
    sim_free(sim);
}
