#include "media/video_buffer.h"

#include "base/memory.h"
#include "media/frame.h"

#include <string.h>

#define FIRST_CAPACITY 64
#define FRAGMENTS_MAX MEDIA_VIDEO_PACKETS_MAX
#define WAIT_FOR_KEY_PACKETS_MAX (MEDIA_VIDEO_PACKETS_MAX / 2)
#define PADDING_MAX 16 /* packets between frames that are looked past */

void media_video_buffer_init(media_video_buffer_t *buffer)
{
    *buffer = (media_video_buffer_t){.needs_key_frame = true, .stuck_since = PEER_TIME_NEVER, .key_frame_seen = PEER_TIME_NEVER};
}

static media_video_packet_t *slot_of(const media_video_buffer_t *buffer, int64_t sequence)
{
    return &buffer->ring[(uint64_t)sequence & (buffer->capacity - 1)];
}

static media_video_packet_t *find(const media_video_buffer_t *buffer, int64_t sequence)
{
    if (buffer->capacity == 0)
        return NULL;
    media_video_packet_t *slot = slot_of(buffer, sequence);
    return slot->packet != NULL && slot->sequence == sequence ? slot : NULL;
}

static void release(media_video_packet_t *slot)
{
    packet_unref(slot->packet);
    slot->packet = NULL;
}

static void release_all(media_video_buffer_t *buffer)
{
    for (size_t i = 0; i < buffer->capacity; i++)
        if (buffer->ring[i].packet != NULL)
            release(&buffer->ring[i]);
    buffer->frame_count = 0;
}

void media_video_buffer_reset(media_video_buffer_t *buffer)
{
    release_all(buffer);
    buffer->is_started = false;
    buffer->has_highest = false;
    buffer->needs_key_frame = true;
    buffer->can_resume = false;
    buffer->has_lost = true;
    buffer->has_picture = false;
    buffer->has_skipped = false;
    buffer->pattern.length = 0;
    buffer->has_base_layer = false;
    buffer->stuck_since = PEER_TIME_NEVER;
    buffer->key_frame_seen = PEER_TIME_NEVER;
}

void media_video_buffer_free(media_video_buffer_t *buffer)
{
    release_all(buffer);
    memory_free(buffer->ring);
    media_video_buffer_init(buffer);
}

/* Room for `sequence` beside all that is kept. */
static bool make_room(media_video_buffer_t *buffer, int64_t sequence)
{
    if (buffer->capacity != 0) {
        media_video_packet_t *slot = slot_of(buffer, sequence);
        if (slot->packet == NULL)
            return true;
    }
    size_t capacity = buffer->capacity != 0 ? 2 * buffer->capacity : FIRST_CAPACITY;
    for (; capacity <= MEDIA_VIDEO_PACKETS_MAX; capacity *= 2) {
        media_video_packet_t *ring = memory_array(capacity, sizeof *ring);
        if (ring == NULL)
            return false;
        /* Numbers that differed modulo the old size still do. */
        for (size_t i = 0; i < buffer->capacity; i++)
            if (buffer->ring[i].packet != NULL)
                ring[(uint64_t)buffer->ring[i].sequence & (capacity - 1)] = buffer->ring[i];
        memory_free(buffer->ring);
        buffer->ring = ring;
        buffer->capacity = capacity;
        if (slot_of(buffer, sequence)->packet == NULL)
            return true;
    }
    return false;
}

/* Releases all packets before `sequence`, and the frames made of them. */
static void discard_before(media_video_buffer_t *buffer, int64_t sequence)
{
    for (size_t i = 0; i < buffer->capacity; i++) {
        if (buffer->ring[i].packet != NULL && buffer->ring[i].sequence < sequence) {
            release(&buffer->ring[i]);
            buffer->discarded++;
        }
    }
    size_t dropped = 0;
    while (dropped < buffer->frame_count && buffer->frames[dropped].first < sequence)
        dropped++;
    memmove(buffer->frames, buffer->frames + dropped, (buffer->frame_count - dropped) * sizeof *buffer->frames);
    buffer->frame_count -= dropped;
    buffer->frames_dropped += dropped;
}

