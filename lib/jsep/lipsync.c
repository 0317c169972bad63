/* Lip synchronization groups of our descriptions (RFC 9429 §5.2.1, §5.2.2, §5.3.1; RFC 5888 §7): which m-lines are to be played together.
 * The groups that peers send say nothing that their a=msid do not say. */
#include "base/error.h"
#include "base/map.h"
#include "jsep/session.h"

#include <string.h>

typedef struct stream { /* one of ours, and the m-lines it is in */
    const char *id;
    struct stream *next; /* another one of the same hash */
    uint32_t *lines;
    size_t line_count;
} stream_t;

typedef struct streams {
    arena_t arena; /* of all of it */
    map_t by_hash;
    stream_t **items; /* as they were found */
    size_t count;
} streams_t;

static void clear(streams_t *streams)
{
    map_clear(&streams->by_hash);
    arena_clear(&streams->arena);
}

static stream_t *find_stream(streams_t *streams, const char *id)
{
    stream_t *first = map_get(&streams->by_hash, jsep_hash(id));
    for (stream_t *stream = first; stream != NULL; stream = stream->next)
        if (strcmp(stream->id, id) == 0)
            return stream;
    stream_t **item = ARENA_APPEND(&streams->arena, streams->items, streams->count);
    stream_t *stream = arena_new(&streams->arena, sizeof *stream);
    if (item == NULL || stream == NULL || !map_set(&streams->by_hash, jsep_hash(id), stream))
        return NULL;
    stream->id = id;
    stream->next = first;
    *item = stream;
    return stream;
}

static int add_lines(streams_t *streams, const sdp_t *sdp, size_t line)
{
    const sdp_media_t *media = &sdp->media[line];
    for (size_t i = 0; i < media->msid_count && media->mid != NULL; i++) {
        if (strcmp(media->msids[i].stream, "-") == 0)
            continue;
        stream_t *stream = find_stream(streams, media->msids[i].stream);
        uint32_t *item = stream != NULL ? ARENA_APPEND(&streams->arena, stream->lines, stream->line_count) : NULL;
        if (item == NULL)
            return error_no_memory();
        *item = (uint32_t)line;
    }
    return 0;
}

static sdp_group_t *append_group(sdp_t *sdp)
{
    sdp_group_t *group = ARENA_APPEND(&sdp->arena, sdp->groups, sdp->group_count);
    if (group != NULL)
        group->semantics = "LS";
    return group;
}

static bool append_mid(sdp_t *sdp, sdp_group_t *group, size_t line)
{
    const char **mid = ARENA_APPEND(&sdp->arena, group->mids, group->mid_count);
    if (mid != NULL)
        *mid = sdp->media[line].mid;
    return mid != NULL;
}

static bool is_live(const sdp_t *sdp, const sdp_media_t *media)
{
    return media != NULL && !is_rejected(media) && (size_t)(media - sdp->media) < sdp->media_count;
}

/* RFC 9429 §5.2.2: what the last answer had in a group goes on, as long as two of its m-lines live. group_of: 1 and the group's index. */
static int keep_groups(builder_t *builder, uint32_t *group_of)
{
    const sdp_t *answer = jsep_last_answer(&builder->session->state);
    sdp_t *sdp = builder->sdp;
    for (size_t i = 0; answer != NULL && i < answer->group_count; i++) {
        const sdp_group_t *old = &answer->groups[i];
        size_t live = 0;
        if (strcmp(old->semantics, "LS") != 0)
            continue;
        for (size_t j = 0; j < old->mid_count; j++)
            live += is_live(sdp, sdp_media_by_mid(sdp, old->mids[j]));
        sdp_group_t *group = live > 1 ? append_group(sdp) : NULL;
        if (live > 1 && group == NULL)
            return error_no_memory();
        for (size_t j = 0; group != NULL && j < old->mid_count; j++) {
            const sdp_media_t *media = sdp_media_by_mid(sdp, old->mids[j]);
            if (!is_live(sdp, media) || group_of[media - sdp->media] == sdp->group_count)
                continue;
            group_of[media - sdp->media] = (uint32_t)sdp->group_count;
            if (!append_mid(sdp, group, (size_t)(media - sdp->media)))
                return error_no_memory();
        }
    }
    return 0;
}

