/* Receiving: one recvmmsg a socket and turn, each message up to a whole run of datagrams that the kernel joined (UDP_GRO). A small datagram
 * is copied once into a small packet; a large one is handed over in the buffer it arrived in. */
#include "runtime/udp_socket.h"

#include "base/memory.h"
#include "runtime/link.h"
#include "runtime/sockaddr.h"

#include <netinet/udp.h>
#include <string.h>

#define BATCH_MESSAGES 16

typedef struct control {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(int))];
} control_t;

struct udp_receiver {
    unsigned used;                     /* the first so many messages are to be made ready */
    packet_t *buffers[BATCH_MESSAGES]; /* large packets, taken when first needed */
    struct iovec vectors[BATCH_MESSAGES];
    struct mmsghdr messages[BATCH_MESSAGES];
    sockaddr_any_t names[BATCH_MESSAGES];
    control_t controls[BATCH_MESSAGES];
};

udp_receiver_t *udp_receiver_new(void)
{
    udp_receiver_t *receiver = MEMORY_NEW(udp_receiver_t);
    if (receiver != NULL)
        receiver->used = BATCH_MESSAGES;
    return receiver;
}

void udp_receiver_free(udp_receiver_t *receiver)
{
    if (receiver == NULL)
        return;
    for (size_t i = 0; i < BATCH_MESSAGES; i++)
        packet_unref(receiver->buffers[i]);
    memory_free(receiver);
}

/* Makes ready again what the last batch used; how many messages can be received. */
static unsigned prepare(loop_t *loop, udp_receiver_t *receiver)
{
    for (unsigned i = 0; i < receiver->used; i++) {
        if (receiver->buffers[i] == NULL && (receiver->buffers[i] = packet_new(loop->packets, PACKET_LARGE)) == NULL)
            return i;
        receiver->vectors[i] = (struct iovec){.iov_base = receiver->buffers[i]->data, .iov_len = PACKET_LARGE};
        receiver->messages[i].msg_hdr = (struct msghdr){.msg_name = &receiver->names[i],
                                                        .msg_namelen = sizeof receiver->names[i],
                                                        .msg_iov = &receiver->vectors[i],
                                                        .msg_iovlen = 1,
                                                        .msg_control = receiver->controls[i].bytes,
                                                        .msg_controllen = sizeof receiver->controls[i].bytes};
    }
    receiver->used = 0;
    return BATCH_MESSAGES;
}

static void read_controls(struct msghdr *message, size_t *segment, uint8_t *ecn)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
        const unsigned char *data = CMSG_DATA(header);
        if (header->cmsg_level == IPPROTO_UDP && header->cmsg_type == UDP_GRO) {
            int value;
            memcpy(&value, data, sizeof value);
            *segment = value > 0 ? (size_t)value : *segment;
        } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS) {
            *ecn = data[0] & 3;
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_TCLASS) {
            int value;
            memcpy(&value, data, sizeof value);
            *ecn = (uint8_t)(value & 3);
        }
    }
}

static void hand_over(loop_t *loop, udp_socket_t *socket, packet_t *packet, peer_time_t now)
{
    loop->counters.datagrams_received++;
    if (socket->is_ended) {
        packet_unref(packet);
        return;
    }
    if (socket->links != NULL && links_take_datagram(socket, packet, now))
        return;
    if (socket->on_packet != NULL) {
        socket->on_packet(socket->context, packet, now);
    } else {
        socket->entry->ops->input(socket->entry->client, now, packet);
        loop_mark_dirty(loop, socket->entry);
    }
}

static void accept_message(loop_t *loop, udp_socket_t *socket, udp_receiver_t *receiver, unsigned index, peer_time_t now)
{
    struct msghdr *message = &receiver->messages[index].msg_hdr;
    packet_t *buffer = receiver->buffers[index];
    size_t length = receiver->messages[index].msg_len, segment = length;
    path_t path = {.socket = socket->number, .protocol = TRANSPORT_UDP, .local = socket->local};
    uint8_t ecn = 0;
    read_controls(message, &segment, &ecn);
    if ((message->msg_flags & MSG_TRUNC) || length == 0 || !sockaddr_to_address(&receiver->names[index].any, &path.remote)) {
        loop->counters.receive_dropped++;
        return;
    }
    if (length <= segment && length > PACKET_SMALL) {
        buffer->length = length;
        buffer->time = now;
        buffer->path = path;
        buffer->ecn = ecn;
        receiver->buffers[index] = NULL;
        hand_over(loop, socket, buffer, now);
        return;
    }
    for (size_t at = 0; at < length; at += segment) {
        packet_t *packet = packet_new_copy(loop->packets, buffer->data + at, length - at < segment ? length - at : segment);
        if (packet == NULL) {
            loop->counters.receive_dropped++;
            continue;
        }
        packet->time = now;
        packet->path = path;
        packet->ecn = ecn;
        hand_over(loop, socket, packet, now);
    }
}

void udp_receive(loop_t *loop, udp_socket_t *socket)
{
    udp_receiver_t *receiver = loop->receiver;
    unsigned room = prepare(loop, receiver);
    if (room == 0) { /* no memory: the datagram is lost, rather than waking the loop for ever */
        char byte;
        if (recv(socket->fd, &byte, sizeof byte, MSG_DONTWAIT) >= 0)
            loop->counters.receive_dropped++;
        return;
    }
    loop->counters.receive_calls++;
    int count = recvmmsg(socket->fd, receiver->messages, room, MSG_DONTWAIT, NULL);
    if (count <= 0)
        return; /* EAGAIN, or an ICMP error of an earlier datagram, which ICE's checks find out by themselves */
    receiver->used = receiver->used > (unsigned)count ? receiver->used : (unsigned)count;
    peer_time_t now = runtime_now();
    for (int i = 0; i < count; i++)
        accept_message(loop, socket, receiver, (unsigned)i, now);
}
