/* The association by usrsctp: a one-to-one socket of the family AF_CONN, never blocking. Messages stay in usrsctp's receive buffer until
 * they are asked for, so that a slow reader closes the window and nothing is queued here. */
#include "sctp/usrsctp_association.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "sctp/packet_check.h"
#include "sctp/stack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <usrsctp.h>

/* Bytes usrsctp holds until they are acknowledged. This bounds what is in flight, and so the queue we build up on the path: usrsctp itself
 * notices only losses, and after a burst of them it takes minutes to recover. */
#define SEND_BUFFER (1u << 20)
#define SEND_BUFFER_LEAST (1u << 19)
#define SEND_BUFFER_MOST (4u << 20)
#define RECEIVE_BUFFER (4u << 20) /* the window we announce */
#define RTO_INITIAL_MS 500
#define RTO_MIN_MS 400 /* plus twice the round trip: a delayed acknowledgement of 200 ms must not look like a loss */
#define RTO_MIN_TOP_MS 3000
#define RTO_MAX_MS 3000           /* after an outage of the path the transfer goes on within this time */
#define MAX_RETRANSMISSIONS 65535 /* ICE consent decides when a path is dead, not SCTP */
#define COMMON_HEADER_SIZE 12
#define CHECKSUM_OFFSET 8

#define STATUS_INTERVAL_US (100 * PEER_MILLISECOND)
#define QUIET_AFTER_US (1 * PEER_SECOND) /* nothing came or went: tick slowly */
#define QUIET_TICK_US (100 * PEER_MILLISECOND)

#define NOTIFICATION_SIZE 2304 /* room for any notification: usrsctp builds them in one 2,048-byte buffer */
#define FIRST_BUFFER 4096
#define KEPT_BUFFER 4096 /* what an idle association keeps */

struct sctp_association {
    stack_member_t member;
    struct socket *socket;
    size_t mtu;
    size_t max_message_size;
    uint16_t max_streams;
    uint16_t local_port;
    uint32_t connection;

    bool is_up;
    bool is_readable; /* worth asking usrsctp */

    bool is_active; /* usrsctp may have a timer running */
    peer_time_t last_activity;
    peer_time_t next_status;
    uint32_t rto_min_ms;
    uint32_t resets_outstanding;
    uint32_t send_buffer;
    uint32_t least_rtt_ms; /* 0: not measured */
    peer_time_t next_fit;
    bool was_full; /* usrsctp's buffer, since the last fitting */

    uint8_t *buffer; /* the message being put together; behind it room for a notification */
    size_t buffer_capacity;
    size_t buffer_length;
    bool is_dropping; /* the rest of a message that is too large */

    uint16_t streams[SCTP_MAX_RESET_STREAMS]; /* of the last reset event */
    char reason[192];
    uint64_t packets_sent, packets_received, bytes_sent, bytes_received;
};

sctp_association_t *sctp_association_new(const sctp_association_config_t *config)
{
    sctp_association_t *a = MEMORY_NEW(sctp_association_t);
    if (a == NULL)
        return NULL;
    a->member.wake = config->wake;
    a->member.wake_context = config->wake_context;
    a->member.pool = config->pool;
    a->mtu = config->mtu;
    a->max_message_size = config->max_message_size;
    a->max_streams = config->max_streams;
    a->local_port = config->local_port;
    a->connection = config->connection;
    if (!stack_join(&a->member)) {
        memory_free(a);
        return NULL;
    }
    return a;
}

static void close_socket(sctp_association_t *a)
{
    if (a->socket == NULL)
        return;
    void *address = (void *)(uintptr_t)a->member.id;
    stack_member_t *before = stack_enter(&a->member);
    usrsctp_close(a->socket);
    usrsctp_deregister_address(address);
    stack_exit(before);
    a->socket = NULL;
    a->is_active = false;
}

void sctp_association_free(sctp_association_t *a)
{
    if (a == NULL)
        return;
    close_socket(a);
    stack_leave(&a->member);
    memory_free(a->buffer);
    memory_free(a);
}

