/* Queries: one server asked from one base, over UDP, TCP, TLS or DTLS. A STUN server tells the base's address as the world sees it
 * (RFC 8445 §5.1.1.2), a TURN server that and a relayed one. */
#include "ice/agent.h"

#include "base/log.h"
#include "base/memory.h"

#include <string.h>

#define CANDIDATE_ERROR_UNREACHABLE 701 /* W3C WebRTC §4.8.3 */

/* A server is asked from where it can be reached at all. */
static bool can_reach(const ice_base_t *base, const address_t *server)
{
    return base->address.family == server->family && address_is_loopback(&base->address) == address_is_loopback(server) &&
           (base->address.family != ADDRESS_IPV6 || address_is_link_local(&base->address) == address_is_link_local(server));
}

static bool is_stream(const ice_server_entry_t *server)
{
    return server->transport == ICE_SERVER_TCP || server->transport == ICE_SERVER_TLS;
}

static void add_query(ice_agent_t *agent, size_t server, ice_base_t *base, const address_t *address)
{
    for (size_t i = 0; i < agent->query_count; i++)
        if (agent->queries[i]->server == server && agent->queries[i]->base == base && agent->queries[i]->address.family == address->family)
            return;
    ice_query_t *query = agent->query_count < ICE_MAX_QUERIES ? MEMORY_NEW(ice_query_t) : NULL;
    if (query == NULL)
        return;
    *query =
        (ice_query_t){.server = server, .base = base, .address = *address, .state = ICE_SERVER_WAITING, .keepalive_at = PEER_TIME_NEVER};
    agent->queries[agent->query_count++] = query;
}

void ice_query_add(ice_agent_t *agent, size_t server, ice_base_t *base)
{
    const ice_server_entry_t *entry = &agent->servers[server];
    if (agent->local_parameters.is_lite || entry->is_retired || (entry->kind == ICE_SERVER_STUN && agent->policy == ICE_POLICY_RELAY))
        return;
    for (size_t i = 0; i < entry->address_count; i++)
        if (can_reach(base, &entry->addresses[i]))
            add_query(agent, server, base, &entry->addresses[i]);
}

/* RFC 8445 §9: a restart gathers anew. */
void ice_query_prune(ice_agent_t *agent)
{
    for (size_t i = agent->query_count; i-- > 0;)
        if (agent->queries[i]->turn == NULL || agent->queries[i]->state != ICE_SERVER_ANSWERED)
            ice_query_remove(agent, i);
}

void ice_query_fail(ice_agent_t *agent, ice_query_t *query, uint16_t code, const char *text, size_t length)
{
    if (query->state == ICE_SERVER_FAILED)
        return;
    query->state = ICE_SERVER_FAILED;
    query->code = code;
    memory_free(query->text);
    query->text = memory_string_n(text, length);
    ice_gather_report_error(agent, query->server, &query->base->address, code, text, length);
    ice_relay_end(agent, query); /* the text may be the allocation's */
    ice_link_drop(agent, query->link);
}

void ice_query_fail_unreachable(ice_agent_t *agent, peer_time_t now, ice_query_t *query, const char *text)
{
    if (query->state == ICE_SERVER_ANSWERED || query->relayed.family != ADDRESS_NONE) /* the way to it broke, and may still be broken */
        ice_query_ask_again(agent, now, query, CANDIDATE_ERROR_UNREACHABLE, text);
    else
        ice_query_fail(agent, query, CANDIDATE_ERROR_UNREACHABLE, text, strlen(text));
}

void ice_query_ask_again(ice_agent_t *agent, peer_time_t now, ice_query_t *query, uint16_t code, const char *text)
{
    LOG_INFO("ice", agent->connection, "%s is lost: %u %s", agent->servers[query->server].url, code, text);
    if (query->asked_at != 0 && now >= query->asked_at + ICE_SERVER_STABLE)
        query->retries = 0;
    bool is_worth_it = agent->servers[query->server].kind == ICE_SERVER_TURN && query->retries < ICE_SERVER_RETRIES;
    if (!is_worth_it) {
        ice_query_fail(agent, query, code, text, strlen(text));
        return;
    }
    ice_relay_end(agent, query);
    ice_link_drop(agent, query->link);
    query->state = ICE_SERVER_WAITING;
    query->asked_at = 0;
    query->ask_at = now + (ICE_SERVER_RETRY_FIRST << query->retries++);
}

