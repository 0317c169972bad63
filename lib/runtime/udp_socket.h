/* UDP sockets of a loop: opening and closing, the batched receiving and the gathered sending. */
#ifndef RUNTIME_UDP_SOCKET_H
#define RUNTIME_UDP_SOCKET_H

#include "runtime/loop_private.h"

struct udp_socket {
    int fd;
    uint32_t number;
    loop_entry_t *entry; /* whose input it is; NULL: on_packet's */
    address_t local;
    bool has_gso;
    bool is_waiting;        /* for room in the kernel's buffer */
    size_t gso_limit;       /* segments of this size and more go one by one: the interface's MTU is smaller */
    size_t fragment_limit;  /* of the packets that always may be fragmented, those of this size and more have to be */
    packet_queue_t waiting; /* what the kernel had no room for */
    void (*on_packet)(void *context, packet_t *packet, peer_time_t now); /* takes the reference */
    void *context;
    bool is_ended;              /* udp_socket_end() was called */
    struct shared_port *shared; /* NULL: one client's, or on_packet's */
    link_t *links;              /* of DTLS over it, by next_on_udp */
    udp_socket_t *next;         /* in its owner's list */
};

/* Wraps a bound, non-blocking descriptor, which it takes in any case; gives it a number and watches it. NULL with an error set. */
udp_socket_t *udp_socket_adopt(loop_t *loop, int fd);
/* Binds to `local`; with port_min not 0 to a free port of the range, tried from a random one on. NULL with an error set. */
udp_socket_t *udp_socket_open(loop_t *loop, const address_t *local, uint16_t port_min, uint16_t port_max);
void udp_socket_close(loop_t *loop, udp_socket_t *socket);
/* Nothing more comes from the socket, which is closed when nobody looks at it: at the end of the turn. */
void udp_socket_end(loop_t *loop, udp_socket_t *socket);
void udp_sockets_close_ended(loop_t *loop);
udp_socket_t *udp_socket_find(const loop_t *loop, uint32_t number);
/* epoll said `events` of the socket. */
void udp_socket_on_ready(loop_t *loop, udp_socket_t *socket, uint32_t events);
/* Asks epoll for room to send, or not. */
void udp_socket_wait_for_room(loop_t *loop, udp_socket_t *socket, bool wait);

/* May packets be fragmented, here or on their way? A socket of udp_socket_open() begins without. */
void udp_socket_allow_fragments(udp_socket_t *socket, bool are_allowed);

/* udp_send.c: packets gather until another socket's comes, the gathering is full, or udp_send_flush(). */
udp_sender_t *udp_sender_new(void);
void udp_sender_free(udp_sender_t *sender);
void udp_send(loop_t *loop, udp_socket_t *socket, packet_t *packet); /* takes the reference */
void udp_send_flush(loop_t *loop);
void udp_send_waiting(loop_t *loop, udp_socket_t *socket); /* there is room again */

/* udp_receive.c */
udp_receiver_t *udp_receiver_new(void);
void udp_receiver_free(udp_receiver_t *receiver);
void udp_receive(loop_t *loop, udp_socket_t *socket); /* one batch */
void udp_receiver_rest(udp_receiver_t *receiver);     /* gives its buffers back to the pool, until the next batch */

#endif
