/* The simulated network itself: realms, boxes one behind the other, hairpins, streams. */
#include "stream.h"
#include "test.h"

#include <string.h>

#define DELAY (10 * PEER_MILLISECOND)

typedef struct stage {
    packet_pool_t *pool;
    network_t *network;
    peer_time_t now;
    unsigned arrived;
    path_t path;     /* of what arrived last */
    uint8_t content; /* its first octet */
    bool is_out_of_order;
    uint32_t opened, accepted, failed, closed;
    peer_time_t opened_at;
    const char *text;
} stage_t;

static void receive(void *user, peer_time_t now, packet_t *packet)
{
    stage_t *stage = user;
    stage->arrived++;
    stage->path = packet->path;
    stage->is_out_of_order |= packet->data[0] < stage->content;
    stage->content = packet->data[0];
    packet_unref(packet);
}

static void on_opened(void *user, peer_time_t now, uint32_t socket, const address_t *local)
{
    ((stage_t *)user)->opened = socket;
    ((stage_t *)user)->opened_at = now;
}

static void on_failed(void *user, peer_time_t now, uint32_t socket, const char *text)
{
    ((stage_t *)user)->failed = socket;
    ((stage_t *)user)->text = text;
}

static void on_closed(void *user, peer_time_t now, uint32_t socket, const char *text)
{
    ((stage_t *)user)->closed = socket;
    ((stage_t *)user)->text = text;
}

static void on_accepted(void *user, peer_time_t now, uint32_t listener, uint32_t socket, const address_t *remote)
{
    ((stage_t *)user)->accepted = socket;
    ((stage_t *)user)->path.remote = *remote;
}

static const stream_events_t events = {on_opened, on_failed, on_closed, on_accepted, receive};

static void open_stage(stage_t *stage, double loss)
{
    *stage = (stage_t){.pool = packet_pool_new()};
    stage->network = network_new(1, stage->pool, &(link_options_t){.delay_us = DELAY, .loss = loss});
}

static void close_stage(stage_t *stage)
{
    network_free(stage->network);
    CHECK_INT(packet_pool_outstanding(stage->pool), 0);
    packet_pool_release(stage->pool);
}

static void run(stage_t *stage, peer_time_t time)
{
    peer_time_t end = stage->now + time;
    while (network_deadline(stage->network) <= end) {
        stage->now = network_deadline(stage->network);
        network_deliver(stage->network, stage->now);
    }
    stage->now = end;
}

static network_place_t at(uint8_t realm, const char *ip, uint16_t port)
{
    network_place_t place = {.realm = realm};
    CHECK(address_parse(&place.address, ip, port));
    return place;
}

static uint32_t bind_at(stage_t *stage, const network_place_t *place)
{
    uint32_t socket = network_new_socket(stage->network);
    network_bind_at(stage->network, place, socket, receive, stage);
    return socket;
}

static void send(stage_t *stage, uint32_t socket, const address_t *to, uint8_t content)
{
    packet_t *packet = packet_new_copy(stage->pool, &content, 1);
    packet->path = (path_t){.socket = socket, .remote = *to};
    network_send(stage->network, stage->now, packet);
}

static unsigned arrives(stage_t *stage, uint32_t socket, const address_t *to, size_t length, bool may_fragment)
{
    static const uint8_t content[2000];
    packet_t *packet = packet_new_copy(stage->pool, content, length);
    packet->path = (path_t){.socket = socket, .remote = *to};
    packet->may_fragment = may_fragment;
    unsigned before = stage->arrived;
    network_send(stage->network, stage->now, packet);
    run(stage, PEER_SECOND);
    return stage->arrived - before;
}

static uint8_t add_box(stage_t *stage, uint8_t outer, const char *external, nat_options_t options)
{
    network_place_t place = at(outer, external, 0);
    return network_add_realm(stage->network, outer, &options, &place.address);
}

