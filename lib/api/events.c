/* From the connection's events to the application's callbacks: on the loop's dispatcher, one at a time, without the lock. The objects that
 * an event names are looked up (or made) under the lock and held during the call. */
#include "api/events.h"

#include "api/api.h"
#include "base/error.h"
#include "base/log.h"

#include <string.h>

static bool is_closed(peer_connection_t *pc)
{
    loop_lock(pc->loop);
    bool is_closed = pc->is_closed;
    loop_unlock(pc->loop);
    return is_closed;
}

static peer_transceiver_t *take_transceiver(peer_connection_t *pc, transceiver_t *implementation)
{
    loop_lock(pc->loop);
    peer_transceiver_t *transceiver = pc->is_closed ? NULL : api_transceiver(pc, implementation);
    if (transceiver != NULL)
        peer_transceiver_ref(transceiver);
    loop_unlock(pc->loop);
    return transceiver;
}

static peer_data_channel_t *take_channel(peer_connection_t *pc, sctp_channel_t *implementation)
{
    loop_lock(pc->loop);
    peer_data_channel_t *channel = pc->is_closed ? NULL : api_channel(pc, implementation);
    if (channel != NULL)
        peer_data_channel_ref(channel);
    loop_unlock(pc->loop);
    return channel;
}

/* The listener, held until release_listener(); its members are NULL when there is none. */
static api_listener_t take_listener(peer_connection_t *pc)
{
    loop_lock(pc->loop);
    api_listener_t listener = pc->listener;
    if (listener.listener != NULL)
        listener.hold(listener.listener);
    loop_unlock(pc->loop);
    return listener;
}

static void release_listener(const api_listener_t *listener)
{
    if (listener->listener != NULL)
        listener->release(listener->listener);
}

static void on_negotiation_needed(peer_connection_t *pc, const connection_event_t *event)
{
    loop_lock(pc->loop);
    bool is_needed = connection_fires_negotiation_needed(pc->connection, event);
    loop_unlock(pc->loop);
    if (!is_needed)
        return;
    api_listener_t listener = take_listener(pc);
    if (listener.listener != NULL)
        listener.on_negotiation_needed(listener.listener);
    release_listener(&listener);
    if (pc->events.on_negotiation_needed != NULL && !is_closed(pc))
        pc->events.on_negotiation_needed(pc, pc->user);
}

static void on_ice_candidate(peer_connection_t *pc, const connection_event_t *event)
{
    peer_ice_candidate_t *candidate = NULL;
    if (event->text != NULL && api_ice_candidate_new(event, &candidate) < 0) {
        LOG_ERROR("api", 0, "own candidate %s: %s", event->text, peer_last_error_message());
        return;
    }
    api_listener_t listener = take_listener(pc);
    if (listener.listener != NULL)
        listener.on_ice_candidate(listener.listener, candidate);
    release_listener(&listener);
    if (pc->events.on_ice_candidate != NULL && !is_closed(pc))
        pc->events.on_ice_candidate(pc, candidate, pc->user);
    peer_ice_candidate_unref(candidate);
}

static void on_track(peer_connection_t *pc, const connection_event_t *event)
{
    peer_stream_t *streams[CONNECTION_STREAMS_MAX];
    size_t count = 0;
    peer_transceiver_t *transceiver = take_transceiver(pc, event->transceiver);
    if (transceiver == NULL)
        return;
    loop_lock(pc->loop);
    for (size_t i = 0; i < event->streams.count; i++) {
        peer_stream_t *stream = api_connection_stream(pc, event->streams.ids[i]);
        if (stream != NULL)
            streams[count++] = peer_stream_ref(stream);
    }
    loop_unlock(pc->loop);
    if (pc->events.on_track != NULL)
        pc->events.on_track(pc,
                            &(peer_track_event_t){.receiver = &transceiver->receiver,
                                                  .track = transceiver->receiver.track,
                                                  .streams = streams,
                                                  .stream_count = count,
                                                  .transceiver = transceiver},
                            pc->user);
    for (size_t i = 0; i < count; i++)
        peer_stream_unref(streams[i]);
    peer_transceiver_unref(transceiver);
}

