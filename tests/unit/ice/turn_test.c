/* The allocation: how it is asked for, with which credentials, refreshed, given back, refused and lost. */
#include "turn_world.h"

#include "stun/stun.h"

static void check_allocated(world_t *world)
{
    world_start(world);
    world_run(world, 2 * PEER_SECOND);
    if (world->allocated_count != 1)
        test_fail(__FILE__, __LINE__, "not allocated: %u %s", (unsigned)world->failure.failure.code, world->failure_text);
}

static void check_failed(world_t *world, unsigned code, const char *part)
{
    world_start(world);
    world_run(world, 60 * PEER_SECOND);
    CHECK_INT(world->failed_count, 1);
    CHECK_INT(world->allocated_count, 0);
    CHECK_INT(world->lost_count, 0);
    CHECK_INT(world->failure.failure.code, code);
    if (strstr(world->failure_text, part) == NULL)
        test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", world->failure_text, part);
    CHECK(turn_deadline(world->turn) == PEER_TIME_NEVER);
    packet_t *packet = packet_new_copy(world->pool, "x", 1);
    address_t peer = world_peer(1);
    CHECK(!turn_send(world->turn, world->now, packet, &peer));
    packet_unref(packet);
}

TEST(an_allocation_takes_two_round_trips_one_for_the_challenge)
{
    world_t *world = world_new();
    check_allocated(world);
    CHECK_INT(world->allocated_at, 1000 * PEER_SECOND + 4 * WORLD_DELAY);
    CHECK_INT(world->allocated.allocated.relayed_count, 1);
    CHECK(turn_server_is_relayed(world->server, world->now, &world->allocated.allocated.relayed[0]));
    CHECK(address_equal(&world->allocated.allocated.mapped, &world->config.path.local));
    CHECK_INT(world->allocated.allocated.lifetime, 600 * PEER_SECOND);
    const turn_counters_t *counters = turn_counters(world->turn);
    CHECK_INT(counters->requests_sent, 2);
    CHECK_INT(counters->responses_received, 2);
    CHECK_INT(counters->round_trip_time, 2 * WORLD_DELAY);
    world_free(world);
}

TEST(a_server_that_asks_for_no_credentials_is_used_without)
{
    world_t *world = world_new();
    world->server_config.username = world->config.username = NULL;
    check_allocated(world);
    CHECK_INT(world->allocated_at, 1000 * PEER_SECOND + 2 * WORLD_DELAY);
    address_t peer = world_peer(1);
    CHECK(world_send(world, &peer, "hello", 5));
    world_run(world, PEER_SECOND);
    CHECK_INT(world->at_peer.length, 5);
    world_free(world);
}

TEST(sha_256_and_user_hash_are_used_when_the_server_offers_them)
{
    for (int i = 0; i < 8; i++) {
        world_t *world = world_new();
        world->server_config.has_sha256 = i & 1;
        world->server_config.has_sha256_only = i & 2;
        world->server_config.has_username_anonymity = i & 4;
        check_allocated(world);
        CHECK_INT(turn_server_counters(world->server)->challenges, 1);
        world_free(world);
    }
}

TEST(user_names_passwords_and_realms_of_any_language_are_hashed_in_one_form)
{
    static const struct {
        const char *given_username, *given_password, *username, *password, *realm;
    } cases[] = {
        {"マトリックス", "パスワード", "マトリックス", "パスワード", "例え.テスト"},
        {"Jose\xcc\x81",
         "contrasen\xcc\x83"
         "a",
         "Jos\xc3\xa9",
         "contrase\xc3\xb1"
         "a",
         "espa\xc3\xb1"
         "a.example"},                                                                                      /* NFC */
        {"имя\xc2\xa0пользователя", "пароль\xe3\x80\x80тест", "имя пользователя", "пароль тест", "пример"}, /* spaces */
        {"मोहन", "क्\xe2\x80\x8dष", "मोहन", "क्\xe2\x80\x8dष", "उदाहरण"},                                     /* a joiner behind a virama */
        {"مستخدم", "كلمة", "مستخدم", "كلمة", "مثال"},
        {"用户:名", "密码:密码", "用户:名", "密码:密码", "领域 一"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int form = 0; form < 4; form++) {
            world_t *world = world_new();
            world->config.username = cases[i].given_username;
            world->config.password = cases[i].given_password;
            world->server_config.username = cases[i].username;
            world->server_config.password = cases[i].password;
            world->server_config.realm = cases[i].realm;
            world->server_config.has_sha256 = form & 1;
            world->server_config.has_username_anonymity = form & 2;
            check_allocated(world);
            world_free(world);
        }
    }
}

