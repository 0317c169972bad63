#include "pair.h"

#include "virtual_time.h"

#include <stdlib.h>

struct flight {
    flight_t *next;
    peer_time_t arrival;
    bool is_to_b;
    size_t length;
    uint8_t data[];
};

static unsigned percent(pair_t *pair)
{
    return (unsigned)(random_seeded_next(&pair->random) % 100);
}

static void set_up_side(side_t *side, uint64_t seed, const sctp_config_t *config)
{
    sctp_config_t c = config != NULL ? *config : (sctp_config_t){0};
    side->pool = packet_pool_new();
    c.pool = side->pool;
    random_seeded_init(&side->random, seed);
    c.random = random_seeded_source(&side->random);
    if (c.path.base_mtu == 0)
        c.path = (sctp_path_t){.base_mtu = PAIR_MTU, .max_mtu = PAIR_MTU, .overhead = 65};
    side->sctp = sctp_new(&c);
    CHECK(side->sctp != NULL);
}

void pair_init(pair_t *pair, uint64_t seed, const link_options_t *link, const sctp_config_t *config)
{
    memset(pair, 0, sizeof *pair);
    pair->now = 1000000;
    virtual_time_set(pair->now);
    if (link != NULL)
        pair->link = *link;
    random_seeded_init(&pair->random, seed);
    set_up_side(&pair->a, 2 * seed, config);
    set_up_side(&pair->b, 2 * seed + 1, config);
    size_t remote_max = config != NULL && config->max_message_size != 0 ? config->max_message_size : SCTP_DEFAULT_MAX_MESSAGE_SIZE;
    sctp_set_remote(pair->a.sctp, SCTP_DEFAULT_PORT, remote_max);
    sctp_set_remote(pair->b.sctp, SCTP_DEFAULT_PORT, remote_max);
}

static void free_side(side_t *side)
{
    sctp_free(side->sctp);
    side->sctp = NULL;
    CHECK_INT(packet_pool_outstanding(side->pool), 0);
    packet_pool_release(side->pool);
}

void pair_free(pair_t *pair)
{
    free_side(&pair->a);
    free_side(&pair->b);
    while (pair->first_flight != NULL) {
        flight_t *next = pair->first_flight->next;
        free(pair->first_flight);
        pair->first_flight = next;
    }
}

int start(sctp_t *sctp, peer_time_t now, bool is_dtls_client)
{
    sctp_set_role(sctp, is_dtls_client);
    return sctp_start(sctp, now);
}

void pair_start(pair_t *pair)
{
    CHECK_INT(start(pair->a.sctp, pair->now, true), 0);
    CHECK_INT(start(pair->b.sctp, pair->now, false), 0);
}

static void launch(pair_t *pair, bool is_to_b, const packet_t *packet)
{
    peer_time_t arrival = pair->now + pair->link.delay_us;
    if (pair->link.jitter_us > 0)
        arrival += (peer_time_t)(random_seeded_next(&pair->random) % (uint64_t)pair->link.jitter_us);
    flight_t *flight = malloc(sizeof *flight + packet->length);
    *flight = (flight_t){.arrival = arrival, .is_to_b = is_to_b, .length = packet->length};
    memcpy(flight->data, packet->data, packet->length);
    flight_t **link = &pair->first_flight;
    if (pair->last_flight != NULL && pair->last_flight->arrival <= arrival)
        link = &pair->last_flight->next;
    while (*link != NULL && (*link)->arrival <= arrival)
        link = &(*link)->next;
    flight->next = *link;
    *link = flight;
    if (flight->next == NULL)
        pair->last_flight = flight;
}

static void send_packet(pair_t *pair, side_t *side, packet_t *packet)
{
    pair->packets++;
    if (packet->length > side->largest_packet)
        side->largest_packet = packet->length;
    if (pair->on_packet != NULL)
        pair->on_packet(pair, side, packet);
    if (!side->is_cut && percent(pair) >= pair->link.loss_percent) {
        launch(pair, side == &pair->a, packet);
        if (percent(pair) < pair->link.duplicate_percent)
            launch(pair, side == &pair->a, packet);
    }
    packet_unref(packet);
}

