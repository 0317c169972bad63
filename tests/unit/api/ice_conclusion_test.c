/* What is concluded from what servers said and which pairs were tried. */
#include "api/ice_report.h"

#include "base/memory.h"
#include "test.h"

#include <stdio.h>

#define LOCAL_HOST_PORT 5000

static const ice_candidate_t *no_candidates[1];

static ice_candidate_t candidate(ice_candidate_type_t type, const char *ip, uint16_t port)
{
    ice_candidate_t made = {.type = (uint8_t)type};
    CHECK(address_parse(&made.address, ip, port));
    return made;
}

static ice_server_report_t server(const char *url, ice_server_kind_t kind, ice_server_transport_t transport, ice_server_state_t state,
                                  uint16_t code)
{
    return (ice_server_report_t){.url = url,
                                 .kind = kind,
                                 .transport = transport,
                                 .server = address_ipv4(198, 51, 100, 1, 3478),
                                 .local = address_ipv4(10, 0, 0, 1, LOCAL_HOST_PORT),
                                 .state = state,
                                 .code = code};
}

static ice_pair_stats_t pair(const ice_candidate_t *local, const ice_candidate_t *remote, uint64_t sent, uint64_t answered)
{
    return (ice_pair_stats_t){.local = local,
                              .remote = remote,
                              .requests_sent = sent,
                              .responses_received = answered,
                              .current_round_trip_time = 12 * PEER_MILLISECOND};
}

/* The verdict, and every code in `codes` (separated by spaces) and no other. */
static void check(const ice_report_t *report, const char *verdict, const char *codes, const char *words)
{
    ice_conclusion_t conclusion;
    char found[512] = "", all[4096] = "";
    ice_conclude(report, &conclusion);
    snprintf(all, sizeof all, "%s", conclusion.text.data);
    for (size_t i = 0; i < conclusion.count; i++) {
        size_t length = strlen(found), all_length = strlen(all);
        snprintf(found + length, sizeof found - length, "%s%s", length > 0 ? " " : "", conclusion.findings[i].code);
        snprintf(all + all_length, sizeof all - all_length, " %s", conclusion.findings[i].text.data);
    }
    if (strcmp(conclusion.verdict, verdict) != 0 || strcmp(found, codes) != 0 || strstr(all, words) == NULL)
        test_fail(__FILE__, __LINE__, "expected %s [%s] \"%s\", got %s [%s] %s", verdict, codes, words, conclusion.verdict, found, all);
    ice_conclusion_clear(&conclusion);
}

/* A connected call over `local` and `remote`. */
static void check_connected(ice_candidate_t local, ice_candidate_t remote, const char *verdict, const char *words)
{
    ice_pair_stats_t pairs[1] = {pair(&local, &remote, 3, 3)};
    pairs[0].is_selected = true;
    ice_report_t report = {.state = ICE_STATE_CONNECTED, .pairs = pairs, .pair_count = 1};
    check(&report, verdict, "", words);
    check(&report, verdict, "", "12.0 ms");
}

TEST(the_way_of_a_call_is_told_by_its_candidates)
{
    const ice_candidate_type_t host = ICE_CANDIDATE_HOST, srflx = ICE_CANDIDATE_SERVER_REFLEXIVE, prflx = ICE_CANDIDATE_PEER_REFLEXIVE;
    check_connected(candidate(host, "10.0.0.1", 1), candidate(host, "10.0.0.2", 2), "connected-direct", "on one network");
    check_connected(candidate(host, "10.0.0.1", 1), candidate(prflx, "10.0.0.2", 2), "connected-direct", "on one network");
    check_connected(candidate(host, "10.0.0.1", 1), candidate(host, "10.0.0.1", 2), "connected-direct", "within this host");
    check_connected(candidate(host, "2001:db8::1", 1), candidate(host, "2001:db8::2", 2), "connected-direct", "no NAT");
    check_connected(candidate(srflx, "203.0.113.1", 1), candidate(host, "198.51.100.7", 2), "connected-through-nat", "NAT of this side");
    check_connected(candidate(host, "198.51.100.7", 1), candidate(prflx, "203.0.113.1", 2), "connected-through-nat", "the peer's side");
    check_connected(candidate(prflx, "203.0.113.1", 1), candidate(srflx, "203.0.113.2", 2), "connected-through-nat", "both sides");
}

