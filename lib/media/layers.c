/* Which of a receiver's simulcast streams is decoded: the best that flows. Streams change places at key frames; one that is not decoded,
 * and that nobody else wants either, is counted but neither completed nor put together.
 *
 * The best is the one with the largest pictures, or as long as that is not known, with the most octets. It is looked at in turns rather
 * than at packets: the layers of one picture come one after the other, and a source may have few pictures. */
#include "media/session.h"

#include "base/log.h"

#define TURN (100 * PEER_MILLISECOND)
#define RATE_SHARE 0.25                  /* of a turn, in the smoothed rate */
#define FLOWING_TURNS 3                  /* in a row make a stream that flows */
#define SILENCE (500 * PEER_MILLISECOND) /* the stream shown has paused if it is so far behind another */
#define SILENT_TURNS 2                   /* in a row, and it has lost its place */
#define CLEARLY_BETTER 1.3               /* by octets, which vary */
#define FIRST_TURNS 3                    /* at the start every stream is completed: the best may come last */

static bool is_simulcast(const media_receiver_t *receiver)
{
    return receiver->rid_count != 0;
}

static bool is_wanted(const media_receiver_t *receiver, const media_stream_t *stream)
{
    return !is_simulcast(receiver) || receiver->wants_layers || receiver->turns < FIRST_TURNS || stream == receiver->shown ||
           stream == receiver->next;
}

void media_layers_update(media_receiver_t *receiver, peer_time_t now)
{
    for (size_t i = 0; i < receiver->stream_count; i++)
        media_stream_set_wanted(receiver->streams[i], now, is_wanted(receiver, receiver->streams[i]));
}

void media_layers_add(media_receiver_t *receiver, peer_time_t now, media_stream_t *stream)
{
    receiver->streams[receiver->stream_count++] = stream;
    if (receiver->shown == NULL)
        receiver->shown = stream;
    media_layers_wake(receiver, now);
    media_layers_update(receiver, now);
}

void media_layers_wake(media_receiver_t *receiver, peer_time_t now)
{
    if (is_simulcast(receiver) && receiver->next_turn == PEER_TIME_NEVER)
        receiver->next_turn = now + TURN;
}

void media_layers_remove(media_receiver_t *receiver, const media_stream_t *stream)
{
    size_t kept = 0;
    for (size_t i = 0; i < receiver->stream_count; i++)
        if (receiver->streams[i] != stream)
            receiver->streams[kept++] = receiver->streams[i];
    receiver->stream_count = kept;
    if (receiver->shown == stream) { /* the next turn finds another */
        media_receiver_keep_sources(receiver);
        receiver->shown = NULL;
        receiver->silent_turns = SILENT_TURNS;
    }
    if (receiver->next == stream)
        receiver->next = NULL;
    if (kept == 0) {
        receiver->next_turn = PEER_TIME_NEVER;
        receiver->turns = 0;
    }
}

static void weigh(media_stream_t *stream)
{
    const media_inbound_stats_t *stats = &stream->stats;
    bool has_come = stats->packets_received != stream->weighed_packets;
    stream->rate += RATE_SHARE * ((double)(stats->bytes_received - stream->weighed_bytes) - stream->rate);
    stream->flowing_turns = has_come ? stream->flowing_turns + 1 : 0;
    stream->weighed_bytes = stats->bytes_received;
    stream->weighed_packets = stats->packets_received;
}

static bool is_better(const media_stream_t *stream, const media_stream_t *than)
{
    if (stream->pixels != 0 && than->pixels != 0 && stream->pixels != than->pixels)
        return stream->pixels > than->pixels;
    return stream->rate > CLEARLY_BETTER * than->rate;
}

static peer_time_t heard(const media_stream_t *stream)
{
    return stream->stats.last_packet_received_timestamp;
}

/* Silent while another comes. */
static bool has_paused(const media_receiver_t *receiver, const media_stream_t *stream)
{
    for (size_t i = 0; i < receiver->stream_count; i++)
        if (heard(receiver->streams[i]) - heard(stream) > SILENCE)
            return true;
    return false;
}

/* The best of those that flow; NULL when none does. A stream with few pictures flows when it is not behind the others. */
static media_stream_t *find_best(const media_receiver_t *receiver)
{
    media_stream_t *best = NULL;
    for (size_t i = 0; i < receiver->stream_count; i++) {
        media_stream_t *stream = receiver->streams[i];
        bool flows = stream == receiver->shown || stream == receiver->next || stream->flowing_turns >= FLOWING_TURNS || stream->pixels != 0;
        if (flows && !has_paused(receiver, stream) && (best == NULL || is_better(stream, best)))
            best = stream;
    }
    return best;
}

static void aim_at(media_receiver_t *receiver, peer_time_t now, media_stream_t *stream)
{
    if (receiver->next == stream)
        return;
    receiver->next = stream;
    media_layers_update(receiver, now);
    if (stream != NULL)
        media_stream_want_key_frame(stream, now); /* also if it was complete all the time */
}

static void choose(media_receiver_t *receiver, peer_time_t now)
{
    media_stream_t *best = find_best(receiver);
    bool is_paused = receiver->shown == NULL || has_paused(receiver, receiver->shown);
    receiver->silent_turns = is_paused ? receiver->silent_turns + 1 : 0;
    if (best == NULL)
        return;
    if (best == receiver->shown)
        aim_at(receiver, now, NULL);
    else if (!is_paused ? is_better(best, receiver->shown) : receiver->silent_turns >= SILENT_TURNS)
        aim_at(receiver, now, best);
}

void media_layers_timeout(media_receiver_t *receiver, peer_time_t now)
{
    if (now < receiver->next_turn)
        return;
    bool has_come = false;
    for (size_t i = 0; i < receiver->stream_count; i++) {
        weigh(receiver->streams[i]);
        has_come = has_come || now - heard(receiver->streams[i]) < 10 * PEER_SECOND;
    }
    if (receiver->stream_count > 1 || receiver->shown == NULL)
        choose(receiver, now);
    if (receiver->turns < FIRST_TURNS && ++receiver->turns == FIRST_TURNS)
        media_layers_update(receiver, now);
    receiver->next_turn = has_come ? now + TURN : PEER_TIME_NEVER;
}

bool media_layers_show(media_stream_t *stream, peer_time_t now, media_frame_t *frame)
{
    media_receiver_t *receiver = stream->receiver;
    bool is_better_one = receiver->shown == NULL || (stream != receiver->shown && is_better(stream, receiver->shown));
    if (is_simulcast(receiver) && frame->is_key && (receiver->next == stream || is_better_one)) {
        LOG_DEBUG("media", receiver->session->connection, "mid %s: the stream shown is %s", receiver->mid, stream->rid);
        media_receiver_keep_sources(receiver);
        receiver->shown = stream;
        receiver->next = NULL;
        receiver->silent_turns = 0;
        media_layers_update(receiver, now);
    }
    if (receiver->shown != stream)
        return false;
    if (frame->render_time < receiver->last_shown) /* each stream has its own delay; pictures are shown in order */
        frame->render_time = receiver->last_shown;
    receiver->last_shown = frame->render_time;
    return true;
}