TEST(credentials_with_control_characters_are_refused_before_anything_is_sent)
{
    static const char *const bad[][2] = {
        {"us\ner", "secret"}, {"user", "sec\x7fret"}, {"", "secret"}, {"user", "\xff\xfe"}, {"user", NULL}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        world_t *world = world_new();
        world->config.username = bad[i][0];
        world->config.password = bad[i][1];
        check_failed(world, 401, i == 0 || i == 2 ? "user name" : "password");
        CHECK_INT(world->sent, 0);
        world_free(world);
    }
}

TEST(a_wrong_password_fails_after_one_try)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world->config.password = "wrong";
        world->server_config.has_sha256 = i;
        check_failed(world, 401, "did not accept the user name and the password");
        CHECK_INT(world->sent, 2);
        world_free(world);
    }
}

TEST(a_server_that_wants_credentials_when_there_are_none_fails)
{
    world_t *world = world_new();
    world->config.username = NULL;
    check_failed(world, 401, "asks for a user name");
    CHECK_INT(world->sent, 1);
    world_free(world);
}

TEST(a_list_of_algorithms_that_was_taken_away_is_noticed)
{
    world_t *world = world_new();
    world->server_config.has_sha256 = true;
    world_start(world);
    turn_server_faults(world->server)->hides_algorithms = true;
    world_run(world, PEER_SECOND);
    CHECK_INT(world->failed_count, 1);
    CHECK(strstr(world->failure_text, "tampers") != NULL);
    CHECK_INT(world->sent, 1); /* nothing was signed with the weaker one */
    world_free(world);
}

TEST(endless_challenges_come_to_an_end)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world_start(world);
        turn_server_faults(world->server)->has_stale_nonce_always = i == 0;
        turn_server_faults(world->server)->has_changing_realm = i == 1;
        world_run(world, 60 * PEER_SECOND);
        CHECK_INT(world->failed_count, 1);
        CHECK(strstr(world->failure_text, "again and again") != NULL);
        CHECK(world->sent <= 6);
        world_free(world);
    }
}

TEST(a_stale_nonce_costs_one_round_trip)
{
    world_t *world = world_new();
    world_allocate(world);
    turn_server_forget_nonces(world->server);
    address_t peer = world_peer(1), relayed = world_relayed(world, ADDRESS_IPV4);
    CHECK(world_send(world, &peer, "a", 1));
    world_run(world, 3 * WORLD_DELAY);
    CHECK(turn_server_has_permission(world->server, world->now, &relayed, &peer));
    world_free(world);
}

TEST(nonces_that_expire_do_not_end_an_allocation)
{
    world_t *world = world_new();
    world->server_config.nonce_lifetime = 70 * PEER_SECOND;
    world_allocate(world);
    world_run(world, 3600 * PEER_SECOND);
    CHECK_INT(world->lost_count, 0);
    CHECK_INT(turn_server_allocations(world->server, world->now), 1);
    world_free(world);
}

