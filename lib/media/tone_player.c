/* The sending side of telephone events (RFC 4733 §2.5.1). An event has the timestamp at which it began, on the clock of the sound that it
 * replaces, and reports that grow: every 20 ms, the last one three times. What one report cannot tell goes on in the next segment. */
#include "media/session.h"

#include "base/error.h"

#include <string.h>

#define STEP (20 * PEER_MILLISECOND) /* between reports, as between packets of sound; §2.5.1.2 asks for 50 ms at most */
#define REPEATS 2                    /* §2.5.1.4: the last report leaves three times */
#define VOLUME 10                    /* -10 dBm0 */

static int64_t units_of(int64_t time_us, uint32_t clock_rate)
{
    return time_us / PEER_SECOND * clock_rate + time_us % PEER_SECOND * clock_rate / PEER_SECOND;
}

static void send(media_sender_t *sender, peer_time_t now, uint32_t timestamp, bool marker, const uint8_t payload[RTP_TELEPHONE_EVENT_SIZE])
{
    rtp_extensions_t values = media_sender_extensions(sender, false);
    rtp_header_t header = {.ssrc = sender->ssrc,
                           .timestamp = timestamp,
                           .payload_type = sender->event.payload_type,
                           .sequence_number = sender->next_sequence,
                           .marker = marker,
                           .extensions = &values,
                           .map = &sender->extensions};
    packet_t *packet = media_sender_start_packet(sender, &header);
    if (packet == NULL)
        return; /* a report that is lost is made good by the next */
    if (!packet_append(packet, payload, RTP_TELEPHONE_EVENT_SIZE)) {
        packet_unref(packet);
        return;
    }
    sender->tone.shift++;
    media_sender_send_numbered(sender, now, packet, RTP_TELEPHONE_EVENT_SIZE);
}

static void report(media_sender_t *sender, peer_time_t now, uint16_t duration, bool is_end, bool is_last)
{
    media_tone_player_t *tone = &sender->tone;
    uint8_t payload[RTP_TELEPHONE_EVENT_SIZE];
    rtp_telephone_event_write(payload,
                              &(rtp_telephone_event_t){.code = tone->code, .is_end = is_end, .volume = VOLUME, .duration = duration});
    send(sender, now, tone->timestamp, !tone->is_begin_told, payload);
    tone->is_begin_told = true;
    if (!is_last)
        return;
    memcpy(tone->last, payload, sizeof payload);
    tone->last_timestamp = tone->timestamp;
    tone->repeats_left = REPEATS;
    tone->repeat_at = now + STEP;
}

/* Tells how long the event has lasted until `time`. */
static void update(media_sender_t *sender, peer_time_t now, peer_time_t time, bool is_end)
{
    media_tone_player_t *tone = &sender->tone;
    int64_t lasted = units_of(time - tone->begun, sender->event.clock_rate);
    while (lasted - tone->told > RTP_TELEPHONE_EVENT_SEGMENT) {
        report(sender, now, RTP_TELEPHONE_EVENT_SEGMENT, false, true);
        tone->told += RTP_TELEPHONE_EVENT_SEGMENT;
        tone->timestamp += (uint32_t)((uint64_t)RTP_TELEPHONE_EVENT_SEGMENT * sender->codec.clock_rate / sender->event.clock_rate);
    }
    report(sender, now, (uint16_t)(lasted - tone->told), is_end, is_end);
}

static void finish(media_sender_t *sender, peer_time_t now, peer_time_t time)
{
    sender->tone.is_playing = false;
    sender->tone.update_at = PEER_TIME_NEVER;
    update(sender, now, time, true);
}

void media_tone_player_init(media_tone_player_t *tone)
{
    *tone = (media_tone_player_t){.update_at = PEER_TIME_NEVER, .repeat_at = PEER_TIME_NEVER};
}

int media_sender_play_event(media_sender_t *sender, peer_time_t now, uint8_t code, int64_t duration_us)
{
    media_tone_player_t *tone = &sender->tone;
    if (sender->event.clock_rate == 0)
        return error_set(PEER_ERROR_INVALID_STATE, "telephone events were not negotiated");
    media_sender_stop_event(sender, now);
    tone->is_playing = true;
    tone->is_begin_told = false;
    tone->code = code;
    tone->begun = now;
    tone->end = now + duration_us;
    tone->told = 0;
    tone->timestamp = media_sender_event_timestamp(sender, now);
    tone->update_at = time_earlier(now + STEP, tone->end);
    return 0;
}

void media_sender_stop_event(media_sender_t *sender, peer_time_t now)
{
    media_tone_player_t *tone = &sender->tone;
    if (tone->is_playing && now > tone->begun)
        finish(sender, now, now);
    tone->is_playing = false;
    tone->update_at = PEER_TIME_NEVER;
}

void media_sender_abandon_event(media_sender_t *sender)
{
    uint16_t shift = sender->tone.shift;
    media_tone_player_init(&sender->tone);
    sender->tone.shift = shift;
}

bool media_sender_is_playing_event(const media_sender_t *sender)
{
    return sender->tone.is_playing;
}

void media_tone_player_timeout(media_sender_t *sender, peer_time_t now)
{
    media_tone_player_t *tone = &sender->tone;
    if (now >= tone->repeat_at) {
        send(sender, now, tone->last_timestamp, false, tone->last);
        tone->repeat_at = --tone->repeats_left > 0 ? now + STEP : PEER_TIME_NEVER;
    }
    if (now < tone->update_at)
        return;
    if (now >= tone->end) {
        finish(sender, now, tone->end);
        return;
    }
    update(sender, now, now, false);
    tone->update_at = time_earlier(now + STEP, tone->end);
}

peer_time_t media_tone_player_deadline(const media_sender_t *sender)
{
    return time_earlier(sender->tone.update_at, sender->tone.repeat_at);
}