/* The first packet of a frame. That of an upper spatial layer is one where the frame before it is known to have ended: whoever forwards a
 * stream may leave out lower layers that nothing builds on (RFC 9628 §4.2.1, D bit). */
static bool starts_frame(const media_video_buffer_t *buffer, const media_video_packet_t *packet)
{
    if (!packet->info.may_start)
        return packet->info.is_start;
    for (int64_t before = packet->sequence, i = 0; i < PADDING_MAX; i++) {
        if (buffer->is_started && before == buffer->next)
            return true;
        const media_video_packet_t *previous = find(buffer, --before);
        if (previous == NULL || previous->length != 0)
            return previous != NULL && previous->info.is_end;
    }
    return false;
}

static void add_frame(media_video_buffer_t *buffer, int64_t last, peer_time_t now)
{
    const media_video_packet_t *packet = find(buffer, last);
    int64_t first = last;
    const media_video_packet_t *start = packet;
    uint64_t references = 0; /* of all spatial layers */
    bool has_references = true;
    for (; start != NULL; start = find(buffer, --first)) {
        references |= start->info.references;
        has_references &= start->info.has_references;
        if (starts_frame(buffer, start))
            break;
    }
    if (start == NULL)
        return;
    rtp_payload_info_t info = start->info;
    info.has_references = has_references;
    info.references = references;
    int64_t timestamp = packet->timestamp;
    if (buffer->frame_count == MEDIA_VIDEO_FRAMES_MAX) {
        if (first < buffer->frames[0].first) {
            buffer->frame_count--; /* what may free all others is worth more than the newest */
            buffer->frames_dropped++;
        } else {
            discard_before(buffer, buffer->frames[0].last + 1);
            buffer->needs_key_frame = true;
            buffer->can_resume = false;
        }
    }
    size_t at = buffer->frame_count;
    while (at > 0 && buffer->frames[at - 1].first > first)
        at--;
    memmove(buffer->frames + at + 1, buffer->frames + at, (buffer->frame_count - at) * sizeof *buffer->frames);
    buffer->frames[at] = (media_video_frame_t){.first = first, .last = last, .timestamp = timestamp, .completed = now, .info = info};
    buffer->frame_count++;
}

/* A frame ends with its marked packet, or where the next packet starts another. */
static bool ends_frame(const media_video_buffer_t *buffer, const media_video_packet_t *packet)
{
    if (packet->info.is_end)
        return true;
    const media_video_packet_t *next = find(buffer, packet->sequence + 1);
    return next != NULL && next->length != 0 && next->timestamp != packet->timestamp && (next->info.is_start || next->info.may_start);
}

/* A new packet may make itself and those behind it continuous, and so complete a frame. */
static void find_complete(media_video_buffer_t *buffer, int64_t sequence, peer_time_t now)
{
    const media_video_packet_t *before = find(buffer, sequence - 1);
    if ((find(buffer, sequence)->info.is_start || find(buffer, sequence)->info.may_start) && before != NULL && before->is_continuous &&
        !before->info.is_end && ends_frame(buffer, before))
        add_frame(buffer, before->sequence, now); /* an unmarked end shows only now */
    for (media_video_packet_t *packet; (packet = find(buffer, sequence)) != NULL && packet->length != 0; sequence++) {
        before = find(buffer, sequence - 1);
        bool is_joined = before != NULL && before->is_continuous && !before->info.is_end && before->timestamp == packet->timestamp;
        if (packet->is_continuous || (!is_joined && !starts_frame(buffer, packet)))
            return;
        packet->is_continuous = true;
        if (ends_frame(buffer, packet))
            add_frame(buffer, sequence, now);
    }
}

static void advance_contiguous(media_video_buffer_t *buffer)
{
    while (find(buffer, buffer->contiguous) != NULL)
        buffer->contiguous++;
}