bool ice_query_retry_mismatch(ice_agent_t *agent, ice_query_t *query, peer_time_t now)
{
    if (query->retries >= ICE_MISMATCH_RETRIES)
        return false;
    ice_relay_end(agent, query);
    ice_link_drop(agent, query->link);
    query->ask_at = now + (ICE_SERVER_RETRY_FIRST << query->retries++);
    query->state = ICE_SERVER_WAITING;
    return true;
}

void ice_query_redirect(ice_agent_t *agent, ice_query_t *query, const address_t *alternate, const char *domain)
{
    static const char text[] = "The server names another one, again and again.",
                      unusable[] = "The server names another one that cannot be.";
    if (query->redirects++ >= ICE_MAX_REDIRECTS) {
        ice_query_fail(agent, query, STUN_ERROR_TRY_ALTERNATE, text, sizeof text - 1);
        return;
    }
    if (!ice_address_is_usable(alternate) || !can_reach(query->base, alternate)) {
        ice_query_fail(agent, query, STUN_ERROR_TRY_ALTERNATE, unusable, sizeof unusable - 1);
        return;
    }
    char *copy = memory_string(domain); /* which may be the allocation's */
    if (copy != NULL) {
        memory_free(query->domain);
        query->domain = copy;
    }
    ice_relay_end(agent, query);
    ice_link_drop(agent, query->link);
    query->address = *alternate;
    query->state = ICE_SERVER_WAITING;
}

/* A binding request (RFC 8489 §6). */
static void send_request(ice_agent_t *agent, ice_query_t *query, peer_time_t now, bool is_keepalive)
{
    ice_transaction_t *transaction = ice_transaction_new(agent, ICE_TRANSACTION_SERVER, &query->path, now);
    if (transaction == NULL)
        return;
    transaction->query = query;
    transaction->rto = ICE_SERVER_RTO;
    ice_transaction_transmit(agent, transaction, now);
    transaction->is_cancelled = is_keepalive; /* sent once: it is for the NAT, the answer says nothing new */
}

static void ask(ice_agent_t *agent, peer_time_t now, ice_query_t *query)
{
    query->state = ICE_SERVER_ASKED;
    query->asked_at = now;
    if (agent->servers[query->server].kind == ICE_SERVER_TURN)
        ice_relay_start(agent, now, query);
    else
        send_request(agent, query, now, false);
}

/* One allocation belongs to one pair of addresses (RFC 8656 §3.2). */
static bool needs_own_socket(const ice_agent_t *agent, const ice_server_entry_t *server)
{
    return agent->shares_sockets && server->kind == ICE_SERVER_TURN;
}

bool ice_query_is_from_base(const ice_agent_t *agent, const ice_query_t *query)
{
    return query->path.protocol == TRANSPORT_UDP && !(agent->shares_sockets && query->link != NULL);
}

static void start(ice_agent_t *agent, peer_time_t now, ice_query_t *query)
{
    const ice_server_entry_t *server = &agent->servers[query->server];
    if (server->transport == ICE_SERVER_UDP && !needs_own_socket(agent, server)) {
        query->path =
            (path_t){.socket = query->base->socket, .protocol = TRANSPORT_UDP, .local = query->base->address, .remote = query->address};
        ask(agent, now, query);
        return;
    }
    /* What a STUN server sees of a TCP connection is of use for the listening socket of the same port (RFC 6544 §5.2). */
    if (is_stream(server) && server->kind == ICE_SERVER_STUN)
        query->tcp = ice_base_find_listener(agent, &query->base->address);
    query->state = ICE_SERVER_CONNECTING;
    if (!ice_link_connect_query(agent, query))
        ice_query_fail_unreachable(agent, now, query, "There are too many connections already.");
}

void ice_query_on_link(ice_agent_t *agent, peer_time_t now, ice_query_t *query)
{
    const ice_link_t *link = query->link;
    query->path = (path_t){.socket = link->socket,
                           .protocol = is_stream(&agent->servers[query->server]) ? TRANSPORT_TCP : TRANSPORT_UDP,
                           .local = link->local,
                           .remote = query->address};
    ask(agent, now, query);
}