TEST(lost_datagrams_only_delay)
{
    for (int i = 0; i < 40; i++) {
        world_t *world = world_new();
        random_seeded_init(&world->generator, (uint64_t)i);
        world->loss_percent = 30;
        world_start(world);
        world_run(world, 20 * PEER_SECOND);
        CHECK_INT(world->allocated_count + world->failed_count, 1);
        CHECK(world->failed_count == 0 || world->failure.failure.code == TURN_CODE_UNREACHABLE);
        CHECK_INT(turn_server_allocations(world->server, world->now) >= world->allocated_count, 1);
        world_free(world);
    }
}

TEST(a_silent_server_fails_after_five_transmissions)
{
    world_t *world = world_new();
    world_start(world);
    turn_server_faults(world->server)->is_silent = true;
    world_run(world, 60 * PEER_SECOND);
    CHECK_INT(world->failed_count, 1);
    CHECK_INT(world->failure.failure.code, TURN_CODE_UNREACHABLE);
    CHECK_INT(world->failed_at - 1000 * PEER_SECOND, 9500 * PEER_MILLISECOND);
    CHECK_INT(world->sent, 5);
    world_free(world);
}

TEST(over_tcp_nothing_is_repeated)
{
    world_t *world = world_new();
    world->config.path.protocol = TRANSPORT_TCP;
    world_start(world);
    turn_server_faults(world->server)->is_silent = true;
    world_run(world, 60 * PEER_SECOND);
    CHECK_INT(world->failed_at - 1000 * PEER_SECOND, 9500 * PEER_MILLISECOND);
    CHECK_INT(world->sent, 1);
    world_free(world);
}

TEST(both_families_come_in_one_allocation)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world->config.wants_ipv6 = true;
        world_start(world);
        turn_server_faults(world->server)->is_like_coturn = i;
        world_run(world, PEER_SECOND);
        CHECK_INT(world->allocated_count, 1);
        CHECK_INT(world->allocated.allocated.relayed_count, 2);
        CHECK(turn_relayed(world->turn, ADDRESS_IPV4) != NULL && turn_relayed(world->turn, ADDRESS_IPV6) != NULL);
        CHECK_INT(turn_server_counters(world->server)->requests[STUN_ALLOCATE], 2);
        CHECK_INT(turn_server_allocations(world->server, world->now), 1);
        world_free(world);
    }
}

TEST(ipv6_alone_is_asked_for_when_only_that_is_wanted)
{
    world_t *world = world_new();
    world->config.wants_ipv4 = false;
    world->config.wants_ipv6 = true;
    check_allocated(world);
    CHECK_INT(world->allocated.allocated.relayed_count, 1);
    CHECK_INT(world->allocated.allocated.relayed[0].family, ADDRESS_IPV6);
    world_free(world);
}

TEST(the_family_that_a_server_has_is_taken_when_both_are_wanted)
{
    for (int i = 0; i < 8; i++) {
        world_t *world = world_new();
        world->config.wants_ipv6 = true;
        (i & 1 ? &world->server_config.relay_ipv4 : &world->server_config.relay_ipv6)->family = ADDRESS_NONE;
        world_start(world);
        turn_server_faults(world->server)->is_like_coturn = i & 4;
        turn_server_faults(world->server)->refuses_dual = i & 2; /* 440 instead of ADDRESS-ERROR-CODE */
        world_run(world, 2 * PEER_SECOND);
        CHECK_INT(world->allocated_count, 1);
        CHECK_INT(world->allocated.allocated.relayed_count, 1);
        CHECK_INT(world->allocated.allocated.relayed[0].family, i & 1 ? ADDRESS_IPV6 : ADDRESS_IPV4);
        world_free(world);
    }
}

TEST(the_other_family_is_taken_too_when_both_were_wanted)
{
    world_t *world = world_new();
    world->config.wants_ipv6 = true;
    world_start(world);
    turn_server_faults(world->server)->refuses_dual = true;
    CHECK(address_parse(&turn_server_faults(world->server)->relayed, "2001:db8::8", 5000)); /* IPv4 alone is asked for then */
    world_run(world, PEER_SECOND);
    CHECK_INT(world->allocated_count, 1);
    CHECK_INT(world->allocated.allocated.relayed[0].family, ADDRESS_IPV6);
    world_free(world);
}

