#include "usrsctp_peer.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <usrsctp.h>

#define TICK (10 * PEER_MILLISECOND) /* its own timer interval */
#define BUFFER (4u << 20)
#define COMMON_HEADER 12
#define CHECKSUM_OFFSET 8
#define PEERS_MAX 16
#define RESETS_MAX 1100
#define RETRANSMISSIONS_MAX 65535

struct usrsctp_peer {
    uintptr_t id; /* how usrsctp calls it */
    packet_pool_t *pool;
    struct socket *listener;
    struct socket *socket;
    uint16_t port;
    size_t mtu;
    uint16_t max_streams;
    bool is_up, is_lost;
    packet_queue_t output;
    blob_t *message; /* being put together */
    uint16_t streams[RESETS_MAX];
    char text[200];
};

static usrsctp_peer_t *peers[PEERS_MAX];
static peer_time_t last_tick = -1;

static usrsctp_peer_t *find(void *address)
{
    uintptr_t id = (uintptr_t)address;
    return id >= 1 && id <= PEERS_MAX ? peers[id - 1] : NULL;
}

static int on_output(void *address, void *data, size_t length, uint8_t tos, uint8_t set_df)
{
    (void)tos;
    (void)set_df;
    usrsctp_peer_t *peer = find(address);
    packet_t *packet = peer != NULL && length >= COMMON_HEADER ? packet_new_copy(peer->pool, data, length) : NULL;
    if (packet == NULL)
        return 0;
    uint32_t crc = crc32c(0, packet->data, length);
    for (int i = 0; i < 4; i++)
        packet->data[CHECKSUM_OFFSET + i] = (uint8_t)(crc >> (8 * i));
    packet_queue_push(&peer->output, packet);
    return 0;
}

static void initialise(void)
{
    static bool is_done;
    if (is_done)
        return;
    is_done = true;
    usrsctp_init_nothreads(0, on_output, NULL);
    usrsctp_enable_crc32c_offload();
    usrsctp_sysctl_set_sctp_blackhole(2);
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_asconf_enable(0);
    usrsctp_sysctl_set_sctp_auth_enable(0);
    usrsctp_sysctl_set_sctp_pktdrop_enable(0);
    usrsctp_sysctl_set_sctp_nrsack_enable(0);
    usrsctp_sysctl_set_sctp_pr_enable(1);
    usrsctp_sysctl_set_sctp_reconfig_enable(1);
    usrsctp_sysctl_set_sctp_max_chunks_on_queue(10240);
    usrsctp_sysctl_set_sctp_max_retran_chunk(0);
    usrsctp_sysctl_set_sctp_delayed_sack_time_default(20);
    usrsctp_sysctl_set_sctp_inits_include_nat_friendly(0);
    usrsctp_sysctl_set_sctp_vtag_time_wait(0);
}

static void advance(peer_time_t now)
{
    if (last_tick < 0 || last_tick > now)
        last_tick = now; /* the first, or another test's time */
    if (now - last_tick < TICK)
        return;
    peer_time_t elapsed = (now - last_tick) / PEER_MILLISECOND;
    last_tick += elapsed * PEER_MILLISECOND;
    usrsctp_handle_timers((uint32_t)elapsed);
}

usrsctp_peer_t *usrsctp_peer_new(packet_pool_t *pool, uint16_t port, size_t mtu, uint16_t max_streams)
{
    initialise();
    size_t id = 0;
    while (id < PEERS_MAX && peers[id] != NULL)
        id++;
    usrsctp_peer_t *peer = id < PEERS_MAX ? calloc(1, sizeof *peer) : NULL;
    if (peer == NULL)
        return NULL;
    *peer = (usrsctp_peer_t){.id = id + 1, .pool = pool, .port = port, .mtu = mtu, .max_streams = max_streams};
    peers[id] = peer;
    usrsctp_register_address((void *)peer->id);
    return peer;
}

static void close_socket(struct socket **socket)
{
    if (*socket != NULL)
        usrsctp_close(*socket);
    *socket = NULL;
}

void usrsctp_peer_free(usrsctp_peer_t *peer)
{
    if (peer == NULL)
        return;
    close_socket(&peer->socket);
    close_socket(&peer->listener);
    usrsctp_deregister_address((void *)peer->id);
    peers[peer->id - 1] = NULL;
    packet_queue_clear(&peer->output);
    blob_unref(peer->message);
    free(peer);
}