/* Runs inside usrsctp, on whatever thread. */
static void on_upcall(struct socket *socket, void *context, int flags)
{
    (void)socket;
    (void)flags;
    stack_notify((uint32_t)(uintptr_t)context);
}

static void mark_active(sctp_association_t *a, peer_time_t now)
{
    a->last_activity = now;
    if (!a->is_active) {
        a->is_active = true;
        a->next_status = now + STATUS_INTERVAL_US;
    }
}

static bool set_option(sctp_association_t *a, int level, int name, const void *value, size_t length)
{
    if (usrsctp_setsockopt(a->socket, level, name, value, (socklen_t)length) == 0)
        return true;
    LOG_WARNING("sctp", a->connection, "socket option %d: errno %d", name, errno);
    return false;
}

static void set_rto_min(sctp_association_t *a, uint32_t rto_min_ms)
{
    struct sctp_rtoinfo rto = {
        .srto_assoc_id = SCTP_FUTURE_ASSOC, .srto_initial = RTO_INITIAL_MS, .srto_max = RTO_MAX_MS, .srto_min = rto_min_ms};
    if (rto.srto_initial < rto_min_ms)
        rto.srto_initial = rto_min_ms;
    if (set_option(a, IPPROTO_SCTP, SCTP_RTOINFO, &rto, sizeof rto))
        a->rto_min_ms = rto_min_ms;
}

