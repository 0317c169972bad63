/* Buffers of segments and the packets they are on the wire. */
#include "offload.h"
#include "test.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define IP 20
#define UDP 8
#define TCP 32 /* with the timestamps option */
#define GSO_UDP 5

static link_pool_t pool;

static void put_u16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned get_u16(const uint8_t *at)
{
    return (unsigned)(at[0] << 8 | at[1]);
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)get_u16(at) << 16 | get_u16(at + 2);
}

/* What a device gives: a header, then an IP packet with `size` bytes 0, 1, 2 … behind its headers. Returns its length. */
static size_t make_frame(uint8_t *frame, bool is_tcp, size_t size, size_t segment)
{
    size_t transport = is_tcp ? TCP : UDP, length = IP + transport + size;
    struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                    .gso_type = segment == 0 ? VIRTIO_NET_HDR_GSO_NONE
                                                : is_tcp     ? VIRTIO_NET_HDR_GSO_TCPV4
                                                             : GSO_UDP,
                                    .gso_size = (uint16_t)segment,
                                    .csum_start = IP,
                                    .csum_offset = is_tcp ? 16 : 6};
    memcpy(frame, &header, sizeof header);
    uint8_t *packet = frame + sizeof header, *at = packet + IP;
    memset(packet, 0, IP + transport);
    packet[0] = 0x45;
    put_u16(packet + 2, length);
    put_u16(packet + 4, 0xffff); /* its identification wraps */
    packet[6] = 0x40;
    packet[8] = 64;
    packet[9] = is_tcp ? 6 : 17;
    memcpy(packet + 12, "\xc6\x33\x64\x01\xc6\x33\x64\x02", 8);
    put_u16(at, 1000);
    put_u16(at + 2, 2000);
    if (is_tcp) {
        memcpy(at + 4, "\xff\xff\xff\x00\x00\x00\x00\x07", 8);
        at[12] = TCP / 4 << 4;
        at[13] = 0x90 | 0x09; /* CWR, ACK; PSH, FIN */
    } else {
        put_u16(at + 4, UDP + size);
    }
    for (size_t i = 0; i < size; i++)
        at[transport + i] = (uint8_t)i;
    return sizeof header + length;
}

/* RFC 1071: what is summed with its checksum is all ones. */
static bool has_good_ip_checksum(const uint8_t *packet)
{
    unsigned sum = 0;
    for (size_t i = 0; i < IP; i += 2)
        sum += get_u16(packet + i);
    return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

static size_t collect(link_packet_t *first, link_packet_t **packets)
{
    size_t count = 0;
    for (; first != NULL; first = first->next)
        packets[count++] = first;
    return count;
}

static uint8_t frame[OFFLOAD_FRAME_MAX + 100];

TEST(a_datagram_buffer_is_split_into_datagrams_of_its_segment_size)
{
    link_packet_t *packets[8];
    CHECK_INT(collect(offload_split(&pool, frame, make_frame(frame, false, 2500, 1200)), packets), 3);
    for (size_t i = 0; i < 3; i++) {
        size_t size = i < 2 ? 1200 : 100;
        CHECK_INT(packets[i]->length, IP + UDP + size);
        CHECK_INT(get_u16(packets[i]->data + 2), IP + UDP + size);
        CHECK_INT(get_u16(packets[i]->data + 4), (0xffff + i) & 0xffff);
        CHECK_INT(get_u16(packets[i]->data + IP + 4), UDP + size);
        CHECK(has_good_ip_checksum(packets[i]->data));
        CHECK_INT(packets[i]->data[IP + UDP], (uint8_t)(i * 1200));
        CHECK_BYTES(packets[i]->data + IP + UDP, frame + sizeof(struct virtio_net_hdr) + IP + UDP + i * 1200, size);
    }
    CHECK_INT(offload_join(packets, 3), 3);
}

TEST(a_tcp_buffer_is_split_with_its_numbers_and_flags)
{
    link_packet_t *packets[8];
    CHECK_INT(collect(offload_split(&pool, frame, make_frame(frame, true, 3000, 1000)), packets), 3);
    static const uint8_t flags[] = {0x90, 0x10, 0x19}; /* CWR on the first, PSH and FIN on the last */
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(get_u32(packets[i]->data + IP + 4), (uint32_t)(0xffffff00 + i * 1000));
        CHECK_INT(packets[i]->data[IP + 13], flags[i]);
        CHECK(has_good_ip_checksum(packets[i]->data));
    }
    CHECK_INT(offload_join(packets, 3), 1);     /* CWR stays alone, */
    CHECK_INT(offload_join(packets + 1, 2), 1); /* and so does FIN */
}

