/* One agent against a peer, a server or a stranger that the test plays byte by byte. */
#include "base/error.h"
#include "base/memory.h"
#include "network.h"

#include "stun/stun.h"

#include <stdio.h>

static const char peer_ufrag[] = "PEER", peer_password[] = "peerpasswordpeerpassword";

typedef struct check {
    const char *username; /* NULL: the right one */
    const char *password; /* NULL: the agent's; "": without integrity */
    bool is_controlling, has_use_candidate, has_no_priority, has_unknown, uses_sha256;
    uint64_t tie_breaker;
    stun_class_t class;
    const uint8_t *transaction_id; /* of a response */
    uint16_t error;
} check_t;

static network_t *alone(uint64_t seed, bool is_controlling)
{
    network_t *network = network_new(seed);
    network_add_address(network, 0, "198.51.100.1");
    network_make_agents(network, is_controlling, false, false);
    ice_agent_gather(network->sides[0].agent, network->now);
    network_pump(network);
    return network;
}

static void know_peer(network_t *network)
{
    CHECK_INT(ice_agent_set_remote_parameters(network->sides[0].agent, network->now, peer_ufrag, peer_password, false), 0);
}

static void add_candidate(network_t *network, const address_t *address, uint32_t priority)
{
    ice_candidate_t candidate = {.foundation = "1", .component = 1, .priority = priority, .address = *address};
    snprintf(candidate.foundation, sizeof candidate.foundation, "%u", (unsigned)address->bytes[3]);
    CHECK_INT(ice_agent_add_remote_candidate(network->sides[0].agent, network->now, &candidate), 0);
}

static size_t build(network_t *network, const check_t *check, uint8_t bytes[600])
{
    static const uint8_t id[12] = "transaction";
    const ice_parameters_t *local = ice_agent_local_parameters(network->sides[0].agent);
    char username[600];
    snprintf(username, sizeof username, "%s:%s", local->ufrag, peer_ufrag);
    stun_builder_t builder;
    stun_build_begin(&builder, bytes, 600, check->class, STUN_BINDING, check->transaction_id != NULL ? check->transaction_id : id);
    const char *password = check->password;
    if (check->class == STUN_REQUEST) {
        const char *name = check->username != NULL ? check->username : username;
        if (name[0] != '\0')
            stun_build_bytes(&builder, STUN_USERNAME, name, strlen(name));
        stun_build_u64(&builder, check->is_controlling ? STUN_ICE_CONTROLLING : STUN_ICE_CONTROLLED, check->tie_breaker);
        if (!check->has_no_priority)
            stun_build_u32(&builder, STUN_PRIORITY, 0x6e7fffff);
        if (check->has_use_candidate)
            stun_build_flag(&builder, STUN_USE_CANDIDATE);
        if (check->has_unknown)
            stun_build_u32(&builder, 0x7fff, 1);
        password = password != NULL ? password : local->password;
    } else {
        if (check->error != 0)
            stun_build_error(&builder, check->error, "");
        else
            stun_build_xor_address(&builder, STUN_XOR_MAPPED_ADDRESS, &network->sides[0].addresses[0]);
        password = password != NULL ? password : peer_password;
    }
    if (password[0] != '\0')
        stun_build_integrity(&builder, check->uses_sha256 ? STUN_HASH_SHA256 : STUN_HASH_SHA1, password, strlen(password));
    stun_build_fingerprint(&builder);
    return stun_build_end(&builder);
}

static void send_check(network_t *network, const address_t *from, const check_t *check)
{
    uint8_t bytes[600];
    size_t length = build(network, check, bytes);
    network_inject(network, 0, from, &network->sides[0].addresses[0], bytes, length);
}

/* Takes the next datagram of the agent; class -1 when there is none. */
typedef struct sent {
    int class;
    address_t to;
    uint8_t bytes[600];
    size_t length;
    stun_message_t message;
} sent_t;

static sent_t take(network_t *network)
{
    sent_t sent = {.class = -1};
    ice_output_t output;
    while (ice_agent_poll(network->sides[0].agent, &output)) {
        if (output.kind != ICE_OUTPUT_SEND)
            continue;
        sent.to = output.packet->path.remote;
        sent.length = output.packet->length;
        memcpy(sent.bytes, output.packet->data, sent.length);
        packet_unref(output.packet);
        CHECK(stun_parse(&sent.message, sent.bytes, sent.length));
        CHECK_INT(stun_check_fingerprint(&sent.message), STUN_CHECK_VALID);
        sent.class = (int)sent.message.class;
        break;
    }
    return sent;
}