TEST(a_family_that_the_server_lacks_fails)
{
    world_t *world = world_new();
    world->config.wants_ipv4 = false;
    world->config.wants_ipv6 = true;
    world->server_config.relay_ipv6.family = ADDRESS_NONE;
    check_failed(world, 440, "IP version");
    world_free(world);
}

TEST(errors_are_told_with_code_meaning_and_the_servers_words)
{
    static const struct {
        uint16_t code;
        const char *meaning;
    } cases[] = {{486, "quota"},
                 {508, "no address, port or bandwidth"},
                 {442, "does not relay UDP"},
                 {437, "this address and port"},
                 {403, "policy"},
                 {500, "error of its own"},
                 {441, "belongs to another user"},
                 {420, "too old"},
                 {400, "did not understand"},
                 {499, "refused"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world_t *world = world_new();
        world_start(world);
        *turn_server_faults(world->server) =
            (turn_server_faults_t){.error_method = STUN_ALLOCATE, .error_code = cases[i].code, .error_reason = "because\x1b[31m"};
        world_run(world, 60 * PEER_SECOND);
        CHECK_INT(world->failed_count, 1);
        CHECK_INT(world->failure.failure.code, cases[i].code);
        CHECK(strstr(world->failure_text, cases[i].meaning) != NULL);
        CHECK(strstr(world->failure_text, "(because?[31m)") != NULL);
        CHECK(!world->failure.failure.has_alternate);
        world_free(world);
    }
}

TEST(words_end_where_a_server_begins_to_pad)
{
    world_t *world = world_new();
    world_start(world);
    *turn_server_faults(world->server) =
        (turn_server_faults_t){.is_like_coturn = true, .error_method = STUN_ALLOCATE, .error_code = 508, .error_reason = "so full"};
    world_run(world, PEER_SECOND);
    CHECK(strstr(world->failure_text, "(so full)") != NULL);
    world_free(world);
}

TEST(a_full_quota_fails)
{
    world_t *world = world_new();
    world->server_config.quota = 1;
    world_allocate(world);
    turn_free(world->turn);
    world->config.path.local.port++;
    world->allocated_count = 0;
    check_failed(world, 486, "quota");
    world_free(world);
}

TEST(an_alternate_server_is_told_with_its_domain)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world->server_config.alternate = address_ipv4(192, 0, 2, 99, 3478);
        world->server_config.authenticates_alternate = i;
        world->server_config.alternate_domain = i ? "other.example.org" : NULL;
        check_failed(world, 300, "another server");
        CHECK(world->failure.failure.has_alternate);
        CHECK(address_equal(&world->failure.failure.alternate, &world->server_config.alternate));
        CHECK_TEXT(world->alternate_domain, i ? "other.example.org" : "");
        world_free(world);
    }
}

TEST(an_alternate_server_is_not_believed_without_integrity_once_we_signed)
{
    world_t *world = world_new();
    world->server_config.alternate = address_ipv4(192, 0, 2, 99, 3478);
    world->server_config.authenticates_alternate = true;
    world_start(world);
    turn_server_faults(world->server)->has_no_integrity = true;
    world_run(world, 60 * PEER_SECOND);
    CHECK_INT(world->failed_count, 1);
    CHECK(!world->failure.failure.has_alternate);
    world_free(world);
}

TEST(responses_without_valid_integrity_are_ignored)
{
    for (int i = 0; i < 6; i++) {
        world_t *world = world_new();
        world->server_config.has_sha256 = i & 1;
        world->config.path.protocol = i / 2 == 2 ? TRANSPORT_TCP : TRANSPORT_UDP;
        world_start(world);
        turn_server_faults(world->server)->has_no_integrity = i / 2 == 0;
        turn_server_faults(world->server)->has_wrong_integrity = i / 2 != 0;
        world_run(world, 60 * PEER_SECOND);
        CHECK_INT(world->allocated_count, 0);
        CHECK_INT(world->failed_count, 1);
        CHECK_INT(world->failure.failure.code, TURN_CODE_UNREACHABLE);
        CHECK(strstr(world->failure_text, "not authentic") != NULL);
        world_free(world);
    }
}