static void on_stream_event(peer_connection_t *pc, peer_transceiver_t *transceiver, const connection_event_t *event)
{
    loop_lock(pc->loop);
    peer_stream_t *stream = api_connection_stream(pc, event->text);
    if (stream != NULL)
        peer_stream_ref(stream);
    loop_unlock(pc->loop);
    if (stream == NULL)
        return;
    if (event->type == CONNECTION_EVENT_STREAM_TRACK_ADDED)
        api_stream_add_remote(stream, transceiver->receiver.track);
    else
        api_stream_remove_remote(stream, transceiver->receiver.track);
    peer_stream_unref(stream);
}

static void on_candidate_error(peer_connection_t *pc, const connection_event_t *event)
{
    if (pc->events.on_ice_candidate_error == NULL)
        return;
    peer_ice_candidate_error_t error = {.address = event->candidate_error.address,
                                        .port = event->candidate_error.port,
                                        .url = event->candidate_error.url,
                                        .code = event->candidate_error.code,
                                        .text = event->text};
    pc->events.on_ice_candidate_error(pc, &error, pc->user);
}

static void on_dtls_error(peer_connection_t *pc, const connection_event_t *event)
{
    if (pc->events.on_dtls_transport_error == NULL)
        return;
    peer_rtc_error_t error = {.code = PEER_ERROR_OPERATION,
                              .detail = event->dtls_error.is_fingerprint_failure ? PEER_ERROR_DETAIL_FINGERPRINT_FAILURE
                                                                                 : PEER_ERROR_DETAIL_DTLS_FAILURE,
                              .sctp_cause_code = -1,
                              .received_alert = event->dtls_error.received_alert,
                              .sent_alert = event->dtls_error.sent_alert,
                              .message = event->text != NULL ? event->text : ""};
    pc->events.on_dtls_transport_error(pc, &error, pc->user);
}

static void on_transceiver_event(peer_connection_t *pc, const connection_event_t *event)
{
    peer_transceiver_t *transceiver = take_transceiver(pc, event->transceiver);
    if (transceiver == NULL)
        return;
    switch (event->type) {
    case CONNECTION_EVENT_TRACK_ENDED:
        api_track_end(transceiver->receiver.track);
        break;
    case CONNECTION_EVENT_STREAM_TRACK_REMOVED:
    case CONNECTION_EVENT_STREAM_TRACK_ADDED:
        on_stream_event(pc, transceiver, event);
        break;
    case CONNECTION_EVENT_TRACK_MUTED:
        api_track_set_muted(transceiver->receiver.track, true);
        break;
    case CONNECTION_EVENT_TRACK_UNMUTED:
        api_track_set_muted(transceiver->receiver.track, false);
        break;
    case CONNECTION_EVENT_SENDER_CONFIGURED:
        api_sender_configure(&transceiver->sender, event);
        break;
    case CONNECTION_EVENT_KEY_FRAME_REQUESTED:
        api_sender_force_key(&transceiver->sender, event->sending);
        break;
    case CONNECTION_EVENT_FRAME:
        api_receiver_frame(&transceiver->receiver, event);
        break;
    case CONNECTION_EVENT_AUDIO_LOST:
        api_receiver_lost(&transceiver->receiver, event);
        break;
    case CONNECTION_EVENT_TONE:
        api_track_deliver_tone(transceiver->receiver.track, event->tone.text, event->tone.duration_ms);
        break;
    case CONNECTION_EVENT_TONE_CHANGE:
        api_dtmf_tell(&transceiver->dtmf, event->tone.text);
        break;
    case CONNECTION_EVENT_RTP:
        api_track_deliver_rtp(transceiver->receiver.track, event->message.data, event->message.length,
                              event->message.rid[0] != '\0' ? event->message.rid : NULL);
        break;
    default:
        break;
    }
    peer_transceiver_unref(transceiver);
}

static void on_channel_event(peer_connection_t *pc, const connection_event_t *event)
{
    peer_data_channel_t *channel = take_channel(pc, event->channel);
    if (channel == NULL)
        return;
    if (event->type != CONNECTION_EVENT_DATA_CHANNEL)
        api_channel_deliver(channel, event);
    else if (pc->events.on_data_channel != NULL)
        pc->events.on_data_channel(pc, channel, pc->user);
    peer_data_channel_unref(channel);
}

static void tell_listener(peer_connection_t *pc, const connection_event_t *event)
{
    api_listener_t listener = take_listener(pc);
    if (listener.listener != NULL && event->type == CONNECTION_EVENT_ICE_CONNECTION_STATE)
        listener.on_ice_state(listener.listener, event->state);
    else if (listener.listener != NULL)
        listener.on_ice_gathering_state(listener.listener, event->state);
    release_listener(&listener);
}

