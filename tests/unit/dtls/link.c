#include "link.h"

#include "test.h"
#include "virtual_time.h"

#define WALL_CLOCK_S 1700000000

certificate_t *link_certificate(unsigned which, certificate_key_t key)
{
    static certificate_t *kept[2][2];
    certificate_t **certificate = &kept[which][key];
    if (*certificate == NULL) {
        random_seeded_t random;
        random_seeded_init(&random, which + 1);
        random_source_t source = random_seeded_source(&random);
        CHECK_INT(certificate_generate(certificate, key, WALL_CLOCK_S, 0, &source), 0);
    }
    return *certificate;
}

static dtls_t *open_side(link_t *link, certificate_t *certificate, certificate_t *remote, fingerprint_hash_t hash, size_t mtu,
                         const uint16_t *profiles)
{
    dtls_config_t config = {.certificate = certificate, .pool = link->pool, .mtu = mtu};
    memcpy(config.srtp_profiles, profiles, sizeof config.srtp_profiles);
    dtls_t *dtls = dtls_new(&config);
    CHECK(dtls != NULL);
    fingerprint_t fingerprint;
    CHECK_INT(certificate_fingerprint(remote, hash != 0 ? hash : FINGERPRINT_SHA_256, &fingerprint), 0);
    CHECK_INT(dtls_set_remote_fingerprints(dtls, &fingerprint, 1), 0);
    return dtls;
}

void link_open(link_t *link, const link_options_t *options)
{
    *link = (link_t){.pool = packet_pool_new(), .delay = 10 * PEER_MILLISECOND};
    virtual_time_set(0);
    random_seeded_init(&link->random, options->seed);
    link->source = random_seeded_source(&link->random);
    certificate_t *client = options->client_certificate != NULL ? options->client_certificate : link_certificate(0, CERTIFICATE_ECDSA_P256);
    certificate_t *server = options->server_certificate != NULL ? options->server_certificate : link_certificate(1, CERTIFICATE_ECDSA_P256);
    link->client.dtls = open_side(link, client, server, options->hash, options->client_mtu, options->client_profiles);
    link->server.dtls = open_side(link, server, client, options->hash, 0, options->server_profiles);
}

void link_start(link_t *link)
{
    CHECK_INT(dtls_start(link->server.dtls, link->now, false), 0);
    CHECK_INT(dtls_start(link->client.dtls, link->now, true), 0);
    link_flush(link);
}

static void take_off(link_t *link, packet_t *packet, uint32_t to)
{
    packet->time = link->now + link->delay + (peer_time_t)random_below(&link->source, (uint32_t)link->jitter + 1);
    packet->path.socket = to;
    packet_queue_push(&link->flying, packet);
}

static void transmit(link_t *link, packet_t *packet, uint32_t to)
{
    unsigned number = link->sent++;
    packet->path.socket = to;
    bool is_lost = link->is_lost != NULL ? link->is_lost(link, packet, number) : random_below(&link->source, 100) < link->loss_percent;
    if (random_below(&link->source, 100) < link->duplicate_percent)
        take_off(link, packet_new_copy(link->pool, packet->data, packet->length), to);
    if (is_lost)
        packet_unref(packet);
    else
        take_off(link, packet, to);
}

static void flush_side(link_t *link, side_t *side, uint32_t to)
{
    dtls_output_t output;
    while (dtls_poll(side->dtls, &output)) {
        switch (output.type) {
        case DTLS_OUTPUT_SEND:
            CHECK(dtls_is_datagram(output.packet->data, output.packet->length));
            transmit(link, output.packet, to);
            break;
        case DTLS_OUTPUT_CONNECTED:
            CHECK_INT(side->connected + side->closed + side->failed, 0);
            side->connected++;
            side->connected_at = link->now;
            break;
        case DTLS_OUTPUT_DATA:
            CHECK(side->connected == 1);
            packet_queue_push(&side->data, output.packet);
            break;
        case DTLS_OUTPUT_CLOSED:
            side->closed++;
            break;
        case DTLS_OUTPUT_FAILED:
            side->failed++;
            side->failure = output.failure;
            break;
        }
    }
}

void link_flush(link_t *link)
{
    flush_side(link, &link->client, 2);
    flush_side(link, &link->server, 1);
}

