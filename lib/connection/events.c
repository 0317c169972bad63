/* What the application is told: a queue of events in the order they arose. */
#include "connection/internal.h"

#include "base/log.h"
#include "base/memory.h"

connection_event_t *event_new_sized(connection_t *connection, connection_event_type_t type, size_t extra)
{
    connection_event_t *event = memory_resize(NULL, sizeof *event + extra);
    if (event == NULL) {
        LOG_ERROR("connection", connection->number, "an event was lost: memory ran out");
        return NULL;
    }
    *event = (connection_event_t){.type = type};
    if (connection->last_event != NULL)
        connection->last_event->next = event;
    else
        connection->first_event = event;
    connection->last_event = event;
    return event;
}

connection_event_t *event_new(connection_t *connection, connection_event_type_t type)
{
    return event_new_sized(connection, type, 0);
}

void event_state(connection_t *connection, connection_event_type_t type, int32_t state)
{
    connection_event_t *event = event_new(connection, type);
    if (event != NULL)
        event->state = state;
}

void event_name(connection_event_t *event, transceiver_t *transceiver)
{
    event->transceiver = transceiver_ref(transceiver);
}

connection_event_t *event_transceiver(connection_t *connection, connection_event_type_t type, transceiver_t *transceiver)
{
    connection_event_t *event = event_new(connection, type);
    if (event != NULL)
        event_name(event, transceiver);
    return event;
}

connection_event_t *event_pop(connection_t *connection)
{
    connection_event_t *event = connection->first_event;
    if (event == NULL)
        return NULL;
    connection->first_event = event->next;
    if (connection->first_event == NULL)
        connection->last_event = NULL;
    event->next = NULL;
    return event;
}

void connection_event_free(connection_event_t *event)
{
    if (event == NULL)
        return;
    switch (event->type) {
    case CONNECTION_EVENT_ICE_CANDIDATE:
        memory_free(event->candidate.mid);
        memory_free(event->candidate.ufrag);
        memory_free(event->candidate.url);
        break;
    case CONNECTION_EVENT_ICE_CANDIDATE_ERROR:
        memory_free(event->candidate_error.address);
        memory_free(event->candidate_error.url);
        break;
    case CONNECTION_EVENT_TRACK:
        for (size_t i = 0; i < event->streams.count; i++)
            memory_free(event->streams.ids[i]);
        break;
    case CONNECTION_EVENT_CHANNEL_MESSAGE:
        blob_unref(event->channel_message.message);
        break;
    case CONNECTION_EVENT_FRAME:
    case CONNECTION_EVENT_AUDIO_LOST:
        media_frame_unref(event->media.frame);
        break;
    default:
        break;
    }
    transceiver_unref(event->transceiver);
    memory_free(event->text);
    memory_free(event);
}

void update_negotiation_needed(connection_t *connection)
{
    if (connection->is_closed || connection->is_check_queued)
        return;
    connection->is_check_queued = event_new(connection, CONNECTION_EVENT_NEGOTIATION_NEEDED) != NULL; /* else the next change asks for it */
}

static bool is_needed(const connection_t *connection)
{
    return !connection->is_closed && jsep_signaling_state(connection->jsep) == JSEP_STABLE && jsep_is_negotiation_needed(connection->jsep);
}

bool check_negotiation_needed(connection_t *connection, connection_event_t *event)
{
    connection->is_check_queued = false;
    if (connection->is_closed || jsep_signaling_state(connection->jsep) != JSEP_STABLE)
        return false;
    bool was_needed = connection->is_negotiation_needed;
    connection->is_negotiation_needed = jsep_is_negotiation_needed(connection->jsep);
    if (was_needed || !connection->is_negotiation_needed)
        return false;
    event->state = ++connection->negotiation_needed_count;
    return true;
}

int32_t connection_negotiation_check(const connection_t *connection)
{
    return !connection->is_closed && jsep_is_negotiation_needed(connection->jsep);
}

bool connection_is_negotiation_needed(const connection_t *connection)
{
    return connection->is_negotiation_needed && is_needed(connection);
}

bool connection_fires_negotiation_needed(const connection_t *connection, const connection_event_t *event)
{
    return event->state == connection->negotiation_needed_count && connection_is_negotiation_needed(connection);
}
