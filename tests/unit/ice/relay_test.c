/* How an agent asks TURN servers: two URLs that lead to one address, streams, and sockets that other agents use too. The server answers at
 * once. */
#include "ice/ice.h"
#include "stun/stun.h"
#include "test.h"
#include "turn_server.h"

#define SOCKET 1
#define LINK 20 /* the first one */

typedef struct world {
    peer_time_t now;
    packet_pool_t *pool;
    random_seeded_t generator;
    turn_server_config_t server_config;
    turn_server_t *server;
    ice_agent_t *agent;
    address_t local, seen_over_tcp;
    bool is_down; /* the server */
    uint32_t links;
    uint8_t protocols[8]; /* of links */
    address_t locals[8];
    packet_queue_t answers;
    size_t closed, error_count, reflexive_count, relayed_count;
    uint16_t error_code;
    address_t reflexive;
    peer_time_t complete_at;
} world_t;

static void server_sends(void *context, const path_t *path, const uint8_t *data, size_t length)
{
    world_t *world = context;
    packet_t *packet = packet_new_copy(world->pool, data, length);
    packet->path = (path_t){.protocol = path->protocol, .local = path->remote, .remote = path->local, .socket = SOCKET};
    for (uint32_t i = 0; i < world->links; i++)
        if (world->protocols[i] == LINK_TCP || address_equal(&world->locals[i], &path->remote))
            packet->path.socket = LINK + i;
    packet_queue_push(&world->answers, packet);
}

static void world_open(world_t *world, const ice_config_t *wanted)
{
    *world =
        (world_t){.now = PEER_SECOND, .local = address_ipv4(198, 51, 100, 1, 5000), .seen_over_tcp = address_ipv4(203, 0, 113, 9, 999)};
    random_seeded_init(&world->generator, 1);
    world->pool = packet_pool_new();
    world->server_config = (turn_server_config_t){.random = random_seeded_source(&world->generator),
                                                  .relay_ipv4 = address_ipv4(192, 0, 2, 8, 0),
                                                  .realm = "example.org",
                                                  .username = "user",
                                                  .password = "secret",
                                                  .send = server_sends,
                                                  .context = world};
    world->server = turn_server_new(&world->server_config);
    ice_config_t config = *wanted;
    config.random = world->server_config.random;
    config.pool = world->pool;
    world->agent = ice_agent_new(&config);
    CHECK(world->agent != NULL && world->server != NULL);
}

static void world_close(world_t *world)
{
    ice_agent_free(world->agent);
    turn_server_free(world->server);
    size_t outstanding = packet_pool_outstanding(world->pool);
    packet_pool_release(world->pool);
    CHECK_INT(outstanding, 0);
}

static void connect_link(world_t *world, const link_request_t *request)
{
    if (world->is_down) {
        ice_agent_link_failed(world->agent, world->now, request->request, "Connection refused.");
        return;
    }
    CHECK(world->links < 8);
    uint32_t place = world->links++;
    world->protocols[place] = request->protocol;
    world->locals[place] = request->local;
    world->locals[place].port = (uint16_t)(6000 + place);
    ice_agent_link_opened(world->agent, world->now, request->request, LINK + place, &world->locals[place]);
}

static void on_candidate(world_t *world, const ice_candidate_t *candidate)
{
    world->relayed_count += candidate->type == ICE_CANDIDATE_RELAYED;
    if (candidate->type != ICE_CANDIDATE_SERVER_REFLEXIVE)
        return;
    world->reflexive_count++;
    world->reflexive = candidate->address;
}

static void on_error(world_t *world, const ice_candidate_error_t *error)
{
    world->error_count++;
    world->error_code = error->code;
}

static void send_to_server(world_t *world, packet_t *packet)
{
    path_t path = {.protocol = packet->path.protocol, .local = packet->path.remote, .remote = packet->path.local};
    if (path.protocol == TRANSPORT_TCP)
        path.remote = world->seen_over_tcp;
    if (!world->is_down)
        turn_server_input(world->server, world->now, &path, packet->data, packet->length);
    packet_unref(packet);
}

static void pump(world_t *world)
{
    ice_output_t output;
    packet_t *packet;
    do {
        while (ice_agent_poll(world->agent, &output)) {
            if (output.kind == ICE_OUTPUT_SEND)
                send_to_server(world, output.packet);
            else if (output.kind == ICE_OUTPUT_CONNECT)
                connect_link(world, output.link);
            else if (output.kind == ICE_OUTPUT_CLOSE_SOCKET)
                world->closed++;
            else if (output.kind == ICE_OUTPUT_LOCAL_CANDIDATE)
                on_candidate(world, output.candidate);
            else if (output.kind == ICE_OUTPUT_CANDIDATE_ERROR)
                on_error(world, &output.error);
            else if (output.kind == ICE_OUTPUT_GATHERING_STATE && output.gathering_state == ICE_GATHERING_COMPLETE)
                world->complete_at = world->now;
        }
        packet = packet_queue_pop(&world->answers);
        if (packet != NULL && ice_agent_unwrap(world->agent, world->now, packet))
            ice_agent_input(world->agent, world->now, packet);
        packet_unref(packet);
    } while (packet != NULL);
}

static void run(world_t *world, peer_time_t duration)
{
    peer_time_t until = world->now + duration;
    pump(world);
    while (ice_agent_deadline(world->agent) <= until) {
        world->now = ice_agent_deadline(world->agent) > world->now ? ice_agent_deadline(world->agent) : world->now;
        ice_agent_timeout(world->agent, world->now);
        pump(world);
    }
    world->now = until;
}