TEST(a_good_response_behind_a_forged_one_counts)
{
    world_t *world = world_new();
    world_start(world);
    turn_server_faults(world->server)->has_wrong_integrity = true;
    world_run(world, 100 * PEER_MILLISECOND);
    CHECK_INT(world->allocated_count, 0);
    turn_server_faults(world->server)->has_wrong_integrity = false;
    world_run(world, PEER_SECOND);
    CHECK_INT(world->allocated_count, 1);
    world_free(world);
}

TEST(responses_to_nothing_that_was_asked_change_nothing)
{
    world_t *world = world_new();
    world_start(world);
    uint8_t bytes[256];
    static const uint8_t id[STUN_TRANSACTION_ID_SIZE] = {9};
    stun_builder_t builder;
    stun_build_begin(&builder, bytes, sizeof bytes, STUN_ERROR_RESPONSE, STUN_ALLOCATE, id);
    stun_build_error(&builder, 508, "");
    peer_time_t deadline = turn_deadline(world->turn);
    CHECK_INT(world_give(world, bytes, stun_build_end(&builder)), TURN_INPUT_IGNORED);
    CHECK_INT(turn_deadline(world->turn), deadline);
    CHECK_INT(turn_counters(world->turn)->responses_received, 0);
    world_free(world);
}

/* A response of our own making to the request that waits in the world's only flight. */
static turn_input_result_t answer(world_t *world, stun_class_t class, uint16_t method, uint16_t extra)
{
    stun_message_t request;
    CHECK_INT(world->flight_count, 1);
    CHECK(stun_parse(&request, world->flights[0].bytes, world->flights[0].length));
    uint8_t bytes[256];
    stun_builder_t builder;
    address_t relayed = address_ipv4(192, 0, 2, 8, 5000);
    stun_build_begin(&builder, bytes, sizeof bytes, class, method, request.transaction_id);
    if (class == STUN_SUCCESS_RESPONSE)
        stun_build_xor_address(&builder, STUN_XOR_RELAYED_ADDRESS, &relayed);
    if (extra != 0)
        stun_build_u32(&builder, extra, 0);
    return world_give(world, bytes, stun_build_end(&builder));
}

TEST(a_bare_success_is_enough_and_its_lifetime_is_the_default)
{
    world_t *world = world_new();
    world_start(world);
    CHECK_INT(answer(world, STUN_SUCCESS_RESPONSE, STUN_ALLOCATE, 0), TURN_INPUT_CONSUMED);
    CHECK_INT(world->allocated_count, 1);
    CHECK_INT(world->allocated.allocated.mapped.family, ADDRESS_NONE);
    CHECK_INT(world->allocated.allocated.lifetime, 600 * PEER_SECOND);
    world_free(world);
}

TEST(answers_that_cannot_be_understood_fail)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world_start(world);
        answer(world, i == 0 ? STUN_SUCCESS_RESPONSE : STUN_ERROR_RESPONSE, STUN_ALLOCATE, i == 0 ? 0x7777 : 0);
        CHECK_INT(world->failed_count, 1);
        CHECK(strstr(world->failure_text, "cannot be understood") != NULL);
        world_free(world);
    }
}

TEST(an_answer_of_another_method_is_none)
{
    world_t *world = world_new();
    world_start(world);
    answer(world, STUN_SUCCESS_RESPONSE, STUN_BINDING, 0);
    CHECK_INT(world->allocated_count + world->failed_count, 0);
    CHECK_INT(turn_counters(world->turn)->responses_received, 0);
    world_run(world, PEER_SECOND);
    CHECK_INT(world->allocated_count, 1);
    world_free(world);
}

