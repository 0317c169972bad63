/* Media and data of a simulated peer, made up so that whoever gets them can tell whether they are whole. */
#include "sim_media.h"
#include "send_copy.h"

#include "base/bytes.h"
#include "media/media.h"

#include <stdlib.h>
#include <string.h>

/* ---- media: what RFC 6386 §9.1 needs to be taken for a VP8 frame, a number, and bytes that follow from it ---- */

#define FRAME_MAX 40000

static uint8_t filler(uint64_t number, size_t i)
{
    return (uint8_t)((number * 2654435761u + i * 40503u) >> 7);
}

static size_t make_video(uint64_t number, bool is_key, uint32_t size, uint8_t *frame)
{
    memset(frame, 0, 10);
    frame[0] = is_key ? 0x10 : 0x11;
    memcpy(frame + 3, "\x9d\x01\x2a\x80\x02\xe0\x01", 7);
    bytes_put_u64(frame + 10, number);
    bytes_put_u32(frame + 18, size);
    for (size_t i = 22; i < size; i++)
        frame[i] = filler(number, i);
    return size;
}

static bool check_filled(const uint8_t *data, size_t length, size_t from, uint64_t number)
{
    for (size_t i = from; i < length; i++)
        if (data[i] != filler(number, i))
            return false;
    return true;
}

void sim_media_send(sim_peer_t *peer)
{
    static uint8_t frame[FRAME_MAX];
    peer_time_t now = sim_now(peer->sim);
    while (peer->sends_video && peer->next_video <= now) {
        bool is_key = peer->key_wanted || peer->video_number == 0;
        uint64_t number = ++peer->video_number;
        uint32_t size = peer->video_size != 0 ? peer->video_size : 1000 + (uint32_t)(number * 7919 % 2000);
        size_t length = make_video(number, is_key, is_key ? 4 * size : size, frame);
        connection_frame_t sent = {.data = frame, .length = length, .timestamp_us = peer->next_video, .is_key = is_key};
        if (transceiver_send_frame(peer->video, now, &sent) < 0)
            abort();
        peer->key_wanted = false;
        peer->next_video += 33333;
    }
    while (peer->sends_audio && peer->next_audio <= now) {
        uint64_t number = ++peer->audio_number;
        size_t length = 80 + number % 40;
        frame[0] = 0xf8; /* RFC 6716 §3.1: one CELT frame of 20 ms */
        bytes_put_u64(frame + 1, number);
        for (size_t i = 9; i < length; i++)
            frame[i] = filler(number, i);
        connection_frame_t sent = {.data = frame, .length = length, .timestamp_us = peer->next_audio, .duration_us = 20000, .is_key = true};
        if (transceiver_send_frame(peer->audio, now, &sent) < 0)
            abort();
        peer->next_audio += 20000;
    }
}

void sim_media_on_frame(sim_peer_t *peer, const connection_event_t *event)
{
    const media_frame_t *frame = event->media.frame;
    sim_received_t *received = &peer->received;
    if (frame->kind == MEDIA_AUDIO) {
        received->audio_frames++;
        if (frame->length < 9 || !check_filled(frame->data, frame->length, 9, bytes_get_u64(frame->data + 1)))
            received->audio_bad++;
        return;
    }
    uint64_t number = frame->length >= 22 ? bytes_get_u64(frame->data + 10) : 0;
    bool is_intact =
        frame->length >= 22 && bytes_get_u32(frame->data + 18) == frame->length && check_filled(frame->data, frame->length, 22, number);
    bool is_decodable = frame->is_key || number == received->video_last_number + 1;
    received->video_frames++;
    received->video_key_frames += frame->is_key;
    if (!is_intact || !is_decodable)
        received->video_bad++;
    received->video_last_number = number;
    received->video_last_time = sim_now(peer->sim);
    if (peer->first_video_at == 0)
        peer->first_video_at = sim_now(peer->sim);
}

/* ---- data ---- */

static size_t message_length(const sim_peer_t *peer, uint64_t number)
{
    return peer->message_size != 0 ? peer->message_size : 8 + (size_t)(number * 6007 % 4000);
}

void sim_data_send(sim_peer_t *peer)
{
    static uint8_t message[1 << 20];
    while (peer->channel != NULL && peer->sent < peer->to_send && sctp_channel_state(peer->channel) == SCTP_CHANNEL_OPEN &&
           sctp_channel_buffered_amount(peer->channel) < 1 << 20) {
        uint64_t number = peer->sent;
        size_t length = message_length(peer, number);
        bytes_put_u64(message, number);
        for (size_t i = 8; i < length; i++)
            message[i] = filler(number, i);
        if (send_copy(peer->channel, sim_now(peer->sim), message, length, false) < 0)
            break;
        peer->sent++;
    }
}

void sim_data_on_message(sim_peer_t *peer, const connection_event_t *event)
{
    sim_received_t *received = &peer->received;
    const blob_t *message = event->channel_message.message;
    const uint8_t *data = message->data;
    uint64_t number = message->length >= 8 ? bytes_get_u64(data) : SIM_MESSAGES_MAX;
    if (number >= SIM_MESSAGES_MAX || peer->seen[number] || !check_filled(data, message->length, 8, number))
        received->messages_bad++;
    else
        peer->seen[number] = 1;
    if (number != received->messages)
        received->messages_out_of_order++;
    received->messages++;
}