static void set_option(struct socket *socket, int level, int name, const void *value, size_t length)
{
    if (usrsctp_setsockopt(socket, level, name, value, (socklen_t)length) != 0) {
        fprintf(stderr, "usrsctp: option %d: errno %d\n", name, errno);
        abort();
    }
}

static void set_options(usrsctp_peer_t *peer, struct socket *socket)
{
    static const uint16_t events[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT, SCTP_SHUTDOWN_EVENT, SCTP_PARTIAL_DELIVERY_EVENT};
    const int on = 1, buffer = BUFFER;
    const uint32_t partial_delivery = BUFFER;
    const struct linger abort_on_close = {.l_onoff = 1};
    const struct sctp_initmsg init = {.sinit_num_ostreams = peer->max_streams,
                                      .sinit_max_instreams = peer->max_streams,
                                      .sinit_max_attempts = RETRANSMISSIONS_MAX,
                                      .sinit_max_init_timeo = 3000};
    const struct sctp_assocparams limits = {.sasoc_assoc_id = SCTP_FUTURE_ASSOC, .sasoc_asocmaxrxt = RETRANSMISSIONS_MAX};
    const struct sctp_assoc_value resets = {.assoc_id = SCTP_ALL_ASSOC,
                                            .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ | SCTP_ENABLE_CHANGE_ASSOC_REQ};
    const struct sctp_rtoinfo rto = {.srto_assoc_id = SCTP_FUTURE_ASSOC, .srto_initial = 500, .srto_max = 3000, .srto_min = 400};
    const struct sctp_paddrparams path = {.spp_flags = SPP_HB_DISABLE | SPP_PMTUD_DISABLE,
                                          .spp_pathmtu = (uint32_t)peer->mtu - COMMON_HEADER, /* usrsctp adds it */
                                          .spp_pathmaxrxt = RETRANSMISSIONS_MAX,
                                          .spp_assoc_id = SCTP_FUTURE_ASSOC};
    usrsctp_set_non_blocking(socket, 1);
    set_option(socket, SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof abort_on_close);
    set_option(socket, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    set_option(socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    set_option(socket, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &resets, sizeof resets);
    set_option(socket, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on);
    set_option(socket, IPPROTO_SCTP, SCTP_PARTIAL_DELIVERY_POINT, &partial_delivery, sizeof partial_delivery);
    set_option(socket, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
    set_option(socket, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init);
    set_option(socket, IPPROTO_SCTP, SCTP_ASSOCINFO, &limits, sizeof limits);
    set_option(socket, IPPROTO_SCTP, SCTP_RTOINFO, &rto, sizeof rto);
    set_option(socket, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        struct sctp_event event = {.se_assoc_id = SCTP_ALL_ASSOC, .se_type = events[i], .se_on = 1};
        set_option(socket, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof event);
    }
}

static struct socket *open_socket(usrsctp_peer_t *peer, peer_time_t now)
{
    struct sockaddr_conn local = {.sconn_family = AF_CONN, .sconn_port = htons(peer->port), .sconn_addr = (void *)peer->id};
    advance(now);
    struct socket *socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    if (socket == NULL)
        return NULL;
    set_options(peer, socket);
    if (usrsctp_bind(socket, (struct sockaddr *)&local, sizeof local) == 0)
        return socket;
    usrsctp_close(socket);
    return NULL;
}

int usrsctp_peer_connect(usrsctp_peer_t *peer, peer_time_t now, uint16_t remote_port)
{
    struct sockaddr_conn remote = {.sconn_family = AF_CONN, .sconn_port = htons(remote_port), .sconn_addr = (void *)peer->id};
    peer->socket = open_socket(peer, now);
    if (peer->socket == NULL)
        return PEER_ERROR_OPERATION;
    if (usrsctp_connect(peer->socket, (struct sockaddr *)&remote, sizeof remote) != 0 && errno != EINPROGRESS)
        return PEER_ERROR_OPERATION;
    return PEER_OK;
}

int usrsctp_peer_listen(usrsctp_peer_t *peer, peer_time_t now)
{
    peer->listener = open_socket(peer, now);
    return peer->listener != NULL && usrsctp_listen(peer->listener, 1) == 0 ? PEER_OK : PEER_ERROR_OPERATION;
}

static void accept_one(usrsctp_peer_t *peer)
{
    struct sockaddr_conn remote;
    socklen_t length = sizeof remote;
    if (peer->socket != NULL || peer->listener == NULL)
        return;
    peer->socket = usrsctp_accept(peer->listener, (struct sockaddr *)&remote, &length);
    if (peer->socket != NULL)
        usrsctp_set_non_blocking(peer->socket, 1);
}

void usrsctp_peer_abort(usrsctp_peer_t *peer)
{
    static const char reason[] = "their word";
    struct sctp_sndinfo info = {.snd_flags = SCTP_ABORT};
    usrsctp_sendv(peer->socket, reason, sizeof reason - 1, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0);
}

void usrsctp_peer_shutdown(usrsctp_peer_t *peer)
{
    usrsctp_shutdown(peer->socket, SHUT_WR);
}

void usrsctp_peer_input(usrsctp_peer_t *peer, peer_time_t now, const uint8_t *data, size_t length)
{
    uint8_t *bytes = malloc(length > 0 ? length : 1);
    memcpy(bytes, data, length);
    advance(now);
    usrsctp_conninput((void *)peer->id, bytes, length, 0);
    free(bytes);
    accept_one(peer);
}

void usrsctp_peer_timeout(usrsctp_peer_t *peer, peer_time_t now)
{
    advance(now);
    accept_one(peer);
}

peer_time_t usrsctp_peer_deadline(const usrsctp_peer_t *peer)
{
    return peer->socket == NULL || peer->is_lost || last_tick < 0 ? PEER_TIME_NEVER : last_tick + TICK;
}

packet_t *usrsctp_peer_output(usrsctp_peer_t *peer)
{
    return packet_queue_pop(&peer->output);
}

static bool lose(usrsctp_peer_t *peer, sctp_association_event_t *event, bool is_orderly, uint16_t cause_code, const char *text)
{
    peer->is_lost = true;
    snprintf(peer->text, sizeof peer->text, "%s", text);
    *event =
        (sctp_association_event_t){.type = SCTP_ASSOCIATION_LOST, .is_orderly = is_orderly, .cause_code = cause_code, .text = peer->text};
    return true;
}

static bool on_change(usrsctp_peer_t *peer, const uint8_t *data, size_t length, sctp_association_event_t *event)
{
    struct sctp_assoc_change change;
    memcpy(&change, data, sizeof change);
    switch (change.sac_state) {
    case SCTP_COMM_UP:
        if (peer->is_up)
            return false;
        peer->is_up = true;
        uint16_t count =
            change.sac_outbound_streams < change.sac_inbound_streams ? change.sac_outbound_streams : change.sac_inbound_streams;
        *event = (sctp_association_event_t){.type = SCTP_ASSOCIATION_UP, .stream_count = count};
        return true;
    case SCTP_RESTART:
        return lose(peer, event, false, 0, "restart");
    case SCTP_SHUTDOWN_COMP:
        return lose(peer, event, true, 0, "shut down");
    default: {
        uint16_t cause = length >= sizeof change + 8 ? bytes_get_u16(data + sizeof change + 4) : 0;
        return lose(peer, event, cause == 12, cause, "lost");
    }
    }
}

static bool on_stream_reset(usrsctp_peer_t *peer, const uint8_t *data, size_t length, sctp_association_event_t *event)
{
    struct sctp_stream_reset_event reset;
    memcpy(&reset, data, sizeof reset);
    size_t count = (length - sizeof reset) / sizeof(uint16_t);
    if (count > RESETS_MAX)
        count = RESETS_MAX;
    memcpy(peer->streams, data + sizeof reset, count * sizeof(uint16_t));
    *event = (sctp_association_event_t){.streams = peer->streams, .stream_count = count};
    bool is_refused = (reset.strreset_flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) != 0;
    if ((reset.strreset_flags & SCTP_STREAM_RESET_OUTGOING_SSN) != 0) {
        event->type = is_refused ? SCTP_ASSOCIATION_RESET_REFUSED : SCTP_ASSOCIATION_OUTGOING_RESET;
        return true;
    }
    event->type = SCTP_ASSOCIATION_INCOMING_RESET;
    return !is_refused;
}

static bool on_notification(usrsctp_peer_t *peer, const uint8_t *data, size_t length, sctp_association_event_t *event)
{
    struct sctp_tlv head;
    memcpy(&head, data, sizeof head);
    switch (head.sn_type) {
    case SCTP_ASSOC_CHANGE:
        return on_change(peer, data, length, event);
    case SCTP_STREAM_RESET_EVENT:
        return on_stream_reset(peer, data, length, event);
    case SCTP_PARTIAL_DELIVERY_EVENT:
        if (peer->message != NULL)
            peer->message->length = 0;
        return false;
    default:
        return false;
    }
}

bool usrsctp_peer_receive(usrsctp_peer_t *peer, sctp_association_event_t *event)
{
    static uint8_t bytes[65536];
    while (peer->socket != NULL && !peer->is_lost) {
        struct sctp_rcvinfo info = {0};
        struct sockaddr_conn from;
        socklen_t from_length = sizeof from, info_length = sizeof info;
        unsigned type = 0;
        int flags = 0;
        ssize_t count =
            usrsctp_recvv(peer->socket, bytes, sizeof bytes, (struct sockaddr *)&from, &from_length, &info, &info_length, &type, &flags);
        if (count < 0)
            return false;
        if (count == 0)
            return lose(peer, event, true, 0, "shut down");
        if ((flags & MSG_NOTIFICATION) != 0) {
            if (on_notification(peer, bytes, (size_t)count, event))
                return true;
            continue;
        }
        if (peer->message == NULL)
            peer->message = blob_new((size_t)count);
        if (peer->message == NULL || !blob_reserve(&peer->message, peer->message->length + (size_t)count))
            abort();
        memcpy(peer->message->data + peer->message->length, bytes, (size_t)count);
        peer->message->length += (size_t)count;
        if ((flags & MSG_EOR) == 0)
            continue;
        *event = (sctp_association_event_t){
            .type = SCTP_ASSOCIATION_MESSAGE, .stream = info.rcv_sid, .payload_protocol = ntohl(info.rcv_ppid), .message = peer->message};
        peer->message = NULL;
        return true;
    }
    return false;
}

int usrsctp_peer_send(usrsctp_peer_t *peer, peer_time_t now, const sctp_message_info_t *message, const void *data, size_t length)
{
    static const uint16_t policies[] = {SCTP_PR_SCTP_NONE, SCTP_PR_SCTP_RTX, SCTP_PR_SCTP_TTL};
    struct sctp_sendv_spa info = {.sendv_flags = SCTP_SEND_SNDINFO_VALID,
                                  .sendv_sndinfo = {.snd_sid = message->stream,
                                                    .snd_ppid = htonl(message->payload_protocol),
                                                    .snd_flags = (uint16_t)(message->is_unordered ? SCTP_UNORDERED : 0)}};
    if (message->reliability != SCTP_RELIABLE) {
        info.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        info.sendv_prinfo.pr_policy = policies[message->reliability];
        info.sendv_prinfo.pr_value = message->limit;
    }
    if (peer->socket == NULL || peer->is_lost)
        return PEER_ERROR_OPERATION;
    advance(now);
    return usrsctp_sendv(peer->socket, data, length, NULL, 0, &info, sizeof info, SCTP_SENDV_SPA, 0) == (ssize_t)length
               ? PEER_OK
               : PEER_ERROR_OPERATION;
}

bool usrsctp_peer_reset_stream(usrsctp_peer_t *peer, peer_time_t now, uint16_t stream)
{
    static const struct sctp_reset_streams request = {
        .srs_assoc_id = SCTP_CURRENT_ASSOC, .srs_flags = SCTP_STREAM_RESET_OUTGOING, .srs_number_streams = 1};
    _Alignas(struct sctp_reset_streams) uint8_t bytes[sizeof request + sizeof stream];
    memcpy(bytes, &request, sizeof request);
    memcpy(bytes + sizeof request, &stream, sizeof stream);
    advance(now);
    return usrsctp_setsockopt(peer->socket, IPPROTO_SCTP, SCTP_RESET_STREAMS, bytes, sizeof bytes) == 0;
}
