#include "offload.h"

#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define UDP_HEADER 8
#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_CWR 0x80

/* Where things are in a packet; `header` is that of IP and of the transport. */
typedef struct layout {
    size_t ip, header, checksum; /* the checksum's place */
    bool is_tcp;
} layout_t;

static uint16_t read_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)read_u16(bytes) << 16 | read_u16(bytes + 2);
}

static void write_u16(uint8_t *bytes, size_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void write_u32(uint8_t *bytes, uint32_t value)
{
    write_u16(bytes, value >> 16);
    write_u16(bytes + 2, value & 0xffff);
}

/* False for what has no TCP or UDP header: other protocols, fragments. */
static bool find_layout(const uint8_t *packet, size_t length, layout_t *layout)
{
    if (length < 20 || packet[0] >> 4 != 4 || (read_u16(packet + 6) & 0x3fff) != 0)
        return false;
    layout->ip = (size_t)(packet[0] & 15) * 4;
    layout->is_tcp = packet[9] == PROTOCOL_TCP;
    if (layout->ip < 20 || (!layout->is_tcp && packet[9] != PROTOCOL_UDP) || length < layout->ip + (layout->is_tcp ? 20 : UDP_HEADER))
        return false;
    layout->checksum = layout->ip + (layout->is_tcp ? 16 : 6);
    layout->header = layout->ip + (layout->is_tcp ? (size_t)(packet[layout->ip + 12] >> 4) * 4 : UDP_HEADER);
    return layout->header >= layout->ip + (layout->is_tcp ? 20 : UDP_HEADER) && layout->header <= length;
}

static uint32_t sum(const uint8_t *bytes, size_t length)
{
    uint32_t total = 0;
    for (size_t i = 0; i + 1 < length; i += 2)
        total += read_u16(bytes + i);
    return total;
}

static uint16_t fold(uint32_t total)
{
    while (total >> 16 != 0)
        total = (total & 0xffff) + (total >> 16);
    return (uint16_t)total;
}

/* Lengths and the IP header's checksum for a packet (or buffer of segments) of so many bytes; the transport's checksum is that of its
 * pseudo-header, which is what a device that completes it expects. */
static void set_length(uint8_t *packet, const layout_t *layout, size_t length)
{
    write_u16(packet + 2, length);
    write_u16(packet + 10, 0);
    write_u16(packet + 10, (uint16_t)~fold(sum(packet, layout->ip)));
    size_t of_transport = length - layout->ip;
    if (!layout->is_tcp)
        write_u16(packet + layout->ip + 4, of_transport);
    write_u16(packet + layout->checksum, fold(sum(packet + 12, 8) + packet[9] + (uint32_t)of_transport));
}

bool offload_enable(int tun)
{
    if (ioctl(tun, TUNSETVNETHDRSZ, &(int){sizeof(struct virtio_net_hdr)}) < 0)
        return false;
    if (ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_USO4 | TUN_F_USO6) < 0 &&
        ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) < 0)
        return ioctl(tun, TUNSETOFFLOAD, 0) == 0;
    return true;
}

static link_packet_t *copy_segment(link_pool_t *pool, const uint8_t *buffer, const layout_t *layout, size_t offset, size_t size)
{
    link_packet_t *packet = link_packet_new(pool, layout->header + size);
    if (packet == NULL)
        return NULL;
    memcpy(packet->data, buffer, layout->header);
    memcpy(packet->data + layout->header, buffer + layout->header + offset, size);
    packet->is_partial = true;
    return packet;
}

