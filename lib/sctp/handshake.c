/* How an association comes about (RFC 9260 §5): INIT, INIT ACK, COOKIE ECHO, COOKIE ACK, from one side or from both at once, or by INITs
 * that were exchanged before (draft-hancke-tsvwg-snap). An association that the remote side starts anew is over (§5.2.4.1: data channels
 * would not survive that). */
#include "sctp/association_private.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#include <string.h>

#define ZERO_CHECKSUM_DTLS 1 /* RFC 9653 §8: the error detection method */

static void write_parameters(const sctp_association_t *a, writer_t *writer)
{
    uint8_t extensions[] = {SCTP_CHUNK_RE_CONFIG, SCTP_CHUNK_FORWARD_TSN, SCTP_CHUNK_I_DATA, SCTP_CHUNK_I_FORWARD_TSN};
    uint8_t method[4], largest[4];
    bytes_put_u32(method, ZERO_CHECKSUM_DTLS);
    sctp_parameter_write(writer, SCTP_PARAMETER_FORWARD_TSN, NULL, 0);
    sctp_parameter_write(writer, SCTP_PARAMETER_EXTENSIONS, extensions, a->config.is_interleaving_off ? 2 : 4);
    if (!a->config.is_zero_checksum_off)
        sctp_parameter_write(writer, SCTP_PARAMETER_ZERO_CHECKSUM, method, sizeof method);
    bytes_put_u32(largest, ASSOCIATION_LARGEST_PACKET);
    sctp_parameter_write(writer, SCTP_PARAMETER_LARGEST_PACKET, largest, sizeof largest);
}

static sctp_init_t local_offer(const sctp_association_t *a, uint32_t tag)
{
    return (sctp_init_t){.tag = tag,
                         .window = (uint32_t)(a->config.receive_window < UINT32_MAX ? a->config.receive_window : UINT32_MAX),
                         .outbound_streams = a->config.max_streams,
                         .inbound_streams = a->config.max_streams,
                         .initial_tsn = a->local_tsn};
}

bool handshake_write_init(sctp_association_t *a, writer_t *writer)
{
    sctp_init_t init = local_offer(a, a->local_tag);
    size_t at = sctp_chunk_begin(writer, SCTP_CHUNK_INIT, 0);
    sctp_init_write(writer, &init);
    write_parameters(a, writer);
    return sctp_chunk_end(writer, at);
}

static void read_extensions(association_offer_t *offer, const sctp_parameter_t *parameter)
{
    for (size_t i = 0; i < parameter->length; i++)
        switch (parameter->value[i]) {
        case SCTP_CHUNK_RE_CONFIG:
            offer->has_reconfig = true;
            break;
        case SCTP_CHUNK_FORWARD_TSN:
            offer->has_forward_tsn = true;
            break;
        case SCTP_CHUNK_I_DATA:
            offer->has_interleaving = true;
            break;
        case SCTP_CHUNK_I_FORWARD_TSN:
            offer->has_i_forward_tsn = true;
            break;
        default:
            break;
        }
}

typedef struct reading {
    association_offer_t offer;
    const uint8_t *cookie; /* NULL: none */
    size_t cookie_length;
    bool has_host_name;
    uint8_t unrecognized[ASSOCIATION_UNRECOGNIZED_MAX]; /* parameters to be told back */
    size_t unrecognized_length;
} reading_t;

/* RFC 9260 §3.2.1: the two highest bits of a type say what to do with what is not known. False: read no further. */
static bool on_unknown(reading_t *reading, const sctp_parameter_t *parameter)
{
    if ((parameter->type & 0x4000) != 0) {
        writer_t writer;
        writer_init(&writer, reading->unrecognized, sizeof reading->unrecognized);
        writer.length = reading->unrecognized_length;
        if (sctp_parameter_write(&writer, parameter->type, parameter->value, parameter->length))
            reading->unrecognized_length = writer.length;
    }
    return (parameter->type & 0x8000) != 0;
}

