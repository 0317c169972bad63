/* The path of the association: how large its packets may be, found out by probes (RFC 8899 with RFC 9260 §7.3: HEARTBEAT, filled up by a
 * PAD chunk, RFC 4820), and how long a round trip is. The search begins when there is more to send than a packet holds: who only keeps a
 * connection open pays nothing for it. */
#include "sctp/association_private.h"

#include "base/log.h"

#define HEARTBEAT_SIZE (SCTP_CHUNK_HEADER_SIZE + 4 + 12) /* with its parameter: number and nonce */
#define LEAST_MTU 512

void path_set(sctp_association_t *a, const sctp_path_t *path)
{
    size_t base = path->base_mtu < LEAST_MTU ? LEAST_MTU : path->base_mtu & ~(size_t)3;
    /* Before the handshake the peer has not said what it takes, and nothing is probed. */
    size_t taken = a->offer.largest_packet != 0 ? a->offer.largest_packet : ASSOCIATION_UNTOLD_DATAGRAM - path->overhead;
    size_t most = (path->max_mtu < taken ? path->max_mtu : taken) & ~(size_t)3;
    if (most < base)
        most = base;
    path_mtu_init(&a->path, a->now, base, most, path->overhead);
    a->is_searching = false;
}

size_t path_size(const sctp_association_t *a)
{
    return a->path.proven & ~(size_t)3;
}

void path_on_up(sctp_association_t *a)
{
    a->wants_heartbeat = !a->has_rtt;
    path_on_queued(a);
}

void path_on_queued(sctp_association_t *a)
{
    if (a->is_searching || !association_can_send(a) || sctp_sender_total_queued(a->sender) < a->path.base)
        return;
    sctp_sender_stats_t stats;
    sctp_sender_stats_get(a->sender, &stats);
    a->is_searching = true;
    path_mtu_start(&a->path, a->now, stats.rtt);
}

static bool write_heartbeat(const sctp_association_t *a, writer_t *writer, uint32_t id)
{
    uint8_t parameter[4 + 12];
    bytes_put_u16(parameter, SCTP_PARAMETER_HEARTBEAT);
    bytes_put_u16(parameter + 2, sizeof parameter);
    bytes_put_u32(parameter + 4, id);
    bytes_put_u64(parameter + 8, a->heartbeat_nonce);
    return sctp_chunk_write(writer, SCTP_CHUNK_HEARTBEAT, 0, parameter, sizeof parameter);
}

static packet_t *make_probe(sctp_association_t *a, size_t size, uint32_t id)
{
    writer_t writer;
    packet_t *packet = association_new_packet(a, size, a->remote_tag, &writer);
    if (packet == NULL)
        return NULL; /* as if it were lost */
    write_heartbeat(a, &writer, id);
    size_t left = writer_left(&writer);
    if (left >= SCTP_CHUNK_HEADER_SIZE) {
        size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_PAD, 0);
        writer_zero(&writer, left - SCTP_CHUNK_HEADER_SIZE);
        sctp_chunk_end(&writer, at);
    }
    association_finish_packet(packet, &writer, a->offer.accepts_zero_checksum);
    return packet;
}

packet_t *path_output(sctp_association_t *a)
{
    size_t size;
    uint32_t id;
    if (!association_can_send(a))
        return NULL;
    if (a->wants_heartbeat) {
        a->wants_heartbeat = false;
        a->heartbeat_sent = a->now;
        return make_probe(a, SCTP_COMMON_HEADER_SIZE + HEARTBEAT_SIZE, 0);
    }
    if (!a->is_searching || !path_mtu_next_probe(&a->path, a->now, &size, &id))
        return NULL;
    return make_probe(a, size & ~(size_t)3, id);
}

void path_on_heartbeat_ack(sctp_association_t *a, const sctp_chunk_t *chunk)
{
    reader_t reader;
    uint16_t type, length;
    uint32_t id;
    uint64_t nonce;
    reader_init(&reader, chunk->value, chunk->length);
    reader_u16(&reader, &type);
    reader_u16(&reader, &length);
    reader_u32(&reader, &id);
    if (!reader_u64(&reader, &nonce) || type != SCTP_PARAMETER_HEARTBEAT || nonce != a->heartbeat_nonce)
        return;
    if (id == 0) {
        if (a->heartbeat_sent != 0)
            association_measured_rtt(a, a->now - a->heartbeat_sent);
        a->heartbeat_sent = 0;
        return;
    }
    if (!path_mtu_on_probe_acknowledged(&a->path, a->now, id))
        return;
    LOG_DEBUG("sctp", a->config.connection, "the path carries packets of %zu bytes", path_size(a));
    sctp_sender_set_mtu(a->sender, path_size(a));
}

/* The search goes on only as long as there is something to send: an idle association has no timers. */
static bool is_busy(const sctp_association_t *a)
{
    return a->is_searching && (sctp_sender_in_flight(a->sender) > 0 || sctp_sender_total_queued(a->sender) > 0);
}

void path_timeout(sctp_association_t *a)
{
    if (is_busy(a) && path_mtu_deadline(&a->path) <= a->now)
        path_mtu_timeout(&a->path, a->now);
}

peer_time_t path_deadline(const sctp_association_t *a)
{
    return is_busy(a) ? path_mtu_deadline(&a->path) : PEER_TIME_NEVER;
}