/* Keeps the NAT's mapping towards a TURN server; nothing answers (RFC 8445 §11). */
static void send_indication(ice_agent_t *agent, const ice_query_t *query, peer_time_t now)
{
    uint8_t id[STUN_TRANSACTION_ID_SIZE];
    packet_t *packet = packet_new(agent->pool, PACKET_SMALL);
    if (packet == NULL)
        return;
    stun_builder_t builder;
    random_fill(&agent->random, id, sizeof id);
    stun_build_begin(&builder, packet->data, packet_tailroom(packet), STUN_INDICATION, STUN_BINDING, id);
    stun_build_fingerprint(&builder);
    packet->length = stun_build_end(&builder);
    packet->time = now;
    ice_output_send(agent, packet, &query->path);
}

/* Reflexive candidates that may still be needed stay alive (RFC 8445 §5.1.1.4). */
static bool needs_keepalive(const ice_agent_t *agent)
{
    return !agent->is_concluded && !agent->is_failed;
}

/* Between two addresses there is one DTLS connection at a time. Where the same server is asked for an allocation too, its answer serves. */
static const ice_query_t *find_sibling(const ice_agent_t *agent, const ice_query_t *query)
{
    const ice_server_entry_t *server = &agent->servers[query->server];
    for (size_t i = 0; i < agent->query_count && server->transport == ICE_SERVER_DTLS && server->kind == ICE_SERVER_STUN; i++) {
        const ice_query_t *other = agent->queries[i];
        const ice_server_entry_t *others = &agent->servers[other->server];
        if (others->kind == ICE_SERVER_TURN && others->transport == ICE_SERVER_DTLS && other->base == query->base &&
            address_equal(&other->address, &query->address))
            return other;
    }
    return NULL;
}

static bool is_waiting(const ice_agent_t *agent, const ice_query_t *query)
{
    const ice_query_t *sibling = query->state == ICE_SERVER_WAITING ? find_sibling(agent, query) : NULL;
    return query->state == ICE_SERVER_WAITING && (sibling == NULL || sibling->state == ICE_SERVER_FAILED);
}

/* True when the sibling's answer was taken over, or that there is none to be had. */
static bool take_over(ice_agent_t *agent, ice_query_t *query)
{
    const ice_query_t *sibling = query->state == ICE_SERVER_WAITING ? find_sibling(agent, query) : NULL;
    if (sibling != NULL && sibling->state == ICE_SERVER_FAILED && sibling->code == CANDIDATE_ERROR_UNREACHABLE) {
        const char *text = sibling->text != NULL ? sibling->text : "";
        ice_query_fail(agent, query, CANDIDATE_ERROR_UNREACHABLE, text, strlen(text));
        return true;
    }
    if (sibling == NULL || sibling->state != ICE_SERVER_ANSWERED)
        return false;
    query->state = ICE_SERVER_ANSWERED;
    query->mapped = sibling->mapped;
    return true;
}

void ice_query_run(ice_agent_t *agent, peer_time_t now)
{
    for (size_t i = 0; i < agent->query_count; i++) {
        ice_query_t *query = agent->queries[i];
        if (take_over(agent, query))
            continue;
        if (is_waiting(agent, query) && now >= query->ask_at && now >= agent->next_query_at) {
            start(agent, now, query);
            agent->next_query_at = now + ICE_TA_FAST;
        } else if (query->turn != NULL && query->state == ICE_SERVER_ANSWERED && now >= query->keepalive_at) {
            query->keepalive_at = now + ICE_RELAY_KEEPALIVE;
            send_indication(agent, query, now);
        } else if (query->state == ICE_SERVER_ANSWERED && now >= query->keepalive_at) {
            query->keepalive_at = needs_keepalive(agent) ? now + ICE_SERVER_KEEPALIVE : PEER_TIME_NEVER;
            if (needs_keepalive(agent))
                send_request(agent, query, now, true);
        }
    }
}

peer_time_t ice_query_deadline(const ice_agent_t *agent)
{
    peer_time_t deadline = PEER_TIME_NEVER;
    for (size_t i = 0; i < agent->query_count; i++) {
        const ice_query_t *query = agent->queries[i];
        if (is_waiting(agent, query))
            deadline = time_earlier(deadline, query->ask_at > agent->next_query_at ? query->ask_at : agent->next_query_at);
        else if (query->state == ICE_SERVER_ANSWERED)
            deadline = time_earlier(deadline, query->keepalive_at);
    }
    return deadline;
}

