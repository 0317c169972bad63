#include "association_pair.h"

#include "virtual_random.h"
#include "virtual_time.h"

#include <stdio.h>
#include <stdlib.h>

struct flight {
    flight_t *next;
    peer_time_t arrival;
    end_t *to;
    size_t length;
    uint8_t data[];
};

static unsigned percent(association_pair_t *pair)
{
    return (unsigned)(random_seeded_next(&pair->random) % 100);
}

static void on_taken(void *context, uint16_t stream, size_t bytes)
{
    end_t *end = context;
    (void)stream;
    end->taken += bytes;
}

static end_t *end_new(association_pair_t *pair, const sctp_association_config_t *config, end_kind_t kind)
{
    end_t *end = calloc(1, sizeof *end);
    end->pool = packet_pool_new();
    end->incoming = calloc(END_RESETS, sizeof *end->incoming);
    end->outgoing = calloc(END_RESETS, sizeof *end->outgoing);
    if (kind == END_USRSCTP) {
        end->theirs = usrsctp_peer_new(end->pool, LINK_PORT, config->path.base_mtu, config->max_streams);
        CHECK(end->theirs != NULL);
        return end;
    }
    sctp_association_config_t c = *config;
    c.pool = end->pool;
    c.random = random_seeded_source(&pair->random);
    c.on_taken = on_taken;
    c.context = end;
    end->ours = sctp_association_new(&c);
    CHECK(end->ours != NULL);
    return end;
}

void association_pair_init(association_pair_t *pair, uint64_t seed, const link_options_t *link, const sctp_association_config_t *config,
                           end_kind_t a, end_kind_t b)
{
    sctp_association_config_t c = config != NULL ? *config : (sctp_association_config_t){0};
    *pair = (association_pair_t){.now = 1000000};
    virtual_time_set(pair->now);
    virtual_random_seed(seed);
    if (link != NULL)
        pair->link = *link;
    random_seeded_init(&pair->random, seed);
    if (c.local_port == 0)
        c.local_port = LINK_PORT;
    if (c.path.base_mtu == 0)
        c.path.base_mtu = c.path.max_mtu = 1200;
    if (c.max_streams == 0)
        c.max_streams = a == END_OURS && b == END_OURS ? 65535 : 1024;
    pair->a = end_new(pair, &c, a);
    pair->b = end_new(pair, &c, b);
}

void end_forget_messages(end_t *end)
{
    for (size_t i = 0; i < end->message_count && i < END_MESSAGES; i++)
        blob_unref(end->messages[i].message);
    end->message_count = 0;
}

static void end_free(end_t *end)
{
    end_forget_messages(end);
    sctp_association_free(end->ours);
    usrsctp_peer_free(end->theirs);
    CHECK_INT(packet_pool_outstanding(end->pool), 0);
    packet_pool_release(end->pool);
    free(end->incoming);
    free(end->outgoing);
    free(end);
}

void association_pair_free(association_pair_t *pair)
{
    while (pair->first_flight != NULL) {
        flight_t *next = pair->first_flight->next;
        free(pair->first_flight);
        pair->first_flight = next;
    }
    end_free(pair->a);
    end_free(pair->b);
}

static void launch(association_pair_t *pair, end_t *from, const packet_t *packet)
{
    peer_time_t leaves = pair->now;
    if (pair->link.rate != 0) {
        if (from->free_at > leaves)
            leaves = from->free_at;
        if (pair->link.queue != 0 && leaves - pair->now > pair->link.queue)
            return;
        leaves += (peer_time_t)((packet->length + 65) * 1000000 / pair->link.rate);
        from->free_at = leaves;
    }
    peer_time_t arrival = leaves + pair->link.delay;
    if (pair->link.jitter > 0)
        arrival += (peer_time_t)(random_seeded_next(&pair->random) % (uint64_t)pair->link.jitter);
    flight_t *flight = malloc(sizeof *flight + packet->length);
    *flight = (flight_t){.arrival = arrival, .to = from == pair->a ? pair->b : pair->a, .length = packet->length};
    memcpy(flight->data, packet->data, packet->length);
    flight_t **link = &pair->first_flight;
    if (pair->last_flight != NULL && pair->last_flight->arrival <= arrival)
        link = &pair->last_flight->next;
    while (*link != NULL && (*link)->arrival <= arrival)
        link = &(*link)->next;
    flight->next = *link;
    *link = flight;
    if (flight->next == NULL)
        pair->last_flight = flight;
}

