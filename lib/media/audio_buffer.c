#include "media/audio_buffer.h"

#include "media/frame.h"

#include <string.h>

#define SLEW_DIVISOR 20 /* the clock runs at most a twentieth faster or slower */
#define PAUSE_LENGTH 2  /* RFC 6716 §3.1, RFC 7587 §3.1.3: an Opus packet this short has no audio in it; the encoder pauses */
#define MASK (MEDIA_AUDIO_PACKETS_MAX - 1)

void media_audio_buffer_init(media_audio_buffer_t *buffer)
{
    memset(buffer, 0, sizeof *buffer);
    buffer->next_playout = PEER_TIME_NEVER;
}

static void release(media_audio_buffer_t *buffer, media_audio_packet_t *slot)
{
    packet_unref(slot->packet);
    slot->packet = NULL;
    buffer->count--;
}

static void release_all(media_audio_buffer_t *buffer)
{
    for (size_t i = 0; i < MEDIA_AUDIO_PACKETS_MAX && buffer->count != 0; i++)
        if (buffer->ring[i].packet != NULL)
            release(buffer, &buffer->ring[i]);
}

void media_audio_buffer_reset(media_audio_buffer_t *buffer)
{
    release_all(buffer);
    memset(buffer->taken, 0, sizeof buffer->taken);
    buffer->has_started = false;
    buffer->is_playing = false;
    buffer->is_concealing = false;
    buffer->next_playout = PEER_TIME_NEVER;
}

static uint64_t bit_of(int64_t sequence)
{
    return UINT64_C(1) << (sequence & 63);
}

/* Nothing before `sequence` is played any more, nor what follows it and is no sound. */
static void move_on(media_audio_buffer_t *buffer, int64_t sequence)
{
    int64_t next = buffer->next_sequence;
    uint64_t *word;
    while (word = &buffer->taken[(next & MASK) / 64], next < sequence || (*word & bit_of(next)) != 0) {
        if (next >= sequence)
            buffer->is_paused = true;
        *word &= ~bit_of(next++);
    }
    buffer->next_sequence = next;
}

void media_audio_buffer_take_number(media_audio_buffer_t *buffer, int64_t sequence)
{
    if (!buffer->has_started || sequence < buffer->next_sequence || sequence >= buffer->next_sequence + MEDIA_AUDIO_PACKETS_MAX)
        return;
    buffer->taken[(sequence & MASK) / 64] |= bit_of(sequence);
    move_on(buffer, buffer->next_sequence);
}

static int64_t to_us(const media_audio_buffer_t *buffer, int64_t units)
{
    int64_t rate = buffer->clock_rate;
    return units / rate * PEER_SECOND + units % rate * PEER_SECOND / rate;
}

/* The first packet still to be played. */
static media_audio_packet_t *lowest(media_audio_buffer_t *buffer)
{
    if (buffer->count == 0)
        return NULL;
    for (int64_t sequence = buffer->next_sequence; sequence <= buffer->highest; sequence++) {
        media_audio_packet_t *slot = &buffer->ring[sequence & MASK];
        if (slot->packet != NULL && slot->sequence == sequence)
            return slot;
    }
    return NULL;
}

static void start_clock(media_audio_buffer_t *buffer, const media_audio_packet_t *packet, peer_time_t now, peer_time_t base,
                        peer_time_t target)
{
    peer_time_t due = base + to_us(buffer, packet->timestamp) + target;
    buffer->is_playing = true;
    buffer->concealed = 0;
    buffer->next_timestamp = packet->timestamp;
    buffer->next_playout = due > now ? due : now;
}

