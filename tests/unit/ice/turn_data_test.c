/* What goes through the relay: permissions, Send and Data indications, channels. */
#include "turn_world.h"

#include "stun/stun.h"

static const char payload[] = "the quick brown fox";

/* A datagram of DTLS with the largest record there is (RFC 6347 §4.1.1). */
#define LARGEST 16421

static void check_both_ways(world_t *world, const address_t *peer, size_t length)
{
    size_t at_peer = world->at_peer.count, at_client = world->at_client.count;
    CHECK(world_send(world, peer, payload, length));
    world_run(world, WORLD_DELAY);
    CHECK_INT(world->at_peer.count, at_peer + 1);
    CHECK_INT(world->at_peer.length, length);
    CHECK_BYTES(world->at_peer.bytes, payload, length);
    address_t relayed = world_relayed(world, (address_family_t)peer->family);
    CHECK(address_equal(&world->at_peer.path.local, &relayed) && address_equal(&world->at_peer.path.remote, peer));
    world_peer_sends(world, peer, payload, length);
    world_run(world, WORLD_DELAY);
    CHECK_INT(world->at_client.count, at_client + 1);
    CHECK_INT(world->at_client.length, length);
    CHECK_BYTES(world->at_client.bytes, payload, length);
    CHECK(address_equal(&world->at_client.path.local, &relayed) && address_equal(&world->at_client.path.remote, peer));
    CHECK_INT(world->at_client.path.socket, 3);
}

TEST(the_first_packet_waits_for_no_permission)
{
    world_t *world = world_new();
    world_allocate(world);
    address_t peer = world_peer(1);
    CHECK(world_send(world, &peer, payload, 5));
    world_run(world, WORLD_DELAY);
    CHECK_INT(world->at_peer.count, 1);
    CHECK_INT(turn_server_counters(world->server)->requests[STUN_CREATE_PERMISSION], 1);
    world_free(world);
}

TEST(data_goes_both_ways_in_indications_and_in_channels_of_every_length_and_family_and_transport)
{
    for (int i = 0; i < 4; i++) {
        world_t *world = world_new();
        world->config.wants_ipv6 = true;
        world->config.path.protocol = i & 1 ? TRANSPORT_TCP : TRANSPORT_UDP;
        world_allocate(world);
        address_t peer = world_peer(1);
        if (i & 2)
            CHECK(address_parse(&peer, "2001:db8::99", 5000));
        for (size_t length = 0; length < 8; length++)
            check_both_ways(world, &peer, length);
        turn_bind_channel(world->turn, world->now, &peer);
        world_pump(world);
        check_both_ways(world, &peer, 7); /* until it is answered */
        world_run(world, PEER_SECOND);
        address_t relayed = world_relayed(world, (address_family_t)peer.family);
        CHECK(turn_server_channel(world->server, world->now, &relayed, &peer) != 0);
        for (size_t length = 0; length < 8; length++)
            check_both_ways(world, &peer, length);
        CHECK_INT(turn_server_counters(world->server)->channel_packets, 8);
        CHECK_INT(turn_server_counters(world->server)->dropped, 0);
        CHECK_INT(world->last_size, i & 1 ? 12 : 11);
        world_free(world);
    }
}

static void check_large(world_t *world, const address_t *peer)
{
    static uint8_t bytes[LARGEST];
    memset(bytes, 0x17, sizeof bytes);
    world->at_peer.length = world->at_client.length = 0;
    CHECK(world_send(world, peer, bytes, sizeof bytes));
    world_run(world, WORLD_DELAY);
    CHECK_INT(world->at_peer.length, LARGEST);
    CHECK_BYTES(world->at_peer.bytes, bytes, LARGEST);
    world_peer_sends(world, peer, bytes, sizeof bytes);
    world_run(world, WORLD_DELAY);
    CHECK_INT(world->at_client.length, LARGEST);
    CHECK_BYTES(world->at_client.bytes, bytes, LARGEST);
}

TEST(the_largest_datagram_of_dtls_is_relayed_both_ways_over_udp_and_tcp)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world->config.path.protocol = i != 0 ? TRANSPORT_TCP : TRANSPORT_UDP;
        world_allocate(world);
        address_t peer = world_peer(1);
        check_large(world, &peer);
        turn_bind_channel(world->turn, world->now, &peer);
        world_pump(world);
        world_run(world, PEER_SECOND);
        check_large(world, &peer);
        CHECK_INT(turn_server_counters(world->server)->channel_packets, 1);
        CHECK_INT(turn_server_counters(world->server)->dropped, 0);
        world_free(world);
    }
}