TEST(a_private_address_may_be_in_two_realms_and_is_reached_from_its_own)
{
    stage_t stage;
    open_stage(&stage, 0);
    uint32_t sockets[2][2];
    network_place_t neighbour = {0};
    for (int i = 0; i < 2; i++) {
        uint8_t realm = add_box(&stage, NETWORK_INTERNET, i == 0 ? "198.51.100.1" : "198.51.100.2", (nat_options_t){0});
        network_place_t place = at(realm, "192.168.1.2", 5000);
        neighbour = at(realm, "192.168.1.3", 5000);
        sockets[i][0] = bind_at(&stage, &place);
        sockets[i][1] = bind_at(&stage, &neighbour);
    }
    for (int i = 0; i < 2; i++) {
        send(&stage, sockets[i][0], &neighbour.address, 1);
        run(&stage, PEER_SECOND);
        CHECK_INT(stage.path.socket, sockets[i][1]);
    }
    network_place_t nobody = at(NETWORK_INTERNET, "192.168.1.9", 5000);
    send(&stage, sockets[0][0], &nobody.address, 1);
    run(&stage, PEER_SECOND);
    CHECK_INT(stage.arrived, 2);
    close_stage(&stage);
}

TEST(two_boxes_one_behind_the_other_translate_both_ways)
{
    stage_t stage;
    open_stage(&stage, 0);
    uint8_t outer = add_box(&stage, NETWORK_INTERNET, "198.51.100.1", (nat_options_t){.ports = NAT_PORTS_RANDOM});
    uint8_t inner = add_box(&stage, outer, "100.64.0.2", (nat_options_t){.ports = NAT_PORTS_RANDOM});
    network_place_t inside = at(inner, "192.168.1.2", 5000), outside = at(NETWORK_INTERNET, "203.0.113.1", 6000);
    network_place_t external = at(NETWORK_INTERNET, "198.51.100.1", 0);
    uint32_t sockets[2] = {bind_at(&stage, &inside), bind_at(&stage, &outside)};
    send(&stage, sockets[0], &outside.address, 1);
    run(&stage, PEER_SECOND);
    CHECK_INT(stage.path.socket, sockets[1]);
    CHECK(address_ip_equal(&stage.path.remote, &external.address));
    address_t mapped = stage.path.remote;
    send(&stage, sockets[1], &mapped, 2);
    run(&stage, PEER_SECOND);
    CHECK_INT(stage.path.socket, sockets[0]);
    CHECK(address_equal(&stage.path.remote, &outside.address));
    CHECK(address_equal(&stage.path.local, &inside.address));
    close_stage(&stage);
}

TEST(a_hairpin_leads_back_inside_with_the_outside_address_as_its_source) /* RFC 4787 §6 REQ-9 */
{
    for (int hairpins = 0; hairpins < 2; hairpins++) {
        stage_t stage;
        open_stage(&stage, 0);
        uint8_t realm = add_box(&stage, NETWORK_INTERNET, "198.51.100.1", (nat_options_t){.hairpins = hairpins != 0});
        network_place_t first = at(realm, "192.168.1.2", 5000), second = at(realm, "192.168.1.3", 5001);
        network_place_t far = at(NETWORK_INTERNET, "203.0.113.1", 6000);
        uint32_t sockets[3] = {bind_at(&stage, &first), bind_at(&stage, &second), bind_at(&stage, &far)};
        send(&stage, sockets[1], &far.address, 1);
        run(&stage, PEER_SECOND);
        address_t mapped = stage.path.remote;
        send(&stage, sockets[0], &mapped, 2);
        run(&stage, PEER_SECOND);
        CHECK_INT(stage.path.socket, hairpins ? sockets[1] : sockets[2]);
        if (hairpins)
            CHECK(address_ip_equal(&stage.path.remote, &mapped));
        close_stage(&stage);
    }
}

TEST(a_stream_delivers_everything_in_order_and_loss_is_delay)
{
    stage_t stage;
    open_stage(&stage, 0.3);
    uint8_t realm = add_box(&stage, NETWORK_INTERNET, "198.51.100.1", (nat_options_t){.filtering = NAT_ADDRESS_AND_PORT_DEPENDENT});
    network_place_t client = at(realm, "192.168.1.2", 0), server = at(NETWORK_INTERNET, "203.0.113.1", 443);
    stream_listen(stage.network, &server, LINK_TCP, network_new_socket(stage.network), &events, &stage);
    uint32_t socket = stream_connect(stage.network, 0, &client, LINK_TCP, &server.address, &events, &stage);
    run(&stage, 9 * PEER_SECOND);
    CHECK_INT(stage.opened, socket);
    for (uint8_t i = 1; i <= 100; i++)
        send(&stage, stage.opened, &server.address, i);
    run(&stage, 60 * PEER_SECOND);
    CHECK_INT(stage.arrived, 100);
    CHECK(!stage.is_out_of_order);
    CHECK_INT(stage.path.socket, stage.accepted);
    stream_close(stage.network, stage.now, stage.accepted, false);
    run(&stage, 60 * PEER_SECOND);
    CHECK_INT(stage.closed, socket);
    close_stage(&stage);
}

