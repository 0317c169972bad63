/* Datagrams that come in: who sent them, whether they are authentic, and the STUN server's part (RFC 8445 §7.3, RFC 8489 §9.1.3). Until a
 * message is authenticated nothing changes but the counters, and no answer is larger than what it answers. */
#include "ice/agent.h"

#include "base/log.h"

#include <string.h>

#define ERROR_REFILL (100 * PEER_MILLISECOND)
/* A check that left this short a time ago is not doubled: its answer is probably under way, and two agents whose answers get lost do not
 * trigger each other without end. */
#define TRIGGER_GUARD (2 * PEER_MILLISECOND)
#define REPEAT_GUARD (25 * PEER_MILLISECOND) /* the same where the peer only repeats itself */
/* A pair whose checks are answered from elsewhere is not checked again at each request of the peer: between two NATs that map every
 * destination anew, both sides would chase each other's ports. The pause doubles. */
#define CROOKED_PAUSE (50 * PEER_MILLISECOND)
#define CROOKED_MAX 6

typedef struct request {
    const stun_message_t *message;
    ice_base_t *base;
    path_t path;
    const ice_parameters_t *local; /* whose ufrag it names: this session's or the one's before the restart */
    stun_hash_t hash;              /* the response uses the one of the request (RFC 8489 §9.1.3.1) */
    const char *ufrag;             /* the peer's part of USERNAME */
    size_t ufrag_length;
    uint32_t priority;
} request_t;

static bool may_answer_error(ice_agent_t *agent, peer_time_t now)
{
    if (now >= agent->error_refill_at + ERROR_REFILL) {
        peer_time_t refill = (now - agent->error_refill_at) / ERROR_REFILL;
        agent->error_tokens = refill + agent->error_tokens > ICE_ERROR_BURST ? ICE_ERROR_BURST : agent->error_tokens + (unsigned)refill;
        agent->error_refill_at = now;
    }
    if (agent->error_tokens == 0)
        return false;
    agent->error_tokens--;
    return true;
}

static void finish(ice_agent_t *agent, const request_t *request, stun_builder_t *builder, packet_t *packet, bool is_authenticated)
{
    if (is_authenticated)
        stun_build_integrity(builder, request->hash, request->local->password, strlen(request->local->password));
    stun_build_fingerprint(builder);
    packet->length = stun_build_end(builder);
    if (packet->length == 0 || (!is_authenticated && packet->length > request->message->length))
        packet_unref(packet);
    else
        ice_output_send(agent, packet, &request->path);
}

static void answer_error(ice_agent_t *agent, peer_time_t now, const request_t *request, uint16_t code, bool is_authenticated)
{
    if (!is_authenticated && !may_answer_error(agent, now))
        return;
    packet_t *packet = packet_new(agent->pool, PACKET_SMALL);
    if (packet == NULL)
        return;
    packet->time = now;
    stun_builder_t builder;
    stun_build_begin(&builder, packet->data, packet_tailroom(packet), STUN_ERROR_RESPONSE, STUN_BINDING, request->message->transaction_id);
    stun_build_error(&builder, code, ""); /* the reason is for humans and would only make the answer larger */
    if (code == STUN_ERROR_UNKNOWN_ATTRIBUTE) {
        uint16_t types[STUN_MAX_ATTRIBUTES];
        stun_build_unknown_attributes(&builder, types, stun_unknown_attributes(request->message, types, STUN_MAX_ATTRIBUTES));
    }
    finish(agent, request, &builder, packet, is_authenticated);
}

static void answer_success(ice_agent_t *agent, peer_time_t now, const request_t *request)
{
    packet_t *packet = packet_new(agent->pool, PACKET_SMALL);
    if (packet == NULL)
        return;
    packet->time = now;
    stun_builder_t builder;
    stun_build_begin(&builder, packet->data, packet_tailroom(packet), STUN_SUCCESS_RESPONSE, STUN_BINDING,
                     request->message->transaction_id);
    stun_build_xor_address(&builder, STUN_XOR_MAPPED_ADDRESS, &request->path.remote);
    finish(agent, request, &builder, packet, true);
}