#define TELL_STATE(pc, callback, state)                                                                                                    \
    do {                                                                                                                                   \
        if ((pc)->events.callback != NULL)                                                                                                 \
            (pc)->events.callback(pc, state, (pc)->user);                                                                                  \
    } while (0)

void api_on_event(void *user, connection_event_t *event)
{
    peer_connection_t *pc = user;
    if (is_closed(pc))
        return;
    switch (event->type) {
    case CONNECTION_EVENT_NEGOTIATION_NEEDED:
        on_negotiation_needed(pc, event);
        break;
    case CONNECTION_EVENT_SIGNALING_STATE:
        TELL_STATE(pc, on_signaling_state_change, event->state);
        break;
    case CONNECTION_EVENT_ICE_CANDIDATE:
        on_ice_candidate(pc, event);
        break;
    case CONNECTION_EVENT_ICE_CANDIDATE_ERROR:
        on_candidate_error(pc, event);
        break;
    case CONNECTION_EVENT_ICE_GATHERING_STATE:
        tell_listener(pc, event);
        if (!is_closed(pc))
            TELL_STATE(pc, on_ice_gathering_state_change, event->state);
        break;
    case CONNECTION_EVENT_ICE_CONNECTION_STATE:
        tell_listener(pc, event);
        if (!is_closed(pc))
            TELL_STATE(pc, on_ice_connection_state_change, event->state);
        break;
    case CONNECTION_EVENT_CONNECTION_STATE:
        TELL_STATE(pc, on_connection_state_change, event->state);
        break;
    case CONNECTION_EVENT_TRANSPORT_STATE:
        TELL_STATE(pc, on_ice_transport_state_change, event->state);
        break;
    case CONNECTION_EVENT_TRANSPORT_GATHERING:
        TELL_STATE(pc, on_ice_transport_gathering_state_change, event->state);
        break;
    case CONNECTION_EVENT_SELECTED_PAIR:
        if (pc->events.on_selected_candidate_pair_change != NULL)
            pc->events.on_selected_candidate_pair_change(pc, pc->user);
        break;
    case CONNECTION_EVENT_DTLS_STATE:
        TELL_STATE(pc, on_dtls_transport_state_change, event->state);
        break;
    case CONNECTION_EVENT_DTLS_ERROR:
        on_dtls_error(pc, event);
        break;
    case CONNECTION_EVENT_TRACK:
        on_track(pc, event);
        break;
    case CONNECTION_EVENT_TRACK_ENDED:
    case CONNECTION_EVENT_STREAM_TRACK_REMOVED:
    case CONNECTION_EVENT_STREAM_TRACK_ADDED:
    case CONNECTION_EVENT_TRACK_MUTED:
    case CONNECTION_EVENT_TRACK_UNMUTED:
    case CONNECTION_EVENT_SENDER_CONFIGURED:
    case CONNECTION_EVENT_KEY_FRAME_REQUESTED:
    case CONNECTION_EVENT_FRAME:
    case CONNECTION_EVENT_AUDIO_LOST:
    case CONNECTION_EVENT_TONE:
    case CONNECTION_EVENT_TONE_CHANGE:
    case CONNECTION_EVENT_RTP:
        on_transceiver_event(pc, event);
        break;
    case CONNECTION_EVENT_TRANSCEIVER_REMOVED:
        api_transceiver_remove(pc, event->transceiver);
        break;
    case CONNECTION_EVENT_DATA_CHANNEL:
    case CONNECTION_EVENT_CHANNEL_OPEN:
    case CONNECTION_EVENT_CHANNEL_MESSAGE:
    case CONNECTION_EVENT_CHANNEL_HANDED:
    case CONNECTION_EVENT_CHANNEL_ROOM:
    case CONNECTION_EVENT_CHANNEL_CLOSING:
    case CONNECTION_EVENT_CHANNEL_ERROR:
    case CONNECTION_EVENT_CHANNEL_CLOSED:
        on_channel_event(pc, event);
        break;
    case CONNECTION_EVENT_SCTP_STATE:
        TELL_STATE(pc, on_sctp_transport_state_change,
                   event->state == SCTP_STATE_CONNECTED ? PEER_SCTP_TRANSPORT_CONNECTED : PEER_SCTP_TRANSPORT_CLOSED);
        break;
    }
}
