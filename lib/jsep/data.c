/* Data channels in the description (RFC 8864): those we want in it, those an answer takes, and those that a description leaves out. */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <string.h>

static size_t strings_length(const sdp_dcmap_t *map)
{
    return (map->label != NULL ? strlen(map->label) : 0) + (map->subprotocol != NULL ? strlen(map->subprotocol) : 0);
}

static bool copy_map(arena_t *arena, const sdp_dcmap_t *map, sdp_dcmap_t *copy)
{
    *copy = *map;
    copy->label = arena_string(arena, map->label);
    copy->subprotocol = arena_string(arena, map->subprotocol);
    return copy->label != NULL && copy->subprotocol != NULL;
}

static described_channel_t *find(const jsep_session_t *session, uint16_t stream)
{
    for (size_t i = 0; i < session->channel_count; i++)
        if (session->channels[i].map.stream == stream)
            return &session->channels[i];
    return NULL;
}

static void clear(described_channel_t *channel)
{
    memory_free((char *)channel->map.label);
    memory_free((char *)channel->map.subprotocol);
}

int jsep_add_data_channel(jsep_session_t *session, const sdp_dcmap_t *map, bool is_agreed)
{
    described_channel_t *known = find(session, map->stream);
    if (known != NULL && is_agreed) {
        known->is_agreed = true;
        return 0;
    }
    jsep_remove_data_channel(session, map->stream); /* one that is closed, and was not taken out yet */
    if (strings_length(map) > SDP_DCMAP_STRINGS_MAX)
        return error_set(PEER_ERROR_TYPE, "data channel: label and protocol are too long for a description");
    if (session->channel_count >= JSEP_DATA_CHANNELS_MAX)
        return error_set(PEER_ERROR_QUOTA_EXCEEDED, "more than %d data channels in a description", JSEP_DATA_CHANNELS_MAX);
    void *channels = session->channels;
    bool has_room = memory_reserve(&channels, &session->channel_capacity, session->channel_count + 1, sizeof *session->channels);
    session->channels = channels;
    described_channel_t channel = {.map = *map, .is_agreed = is_agreed};
    channel.map.label = memory_string(map->label != NULL ? map->label : "");
    channel.map.subprotocol = memory_string(map->subprotocol != NULL ? map->subprotocol : "");
    if (!has_room || channel.map.label == NULL || channel.map.subprotocol == NULL) {
        clear(&channel);
        return error_no_memory();
    }
    session->channels[session->channel_count++] = channel;
    return 0;
}

void jsep_remove_data_channel(jsep_session_t *session, uint16_t stream)
{
    described_channel_t *channel = find(session, stream);
    if (channel == NULL)
        return;
    clear(channel);
    size_t place = (size_t)(channel - session->channels);
    memmove(channel, channel + 1, (--session->channel_count - place) * sizeof *channel);
}

void jsep_data_channels_clear(jsep_session_t *session)
{
    for (size_t i = 0; i < session->channel_count; i++)
        clear(&session->channels[i]);
    memory_free(session->channels);
}

bool jsep_data_channels_are_agreed(const jsep_session_t *session)
{
    for (size_t i = 0; i < session->channel_count; i++)
        if (!session->channels[i].is_agreed)
            return false;
    return true;
}

static bool is_same(const sdp_dcmap_t *a, const sdp_dcmap_t *b)
{
    return strcmp(a->label, b->label) == 0 && strcmp(a->subprotocol, b->subprotocol) == 0 && a->is_unordered == b->is_unordered &&
           a->max_retr == b->max_retr && a->max_time == b->max_time;
}

/* Do we take a channel that was offered? `new_count`: those of the same offer that were taken before and are not ours yet. */
static bool is_taken(const jsep_session_t *session, const sdp_dcmap_t *offered, size_t new_count, bool *is_new)
{
    const jsep_configuration_t *configuration = &session->configuration;
    const described_channel_t *known = find(session, offered->stream);
    *is_new = known == NULL;
    if (known != NULL)
        return is_same(&known->map, offered);
    return offered->stream < UINT16_MAX && session->channel_count + new_count < JSEP_DATA_CHANNELS_MAX &&
           (configuration->takes_channel == NULL || configuration->takes_channel(configuration->takes_channel_context, offered));
}

static int append_map(builder_t *builder, sdp_media_t *media, const sdp_dcmap_t *map)
{
    sdp_dcmap_t *item = ARENA_APPEND(&builder->sdp->arena, media->dcmaps, media->dcmap_count);
    return item != NULL && copy_map(&builder->sdp->arena, map, item) ? 0 : error_no_memory();
}

int jsep_section_data_channels(builder_t *builder, sdp_media_t *media, const sdp_media_t *offered)
{
    const jsep_session_t *session = builder->session;
    size_t new_count = 0;
    int error = 0;
    for (size_t i = 0; offered == NULL && error == 0 && i < session->channel_count; i++)
        error = append_map(builder, media, &session->channels[i].map);
    for (size_t i = 0; offered != NULL && error == 0 && i < offered->dcmap_count; i++) {
        bool is_new;
        if (!is_taken(session, &offered->dcmaps[i], new_count, &is_new))
            continue;
        new_count += is_new;
        error = append_map(builder, media, &offered->dcmaps[i]);
    }
    return error;
}

int jsep_negotiate_data_channels(jsep_plan_t *plan, const sdp_media_t *local, const sdp_media_t *remote, jsep_data_t *data)
{
    const jsep_session_t *session = plan->session;
    arena_t *arena = &plan->box->arena;
    sdp_dcmap_t *channels = arena_array(arena, remote->dcmap_count, sizeof *channels);
    uint16_t *ended = arena_array(arena, session->channel_count, sizeof *ended);
    if (channels == NULL || ended == NULL)
        return error_no_memory();
    data->channels = channels;
    data->ended = ended;
    for (size_t i = 0; i < remote->dcmap_count; i++) {
        if (sdp_media_dcmap(local, remote->dcmaps[i].stream) == NULL)
            continue; /* an answer cannot bring in what was not offered */
        if (!copy_map(arena, &remote->dcmaps[i], &channels[data->channel_count++]))
            return error_no_memory();
    }
    for (size_t i = 0; plan->type == JSEP_ANSWER && i < session->channel_count; i++) {
        const described_channel_t *channel = &session->channels[i];
        bool was_there = channel->is_agreed || sdp_media_dcmap(local, channel->map.stream) != NULL;
        if (was_there && (sdp_media_dcmap(local, channel->map.stream) == NULL || sdp_media_dcmap(remote, channel->map.stream) == NULL))
            ended[data->ended_count++] = channel->map.stream;
    }
    return 0;
}
