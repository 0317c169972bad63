#include "pair.h"

#include "test.h"
#include "virtual_time.h"

static certificate_t *certificate_of(int side)
{
    static certificate_t *certificates[3];
    if (certificates[side] == NULL) {
        random_seeded_t random;
        random_seeded_init(&random, (uint64_t)side + 1);
        random_source_t source = random_seeded_source(&random);
        CHECK_INT(certificate_generate(&certificates[side], CERTIFICATE_ECDSA_P256, 1700000000, 0, &source), 0);
    }
    return certificates[side];
}

fingerprint_t pair_fingerprint(int side, fingerprint_hash_t hash)
{
    fingerprint_t fingerprint;
    CHECK_INT(certificate_fingerprint(certificate_of(side), hash, &fingerprint), 0);
    return fingerprint;
}

void pair_open(pair_t *pair, bool has_wrong_fingerprint)
{
    *pair = (pair_t){.now = PEER_SECOND, .pool = packet_pool_new()};
    virtual_time_set(pair->now);
    random_seeded_init(&pair->generator, 7);
    for (int i = 0; i < 2; i++) {
        side_t *side = &pair->sides[i];
        *side = (side_t){.pair = pair,
                         .index = i,
                         .dtls_state = -1,
                         .socket = (uint32_t)i + 1,
                         .address = address_ipv4(192, 0, 2, (uint8_t)(i + 1), 5000)};
        side->transport = transport_new(
            &(transport_config_t){.ice = {.random = random_seeded_source(&pair->generator), .pool = pair->pool, .is_controlling = i == 0},
                                  .priority = TRANSPORT_PRIORITY_MEDIUM,
                                  .certificate = certificate_of(i),
                                  .connection = (uint32_t)i + 1});
        CHECK(side->transport != NULL);
    }
    for (int i = 0; i < 2; i++) {
        fingerprint_t fingerprint = pair_fingerprint(i == 0 && has_wrong_fingerprint ? 2 : 1 - i, FINGERPRINT_SHA_256);
        CHECK_INT(transport_set_remote_dtls(pair->sides[i].transport, pair->now, &fingerprint, 1, i == 0), 0);
        transport_enable_sctp(pair->sides[i].transport, pair->now, 5000, 0);
    }
}

void pair_connect(pair_t *pair)
{
    for (int i = 0; i < 2; i++) {
        const ice_parameters_t *remote = ice_agent_local_parameters(transport_ice(pair->sides[1 - i].transport));
        ice_agent_t *ice = transport_ice(pair->sides[i].transport);
        CHECK_INT(ice_agent_gather(ice, pair->now), 0);
        CHECK_INT(ice_agent_set_remote_parameters(ice, pair->now, remote->ufrag, remote->password, false), 0);
    }
}

static void deliver(pair_t *pair, int to, packet_t *packet)
{
    side_t *side = &pair->sides[to];
    packet->path = (path_t){.socket = side->socket, .local = side->address, .remote = pair->sides[1 - to].address};
    packet->time = pair->now;
    transport_input(side->transport, pair->now, packet);
}

static void send_packet(side_t *side, packet_t *packet)
{
    pair_t *pair = side->pair;
    CHECK_INT(packet->path.socket, side->socket);
    if (pair->holds_back == NULL || !pair->holds_back(pair, side, packet)) {
        deliver(pair, 1 - side->index, packet);
        return;
    }
    CHECK(pair->kept_count < PAIR_KEPT);
    pair->kept_to[pair->kept_count] = 1 - side->index;
    pair->kept[pair->kept_count++] = packet;
}

void pair_release(pair_t *pair)
{
    pair->holds_back = NULL;
    for (size_t i = 0; i < pair->kept_count; i++)
        deliver(pair, pair->kept_to[i], pair->kept[i]);
    pair->kept_count = 0;
}

