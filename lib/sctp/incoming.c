#include "sctp/incoming.h"

#include "base/memory.h"

#include <string.h>

#define ALLOCATION_COST 16 /* what an allocator adds, about */
#define MESSAGE_COST (sizeof(incoming_message_t) + sizeof(blob_t) + 2 * ALLOCATION_COST)
#define FRAGMENT_COST (sizeof(incoming_fragment_t) + ALLOCATION_COST)
#define TOLD_COST (sizeof(blob_t) + 4 * ALLOCATION_COST)
#define POOL_SIZE 64 /* a turn's whole messages */
#define CHUNK_MAX 65536

void incoming_account_init(incoming_account_t *account, size_t window, size_t max_message_size)
{
    *account = (incoming_account_t){.window = window, .max_message_size = max_message_size};
    /* The longest message can be finished however small the window is. */
    account->allowance = window / 2;
    if (max_message_size == 0)
        account->allowance = SIZE_MAX / 4;
    else if (account->allowance < max_message_size + MESSAGE_COST)
        account->allowance = max_message_size + MESSAGE_COST;
}

void incoming_account_clear(incoming_account_t *account)
{
    while (account->pool != NULL) {
        incoming_message_t *message = account->pool;
        account->pool = message->next;
        memory_free(message);
    }
    account->pool_size = 0;
}

size_t incoming_account_window(const incoming_account_t *account)
{
    size_t counted = account->held - (account->begun < account->allowance ? account->begun : account->allowance);
    return counted < account->window ? account->window - counted : 0;
}

bool incoming_account_has_reserve(const incoming_account_t *account, size_t length)
{
    return account->held + length <= account->window + account->allowance + CHUNK_MAX;
}

void incoming_account_consumed(incoming_account_t *account, size_t bytes)
{
    if (bytes >= account->unconsumed) {
        account->held -= account->unconsumed + account->unconsumed_cost;
        account->unconsumed = account->unconsumed_cost = 0;
        return;
    }
    /* Which messages they were of is not known: their share of the cost. */
    size_t cost = (size_t)((double)account->unconsumed_cost * (double)bytes / (double)account->unconsumed);
    account->unconsumed -= bytes;
    account->unconsumed_cost -= cost;
    account->held -= bytes + cost;
}

static void charge(incoming_account_t *account, incoming_message_t *message, size_t bytes)
{
    account->held += bytes;
    message->charged += bytes;
    if (message->state == INCOMING_BEGUN)
        account->begun += bytes;
    else if (message->state == INCOMING_READY)
        account->ready += bytes;
}

static void discharge(incoming_account_t *account, incoming_message_t *message, size_t bytes)
{
    account->held -= bytes;
    message->charged -= bytes;
    if (message->state == INCOMING_BEGUN)
        account->begun -= bytes;
    else if (message->state == INCOMING_READY)
        account->ready -= bytes;
}

static size_t spare_of(const incoming_message_t *message)
{
    return message->blob != NULL ? message->blob->capacity - message->blob->length : 0;
}

static void drop_blob(incoming_account_t *account, incoming_message_t *message)
{
    account->spare -= spare_of(message);
    blob_unref(message->blob);
    message->blob = NULL;
    discharge(account, message, message->charged - MESSAGE_COST);
}

incoming_message_t *incoming_message_new(incoming_account_t *account, const sctp_data_t *data, uint64_t id)
{
    incoming_message_t *message = account->pool;
    if (message != NULL) {
        account->pool = message->next;
        account->pool_size--;
        memset(message, 0, sizeof *message);
    } else if ((message = MEMORY_NEW(incoming_message_t)) == NULL) {
        return NULL;
    }
    message->id = id;
    message->stream = data->stream;
    message->payload_protocol = data->payload_protocol;
    message->is_unordered = (data->flags & SCTP_DATA_UNORDERED) != 0;
    message->is_single = (data->flags & SCTP_DATA_BEGIN) != 0 && (data->flags & SCTP_DATA_END) != 0;
    message->is_tracked = true;
    charge(account, message, MESSAGE_COST);
    return message;
}