media_video_insert_t media_video_buffer_insert(media_video_buffer_t *buffer, const media_video_packet_t *packet, peer_time_t now)
{
    if (buffer->is_started && packet->sequence < buffer->next) {
        buffer->discarded++;
        return MEDIA_VIDEO_TOO_LATE;
    }
    if (find(buffer, packet->sequence) != NULL) {
        buffer->discarded++;
        return MEDIA_VIDEO_DUPLICATE;
    }
    bool has_overflowed = !make_room(buffer, packet->sequence);
    if (has_overflowed) {
        if (buffer->has_highest && packet->sequence < buffer->highest) {
            buffer->discarded++;
            return MEDIA_VIDEO_TOO_LATE;
        }
        media_video_buffer_reset(buffer);
        if (!make_room(buffer, packet->sequence))
            return MEDIA_VIDEO_OVERFLOWED;
    }
    media_video_packet_t *slot = slot_of(buffer, packet->sequence);
    *slot = *packet;
    slot->is_continuous = false;
    packet_ref(slot->packet);
    if (!buffer->has_highest || packet->sequence > buffer->highest)
        buffer->highest = packet->sequence;
    buffer->has_highest = true;
    if (slot->info.is_key && buffer->needs_key_frame && buffer->key_frame_seen == PEER_TIME_NEVER)
        buffer->key_frame_seen = now;
    if (slot->length != 0)
        find_complete(buffer, packet->sequence, now);
    if (buffer->is_started)
        advance_contiguous(buffer);
    return has_overflowed ? MEDIA_VIDEO_OVERFLOWED : MEDIA_VIDEO_INSERTED;
}

/* Padding between frames carries nothing. */
static void skip_padding(media_video_buffer_t *buffer)
{
    media_video_packet_t *packet;
    while ((packet = find(buffer, buffer->next)) != NULL && packet->length == 0) {
        release(packet);
        buffer->next++;
    }
    if (buffer->contiguous < buffer->next)
        buffer->contiguous = buffer->next;
}

/* Whether the frame follows the last one given out with nothing between them. */
static bool follows(const media_video_buffer_t *buffer, const media_video_frame_t *frame)
{
    if (frame->first == buffer->next)
        return true;
    const rtp_payload_info_t *info = &frame->info;
    return info->has_picture_id && buffer->has_picture && info->picture_id_mask != 0 &&
           info->picture_id == ((buffer->last_picture_id + 1) & info->picture_id_mask);
}

typedef enum decodability { DECODABLE, NOT_DECODABLE, DECODABILITY_UNKNOWN } decodability_t;

/* By the pictures that it says it builds on, itself or by its place in the pattern, and those that were given out. */
static decodability_t judge(const media_video_buffer_t *buffer, const media_video_frame_t *frame)
{
    const rtp_payload_info_t *info = &frame->info;
    if (info->is_key)
        return DECODABLE;
    if (!info->has_picture_id || !buffer->has_picture || (!info->has_references && buffer->pattern.length == 0))
        return DECODABILITY_UNKNOWN;
    unsigned distance = (unsigned)(info->picture_id - buffer->last_picture_id) & info->picture_id_mask;
    uint64_t references = info->has_references ? info->references
                                               : buffer->pattern.references[(buffer->pattern_position + distance) % buffer->pattern.length];
    if (distance == 0 || distance > 64)
        return references == 0 ? DECODABLE : NOT_DECODABLE;
    uint64_t between = ((uint64_t)1 << (distance - 1)) - 1; /* what comes after the last one given out */
    uint64_t needed = references >> (distance - 1);
    return (references & between) == 0 && (needed & buffer->given) == needed ? DECODABLE : NOT_DECODABLE;
}

/* Whether what lies between is of higher temporal layers only, on which this frame does not depend: by its references (RFC 9628 §4.2.1), or
 * TL0PICIDX and Y (RFC 7741 §4.2). */
static bool may_skip_to(const media_video_buffer_t *buffer, const media_video_frame_t *frame)
{
    const rtp_payload_info_t *info = &frame->info;
    if (!info->has_layers)
        return false;
    decodability_t decodability = judge(buffer, frame);
    if (decodability != DECODABILITY_UNKNOWN)
        return decodability == DECODABLE;
    if (!info->has_tl0picidx || !buffer->has_base_layer)
        return false;
    if (info->temporal_id == 0)
        return info->tl0picidx == (uint8_t)(buffer->last_tl0picidx + 1);
    return info->is_layer_sync && info->tl0picidx == buffer->last_tl0picidx;
}

