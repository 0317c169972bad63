/* What the ICE report concludes: which way a connection takes and why, or what stands in its way and what a user can do about it. It only
 * judges a snapshot; nothing here asks the network. */
#include "api/ice_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

PEER_PRINTF(3, 4) static void find(ice_conclusion_t *conclusion, const char *code, const char *format, ...)
{
    char text[512];
    if (conclusion->count == ICE_FINDINGS_MAX)
        return;
    ice_finding_t *finding = &conclusion->findings[conclusion->count++];
    *finding = (ice_finding_t){.code = code};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    text_add(&finding->text, text);
}

/* ---- what happened ---- */

typedef struct facts {
    const ice_pair_stats_t *selected;
    size_t direct_tried, direct_answered; /* pairs without a relay */
    size_t relayed_tried, relayed_answered;
    uint64_t requests_sent, responses_received, requests_received;
    size_t local_relayed, remote_relayed;
    size_t remote_names;              /* that have no address */
    bool local_has[2], remote_has[2]; /* IPv4, IPv6 */
    bool local_tcp_only, remote_tcp_only;
} facts_t;

static bool is_relayed(const ice_pair_stats_t *pair)
{
    return pair->local->type == ICE_CANDIDATE_RELAYED || pair->remote->type == ICE_CANDIDATE_RELAYED;
}

static void look_at_pair(const ice_pair_stats_t *pair, facts_t *facts)
{
    if (pair->is_selected)
        facts->selected = pair;
    facts->requests_sent += pair->requests_sent;
    facts->responses_received += pair->responses_received;
    facts->requests_received += pair->requests_received;
    size_t *tried = is_relayed(pair) ? &facts->relayed_tried : &facts->direct_tried;
    size_t *answered = is_relayed(pair) ? &facts->relayed_answered : &facts->direct_answered;
    *tried += pair->requests_sent > 0;
    *answered += pair->responses_received > 0;
}

static void look_at_candidates(const ice_candidate_t *const *candidates, size_t count, size_t *relayed, bool has[2], bool *tcp_only)
{
    *tcp_only = count > 0;
    for (size_t i = 0; i < count; i++) {
        *relayed += candidates[i]->type == ICE_CANDIDATE_RELAYED;
        has[0] |= candidates[i]->address.family == ADDRESS_IPV4;
        has[1] |= candidates[i]->address.family == ADDRESS_IPV6;
        *tcp_only &= candidates[i]->protocol == TRANSPORT_TCP;
    }
}

static facts_t look(const ice_report_t *report)
{
    facts_t facts = {0};
    for (size_t i = 0; i < report->pair_count; i++)
        look_at_pair(&report->pairs[i], &facts);
    look_at_candidates(report->locals, report->local_count, &facts.local_relayed, facts.local_has, &facts.local_tcp_only);
    look_at_candidates(report->remotes, report->remote_count, &facts.remote_relayed, facts.remote_has, &facts.remote_tcp_only);
    for (size_t i = 0; i < report->remote_count; i++)
        facts.remote_names += report->remotes[i]->host_name != NULL && report->remotes[i]->address.family == ADDRESS_NONE;
    return facts;
}

/* ---- servers ---- */

static bool is_over_udp(const ice_server_report_t *server)
{
    return server->transport == ICE_SERVER_UDP || server->transport == ICE_SERVER_DTLS;
}

static bool was_asked(const ice_server_report_t *server)
{
    return server->server.family != ADDRESS_NONE && server->local.family != ADDRESS_NONE;
}

/* Nothing at all came back, though it was asked. What fails over DTLS says more: a certificate, or the handshake. */
static bool is_silent(const ice_server_report_t *server)
{
    return server->state == ICE_SERVER_FAILED && server->transport == ICE_SERVER_UDP && was_asked(server) &&
           (server->code == 0 || server->code == 701) && server->responses_received == 0;
}

static const char *fallback(const char *text, const char *otherwise)
{
    return text != NULL && *text != '\0' ? text : otherwise;
}