/* Whether a USERNAME is "ufrag:…" with this ufrag (RFC 8445 §7.3). */
static bool names(const ice_parameters_t *local, const uint8_t *username, size_t length)
{
    size_t ufrag = strlen(local->ufrag);
    return length >= ufrag + 2 && length <= ufrag + 1 + ICE_UFRAG_MAX && memcmp(username, local->ufrag, ufrag) == 0 &&
           username[ufrag] == ':';
}

/* RFC 8489 §9.1.3 with the username rule of RFC 8445 §7.3. */
static bool is_authentic(ice_agent_t *agent, peer_time_t now, request_t *request)
{
    const stun_message_t *message = request->message;
    const uint8_t *username;
    size_t length;
    bool has_sha256 = stun_has(message, STUN_MESSAGE_INTEGRITY_SHA256);
    if (!stun_get_bytes(message, STUN_USERNAME, &username, &length) || (!has_sha256 && !stun_has(message, STUN_MESSAGE_INTEGRITY))) {
        agent->drops.missing_credentials++;
        answer_error(agent, now, request, STUN_ERROR_BAD_REQUEST, false);
        return false;
    }
    if (names(&agent->local_parameters, username, length))
        request->local = &agent->local_parameters;
    else if (agent->previous != NULL && names(&agent->previous->local_parameters, username, length))
        request->local = &agent->previous->local_parameters;
    else {
        agent->drops.wrong_username++;
        answer_error(agent, now, request, STUN_ERROR_UNAUTHENTICATED, false);
        return false;
    }
    request->hash = has_sha256 ? STUN_HASH_SHA256 : STUN_HASH_SHA1;
    const char *password = request->local->password;
    if (stun_check_integrity(message, request->hash, password, strlen(password)) != STUN_CHECK_VALID) {
        agent->drops.wrong_integrity++;
        answer_error(agent, now, request, STUN_ERROR_UNAUTHENTICATED, false);
        return false;
    }
    size_t local = strlen(request->local->ufrag);
    request->ufrag = (const char *)username + local + 1;
    request->ufrag_length = length - local - 1;
    return true;
}

/* RFC 8445 §7.3.1.1; true when the request goes on. */
static bool settle_role(ice_agent_t *agent, const stun_message_t *message)
{
    uint64_t theirs;
    if (agent->is_controlling && stun_get_u64(message, STUN_ICE_CONTROLLING, &theirs)) {
        if (agent->tie_breaker >= theirs)
            return false;
        ice_agent_switch_role(agent, false);
    } else if (!agent->is_controlling && stun_get_u64(message, STUN_ICE_CONTROLLED, &theirs)) {
        if (agent->tie_breaker < theirs)
            return false;
        ice_agent_switch_role(agent, true);
    }
    return true;
}

/* The peer of the present parameters sent it, as far as they are known yet. */
static bool is_from_current_peer(const ice_agent_t *agent, const request_t *request)
{
    return !agent->has_remote_parameters || (strlen(agent->remote_parameters.ufrag) == request->ufrag_length &&
                                             memcmp(agent->remote_parameters.ufrag, request->ufrag, request->ufrag_length) == 0);
}

static ice_remote_t *find_remote(const ice_agent_t *agent, const request_t *request)
{
    address_t source = request->path.remote;
    source.scope_id = 0; /* a zone is this host's own affair, candidates are known without */
    return ice_remote_find(agent, (transport_protocol_t)request->path.protocol, &source);
}

/* The connection that a request came over is its pair's from now on; one of the session before a restart may send over it still. */
static void take_link(ice_agent_t *agent, const request_t *request, ice_pair_t *pair)
{
    ice_link_t *link = ice_link_find(agent, request->path.socket);
    if (link == NULL || link->pair == pair)
        return;
    ice_link_drop(agent, pair->link); /* the peer has connected anew */
    if (link->pair != NULL)
        link->pair->link = NULL;
    pair->link = link;
    link->pair = pair;
    pair->path.socket = link->socket;
}