TEST(a_relay_is_told_with_the_reason_for_it)
{
    ice_candidate_t host = candidate(ICE_CANDIDATE_HOST, "10.0.0.1", 1), peer = candidate(ICE_CANDIDATE_SERVER_REFLEXIVE, "203.0.113.1", 2);
    ice_candidate_t relayed = candidate(ICE_CANDIDATE_RELAYED, "198.51.100.9", 3);
    relayed.url = "turns:relay.example";
    relayed.relay_protocol = ICE_SERVER_TLS;
    ice_pair_stats_t pairs[] = {pair(&relayed, &peer, 2, 2), pair(&host, &peer, 9, 0)};
    pairs[0].is_selected = true;
    ice_report_t report = {.state = ICE_STATE_COMPLETED, .pairs = pairs, .pair_count = 2};
    check(&report, "connected-through-relay", "", "through the relay turns:relay.example, reached over tls");
    check(&report, "connected-through-relay", "", "1 pair was tried, and none was answered");
    report.pair_count = 1;
    check(&report, "connected-through-relay", "", "No pair of direct addresses");
    report.is_relay_only = true;
    check(&report, "connected-through-relay", "", "Only relayed candidates are allowed");
    report.is_relay_only = false;
    report.pair_count = 2;
    ice_server_report_t servers[] = {server("stun:a", ICE_SERVER_STUN, ICE_SERVER_UDP, ICE_SERVER_ANSWERED, 0),
                                     server("stun:b", ICE_SERVER_STUN, ICE_SERVER_UDP, ICE_SERVER_ANSWERED, 0)};
    servers[0].mapped = address_ipv4(203, 0, 113, 5, 1000);
    servers[1].mapped = address_ipv4(203, 0, 113, 5, 1001);
    servers[1].server = address_ipv4(198, 51, 100, 2, 3478);
    report.servers = servers;
    report.server_count = 2;
    check(&report, "connected-through-relay", "", "every destination another port");
    pairs[0].local = &host;
    pairs[0].remote = &relayed;
    check(&report, "connected-through-relay", "", "a relay of the peer");
}

/* A failed call in which one pair was tried, and these servers were asked. */
static void check_servers(ice_server_report_t *servers, size_t count, const char *codes, const char *words)
{
    ice_candidate_t host = candidate(ICE_CANDIDATE_HOST, "10.0.0.1", LOCAL_HOST_PORT), peer = candidate(ICE_CANDIDATE_HOST, "10.9.0.1", 2);
    const ice_candidate_t *locals[] = {&host}, *remotes[] = {&peer};
    ice_pair_stats_t pairs[] = {pair(&host, &peer, 7, 0)};
    ice_report_t report = {.state = ICE_STATE_FAILED,
                           .gathering_state = ICE_GATHERING_COMPLETE,
                           .has_local_description = true,
                           .has_remote_description = true,
                           .locals = locals,
                           .local_count = 1,
                           .remotes = remotes,
                           .remote_count = 1,
                           .servers = servers,
                           .server_count = count,
                           .pairs = pairs,
                           .pair_count = 1};
    check(&report, "failed", codes, words);
}