static void gather(world_t *world)
{
    ice_agent_gather(world->agent, world->now);
    ice_agent_add_socket(world->agent, world->now, SOCKET, &world->local, ICE_NETWORK_ETHERNET);
    ice_agent_sockets_complete(world->agent, world->now);
    run(world, PEER_SECOND);
}

static ice_server_t turn_over(ice_server_transport_t transport, const char *url)
{
    return (ice_server_t){.kind = ICE_SERVER_TURN,
                          .transport = transport,
                          .url = url,
                          .host = "192.0.2.7",
                          .port = 3478,
                          .username = "user",
                          .password = "secret"};
}

TEST(of_two_urls_of_one_turn_server_the_second_fails_and_is_not_waited_for)
{
    world_t world;
    const ice_server_t servers[] = {turn_over(ICE_SERVER_UDP, "turn:first"), turn_over(ICE_SERVER_UDP, "turn:second")};
    world_open(&world, &(ice_config_t){.servers = servers, .server_count = 2, .tcp_policy = ICE_TCP_POLICY_OFF});
    gather(&world);
    CHECK_INT(world.relayed_count, 1);
    run(&world, 10 * PEER_SECOND);
    CHECK_INT(world.error_count, 1);
    CHECK_INT(world.error_code, 437);
    CHECK(world.complete_at != 0 && world.complete_at < 2 * PEER_SECOND);
    world_close(&world);
}

TEST(a_server_that_tells_of_a_mismatch_over_tcp_is_asked_over_another_connection_and_the_old_one_is_closed)
{
    world_t world;
    const ice_server_t server = turn_over(ICE_SERVER_TCP, "turn:test?transport=tcp");
    world_open(&world, &(ice_config_t){.servers = &server, .server_count = 1, .tcp_policy = ICE_TCP_POLICY_OFF});
    turn_server_faults(world.server)->error_method = STUN_ALLOCATE;
    turn_server_faults(world.server)->error_code = 437;
    gather(&world);
    run(&world, 60 * PEER_SECOND);
    CHECK(world.links > 1);
    CHECK_INT(world.closed, world.links);
    CHECK_INT(world.error_count, 1);
    CHECK_INT(world.error_code, 437);
    world_close(&world);
}

TEST(what_a_turn_server_sees_of_a_stream_is_no_candidate_not_even_after_a_restart)
{
    world_t world;
    const ice_server_t server = turn_over(ICE_SERVER_TCP, "turn:test?transport=tcp");
    world_open(&world, &(ice_config_t){.servers = &server, .server_count = 1, .tcp_policy = ICE_TCP_POLICY_OFF});
    gather(&world);
    CHECK_INT(world.relayed_count, 1);
    CHECK_INT(ice_agent_restart(world.agent, world.now, NULL), 0);
    ice_agent_gather(world.agent, world.now);
    run(&world, PEER_SECOND);
    CHECK_INT(world.relayed_count, 2); /* the same, told once more */
    CHECK_INT(world.reflexive_count, 0);
    world_close(&world);
}

TEST(a_turn_server_that_is_down_for_a_while_is_asked_until_it_is_back)
{
    for (int is_stream = 0; is_stream < 2; is_stream++) {
        world_t world;
        const ice_server_t server = turn_over(is_stream ? ICE_SERVER_TCP : ICE_SERVER_UDP, "turn:test");
        world_open(&world, &(ice_config_t){.servers = &server, .server_count = 1, .tcp_policy = ICE_TCP_POLICY_OFF});
        gather(&world);
        CHECK_INT(world.relayed_count, 1);
        world.is_down = true;
        if (is_stream)
            ice_agent_socket_closed(world.agent, world.now, LINK, "It broke.");
        run(&world, (is_stream ? 20 : 620) * PEER_SECOND); /* over UDP it shows when the allocation is refreshed */
        CHECK_INT(world.error_count, 0);
        turn_server_restart(world.server);
        world.is_down = false;
        run(&world, 60 * PEER_SECOND);
        CHECK_INT(world.relayed_count, 2);
        CHECK_INT(turn_server_allocations(world.server, world.now), 1);
        world.is_down = true;
        run(&world, 1800 * PEER_SECOND); /* and not for ever */
        CHECK_INT(world.error_count, 1);
        world_close(&world);
    }
}

TEST(a_shared_socket_asks_a_turn_server_from_another_one)
{
    world_t world;
    ice_server_t servers[] = {turn_over(ICE_SERVER_UDP, "turn:test"), turn_over(ICE_SERVER_UDP, "stun:test")};
    servers[1].kind = ICE_SERVER_STUN;
    world_open(&world, &(ice_config_t){.servers = servers, .server_count = 2, .tcp_policy = ICE_TCP_POLICY_OFF, .shares_sockets = true});
    gather(&world);
    CHECK_INT(world.links, 1);
    CHECK_INT(world.protocols[0], LINK_UDP);
    CHECK_INT(world.relayed_count, 1);
    CHECK_INT(world.error_count, 0);
    CHECK_INT(world.reflexive_count, 0); /* the shared one is seen as it is, and the other one is no candidate */
    CHECK_INT(turn_server_allocations(world.server, world.now), 1);
    run(&world, 1200 * PEER_SECOND); /* and is refreshed from there */
    CHECK_INT(turn_server_allocations(world.server, world.now), 1);
    ice_agent_socket_closed(world.agent, world.now, SOCKET, "The address is gone.");
    ice_output_t output;
    bool is_closed = false;
    while (ice_agent_poll(world.agent, &output)) {
        is_closed |= output.kind == ICE_OUTPUT_CLOSE_SOCKET && output.socket == LINK;
        if (output.kind == ICE_OUTPUT_SEND)
            packet_unref(output.packet);
    }
    CHECK(is_closed);
    world_close(&world);
}