TEST(a_server_that_lies_about_the_relayed_address_fails_and_the_allocation_is_given_back)
{
    static const char *const lies[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "2001:db8::1", "192.0.2.8"};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        world_t *world = world_new();
        world_start(world);
        bool is_port_wrong = i == sizeof lies / sizeof *lies - 1;
        CHECK(address_parse(&turn_server_faults(world->server)->relayed, lies[i], is_port_wrong ? 0 : 5000));
        world_run(world, PEER_SECOND);
        CHECK_INT(world->allocated_count, 0);
        CHECK_INT(world->failed_count, 1);
        CHECK_INT(world->failure.failure.code, TURN_CODE_UNREACHABLE);
        CHECK(strstr(world->failure_text, "relayed address") != NULL);
        CHECK_INT(turn_server_allocations(world->server, world->now), 0);
        CHECK(turn_deadline(world->turn) == PEER_TIME_NEVER);
        world_free(world);
    }
}

TEST(one_address_twice_is_not_two_families)
{
    world_t *world = world_new();
    world->config.wants_ipv6 = true;
    world_start(world);
    turn_server_faults(world->server)->relayed = address_ipv4(192, 0, 2, 8, 5000);
    world_run(world, PEER_SECOND);
    CHECK_INT(world->failed_count, 1);
    world_free(world);
}

TEST(an_allocation_lives_as_long_as_it_is_wanted)
{
    static const uint32_t lifetimes[] = {600, 60, 30, 3600, 100000};
    for (size_t i = 0; i < sizeof lifetimes / sizeof *lifetimes; i++) {
        world_t *world = world_new();
        world->server_config.lifetime = lifetimes[i];
        world_allocate(world);
        for (int minute = 0; minute < 180; minute++) {
            world_run(world, 60 * PEER_SECOND);
            CHECK_INT(turn_server_allocations(world->server, world->now), 1);
        }
        CHECK_INT(world->lost_count, 0);
        CHECK_INT(world->allocated_count, 1);
        world_free(world);
    }
}

TEST(absurd_lifetimes_cause_no_flood_and_no_loss)
{
    static const uint32_t lies[] = {0, 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        world_t *world = world_new();
        world->server_config.lifetime = 7200;
        world_start(world);
        *turn_server_faults(world->server) = (turn_server_faults_t){.has_lifetime = true, .lifetime = lies[i]};
        world_run(world, 7100 * PEER_SECOND);
        CHECK_INT(world->lost_count, 0);
        CHECK(world->sent < 800);
        world_free(world);
    }
}

TEST(closing_gives_the_allocation_back)
{
    world_t *world = world_new();
    world_allocate(world);
    turn_server_forget_nonces(world->server); /* even over a stale nonce */
    turn_close(world->turn, world->now);
    world_pump(world);
    world_run(world, PEER_SECOND);
    CHECK_INT(turn_server_allocations(world->server, world->now), 0);
    CHECK(turn_deadline(world->turn) == PEER_TIME_NEVER);
    CHECK_INT(world->lost_count, 0);
    world_free(world);
}

TEST(closing_in_the_middle_of_the_request_gives_back_what_still_comes)
{
    for (int i = 0; i < 5; i++) {
        world_t *world = world_new();
        world_start(world);
        world_run(world, i * WORLD_DELAY);
        turn_close(world->turn, world->now);
        world_pump(world);
        world_run(world, 10 * PEER_SECOND);
        CHECK_INT(turn_server_allocations(world->server, world->now), 0);
        CHECK(turn_deadline(world->turn) == PEER_TIME_NEVER);
        CHECK_INT(world->failed_count + world->lost_count, 0);
        world_free(world);
    }
}