TEST(a_packet_without_headroom_is_moved_and_one_without_any_room_refused)
{
    world_t *world = world_new();
    world_allocate(world);
    address_t peer = world_peer(1);
    packet_t *packet = packet_new_copy(world->pool, payload, 10);
    packet->data -= PACKET_HEADROOM;
    memcpy(packet->data, payload, 10);
    CHECK(turn_send(world->turn, world->now, packet, &peer));
    stun_message_t message;
    const uint8_t *data;
    size_t length;
    CHECK(stun_parse(&message, packet->data, packet->length) && stun_get_bytes(&message, STUN_DATA_ATTRIBUTE, &data, &length));
    CHECK_INT(length, 10);
    CHECK_BYTES(data, payload, 10);
    packet_unref(packet);
    packet = packet_new(world->pool, PACKET_SMALL);
    packet->data -= PACKET_HEADROOM;
    packet->length = packet->capacity;
    memset(packet->data, 0, packet->length);
    CHECK(!turn_send(world->turn, world->now, packet, &peer));
    packet_unref(packet);
    world_pump(world);
    world_free(world);
}

TEST(nothing_comes_in_from_peers_that_were_not_asked_for)
{
    world_t *world = world_new();
    world_allocate(world);
    address_t peer = world_peer(1), other = world_peer(2);
    CHECK(world_send(world, &peer, payload, 5));
    world_run(world, PEER_SECOND);
    turn_server_faults(world->server)->needs_no_permission = true; /* the server lies */
    world_peer_sends(world, &other, payload, 5);
    world_run(world, PEER_SECOND);
    CHECK_INT(world->at_client.count, 0);
    CHECK_INT(turn_counters(world->turn)->dropped, 1);
    other = peer;
    other.port++; /* a permission is for an IP address */
    world_peer_sends(world, &other, payload, 5);
    world_run(world, PEER_SECOND);
    CHECK_INT(world->at_client.count, 1);
    world_free(world);
}

TEST(malformed_and_foreign_packets_are_dropped)
{
    world_t *world = world_new();
    world_allocate(world);
    address_t peer = world_peer(1);
    turn_bind_channel(world->turn, world->now, &peer);
    world_pump(world);
    world_run(world, PEER_SECOND);
    address_t relayed = world_relayed(world, ADDRESS_IPV4);
    uint16_t number = turn_server_channel(world->server, world->now, &relayed, &peer);
    uint8_t channel[8] = {(uint8_t)(number >> 8), (uint8_t)number, 0, 4, 1, 2, 3, 4};
    CHECK_INT(world_give(world, channel, 8), TURN_INPUT_DATA);
    CHECK_INT(world_give(world, channel, 7), TURN_INPUT_CONSUMED); /* shorter than it says */
    CHECK_INT(world_give(world, channel, 3), TURN_INPUT_IGNORED);
    channel[1] ^= 1;
    CHECK_INT(world_give(world, channel, 8), TURN_INPUT_CONSUMED); /* no such channel */
    CHECK_INT(world_give(world, "\x16\xfe\xfd hello", 8), TURN_INPUT_IGNORED);
    CHECK_INT(world_give(world, "", 0), TURN_INPUT_IGNORED);
    uint8_t bytes[128];
    static const uint8_t id[STUN_TRANSACTION_ID_SIZE] = {0};
    stun_builder_t builder;
    stun_build_begin(&builder, bytes, sizeof bytes, STUN_INDICATION, STUN_DATA, id);
    stun_build_xor_address(&builder, STUN_XOR_PEER_ADDRESS, &peer);
    CHECK_INT(world_give(world, bytes, stun_build_end(&builder)), TURN_INPUT_CONSUMED); /* no DATA */
    stun_build_u32(&builder, STUN_ICMP, 0x03010000);
    stun_build_bytes(&builder, STUN_DATA_ATTRIBUTE, "x", 1);
    CHECK_INT(world_give(world, bytes, stun_build_end(&builder)), TURN_INPUT_CONSUMED);
    stun_build_begin(&builder, bytes, sizeof bytes, STUN_INDICATION, STUN_BINDING, id);
    CHECK_INT(world_give(world, bytes, stun_build_end(&builder)), TURN_INPUT_IGNORED);
    CHECK_INT(world->at_client.count, 1);
    world_free(world);
}

