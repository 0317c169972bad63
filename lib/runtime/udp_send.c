/* Sending: the packets of one turn gather per socket. Runs of equal size to one destination leave as one buffer that the kernel (or the
 * card) cuts up (UDP_SEGMENT); runs leave together by sendmmsg. What cannot be sent so is sent one by one, what finds no room waits,
 * bounded. What is larger than the interface carries is dropped, unless it may be fragmented. */
#include "runtime/udp_socket.h"

#include "base/memory.h"
#include "runtime/sockaddr.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#define GATHER_PACKETS 128
#define GATHER_BYTES (256 << 10) /* more would only leave the caches cold */
#define SEGMENTS_MAX 64          /* UDP_MAX_SEGMENTS of the kernels in use */
#define RUN_BYTES_MAX 65507      /* of an IPv4 datagram (RFC 791 §3.1) less its headers, IP and UDP */
/* Media, handshakes and the first packets of data channels are no larger, and nobody looks whether the path carries less: where even that
 * is too much they may be fragmented. What is larger is, or may be, a probe for the path's MTU, which must not pass in pieces. */
#define SMALL_BYTES 1200
#define WAITING_PACKETS_MAX 2048
#define WAITING_BYTES_MAX (8 << 20)
#define SEND_RETRIES 3 /* after an error that belongs to an earlier datagram */

typedef struct control {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(int))];
} control_t;

struct udp_sender {
    udp_socket_t *socket;
    size_t count;
    size_t bytes;
    bool may_fragment; /* all of them, or none */
    packet_t *packets[GATHER_PACKETS];
    struct iovec vectors[GATHER_PACKETS];
    struct mmsghdr messages[GATHER_PACKETS];
    size_t message_packets[GATHER_PACKETS]; /* how many packets each message carries */
    sockaddr_any_t names[GATHER_PACKETS];
    control_t controls[GATHER_PACKETS];
};

udp_sender_t *udp_sender_new(void)
{
    return MEMORY_NEW(udp_sender_t);
}

void udp_sender_free(udp_sender_t *sender)
{
    memory_free(sender);
}

/* The octet of the IP header: TOS, or Traffic Class. */
static int traffic_class(const packet_t *packet)
{
    return (packet->dscp & 63) << 2 | (packet->ecn & 3);
}

static bool may_fragment(const udp_socket_t *socket, const packet_t *packet)
{
    return packet->may_fragment || (packet->length <= SMALL_BYTES && packet->length >= socket->fragment_limit);
}

/* How many of the packets from `first` on may leave in one segmented buffer: equal sizes, the last may be shorter. */
static size_t run_length(const udp_socket_t *socket, packet_t *const *packets, size_t count)
{
    const packet_t *head = packets[0];
    size_t bytes = head->length, length = 1;
    if (!socket->has_gso || may_fragment(socket, head) || head->length >= socket->gso_limit || head->length == 0)
        return 1;
    while (length < count && length < SEGMENTS_MAX) {
        const packet_t *packet = packets[length];
        bytes += packet->length;
        if (packet->length > head->length || packet->length == 0 || bytes > RUN_BYTES_MAX || traffic_class(packet) != traffic_class(head) ||
            !address_equal(&packet->path.remote, &head->path.remote))
            break;
        length++;
        if (packet->length < head->length)
            break;
    }
    return length;
}

static void put_control(struct msghdr *message, control_t *control, int level, int type, const void *value, size_t size)
{
    if (message->msg_control == NULL) {
        message->msg_control = control->bytes;
        message->msg_controllen = 0;
    }
    struct cmsghdr *header = (void *)(control->bytes + message->msg_controllen);
    memset(header, 0, CMSG_SPACE(size));
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), value, size);
    message->msg_controllen += CMSG_SPACE(size);
}