TEST(what_is_written_is_what_was_read)
{
    static const size_t sizes[] = {0, 1, 1200, 2400, 2401, 60000};
    static uint8_t written[OFFLOAD_FRAME_MAX];
    link_packet_t *packets[80];
    int ends[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t length = make_frame(frame, false, sizes[i], sizes[i] > 1200 ? 1200 : 0);
        size_t count = collect(offload_split(&pool, frame, length), packets);
        CHECK_INT(count, sizes[i] == 0 ? 1 : (sizes[i] + 1199) / 1200);
        CHECK_INT(offload_join(packets, count), count);
        CHECK(offload_write(ends[0], packets, count));
        CHECK_INT(recv(ends[1], written, sizeof written, 0), length);
        CHECK_BYTES(written + sizeof(struct virtio_net_hdr) + IP + UDP, frame + sizeof(struct virtio_net_hdr) + IP + UDP, sizes[i]);
        struct virtio_net_hdr header;
        memcpy(&header, written, sizeof header);
        CHECK_INT(header.gso_type, count > 1 ? GSO_UDP : VIRTIO_NET_HDR_GSO_NONE);
        CHECK_INT(header.gso_size, count > 1 ? 1200 : 0);
        CHECK_INT(get_u16(written + sizeof header + 2), IP + UDP + sizes[i]);
        CHECK(has_good_ip_checksum(written + sizeof header) || count == 1);
        while (count > 0)
            link_packet_free(&pool, packets[--count]);
    }
    close(ends[0]);
    close(ends[1]);
}

TEST(only_what_belongs_together_is_joined)
{
    link_packet_t *packets[16];
    size_t length = make_frame(frame, false, 2400, 1200);
    size_t count = collect(offload_split(&pool, frame, length), packets);
    frame[sizeof(struct virtio_net_hdr) + IP + 3] ^= 1; /* another port */
    count += collect(offload_split(&pool, frame, length), packets + count);
    CHECK_INT(offload_join(packets, count), 2);
    length = make_frame(frame, false, 1300, 1200); /* a shorter one ends its buffer */
    count = collect(offload_split(&pool, frame, length), packets);
    count += collect(offload_split(&pool, frame, length), packets + count);
    CHECK_INT(offload_join(packets, count), 2);
    link_packet_t *gap[] = {NULL, NULL}; /* a segment of TCP was lost between them */
    make_frame(frame, true, 4000, 1000);
    frame[sizeof(struct virtio_net_hdr) + IP + 13] = 0x10;
    count = collect(offload_split(&pool, frame, sizeof(struct virtio_net_hdr) + IP + TCP + 4000), packets);
    CHECK_INT(offload_join(packets, count), 4);
    gap[0] = packets[0];
    gap[1] = packets[2];
    CHECK_INT(offload_join(gap, 2), 1);
}

TEST(what_is_not_carried_is_left_out)
{
    size_t length = make_frame(frame, true, 100, 0);
    CHECK(offload_split(&pool, frame, 5) == NULL);
    frame[sizeof(struct virtio_net_hdr)] = 0x60; /* IPv6 */
    CHECK(offload_split(&pool, frame, length) == NULL);
    make_frame(frame, true, 3000, 1000);
    frame[sizeof(struct virtio_net_hdr) + IP + 12] = 0x40; /* a header shorter than can be */
    CHECK(offload_split(&pool, frame, length) == NULL);
    make_frame(frame, true, 3000, 1000);
    frame[sizeof(struct virtio_net_hdr) + 7] = 1; /* a fragment */
    CHECK(offload_split(&pool, frame, length) == NULL);
}

TEST(packets_that_were_given_back_are_used_again)
{
    link_packet_t *small = link_packet_new(&pool, 100), *large = link_packet_new(&pool, 40000);
    link_packet_free(&pool, small);
    link_packet_free(&pool, large);
    CHECK(link_packet_new(&pool, 1400) == small);
    CHECK(link_packet_new(&pool, LINK_PACKET_MAX) == large);
    CHECK(link_packet_new(&pool, LINK_PACKET_MAX + 1) == NULL);
    link_pool_end(&pool);
}