TEST(permissions_and_channels_in_use_last_and_those_unused_do_not)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world_allocate(world);
        address_t used = world_peer(1), unused = world_peer(2), relayed = world_relayed(world, ADDRESS_IPV4);
        for (int p = 1; p <= 2; p++) {
            address_t peer = world_peer(p);
            CHECK(world_send(world, &peer, payload, 5));
            if (i == 1)
                turn_bind_channel(world->turn, world->now, &peer);
        }
        for (int t = 0; t < 360; t++) {
            world_run(world, 10 * PEER_SECOND);
            check_both_ways(world, &used, 5);
        }
        CHECK(turn_server_has_permission(world->server, world->now, &relayed, &used));
        CHECK(!turn_server_has_permission(world->server, world->now, &relayed, &unused));
        CHECK_INT(turn_server_channel(world->server, world->now, &relayed, &used) != 0, i);
        CHECK_INT(turn_server_channel(world->server, world->now, &relayed, &unused), 0);
        check_both_ways(world, &unused, 5); /* it can be asked for again */
        /* In an hour: a request every 220 or 240 s, and Refresh every 540 s. */
        CHECK(turn_counters(world->turn)->requests_sent < 35);
        world_free(world);
    }
}

TEST(what_only_comes_in_keeps_a_permission_too)
{
    world_t *world = world_new();
    world_allocate(world);
    address_t peer = world_peer(1);
    CHECK(world_send(world, &peer, payload, 5));
    for (int t = 0; t < 120; t++) {
        world_run(world, 10 * PEER_SECOND);
        world_peer_sends(world, &peer, payload, 5);
    }
    world_run(world, PEER_SECOND);
    CHECK_INT(world->at_client.count, 120);
    world_free(world);
}

TEST(a_permission_that_slept_is_refreshed_by_the_first_sign_of_life)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world_allocate(world);
        address_t peer = world_peer(1), relayed = world_relayed(world, ADDRESS_IPV4);
        CHECK(world_send(world, &peer, payload, 5));
        world_run(world, 290 * PEER_SECOND);
        if (i == 0)
            CHECK(world_send(world, &peer, payload, 5));
        else
            world_peer_sends(world, &peer, payload, 5);
        world_run(world, 100 * PEER_SECOND);
        CHECK(turn_server_has_permission(world->server, world->now, &relayed, &peer));
        world_free(world);
    }
}

TEST(a_channel_that_slept_wakes_with_its_number_and_no_packet_is_lost)
{
    for (int pause = 10; pause < 1500; pause += 70) {
        world_t *world = world_new();
        world_allocate(world);
        address_t peer = world_peer(1), relayed = world_relayed(world, ADDRESS_IPV4);
        turn_bind_channel(world->turn, world->now, &peer);
        world_pump(world);
        world_run(world, PEER_SECOND);
        uint16_t number = turn_server_channel(world->server, world->now, &relayed, &peer);
        CHECK(number != 0);
        world_run(world, pause * PEER_SECOND);
        turn_bind_channel(world->turn, world->now, &peer);
        world_pump(world);
        check_both_ways(world, &peer, 9);
        world_run(world, PEER_SECOND);
        check_both_ways(world, &peer, 9);
        CHECK_INT(turn_server_channel(world->server, world->now, &relayed, &peer), number);
        CHECK_INT(turn_server_counters(world->server)->errors, 1); /* the first challenge */
        world_free(world);
    }
}

TEST(a_channel_that_failed_or_ended_comes_back_with_the_traffic)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world_allocate(world);
        address_t peer = world_peer(1), relayed = world_relayed(world, ADDRESS_IPV4);
        if (i == 0)
            *turn_server_faults(world->server) = (turn_server_faults_t){.error_method = STUN_CHANNEL_BIND, .error_code = 508};
        turn_bind_channel(world->turn, world->now, &peer);
        world_pump(world);
        world_run(world, i == 0 ? PEER_SECOND : 700 * PEER_SECOND);
        CHECK_INT(turn_server_channel(world->server, world->now, &relayed, &peer), 0);
        *turn_server_faults(world->server) = (turn_server_faults_t){0};
        world_run(world, 5 * PEER_SECOND);
        check_both_ways(world, &peer, 5);
        world_run(world, PEER_SECOND);
        CHECK(turn_server_channel(world->server, world->now, &relayed, &peer) != 0);
        check_both_ways(world, &peer, 5);
        CHECK_INT(turn_server_counters(world->server)->channel_packets, 1);
        world_free(world);
    }
}