static void judge_refusal(const ice_server_report_t *server, ice_conclusion_t *conclusion)
{
    const char *url = server->url;
    switch (server->code) {
    case 401:
        if (server->kind == ICE_SERVER_TURN)
            find(conclusion, "wrong-credentials", "The TURN server %s refused the user name or password (401).", url);
        else
            find(conclusion, "server-refused",
                 "The STUN server %s wants a user name and password (401), which only turn: servers are given.", url);
        break;
    case 403:
        find(conclusion, "server-refused", "The server %s does not allow it (403 %s).", url, fallback(server->text, "Forbidden"));
        break;
    case 440:
    case 443:
        find(conclusion, "server-refused", "The server %s has no addresses of the kind that was asked for (%u %s).", url, server->code,
             fallback(server->text, "address family"));
        break;
    case 486:
        find(conclusion, "quota",
             "The TURN server %s gives this user no further allocation (486): other calls of the user have to end first.", url);
        break;
    case 508:
        find(conclusion, "no-capacity", "The TURN server %s has no capacity left (508).", url);
        break;
    default:
        find(conclusion, "server-refused", "The server %s refused: %u %s.", url, server->code, fallback(server->text, ""));
    }
}

static void judge_failure(const ice_server_report_t *server, ice_conclusion_t *conclusion)
{
    if (server->code != 0 && server->code != 701)
        judge_refusal(server, conclusion);
    else if (server->server.family == ADDRESS_NONE)
        find(conclusion, "server-unknown", "The server %s could not be asked: %s", server->url,
             fallback(server->text, "its host name has no address. Is it spelled right, and does DNS work here?"));
    else if (is_silent(server))
        find(conclusion, "server-silent", "The server %s did not answer%s%s", server->url, server->text != NULL ? ": " : ".",
             fallback(server->text, ""));
    else
        find(conclusion, "server-unreachable", "The server %s could not be used: %s", server->url,
             fallback(server->text, "the connection to it failed."));
}

/* One URL has a report for each address of it and of ours. It is judged once, by what it said rather than by where it was silent, and not
 * at all where it served. */
static bool is_to_judge(const ice_report_t *report, size_t index)
{
    const ice_server_report_t *server = &report->servers[index];
    if (server->state != ICE_SERVER_FAILED || ice_report_is_out_of_use(report, server))
        return false;
    for (size_t i = 0; i < report->server_count; i++) {
        const ice_server_report_t *other = &report->servers[i];
        if (i == index || strcmp(other->url, server->url) != 0)
            continue;
        if (other->state == ICE_SERVER_ANSWERED)
            return false;
        if (other->state == ICE_SERVER_FAILED && (is_silent(other) == is_silent(server) ? i < index : is_silent(server)))
            return false;
    }
    return true;
}

static void judge_servers(const ice_report_t *report, ice_conclusion_t *conclusion)
{
    size_t asked_by_udp = 0, silent_by_udp = 0, answered_by_tcp = 0, has_tcp = 0;
    for (size_t i = 0; i < report->server_count; i++) {
        const ice_server_report_t *server = &report->servers[i];
        bool has_answered = server->state == ICE_SERVER_ANSWERED || server->responses_received > 0;
        asked_by_udp += (server->transport == ICE_SERVER_UDP && was_asked(server)) || (is_over_udp(server) && has_answered);
        silent_by_udp += is_silent(server);
        has_tcp += !is_over_udp(server);
        answered_by_tcp += !is_over_udp(server) && has_answered;
    }
    bool is_udp_blocked = asked_by_udp > 0 && silent_by_udp == asked_by_udp;
    if (is_udp_blocked && answered_by_tcp > 0)
        find(conclusion, "udp-blocked", "No server answered over UDP, but one did over TCP: UDP is blocked on this network.");
    else if (is_udp_blocked)
        find(conclusion, "udp-blocked",
             "No server answered over UDP: UDP seems to be blocked on this network, unless host or port is wrong or the server is down%s.",
             has_tcp > 0 ? "" : ". Add a server like turns:HOST:443?transport=tcp, which most firewalls let through");
    for (size_t i = 0; i < report->server_count; i++)
        if (is_to_judge(report, i) && !(is_udp_blocked && is_silent(&report->servers[i])))
            judge_failure(&report->servers[i], conclusion);
}

static bool is_pending(const ice_server_report_t *server)
{
    bool is_looked_up = server->state == ICE_SERVER_WAITING && server->server.family == ADDRESS_NONE;
    return is_looked_up || server->state == ICE_SERVER_CONNECTING || server->state == ICE_SERVER_ASKED;
}

/* A server that may still answer, of interest while there is no way; once for a URL, and not where that has served. */
static bool is_awaited(const ice_report_t *report, size_t index)
{
    const ice_server_report_t *server = &report->servers[index];
    if (!is_pending(server) || ice_report_is_out_of_use(report, server) || report->gathering_state == ICE_GATHERING_NEW)
        return false;
    for (size_t i = 0; i < report->server_count; i++) {
        const ice_server_report_t *other = &report->servers[i];
        if (strcmp(other->url, server->url) == 0 && (other->state == ICE_SERVER_ANSWERED || (i < index && is_pending(other))))
            return false;
    }
    return true;
}

