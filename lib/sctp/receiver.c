#include "sctp/receiver.h"

#include "base/log.h"
#include "base/memory.h"
#include "sctp/reassembly.h"
#include "sctp/tsn_map.h"

#define SACK_SIZE 16
#define SACK_DELAY (20 * PEER_MILLISECOND) /* RFC 9260 §6.2 wants at most 200 ms */
#define QUICK_PACKETS 16                   /* acknowledged at once after a start or an idle time: slow start waits for it */
#define IDLE (500 * PEER_MILLISECOND)
#define MAX_DUPLICATES 32 /* told in one SACK */

struct sctp_receiver {
    sctp_receiver_config_t config;
    bool is_started, is_interleaved;
    tsn_map_t tsns;
    uint64_t cumulative; /* unwrapped */
    reassembly_t reassembly;
    /* acknowledgement */
    bool has_data;                     /* in this packet */
    bool is_sack_due, is_sack_pending; /* at once; sooner or later */
    unsigned unacknowledged;           /* packets */
    unsigned quick;                    /* packets yet to be acknowledged at once */
    peer_time_t sack_at, last_data;
    uint32_t duplicates[MAX_DUPLICATES];
    unsigned duplicate_count;
    size_t announced; /* window, last */
};

sctp_receiver_t *sctp_receiver_new(const sctp_receiver_config_t *config)
{
    sctp_receiver_t *receiver = MEMORY_NEW(sctp_receiver_t);
    if (receiver == NULL)
        return NULL;
    receiver->config = *config;
    receiver->sack_at = PEER_TIME_NEVER;
    receiver->quick = QUICK_PACKETS;
    reassembly_init(&receiver->reassembly, config->window, config->max_message_size);
    receiver->announced = config->window;
    return receiver;
}

void sctp_receiver_free(sctp_receiver_t *receiver)
{
    if (receiver == NULL)
        return;
    reassembly_clear(&receiver->reassembly);
    tsn_map_clear(&receiver->tsns);
    memory_free(receiver);
}

void sctp_receiver_start(sctp_receiver_t *receiver, uint32_t initial_tsn, bool is_interleaved)
{
    receiver->is_started = true;
    receiver->is_interleaved = is_interleaved;
    tsn_map_clear(&receiver->tsns);
    tsn_map_init(&receiver->tsns, initial_tsn - 1);
    receiver->duplicate_count = 0;
    receiver->cumulative = (UINT64_C(1) << 32) + (uint32_t)(initial_tsn - 1);
    reassembly_start(&receiver->reassembly, receiver->cumulative, is_interleaved);
}

static bool on_advance(sctp_receiver_t *receiver)
{
    receiver->cumulative += receiver->tsns.cumulative - (uint32_t)receiver->cumulative;
    return reassembly_advance(&receiver->reassembly, receiver->cumulative);
}

static sctp_receiver_verdict_t mark(sctp_receiver_t *receiver, uint32_t tsn, sctp_receiver_verdict_t verdict)
{
    if (tsn == receiver->tsns.cumulative + 1) {
        tsn_map_add(&receiver->tsns, tsn);
        if (!on_advance(receiver))
            return SCTP_RECEIVER_VIOLATION;
    } else {
        tsn_map_add(&receiver->tsns, tsn);
    }
    return verdict;
}

/* Within the window, or without it nothing would ever move. */
static bool has_room(const sctp_receiver_t *receiver, uint32_t tsn, size_t length)
{
    const incoming_account_t *account = &receiver->reassembly.account;
    if (incoming_account_window(account) > 0)
        return true;
    return tsn == receiver->tsns.cumulative + 1 && incoming_account_has_reserve(account, length) &&
           (tsn_map_has_gaps(&receiver->tsns) || !incoming_account_is_releasable(account));
}

