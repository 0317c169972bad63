/* Receiving: one recvmmsg a socket and turn, each message up to a whole run of datagrams that the kernel joined (UDP_GRO). A small message
 * is copied once into a small packet; a large one is handed over in the buffer it arrived in, a run as slices of it. */
#include "runtime/udp_socket.h"

#include "base/memory.h"
#include "runtime/link.h"
#include "runtime/sockaddr.h"

#include <netinet/udp.h>
#include <string.h>

#define BATCH_MESSAGES 16
#define BATCH_FIRST 2               /* after a rest: a loop that hears little keeps little */
#define BATCH_BYTES_MAX (256 << 10) /* what is read at once is to be in the caches still when it is worked on */
#define BATCH_LARGE_MESSAGES 4      /* so many messages when they are large: about as many bytes */

typedef struct control {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(int))];
} control_t;

struct udp_receiver {
    unsigned batch;                    /* messages to receive at once; more when they are many, fewer when they are large */
    unsigned ready;                    /* the first so many were made ready, */
    unsigned used;                     /* and of them the first so many are to be made ready again */
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
        receiver->batch = BATCH_FIRST;
    return receiver;
}

static void release_from(udp_receiver_t *receiver, unsigned first)
{
    for (unsigned i = first; i < BATCH_MESSAGES; i++) {
        packet_unref(receiver->buffers[i]);
        receiver->buffers[i] = NULL;
    }
    receiver->ready = receiver->ready < first ? receiver->ready : first;
    receiver->used = receiver->used < first ? receiver->used : first;
}

void udp_receiver_rest(udp_receiver_t *receiver)
{
    release_from(receiver, 0);
    receiver->batch = BATCH_FIRST;
}

void udp_receiver_free(udp_receiver_t *receiver)
{
    if (receiver == NULL)
        return;
    udp_receiver_rest(receiver);
    memory_free(receiver);
}

static bool make_ready(loop_t *loop, udp_receiver_t *receiver, unsigned index)
{
    if (receiver->buffers[index] == NULL && (receiver->buffers[index] = packet_new(loop->packets, PACKET_LARGE)) == NULL)
        return false;
    receiver->vectors[index] = (struct iovec){.iov_base = receiver->buffers[index]->data, .iov_len = PACKET_LARGE};
    receiver->messages[index].msg_hdr = (struct msghdr){.msg_name = &receiver->names[index],
                                                        .msg_namelen = sizeof receiver->names[index],
                                                        .msg_iov = &receiver->vectors[index],
                                                        .msg_iovlen = 1,
                                                        .msg_control = receiver->controls[index].bytes,
                                                        .msg_controllen = sizeof receiver->controls[index].bytes};
    return true;
}

/* How many messages can be received. */
static unsigned prepare(loop_t *loop, udp_receiver_t *receiver)
{
    for (; receiver->used > 0; receiver->used--)
        if (!make_ready(loop, receiver, receiver->used - 1))
            return 0;
    for (; receiver->ready < receiver->batch; receiver->ready++)
        if (!make_ready(loop, receiver, receiver->ready))
            break;
    return receiver->ready < receiver->batch ? receiver->ready : receiver->batch;
}

/* To what `count` messages with so many bytes together teach. */
static void adapt(udp_receiver_t *receiver, unsigned count, size_t bytes)
{
    receiver->used = count;
    if (bytes > BATCH_BYTES_MAX / 2) {
        receiver->batch = BATCH_LARGE_MESSAGES;
        release_from(receiver, BATCH_LARGE_MESSAGES);
    } else if (count == receiver->batch && count < BATCH_MESSAGES) {
        receiver->batch = 2 * count < BATCH_MESSAGES ? 2 * count : BATCH_MESSAGES;
    }
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
    buffer->length = length;
    buffer->time = now;
    buffer->path = path;
    buffer->ecn = ecn;
    if (length > PACKET_SMALL)
        receiver->buffers[index] = NULL;
    if (length <= segment && length > PACKET_SMALL) {
        hand_over(loop, socket, buffer, now);
        return;
    }
    for (size_t at = 0; at < length; at += segment) {
        size_t size = length - at < segment ? length - at : segment;
        packet_t *packet = length > PACKET_SMALL ? packet_slice(buffer, at, size) : packet_new_copy(loop->packets, buffer->data + at, size);
        if (packet == NULL) {
            loop->counters.receive_dropped++;
            continue;
        }
        packet->time = now;
        packet->path = path;
        packet->ecn = ecn;
        hand_over(loop, socket, packet, now);
    }
    if (length > PACKET_SMALL)
        packet_unref(buffer);
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
    peer_time_t now = runtime_now();
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        bytes += receiver->messages[i].msg_len;
        accept_message(loop, socket, receiver, (unsigned)i, now);
    }
    adapt(receiver, (unsigned)count, bytes);
}