static void judge_awaited(const ice_report_t *report, ice_conclusion_t *conclusion)
{
    for (size_t i = 0; i < report->server_count; i++) {
        const ice_server_report_t *server = &report->servers[i];
        if (!is_awaited(report, i))
            continue;
        if (server->state == ICE_SERVER_WAITING)
            find(conclusion, "server-pending",
                 "The host name of the server %s is still looked up. Is it spelled right, and does DNS work here?", server->url);
        else if (server->state == ICE_SERVER_CONNECTING)
            find(conclusion, "server-pending", "The server %s has not taken the connection yet. Are host and port right, and is it up?",
                 server->url);
        else
            find(conclusion, "server-pending",
                 "The server %s has not answered yet, to %llu request%s. Are host and port right, and is it up?", server->url,
                 (unsigned long long)server->requests_sent, server->requests_sent == 1 ? "" : "s");
    }
}

/* Two servers saw one of our sockets at different addresses: the NAT maps by destination (RFC 4787 §4.1). */
static bool is_mapped_by_destination(const ice_report_t *report)
{
    for (size_t i = 0; i < report->server_count; i++)
        for (size_t j = i + 1; j < report->server_count; j++) {
            const ice_server_report_t *a = &report->servers[i], *b = &report->servers[j];
            if (is_over_udp(a) && is_over_udp(b) && a->mapped.family != ADDRESS_NONE && a->mapped.family == b->mapped.family &&
                address_equal(&a->local, &b->local) && !address_equal(&a->server, &b->server) && !address_equal(&a->mapped, &b->mapped))
                return true;
        }
    return false;
}

/* ---- connected ---- */

static bool is_near(const ice_candidate_t *candidate)
{
    const address_t *address = &candidate->address;
    return address_is_private(address) || address_is_link_local(address) || address_is_loopback(address);
}

/* A peer-reflexive candidate at a private address is a host's that a check told before signaling did. */
static bool is_own_address(const ice_candidate_t *candidate)
{
    return candidate->type == ICE_CANDIDATE_HOST || (candidate->type == ICE_CANDIDATE_PEER_REFLEXIVE && is_near(candidate));
}

static void why_not_directly(const ice_report_t *report, const facts_t *facts, text_t *text)
{
    if (report->is_relay_only)
        text_add(text, " Only relayed candidates are allowed here.");
    else if (facts->direct_tried > 0 && facts->direct_answered == 0)
        text_addf(text, " Directly it does not go: %zu %s tried, and none was answered. A NAT or firewall lies between.",
                  facts->direct_tried, facts->direct_tried == 1 ? "pair was" : "pairs were");
    else if (facts->direct_tried == 0)
        text_add(text, " No pair of direct addresses could be tried.");
    else
        text_add(text, " A direct pair was answered too, but the relayed one was chosen.");
    if (!report->is_relay_only && is_mapped_by_destination(report))
        text_add(text, " This side's NAT gives every destination another port.");
}

static void conclude_connected(const ice_report_t *report, const facts_t *facts, ice_conclusion_t *conclusion)
{
    const ice_candidate_t *local = facts->selected->local, *remote = facts->selected->remote;
    text_t *text = &conclusion->text;
    if (local->type == ICE_CANDIDATE_RELAYED) {
        conclusion->verdict = "connected-through-relay";
        text_addf(text, "The call goes through the relay %s, reached over %s.", fallback(local->url, "of this side"),
                  ice_server_transport_name((ice_server_transport_t)local->relay_protocol));
        why_not_directly(report, facts, text);
    } else if (remote->type == ICE_CANDIDATE_RELAYED) {
        conclusion->verdict = "connected-through-relay";
        text_add(text, "The call goes through a relay of the peer.");
        why_not_directly(report, facts, text);
    } else if (is_own_address(local) && is_own_address(remote)) {
        conclusion->verdict = "connected-direct";
        text_addf(text, "The call goes directly, %s.",
                  address_ip_equal(&local->address, &remote->address) ? "within this host"
                  : is_near(local) || is_near(remote)                 ? "on one network"
                                                                      : "between addresses that no NAT hides");
    } else {
        conclusion->verdict = "connected-through-nat";
        text_addf(text, "The call goes directly, through %s.",
                  is_own_address(remote)  ? "the NAT of this side"
                  : is_own_address(local) ? "the NAT of the peer's side"
                                          : "the NATs of both sides");
    }
    if (local->type != ICE_CANDIDATE_RELAYED && local->protocol == TRANSPORT_TCP)
        text_add(text, " It goes over TCP, as no pair over UDP was better.");
    if (facts->selected->responses_received > 0)
        text_addf(text, " The round trip takes %.1f ms.", (double)facts->selected->current_round_trip_time / 1e3);
}