static void send_packet(association_pair_t *pair, end_t *from, packet_t *packet)
{
    from->packets++;
    from->bytes += packet->length;
    if (packet->length > from->largest)
        from->largest = packet->length;
    bool passes = pair->on_packet == NULL || pair->on_packet(pair, from, packet);
    if (pair->link.mtu != 0 && packet->length > pair->link.mtu && !packet->may_fragment)
        passes = false;
    if (passes && !from->is_cut && percent(pair) >= pair->link.loss_percent) {
        launch(pair, from, packet);
        if (percent(pair) < pair->link.duplicate_percent)
            launch(pair, from, packet);
    }
    packet_unref(packet);
}

static void keep_streams(uint16_t *list, size_t *count, const sctp_association_event_t *event)
{
    for (size_t i = 0; i < event->stream_count && *count < END_RESETS; i++)
        list[(*count)++] = event->streams[i];
}

static void on_event(association_pair_t *pair, end_t *end, const sctp_association_event_t *event)
{
    CHECK(!end->is_lost);
    end->counts[event->type]++;
    switch (event->type) {
    case SCTP_ASSOCIATION_UP:
        end->is_up = true;
        end->stream_count = event->stream_count;
        break;
    case SCTP_ASSOCIATION_MESSAGE:
    case SCTP_ASSOCIATION_PART:
        CHECK(end->is_up);
        end->message_bytes += event->message->length;
        if (end->ours != NULL && !end->keeps)
            sctp_association_consumed(end->ours, pair->now, event->message->length);
        if (end->message_count < END_MESSAGES)
            end->messages[end->message_count] = (received_t){event->stream, event->payload_protocol, event->message};
        else
            blob_unref(event->message);
        end->message_count++;
        break;
    case SCTP_ASSOCIATION_INCOMING_RESET:
        keep_streams(end->incoming, &end->incoming_count, event);
        break;
    case SCTP_ASSOCIATION_OUTGOING_RESET:
        keep_streams(end->outgoing, &end->outgoing_count, event);
        break;
    case SCTP_ASSOCIATION_LOST:
        end->is_lost = true;
        end->is_orderly = event->is_orderly;
        end->cause_code = event->cause_code;
        snprintf(end->text, sizeof end->text, "%s", event->text);
        break;
    default:
        break;
    }
}

static bool poll_end(association_pair_t *pair, end_t *end)
{
    packet_t *packet;
    sctp_association_event_t event;
    bool did = false;
    while ((packet = end->ours != NULL ? sctp_association_output(end->ours, pair->now) : usrsctp_peer_output(end->theirs)) != NULL) {
        did = true;
        send_packet(pair, end, packet);
    }
    while (end->ours != NULL ? sctp_association_receive(end->ours, &event) : usrsctp_peer_receive(end->theirs, &event)) {
        did = true;
        on_event(pair, end, &event);
    }
    return did;
}

void association_pair_poll(association_pair_t *pair)
{
    while ((int)poll_end(pair, pair->a) | (int)poll_end(pair, pair->b)) { /* until both are done */
    }
}

void association_pair_inject(association_pair_t *pair, end_t *to, const void *data, size_t length)
{
    if (to->ours != NULL) {
        /* A buffer of just this size: whoever reads beyond is seen by the sanitizers. */
        uint8_t *bytes = malloc(length > 0 ? length : 1);
        memcpy(bytes, data, length);
        sctp_association_input(to->ours, pair->now, bytes, length);
        free(bytes);
    } else {
        usrsctp_peer_input(to->theirs, pair->now, data, length);
    }
}

static peer_time_t deadline_of(const end_t *end)
{
    return end->ours != NULL ? sctp_association_deadline(end->ours) : usrsctp_peer_deadline(end->theirs);
}

static void wake(association_pair_t *pair, end_t *end)
{
    if (deadline_of(end) > pair->now)
        return;
    if (end->ours != NULL)
        sctp_association_timeout(end->ours, pair->now);
    else
        usrsctp_peer_timeout(end->theirs, pair->now);
}

