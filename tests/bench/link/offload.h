/* Segmentation offload of TUN devices (IFF_VNET_HDR): a host hands over up to 64 KiB of TCP or UDP segments as one buffer. They are split
 * into the packets that are on the wire, each with a fate of its own, and those that arrive together are given to the other host as one
 * buffer again, as its network card would. IPv4. */
#ifndef OFFLOAD_H
#define OFFLOAD_H

#include "link.h"

#include <linux/virtio_net.h>

#define OFFLOAD_FRAME_MAX (sizeof(struct virtio_net_hdr) + LINK_PACKET_MAX)
#define OFFLOAD_JOIN_MAX 64

/* Asks the device to hand over such buffers; without it they come as single packets. False when it cannot even have a header. */
bool offload_enable(int tun);
/* The packets of what was read from a device, linked by `next`; NULL when it is nothing that is carried, or memory ran out. */
link_packet_t *offload_split(link_pool_t *pool, const uint8_t *frame, size_t length);
/* How many of the first packets can be one buffer; at least one. */
size_t offload_join(link_packet_t *const *packets, size_t count);
/* Writes those to a device: they must be what offload_join() said, and are changed. */
bool offload_write(int tun, link_packet_t *const *packets, size_t count);

#endif
