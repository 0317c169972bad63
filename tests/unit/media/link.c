#include "link.h"

#include <stdlib.h>

void link_init(link_t *link, uint64_t seed)
{
    memset(link, 0, sizeof *link);
    random_seeded_init(&link->random, seed);
    random_seeded_init(&link->session_random, seed + 1000);
    link->pool = packet_pool_new();
    link->now = 1000 * PEER_SECOND;
    for (int i = 0; i < 2; i++) {
        media_session_config_t config = {.pool = link->pool,
                                         .random = random_seeded_source(&link->session_random),
                                         .cname = i == 0 ? "alice" : "bob",
                                         .wall_clock_offset_us = 1700000000 * PEER_SECOND + i * 12345678,
                                         .reduced_size_rtcp = true};
        link->ends[i].session = media_session_new(&config);
        CHECK(link->ends[i].session != NULL);
    }
}

void link_free(link_t *link)
{
    for (size_t i = 0; i < link->flight_count; i++)
        packet_unref(link->flights[i].packet);
    for (int i = 0; i < 2; i++)
        media_session_free(link->ends[i].session);
    CHECK_INT(packet_pool_outstanding(link->pool), 0);
    packet_pool_release(link->pool);
}

double link_chance(link_t *link)
{
    return (double)(random_seeded_next(&link->random) >> 11) / 9007199254740992.0;
}

static bool is_lost(link_t *link, bool is_rtcp)
{
    const link_conditions_t *c = &link->conditions;
    if (is_rtcp && link->is_lossless_rtcp)
        return false;
    double mean = c->burst > 1 ? c->burst : 1;
    if (link->loss_state >= 1) {
        link->loss_state -= 1;
        return true;
    }
    if (c->loss == 0 || link_chance(link) >= c->loss / mean)
        return false;
    link->loss_state = mean > 1 ? link_chance(link) * 2 * (mean - 1) : 0;
    return true;
}

static void fly(link_t *link, int from, bool is_rtcp, const packet_t *packet)
{
    const link_conditions_t *c = &link->conditions;
    peer_time_t at = link->now + c->delay + (peer_time_t)((double)c->jitter * link_chance(link));
    if (link_chance(link) < c->reorder)
        at += c->reorder_delay;
    else if (link->keeps_order && at < link->last_at[from])
        at = link->last_at[from];
    if (link->keeps_order && at > link->last_at[from])
        link->last_at[from] = at;
    CHECK(link->flight_count < LINK_FLIGHT_MAX);
    packet_t *copy = packet_new_copy(link->pool, packet->data, packet->length);
    link->flights[link->flight_count++] = (flight_t){.at = at, .order = link->sent, .to = 1 - from, .is_rtcp = is_rtcp, .packet = copy};
}

static void send_packet(link_t *link, int from, bool is_rtcp, packet_t *packet)
{
    if (link->on_packet != NULL)
        link->on_packet(link, from, is_rtcp, packet);
    link->sent++;
    link->octets[from] += packet->length;
    if (is_lost(link, is_rtcp) || (link->loses != NULL && link->loses(link, from, is_rtcp, packet))) {
        link->lost++;
        return;
    }
    fly(link, from, is_rtcp, packet);
    if (link_chance(link) < link->conditions.duplicate)
        fly(link, from, is_rtcp, packet);
}

void link_poll(link_t *link)
{
    for (int i = 0; i < 2; i++) {
        media_output_t output;
        while (media_session_poll(link->ends[i].session, &output)) {
            if (output.type == MEDIA_OUTPUT_SEND_RTP || output.type == MEDIA_OUTPUT_SEND_RTCP)
                send_packet(link, i, output.type == MEDIA_OUTPUT_SEND_RTCP, output.packet);
            else if (link->ends[i].on_output != NULL)
                link->ends[i].on_output(link, i, &output);
            media_output_clear(&output);
        }
    }
}

static size_t next_flight(const link_t *link)
{
    size_t best = 0;
    for (size_t i = 1; i < link->flight_count; i++)
        if (link->flights[i].at < link->flights[best].at ||
            (link->flights[i].at == link->flights[best].at && link->flights[i].order < link->flights[best].order))
            best = i;
    return best;
}

static void deliver(link_t *link, size_t index)
{
    flight_t flight = link->flights[index];
    link->flights[index] = link->flights[--link->flight_count];
    if (flight.is_rtcp)
        media_session_input_rtcp(link->ends[flight.to].session, link->now, flight.packet);
    else
        media_session_input_rtp(link->ends[flight.to].session, link->now, flight.packet);
    packet_unref(flight.packet);
}

void link_run(link_t *link, peer_time_t until)
{
    unsigned idle = 0;
    link_poll(link);
    for (;;) {
        peer_time_t next = until;
        size_t index = link->flight_count != 0 ? next_flight(link) : 0;
        if (link->flight_count != 0)
            next = time_earlier(next, link->flights[index].at);
        for (int i = 0; i < 2; i++)
            next = time_earlier(next, media_session_deadline(link->ends[i].session));
        idle = next <= link->now ? idle + 1 : 0;
        CHECK(idle < 10000); /* a deadline that is never met */
        if (next > link->now)
            link->now = next;
        if (link->flight_count != 0 && link->flights[index].at <= link->now)
            deliver(link, index);
        for (int i = 0; i < 2; i++)
            if (media_session_deadline(link->ends[i].session) <= link->now)
                media_session_timeout(link->ends[i].session, link->now);
        link_poll(link);
        bool is_pending = link->flight_count != 0 && link->flights[next_flight(link)].at <= link->now;
        for (int i = 0; i < 2; i++)
            is_pending = is_pending || media_session_deadline(link->ends[i].session) <= link->now;
        if (link->now >= until && !is_pending)
            return;
    }
}