/* False: malformed. */
static bool read_offer(const sctp_chunk_t *chunk, reading_t *reading)
{
    sctp_init_t init;
    sctp_parameter_t parameter;
    bool goes_on = true;
    *reading = (reading_t){0};
    if (!sctp_init_parse(chunk, &init))
        return false;
    reading->offer = (association_offer_t){.tag = init.tag,
                                           .window = init.window,
                                           .initial_tsn = init.initial_tsn,
                                           .outbound_streams = init.outbound_streams,
                                           .inbound_streams = init.inbound_streams};
    while (goes_on && sctp_parameter_read(&init.parameters, &parameter)) {
        switch (parameter.type) {
        case SCTP_PARAMETER_COOKIE:
            reading->cookie = parameter.value;
            reading->cookie_length = parameter.length;
            break;
        case SCTP_PARAMETER_EXTENSIONS:
            read_extensions(&reading->offer, &parameter);
            break;
        case SCTP_PARAMETER_FORWARD_TSN:
            reading->offer.has_forward_tsn = true;
            break;
        case SCTP_PARAMETER_ZERO_CHECKSUM:
            reading->offer.accepts_zero_checksum = parameter.length == 4 && bytes_get_u32(parameter.value) == ZERO_CHECKSUM_DTLS;
            break;
        case SCTP_PARAMETER_LARGEST_PACKET:
            reading->offer.largest_packet = parameter.length == 4 ? bytes_get_u32(parameter.value) : 0;
            break;
        case SCTP_PARAMETER_HOST_NAME:
            reading->has_host_name = true;
            break;
        case SCTP_PARAMETER_IPV4: /* of a multihomed peer: there is one path */
        case SCTP_PARAMETER_IPV6:
        case SCTP_PARAMETER_UNRECOGNIZED:
        case SCTP_PARAMETER_COOKIE_PRESERVATIVE:
        case SCTP_PARAMETER_ADDRESS_TYPES:
        case SCTP_PARAMETER_ADAPTATION:
            break;
        default:
            goes_on = on_unknown(reading, &parameter);
        }
    }
    return !init.parameters.failed;
}

/* What no association can be made with: the cause, or 0. */
static uint16_t find_fault(const reading_t *reading)
{
    const association_offer_t *offer = &reading->offer;
    if (offer->outbound_streams == 0 || offer->inbound_streams == 0 || offer->window < ASSOCIATION_LEAST_WINDOW)
        return SCTP_CAUSE_INVALID_PARAMETER;
    return reading->has_host_name ? SCTP_CAUSE_UNRESOLVABLE_ADDRESS : 0;
}

static void answer_by_abort(sctp_association_t *a, uint32_t tag, uint16_t remote_port, uint16_t cause)
{
    writer_t writer;
    uint16_t port = a->remote_port;
    a->remote_port = remote_port;
    packet_t *packet = association_new_packet(a, path_size(a), tag, &writer);
    a->remote_port = port;
    if (packet == NULL)
        return;
    size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_ABORT, 0);
    sctp_parameter_write(&writer, cause, NULL, 0);
    sctp_chunk_end(&writer, at);
    association_finish_packet(packet, &writer, false);
    packet_unref(a->answer);
    a->answer = packet;
}

static void answer_by_init_ack(sctp_association_t *a, const reading_t *reading)
{
    const association_pending_t *pending = &a->pending;
    sctp_init_t init = local_offer(a, pending->local_tag);
    writer_t writer;
    uint16_t port = a->remote_port;
    a->remote_port = pending->remote_port;
    packet_t *packet = association_new_packet(a, path_size(a), pending->offer.tag, &writer);
    a->remote_port = port;
    if (packet == NULL)
        return; /* as if it were lost */
    size_t at = sctp_chunk_begin(&writer, SCTP_CHUNK_INIT_ACK, 0);
    sctp_init_write(&writer, &init);
    sctp_parameter_write(&writer, SCTP_PARAMETER_COOKIE, pending->cookie, sizeof pending->cookie);
    write_parameters(a, &writer);
    if (reading->unrecognized_length > 0)
        sctp_parameter_write(&writer, SCTP_PARAMETER_UNRECOGNIZED, reading->unrecognized, reading->unrecognized_length);
    if (!sctp_chunk_end(&writer, at)) {
        packet_unref(packet);
        return;
    }
    association_finish_packet(packet, &writer, false);
    packet_unref(a->answer);
    a->answer = packet;
}