/* ---- not connected ---- */

/* Whether it may still come. */
static const char *not_yet(const ice_report_t *report, const char *never, const char *yet)
{
    return report->state == ICE_STATE_FAILED || report->state == ICE_STATE_CLOSED ? never : yet;
}

static bool has_turn_server(const ice_report_t *report)
{
    for (size_t i = 0; i < report->server_count; i++)
        if (report->servers[i].kind == ICE_SERVER_TURN)
            return true;
    return false;
}

static void judge_own_candidates(const ice_report_t *report, ice_conclusion_t *conclusion)
{
    if (report->gathering_state != ICE_GATHERING_COMPLETE || report->local_count > 0)
        return;
    if (!report->is_relay_only)
        find(conclusion, "no-local-candidates", "This host has no address that may be used. Is it connected to a network?");
    else if (has_turn_server(report))
        find(conclusion, "no-local-candidates", "Only relayed candidates are allowed here, and no TURN server has given one.");
    else
        find(conclusion, "no-local-candidates", "Only relayed candidates are allowed here, and no TURN server is configured.");
}

static void judge_peers_candidates(const ice_report_t *report, const facts_t *facts, ice_conclusion_t *conclusion)
{
    if (report->remote_count == 0)
        find(conclusion, "no-remote-candidates", "The peer's candidates %s: signaling did not bring them, or the peer has none to show.",
             not_yet(report, "never came", "have not come yet"));
    if (facts->remote_names > 0)
        find(conclusion, "unknown-names",
             "%zu of the peer's %zu candidates %s a name that only its own network knows, and it is not known here: the peer is on another "
             "network, or multicast DNS is blocked.",
             facts->remote_names, report->remote_count, facts->remote_names == 1 ? "is" : "are");
}

static const char *families(const bool has[2], bool is_tcp_only)
{
    if (is_tcp_only)
        return "TCP only";
    return has[0] && has[1] ? "IPv4 and IPv6" : has[0] ? "IPv4 only" : has[1] ? "IPv6 only" : "no address yet";
}

static void judge_answers(const ice_report_t *report, const facts_t *facts, ice_conclusion_t *conclusion)
{
    size_t tried = facts->direct_tried + facts->relayed_tried;
    if (facts->responses_received > 0) {
        if (!report->is_controlling)
            find(conclusion, "not-nominated", "The peer answers, but it has not nominated a pair.");
        return;
    }
    if (report->drops.wrong_integrity + report->drops.wrong_username > 0)
        find(conclusion, "wrong-description",
             "Checks came with a wrong user name or password: one side works with an old description of the other, or they come from a "
             "stranger.");
    if (tried == 0)
        return;
    if (facts->requests_received > 0)
        find(conclusion, "one-way",
             "The peer's checks arrive here, but nothing that is sent from here is answered: a firewall lets through one direction only.");
    else
        find(conclusion, "no-answer", "The peer %s: %zu %s tried, with %llu request%s.",
             not_yet(report, "never answered", "has not answered yet"), tried, tried == 1 ? "pair was" : "pairs were",
             (unsigned long long)facts->requests_sent, facts->requests_sent == 1 ? "" : "s");
}

static void judge_relays(const ice_report_t *report, const facts_t *facts, ice_conclusion_t *conclusion)
{
    bool by_destination = is_mapped_by_destination(report);
    if (facts->local_relayed + facts->remote_relayed > 0) {
        if (facts->relayed_tried > 0 && facts->relayed_answered == 0)
            find(
                conclusion, "relay-unanswered",
                "The pairs through a relay were not answered either: the relay and the peer cannot reach each other, or the peer is gone.");
        return;
    }
    find(conclusion, "no-relay", "Neither side has a relayed candidate%s: %s",
         by_destination ? ", and this side's NAT gives every destination another port" : "",
         has_turn_server(report) ? "a TURN server that serves is needed."
                                 : "a TURN server is needed. Add one, as turn:HOST or turns:HOST.");
}