static media_frame_t *assemble(media_video_buffer_t *buffer, const media_video_frame_t *description)
{
    rtp_fragment_t fragments[FRAGMENTS_MAX];
    size_t count = 0;
    peer_time_t first_time = description->completed;
    const media_video_packet_t *first = find(buffer, description->first), *last = find(buffer, description->last);
    if (first == NULL || last == NULL)
        return NULL;
    for (int64_t sequence = description->first; sequence <= description->last && count < FRAGMENTS_MAX; sequence++) {
        const media_video_packet_t *packet = find(buffer, sequence);
        if (packet == NULL)
            return NULL;
        fragments[count++] = (rtp_fragment_t){packet->payload, packet->length};
        first_time = time_earlier(first_time, packet->time);
    }
    uint8_t *bytes;
    size_t length = first->format->assemble(fragments, count, NULL, 0);
    if (length == 0 || length > MEDIA_FRAME_BYTES_MAX)
        return NULL;
    media_frame_t *frame = media_frame_new(length, &bytes);
    if (frame == NULL)
        return NULL;
    frame->length = first->format->assemble(fragments, count, bytes, length);
    frame->kind = MEDIA_VIDEO;
    frame->first_receive_time = first_time;
    frame->packet_count = (uint32_t)count;
    frame->payload_type = first->payload_type;
    frame->rtp_timestamp = (uint32_t)description->timestamp;
    frame->is_key = description->info.is_key;
    frame->is_after_gap = buffer->has_lost;
    frame->has_layers = description->info.has_layers;
    frame->temporal_id = description->info.temporal_id;
    frame->is_layer_sync = description->info.is_layer_sync;
    /* 3GPP TS 26.114 §7.4.5: the last packet of a frame says how it is turned. */
    frame->has_orientation = last->has_orientation;
    frame->orientation = last->orientation;
    return frame;
}

static void take_frame(media_video_buffer_t *buffer, const media_video_frame_t *frame)
{
    for (int64_t sequence = frame->first; sequence <= frame->last; sequence++) {
        media_video_packet_t *packet = find(buffer, sequence);
        if (packet != NULL)
            release(packet);
    }
    buffer->frame_count--;
    memmove(buffer->frames, buffer->frames + 1, buffer->frame_count * sizeof *buffer->frames);
    buffer->next = frame->last + 1;
    if (!buffer->is_started || buffer->contiguous < buffer->next)
        buffer->contiguous = buffer->next;
    buffer->is_started = true;
    advance_contiguous(buffer);
}

static void count_picture(media_video_buffer_t *buffer, const rtp_payload_info_t *info, bool is_given)
{
    unsigned distance = (unsigned)(info->picture_id - buffer->last_picture_id) & info->picture_id_mask;
    bool has_past = buffer->has_picture && !info->is_key && distance < 64;
    buffer->given = (has_past ? buffer->given << distance : 0) | (is_given ? 1 : 0);
    if (buffer->pattern.length != 0)
        buffer->pattern_position = info->has_pattern ? 0 : (buffer->pattern_position + distance) % buffer->pattern.length;
    buffer->has_picture = info->has_picture_id;
    buffer->last_picture_id = info->picture_id;
}

static void learn_pattern(media_video_buffer_t *buffer, const media_video_frame_t *frame)
{
    const media_video_packet_t *first = find(buffer, frame->first);
    if (frame->info.has_pattern && first != NULL && first->format->pattern != NULL)
        first->format->pattern(&buffer->pattern, first->payload, first->length);
}

static void remember(media_video_buffer_t *buffer, const media_video_frame_t *frame)
{
    buffer->needs_key_frame = false;
    buffer->can_resume = false;
    buffer->has_lost = false;
    buffer->key_frame_seen = PEER_TIME_NEVER;
    buffer->stuck_since = PEER_TIME_NEVER;
    count_picture(buffer, &frame->info, true);
    if (frame->info.is_key)
        buffer->has_skipped = false;
    if (frame->info.is_key || !frame->info.has_tl0picidx)
        buffer->has_base_layer = false;
    if (frame->info.has_tl0picidx && frame->info.temporal_id == 0) {
        buffer->has_base_layer = true;
        buffer->last_tl0picidx = frame->info.tl0picidx;
    }
}