bool media_audio_buffer_insert(media_audio_buffer_t *buffer, const media_audio_packet_t *packet, peer_time_t now, peer_time_t base,
                               peer_time_t target)
{
    if (buffer->clock_rate != packet->clock_rate) {
        media_audio_buffer_reset(buffer); /* another codec with another clock: another timeline */
        buffer->clock_rate = packet->clock_rate;
    }
    if (!buffer->has_started) {
        buffer->has_started = true;
        buffer->next_sequence = packet->sequence;
        buffer->highest = packet->sequence;
    }
    bool is_far = packet->sequence >= buffer->next_sequence + MEDIA_AUDIO_PACKETS_MAX;
    if (is_far) { /* a gap larger than the buffer: what is in it is old */
        buffer->discarded += buffer->count;
        release_all(buffer);
        memset(buffer->taken, 0, sizeof buffer->taken);
        buffer->next_sequence = packet->sequence;
        buffer->is_playing = false;
    }
    /* Before the clock has taken anything, an earlier packet may still come first. */
    bool is_before_start = packet->sequence < buffer->next_sequence && buffer->is_playing && buffer->samples == 0 &&
                           packet->sequence + MEDIA_AUDIO_PACKETS_MAX > buffer->highest && packet->timestamp < buffer->next_timestamp;
    media_audio_packet_t *slot = &buffer->ring[packet->sequence & MASK];
    if ((packet->sequence < buffer->next_sequence && !is_before_start) || slot->packet != NULL) {
        buffer->discarded++;
        return false;
    }
    *slot = *packet;
    packet_ref(slot->packet);
    buffer->count++;
    if (packet->sequence > buffer->highest)
        buffer->highest = packet->sequence;
    if (is_before_start) {
        buffer->next_playout -= to_us(buffer, buffer->next_timestamp - packet->timestamp);
        buffer->next_timestamp = packet->timestamp;
        buffer->next_sequence = packet->sequence;
    }
    if (!buffer->is_playing)
        start_clock(buffer, slot, now, base, target);
    return true;
}

static media_frame_t *make_frame(const media_audio_buffer_t *buffer, const media_audio_packet_t *packet, peer_time_t render_time)
{
    uint8_t *bytes;
    media_frame_t *frame = media_frame_new(packet->length, &bytes);
    if (frame == NULL)
        return NULL;
    memcpy(bytes, packet->payload, packet->length); /* audio formats put the frame into the payload as it is */
    frame->kind = MEDIA_AUDIO;
    frame->is_key = true;
    frame->receive_time = frame->first_receive_time = packet->time;
    frame->packet_count = 1;
    frame->render_time = render_time;
    frame->rtp_timestamp = (uint32_t)packet->timestamp;
    frame->timestamp_us = to_us(buffer, packet->timestamp);
    frame->duration_us = to_us(buffer, packet->duration);
    frame->payload_type = packet->payload_type;
    frame->is_after_gap = buffer->is_concealing;
    frame->has_audio_level = packet->has_level;
    frame->audio_level = packet->level;
    frame->has_voice = packet->has_voice;
    return frame;
}

/* Moves the clock on by what was given out, a little towards where it should be. */
static void turn_clock(media_audio_buffer_t *buffer, int64_t duration_us, peer_time_t base, peer_time_t target)
{
    peer_time_t aim = base + to_us(buffer, buffer->next_timestamp) + target;
    peer_time_t next = buffer->next_playout + duration_us;
    peer_time_t most = duration_us / SLEW_DIVISOR, error = aim - next;
    if (error > most)
        error = most;
    if (error < -most)
        error = -most;
    buffer->next_playout = next + error;
}

static void count_emitted(media_audio_buffer_t *buffer, const media_audio_packet_t *packet, peer_time_t now, peer_time_t target)
{
    buffer->samples += packet->duration;
    buffer->emitted_samples += packet->duration;
    buffer->emitted_delay += (double)(now - packet->time) / (double)PEER_SECOND * packet->duration;
    buffer->emitted_target += (double)target / (double)PEER_SECOND * packet->duration;
    buffer->emitted_least += (double)buffer->least_target / (double)PEER_SECOND * packet->duration;
}

static void play(media_audio_buffer_t *buffer, media_audio_packet_t *packet, peer_time_t now, peer_time_t base, peer_time_t target,
                 media_audio_event_t *event)
{
    *event = (media_audio_event_t){.render_time = buffer->next_playout, .duration_us = to_us(buffer, packet->duration)};
    event->frame = make_frame(buffer, packet, buffer->next_playout);
    buffer->frame_duration = packet->duration;
    buffer->next_timestamp = packet->timestamp + packet->duration;
    buffer->is_concealing = false;
    buffer->is_paused = packet->length <= PAUSE_LENGTH;
    move_on(buffer, packet->sequence + 1);
    buffer->concealed = 0;
    count_emitted(buffer, packet, now, target);
    turn_clock(buffer, event->duration_us, base, target);
    release(buffer, packet);
}

static void conceal(media_audio_buffer_t *buffer, uint32_t duration, bool is_silence, peer_time_t base, peer_time_t target,
                    media_audio_event_t *event)
{
    *event = (media_audio_event_t){.render_time = buffer->next_playout, .duration_us = to_us(buffer, duration), .is_silence = is_silence};
    if (!buffer->is_concealing && !is_silence)
        buffer->concealment_events++;
    buffer->is_concealing = !is_silence;
    buffer->samples += duration;
    buffer->concealed_samples += duration;
    buffer->silent_concealed_samples += is_silence ? duration : 0;
    turn_clock(buffer, event->duration_us, base, target);
}

