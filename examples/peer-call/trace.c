#include "trace.h"

#include <arpa/inet.h>
#include <peer/peer.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINKTYPE_WIRESHARK_UPPER_PDU 252
#define BLOCK_MAX 66000 /* the largest packet, its tags and the block around it */

/* Tags of an exported PDU (Wireshark, epan/exported_pdu.h). */
enum {
    TAG_END = 0,
    TAG_DISSECTOR_NAME = 12,
    TAG_IPV4_SOURCE = 20,
    TAG_IPV4_DESTINATION = 21,
    TAG_IPV6_SOURCE = 22,
    TAG_IPV6_DESTINATION = 23,
    TAG_PORT_TYPE = 24,
    TAG_SOURCE_PORT = 25,
    TAG_DESTINATION_PORT = 26
};
#define PORT_TYPE_UDP 3

typedef struct end {
    bool is_ipv6;
    uint8_t address[16];
    uint16_t port;
} end_t;

struct trace {
    FILE *file;
    pthread_mutex_t lock;
    int64_t epoch_us; /* from the monotonic clock to that of the day */
    end_t local, remote;
    uint8_t block[BLOCK_MAX];
    size_t length;
};

static void put(trace_t *trace, const void *bytes, size_t length)
{
    memcpy(trace->block + trace->length, bytes, length);
    trace->length += length;
}

/* Block headers are in the byte order of the machine (the section header's magic says which), tags in that of the network. */
static void put_u32(trace_t *trace, uint32_t value)
{
    put(trace, &value, sizeof value);
}

static void put_u16(trace_t *trace, uint16_t value)
{
    put(trace, &value, sizeof value);
}

static void put_padding(trace_t *trace, size_t length)
{
    put(trace, "\0\0\0", -length & 3);
}

static void put_tag(trace_t *trace, uint16_t tag, const void *value, size_t length)
{
    put_u16(trace, htons(tag));
    put_u16(trace, htons((uint16_t)(length + (-length & 3))));
    put(trace, value, length);
    put_padding(trace, length);
}

static void put_tag_u32(trace_t *trace, uint16_t tag, uint32_t value)
{
    put_tag(trace, tag, &(uint32_t){htonl(value)}, 4);
}

static void begin_block(trace_t *trace, uint32_t type)
{
    trace->length = 0;
    put_u32(trace, type);
    put_u32(trace, 0);
}

static void end_block(trace_t *trace)
{
    uint32_t total = (uint32_t)trace->length + 4;
    put_u32(trace, total);
    memcpy(trace->block + 4, &total, 4);
    fwrite(trace->block, 1, trace->length, trace->file);
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

trace_t *trace_open(const char *path)
{
    trace_t *trace = calloc(1, sizeof *trace);
    if (trace == NULL)
        return NULL;
    trace->file = fopen(path, "wb");
    if (trace->file == NULL) {
        free(trace);
        return NULL;
    }
    pthread_mutex_init(&trace->lock, NULL);
    trace->epoch_us = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC);

    begin_block(trace, 0x0a0d0d0a); /* section header */
    put_u32(trace, 0x1a2b3c4d);
    put_u16(trace, 1);
    put_u16(trace, 0);
    put_u32(trace, UINT32_MAX); /* length of the section: not known */
    put_u32(trace, UINT32_MAX);
    end_block(trace);
    begin_block(trace, 1); /* interface; times are microseconds unless said otherwise */
    put_u16(trace, LINKTYPE_WIRESHARK_UPPER_PDU);
    put_u16(trace, 0);
    put_u32(trace, 0);
    end_block(trace);
    return trace;
}

static end_t parse_end(const char *address, uint16_t port)
{
    end_t end = {.port = port};
    if (address != NULL && inet_pton(AF_INET, address, end.address) != 1)
        end.is_ipv6 = inet_pton(AF_INET6, address, end.address) == 1;
    return end;
}

void trace_set_path(trace_t *trace, const char *local, uint16_t local_port, const char *remote, uint16_t remote_port)
{
    pthread_mutex_lock(&trace->lock);
    trace->local = parse_end(local, local_port);
    trace->remote = parse_end(remote, remote_port);
    if (trace->local.is_ipv6 != trace->remote.is_ipv6) /* a name instead of an address */
        trace->local = trace->remote = (end_t){0};
    pthread_mutex_unlock(&trace->lock);
}

void trace_packet(int32_t kind, int32_t outgoing, int64_t time_us, const void *data, size_t length, void *user)
{
    static const char *const dissectors[] = {[PEER_PACKET_RTP] = "rtp", [PEER_PACKET_RTCP] = "rtcp", [PEER_PACKET_SCTP] = "sctp"};
    trace_t *trace = user;
    if (kind < 0 || kind >= (int32_t)(sizeof dissectors / sizeof *dissectors) || length > UINT16_MAX)
        return;
    pthread_mutex_lock(&trace->lock);
    const end_t *source = outgoing ? &trace->local : &trace->remote, *destination = outgoing ? &trace->remote : &trace->local;
    uint64_t time = (uint64_t)(time_us + trace->epoch_us);
    begin_block(trace, 6); /* enhanced packet */
    put_u32(trace, 0);
    put_u32(trace, (uint32_t)(time >> 32));
    put_u32(trace, (uint32_t)time);
    size_t lengths = trace->length;
    put_u32(trace, 0);
    put_u32(trace, 0);
    size_t start = trace->length;
    put_tag(trace, TAG_DISSECTOR_NAME, dissectors[kind], strlen(dissectors[kind]));
    put_tag(trace, source->is_ipv6 ? TAG_IPV6_SOURCE : TAG_IPV4_SOURCE, source->address, source->is_ipv6 ? 16 : 4);
    put_tag(trace, source->is_ipv6 ? TAG_IPV6_DESTINATION : TAG_IPV4_DESTINATION, destination->address, source->is_ipv6 ? 16 : 4);
    put_tag_u32(trace, TAG_PORT_TYPE, PORT_TYPE_UDP);
    put_tag_u32(trace, TAG_SOURCE_PORT, source->port);
    put_tag_u32(trace, TAG_DESTINATION_PORT, destination->port);
    put_tag(trace, TAG_END, "", 0);
    put(trace, data, length);
    uint32_t captured = (uint32_t)(trace->length - start);
    memcpy(trace->block + lengths, &captured, 4);
    memcpy(trace->block + lengths + 4, &captured, 4);
    put_padding(trace, captured);
    end_block(trace);
    pthread_mutex_unlock(&trace->lock);
}

int trace_close(trace_t *trace)
{
    if (trace == NULL)
        return 0;
    int failed = ferror(trace->file) != 0;
    failed |= fclose(trace->file) != 0;
    pthread_mutex_destroy(&trace->lock);
    free(trace);
    return failed ? -1 : 0;
}