static void judge_obstacles(const ice_report_t *report, const facts_t *facts, ice_conclusion_t *conclusion)
{
    if (!report->has_local_description)
        find(conclusion, "no-local-description", "No description of this side was set.");
    if (!report->has_remote_description)
        find(conclusion, "no-remote-description", "The peer's description %s: signaling did not bring it, or it was not set.",
             not_yet(report, "never came", "has not come yet"));
    judge_own_candidates(report, conclusion);
    if (!report->has_local_description || !report->has_remote_description)
        return;
    judge_peers_candidates(report, facts, conclusion);
    if (report->pair_count == 0 && report->local_count > 0 && report->remote_count > facts->remote_names)
        find(conclusion, "no-common-addresses",
             "No address of this side fits one of the peer's: here there is %s, there %s. A TURN server that has both gives a way.",
             families(facts->local_has, facts->local_tcp_only), families(facts->remote_has, facts->remote_tcp_only));
    judge_answers(report, facts, conclusion);
    bool is_without_relay = report->is_relay_only && report->local_count == 0; /* has been said */
    if (report->remote_count > 0 && facts->responses_received == 0 && report->gathering_state == ICE_GATHERING_COMPLETE &&
        !is_without_relay)
        judge_relays(report, facts, conclusion);
}

static void conclude_interrupted(const ice_report_t *report, const facts_t *facts, ice_conclusion_t *conclusion)
{
    peer_time_t heard = 0;
    for (size_t i = 0; i < report->pair_count; i++)
        if (report->pairs[i].last_packet_received > heard)
            heard = report->pairs[i].last_packet_received;
    text_addf(&conclusion->text, "The way to the peer %s.", report->state == ICE_STATE_FAILED ? "was lost" : "is interrupted");
    if (heard > 0 && report->now > heard)
        find(conclusion, "lost",
             "Nothing has come from the peer for %.1f s: it is gone, or a network on the way changed. An ICE restart looks "
             "for a new way.",
             (double)(report->now - heard) / 1e6);
    else
        find(conclusion, "lost",
             "The peer no longer answers: it is gone, or a network on the way changed. An ICE restart looks for a new way.");
    if (facts->local_relayed + facts->remote_relayed == 0)
        judge_relays(report, facts, conclusion);
}

static void conclude_unconnected(const ice_report_t *report, const facts_t *facts, ice_conclusion_t *conclusion)
{
    bool was_connected = facts->responses_received > 0;
    switch (report->state) {
    case ICE_STATE_FAILED:
        conclusion->verdict = "failed";
        if (was_connected) {
            conclude_interrupted(report, facts, conclusion);
            return;
        }
        text_add(&conclusion->text, "No way to the peer was found.");
        break;
    case ICE_STATE_DISCONNECTED:
        conclusion->verdict = "interrupted";
        conclude_interrupted(report, facts, conclusion);
        return;
    case ICE_STATE_CLOSED:
        conclusion->verdict = "closed";
        text_addf(&conclusion->text, "The connection was closed%s.", was_connected ? "" : " before a way to the peer was found");
        if (was_connected)
            return;
        break;
    default:
        conclusion->verdict = report->has_local_description || report->has_remote_description ? "connecting" : "new";
        text_add(&conclusion->text, "No way to the peer has been found yet.");
    }
    judge_obstacles(report, facts, conclusion);
}

void ice_conclude(const ice_report_t *report, ice_conclusion_t *conclusion)
{
    facts_t facts = look(report);
    *conclusion = (ice_conclusion_t){0};
    bool is_connected = (report->state == ICE_STATE_CONNECTED || report->state == ICE_STATE_COMPLETED) && facts.selected != NULL;
    if (is_connected)
        conclude_connected(report, &facts, conclusion);
    else
        conclude_unconnected(report, &facts, conclusion);
    if (report->has_dtls_failed) {
        conclusion->verdict = "failed";
        find(conclusion, "dtls-failed",
             "The DTLS handshake failed: the peer's certificate is not the one that its description names, or the peer gave up.");
    }
    judge_servers(report, conclusion);
    if (!is_connected)
        judge_awaited(report, conclusion);
}

void ice_conclusion_clear(ice_conclusion_t *conclusion)
{
    text_clear(&conclusion->text);
    for (size_t i = 0; i < conclusion->count; i++)
        text_clear(&conclusion->findings[i].text);
    conclusion->count = 0;
}