/* RFC 8445 §7.3.1.3 and the pair of §7.3.1.4. */
static ice_pair_t *find_or_add_pair(ice_agent_t *agent, const request_t *request)
{
    ice_remote_t *remote = find_remote(agent, request);
    if (remote == NULL)
        remote = ice_remote_add_peer_reflexive(agent, &request->path, request->priority, request->ufrag, request->ufrag_length);
    if (remote == NULL)
        return NULL;
    ice_pair_t *pair = ice_check_list_find(agent, request->base, remote);
    if (pair == NULL)
        pair = ice_check_list_add(agent, request->base, remote);
    if (pair != NULL && ice_base_is_tcp(request->base))
        take_link(agent, request, pair);
    return pair;
}

/* A lite agent checks nothing: the peer's authenticated request is what shows that the path works and that the peer consents (RFC 8445
 * §7.3.2, RFC 7675 §5.1). */
static void believe(ice_agent_t *agent, peer_time_t now, ice_pair_t *pair)
{
    pair->state = ICE_PAIR_SUCCEEDED;
    pair->is_suspect = pair->is_consent_lost = false;
    pair->last_response = now;
    pair->consent_expires = now + ICE_CONSENT_LIFETIME;
    if (agent->first_valid_at == PEER_TIME_NEVER)
        agent->first_valid_at = now;
}

/* RFC 8445 §7.3.1.4. */
static void trigger(ice_agent_t *agent, peer_time_t now, ice_pair_t *pair, bool is_new)
{
    if (agent->local_parameters.is_lite) {
        believe(agent, now, pair);
        return;
    }
    if (pair->is_consent_lost || (ice_pair_is_valid(pair, now) && (!pair->is_suspect || pair == agent->selected)))
        return;
    unsigned doublings = pair->crooked < CROOKED_MAX ? pair->crooked : CROOKED_MAX;
    if (pair->crooked > 0 && now < pair->last_check_at + (CROOKED_PAUSE << doublings))
        return;
    /* The check under way is sent again rather than replaced: it is the same to the peer, and needs no second answer. */
    if (pair->state == ICE_PAIR_IN_PROGRESS && ice_transaction_hasten(agent, pair, now, is_new ? TRIGGER_GUARD : REPEAT_GUARD))
        return;
    ice_check_list_trigger(agent, pair);
}

/* The peer still uses the pair from before the restart: it lives, nothing else follows. */
static void on_previous(ice_agent_t *agent, peer_time_t now, const request_t *request)
{
    ice_pair_t *pair = agent->previous->pair;
    if (pair == NULL || !path_equal(&pair->path, &request->path))
        return;
    pair->requests_received++;
    pair->responses_sent++;
    pair->last_received = now;
}

static bool on_request(ice_agent_t *agent, peer_time_t now, request_t *request)
{
    const stun_message_t *message = request->message;
    if (!is_authentic(agent, now, request))
        return false;
    uint16_t unknown[1];
    if (stun_unknown_attributes(message, unknown, 1) != 0) {
        agent->drops.unknown_attribute++;
        answer_error(agent, now, request, STUN_ERROR_UNKNOWN_ATTRIBUTE, true);
        return false;
    }
    /* RFC 8445 §7.1.1: it is always there. From a known candidate nothing depends on it, and some peers' consent requests go without. */
    if (!stun_get_u32(message, STUN_PRIORITY, &request->priority) && find_remote(agent, request) == NULL) {
        agent->drops.missing_credentials++;
        answer_error(agent, now, request, STUN_ERROR_BAD_REQUEST, true);
        return false;
    }
    if (request->local != &agent->local_parameters) {
        answer_success(agent, now, request);
        on_previous(agent, now, request);
        return true;
    }
    if (!is_from_current_peer(agent, request)) {
        answer_success(agent, now, request); /* authentic, but not of a session that this one follows */
        return true;
    }
    if (!settle_role(agent, message)) {
        answer_error(agent, now, request, STUN_ERROR_ROLE_CONFLICT, true);
        return true;
    }
    answer_success(agent, now, request);
    ice_pair_t *pair = find_or_add_pair(agent, request);
    if (pair == NULL) {
        agent->drops.over_limit++;
        return true;
    }
    pair->requests_received++;
    pair->responses_sent++;
    pair->last_received = now;
    bool is_new = memcmp(pair->last_request, message->transaction_id, STUN_TRANSACTION_ID_SIZE) != 0;
    memcpy(pair->last_request, message->transaction_id, STUN_TRANSACTION_ID_SIZE);
    trigger(agent, now, pair, is_new);
    uint32_t nomination = 0;
    bool is_nominated = stun_get_u32(message, STUN_NOMINATION, &nomination) || stun_has(message, STUN_USE_CANDIDATE);
    if (!agent->is_controlling && is_nominated)
        ice_nomination_on_use_candidate(agent, now, pair, nomination);
    ice_recovery_on_evidence(agent, now, pair);
    return true;
}