static packet_t *earliest(link_t *link)
{
    packet_t *first = link->flying.first;
    for (packet_t *packet = first; packet != NULL; packet = packet->next)
        if (packet->time < first->time)
            first = packet;
    return first;
}

static void land(link_t *link, packet_t *packet)
{
    packet_queue_t rest = {0};
    packet_t *other;
    while ((other = packet_queue_pop(&link->flying)) != NULL)
        if (other != packet)
            packet_queue_push(&rest, other);
    link->flying = rest;
    dtls_input(packet->path.socket == 1 ? link->client.dtls : link->server.dtls, link->now, packet);
}

static peer_time_t next_event(link_t *link, packet_t **packet)
{
    *packet = earliest(link);
    peer_time_t deadline = time_earlier(dtls_deadline(link->client.dtls), dtls_deadline(link->server.dtls));
    return *packet != NULL ? time_earlier((*packet)->time, deadline) : deadline;
}

bool link_step(link_t *link)
{
    packet_t *packet;
    peer_time_t next = next_event(link, &packet);
    if (next == PEER_TIME_NEVER)
        return false;
    if (next > link->now)
        link->now = next;
    virtual_time_set(link->now);
    if (packet != NULL && packet->time <= link->now) {
        land(link, packet);
    } else {
        dtls_timeout(link->client.dtls, link->now);
        dtls_timeout(link->server.dtls, link->now);
    }
    link_flush(link);
    return true;
}

void link_run(link_t *link, peer_time_t until)
{
    packet_t *packet;
    while (next_event(link, &packet) <= until)
        link_step(link);
    link->now = until;
    virtual_time_set(until);
}

void link_connect(link_t *link)
{
    link_start(link);
    while ((link->client.connected == 0 || link->server.connected == 0) && link->now < 60 * PEER_SECOND && link_step(link))
        continue;
    CHECK_INT(link->client.connected, 1);
    CHECK_INT(link->server.connected, 1);
}

void link_send(link_t *link, side_t *side, const void *data, size_t length)
{
    CHECK_INT(dtls_send(side->dtls, link->now, packet_new_copy(link->pool, data, length)), 0);
    link_flush(link);
}

void link_inject(link_t *link, side_t *side, const void *data, size_t length)
{
    dtls_input(side->dtls, link->now, packet_new_copy(link->pool, data, length));
    link_flush(link);
}

void link_exchange(link_t *link)
{
    link_send(link, &link->client, "from the client", 15);
    link_send(link, &link->server, "from the server", 15);
    link_run(link, link->now + PEER_SECOND);
    CHECK_INT(link->server.data.count, 1);
    CHECK_INT(link->client.data.count, 1);
    CHECK_INT(link->server.data.first->length, 15);
    CHECK_BYTES(link->server.data.first->data, "from the client", 15);
    CHECK_BYTES(link->client.data.first->data, "from the server", 15);
    packet_queue_clear(&link->client.data);
    packet_queue_clear(&link->server.data);
}

void link_inject_garbage(link_t *link, unsigned count)
{
    uint8_t bytes[300];
    for (unsigned i = 0; i < count; i++) {
        size_t length = random_below(&link->source, sizeof bytes + 1);
        random_fill(&link->source, bytes, length);
        if (length > 0 && i % 2 == 0)
            bytes[0] = (uint8_t)(20 + random_below(&link->source, 44));
        if (length > 13 && i % 4 == 0) { /* a whole record of data that cannot be decrypted */
            bytes[0] = 23;
            memcpy(bytes + 1, "\xfe\xfd\x00\x01", 4);
            bytes[11] = (uint8_t)((length - 13) >> 8);
            bytes[12] = (uint8_t)(length - 13);
        }
        link_inject(link, i % 8 < 4 ? &link->client : &link->server, bytes, length);
    }
}

void link_close(link_t *link)
{
    dtls_free(link->client.dtls);
    dtls_free(link->server.dtls);
    packet_queue_clear(&link->client.data);
    packet_queue_clear(&link->server.data);
    packet_queue_clear(&link->flying);
    CHECK_INT(packet_pool_outstanding(link->pool), 0);
    packet_pool_release(link->pool);
}