static bool is_same_offer(const association_offer_t *a, const association_offer_t *b)
{
    return a->tag == b->tag && a->window == b->window && a->initial_tsn == b->initial_tsn && a->outbound_streams == b->outbound_streams &&
           a->inbound_streams == b->inbound_streams && a->has_interleaving == b->has_interleaving &&
           a->has_forward_tsn == b->has_forward_tsn && a->has_i_forward_tsn == b->has_i_forward_tsn && a->has_reconfig == b->has_reconfig &&
           a->accepts_zero_checksum == b->accepts_zero_checksum && a->largest_packet == b->largest_packet;
}

void handshake_on_init(sctp_association_t *a, const sctp_header_t *header, const sctp_chunk_t *chunk)
{
    reading_t reading;
    if (!read_offer(chunk, &reading) || reading.offer.tag == 0 || a->phase >= ASSOCIATION_SHUTDOWN_ACK_SENT)
        return;
    uint16_t fault = find_fault(&reading);
    if (fault != 0) {
        answer_by_abort(a, reading.offer.tag, header->source_port, fault);
        return;
    }
    association_pending_t *pending = &a->pending;
    /* One that came before, as far as it goes: its cookie must stay good, the first answer may be the one that arrives. */
    if (pending->is_set && is_same_offer(&pending->offer, &reading.offer)) {
        pending->answered = 0;
        answer_by_init_ack(a, &reading);
        return;
    }
    *pending = (association_pending_t){
        .is_set = true, .local_tag = a->local_tag, .remote_port = header->source_port, .offer = reading.offer, .answered = a->now};
    random_fill(&a->config.random, pending->cookie, sizeof pending->cookie);
    /* §5.2.1: INITs that cross are answered with what our own says; §5.2.2: an association that stands goes on until the cookie comes, and
     * a new one has a tag of its own. */
    while (a->phase >= ASSOCIATION_ESTABLISHED && (pending->local_tag == a->local_tag || pending->local_tag == 0))
        pending->local_tag = random_u32(&a->config.random);
    answer_by_init_ack(a, &reading);
}

/* The remote side is known: streams, sender and receiver begin. */
static void come_up(sctp_association_t *a, const association_offer_t *offer)
{
    a->offer = *offer;
    a->remote_tag = offer->tag;
    a->remote_window = offer->window;
    if (a->config.is_zero_checksum_off)
        a->offer.accepts_zero_checksum = false;
    a->is_interleaved = offer->has_interleaving && !a->config.is_interleaving_off;
    a->outbound_streams = offer->inbound_streams < a->config.max_streams ? offer->inbound_streams : a->config.max_streams;
    a->inbound_streams = offer->outbound_streams < a->config.max_streams ? offer->outbound_streams : a->config.max_streams;
    sctp_sender_start(a->sender, a->now, offer->window, a->is_interleaved,
                      a->is_interleaved ? offer->has_i_forward_tsn : offer->has_forward_tsn);
    sctp_receiver_start(a->receiver, offer->initial_tsn, a->is_interleaved);
    reconfig_start(a);
    path_set(a, &a->config.path);
    a->is_up = a->is_up_news = true;
    LOG_INFO("sctp", a->config.connection, "association up, %u and %u streams%s", a->outbound_streams, a->inbound_streams,
             a->is_interleaved ? ", interleaved" : "");
}