/* The transaction id lies in `sent`, whose place may have changed since it was taken. */
static const uint8_t *id_of(const sent_t *sent)
{
    return sent->bytes + 8;
}

static bool has(sent_t *sent, uint16_t type)
{
    return stun_parse(&sent->message, sent->bytes, sent->length) && stun_has(&sent->message, type);
}

static uint16_t error_of(sent_t *sent)
{
    uint16_t code = 0;
    const char *reason;
    size_t length;
    CHECK(stun_parse(&sent->message, sent->bytes, sent->length));
    stun_get_error(&sent->message, &code, &reason, &length);
    return code;
}

static void drain(network_t *network)
{
    while (take(network).class >= 0)
        continue;
}

static ice_pair_state_t state_of(network_t *network, size_t index)
{
    ice_pair_stats_t stats;
    CHECK(ice_agent_pair_stats(network->sides[0].agent, index, &stats));
    return stats.state;
}

TEST(unauthenticated_requests_change_nothing_and_get_small_and_few_answers)
{
    network_t *network = alone(1, true);
    know_peer(network);
    address_t stranger = address_ipv4(192, 0, 2, 66, 4000);
    static const struct {
        check_t check;
        uint16_t error;
    } cases[] = {
        {{.username = ""}, 400},
        {{.password = ""}, 400},
        {{.username = "somebody:PEER"}, 401},
        {{.username = "x"}, 401},
        {{.password = "guessedpasswordguessedpass"}, 401},
    };
    for (size_t i = 0; i < 5; i++) {
        uint8_t bytes[600];
        size_t length = build(network, &cases[i].check, bytes);
        network_inject(network, 0, &stranger, &network->sides[0].addresses[0], bytes, length);
        sent_t sent = take(network);
        CHECK_INT(sent.class, STUN_ERROR_RESPONSE);
        CHECK_INT(error_of(&sent), cases[i].error);
        CHECK(sent.length <= length);
        CHECK(address_equal(&sent.to, &stranger));
    }
    size_t answers = 0;
    for (int i = 0; i < 1000; i++) {
        send_check(network, &stranger, &cases[4].check);
        answers += take(network).class >= 0;
    }
    CHECK(answers <= 10);
    CHECK_INT(ice_agent_candidate_count(network->sides[0].agent, true), 0);
    CHECK_INT(ice_agent_pair_count(network->sides[0].agent), 0);
    CHECK_INT(ice_agent_drops(network->sides[0].agent)->missing_credentials, 2);
    CHECK_INT(ice_agent_drops(network->sides[0].agent)->wrong_username, 2);
    CHECK_INT(ice_agent_drops(network->sides[0].agent)->wrong_integrity, 1001);
    CHECK_INT(ice_agent_state(network->sides[0].agent), ICE_STATE_NEW);
    network_free(network);
}

TEST(authenticated_requests_with_unknown_or_missing_attributes_are_refused)
{
    network_t *network = alone(2, true);
    address_t peer = address_ipv4(203, 0, 113, 1, 4000);
    send_check(network, &peer, &(check_t){.has_unknown = true});
    sent_t sent = take(network);
    CHECK_INT(error_of(&sent), 420);
    const uint8_t *types;
    size_t length;
    CHECK(stun_get_bytes(&sent.message, STUN_UNKNOWN_ATTRIBUTES, &types, &length) && length == 2 && types[0] == 0x7f);
    send_check(network, &peer, &(check_t){.has_no_priority = true});
    sent = take(network);
    CHECK_INT(error_of(&sent), 400);
    send_check(network, &peer, &(check_t){0}); /* but from a candidate that is known none is missed */
    CHECK_INT(take(network).class, STUN_SUCCESS_RESPONSE);
    send_check(network, &peer, &(check_t){.has_no_priority = true});
    CHECK_INT(take(network).class, STUN_SUCCESS_RESPONSE);
    network_free(network);
}