sctp_receiver_verdict_t sctp_receiver_on_data(sctp_receiver_t *receiver, peer_time_t now, const sctp_data_t *data)
{
    if (!receiver->is_started)
        return SCTP_RECEIVER_OK;
    if (data->is_interleaved != receiver->is_interleaved)
        return SCTP_RECEIVER_VIOLATION;
    if (data->length == 0)
        return SCTP_RECEIVER_EMPTY;
    if (!receiver->has_data) {
        if (now - receiver->last_data > IDLE)
            receiver->quick = QUICK_PACKETS;
        receiver->has_data = true;
        receiver->last_data = now;
    }
    if ((data->flags & SCTP_DATA_IMMEDIATE) != 0)
        receiver->is_sack_due = true;
    tsn_state_t state = tsn_map_state(&receiver->tsns, data->tsn);
    if (state == TSN_DUPLICATE && receiver->duplicate_count < MAX_DUPLICATES)
        receiver->duplicates[receiver->duplicate_count++] = data->tsn;
    if (state != TSN_NEW) {
        receiver->is_sack_due = true;
        return SCTP_RECEIVER_OK;
    }
    if (!has_room(receiver, data->tsn, data->length)) {
        receiver->is_sack_due = true; /* RFC 9260 §6.2: it says what the window is */
        const incoming_account_t *account = &receiver->reassembly.account;
        if (data->tsn != receiver->tsns.cumulative + 1 || incoming_account_is_releasable(account))
            return SCTP_RECEIVER_OK;
        LOG_WARNING("sctp", receiver->config.connection, "unfinished messages fill all memory there is for them");
        return SCTP_RECEIVER_OUT_OF_RESOURCES;
    }
    if (!tsn_map_reserve(&receiver->tsns, data->tsn)) {
        receiver->is_sack_due = true;
        return SCTP_RECEIVER_OK;
    }
    if (data->stream >= receiver->config.max_streams)
        return mark(receiver, data->tsn, SCTP_RECEIVER_NO_STREAM);
    uint64_t tsn = receiver->cumulative + (data->tsn - receiver->tsns.cumulative);
    switch (reassembly_take(&receiver->reassembly, tsn, data)) {
    case REASSEMBLY_TAKEN:
        return mark(receiver, data->tsn, SCTP_RECEIVER_OK);
    case REASSEMBLY_NO_MEMORY:
        receiver->is_sack_due = true;
        return SCTP_RECEIVER_OK;
    case REASSEMBLY_CONTRADICTION:
        break;
    }
    return SCTP_RECEIVER_VIOLATION;
}

sctp_receiver_verdict_t sctp_receiver_on_forward(sctp_receiver_t *receiver, peer_time_t now, sctp_forward_t *forward)
{
    if (!receiver->is_started)
        return SCTP_RECEIVER_OK;
    if (forward->is_interleaved != receiver->is_interleaved)
        return SCTP_RECEIVER_VIOLATION;
    receiver->has_data = true;
    receiver->last_data = now;
    receiver->is_sack_due = true; /* RFC 3758 §3.6: an old one means that our SACK was lost */
    uint32_t ahead = forward->cumulative - receiver->tsns.cumulative;
    if (ahead == 0 || ahead > INT32_MAX)
        return SCTP_RECEIVER_OK;
    sctp_forward_stream_t skipped;
    for (sctp_forward_t entries = *forward; sctp_forward_read(&entries, &skipped);)
        if (skipped.stream < receiver->config.max_streams && !reassembly_has_stream(&receiver->reassembly, skipped.stream))
            return SCTP_RECEIVER_OK; /* no memory: it comes again */
    reassembly_give_up(&receiver->reassembly, receiver->cumulative + ahead);
    while (sctp_forward_read(forward, &skipped))
        if (skipped.stream < receiver->config.max_streams)
            reassembly_skip(&receiver->reassembly, &skipped);
    tsn_map_forward(&receiver->tsns, forward->cumulative);
    return on_advance(receiver) ? SCTP_RECEIVER_OK : SCTP_RECEIVER_VIOLATION;
}

void sctp_receiver_on_packet_end(sctp_receiver_t *receiver, peer_time_t now)
{
    if (!receiver->has_data)
        return;
    receiver->has_data = false;
    receiver->unacknowledged++;
    if (receiver->quick > 0 || receiver->unacknowledged >= 2 || tsn_map_has_gaps(&receiver->tsns))
        receiver->is_sack_due = true;
    if (receiver->quick > 0)
        receiver->quick--;
    if (!receiver->is_sack_pending) {
        receiver->is_sack_pending = true;
        receiver->sack_at = now + SACK_DELAY;
    }
}