/* While a key frame is needed, what is before the first one that is here (if only in part) may be dropped when it is too much. */
static void trim_waiting(media_video_buffer_t *buffer)
{
    while (buffer->frame_count != 0 && buffer->highest - buffer->frames[0].first > WAIT_FOR_KEY_PACKETS_MAX) {
        discard_before(buffer, buffer->frames[0].last + 1);
        buffer->can_resume = false;
    }
}

static void watch(media_video_buffer_t *buffer, peer_time_t now)
{
    bool is_stuck = buffer->is_started && buffer->has_highest && (buffer->contiguous <= buffer->highest || buffer->frame_count != 0);
    if (!is_stuck)
        buffer->stuck_since = PEER_TIME_NEVER;
    else if (buffer->stuck_since == PEER_TIME_NEVER)
        buffer->stuck_since = now;
}

/* Whether the first frame is the next one. After some were skipped, those of upper layers that need them are passed over. */
static bool find_next(media_video_buffer_t *buffer)
{
    for (;;) {
        skip_padding(buffer);
        if (buffer->frame_count == 0 || !follows(buffer, &buffer->frames[0]))
            return false;
        media_video_frame_t frame = buffer->frames[0];
        if (frame.first != buffer->next)
            discard_before(buffer, frame.first);
        if (!buffer->has_skipped || frame.info.temporal_id == 0 || judge(buffer, &frame) != NOT_DECODABLE)
            return true;
        take_frame(buffer, &frame);
        buffer->frames_dropped++;
        buffer->has_lost = true;
        count_picture(buffer, &frame.info, false);
    }
}

media_frame_t *media_video_buffer_next(media_video_buffer_t *buffer, peer_time_t now, media_video_frame_t *description)
{
    bool resumes = buffer->can_resume && buffer->frame_count != 0 && follows(buffer, &buffer->frames[0]);
    if (buffer->needs_key_frame && !resumes) {
        size_t key = 0;
        while (key < buffer->frame_count && !buffer->frames[key].info.is_key)
            key++;
        if (key == buffer->frame_count) {
            trim_waiting(buffer);
            return NULL;
        }
        discard_before(buffer, buffer->frames[key].first);
    } else if (!find_next(buffer)) {
        watch(buffer, now);
        return NULL;
    }
    *description = buffer->frames[0];
    media_frame_t *frame = assemble(buffer, description);
    learn_pattern(buffer, description);
    take_frame(buffer, description);
    if (frame == NULL) {
        buffer->frames_dropped++;
        buffer->needs_key_frame = true;
        buffer->can_resume = false;
        buffer->has_lost = true;
        return NULL;
    }
    remember(buffer, description);
    return frame;
}

void media_video_buffer_give_up(media_video_buffer_t *buffer, peer_time_t now)
{
    buffer->stuck_since = PEER_TIME_NEVER;
    for (size_t i = 0; i < buffer->frame_count; i++) {
        const media_video_frame_t *frame = &buffer->frames[i];
        if (!frame->info.is_key && !may_skip_to(buffer, frame))
            continue;
        int64_t first = frame->first;
        bool is_key = frame->info.is_key;
        discard_before(buffer, first);
        buffer->next = first;
        buffer->contiguous = first;
        advance_contiguous(buffer);
        buffer->needs_key_frame = is_key;
        buffer->can_resume = false;
        buffer->has_lost = true;
        buffer->has_skipped = true;
        return;
    }
    if (!buffer->needs_key_frame) {
        buffer->key_frame_seen = PEER_TIME_NEVER;
        buffer->can_resume = true;
    }
    buffer->needs_key_frame = true;
    for (size_t i = 0; i < buffer->capacity && buffer->key_frame_seen == PEER_TIME_NEVER; i++)
        if (buffer->ring[i].packet != NULL && buffer->ring[i].info.is_key)
            buffer->key_frame_seen = now; /* part of one is here already: its rest may still come */
}