TEST(a_request_protected_by_sha256_is_answered_so)
{
    network_t *network = alone(3, true);
    address_t peer = address_ipv4(203, 0, 113, 1, 4000);
    send_check(network, &peer, &(check_t){.uses_sha256 = true});
    sent_t sent = take(network);
    CHECK(stun_parse(&sent.message, sent.bytes, sent.length));
    const char *password = ice_agent_local_parameters(network->sides[0].agent)->password;
    CHECK_INT(stun_check_integrity(&sent.message, STUN_HASH_SHA256, password, strlen(password)), STUN_CHECK_VALID);
    address_t mapped;
    CHECK(stun_get_mapped_address(&sent.message, &mapped) && address_equal(&mapped, &peer));
    network_free(network);
}

TEST(forged_responses_are_dropped_and_the_true_one_still_counts)
{
    network_t *network = alone(4, true);
    address_t peer = address_ipv4(203, 0, 113, 1, 4000), stranger = address_ipv4(192, 0, 2, 66, 4000);
    know_peer(network);
    add_candidate(network, &peer, 1000);
    sent_t check = take(network);
    CHECK_INT(check.class, STUN_REQUEST);
    check_t forged = {.class = STUN_SUCCESS_RESPONSE, .password = "guess", .transaction_id = id_of(&check)};
    send_check(network, &peer, &forged);
    send_check(network, &stranger, &forged);
    forged.password = "";
    send_check(network, &peer, &forged);
    forged.error = 487;
    send_check(network, &peer, &forged);
    forged = (check_t){.class = STUN_SUCCESS_RESPONSE}; /* an unknown transaction */
    send_check(network, &peer, &forged);
    CHECK_INT(state_of(network, 0), ICE_PAIR_IN_PROGRESS);
    CHECK_INT(ice_agent_drops(network->sides[0].agent)->wrong_integrity, 4);
    CHECK_INT(ice_agent_drops(network->sides[0].agent)->unknown_transaction, 1);
    CHECK(ice_agent_is_controlling(network->sides[0].agent));
    send_check(network, &peer, &(check_t){.class = STUN_SUCCESS_RESPONSE, .transaction_id = id_of(&check)});
    CHECK_INT(state_of(network, 0), ICE_PAIR_SUCCEEDED);
    send_check(network, &peer, &(check_t){.class = STUN_SUCCESS_RESPONSE, .transaction_id = id_of(&check)}); /* replayed */
    CHECK_INT(ice_agent_drops(network->sides[0].agent)->unknown_transaction, 2);
    network_free(network);
}

TEST(an_answer_that_is_not_symmetric_fails_the_pair)
{
    network_t *network = alone(5, true);
    address_t peer = address_ipv4(203, 0, 113, 1, 4000), elsewhere = address_ipv4(203, 0, 113, 2, 4000);
    know_peer(network);
    add_candidate(network, &peer, 1000);
    sent_t check = take(network);
    send_check(network, &elsewhere, &(check_t){.class = STUN_SUCCESS_RESPONSE, .transaction_id = id_of(&check)});
    CHECK_INT(state_of(network, 0), ICE_PAIR_FAILED);
    CHECK_INT(ice_agent_drops(network->sides[0].agent)->wrong_source, 1);
    network_free(network);
}

TEST(a_role_conflict_is_settled_by_the_tie_breaker)
{
    address_t peer = address_ipv4(203, 0, 113, 1, 4000);
    for (int role = 0; role < 2; role++) {
        network_t *network = alone(6, role == 1);
        check_t check = {.is_controlling = role == 1, .tie_breaker = 0};
        send_check(network, &peer, &check); /* both the same role, ours larger */
        sent_t sent = take(network);
        CHECK_INT(role == 1 ? error_of(&sent) : sent.class, role == 1 ? 487 : STUN_SUCCESS_RESPONSE);
        CHECK(ice_agent_is_controlling(network->sides[0].agent)); /* stays, or becomes it */
        network_free(network);

        network = alone(7, role == 1);
        check.tie_breaker = UINT64_MAX;
        send_check(network, &peer, &check);
        sent = take(network);
        CHECK_INT(role == 1 ? sent.class : error_of(&sent), role == 1 ? STUN_SUCCESS_RESPONSE : 487);
        CHECK(!ice_agent_is_controlling(network->sides[0].agent));
        network_free(network);
    }
}