void incoming_message_free(incoming_account_t *account, incoming_message_t *message)
{
    incoming_fragments_free(account, &message->fragments);
    drop_blob(account, message);
    discharge(account, message, message->charged);
    if (account->pool_size < POOL_SIZE) {
        message->next = account->pool;
        account->pool = message;
        account->pool_size++;
    } else {
        memory_free(message);
    }
}

void incoming_message_set_state(incoming_account_t *account, incoming_message_t *message, incoming_state_t state)
{
    size_t charged = message->charged;
    discharge(account, message, charged);
    message->state = state;
    charge(account, message, charged);
}

static void set_too_large(incoming_account_t *account, incoming_message_t *message)
{
    message->is_too_large = true;
    incoming_fragments_free(account, &message->fragments);
    message->fragment_bytes = 0;
    drop_blob(account, message);
}

bool incoming_message_reserve(incoming_account_t *account, incoming_message_t *message, size_t length, size_t hint, bool is_all)
{
    if (message->is_too_large)
        return true;
    if (account->max_message_size != 0 && length > account->max_message_size - message->length) {
        set_too_large(account, message);
        return true;
    }
    size_t needed = (message->blob != NULL ? message->blob->length : 0) + length;
    if (message->blob != NULL && needed <= message->blob->capacity)
        return true;
    /* As long as the last one of the stream, or twice as long as it is known to be: but of such room for what is hoped for there is never
     * more than half a window in all, and then a growth by an eighth has to do. */
    size_t wanted = needed;
    if (!is_all) {
        size_t budget = account->window / 2;
        budget = budget > account->spare ? budget - account->spare : 0;
        wanted = hint > needed ? hint : 2 * needed;
        if (wanted - needed > budget)
            wanted = needed <= budget ? 2 * needed : needed + needed / 8;
        size_t most = account->max_message_size - message->length + (needed - length);
        if (account->max_message_size != 0 && wanted > most)
            wanted = most;
    }
    size_t spare = spare_of(message);
    if (message->blob == NULL ? (message->blob = blob_new(wanted)) == NULL : !blob_reserve(&message->blob, wanted))
        return false;
    account->spare += spare_of(message) - spare;
    return true;
}

void incoming_message_append(incoming_account_t *account, incoming_message_t *message, const uint8_t *data, size_t length)
{
    if (message->is_too_large)
        return;
    memcpy(message->blob->data + message->blob->length, data, length);
    message->blob->length += length;
    message->length += length;
    account->spare -= length;
    charge(account, message, length);
}

blob_t *incoming_message_take(incoming_account_t *account, incoming_message_t *message)
{
    blob_t *blob = message->blob;
    account->spare -= spare_of(message);
    message->blob = NULL;
    discharge(account, message, blob->length);
    if (blob->capacity - blob->length > blob->length / 4 + 64) /* what the holder has is what is counted */
        blob_trim(&blob);
    account->unconsumed += blob->length;
    account->unconsumed_cost += TOLD_COST;
    account->held += blob->length + TOLD_COST;
    return blob;
}

incoming_fragment_t *incoming_fragment_new(incoming_account_t *account, const sctp_data_t *data, uint64_t key)
{
    incoming_fragment_t *fragment = memory_resize(NULL, sizeof *fragment + data->length);
    if (fragment == NULL)
        return NULL;
    fragment->node.key = key;
    fragment->length = data->length;
    fragment->message_id = data->message_id;
    fragment->payload_protocol = data->payload_protocol;
    fragment->stream = data->stream;
    fragment->flags = data->flags;
    memcpy(fragment->data, data->data, data->length);
    account->held += FRAGMENT_COST + data->length;
    return fragment;
}

void incoming_fragment_free(incoming_account_t *account, incoming_fragment_t *fragment)
{
    account->held -= FRAGMENT_COST + fragment->length;
    memory_free(fragment);
}

void incoming_fragments_free(incoming_account_t *account, splay_t *fragments)
{
    for (splay_node_t *node; (node = splay_first(fragments)) != NULL;) {
        splay_remove(fragments, node);
        incoming_fragment_free(account, (incoming_fragment_t *)node);
    }
}