static size_t fill_message(udp_sender_t *sender, size_t index, size_t first)
{
    const packet_t *head = sender->packets[first];
    struct msghdr *message = &sender->messages[index].msg_hdr;
    size_t length = run_length(sender->socket, &sender->packets[first], sender->count - first);
    *message = (struct msghdr){.msg_name = &sender->names[index],
                               .msg_namelen = sockaddr_from_address(&sender->names[index], &head->path.remote),
                               .msg_iov = &sender->vectors[first],
                               .msg_iovlen = length};
    if (length > 1) {
        uint16_t segment = (uint16_t)head->length;
        put_control(message, &sender->controls[index], IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
    }
    int octet = traffic_class(head);
    if (octet != 0) {
        bool is_ipv6 = head->path.remote.family == ADDRESS_IPV6;
        put_control(message, &sender->controls[index], is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_TCLASS : IP_TOS, &octet,
                    sizeof octet);
    }
    sender->message_packets[index] = length;
    return length;
}

static bool is_no_room(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS;
}

/* A segmented buffer that the kernel or the interface does not take (EIO without checksum offload, EINVAL or EMSGSIZE when a segment
 * exceeds the MTU) goes out packet by packet; the socket remembers. */
static void learn_from_refusal(udp_socket_t *socket, size_t segment, int error)
{
    if (error == EINVAL || error == EMSGSIZE)
        socket->gso_limit = segment < socket->gso_limit ? segment : socket->gso_limit;
    else
        socket->has_gso = false;
}

static void wait_for_room(loop_t *loop, udp_socket_t *socket, packet_t *packet)
{
    if (socket->waiting.count >= WAITING_PACKETS_MAX || socket->waiting.bytes + packet->length > WAITING_BYTES_MAX) {
        loop->counters.send_dropped++;
        packet_unref(packet);
        return;
    }
    packet_queue_push(&socket->waiting, packet);
    udp_socket_wait_for_room(loop, socket, true);
}

/* Sends messages [from, to) as far as they go; how many were taken, with errno set when not all. */
static size_t send_messages(loop_t *loop, udp_sender_t *sender, size_t from, size_t to)
{
    size_t sent = 0;
    while (from + sent < to) {
        unsigned left = (unsigned)(to - from - sent);
        loop->counters.send_calls++;
        int result = left == 1 ? (sendmsg(sender->socket->fd, &sender->messages[from + sent].msg_hdr, MSG_NOSIGNAL) < 0 ? -1 : 1)
                               : sendmmsg(sender->socket->fd, &sender->messages[from + sent], left, MSG_NOSIGNAL);
        if (result < 0) {
            if (errno == EINTR)
                continue;
            break;
        }
        sent += (size_t)result;
    }
    return sent;
}

/* One packet, alone in its message, went wrong: it waits, is fragmented, or is lost. */
static void on_refused(loop_t *loop, udp_sender_t *sender, size_t message, packet_t *packet, int error)
{
    udp_socket_t *socket = sender->socket;
    if (is_no_room(error)) {
        wait_for_room(loop, socket, packet_ref(packet));
        return;
    }
    if (error == EMSGSIZE && packet->length <= SMALL_BYTES && !sender->may_fragment) {
        socket->fragment_limit = packet->length < socket->fragment_limit ? packet->length : socket->fragment_limit;
        udp_socket_allow_fragments(socket, true);
        bool is_sent = send_messages(loop, sender, message, message + 1) == 1;
        udp_socket_allow_fragments(socket, false);
        if (is_sent) {
            loop->counters.datagrams_sent++;
            return;
        }
    }
    loop->counters.send_errors++;
}

static void send_one_by_one(loop_t *loop, udp_sender_t *sender, size_t message, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        struct msghdr *header = &sender->messages[message].msg_hdr;
        header->msg_iov = &sender->vectors[i];
        header->msg_iovlen = 1;
        header->msg_control = NULL;
        header->msg_controllen = 0;
        if (send_messages(loop, sender, message, message + 1) == 1)
            loop->counters.datagrams_sent++;
        else
            on_refused(loop, sender, message, sender->packets[i], errno);
    }
}

void udp_send_flush(loop_t *loop)
{
    udp_sender_t *sender = loop->sender;
    udp_socket_t *socket = sender->socket;
    size_t message_count = 0;
    if (sender->count == 0)
        return;
    for (size_t first = 0; first < sender->count; message_count++)
        first += fill_message(sender, message_count, first);
    if (sender->may_fragment)
        udp_socket_allow_fragments(socket, true);
    size_t message = 0, first = 0, retries = 0;
    while (message < message_count) {
        size_t sent = send_messages(loop, sender, message, message_count);
        int error = errno;
        for (size_t i = 0; i < sent; i++, message++) {
            loop->counters.datagrams_sent += sender->message_packets[message];
            first += sender->message_packets[message];
        }
        if (message == message_count)
            break;
        size_t length = sender->message_packets[message];
        if (is_no_room(error)) {
            for (; first < sender->count; first++)
                wait_for_room(loop, socket, packet_ref(sender->packets[first]));
            break;
        }
        if ((error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH) && retries++ < SEND_RETRIES)
            continue; /* may be the report of an earlier datagram; this one has not been tried then */
        if (length > 1) {
            learn_from_refusal(socket, sender->packets[first]->length, error);
            send_one_by_one(loop, sender, message, first, length);
        } else {
            on_refused(loop, sender, message, sender->packets[first], error);
        }
        first += length;
        message++;
    }
    if (sender->may_fragment)
        udp_socket_allow_fragments(socket, false);
    for (size_t i = 0; i < sender->count; i++)
        packet_unref(sender->packets[i]);
    sender->count = 0;
    sender->bytes = 0;
    sender->socket = NULL;
}

void udp_send(loop_t *loop, udp_socket_t *socket, packet_t *packet)
{
    udp_sender_t *sender = loop->sender;
    if (socket->waiting.count != 0) { /* keep the order */
        wait_for_room(loop, socket, packet);
        return;
    }
    bool is_fragmentable = may_fragment(socket, packet);
    if (sender->socket != socket || sender->may_fragment != is_fragmentable)
        udp_send_flush(loop);
    sender->socket = socket;
    sender->may_fragment = is_fragmentable;
    sender->packets[sender->count] = packet;
    sender->vectors[sender->count] = (struct iovec){.iov_base = packet->data, .iov_len = packet->length};
    sender->count++;
    sender->bytes += packet->length;
    if (sender->count == GATHER_PACKETS || sender->bytes >= GATHER_BYTES)
        udp_send_flush(loop);
}

void udp_send_waiting(loop_t *loop, udp_socket_t *socket)
{
    packet_queue_t waiting = socket->waiting;
    packet_t *packet;
    socket->waiting = (packet_queue_t){0};
    udp_socket_wait_for_room(loop, socket, false);
    while ((packet = packet_queue_pop(&waiting)) != NULL)
        udp_send(loop, socket, packet);
    udp_send_flush(loop);
}