TEST(a_487_answer_switches_the_role_and_repeats_the_check_but_not_for_ever)
{
    network_t *network = alone(8, true);
    address_t peer = address_ipv4(203, 0, 113, 1, 4000);
    know_peer(network);
    add_candidate(network, &peer, 1000);
    sent_t check = take(network);
    CHECK(has(&check, STUN_ICE_CONTROLLING));
    int rounds = 0;
    for (; check.class == STUN_REQUEST && rounds < 100; rounds++) {
        send_check(network, &peer, &(check_t){.class = STUN_ERROR_RESPONSE, .error = 487, .transaction_id = id_of(&check)});
        check = take(network);
        if (rounds == 0) {
            CHECK(has(&check, STUN_ICE_CONTROLLED));
            CHECK(!ice_agent_is_controlling(network->sides[0].agent));
        }
    }
    CHECK(rounds < 12);
    CHECK_INT(state_of(network, 0), ICE_PAIR_FAILED);
    network_free(network);
}

/* Answers every request of the agent, as a peer does; returns how many. */
static int answer_all(network_t *network)
{
    int count = 0;
    for (sent_t sent; (sent = take(network)).class >= 0;) {
        if (sent.class != STUN_REQUEST)
            continue;
        send_check(network, &sent.to, &(check_t){.class = STUN_SUCCESS_RESPONSE, .transaction_id = id_of(&sent)});
        count++;
    }
    return count;
}

static void advance(network_t *network, peer_time_t duration)
{
    ice_agent_t *agent = network->sides[0].agent;
    peer_time_t end = network->now + duration;
    while (ice_agent_deadline(agent) <= end) {
        network->now = ice_agent_deadline(agent) > network->now ? ice_agent_deadline(agent) : network->now;
        ice_agent_timeout(agent, network->now);
    }
    network->now = end;
}

TEST(a_controlled_agent_follows_aggressive_nomination_to_the_highest_pair)
{
    network_t *network = alone(9, false);
    address_t low = address_ipv4(203, 0, 113, 1, 4000), high = address_ipv4(203, 0, 113, 2, 4000);
    know_peer(network);
    check_t nominate = {.is_controlling = true, .has_use_candidate = true};
    add_candidate(network, &low, 1000);
    add_candidate(network, &high, 2000);
    send_check(network, &low, &nominate);
    CHECK(answer_all(network) >= 1);
    CHECK(address_equal(&ice_agent_send_path(network->sides[0].agent)->remote, &low));
    CHECK(network_selected_stats(network, 0)->is_nominated);
    send_check(network, &high, &nominate);
    answer_all(network);
    CHECK(address_equal(&ice_agent_send_path(network->sides[0].agent)->remote, &high));
    send_check(network, &low, &nominate); /* repeated within the same moment: the higher one stays */
    answer_all(network);
    CHECK(address_equal(&ice_agent_send_path(network->sides[0].agent)->remote, &high));
    advance(network, 3500 * PEER_MILLISECOND);
    send_check(network, &low, &nominate); /* the peer has moved */
    answer_all(network);
    CHECK(address_equal(&ice_agent_send_path(network->sides[0].agent)->remote, &low));
    network_free(network);
}

TEST(against_a_lite_peer_the_agent_controls_and_nominates)
{
    network_t *network = alone(10, false);
    address_t peer = address_ipv4(203, 0, 113, 1, 4000);
    CHECK_INT(ice_agent_set_remote_parameters(network->sides[0].agent, network->now, peer_ufrag, peer_password, true), 0);
    add_candidate(network, &peer, 1000);
    sent_t check = take(network);
    CHECK(has(&check, STUN_ICE_CONTROLLING) && !has(&check, STUN_USE_CANDIDATE));
    send_check(network, &peer, &(check_t){.class = STUN_SUCCESS_RESPONSE, .transaction_id = id_of(&check)});
    check = take(network);
    CHECK_INT(check.class, STUN_REQUEST);
    CHECK(has(&check, STUN_USE_CANDIDATE));
    send_check(network, &peer, &(check_t){.class = STUN_SUCCESS_RESPONSE, .transaction_id = id_of(&check)});
    CHECK(network_selected_stats(network, 0)->is_nominated);
    network_free(network);
}