TEST(a_channel_number_is_not_another_peers_before_five_minutes_have_passed)
{
    world_t *world = world_new();
    world_allocate(world);
    uint16_t numbers[TURN_MAX_CHANNELS];
    address_t relayed = world_relayed(world, ADDRESS_IPV4);
    for (int round = 0; round < 3; round++) {
        peer_time_t begun = world->now;
        for (int i = 0; i <= TURN_MAX_CHANNELS; i++) {
            address_t peer = world_peer(1 + i + 50 * round);
            turn_bind_channel(world->turn, world->now, &peer);
            world_pump(world);
            world_run(world, PEER_SECOND);
            uint16_t number = turn_server_channel(world->server, world->now, &relayed, &peer);
            CHECK_INT(number != 0, i < TURN_MAX_CHANNELS); /* one more than there is room for goes without */
            check_both_ways(world, &peer, 4);
            if (i == TURN_MAX_CHANNELS)
                continue;
            for (int k = 0; k < i; k++)
                CHECK(numbers[k] != number);
            numbers[i] = number;
            CHECK(number >= 0x4000 && number <= 0x4fff);
        }
        for (int i = 0; i < TURN_MAX_CHANNELS && round == 0; i++) { /* while they last, no other peer gets one */
            address_t peer = world_peer(200);
            world_run(world, begun + (600 + 299) * PEER_SECOND > world->now + 20 * PEER_SECOND ? 20 * PEER_SECOND : 0);
            turn_bind_channel(world->turn, world->now, &peer);
            world_pump(world);
            world_run(world, PEER_SECOND);
            CHECK_INT(turn_server_channel(world->server, world->now, &relayed, &peer), 0);
        }
        world_run(world, 1000 * PEER_SECOND);
    }
    CHECK_INT(turn_server_counters(world->server)->errors, 1);
    world_free(world);
}

TEST(a_peer_that_the_server_forbids_is_told_once_and_asked_for_once)
{
    world_t *world = world_new();
    world->server_config.forbidden = address_ipv4(203, 0, 113, 1, 0);
    world_allocate(world);
    address_t peer = world_peer(1), other = world_peer(2);
    CHECK(world_send(world, &peer, payload, 5));
    world_run(world, PEER_SECOND);
    CHECK_INT(world->permission_failed_count, 1);
    CHECK_INT(world->permission_failed.permission.code, 403);
    CHECK(address_ip_equal(&world->permission_failed.permission.peer, &peer));
    CHECK(strstr(world->permission_failed.permission.text, "policy") != NULL);
    for (int i = 0; i < 100; i++) {
        CHECK(!world_send(world, &peer, payload, 5));
        turn_bind_channel(world->turn, world->now, &peer);
        world_pump(world);
        world_run(world, PEER_SECOND);
    }
    CHECK_INT(turn_server_counters(world->server)->requests[STUN_CREATE_PERMISSION], 1);
    CHECK_INT(turn_server_counters(world->server)->requests[STUN_CHANNEL_BIND], 0);
    CHECK_INT(world->permission_failed_count, 1);
    check_both_ways(world, &other, 5);
    world_free(world);
}

TEST(a_permission_that_fails_for_now_is_asked_for_again_a_few_times)
{
    world_t *world = world_new();
    world_allocate(world);
    *turn_server_faults(world->server) = (turn_server_faults_t){.error_method = STUN_CREATE_PERMISSION, .error_code = 508};
    address_t peer = world_peer(1);
    for (int i = 0; i < 300; i++) {
        world_send(world, &peer, payload, 5);
        world_run(world, 100 * PEER_MILLISECOND);
    }
    CHECK_INT(turn_server_counters(world->server)->requests[STUN_CREATE_PERMISSION], 4);
    CHECK_INT(world->permission_failed_count, 4);
    world_free(world);
}