/* How far the clock is ahead of (positive) or behind (negative) where it should be. */
static peer_time_t distance(const media_audio_buffer_t *buffer, peer_time_t base, peer_time_t target)
{
    return base + to_us(buffer, buffer->next_timestamp) + target - buffer->next_playout;
}

/* Late packets: those whose time is long past are dropped; one that still fits the delay now aimed at sets the clock back to it, as what
 * was concealed in its place was then put in, not lost. */
static media_audio_packet_t *take_late(media_audio_buffer_t *buffer, peer_time_t now, peer_time_t base, peer_time_t target)
{
    media_audio_packet_t *packet;
    while ((packet = lowest(buffer)) != NULL && packet->timestamp + (int64_t)packet->duration <= buffer->next_timestamp) {
        peer_time_t aim = base + to_us(buffer, packet->timestamp) + target;
        if (aim + to_us(buffer, packet->duration) > now) {
            buffer->inserted_samples += (uint64_t)(buffer->next_timestamp - packet->timestamp);
            buffer->next_timestamp = packet->timestamp;
            return packet;
        }
        move_on(buffer, packet->sequence + 1);
        buffer->discarded++;
        release(buffer, packet);
    }
    return packet;
}

/* Far behind the aim with packets waiting: the oldest are dropped. */
static media_audio_packet_t *catch_up(media_audio_buffer_t *buffer, media_audio_packet_t *packet, peer_time_t base, peer_time_t target)
{
    while (packet != NULL && distance(buffer, base, target) < -MEDIA_AUDIO_SKIP && packet->sequence < buffer->highest) {
        buffer->removed_samples += packet->duration;
        buffer->discarded++;
        move_on(buffer, packet->sequence + 1);
        buffer->next_timestamp = packet->timestamp + packet->duration;
        release(buffer, packet);
        packet = lowest(buffer);
    }
    return packet;
}

static void conceal_before(media_audio_buffer_t *buffer, const media_audio_packet_t *packet, peer_time_t base, peer_time_t target,
                           media_audio_event_t *event)
{
    int64_t gap = packet->timestamp - buffer->next_timestamp;
    uint32_t duration = gap < buffer->frame_duration ? (uint32_t)gap : buffer->frame_duration;
    bool is_pause = packet->sequence == buffer->next_sequence; /* RFC 7587 §3.1.3: no packet is missing, the sender said nothing */
    buffer->next_timestamp += duration;
    buffer->concealed = 0;
    conceal(buffer, duration, is_pause, base, target, event);
    if (!is_pause && packet->timestamp == buffer->next_timestamp)
        event->next = make_frame(buffer, packet, buffer->next_playout);
}

bool media_audio_buffer_next(media_audio_buffer_t *buffer, peer_time_t now, peer_time_t base, peer_time_t target,
                             media_audio_event_t *event)
{
    if (!buffer->is_playing || now < buffer->next_playout)
        return false;
    if (now - buffer->next_playout > MEDIA_AUDIO_CONCEAL_MAX)
        buffer->next_playout = now; /* the caller's clock jumped (suspend): what was due meanwhile is not made up for */
    media_audio_packet_t *packet = take_late(buffer, now, base, target);
    packet = catch_up(buffer, packet, base, target);
    if (packet != NULL && distance(buffer, base, target) > MEDIA_AUDIO_SKIP && buffer->frame_duration != 0) {
        buffer->inserted_samples += buffer->frame_duration;
        conceal(buffer, buffer->frame_duration, true, base, target, event); /* far ahead of the aim: a gap is put in */
        return true;
    }
    if (packet != NULL && (packet->timestamp <= buffer->next_timestamp || buffer->frame_duration == 0 ||
                           to_us(buffer, packet->timestamp - buffer->next_timestamp) > MEDIA_AUDIO_GAP_MAX)) {
        play(buffer, packet, now, base, target, event);
        return true;
    }
    if (packet != NULL) {
        conceal_before(buffer, packet, base, target, event);
        return true;
    }
    if (buffer->frame_duration == 0 || buffer->concealed >= MEDIA_AUDIO_CONCEAL_MAX) {
        buffer->is_playing = false;
        buffer->is_concealing = false;
        buffer->next_playout = PEER_TIME_NEVER;
        return false;
    }
    buffer->next_timestamp += buffer->frame_duration;
    conceal(buffer, buffer->frame_duration, buffer->is_paused, base, target, event);
    buffer->concealed += event->duration_us;
    return true;
}