static void on_ice(side_t *side, const ice_output_t *output)
{
    pair_t *pair = side->pair;
    ice_agent_t *ice = transport_ice(side->transport);
    if (output->kind == ICE_OUTPUT_OPEN_SOCKETS) {
        CHECK_INT(ice_agent_add_socket(ice, pair->now, side->socket, &side->address, ICE_NETWORK_ETHERNET), 0);
        ice_agent_sockets_complete(ice, pair->now);
    } else if (output->kind == ICE_OUTPUT_LOCAL_CANDIDATE) {
        CHECK_INT(ice_agent_add_remote_candidate(transport_ice(pair->sides[1 - side->index].transport), pair->now, output->candidate), 0);
    }
}

static bool poll_side(side_t *side)
{
    transport_output_t output;
    if (!transport_poll(side->transport, side->pair->now, &output))
        return false;
    switch (output.type) {
    case TRANSPORT_OUTPUT_SEND:
        send_packet(side, output.packet);
        break;
    case TRANSPORT_OUTPUT_ICE:
        on_ice(side, &output.ice);
        break;
    case TRANSPORT_OUTPUT_RTP:
        side->rtp++;
        memcpy(side->last_rtp, output.packet->data,
               output.packet->length < sizeof side->last_rtp ? output.packet->length : sizeof side->last_rtp);
        packet_unref(output.packet);
        break;
    case TRANSPORT_OUTPUT_RTCP:
        side->rtcp++;
        packet_unref(output.packet);
        break;
    case TRANSPORT_OUTPUT_DTLS_STATE:
        side->dtls_state = (int)output.dtls_state;
        break;
    case TRANSPORT_OUTPUT_SCTP:
        if (output.sctp.type == SCTP_OUTPUT_MESSAGE) {
            side->messages++;
            sctp_consumed(transport_sctp(side->transport), side->pair->now, output.sctp.message->length);
            blob_unref(output.sctp.message);
        }
        if (output.sctp.type == SCTP_OUTPUT_CHANNEL_ANNOUNCED) {
            side->channels++;
            side->channel = output.sctp.channel;
        }
        break;
    }
    return true;
}

static void pump(pair_t *pair)
{
    bool is_more = true;
    while (is_more) {
        is_more = false;
        for (int i = 0; i < 2; i++)
            while (poll_side(&pair->sides[i]))
                is_more = true;
    }
}

void pair_run(pair_t *pair, peer_time_t time)
{
    peer_time_t until = pair->now + time;
    size_t turns = 0;
    pump(pair);
    while (pair->now < until) {
        peer_time_t next =
            time_earlier(until, time_earlier(transport_deadline(pair->sides[0].transport), transport_deadline(pair->sides[1].transport)));
        pair->now = next > pair->now ? next : pair->now;
        CHECK(++turns < 100000); /* a deadline that does not move keeps the loop awake for ever */
        virtual_time_set(pair->now);
        for (int i = 0; i < 2; i++)
            if (transport_deadline(pair->sides[i].transport) <= pair->now)
                transport_timeout(pair->sides[i].transport, pair->now);
        pump(pair);
    }
}

void pair_close(pair_t *pair)
{
    for (size_t i = 0; i < pair->kept_count; i++)
        packet_unref(pair->kept[i]);
    transport_free(pair->sides[0].transport);
    transport_free(pair->sides[1].transport);
    CHECK_INT(packet_pool_outstanding(pair->pool), 0);
    packet_pool_release(pair->pool);
}

packet_t *pair_packet(pair_t *pair, const void *bytes, size_t length)
{
    packet_t *packet = packet_new_copy(pair->pool, bytes, length);
    CHECK(packet != NULL);
    return packet;
}

void pair_inject(pair_t *pair, int to, const address_t *from, const void *bytes, size_t length)
{
    packet_t *packet = pair_packet(pair, bytes, length);
    packet->path = (path_t){
        .socket = pair->sides[to].socket, .local = pair->sides[to].address, .remote = from != NULL ? *from : pair->sides[1 - to].address};
    packet->time = pair->now;
    transport_input(pair->sides[to].transport, pair->now, packet);
}