bool sctp_receiver_wants_sack(const sctp_receiver_t *receiver, peer_time_t now)
{
    return receiver->is_sack_due || (receiver->is_sack_pending && now >= receiver->sack_at);
}

bool sctp_receiver_has_pending_sack(const sctp_receiver_t *receiver)
{
    return receiver->is_sack_due || receiver->is_sack_pending;
}

bool sctp_receiver_write_sack(sctp_receiver_t *receiver, peer_time_t now, writer_t *writer)
{
    (void)now;
    if (writer_left(writer) < SACK_SIZE)
        return false;
    size_t start = writer->length, room = (writer_left(writer) - SACK_SIZE) / 4;
    receiver->announced = incoming_account_window(&receiver->reassembly.account);
    writer_u8(writer, SCTP_CHUNK_SACK);
    writer_u8(writer, 0);
    writer_u16(writer, SACK_SIZE);
    writer_u32(writer, receiver->tsns.cumulative);
    writer_u32(writer, sctp_receiver_window(receiver));
    writer_u32(writer, 0);
    uint16_t gaps = 0, duplicates = 0;
    for (uint32_t first, last = 0; room > 0 && tsn_map_next_block(&receiver->tsns, &first, &last); room--, gaps++) {
        writer_u16(writer, (uint16_t)first);
        writer_u16(writer, (uint16_t)last);
    }
    for (; room > 0 && duplicates < receiver->duplicate_count; room--)
        writer_u32(writer, receiver->duplicates[duplicates++]);
    writer_patch_u16(writer, start + 2, (uint16_t)(writer->length - start));
    writer_patch_u16(writer, start + 12, gaps);
    writer_patch_u16(writer, start + 14, duplicates);
    receiver->duplicate_count = 0;
    receiver->is_sack_due = receiver->is_sack_pending = false;
    receiver->unacknowledged = 0;
    receiver->sack_at = PEER_TIME_NEVER;
    return true;
}

peer_time_t sctp_receiver_deadline(const sctp_receiver_t *receiver)
{
    return receiver->is_sack_due ? 0 : receiver->sack_at;
}

bool sctp_receiver_poll(sctp_receiver_t *receiver, sctp_association_event_t *event)
{
    return reassembly_poll(&receiver->reassembly, event);
}

/* RFC 9260 §6.2, as RFC 1122 §4.2.3.3 avoids silly windows: told when it is worth a packet, and the remote side could be waiting. */
static void consider_window_update(sctp_receiver_t *receiver)
{
    size_t step = receiver->config.window / 16 > 6000 ? receiver->config.window / 16 : 6000;
    if (step > receiver->config.window / 2)
        step = receiver->config.window / 2;
    if (receiver->is_started && receiver->announced < receiver->config.window / 2 &&
        incoming_account_window(&receiver->reassembly.account) >= receiver->announced + step)
        receiver->is_sack_due = true;
}

void sctp_receiver_on_consumed(sctp_receiver_t *receiver, peer_time_t now, size_t bytes)
{
    (void)now;
    incoming_account_consumed(&receiver->reassembly.account, bytes);
    consider_window_update(receiver);
}

bool sctp_receiver_set_streaming(sctp_receiver_t *receiver, uint16_t stream, size_t threshold)
{
    return reassembly_set_streaming(&receiver->reassembly, stream, threshold);
}

void sctp_receiver_reset_streams(sctp_receiver_t *receiver, const uint16_t *streams, size_t count)
{
    if (count == 0)
        reassembly_reset_all(&receiver->reassembly);
    for (size_t i = 0; i < count; i++)
        reassembly_reset_stream(&receiver->reassembly, streams[i]);
    consider_window_update(receiver);
}

uint32_t sctp_receiver_cumulative_tsn(const sctp_receiver_t *receiver)
{
    return receiver->tsns.cumulative;
}

uint32_t sctp_receiver_window(const sctp_receiver_t *receiver)
{
    size_t window = incoming_account_window(&receiver->reassembly.account);
    return window < UINT32_MAX ? (uint32_t)window : UINT32_MAX;
}

size_t sctp_receiver_held(const sctp_receiver_t *receiver)
{
    return receiver->reassembly.account.held;
}