/* The handshake goes on with another tag than the one it had begun with: false when what was agreed on is not the same then, or data has
 * come already. */
static bool change_remote(sctp_association_t *a, const association_offer_t *offer)
{
    association_offer_t same = *offer;
    same.tag = a->offer.tag;
    same.window = a->offer.window;
    same.initial_tsn = a->offer.initial_tsn;
    if (a->config.is_zero_checksum_off)
        same.accepts_zero_checksum = false;
    if (!is_same_offer(&same, &a->offer) || sctp_receiver_cumulative_tsn(a->receiver) != a->offer.initial_tsn - 1)
        return false;
    a->remote_tag = a->offer.tag = offer->tag;
    if (offer->initial_tsn != a->offer.initial_tsn) {
        a->offer.initial_tsn = offer->initial_tsn;
        sctp_receiver_start(a->receiver, offer->initial_tsn, a->is_interleaved);
        reconfig_start(a);
    }
    return true;
}

static void enter_established(sctp_association_t *a)
{
    a->phase = ASSOCIATION_ESTABLISHED;
    association_stop_timer(a);
    a->wants_init = a->wants_cookie_echo = false;
    memory_free(a->remote_cookie);
    a->remote_cookie = NULL;
    a->remote_cookie_length = 0;
    path_on_up(a);
}

void handshake_on_init_ack(sctp_association_t *a, const sctp_chunk_t *chunk)
{
    reading_t reading;
    if (a->phase != ASSOCIATION_COOKIE_WAIT)
        return; /* §5.2.3 */
    if (!read_offer(chunk, &reading))
        return;
    if (reading.offer.tag == 0 || reading.cookie_length == 0 || reading.cookie_length > ASSOCIATION_REMOTE_COOKIE_MAX) {
        a->remote_tag = reading.offer.tag;
        association_abort(a, reading.cookie == NULL ? SCTP_CAUSE_MISSING_PARAMETER : SCTP_CAUSE_INVALID_PARAMETER,
                          "the remote side's INIT ACK is no good");
        return;
    }
    uint16_t fault = find_fault(&reading);
    if (fault != 0) {
        a->remote_tag = reading.offer.tag;
        association_abort(a, fault, "the remote side's INIT ACK is no good");
        return;
    }
    uint8_t *cookie = memory_copy(reading.cookie, reading.cookie_length);
    if (cookie == NULL)
        return; /* the INIT is sent again */
    if (a->is_up && !change_remote(a, &reading.offer)) {
        memory_free(cookie);
        return;
    }
    memory_free(a->remote_cookie);
    a->remote_cookie = cookie;
    a->remote_cookie_length = reading.cookie_length;
    a->phase = ASSOCIATION_COOKIE_ECHOED;
    a->wants_init = false;
    a->wants_cookie_echo = true;
    if (!a->is_up)
        come_up(a, &reading.offer);
    if (a->asked_at != 0)
        association_measured_rtt(a, a->now - a->asked_at);
    a->asked_at = a->now;
    association_set_timer(a, a->has_rtt ? association_rto(a) : a->interval);
    if (reading.unrecognized_length > 0)
        association_add_error(a, SCTP_CAUSE_UNRECOGNIZED_PARAMETERS, reading.unrecognized, reading.unrecognized_length);
}

static bool is_cookie(const association_pending_t *pending, const sctp_chunk_t *chunk)
{
    return pending->is_set && chunk->length == sizeof pending->cookie && memcmp(chunk->value, pending->cookie, chunk->length) == 0;
}

static bool accept_cookie(sctp_association_t *a)
{
    const association_pending_t *pending = &a->pending;
    if (a->is_up && pending->offer.tag != a->remote_tag && !change_remote(a, &pending->offer))
        return false;
    a->remote_port = pending->remote_port;
    if (!a->is_up)
        come_up(a, &pending->offer);
    if (pending->answered != 0 && !a->has_rtt)
        association_measured_rtt(a, a->now - pending->answered);
    a->accepted = *pending;
    a->pending.is_set = false;
    a->wants_cookie_ack = true;
    enter_established(a);
    return true;
}