static bool poll_side(pair_t *pair, side_t *side)
{
    sctp_output_t output;
    bool did = false;
    while (side->sctp != NULL && sctp_poll(side->sctp, pair->now, &output)) {
        did = true;
        if (output.type == SCTP_OUTPUT_CHANNEL_HANDED && !sctp_channel_apply_handed(output.channel))
            continue;
        side->counts[output.type]++;
        switch (output.type) {
        case SCTP_OUTPUT_SEND:
            send_packet(pair, side, output.packet);
            continue;
        case SCTP_OUTPUT_CHANNEL_ANNOUNCED:
            if (side->announced_count < PAIR_MAX_CHANNELS)
                side->announced[side->announced_count++] = output.channel;
            break;
        case SCTP_OUTPUT_CLOSED:
            side->closed = output;
            if (output.text != NULL)
                strncpy(side->message, output.text, sizeof side->message - 1);
            break;
        case SCTP_OUTPUT_CHANNEL_ERROR:
            if (output.text != NULL)
                strncpy(side->message, output.text, sizeof side->message - 1);
            break;
        default:
            break;
        }
        if (pair->on_output != NULL)
            pair->on_output(pair, side, &output);
        if (output.type == SCTP_OUTPUT_MESSAGE && output.message != NULL) {
            sctp_consumed(side->sctp, pair->now, output.message->length);
            blob_unref(output.message);
        }
    }
    return did;
}

void pair_poll(pair_t *pair)
{
    while ((int)poll_side(pair, &pair->a) | (int)poll_side(pair, &pair->b)) { /* until both are done */
    }
}

void pair_inject(pair_t *pair, side_t *to, const void *data, size_t length)
{
    sctp_input(to->sctp, pair->now, packet_new_copy(to->pool, data, length));
}

static void step(pair_t *pair, peer_time_t end)
{
    pair_poll(pair);
    peer_time_t next = end;
    if (pair->first_flight != NULL)
        next = time_earlier(next, pair->first_flight->arrival);
    if (pair->a.sctp != NULL)
        next = time_earlier(next, sctp_deadline(pair->a.sctp));
    if (pair->b.sctp != NULL)
        next = time_earlier(next, sctp_deadline(pair->b.sctp));
    if (next > pair->now)
        pair->now = next;
    virtual_time_set(pair->now);
    while (pair->first_flight != NULL && pair->first_flight->arrival <= pair->now) {
        flight_t *flight = pair->first_flight;
        pair->first_flight = flight->next;
        if (pair->first_flight == NULL)
            pair->last_flight = NULL;
        side_t *to = flight->is_to_b ? &pair->b : &pair->a;
        if (to->sctp != NULL)
            pair_inject(pair, to, flight->data, flight->length);
        free(flight);
    }
    if (pair->a.sctp != NULL && sctp_deadline(pair->a.sctp) <= pair->now)
        sctp_timeout(pair->a.sctp, pair->now);
    if (pair->b.sctp != NULL && sctp_deadline(pair->b.sctp) <= pair->now)
        sctp_timeout(pair->b.sctp, pair->now);
}

void pair_run(pair_t *pair, peer_time_t duration)
{
    peer_time_t end = pair->now + duration;
    while (pair->now < end)
        step(pair, end);
    pair_poll(pair);
}

bool pair_run_until(pair_t *pair, bool (*done)(pair_t *pair), peer_time_t limit)
{
    peer_time_t end = pair->now + limit;
    pair_poll(pair);
    while (!done(pair)) {
        if (pair->now >= end)
            return false;
        step(pair, end);
        pair_poll(pair);
    }
    return true;
}

static bool is_connected(pair_t *pair)
{
    return pair->a.counts[SCTP_OUTPUT_CONNECTED] > 0 && pair->b.counts[SCTP_OUTPUT_CONNECTED] > 0;
}

void pair_connect(pair_t *pair, uint64_t seed, const link_options_t *link, const sctp_config_t *config)
{
    pair_init(pair, seed, link, config);
    pair_start(pair);
    CHECK(pair_run_until(pair, is_connected, 60 * PEER_SECOND));
}
