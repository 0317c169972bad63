/* The ICE report in words. */
#include "api/ice_report.h"

/* What came over the network may hold anything: control characters would reach a terminal. */
static void tame(text_t *text, size_t from)
{
    for (size_t i = from; i < text->length; i++)
        if ((unsigned char)text->data[i] < ' ' || text->data[i] == 0x7f)
            text->data[i] = '?';
}

static void add_foreign(text_t *text, const char *string)
{
    size_t from = text->length;
    text_add(text, string);
    tame(text, from);
}

static void add_candidate_address(const ice_candidate_t *candidate, text_t *text)
{
    size_t from = text->length;
    ice_report_address(candidate, text);
    tame(text, from);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void write_conclusion(const ice_conclusion_t *conclusion, text_t *text)
{
    add_foreign(text, conclusion->text.data != NULL ? conclusion->text.data : "");
    text_add(text, "\n");
    for (size_t i = 0; i < conclusion->count; i++) {
        text_add(text, "- ");
        add_foreign(text, conclusion->findings[i].text.data != NULL ? conclusion->findings[i].text.data : "");
        text_add(text, "\n");
    }
}

static void write_candidate(const ice_candidate_t *candidate, bool is_remote, text_t *text)
{
    char address[ADDRESS_TEXT_SIZE];
    const char *tcp_type = ice_tcp_type_name((ice_tcp_type_t)candidate->tcp_type);
    text_addf(text, "  %-5s %s ", ice_candidate_type_name((ice_candidate_type_t)candidate->type),
              candidate->protocol == TRANSPORT_TCP ? "tcp" : "udp");
    add_candidate_address(candidate, text);
    if (*tcp_type != '\0')
        text_addf(text, " %s", tcp_type);
    if (candidate->host_name != NULL)
        text_addf(text, " = %s",
                  candidate->address.family != ADDRESS_NONE ? address_ip_text(&candidate->address, address) : "not known here");
    if (candidate->related.family != ADDRESS_NONE && !address_is_any(&candidate->related)) /* that one is hidden */
        text_addf(text, " of %s", address_text(&candidate->related, address));
    if (!is_remote && candidate->type == ICE_CANDIDATE_HOST && candidate->network_type != ICE_NETWORK_UNKNOWN)
        text_addf(text, " (%s)", ice_network_type_name((ice_network_type_t)candidate->network_type));
    if (candidate->url != NULL)
        text_addf(text, " by %s", candidate->url);
    text_add(text, "\n");
}

static void write_candidates(const char *whose, const ice_candidate_t *const *candidates, size_t count, bool is_remote, text_t *text)
{
    text_addf(text, "\n%s candidates: %zu\n", whose, count);
    for (size_t i = 0; i < count; i++)
        write_candidate(candidates[i], is_remote, text);
}

static void write_server_answer(const ice_server_report_t *server, text_t *text)
{
    char address[ADDRESS_TEXT_SIZE];
    static const char *const states[] = {"is to be asked", "is being connected to", "was asked and has not answered yet", "answered",
                                         "could not be used"};
    text_addf(text, ": it %s", states[server->state]);
    if (server->state == ICE_SERVER_FAILED && server->code != 0)
        text_addf(text, " (%u)", server->code);
    if (server->round_trip_time > 0)
        text_addf(text, " in %.1f ms", (double)server->round_trip_time / 1e3);
    if (server->mapped.family != ADDRESS_NONE)
        text_addf(text, ", sees us at %s", address_text(&server->mapped, address));
    if (server->relayed.family != ADDRESS_NONE)
        text_addf(text, ", relays at %s", address_text(&server->relayed, address));
    if (server->requests_sent > 0)
        text_addf(text, "; %llu request%s, %llu response%s", (unsigned long long)server->requests_sent, plural(server->requests_sent),
                  (unsigned long long)server->responses_received, plural(server->responses_received));
    if (server->state == ICE_SERVER_FAILED && server->text != NULL) {
        text_add(text, ": ");
        add_foreign(text, server->text);
    }
    text_add(text, "\n");
}

static void write_servers(const ice_report_t *report, text_t *text)
{
    char address[ADDRESS_TEXT_SIZE];
    text_addf(text, "\nServers asked: %zu\n", report->server_count);
    for (size_t i = 0; i < report->server_count; i++) {
        const ice_server_report_t *server = &report->servers[i];
        text_addf(text, "  %s over %s", server->url, ice_server_transport_name(server->transport));
        if (server->server.family != ADDRESS_NONE)
            text_addf(text, " at %s", address_text(&server->server, address));
        if (server->local.family != ADDRESS_NONE)
            text_addf(text, " from %s", address_text(&server->local, address));
        if (ice_report_is_out_of_use(report, server))
            text_add(text, ": it is not asked, as only relayed candidates are wanted\n");
        else
            write_server_answer(server, text);
    }
}

static void write_pair(const ice_pair_stats_t *pair, text_t *text)
{
    text_addf(text, "  %s %s ", pair->is_selected ? "*" : " ", ice_candidate_type_name((ice_candidate_type_t)pair->local->type));
    add_candidate_address(pair->local, text);
    text_addf(text, " - %s ", ice_candidate_type_name((ice_candidate_type_t)pair->remote->type));
    add_candidate_address(pair->remote, text);
    text_addf(text, " %s: %s%s, sent %llu, answered %llu; received %llu, answered %llu",
              pair->local->protocol == TRANSPORT_TCP ? "tcp" : "udp", ice_pair_state_name(pair->state),
              pair->is_nominated ? ", nominated" : "", (unsigned long long)pair->requests_sent,
              (unsigned long long)pair->responses_received, (unsigned long long)pair->requests_received,
              (unsigned long long)pair->responses_sent);
    if (pair->responses_received > 0)
        text_addf(text, "; round trip %.1f ms", (double)pair->current_round_trip_time / 1e3);
    text_add(text, "\n");
}

static void write_pairs(const ice_report_t *report, text_t *text)
{
    text_addf(text, "\nPairs (* carries the call; requests): %zu\n", report->pair_count);
    for (size_t i = 0; i < report->pair_count; i++)
        write_pair(&report->pairs[i], text);
}

static void write_drops(const ice_drops_t *drops, text_t *text)
{
    const struct {
        uint64_t count;
        const char *reason;
    } reasons[] = {{drops->malformed, "malformed"},
                   {drops->unknown_socket, "on an unknown socket"},
                   {drops->unsupported, "of another method"},
                   {drops->missing_credentials, "without credentials"},
                   {drops->wrong_username, "with a wrong user name"},
                   {drops->wrong_integrity, "with a wrong password"},
                   {drops->unknown_attribute, "with an unknown attribute"},
                   {drops->unknown_transaction, "answering nothing that was asked"},
                   {drops->wrong_source, "from elsewhere than was asked"},
                   {drops->over_limit, "over a limit"}};
    bool is_first = true;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].count == 0)
            continue;
        text_addf(text, "%s%llu %s", is_first ? "\nSTUN datagrams not used: " : ", ", (unsigned long long)reasons[i].count,
                  reasons[i].reason);
        is_first = false;
    }
    if (!is_first)
        text_add(text, "\n");
}

char *ice_report_text(const ice_report_t *report, const ice_conclusion_t *conclusion)
{
    text_t text = {0};
    write_conclusion(conclusion, &text);
    text_addf(&text, "\nICE is %s, gathering is %s; this side is %s%s.\n", ice_state_name(report->state),
              ice_gathering_state_name(report->gathering_state), report->is_controlling ? "controlling" : "controlled",
              report->is_relay_only ? " and uses relays only" : "");
    write_candidates("Local", report->locals, report->local_count, false, &text);
    write_candidates("Remote", report->remotes, report->remote_count, true, &text);
    write_servers(report, &text);
    write_pairs(report, &text);
    write_drops(&report->drops, &text);
    return text_take(&text);
}