static bool is_symmetric(const ice_transaction_t *transaction, const path_t *path)
{
    return path_equal(&transaction->path, path);
}

static bool on_response(ice_agent_t *agent, peer_time_t now, const stun_message_t *message, const path_t *path)
{
    ice_transaction_t *transaction = ice_transaction_find(agent, message->transaction_id);
    if (transaction == NULL) {
        agent->drops.unknown_transaction++;
        return false;
    }
    if (transaction->kind == ICE_TRANSACTION_SERVER) { /* without credentials: source and transaction are all there is */
        if (!is_symmetric(transaction, path)) {
            agent->drops.wrong_source++;
            return false;
        }
        ice_query_t *query = transaction->query;
        ice_transaction_remove(agent, transaction);
        query->responses_received++;
        ice_query_on_response(agent, now, query, message);
        return true;
    }
    const char *password = ice_pair_remote_parameters(agent, transaction->pair)->password;
    if (stun_check_integrity(message, STUN_HASH_SHA1, password, strlen(password)) != STUN_CHECK_VALID) {
        agent->drops.wrong_integrity++;
        return false;
    }
    uint16_t unknown[1];
    if (stun_unknown_attributes(message, unknown, 1) != 0) { /* RFC 8489 §6.3.3: not a success that we understand */
        agent->drops.unknown_attribute++;
        return false;
    }
    bool has_come_straight = is_symmetric(transaction, path);
    ice_transaction_t answered = *transaction;
    if (!has_come_straight && answered.kind == ICE_TRANSACTION_CONSENT) {
        agent->drops.wrong_source++;
        return false;
    }
    ice_transaction_remove(agent, transaction);
    if (has_come_straight) {
        ice_check_on_response(agent, now, &answered, message);
        return true;
    }
    agent->drops.wrong_source++;
    answered.pair->crooked++;
    if (!answered.is_cancelled)
        ice_check_fail(agent, answered.pair); /* RFC 8445 §7.2.5.2.1 */
    ice_agent_settle(agent, now);
    return false;
}

static bool on_message(ice_agent_t *agent, peer_time_t now, const packet_t *packet)
{
    stun_message_t message;
    ice_base_t *base = ice_base_find(agent, &packet->path);
    const ice_link_t *link = base == NULL ? ice_link_find(agent, packet->path.socket) : NULL;
    if (base == NULL && link == NULL) {
        agent->drops.unknown_socket++;
        return false;
    }
    if (!stun_parse(&message, packet->data, packet->length) || stun_check_fingerprint(&message) == STUN_CHECK_INVALID) {
        agent->drops.malformed++;
        return false;
    }
    if (message.method != STUN_BINDING) {
        agent->drops.unsupported++;
        return false;
    }
    switch (message.class) {
    case STUN_REQUEST: {
        if (base == NULL || base->host == NULL) { /* only servers are heard there */
            agent->drops.unsupported++;
            return false;
        }
        request_t request = {.message = &message, .base = base, .path = packet->path};
        request.path.local = base->address;
        return on_request(agent, now, &request);
    }
    case STUN_SUCCESS_RESPONSE:
    case STUN_ERROR_RESPONSE:
        return on_response(agent, now, &message, &packet->path);
    case STUN_INDICATION:
        break; /* a keepalive (RFC 8445 §11): it had its effect on the way */
    }
    return true;
}

bool ice_agent_input(ice_agent_t *agent, peer_time_t now, packet_t *packet)
{
    bool is_accepted = on_message(agent, now, packet);
    if (is_accepted)
        ice_agent_settle(agent, now);
    return is_accepted;
}