TEST(what_servers_say_becomes_advice)
{
    ice_server_report_t one[1];
    check_servers(NULL, 0, "no-answer no-relay", "never answered: 1 pair was tried, with 7 requests.");
    one[0] = server("turn:a", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 401);
    check_servers(one, 1, "no-answer no-relay wrong-credentials", "turn:a refused the user name or password (401)");
    one[0] = server("turn:a", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 486);
    check_servers(one, 1, "no-answer no-relay quota", "turn:a");
    one[0] = server("turn:a", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 508);
    check_servers(one, 1, "no-answer no-relay no-capacity", "turn:a");
    one[0] = server("turn:a", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 403);
    one[0].text = "Forbidden IP";
    check_servers(one, 1, "no-answer no-relay server-refused", "403 Forbidden IP");
    one[0] = server("turns:a", ICE_SERVER_TURN, ICE_SERVER_TLS, ICE_SERVER_FAILED, 701);
    one[0].text = "The certificate is not trusted: self-signed certificate";
    check_servers(one, 1, "no-answer no-relay server-unreachable",
                  "turns:a could not be used: The certificate is not trusted: self-signed");
    one[0] = server("turns:a?transport=udp", ICE_SERVER_TURN, ICE_SERVER_DTLS, ICE_SERVER_FAILED, 701);
    one[0].text = "The certificate is not trusted: expired";
    check_servers(one, 1, "no-answer no-relay server-unreachable", "could not be used: The certificate is not trusted: expired");
    one[0] = server("stun:nowhere.example", ICE_SERVER_STUN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 701);
    one[0].server = (address_t){0};
    check_servers(one, 1, "no-answer no-relay server-unknown", "its host name has no address");
}

TEST(udp_is_blocked_when_all_are_silent_and_surely_so_when_tcp_is_not)
{
    ice_server_report_t servers[] = {server("stun:a", ICE_SERVER_STUN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 701),
                                     server("turn:b", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 701),
                                     server("turns:c", ICE_SERVER_TURN, ICE_SERVER_TLS, ICE_SERVER_ANSWERED, 0)};
    check_servers(servers, 2, "no-answer no-relay udp-blocked", "Add a server like turns:HOST:443?transport=tcp");
    check_servers(servers, 3, "no-answer no-relay udp-blocked", "UDP is blocked on this network");
    servers[1].state = ICE_SERVER_ANSWERED;
    check_servers(servers, 2, "no-answer no-relay server-silent", "stun:a did not answer");
}

TEST(a_server_with_several_addresses_is_judged_once_and_not_where_it_served)
{
    ice_server_report_t servers[] = {server("turn:a", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 701),
                                     server("turn:a", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 401),
                                     server("turn:a", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 401)};
    servers[1].responses_received = servers[2].responses_received = 2;
    check_servers(servers, 3, "no-answer no-relay wrong-credentials", "401");
    servers[2].state = ICE_SERVER_ANSWERED;
    servers[2].code = 0;
    check_servers(servers, 3, "no-answer no-relay", "");
}

TEST(relays_only_asks_no_stun_server_and_says_once_that_there_is_no_relay)
{
    ice_candidate_t peer = candidate(ICE_CANDIDATE_HOST, "203.0.113.1", 2);
    const ice_candidate_t *remotes[] = {&peer};
    ice_server_report_t servers[] = {server("stun:a", ICE_SERVER_STUN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 701),
                                     server("turn:b", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 401)};
    servers[0].local = (address_t){0};
    ice_report_t report = {.state = ICE_STATE_FAILED,
                           .gathering_state = ICE_GATHERING_COMPLETE,
                           .is_relay_only = true,
                           .has_local_description = true,
                           .has_remote_description = true,
                           .locals = no_candidates,
                           .remotes = remotes,
                           .remote_count = 1,
                           .servers = servers,
                           .server_count = 1};
    check(&report, "failed", "no-local-candidates", "no TURN server is configured");
    report.server_count = 2;
    check(&report, "failed", "no-local-candidates wrong-credentials", "no TURN server has given one");
}