TEST(a_permission_without_an_answer_fails_after_all_transmissions)
{
    world_t *world = world_new();
    world_allocate(world);
    turn_server_faults(world->server)->silent_method = STUN_CREATE_PERMISSION;
    address_t peer = world_peer(1);
    CHECK(world_send(world, &peer, payload, 5));
    world_run(world, 9400 * PEER_MILLISECOND);
    CHECK_INT(world->permission_failed_count, 0);
    CHECK(world_send(world, &peer, payload, 5)); /* as long as there is hope */
    world_run(world, 200 * PEER_MILLISECOND);
    CHECK_INT(world->permission_failed_count, 1);
    CHECK_INT(world->permission_failed.permission.code, TURN_CODE_UNREACHABLE);
    CHECK(!world_send(world, &peer, payload, 5));
    CHECK_INT(turn_server_counters(world->server)->requests[STUN_CREATE_PERMISSION], 8); /* the round trip is known, and short */
    world_free(world);
}

TEST(refusals_of_servers_that_sign_no_errors_are_told_in_the_end)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world->server_config.forbidden = address_ipv4(203, 0, 113, 1, 0);
        world->config.path.protocol = i == 0 ? TRANSPORT_UDP : TRANSPORT_TCP;
        world_allocate(world);
        turn_server_faults(world->server)->has_no_integrity = true;
        address_t peer = world_peer(1);
        CHECK(world_send(world, &peer, payload, 5));
        world_run(world, PEER_SECOND);
        CHECK_INT(world->permission_failed_count, i); /* over UDP another answer might still come */
        world_run(world, 10 * PEER_SECOND);
        CHECK_INT(world->permission_failed_count, 1);
        CHECK_INT(world->permission_failed.permission.code, 403);
        CHECK_INT(world->lost_count, 0);
        world_free(world);
    }
}

TEST(what_was_granted_survives_an_outage_while_it_lasts)
{
    for (int i = 0; i < 2; i++) {
        world_t *world = world_new();
        world_allocate(world);
        address_t peer = world_peer(1);
        CHECK(world_send(world, &peer, payload, 5));
        if (i == 1)
            turn_bind_channel(world->turn, world->now, &peer);
        world_pump(world);
        world_run(world, 200 * PEER_SECOND);
        check_both_ways(world, &peer, 5);
        *turn_server_faults(world->server) = (turn_server_faults_t){.is_silent = true};
        world_run(world, 60 * PEER_SECOND); /* the time of the refresh is in it */
        turn_server_faults(world->server)->is_silent = false;
        world_run(world, 20 * PEER_SECOND);
        check_both_ways(world, &peer, 5);
        CHECK_INT(world->permission_failed_count, 0);
        CHECK_INT(turn_server_counters(world->server)->channel_packets, 2 * i);
        world_free(world);
    }
}

TEST(a_channel_without_an_answer_is_asked_for_a_few_times)
{
    world_t *world = world_new();
    world_allocate(world);
    turn_server_faults(world->server)->silent_method = STUN_CHANNEL_BIND;
    address_t peer = world_peer(1);
    for (int i = 0; i < 200; i++) {
        turn_bind_channel(world->turn, world->now, &peer);
        world_pump(world);
        check_both_ways(world, &peer, 5);
        world_run(world, PEER_SECOND);
    }
    CHECK_INT(turn_server_counters(world->server)->requests[STUN_CHANNEL_BIND], 4 * 8);
    world_free(world);
}

TEST(the_server_forgot_the_allocation_when_a_channel_is_asked_for)
{
    world_t *world = world_new();
    world_allocate(world);
    address_t peer = world_peer(1);
    CHECK(world_send(world, &peer, payload, 5));
    world_run(world, PEER_SECOND);
    turn_server_restart(world->server);
    turn_bind_channel(world->turn, world->now, &peer);
    world_pump(world);
    world_run(world, PEER_SECOND);
    CHECK_INT(world->lost_count, 1);
    CHECK_INT(world->failure.failure.code, 437);
    CHECK_INT(world_give(world, "\x40\x00\x00\x00", 4), TURN_INPUT_IGNORED);
    world_free(world);
}