static void step(association_pair_t *pair, peer_time_t end)
{
    association_pair_poll(pair);
    peer_time_t next = end;
    if (pair->first_flight != NULL)
        next = time_earlier(next, pair->first_flight->arrival);
    next = time_earlier(next, deadline_of(pair->a));
    next = time_earlier(next, deadline_of(pair->b));
    if (next > pair->now)
        pair->now = next;
    virtual_time_set(pair->now);
    while (pair->first_flight != NULL && pair->first_flight->arrival <= pair->now) {
        flight_t *flight = pair->first_flight;
        pair->first_flight = flight->next;
        if (pair->first_flight == NULL)
            pair->last_flight = NULL;
        association_pair_inject(pair, flight->to, flight->data, flight->length);
        free(flight);
    }
    wake(pair, pair->a);
    wake(pair, pair->b);
}

void association_pair_run(association_pair_t *pair, peer_time_t duration)
{
    peer_time_t end = pair->now + duration;
    while (pair->now < end)
        step(pair, end);
    association_pair_poll(pair);
}

bool association_pair_run_until(association_pair_t *pair, bool (*done)(association_pair_t *pair), peer_time_t limit)
{
    peer_time_t end = pair->now + limit;
    association_pair_poll(pair);
    while (!done(pair)) {
        if (pair->now >= end)
            return false;
        step(pair, end);
        association_pair_poll(pair);
    }
    return true;
}

bool association_pair_is_up(association_pair_t *pair)
{
    return pair->a->is_up && pair->b->is_up;
}

int end_connect(association_pair_t *pair, end_t *end)
{
    return end->ours != NULL ? sctp_association_connect(end->ours, pair->now, LINK_PORT)
                             : usrsctp_peer_connect(end->theirs, pair->now, LINK_PORT);
}

void association_pair_connect(association_pair_t *pair, uint64_t seed, const link_options_t *link, const sctp_association_config_t *config,
                              end_kind_t a, end_kind_t b)
{
    association_pair_init(pair, seed, link, config, a, b);
    CHECK_INT(end_connect(pair, pair->a), 0);
    CHECK_INT(end_connect(pair, pair->b), 0);
    CHECK(association_pair_run_until(pair, association_pair_is_up, 60 * PEER_SECOND));
}

static uint8_t byte_of(uint32_t number, size_t i)
{
    return (uint8_t)(number * 31 + i * 7 + (i >> 11));
}

static int send_blob(association_pair_t *pair, end_t *end, const sctp_message_info_t *info, blob_t *blob)
{
    int code = end->ours != NULL ? sctp_association_send(end->ours, pair->now, info, blob)
                                 : usrsctp_peer_send(end->theirs, pair->now, info, blob->data, blob->length);
    if (code != 0 || end->ours == NULL)
        blob_unref(blob);
    return code;
}

int end_send(association_pair_t *pair, end_t *end, const sctp_message_info_t *info, uint32_t number, size_t length)
{
    blob_t *blob = blob_new(length);
    CHECK(blob != NULL);
    blob->length = length;
    for (size_t i = 0; i < length; i++)
        blob->data[i] = i < 4 ? (uint8_t)(number >> (8 * i)) : byte_of(number, i);
    return send_blob(pair, end, info, blob);
}

int end_send_text(association_pair_t *pair, end_t *end, uint16_t stream, const char *text)
{
    return send_blob(pair, end, &(sctp_message_info_t){.stream = stream, .payload_protocol = 51}, blob_new_copy(text, strlen(text)));
}

uint32_t message_check(const received_t *received)
{
    const blob_t *blob = received->message;
    uint32_t number = 0;
    CHECK(blob->length >= 4);
    for (size_t i = 0; i < 4; i++)
        number |= (uint32_t)blob->data[i] << (8 * i);
    for (size_t i = 4; i < blob->length; i++)
        if (blob->data[i] != byte_of(number, i))
            test_fail(__FILE__, __LINE__, "message %u of %zu bytes differs from byte %zu on", number, blob->length, i);
    return number;
}

bool end_reset(association_pair_t *pair, end_t *end, uint16_t stream)
{
    return end->ours != NULL ? sctp_association_reset_stream(end->ours, pair->now, stream)
                             : usrsctp_peer_reset_stream(end->theirs, pair->now, stream);
}