TEST(what_did_not_come_is_named)
{
    ice_candidate_t v4 = candidate(ICE_CANDIDATE_HOST, "10.0.0.1", 1), v6 = candidate(ICE_CANDIDATE_HOST, "2001:db8::1", 2);
    ice_candidate_t named = {.host_name = "4f1c.local"};
    const ice_candidate_t *locals[] = {&v4}, *others[] = {&v6}, *names[] = {&named};
    ice_report_t report = {.locals = no_candidates, .remotes = no_candidates};
    check(&report, "new", "no-local-description no-remote-description", "has not come yet");
    report.has_local_description = true;
    check(&report, "connecting", "no-remote-description", "has not come yet");
    report.state = ICE_STATE_FAILED;
    check(&report, "failed", "no-remote-description", "never came");
    report.has_remote_description = true;
    check(&report, "failed", "no-remote-candidates", "candidates never came");
    report.gathering_state = ICE_GATHERING_COMPLETE;
    check(&report, "failed", "no-local-candidates no-remote-candidates", "connected to a network?");
    report.locals = locals;
    report.local_count = 1;
    report.remotes = others;
    report.remote_count = 1;
    check(&report, "failed", "no-common-addresses no-relay", "here there is IPv4 only, there IPv6 only");
    report.remotes = names;
    check(&report, "failed", "unknown-names no-relay", "1 of the peer's 1 candidates");
}

TEST(a_handshake_that_failed_makes_a_path_of_no_use)
{
    ice_candidate_t local = candidate(ICE_CANDIDATE_HOST, "10.0.0.1", 1), remote = candidate(ICE_CANDIDATE_HOST, "10.0.0.2", 2);
    ice_pair_stats_t pairs[] = {pair(&local, &remote, 1, 1)};
    pairs[0].is_selected = true;
    ice_report_t report = {.state = ICE_STATE_CONNECTED, .has_dtls_failed = true, .pairs = pairs, .pair_count = 1};
    check(&report, "failed", "dtls-failed", "certificate");
}

TEST(servers_that_may_still_answer_are_named_while_there_is_no_way)
{
    ice_server_report_t servers[] = {server("turn:a", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_ASKED, 0),
                                     server("turn:a", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_ASKED, 0),
                                     server("turns:b", ICE_SERVER_TURN, ICE_SERVER_TLS, ICE_SERVER_CONNECTING, 0)};
    servers[0].requests_sent = 3;
    ice_report_t report = {.state = ICE_STATE_CHECKING,
                           .gathering_state = ICE_GATHERING_GATHERING,
                           .is_relay_only = true,
                           .has_local_description = true,
                           .locals = no_candidates,
                           .remotes = no_candidates,
                           .servers = servers,
                           .server_count = 2};
    check(&report, "connecting", "no-remote-description server-pending", "turn:a has not answered yet, to 3 requests.");
    report.server_count = 3;
    check(&report, "connecting", "no-remote-description server-pending server-pending", "turns:b has not taken the connection yet.");
    servers[1].state = ICE_SERVER_ANSWERED;
    report.server_count = 2;
    check(&report, "connecting", "no-remote-description", "");
    servers[0] = server("turn:c", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_WAITING, 0);
    check(&report, "connecting", "no-remote-description", "");
    servers[0].server = (address_t){0};
    check(&report, "connecting", "no-remote-description server-pending", "The host name of the server turn:c is still looked up.");
    servers[0] = server("stun:d", ICE_SERVER_STUN, ICE_SERVER_UDP, ICE_SERVER_ASKED, 0); /* which relays only have no use for */
    check(&report, "connecting", "no-remote-description", "");
}

TEST(control_characters_of_a_server_do_not_reach_a_terminal)
{
    ice_server_report_t servers[] = {server("turn:a", ICE_SERVER_TURN, ICE_SERVER_UDP, ICE_SERVER_FAILED, 400)};
    servers[0].text = "\x1b[2Jgone";
    ice_report_t report = {.state = ICE_STATE_FAILED, .servers = servers, .server_count = 1};
    ice_conclusion_t conclusion;
    ice_conclude(&report, &conclusion);
    char *text = ice_report_text(&report, &conclusion);
    CHECK(text != NULL && strstr(text, "?[2Jgone") != NULL && strchr(text, '\x1b') == NULL);
    memory_free(text);
    ice_conclusion_clear(&conclusion);
}