/* A stream's m-lines join the group that one of them is in, else they are a group of their own. */
static int offer_stream(sdp_t *sdp, const stream_t *stream, uint32_t *group_of)
{
    uint32_t known = 0;
    for (size_t i = 0; i < stream->line_count && known == 0; i++)
        known = group_of[stream->lines[i]];
    sdp_group_t *group = known != 0 ? &sdp->groups[known - 1] : append_group(sdp);
    if (group == NULL)
        return error_no_memory();
    uint32_t number = known != 0 ? known : (uint32_t)sdp->group_count;
    for (size_t i = 0; i < stream->line_count; i++) {
        if (group_of[stream->lines[i]] == number)
            continue;
        group_of[stream->lines[i]] = number;
        if (!append_mid(sdp, group, stream->lines[i]))
            return error_no_memory();
    }
    return 0;
}

int jsep_lipsync_offer(builder_t *builder)
{
    sdp_t *sdp = builder->sdp;
    streams_t streams = {0};
    uint32_t *group_of = arena_array(&streams.arena, sdp->media_count, sizeof *group_of);
    int error = group_of != NULL && sdp_index(sdp) ? keep_groups(builder, group_of) : error_no_memory();
    for (size_t i = 0; error == 0 && i < sdp->media_count; i++)
        if (!is_rejected(&sdp->media[i]) && sends((int)sdp->media[i].common.direction))
            error = add_lines(&streams, sdp, i);
    for (size_t i = 0; error == 0 && i < streams.count; i++)
        if (streams.items[i]->line_count > 1)
            error = offer_stream(sdp, streams.items[i], group_of);
    clear(&streams);
    return error;
}

/* The stream that most of the group's m-lines have; NULL: none has any. */
static const stream_t *most_common(const streams_t *streams)
{
    const stream_t *best = NULL;
    for (size_t i = 0; i < streams->count; i++)
        if (best == NULL || streams->items[i]->line_count > best->line_count)
            best = streams->items[i];
    return best;
}

static bool has_stream(const sdp_media_t *media, const stream_t *stream)
{
    for (size_t i = 0; i < media->msid_count; i++)
        if (strcmp(media->msids[i].stream, stream->id) == 0)
            return true;
    return false;
}

static bool has_streams(const sdp_media_t *media)
{
    return media->msid_count > 0 && strcmp(media->msids[0].stream, "-") != 0;
}

/* RFC 9429 §5.3.1: the m-lines of an offered group that share a stream of ours, and those that have none. */
static int answer_group(sdp_t *sdp, const sdp_group_t *offered, streams_t *streams)
{
    bool *is_known = arena_array(&streams->arena, sdp->media_count, sizeof *is_known);
    uint32_t *lines = arena_array(&streams->arena, sdp->media_count, sizeof *lines);
    size_t count = 0, kept = 0;
    int error = is_known != NULL && lines != NULL ? 0 : error_no_memory();
    for (size_t i = 0; error == 0 && i < offered->mid_count; i++) {
        const sdp_media_t *media = sdp_media_by_mid(sdp, offered->mids[i]);
        if (!is_live(sdp, media) || is_known[media - sdp->media])
            continue;
        is_known[media - sdp->media] = true;
        lines[count++] = (uint32_t)(media - sdp->media);
        error = add_lines(streams, sdp, lines[count - 1]);
    }
    const stream_t *common = most_common(streams);
    for (size_t i = 0; error == 0 && i < count; i++)
        if (!has_streams(&sdp->media[lines[i]]) || has_stream(&sdp->media[lines[i]], common))
            lines[kept++] = lines[i];
    sdp_group_t *group = error == 0 && kept > 1 ? append_group(sdp) : NULL;
    if (kept > 1 && group == NULL)
        return error_no_memory();
    for (size_t i = 0; group != NULL && i < kept; i++)
        if (!append_mid(sdp, group, lines[i]))
            return error_no_memory();
    return error;
}

int jsep_lipsync_answer(builder_t *builder, const sdp_t *offer)
{
    sdp_t *sdp = builder->sdp;
    int error = sdp_index(sdp) ? 0 : error_no_memory();
    for (size_t i = 0; error == 0 && i < offer->group_count; i++) {
        streams_t streams = {0};
        if (strcmp(offer->groups[i].semantics, "LS") == 0)
            error = answer_group(sdp, &offer->groups[i], &streams);
        clear(&streams);
    }
    return error;
}