TEST(ten_thousand_candidates_are_bounded)
{
    network_t *network = alone(11, true);
    know_peer(network);
    ice_agent_t *agent = network->sides[0].agent;
    int refused = 0;
    for (int i = 0; i < 10000; i++) {
        ice_candidate_t candidate = {.foundation = "1", .component = 1, .priority = (uint32_t)i + 1};
        candidate.address = address_ipv4(203, 0, (uint8_t)(i >> 8), (uint8_t)i, 4000);
        refused += ice_agent_add_remote_candidate(agent, network->now, &candidate) == PEER_ERROR_QUOTA_EXCEEDED;
        candidate.host_name = "some.host.example";
        candidate.address = (address_t){.port = (uint16_t)(i + 1)};
        ice_agent_add_remote_candidate(agent, network->now, &candidate);
    }
    CHECK(refused >= 9900);
    CHECK_INT(ice_agent_candidate_count(agent, true), ICE_MAX_REMOTE_CANDIDATES);
    CHECK(ice_agent_pair_count(agent) <= ICE_MAX_PAIRS);
    size_t packets = 0;
    for (int i = 0; i < 2000 && ice_agent_deadline(agent) != PEER_TIME_NEVER; i++) {
        advance(network, PEER_SECOND);
        while (take(network).class >= 0)
            packets++;
    }
    CHECK(packets <= 11 * ICE_MAX_PAIRS);
    CHECK_INT(ice_agent_state(agent), ICE_STATE_FAILED);
    network_free(network);
}

TEST(a_peer_that_checks_from_ten_thousand_addresses_is_bounded)
{
    network_t *network = alone(12, false);
    know_peer(network);
    for (int i = 0; i < 10000; i++) {
        address_t from = address_ipv4(203, 0, (uint8_t)(i >> 8), (uint8_t)i, 4000);
        send_check(network, &from, &(check_t){.is_controlling = true});
        int packets = 0;
        while (take(network).class >= 0)
            packets++;
        CHECK(packets <= 2); /* an answer and a triggered check at most */
    }
    CHECK_INT(ice_agent_candidate_count(network->sides[0].agent, true), ICE_MAX_PEER_REFLEXIVE);
    CHECK(ice_agent_drops(network->sides[0].agent)->over_limit >= 9900);
    network_free(network);
}

TEST(a_peer_cannot_keep_the_resolver_busy_with_many_names)
{
    network_t *network = alone(20, true);
    know_peer(network);
    ice_agent_t *agent = network->sides[0].agent;
    char name[64];
    size_t taken[2] = {0};
    ice_candidate_t candidate = {.component = 1, .type = ICE_CANDIDATE_HOST, .priority = 1, .host_name = name, .address = {.port = 9}};
    for (int i = 0; i < 80; i++) {
        bool is_mdns = i % 2 == 1;
        snprintf(name, sizeof name, is_mdns ? "host%d.local" : "slow%d.example", i);
        taken[is_mdns] += ice_agent_add_remote_candidate(agent, network->now, &candidate) == 0;
    }
    CHECK_INT(taken[0], ICE_MAX_HOST_NAMES);
    CHECK_INT(taken[1], 40);
    network_free(network);
}

TEST(addresses_where_nobody_answers_do_not_keep_the_peer_out)
{
    network_t *network = alone(19, false);
    know_peer(network);
    for (int i = 0; i < 2 * ICE_MAX_PEER_REFLEXIVE; i++) {
        address_t from = address_ipv4(203, 0, 113, (uint8_t)(i + 1), 4000);
        send_check(network, &from, &(check_t){.is_controlling = true});
        drain(network);
    }
    size_t drops = (size_t)ice_agent_drops(network->sides[0].agent)->over_limit;
    CHECK_INT(drops, ICE_MAX_PEER_REFLEXIVE);
    for (int i = 0; i < 60; i++) {
        advance(network, PEER_SECOND);
        drain(network);
    }
    for (int i = 0; i < 10; i++) {
        address_t from = address_ipv4(198, 51, 100, (uint8_t)(i + 100), 4000);
        send_check(network, &from, &(check_t){.is_controlling = true});
        drain(network);
    }
    CHECK_INT(ice_agent_drops(network->sides[0].agent)->over_limit, drops);
    CHECK_INT(ice_agent_candidate_count(network->sides[0].agent, true), ICE_MAX_PEER_REFLEXIVE);
    network_free(network);
}

