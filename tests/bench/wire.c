/* What lies below SCTP, measured alone: two loops with a thread each, one DTLS association and one UDP socket on each of them. One side
 * sends packets of a size as fast as a window in flight allows, the other tells after each batch how far it has come. Both copy each
 * packet's bytes once, as SCTP does.
 *
 *     peer-wire-bench [--seconds S] [--window BYTES] [SIZE…]
 *
 * For each size one line: MB/s of packet bytes, CPU seconds per GB and nanoseconds per packet of the whole process (both sides and the
 * kernel's part), packets lost, packets for each call of the kernel that sends and that receives, and the process's memory a moment
 * later, at rest. */
#include "base/bytes.h"
#include "dtls/dtls.h"
#include "runtime/loop.h"
#include "runtime/loop_private.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_DEFAULT (1 << 20)
#define POISON 0x5a

typedef struct side {
    loop_t *loop;
    loop_entry_t *entry;
    dtls_t *dtls;
    bool wants_socket;
    uint32_t socket;
    path_t path;
    peer_time_t now;
    size_t size; /* of the packets to send; 0: none */
    size_t window;
    uint64_t sent;     /* packets */
    uint64_t received; /* the highest number, and how many */
    uint64_t count;
    uint64_t told; /* by the other side, or to it */
    uint8_t *bytes;
    atomic_bool is_connected;
} side_t;

static void input(void *client, peer_time_t now, packet_t *packet)
{
    side_t *side = client;
    side->now = now;
    dtls_input(side->dtls, now, packet);
}

static void timeout(void *client, peer_time_t now)
{
    side_t *side = client;
    side->now = now;
    dtls_timeout(side->dtls, now);
}

static peer_time_t deadline(const void *client)
{
    const side_t *side = client;
    return dtls_deadline(side->dtls);
}

static void take(side_t *side, packet_t *packet)
{
    if (packet->length == 9) { /* how far the other side has come */
        side->told = bytes_get_u64(packet->data);
    } else if (packet->length >= 8) {
        memcpy(side->bytes, packet->data, packet->length);
        side->received = bytes_get_u64(packet->data);
        side->count++;
    }
    packet_unref(packet);
}

/* Makes one more packet; false when the window is full. */
static bool produce(side_t *side)
{
    if (!atomic_load_explicit(&side->is_connected, memory_order_relaxed))
        return false;
    if (side->received > side->told && side->size == 0) {
        packet_t *packet = packet_new(loop_packets(side->loop), 9);
        packet->length = 9;
        bytes_put_u64(packet->data, side->told = side->received);
        return dtls_send(side->dtls, side->now, packet) == 0;
    }
    if (side->size == 0 || (side->sent - side->told) * side->size >= side->window)
        return false;
    packet_t *packet = packet_new(loop_packets(side->loop), side->size);
    packet_append(packet, side->bytes, side->size);
    bytes_put_u64(packet->data, ++side->sent);
    return dtls_send(side->dtls, side->now, packet) == 0;
}

static bool poll_side(void *client, output_t *output)
{
    side_t *side = client;
    dtls_output_t dtls;
    if (side->wants_socket) {
        side->wants_socket = false;
        output->type = OUTPUT_OPEN_SOCKET;
        output->open.local = address_ipv4(127, 0, 0, 1, 0);
        return true;
    }
    do {
        while (dtls_poll(side->dtls, &dtls)) {
            if (dtls.type == DTLS_OUTPUT_SEND) {
                dtls.packet->path = side->path;
                output->type = OUTPUT_SEND;
                output->packet = dtls.packet;
                return true;
            }
            if (dtls.type == DTLS_OUTPUT_DATA)
                take(side, dtls.packet);
            else if (dtls.type == DTLS_OUTPUT_CONNECTED)
                atomic_store(&side->is_connected, true);
        }
    } while (produce(side));
    return false;
}

static void socket_opened(void *client, peer_time_t now, uint32_t socket, const address_t *local, network_type_t type)
{
    side_t *side = client;
    (void)now;
    (void)type;
    side->path = (path_t){.socket = socket, .protocol = TRANSPORT_UDP, .local = *local};
    side->socket = socket;
}

static void sockets_complete(void *client, peer_time_t now)
{
    (void)client;
    (void)now;
}

static void socket_closed(void *client, peer_time_t now, uint32_t socket, const char *text)
{
    (void)client;
    (void)now;
    (void)socket;
    (void)text;
}

static const char *ufrag(const void *client)
{
    (void)client;
    return NULL;
}

static const loop_client_ops_t ops = {.input = input,
                                      .timeout = timeout,
                                      .deadline = deadline,
                                      .poll = poll_side,
                                      .socket_opened = socket_opened,
                                      .sockets_complete = sockets_complete,
                                      .socket_closed = socket_closed,
                                      .ufrag = ufrag};

static void die(const char *what)
{
    fprintf(stderr, "peer-wire-bench: %s\n", what);
    exit(1);
}