static void set_path_mtu(sctp_association_t *a)
{
    struct sctp_paddrparams path = {.spp_flags = SPP_HB_DISABLE | SPP_PMTUD_DISABLE,
                                    .spp_pathmtu = (uint32_t)a->mtu - COMMON_HEADER_SIZE, /* usrsctp adds it */
                                    .spp_pathmaxrxt = MAX_RETRANSMISSIONS,
                                    .spp_assoc_id = SCTP_FUTURE_ASSOC};
    if (a->is_up) {
        const struct sockaddr_conn any = {.sconn_family = AF_CONN};
        path.spp_assoc_id = SCTP_CURRENT_ASSOC;
        memcpy(&path.spp_address, &any, sizeof any);
    }
    set_option(a, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
}

static void set_options(sctp_association_t *a)
{
    static const uint16_t events[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT, SCTP_PARTIAL_DELIVERY_EVENT, SCTP_SHUTDOWN_EVENT};
    const int on = 1, send_buffer = SEND_BUFFER, receive_buffer = RECEIVE_BUFFER;
    const uint32_t partial_delivery = RECEIVE_BUFFER;
    const struct linger abort_on_close = {.l_onoff = 1, .l_linger = 0};
    const struct sctp_initmsg init = {.sinit_num_ostreams = a->max_streams,
                                      .sinit_max_instreams = a->max_streams,
                                      .sinit_max_attempts = MAX_RETRANSMISSIONS,
                                      .sinit_max_init_timeo = RTO_MAX_MS};
    const struct sctp_assocparams limits = {.sasoc_assoc_id = SCTP_FUTURE_ASSOC, .sasoc_asocmaxrxt = MAX_RETRANSMISSIONS};
    /* Stream resets are closed channels (RFC 8831 §6.7); adding streams is left to the remote side's refusal. */
    const struct sctp_assoc_value resets = {.assoc_id = SCTP_ALL_ASSOC, .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ};

    usrsctp_set_non_blocking(a->socket, 1);
    set_option(a, SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof abort_on_close);
    set_option(a, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    set_option(a, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    set_option(a, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &resets, sizeof resets);
    set_option(a, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on);
    /* Delivering a message in parts begins at half of the receive buffer at least (usrsctp's own lesser bound): one that the sender then
     * gives up leaves usrsctp's stream stuck for ever. */
    set_option(a, IPPROTO_SCTP, SCTP_PARTIAL_DELIVERY_POINT, &partial_delivery, sizeof partial_delivery);
    set_option(a, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
    set_option(a, IPPROTO_SCTP, SCTP_EXPLICIT_EOR, &on, sizeof on);
    set_option(a, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init);
    set_option(a, IPPROTO_SCTP, SCTP_ASSOCINFO, &limits, sizeof limits);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        struct sctp_event event = {.se_assoc_id = SCTP_ALL_ASSOC, .se_type = events[i], .se_on = 1};
        set_option(a, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof event);
    }
    a->send_buffer = SEND_BUFFER;
    set_rto_min(a, RTO_MIN_MS);
    set_path_mtu(a);
}

int sctp_association_connect(sctp_association_t *a, peer_time_t now, uint16_t remote_port)
{
    void *address = (void *)(uintptr_t)a->member.id;
    a->buffer = memory_resize(NULL, FIRST_BUFFER);
    if (a->buffer == NULL)
        return error_no_memory();
    a->buffer_capacity = FIRST_BUFFER;
    stack_advance(&a->member, now);
    stack_member_t *before = stack_enter(&a->member);
    int code = PEER_OK;
    a->socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    if (a->socket == NULL) {
        code = error_no_memory();
        goto out;
    }
    usrsctp_register_address(address);
    set_options(a);
    usrsctp_set_upcall(a->socket, on_upcall, address);
    struct sockaddr_conn local = {.sconn_family = AF_CONN, .sconn_port = htons(a->local_port), .sconn_addr = address};
    struct sockaddr_conn remote = {.sconn_family = AF_CONN, .sconn_port = htons(remote_port), .sconn_addr = address};
    if (usrsctp_bind(a->socket, (struct sockaddr *)&local, sizeof local) != 0)
        code = error_set(PEER_ERROR_OPERATION, "SCTP: bind to port %u: errno %d", a->local_port, errno);
    else if (usrsctp_connect(a->socket, (struct sockaddr *)&remote, sizeof remote) != 0 && errno != EINPROGRESS)
        code = error_set(PEER_ERROR_OPERATION, "SCTP: connect to port %u: errno %d", remote_port, errno);
out:
    stack_exit(before);
    if (code < 0) {
        close_socket(a);
        return code;
    }
    a->is_readable = true;
    mark_active(a, now);
    return PEER_OK;
}

void sctp_association_end(sctp_association_t *a)
{
    if (a->socket == NULL)
        return;
    /* RFC 9260 §3.3.10.12: a User-Initiated Abort is how the remote side tells this from a failure. */
    static const char reason[] = "closed";
    struct sctp_sndinfo info = {.snd_flags = SCTP_ABORT};
    stack_member_t *before = stack_enter(&a->member);
    usrsctp_sendv(a->socket, reason, sizeof reason - 1, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0);
    stack_exit(before);
    close_socket(a);
}

void sctp_association_set_mtu(sctp_association_t *a, size_t mtu)
{
    if (a->mtu == mtu)
        return;
    a->mtu = mtu;
    if (a->socket != NULL)
        set_path_mtu(a); /* before the association is up: for the one to come */
}

static bool checksum_is_right(uint8_t *data, size_t length)
{
    uint8_t *field = data + CHECKSUM_OFFSET;
    uint32_t received = (uint32_t)field[0] | (uint32_t)field[1] << 8 | (uint32_t)field[2] << 16 | (uint32_t)field[3] << 24;
    memset(field, 0, 4);
    return crc32c(0, data, length) == received;
}

void sctp_association_input(sctp_association_t *a, peer_time_t now, uint8_t *data, size_t length)
{
    if (a->socket == NULL || !packet_check_is_sound(data, length) || !checksum_is_right(data, length)) {
        LOG_DEBUG("sctp", a->connection, "packet of %zu bytes dropped", length);
        return;
    }
    a->packets_received++;
    a->bytes_received += length;
    stack_advance(&a->member, now);
    stack_member_t *before = stack_enter(&a->member);
    usrsctp_conninput((void *)(uintptr_t)a->member.id, data, length, 0);
    stack_exit(before);
    a->is_readable = true;
    mark_active(a, now);
}

/* Keeps about as much in flight as the path holds and a little more: the buffer grows while the round trip stays near its least, and
 * shrinks when a queue of ours makes it half as long again. */
static void fit_send_buffer(sctp_association_t *a, peer_time_t now, uint32_t rtt_ms)
{
    if (rtt_ms == 0 || now < a->next_fit)
        return;
    a->next_fit = now + (rtt_ms > 100 ? rtt_ms * PEER_MILLISECOND : STATUS_INTERVAL_US);
    if (a->least_rtt_ms == 0 || rtt_ms < a->least_rtt_ms)
        a->least_rtt_ms = rtt_ms;
    uint32_t queue_ms = rtt_ms - a->least_rtt_ms, size = a->send_buffer;
    if (queue_ms > a->least_rtt_ms / 2 + 10)
        size -= size / 8;
    else if (a->was_full && queue_ms <= a->least_rtt_ms / 4 + 5)
        size += size / 4;
    a->was_full = false;
    size = size < SEND_BUFFER_LEAST ? SEND_BUFFER_LEAST : size > SEND_BUFFER_MOST ? SEND_BUFFER_MOST : size;
    if (size == a->send_buffer)
        return;
    const int value = (int)size;
    if (set_option(a, SOL_SOCKET, SO_SNDBUF, &value, sizeof value))
        a->send_buffer = size;
}

/* Looks at usrsctp from time to time while it is busy: how long the round trip is, and whether it still waits for anything. */
static void review(sctp_association_t *a, peer_time_t now)
{
    struct sctp_status status = {.sstat_assoc_id = SCTP_CURRENT_ASSOC};
    socklen_t length = sizeof status;
    a->next_status = now + STATUS_INTERVAL_US;
    if (usrsctp_getsockopt(a->socket, IPPROTO_SCTP, SCTP_STATUS, &status, &length) != 0) {
        a->is_readable = true;
        return;
    }
    uint32_t rto_min_ms = RTO_MIN_MS + 2 * status.sstat_primary.spinfo_srtt;
    if (rto_min_ms > RTO_MIN_TOP_MS)
        rto_min_ms = RTO_MIN_TOP_MS;
    if (rto_min_ms > a->rto_min_ms + a->rto_min_ms / 4 || rto_min_ms < a->rto_min_ms - a->rto_min_ms / 4)
        set_rto_min(a, rto_min_ms);
    fit_send_buffer(a, now, status.sstat_primary.spinfo_srtt);
    if (a->is_up && status.sstat_state == SCTP_ESTABLISHED && status.sstat_unackdata == 0 && status.sstat_penddata == 0 &&
        a->resets_outstanding == 0 && now - a->last_activity >= STATUS_INTERVAL_US) {
        a->is_active = false;
        if (a->buffer_length == 0 && a->buffer_capacity > KEPT_BUFFER) {
            uint8_t *smaller = memory_resize(a->buffer, KEPT_BUFFER);
            if (smaller != NULL) {
                a->buffer = smaller;
                a->buffer_capacity = KEPT_BUFFER;
            }
        }
    }
}

void sctp_association_timeout(sctp_association_t *a, peer_time_t now)
{
    if (a->socket == NULL)
        return;
    stack_advance(&a->member, now);
    a->is_readable = true;
    if (a->is_active && now >= a->next_status)
        review(a, now);
}

peer_time_t sctp_association_deadline(const sctp_association_t *a)
{
    if (a->socket == NULL || !a->is_active)
        return PEER_TIME_NEVER;
    peer_time_t tick = stack_next_tick();
    if (tick - a->last_activity > QUIET_AFTER_US)
        tick += QUIET_TICK_US - STACK_TICK_US;
    return tick;
}

packet_t *sctp_association_output(sctp_association_t *a)
{
    if (stack_collect(&a->member))
        a->is_readable = true;
    packet_t *packet = packet_queue_pop(&a->member.output);
    if (packet != NULL) {
        a->packets_sent++;
        a->bytes_sent += packet->length;
    }
    return packet;
}

static bool lose(sctp_association_t *a, sctp_association_event_t *event, bool is_orderly, uint16_t cause_code, const char *message)
{
    close_socket(a);
    *event =
        (sctp_association_event_t){.type = SCTP_ASSOCIATION_LOST, .is_orderly = is_orderly, .cause_code = cause_code, .message = message};
    LOG_INFO("sctp", a->connection, "association over: %s (cause %u)", message, cause_code);
    return true;
}

/* RFC 9260 §3.3.10 */
static const char *cause_name(uint16_t cause_code)
{
    static const char *const names[] = {"no reason given",
                                        "Invalid Stream Identifier",
                                        "Missing Mandatory Parameter",
                                        "Stale Cookie",
                                        "Out of Resource",
                                        "Unresolvable Address",
                                        "Unrecognized Chunk Type",
                                        "Invalid Mandatory Parameter",
                                        "Unrecognized Parameters",
                                        "No User Data",
                                        "Cookie Received While Shutting Down",
                                        "Restart with New Addresses",
                                        "User-Initiated Abort",
                                        "Protocol Violation"};
    return cause_code < sizeof names / sizeof names[0] ? names[cause_code] : "unknown cause";
}

#define CAUSE_USER_INITIATED_ABORT 12

/* The ABORT chunk, from either side, is behind the notification; its first cause says why. */
static bool lose_by_abort(sctp_association_t *a, sctp_association_event_t *event, uint16_t state, const uint8_t *chunk, size_t length)
{
    uint16_t cause_code = 0;
    reader_t reader;
    reader_init(&reader, chunk, length);
    if (!reader_skip(&reader, 4)) {
        /* No ABORT: INIT was never answered. */
        return lose(a, event, false, 0, state == SCTP_CANT_STR_ASSOC ? "the association could not be set up" : "the association was lost");
    }
    reader_u16(&reader, &cause_code);
    int written = snprintf(a->reason, sizeof a->reason, "%s", cause_name(cause_code));
    uint16_t cause_length;
    if (reader_u16(&reader, &cause_length) && reader_left(&reader) > 0 && cause_code >= CAUSE_USER_INITIATED_ABORT) {
        size_t left = reader_left(&reader) < 96 ? reader_left(&reader) : 96;
        const uint8_t *text = reader_bytes(&reader, left);
        a->reason[written++] = ':';
        a->reason[written++] = ' ';
        for (size_t i = 0; i < left && text[i] != 0; i++)
            a->reason[written++] = text[i] >= 0x20 && text[i] < 0x7f ? (char)text[i] : '?';
        a->reason[written] = 0;
    }
    bool is_orderly = cause_code == 0 || cause_code == CAUSE_USER_INITIATED_ABORT;
    return lose(a, event, is_orderly, cause_code, a->reason);
}

static bool on_association_change(sctp_association_t *a, const uint8_t *data, size_t length, sctp_association_event_t *event)
{
    struct sctp_assoc_change change;
    if (length < sizeof change)
        return false;
    memcpy(&change, data, sizeof change);
    switch (change.sac_state) {
    case SCTP_COMM_UP:
        if (a->is_up)
            return false;
        a->is_up = true;
        set_path_mtu(a); /* it may have changed since INIT */
        uint16_t count =
            change.sac_outbound_streams < change.sac_inbound_streams ? change.sac_outbound_streams : change.sac_inbound_streams;
        *event = (sctp_association_event_t){.type = SCTP_ASSOCIATION_UP, .stream_count = count};
        LOG_INFO("sctp", a->connection, "association up, %u streams", count);
        return true;
    case SCTP_RESTART:
        sctp_association_end(a);
        return lose(a, event, false, 0, "the remote side started the association anew");
    case SCTP_SHUTDOWN_COMP:
        return lose(a, event, true, 0, "shut down");
    default: /* SCTP_COMM_LOST, SCTP_CANT_STR_ASSOC */
        return lose_by_abort(a, event, change.sac_state, data + sizeof change, length - sizeof change);
    }
}

static bool on_stream_reset(sctp_association_t *a, const uint8_t *data, size_t length, sctp_association_event_t *event)
{
    struct sctp_stream_reset_event reset;
    if (length < sizeof reset)
        return false;
    memcpy(&reset, data, sizeof reset);
    *event = (sctp_association_event_t){.streams = a->streams, .stream_count = (length - sizeof reset) / sizeof(uint16_t)};
    if (event->stream_count > SCTP_MAX_RESET_STREAMS)
        event->stream_count = SCTP_MAX_RESET_STREAMS;
    memcpy(a->streams, data + sizeof reset, event->stream_count * sizeof(uint16_t));
    bool is_refused = (reset.strreset_flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) != 0;
    if ((reset.strreset_flags & SCTP_STREAM_RESET_OUTGOING_SSN) != 0) {
        event->type = is_refused ? SCTP_ASSOCIATION_RESET_REFUSED : SCTP_ASSOCIATION_OUTGOING_RESET;
        size_t count = event->stream_count == 0 ? a->resets_outstanding : event->stream_count;
        a->resets_outstanding -= count < a->resets_outstanding ? (uint32_t)count : a->resets_outstanding;
        return true;
    }
    event->type = SCTP_ASSOCIATION_INCOMING_RESET;
    return !is_refused; /* we ask for no incoming resets, so none is refused */
}

static bool on_notification(sctp_association_t *a, const uint8_t *data, size_t length, sctp_association_event_t *event)
{
    uint16_t type;
    if (length < sizeof type)
        return false;
    memcpy(&type, data, sizeof type);
    switch (type) {
    case SCTP_ASSOC_CHANGE:
        return on_association_change(a, data, length, event);
    case SCTP_STREAM_RESET_EVENT:
        return on_stream_reset(a, data, length, event);
    case SCTP_PARTIAL_DELIVERY_EVENT:
        /* The sender gave the message up (RFC 3758) after its beginning had been delivered. */
        a->buffer_length = 0;
        a->is_dropping = false;
        return false;
    case SCTP_SHUTDOWN_EVENT:
        sctp_association_end(a);
        return lose(a, event, true, 0, "shut down by the remote side");
    default:
        return false;
    }
}

static bool make_room(sctp_association_t *a)
{
    if (a->buffer_capacity - a->buffer_length >= NOTIFICATION_SIZE)
        return true;
    size_t capacity = 2 * a->buffer_capacity;
    if (capacity > a->max_message_size + 1 + NOTIFICATION_SIZE)
        capacity = a->max_message_size + 1 + NOTIFICATION_SIZE;
    if (capacity - a->buffer_length < NOTIFICATION_SIZE)
        capacity = a->buffer_length + NOTIFICATION_SIZE;
    uint8_t *buffer = memory_resize(a->buffer, capacity);
    if (buffer == NULL)
        return false;
    a->buffer = buffer;
    a->buffer_capacity = capacity;
    return true;
}

bool sctp_association_receive(sctp_association_t *a, sctp_association_event_t *event)
{
    while (a->is_readable && a->socket != NULL) {
        if (!make_room(a)) {
            sctp_association_end(a);
            return lose(a, event, false, 0, "memory ran out");
        }
        struct sctp_rcvinfo info;
        socklen_t info_length = sizeof info;
        unsigned int info_type = 0;
        int flags = 0;
        stack_member_t *before = stack_enter(&a->member);
        ssize_t count = usrsctp_recvv(a->socket, a->buffer + a->buffer_length, a->buffer_capacity - a->buffer_length, NULL, NULL, &info,
                                      &info_length, &info_type, &flags);
        int code = count < 0 ? errno : 0;
        stack_exit(before);
        if (count < 0 && (code == EWOULDBLOCK || code == EAGAIN || code == EINTR || (code == ENOTCONN && !a->is_up))) {
            a->is_readable = false;
            return false;
        }
        if (count < 0) /* the notification that explains it would have come first */
            return lose(a, event, false, 0, "the association was lost");
        if (count == 0)
            return lose(a, event, true, 0, "shut down");
        if ((flags & MSG_NOTIFICATION) != 0) {
            if (on_notification(a, a->buffer + a->buffer_length, (size_t)count, event))
                return true;
            continue;
        }
        if (!a->is_dropping)
            a->buffer_length += (size_t)count;
        bool is_whole = (flags & MSG_EOR) != 0;
        if (a->buffer_length > a->max_message_size) {
            a->is_dropping = !is_whole;
            a->buffer_length = 0;
            *event = (sctp_association_event_t){.type = SCTP_ASSOCIATION_TOO_LARGE, .stream = info.rcv_sid};
            return true;
        }
        if (!is_whole)
            continue;
        size_t length = a->buffer_length;
        a->buffer_length = 0;
        if (a->is_dropping) {
            a->is_dropping = false;
            continue;
        }
        *event = (sctp_association_event_t){.type = SCTP_ASSOCIATION_MESSAGE,
                                            .stream = info.rcv_sid,
                                            .payload_protocol = ntohl(info.rcv_ppid),
                                            .data = a->buffer,
                                            .length = length};
        return true;
    }
    return false;
}

int64_t sctp_association_send(sctp_association_t *a, peer_time_t now, const sctp_message_info_t *message, const void *data, size_t length)
{
    static const uint16_t policies[] = {SCTP_PR_SCTP_NONE, SCTP_PR_SCTP_RTX, SCTP_PR_SCTP_TTL};
    if (a->socket == NULL)
        return PEER_ERROR_INVALID_STATE;
    struct sctp_sendv_spa info = {.sendv_flags = SCTP_SEND_SNDINFO_VALID,
                                  .sendv_sndinfo = {.snd_sid = message->stream,
                                                    .snd_ppid = htonl(message->payload_protocol),
                                                    .snd_flags = (uint16_t)(SCTP_EOR | (message->is_unordered ? SCTP_UNORDERED : 0))}};
    if (message->reliability != SCTP_RELIABLE) {
        info.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        info.sendv_prinfo.pr_policy = policies[message->reliability];
        info.sendv_prinfo.pr_value = message->limit;
    }
    stack_advance(&a->member, now);
    stack_member_t *before = stack_enter(&a->member);
    ssize_t count = usrsctp_sendv(a->socket, data, length, NULL, 0, &info, sizeof info, SCTP_SENDV_SPA, 0);
    int code = count < 0 ? errno : 0;
    stack_exit(before);
    mark_active(a, now);
    a->was_full |= count < (ssize_t)length;
    if (count >= 0)
        return count;
    /* usrsctp says EMSGSIZE for a message larger than its buffer even where it would take a part of it later. */
    if (code == EWOULDBLOCK || code == EAGAIN || code == EMSGSIZE || code == ENOBUFS || code == ENOMEM)
        return 0;
    LOG_WARNING("sctp", a->connection, "send on stream %u: errno %d", message->stream, code);
    a->is_readable = true;
    return PEER_ERROR_OPERATION;
}

bool sctp_association_reset_stream(sctp_association_t *a, peer_time_t now, uint16_t stream)
{
    static const struct sctp_reset_streams request = {
        .srs_assoc_id = SCTP_CURRENT_ASSOC, .srs_flags = SCTP_STREAM_RESET_OUTGOING, .srs_number_streams = 1};
    _Alignas(struct sctp_reset_streams) uint8_t bytes[sizeof request + sizeof stream];
    if (a->socket == NULL)
        return false;
    memcpy(bytes, &request, sizeof request);
    memcpy(bytes + sizeof request, &stream, sizeof stream);
    stack_advance(&a->member, now);
    stack_member_t *before = stack_enter(&a->member);
    bool is_possible = usrsctp_setsockopt(a->socket, IPPROTO_SCTP, SCTP_RESET_STREAMS, bytes, sizeof bytes) == 0;
    stack_exit(before);
    if (is_possible)
        a->resets_outstanding++;
    mark_active(a, now);
    return is_possible;
}

void sctp_association_stats_get(sctp_association_t *a, sctp_association_stats_t *stats)
{
    *stats = (sctp_association_stats_t){.packets_sent = a->packets_sent,
                                        .packets_received = a->packets_received,
                                        .bytes_sent = a->bytes_sent,
                                        .bytes_received = a->bytes_received,
                                        .mtu = (uint32_t)a->mtu};
    struct sctp_status status = {.sstat_assoc_id = SCTP_CURRENT_ASSOC};
    socklen_t length = sizeof status;
    if (a->socket == NULL || usrsctp_getsockopt(a->socket, IPPROTO_SCTP, SCTP_STATUS, &status, &length) != 0)
        return;
    stats->rtt_us = status.sstat_primary.spinfo_srtt * 1000;
    stats->congestion_window = status.sstat_primary.spinfo_cwnd;
    stats->receiver_window = status.sstat_rwnd;
    stats->unacked_chunks = status.sstat_unackdata;
}