/* Redundant when known (RFC 8445 §5.1.3); one that a check discovered first is known to the peer from that check. */
void ice_query_found_mapped(ice_agent_t *agent, ice_query_t *query, ice_base_t *base, const address_t *mapped)
{
    if (base->host == NULL || agent->policy == ICE_POLICY_RELAY || mapped->family != base->address.family || !ice_address_is_usable(mapped))
        return;
    ice_local_t *known = ice_local_find(agent, base, mapped);
    if (known == base->host && known->view.host_name != NULL)
        known = ice_local_find_reflexive(agent, base, mapped); /* a hidden address that a server sees is hidden no more (RFC 8828 §5.2) */
    if (known != NULL) {
        if (known->view.type == ICE_CANDIDATE_SERVER_REFLEXIVE && known->generation != agent->generation)
            ice_local_announce(agent, known);
        return;
    }
    ice_local_t *local = ice_local_add(agent, base, ICE_CANDIDATE_SERVER_REFLEXIVE, mapped, query != NULL ? &query->address : NULL,
                                       query != NULL ? agent->servers[query->server].url : NULL);
    if (local == NULL)
        return;
    ice_gather_reopen(agent);
    ice_local_announce(agent, local);
}

void ice_query_on_response(ice_agent_t *agent, peer_time_t now, ice_query_t *query, const stun_message_t *message)
{
    address_t renewed;
    if (query->state == ICE_SERVER_ANSWERED && message->class == STUN_SUCCESS_RESPONSE && ice_query_is_from_base(agent, query) &&
        stun_get_mapped_address(message, &renewed) && !address_equal(&renewed, &query->mapped)) { /* the NAT has forgotten us */
        query->mapped = renewed;
        ice_query_found_mapped(agent, query, query->base, &renewed);
    }
    if (query->state != ICE_SERVER_ASKED)
        return;
    uint16_t code;
    const char *reason;
    size_t length;
    address_t address;
    if (query->round_trip_time == 0)
        query->round_trip_time = now - query->asked_at;
    if (message->class == STUN_ERROR_RESPONSE && stun_get_error(message, &code, &reason, &length)) {
        if (code == STUN_ERROR_TRY_ALTERNATE && stun_get_address(message, STUN_ALTERNATE_SERVER, &address))
            ice_query_redirect(agent, query, &address, NULL);
        else
            ice_query_fail(agent, query, code, reason, length < 128 ? length : 128);
        return;
    }
    if (message->class != STUN_SUCCESS_RESPONSE || !stun_get_mapped_address(message, &address) ||
        address.family != query->base->address.family || !ice_address_is_usable(&address)) {
        ice_query_fail_unreachable(agent, now, query, "The server's answer has no usable address.");
        return;
    }
    query->state = ICE_SERVER_ANSWERED;
    query->mapped = address;
    query->keepalive_at = now + ICE_SERVER_KEEPALIVE;
    if (ice_query_is_from_base(agent, query))
        ice_query_found_mapped(agent, query, query->base, &address);
    else if (query->tcp != NULL)
        ice_query_found_mapped(agent, query, query->tcp, &address);
}

void ice_query_refresh(ice_agent_t *agent, peer_time_t now)
{
    for (size_t i = 0; i < agent->query_count; i++) {
        ice_query_t *query = agent->queries[i];
        if (query->state == ICE_SERVER_ANSWERED && query->turn != NULL)
            turn_verify(query->turn, now);
        else if (query->state == ICE_SERVER_ANSWERED && query->path.socket != 0) /* else the answer was another query's */
            send_request(agent, query, now, true);
    }
}

void ice_query_remove(ice_agent_t *agent, size_t index)
{
    ice_query_t *query = agent->queries[index];
    for (size_t i = agent->transaction_count; i-- > 0;)
        if (agent->transactions[i].query == query)
            ice_transaction_remove(agent, &agent->transactions[i]);
    agent->queries[index] = agent->queries[--agent->query_count];
    ice_relay_end(agent, query);
    ice_link_drop(agent, query->link);
    memory_free(query->text);
    memory_free(query->domain);
    memory_free(query);
}

void ice_query_remove_base(ice_agent_t *agent, const ice_base_t *base)
{
    for (size_t i = agent->query_count; i-- > 0;) {
        if (i >= agent->query_count)
            continue;
        if (agent->queries[i]->base == base)
            ice_query_remove(agent, i);
        else if (agent->queries[i]->tcp == base)
            agent->queries[i]->tcp = NULL;
    }
}

void ice_query_clear(ice_agent_t *agent)
{
    while (agent->query_count > 0)
        ice_query_remove(agent, agent->query_count - 1);
}