/* The table of RFC 9260 §5.2.4. */
bool handshake_on_cookie_echo(sctp_association_t *a, const sctp_header_t *header, const sctp_chunk_t *chunk)
{
    if (is_cookie(&a->accepted, chunk)) {
        if (header->tag != a->local_tag || a->phase < ASSOCIATION_ESTABLISHED || a->phase > ASSOCIATION_SHUTDOWN_RECEIVED)
            return false;
        a->wants_cookie_ack = true; /* D: the COOKIE ACK was lost */
        return true;
    }
    if (!is_cookie(&a->pending, chunk) || header->tag != a->pending.local_tag || header->source_port != a->pending.remote_port) {
        LOG_DEBUG("sctp", a->config.connection, "a cookie that is not good any more");
        return false;
    }
    if (a->phase <= ASSOCIATION_COOKIE_ECHOED)
        return accept_cookie(a); /* B, D, or no association yet */
    if (a->pending.local_tag == a->local_tag && a->pending.offer.tag == a->remote_tag) {
        a->accepted = a->pending; /* D: both sides asked, and ours was answered first */
        a->pending.is_set = false;
        a->wants_cookie_ack = true;
        return true;
    }
    if (a->pending.local_tag == a->local_tag || a->pending.offer.tag == a->remote_tag || a->phase > ASSOCIATION_SHUTDOWN_RECEIVED)
        return false;                     /* C */
    a->remote_tag = a->pending.offer.tag; /* A */
    association_abort(a, SCTP_CAUSE_USER_ABORT, "the remote side started the association anew");
    a->cause_code = 0;
    return false;
}

void handshake_on_cookie_ack(sctp_association_t *a)
{
    if (a->phase != ASSOCIATION_COOKIE_ECHOED)
        return; /* §5.2.5 */
    if (a->asked_at != 0)
        association_measured_rtt(a, a->now - a->asked_at);
    enter_established(a);
}

void handshake_on_stale_cookie(sctp_association_t *a)
{
    if (a->phase != ASSOCIATION_COOKIE_ECHOED)
        return;
    a->phase = ASSOCIATION_COOKIE_WAIT; /* §5.2.6: another INIT */
    a->wants_cookie_echo = false;
    a->wants_init = true;
    a->asked_at = a->now;
    association_set_timer(a, association_rto(a));
}

int handshake_by_init(sctp_association_t *a, const uint8_t *init, size_t length)
{
    reader_t reader;
    sctp_chunk_t chunk;
    reading_t reading;
    reader_init(&reader, init, length);
    if (!sctp_chunk_read(&reader, &chunk) || chunk.type != SCTP_CHUNK_INIT || reader_left(&reader) > 0 || !read_offer(&chunk, &reading) ||
        reading.offer.tag == 0 || find_fault(&reading) != 0)
        return error_set(PEER_ERROR_SYNTAX, "SCTP: the remote side's INIT chunk is no good");
    come_up(a, &reading.offer);
    enter_established(a);
    return PEER_OK;
}

void handshake_timeout(sctp_association_t *a)
{
    a->asked_at = 0; /* which one an answer answers is not known any more (Karn) */
    if (a->phase == ASSOCIATION_COOKIE_WAIT) {
        a->wants_init = true;
    } else if (a->phase == ASSOCIATION_COOKIE_ECHOED) {
        size_t lost = 0;
        a->wants_cookie_echo = true;
        if (sctp_sender_deadline(a->sender, a->now) <= a->now)
            sctp_sender_timeout(a->sender, a->now, &lost); /* the data that travels with it */
    } else {
        association_stop_timer(a);
        return;
    }
    association_set_timer(a, 2 * a->interval);
}