static link_packet_t *split_segments(link_pool_t *pool, const uint8_t *buffer, size_t length, size_t segment)
{
    layout_t layout;
    if (segment == 0 || !find_layout(buffer, length, &layout))
        return NULL;
    link_packet_t *first = NULL, **end = &first;
    size_t payload = length - layout.header, number = 0;
    for (size_t offset = 0; offset < payload; offset += segment, number++) {
        size_t size = payload - offset < segment ? payload - offset : segment;
        link_packet_t *packet = copy_segment(pool, buffer, &layout, offset, size);
        if (packet == NULL)
            break;
        uint8_t *transport = packet->data + layout.ip;
        write_u16(packet->data + 4, (read_u16(buffer + 4) + number) & 0xffff);
        if (layout.is_tcp) {
            write_u32(transport + 4, read_u32(transport + 4) + (uint32_t)offset);
            if (offset > 0)
                transport[13] &= (uint8_t)~TCP_CWR;
            if (offset + size < payload)
                transport[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
        }
        set_length(packet->data, &layout, packet->length);
        *end = packet;
        end = &packet->next;
    }
    return first;
}

link_packet_t *offload_split(link_pool_t *pool, const uint8_t *frame, size_t length)
{
    struct virtio_net_hdr header;
    if (length < sizeof header + 20 || length > OFFLOAD_FRAME_MAX)
        return NULL;
    memcpy(&header, frame, sizeof header);
    frame += sizeof header;
    length -= sizeof header;
    if (frame[0] >> 4 != 4)
        return NULL;
    if (header.gso_type != VIRTIO_NET_HDR_GSO_NONE)
        return split_segments(pool, frame, length, header.gso_size);
    link_packet_t *packet = link_packet_new(pool, length);
    if (packet == NULL)
        return NULL;
    memcpy(packet->data, frame, length);
    packet->is_partial = (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
    return packet;
}

/* Whether a segment goes on where another of the same size ends: all of its headers but lengths, checksums and what counts is the same. */
static bool follows(const link_packet_t *packet, const link_packet_t *next, const layout_t *layout)
{
    const uint8_t *a = packet->data, *b = next->data;
    layout_t other;
    if (!next->is_partial || !find_layout(b, next->length, &other) || other.ip != layout->ip || other.header != layout->header ||
        other.is_tcp != layout->is_tcp || next->length > packet->length || next->length == layout->header)
        return false;
    /* version to service, flags to protocol, addresses and options; ports */
    size_t ip = layout->ip;
    if (memcmp(a, b, 2) != 0 || memcmp(a + 6, b + 6, 4) != 0 || memcmp(a + 12, b + 12, ip - 12) != 0 || memcmp(a + ip, b + ip, 4) != 0)
        return false;
    if (!layout->is_tcp)
        return true;
    return a[ip + 13] == TCP_ACK && (b[ip + 13] & ~TCP_PSH) == TCP_ACK && memcmp(a + ip + 8, b + ip + 8, 5) == 0 &&
           memcmp(a + ip + 14, b + ip + 14, 2) == 0 && memcmp(a + ip + 18, b + ip + 18, layout->header - ip - 18) == 0 &&
           read_u32(b + ip + 4) == read_u32(a + ip + 4) + (uint32_t)(packet->length - layout->header);
}

size_t offload_join(link_packet_t *const *packets, size_t count)
{
    layout_t layout;
    size_t joined = 1, total = packets[0]->length;
    if (!packets[0]->is_partial || !find_layout(packets[0]->data, packets[0]->length, &layout) || packets[0]->length == layout.header)
        return 1;
    while (joined < count && joined < OFFLOAD_JOIN_MAX && packets[joined - 1]->length == packets[0]->length &&
           total + packets[joined]->length - layout.header <= LINK_PACKET_MAX && follows(packets[joined - 1], packets[joined], &layout))
        total += packets[joined++]->length - layout.header;
    return joined;
}

bool offload_write(int tun, link_packet_t *const *packets, size_t count)
{
    struct virtio_net_hdr header = {.flags = 0};
    struct iovec parts[1 + OFFLOAD_JOIN_MAX] = {{.iov_base = &header, .iov_len = sizeof header},
                                                {.iov_base = packets[0]->data, .iov_len = packets[0]->length}};
    size_t total = sizeof header + packets[0]->length;
    layout_t layout;
    if (packets[0]->is_partial && find_layout(packets[0]->data, packets[0]->length, &layout)) {
        for (size_t i = 1; i < count; i++) {
            size_t size = packets[i]->length - layout.header;
            parts[1 + i] = (struct iovec){.iov_base = packets[i]->data + layout.header, .iov_len = size};
            total += size;
        }
        header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header.csum_start = (uint16_t)layout.ip;
        header.csum_offset = (uint16_t)(layout.checksum - layout.ip);
        if (count > 1) {
            header.gso_type = layout.is_tcp ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_UDP_L4;
            header.gso_size = (uint16_t)(packets[0]->length - layout.header);
            header.hdr_len = (uint16_t)layout.header;
            if (layout.is_tcp)
                packets[0]->data[layout.ip + 13] = packets[count - 1]->data[layout.ip + 13];
            set_length(packets[0]->data, &layout, total - sizeof header);
        }
    }
    return writev(tun, parts, (int)count + 1) == (ssize_t)total;
}