static void open_side(side_t *side, certificate_t *certificate, certificate_t *remote, size_t window)
{
    fingerprint_t fingerprint;
    side->loop = loop_new(LOOP_THREAD);
    side->bytes = malloc(DTLS_DATA_MAX);
    if (side->loop == NULL || side->bytes == NULL)
        die("no loop");
    memset(side->bytes, POISON, DTLS_DATA_MAX);
    side->window = window;
    loop_lock(side->loop);
    side->dtls = dtls_new(&(dtls_config_t){.certificate = certificate, .pool = loop_packets(side->loop)});
    loop_unlock(side->loop);
    if (side->dtls == NULL || certificate_fingerprint(remote, FINGERPRINT_SHA_256, &fingerprint) < 0 ||
        dtls_set_remote_fingerprints(side->dtls, &fingerprint, 1) < 0)
        die("no association");
    side->wants_socket = true;
    side->entry = loop_add(side->loop, &ops, side, NULL, NULL, NULL);
    loop_lock(side->loop);
    loop_touch(side->loop, side->entry);
    loop_unlock(side->loop);
    if (side->socket == 0)
        die("no socket");
}

static void close_side(side_t *side)
{
    loop_remove(side->loop, side->entry, NULL);
    loop_lock(side->loop);
    dtls_free(side->dtls);
    loop_unlock(side->loop);
    loop_unref(side->loop);
    free(side->bytes);
}

static void start(side_t *side, const side_t *other, bool is_client)
{
    loop_lock(side->loop);
    side->path.remote = other->path.local;
    dtls_start(side->dtls, runtime_now(), is_client);
    loop_touch(side->loop, side->entry);
    loop_unlock(side->loop);
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static size_t resident_kb(void)
{
    size_t all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%zu %zu", &all, &resident) != 2)
        resident = 0;
    if (file != NULL)
        fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void measure(side_t *from, side_t *to, size_t size, double duration)
{
    loop_counters_t sender, receiver;
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    loop_lock(to->loop);
    uint64_t count = to->count;
    receiver = to->loop->counters;
    loop_unlock(to->loop);
    loop_lock(from->loop);
    sender = from->loop->counters;
    uint64_t sent = from->sent;
    from->size = size;
    loop_touch(from->loop, from->entry);
    loop_unlock(from->loop);
    pause_ms((long)(duration * 1000));
    loop_lock(from->loop);
    from->size = 0;
    sent = from->sent - sent;
    sender.datagrams_sent = from->loop->counters.datagrams_sent - sender.datagrams_sent;
    sender.send_calls = from->loop->counters.send_calls - sender.send_calls;
    loop_unlock(from->loop);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    pause_ms(50);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    loop_lock(to->loop);
    count = to->count - count;
    receiver.datagrams_received = to->loop->counters.datagrams_received - receiver.datagrams_received;
    receiver.receive_calls = to->loop->counters.receive_calls - receiver.receive_calls;
    loop_unlock(to->loop);
    loop_lock(from->loop);
    from->told = from->sent; /* what was lost is not waited for */
    loop_unlock(from->loop);
    pause_ms(2500);
    double bytes = (double)count * (double)size;
    printf("%6zu B %8.1f MB/s %6.2f CPU s/GB %8.0f ns/packet %7.1f lost/million %6.1f packets/send %6.1f packets/receive %7zu KiB\n", size,
           bytes / wall / 1e6, cpu / bytes * 1e9, cpu / (double)count * 1e9, (double)(sent - count) / (double)sent * 1e6,
           (double)sender.datagrams_sent / (double)sender.send_calls, (double)receiver.datagrams_received / (double)receiver.receive_calls,
           resident_kb());
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const size_t all_sizes[] = {1200, 4000, 9000, DTLS_DATA_MAX};
    certificate_t *certificates[2];
    side_t sides[2] = {{0}};
    double duration = 2;
    size_t window = WINDOW_DEFAULT;
    int first = 1;
    for (; first + 1 < argc && strncmp(argv[first], "--", 2) == 0; first += 2) {
        if (strcmp(argv[first], "--seconds") == 0)
            duration = atof(argv[first + 1]);
        else if (strcmp(argv[first], "--window") == 0)
            window = (size_t)atol(argv[first + 1]);
        else
            die("usage: peer-wire-bench [--seconds S] [--window BYTES] [SIZE…]");
    }
    random_source_t random = runtime_random_source();
    for (int i = 0; i < 2; i++)
        if (certificate_generate(&certificates[i], CERTIFICATE_ECDSA_P256, time(NULL), 0, &random) < 0)
            die("no certificate");
    for (int i = 0; i < 2; i++)
        open_side(&sides[i], certificates[i], certificates[!i], window);
    start(&sides[1], &sides[0], false);
    start(&sides[0], &sides[1], true);
    for (int i = 0; i < 500 && !(sides[0].is_connected && sides[1].is_connected); i++)
        pause_ms(10);
    if (!sides[0].is_connected || !sides[1].is_connected)
        die("not connected");
    for (int i = first; i < argc; i++)
        if (atol(argv[i]) > 9 && atol(argv[i]) <= DTLS_DATA_MAX)
            measure(&sides[0], &sides[1], (size_t)atol(argv[i]), duration);
    for (size_t i = 0; first == argc && i < sizeof all_sizes / sizeof *all_sizes; i++)
        measure(&sides[0], &sides[1], all_sizes[i], duration);
    for (int i = 0; i < 2; i++)
        close_side(&sides[i]);
    for (int i = 0; i < 2; i++)
        certificate_unref(certificates[i]);
    return 0;
}