TEST(setting_up_takes_one_round_trip_for_tcp_and_two_for_tls_and_dtls)
{
    for (int protocol = LINK_TCP; protocol <= LINK_DTLS; protocol++) {
        stage_t stage;
        open_stage(&stage, 0);
        network_place_t client = at(NETWORK_INTERNET, "203.0.113.2", 5000), server = at(NETWORK_INTERNET, "203.0.113.1", 443);
        bind_at(&stage, &client);
        stream_listen(stage.network, &server, (link_protocol_t)protocol, network_new_socket(stage.network), &events, &stage);
        stream_connect(stage.network, 0, &client, (link_protocol_t)protocol, &server.address, &events, &stage);
        run(&stage, PEER_SECOND);
        CHECK_INT(stage.opened_at, (protocol == LINK_TCP ? 2 : 4) * DELAY);
        close_stage(&stage);
    }
}

TEST(a_stream_to_nobody_is_refused_and_one_that_a_box_swallows_times_out)
{
    for (int is_blocked = 0; is_blocked < 2; is_blocked++) {
        stage_t stage;
        open_stage(&stage, 0);
        uint8_t realm = add_box(&stage, NETWORK_INTERNET, "198.51.100.1", (nat_options_t){.only_tcp_port = is_blocked ? 443 : 0});
        network_place_t client = at(realm, "192.168.1.2", 0), server = at(NETWORK_INTERNET, "203.0.113.1", 80);
        bind_at(&stage, &server); /* the host is there */
        uint32_t socket = stream_connect(stage.network, 0, &client, LINK_TCP, &server.address, &events, &stage);
        run(&stage, PEER_SECOND);
        CHECK_INT(stage.failed, is_blocked ? 0 : socket);
        run(&stage, STREAM_CONNECT_PATIENCE);
        CHECK_INT(stage.failed, socket);
        CHECK_TEXT(stage.text, is_blocked ? "Connection timed out." : "Connection refused.");
        close_stage(&stage);
    }
}

TEST(a_stream_ends_when_its_box_has_forgotten_it)
{
    stage_t stage;
    open_stage(&stage, 0);
    uint8_t realm = add_box(&stage, NETWORK_INTERNET, "198.51.100.1", (nat_options_t){0});
    network_place_t client = at(realm, "192.168.1.2", 0), server = at(NETWORK_INTERNET, "203.0.113.1", 443);
    stream_listen(stage.network, &server, LINK_TCP, network_new_socket(stage.network), &events, &stage);
    uint32_t socket = stream_connect(stage.network, 0, &client, LINK_TCP, &server.address, &events, &stage);
    run(&stage, PEER_SECOND);
    nat_forget(network_box(stage.network, realm));
    send(&stage, socket, &server.address, 1);
    run(&stage, PEER_SECOND);
    CHECK_INT(stage.arrived, 0);
    CHECK_INT(stage.closed, socket);
    CHECK_TEXT(stage.text, "Connection reset by peer.");
    close_stage(&stage);
}

TEST(packets_larger_than_the_mtu_vanish_unless_they_may_be_fragmented)
{
    for (size_t headers = 28; headers <= 48; headers += 20) { /* UDP and IPv4, UDP and IPv6 */
        stage_t stage;
        open_stage(&stage, 0);
        network_place_t a = at(NETWORK_INTERNET, headers == 28 ? "192.0.2.1" : "2001:db8::1", 1);
        network_place_t b = at(NETWORK_INTERNET, headers == 28 ? "192.0.2.2" : "2001:db8::2", 2);
        uint32_t socket = bind_at(&stage, &a);
        bind_at(&stage, &b);
        CHECK_INT(arrives(&stage, socket, &b.address, 2000, false), 1);
        network_set_link(stage.network, &(link_options_t){.delay_us = DELAY, .mtu = 1400});
        CHECK_INT(arrives(&stage, socket, &b.address, 1400 - headers, false), 1);
        CHECK_INT(arrives(&stage, socket, &b.address, 1401 - headers, false), 0);
        CHECK_INT(arrives(&stage, socket, &b.address, 1401 - headers, true), 1);
        network_set_link(stage.network, &(link_options_t){.delay_us = DELAY, .mtu = 1500});
        CHECK_INT(arrives(&stage, socket, &b.address, 1401 - headers, false), 1);
        close_stage(&stage);
    }
}
