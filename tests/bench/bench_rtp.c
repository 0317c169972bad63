/* RTP packets written into a track on one side and counted as they come out of the other's: at a given rate, or as many as come through. */
#include "bench.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PACKET_SIZE 1200
#define AHEAD_MAX 512 /* packets on the way when the rate is not given */
#define GIVE_UP_MS 50 /* what has not come by then is lost, and no longer holds the writer up */

static atomic_ullong received;

static void count_packet(peer_track_t *track, const void *packet, size_t length, void *user)
{
    (void)track;
    (void)packet;
    (void)length;
    (void)user;
    atomic_fetch_add_explicit(&received, 1, memory_order_relaxed);
}

static void on_track(side_t *side, peer_track_t *track)
{
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_rtp = count_packet;
    peer_track_add_sink(track, &sink, side);
}

/* A packet of a VP8 picture (RFC 7741): every tenth ends one. */
static void fill_packet(uint8_t *packet, size_t size, unsigned long long number)
{
    uint32_t timestamp = (uint32_t)(number / 10 * 3000);
    memset(packet, 0, size);
    packet[0] = 0x80;
    packet[1] = (uint8_t)(96 | (number % 10 == 9 ? 0x80 : 0));
    packet[2] = (uint8_t)(number >> 8);
    packet[3] = (uint8_t)number;
    for (int i = 0; i < 4; i++)
        packet[4 + i] = (uint8_t)(timestamp >> (24 - 8 * i));
    packet[11] = 1;
    packet[12] = number % 10 == 0 ? 0x10 : 0;
    packet[13] = 1; /* not a key frame */
}

static bool wait_for_room(unsigned long long sent, unsigned long long *written_off)
{
    double until = wall_now() + GIVE_UP_MS * 1e-3;
    while (sent - *written_off - atomic_load_explicit(&received, memory_order_relaxed) >= AHEAD_MAX) {
        if (wall_now() > until) {
            *written_off = sent - atomic_load(&received);
            return false;
        }
        usleep(20);
    }
    return true;
}

static void pace(double start, unsigned long long sent, unsigned rate)
{
    double due = start + (double)sent / rate;
    double ahead = due - wall_now();
    if (ahead > 200e-6)
        usleep((useconds_t)(ahead * 1e6));
}

static int run(const bench_options_t *options, peer_track_t *track)
{
    size_t size = options->size != 0 ? options->size : PACKET_SIZE;
    double seconds = options->seconds > 0 ? options->seconds : 5;
    uint8_t packet[1400];
    unsigned long long sent = 0, written_off = 0;
    if (size < 32 || size > sizeof packet) {
        fprintf(stderr, "peer-bench: an RTP packet is 32 to %zu bytes\n", sizeof packet);
        return 1;
    }
    double start = wall_now(), cpu = cpu_now();
    for (; wall_now() < start + seconds; sent++) {
        if (options->rate != 0)
            pace(start, sent, options->rate);
        else
            wait_for_room(sent, &written_off);
        fill_packet(packet, size, sent);
        if (peer_track_write_rtp(track, packet, size) < 0)
            return bench_fail("a packet is refused:");
    }
    double elapsed = wall_now() - start;
    cpu = cpu_now() - cpu;
    unsigned long long in_time = atomic_load(&received);
    usleep(200 * 1000);
    unsigned long long all = atomic_load(&received);
    report_begin(options, "rtp");
    report_number("size", (double)size, 0);
    report_number("packets_per_s", (double)in_time / elapsed, 0);
    report_number("cpu_us_per_packet", in_time != 0 ? cpu * 1e6 / (double)in_time : 0, 3); /* sending and receiving */
    report_number("loss", sent > all ? (double)(sent - all) / (double)sent : 0, 5);
    report_end();
    return in_time != 0 ? 0 : bench_fail("no packet arrived");
}

int bench_rtp(const bench_options_t *options)
{
    peer_track_t *track = NULL;
    if (peer_track_new(PEER_MEDIA_VIDEO, "bench", &track) < 0)
        return bench_fail("no track:");
    pair_t *pair = pair_new(options, track, on_track);
    int status = 1;
    if (pair == NULL || !pair_wait_connected(pair))
        bench_fail("the pair does not connect:");
    else
        status = run(options, track);
    pair_free(pair);
    peer_track_unref(track);
    return status;
}