TEST(credentials_that_no_longer_hold_do_not_end_what_flows)
{
    world_t *world = world_new();
    world_allocate(world);
    address_t peer = world_peer(1), other = world_peer(2);
    turn_bind_channel(world->turn, world->now, &peer);
    world_pump(world);
    world_run(world, PEER_SECOND);
    *turn_server_faults(world->server) = (turn_server_faults_t){.error_method = STUN_CREATE_PERMISSION, .error_code = 441};
    CHECK(world_send(world, &other, payload, 5));
    world_run(world, PEER_SECOND);
    CHECK_INT(world->permission_failed_count, 1);
    check_both_ways(world, &peer, 5);
    CHECK_INT(world->lost_count, 0);
    world_free(world);
}

TEST(a_family_that_was_not_allocated_cannot_be_sent_to)
{
    world_t *world = world_new();
    world_allocate(world);
    address_t peer;
    CHECK(address_parse(&peer, "2001:db8::99", 5000));
    CHECK(!world_send(world, &peer, payload, 5));
    turn_bind_channel(world->turn, world->now, &peer);
    world_run(world, PEER_SECOND);
    CHECK_INT(turn_server_counters(world->server)->requests[STUN_CREATE_PERMISSION], 0);
    world_free(world);
}

TEST(peers_beyond_the_cap_are_refused_and_refused_ones_make_room)
{
    world_t *world = world_new();
    world->server_config.forbidden = address_ipv4(203, 0, 113, 7, 0);
    world_allocate(world);
    for (int i = 1; i <= TURN_MAX_PERMISSIONS; i++) {
        address_t peer = world_peer(i);
        CHECK(world_send(world, &peer, payload, 5));
        world_run(world, 100 * PEER_MILLISECOND);
    }
    address_t next = world_peer(200), last = world_peer(201);
    CHECK(world_send(world, &next, payload, 5)); /* in the place of the forbidden one */
    CHECK(!world_send(world, &last, payload, 5));
    world_run(world, PEER_SECOND);
    CHECK_INT(turn_server_counters(world->server)->requests[STUN_CREATE_PERMISSION], TURN_MAX_PERMISSIONS + 1);
    world_free(world);
}

TEST(a_server_without_channels_is_used_with_indications)
{
    world_t *world = world_new();
    world_allocate(world);
    *turn_server_faults(world->server) = (turn_server_faults_t){.error_method = STUN_CHANNEL_BIND, .error_code = 400};
    address_t peer = world_peer(1);
    for (int i = 0; i < 600; i++) {
        turn_bind_channel(world->turn, world->now, &peer);
        world_pump(world);
        check_both_ways(world, &peer, 5);
    }
    CHECK(turn_server_counters(world->server)->requests[STUN_CHANNEL_BIND] <= 4);
    world_free(world);
}

TEST(a_response_that_gets_lost_does_not_hide_what_the_server_did)
{
    world_t *world = world_new();
    world_allocate(world);
    address_t peer = world_peer(1), relayed = world_relayed(world, ADDRESS_IPV4);
    CHECK(world_send(world, &peer, payload, 5));
    world_run(world, WORLD_DELAY);
    world->flight_count = 0; /* the answer */
    turn_bind_channel(world->turn, world->now, &peer);
    world_pump(world);
    world_run(world, WORLD_DELAY);
    world->flight_count = 0;
    CHECK(turn_server_channel(world->server, world->now, &relayed, &peer) != 0);
    world_peer_sends(world, &peer, payload, 5); /* in the channel that the client does not know to be bound */
    world_run(world, WORLD_DELAY);
    CHECK_INT(world->at_client.count, 1);
    world_free(world);
}

TEST(the_way_of_a_packet_through_a_channel_allocates_nothing)
{
    world_t *world = world_new();
    world_allocate(world);
    address_t peer = world_peer(1), relayed = world_relayed(world, ADDRESS_IPV4);
    turn_bind_channel(world->turn, world->now, &peer);
    world_pump(world);
    world_run(world, PEER_SECOND);
    uint16_t number = turn_server_channel(world->server, world->now, &relayed, &peer);
    packet_t *packet = packet_new_copy(world->pool, payload, 16);
    memory_fail_nth(1);
    for (int i = 0; i < 1000; i++) {
        CHECK(turn_send(world->turn, world->now, packet, &peer));
        CHECK_INT(packet->data[0] << 8 | packet->data[1], number);
        CHECK_INT(turn_input(world->turn, world->now, packet), TURN_INPUT_DATA);
        CHECK_INT(packet->length, 16);
    }
    CHECK(memory_new(1) == NULL); /* the failure is still there: nobody took it */
    packet_unref(packet);
    world_free(world);
}
