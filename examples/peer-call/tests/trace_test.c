#include "test.h"
#include "trace.h"

#include <peer/peer.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint32_t word(const char *file, size_t at)
{
    uint32_t value;
    memcpy(&value, file + at, 4);
    return value;
}

TEST(a_trace_is_a_chain_of_whole_blocks)
{
    char path[] = "/tmp/trace-test-XXXXXX";
    close(mkstemp(path));
    trace_t *trace = trace_open(path);
    CHECK(trace != NULL);
    static const uint8_t packet[] = {0x80, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xaa};
    trace_packet(PEER_PACKET_RTP, 1, 5000000, packet, sizeof packet, trace);
    trace_set_path(trace, "192.0.2.1", 1000, "192.0.2.2", 2000);
    trace_packet(PEER_PACKET_RTCP, 0, 5000001, packet, 12, trace);
    trace_set_path(trace, "2001:db8::1", 1000, "2001:db8::2", 2000);
    trace_packet(PEER_PACKET_SCTP, 1, 5000002, packet, 12, trace);
    trace_packet(99, 1, 5000002, packet, 12, trace);
    CHECK_INT(trace_close(trace), 0);

    size_t length;
    char *file = test_read_file(path, &length);
    unlink(path);
    int blocks = 0;
    for (size_t at = 0; at < length; blocks++) {
        CHECK(length - at >= 12);
        uint32_t size = word(file, at + 4);
        CHECK(size >= 12 && size % 4 == 0 && size <= length - at);
        CHECK_INT(word(file, at + size - 4), size);
        at += size;
    }
    CHECK_INT(blocks, 5);
    CHECK_INT(word(file, 0), 0x0a0d0d0a);
    free(file);
}