TEST(addresses_no_candidate_can_have_are_refused)
{
    network_t *network = alone(13, true);
    know_peer(network);
    static const struct {
        const char *ip;
        uint16_t port;
    } wrong[] = {{"0.0.0.0", 1}, {"224.0.0.1", 1},      {"255.255.255.255", 1}, {"::", 1},
                 {"ff02::1", 1}, {"::ffff:1.2.3.4", 1}, {"1.2.3.4", 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ice_candidate_t candidate = {.foundation = "1", .component = 1, .priority = 1};
        CHECK(address_parse(&candidate.address, wrong[i].ip, wrong[i].port));
        CHECK_INT(ice_agent_add_remote_candidate(network->sides[0].agent, network->now, &candidate), PEER_ERROR_SYNTAX);
    }
    ice_candidate_t ignored = {.foundation = "1", .component = 2, .priority = 1, .address = address_ipv4(1, 2, 3, 4, 5)};
    CHECK_INT(ice_agent_add_remote_candidate(network->sides[0].agent, network->now, &ignored), 0);
    ignored.component = 1;
    ignored.protocol = TRANSPORT_TCP;
    CHECK_INT(ice_agent_add_remote_candidate(network->sides[0].agent, network->now, &ignored), 0);
    ignored.protocol = TRANSPORT_UDP;
    ignored.ufrag = "other";
    CHECK_INT(ice_agent_add_remote_candidate(network->sides[0].agent, network->now, &ignored), 0);
    CHECK_INT(ice_agent_candidate_count(network->sides[0].agent, true), 0);
    ignored.ufrag = NULL;
    ignored.address = address_ipv4(127, 0, 0, 1, 22); /* known, but never reached from an address that is not loopback */
    CHECK_INT(ice_agent_add_remote_candidate(network->sides[0].agent, network->now, &ignored), 0);
    CHECK_INT(ice_agent_pair_count(network->sides[0].agent), 0);
    network_free(network);
}

TEST(checks_and_candidates_of_another_ufrag_are_forgotten_when_the_parameters_come)
{
    network_t *network = alone(14, true);
    ice_agent_t *agent = network->sides[0].agent;
    ice_candidate_t other = {.foundation = "1", .component = 1, .priority = 1, .address = address_ipv4(1, 2, 3, 4, 5), .ufrag = "other"};
    CHECK_INT(ice_agent_add_remote_candidate(agent, network->now, &other), 0);
    other.host_name = "other.example";
    other.address = (address_t){.port = 9};
    CHECK_INT(ice_agent_add_remote_candidate(agent, network->now, &other), 0);
    address_t peer = address_ipv4(203, 0, 113, 1, 4000);
    send_check(network, &peer, &(check_t){0});
    CHECK_INT(ice_agent_candidate_count(agent, true), 3);
    know_peer(network);
    CHECK_INT(ice_agent_candidate_count(agent, true), 1);
    CHECK_INT(ice_agent_set_remote_parameters(agent, network->now, peer_ufrag, peer_password, false), 0);
    CHECK_INT(ice_agent_set_remote_parameters(agent, network->now, "other", peer_password, false), PEER_ERROR_INVALID_STATE);
    CHECK_INT(ice_agent_set_remote_parameters(agent, network->now, "", peer_password, false), PEER_ERROR_SYNTAX);
    sent_t answer = take(network), check = take(network);
    CHECK_INT(answer.class, STUN_SUCCESS_RESPONSE);
    CHECK_INT(check.class, STUN_REQUEST);
    CHECK(address_equal(&check.to, &peer));
    network_free(network);
}

TEST(truncated_and_garbage_datagrams_are_counted)
{
    network_t *network = alone(15, true);
    uint8_t bytes[600];
    size_t length = build(network, &(check_t){0}, bytes);
    address_t peer = address_ipv4(203, 0, 113, 1, 4000);
    for (size_t i = 0; i < length; i++)
        network_inject(network, 0, &peer, &network->sides[0].addresses[0], bytes, i);
    CHECK_INT(ice_agent_drops(network->sides[0].agent)->malformed, length);
    for (size_t bit = 0; bit < 8 * (length - 8); bit++) { /* the fingerprint behind the integrity is not protected by it */
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        network_inject(network, 0, &peer, &network->sides[0].addresses[0], bytes, length);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK_INT(ice_agent_candidate_count(network->sides[0].agent, true), 0);
    address_t nowhere = address_ipv4(9, 9, 9, 9, 9);
    network_inject(network, 0, &peer, &nowhere, bytes, length);
    CHECK_INT(ice_agent_drops(network->sides[0].agent)->unknown_socket, 1);
    drain(network);
    network_free(network);
}

TEST(a_server_answer_counts_only_from_the_server)
{
    network_t *network = network_new(16);
    network_add_address(network, 0, "198.51.100.1");
    network_use_server(network, "192.0.2.53");
    network_make_agents(network, true, false, false);
    ice_agent_gather(network->sides[0].agent, network->now);
    ice_agent_add_socket(network->sides[0].agent, network->now, 1, &network->sides[0].addresses[0], ICE_NETWORK_ETHERNET);
    ice_agent_sockets_complete(network->sides[0].agent, network->now);
    sent_t query = take(network);
    CHECK_INT(query.class, STUN_REQUEST);
    address_t stranger = address_ipv4(192, 0, 2, 66, 3478);
    check_t answer = {.class = STUN_SUCCESS_RESPONSE, .password = "", .transaction_id = id_of(&query)};
    send_check(network, &stranger, &answer);
    CHECK_INT(ice_agent_gathering_state(network->sides[0].agent), ICE_GATHERING_GATHERING);
    CHECK_INT(ice_agent_drops(network->sides[0].agent)->wrong_source, 1);
    send_check(network, &network->server, &answer);
    CHECK_INT(ice_agent_gathering_state(network->sides[0].agent), ICE_GATHERING_COMPLETE);
    network_free(network);
}

TEST(memory_that_runs_out_anywhere_neither_crashes_nor_leaks)
{
    for (unsigned nth = 1; nth < 120; nth++) {
        network_t *network = network_new(nth);
        network->delay = 5 * PEER_MILLISECOND;
        network_add_address(network, 0, "198.51.100.1");
        network_add_address(network, 1, "203.0.113.1");
        network->sides[0].hides_host_addresses = true;
        network_use_server(network, "stun.test");
        network_make_agents(network, true, false, false);
        for (int i = 0; i < 2; i++) {
            ice_agent_gather(network->sides[i].agent, network->now);
            network_send_parameters(network, i, 0);
        }
        network_pump(network);
        /* Candidates that cannot be kept are refused; everything else is as if the network had lost it. */
        memory_fail_nth(nth);
        ice_agent_t *agent = network->sides[0].agent;
        for (int i = 0; i < 12; i++) {
            ice_candidate_t candidate = {.foundation = "1",
                                         .component = 1,
                                         .priority = 9,
                                         .address = address_ipv4(203, 0, 113, (uint8_t)(100 + i), 9),
                                         .ufrag = NULL};
            if (i % 3 == 0) {
                candidate.host_name = "a.example";
                candidate.address = (address_t){.port = (uint16_t)(10 + i)};
            }
            ice_agent_add_remote_candidate(agent, network->now, &candidate);
            address_t address = address_ipv4(10, 0, 0, (uint8_t)(i + 1), 9);
            ice_agent_add_socket(agent, network->now, 100 + (uint32_t)i, &address, ICE_NETWORK_UNKNOWN);
            ice_agent_timeout(agent, network->now + i * PEER_MILLISECOND);
        }
        memory_fail_nth(0);
        drain(network);
        network_free(network);
    }
    for (unsigned nth = 1; nth < 8; nth++) {
        packet_pool_t *pool = packet_pool_new();
        random_seeded_t generator;
        random_seeded_init(&generator, nth);
        ice_server_t server = {.url = "stun:a", .host = "a", .port = 1};
        ice_config_t config = {.random = random_seeded_source(&generator), .pool = pool, .servers = &server, .server_count = 1};
        memory_fail_nth(nth);
        ice_agent_free(ice_agent_new(&config));
        memory_fail_nth(0);
        packet_pool_release(pool);
    }
}