TEST(what_is_closed_unanswered_is_asked_for_no_more)
{
    world_t *world = world_new();
    world->is_cut = true;
    world_start(world);
    world_run(world, WORLD_DELAY);
    turn_close(world->turn, world->now);
    world_pump(world);
    world_run(world, 20 * PEER_SECOND);
    CHECK_INT(world->sent, 1);
    CHECK(turn_deadline(world->turn) == PEER_TIME_NEVER);
    world_free(world);
}

TEST(a_server_that_was_restarted_is_noticed_at_the_next_request)
{
    for (int i = 0; i < 3; i++) {
        world_t *world = world_new();
        world_allocate(world);
        address_t peer = world_peer(1);
        turn_server_restart(world->server);
        if (i == 1)
            CHECK(world_send(world, &peer, "x", 1)); /* CreatePermission */
        else if (i == 2)
            turn_bind_channel(world->turn, world->now, &peer);
        world_pump(world);
        world_run(world, i == 0 ? 600 * PEER_SECOND : 5 * PEER_SECOND);
        CHECK_INT(world->lost_count, 1);
        CHECK_INT(world->failed_count, 0);
        CHECK_INT(world->failure.failure.code, 437);
        CHECK(turn_deadline(world->turn) == PEER_TIME_NEVER);
        CHECK(!world_send(world, &peer, "x", 1));
        world_free(world);
    }
}

TEST(a_server_is_asked_at_once_whether_it_knows_the_allocation_still)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world_allocate(world);
        if (i == 1)
            turn_server_restart(world->server);
        size_t sent = world->sent;
        for (int k = 0; k < 3; k++)
            turn_verify(world->turn, world->now); /* one question, however often it is asked */
        world_run(world, WORLD_DELAY);
        CHECK_INT(world->sent, sent + 1);
        world_run(world, 4 * WORLD_DELAY);
        CHECK_INT(world->lost_count, i);
        CHECK_INT(world->failure.failure.code, i == 1 ? 437 : 0);
        world_run(world, 600 * PEER_SECOND);
        CHECK_INT(turn_server_allocations(world->server, world->now), 1 - i);
        world_free(world);
    }
}

TEST(a_server_that_fell_silent_is_lost_after_two_rounds_of_refresh)
{
    world_t *world = world_new();
    world_allocate(world);
    peer_time_t begun = world->now;
    world->is_cut = true;
    world_run(world, 700 * PEER_SECOND);
    CHECK_INT(world->lost_count, 1);
    CHECK_INT(world->failure.failure.code, TURN_CODE_UNREACHABLE);
    CHECK(world->failed_at - begun < 600 * PEER_SECOND);
    world_free(world);
}

TEST(an_outage_shorter_than_that_is_survived)
{
    world_t *world = world_new();
    world_allocate(world);
    world_run(world, 535 * PEER_SECOND);
    world->is_cut = true;
    world_run(world, 15 * PEER_SECOND);
    world->is_cut = false;
    world_run(world, 600 * PEER_SECOND);
    CHECK_INT(world->lost_count, 0);
    CHECK_INT(turn_server_allocations(world->server, world->now), 1);
    world_free(world);
}

TEST(a_host_that_slept_for_an_hour_knows_that_the_allocation_is_gone)
{
    world_t *world = world_new();
    world_allocate(world);
    world->now += 3600 * PEER_SECOND;
    turn_timeout(world->turn, world->now);
    world_pump(world);
    CHECK_INT(world->lost_count, 1);
    CHECK(strstr(world->failure_text, "expired") != NULL);
    world_free(world);
}

TEST(memory_that_runs_out_makes_no_client)
{
    for (unsigned n = 1; n < 8; n++) {
        world_t *world = world_new();
        world->server = turn_server_new(&world->server_config);
        memory_fail_nth(n);
        world->turn = turn_new(&world->config, world->now);
        memory_fail_nth(0);
        if (world->turn != NULL) {
            world_pump(world);
            world_run(world, 2 * PEER_SECOND);
            CHECK_INT(world->allocated_count, 1); /* at worst a datagram was lost */
        }
        world_free(world);
    }
}
