/* RTP header extensions of a transceiver: which are offered and answered, in which direction, and what the application says about that (W3C
 * webrtc-extensions, "RTP header extension control"). */
#include "base/error.h"
#include "jsep/session.h"

#include <string.h>

#define SDES_MID "urn:ietf:params:rtp-hdrext:sdes:mid"
#define SDES_RID "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
#define SDES_REPAIRED_RID "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"

/* Those of the first transceiver of the kind, so that all of them agree; else what is offered by default. */
void jsep_extensions_init(const jsep_session_t *session, const state_t *state, jsep_kind_t kind, extensions_t *extensions)
{
    const jsep_configuration_t *configuration = &session->configuration;
    *extensions = (extensions_t){0};
    for (size_t i = 0; i < configuration->extension_count; i++)
        extensions->wanted[i] =
            configuration->extensions[i].is_on_demand ? JSEP_EXTENSION_STOPPED : (int8_t)configuration->extensions[i].direction;
    for (size_t i = 0; i < state->entry_count; i++) {
        const entry_t *entry = &state->entries[i];
        if (entry->transceiver->public.kind != kind || entry->is_stopping)
            continue;
        memcpy(extensions->wanted, entry->slots.extensions.wanted, sizeof extensions->wanted);
        memcpy(extensions->is_refused, entry->slots.extensions.is_refused, sizeof extensions->is_refused);
        return;
    }
}

/* Whatever a former answer left out: RFC 9143 §9.1 has the mid in every bundled m-line, RFC 8853 §5.2 the rids of several encodings. */
static bool is_needed(const entry_t *entry, const char *uri)
{
    bool is_of_rid = strcmp(uri, SDES_RID) == 0 || strcmp(uri, SDES_REPAIRED_RID) == 0;
    return strcmp(uri, SDES_MID) == 0 || (is_of_rid && entry->slots.rid_count > 1);
}

static int offered_direction(const jsep_extension_capability_t *ours, const entry_t *entry, size_t capability)
{
    const extensions_t *extensions = &entry->slots.extensions;
    bool is_missing = extensions->wanted[capability] == JSEP_EXTENSION_STOPPED && !extensions->is_refused[capability];
    return is_missing && is_needed(entry, ours->uri) ? (int)ours->direction : extensions->wanted[capability];
}

/* What is only not offered is answered all the same: it costs nothing, and peers count on it. */
static int answered_direction(const jsep_extension_capability_t *ours, const entry_t *entry, size_t capability, sdp_direction_t offered)
{
    const extensions_t *extensions = &entry->slots.extensions;
    int wanted = extensions->wanted[capability];
    if (extensions->is_refused[capability])
        return JSEP_EXTENSION_STOPPED;
    return (wanted == JSEP_EXTENSION_STOPPED ? (int)ours->direction : wanted) & (int)sdp_direction_reverse(offered);
}

static int append(arena_t *arena, sdp_media_t *media, const char *uri, uint16_t id, sdp_direction_t direction)
{
    sdp_extmap_t *extmap = ARENA_APPEND(arena, media->common.extmaps, media->common.extmap_count);
    if (extmap == NULL)
        return error_no_memory();
    *extmap = (sdp_extmap_t){.id = id, .has_direction = direction != SDP_SENDRECV, .direction = direction, .uri = uri};
    return 0;
}

static const sdp_extmap_t *find(const sdp_extmap_t *extmaps, size_t count, const char *uri)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(extmaps[i].uri, uri) == 0)
            return &extmaps[i];
    return NULL;
}

/* RFC 8285 §6: 4096 and above are offered for the answerer to choose a number. It keeps the one that it gave the URI elsewhere. */
static uint16_t choose_id(const numbering_t *numbering, size_t capability, const sdp_extmap_t *offered)
{
    return offered->id <= 255 ? offered->id : numbering->ids[capability];
}

static int answer_one(const numbering_t *numbering, arena_t *arena, sdp_media_t *media, const entry_t *entry,
                      const jsep_extension_capability_t *ours, size_t capability, const sdp_extmap_t *extmaps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t id = strcmp(extmaps[i].uri, ours->uri) == 0 ? choose_id(numbering, capability, &extmaps[i]) : 0;
        int direction = id != 0 ? answered_direction(ours, entry, capability, extmaps[i].direction) : SDP_INACTIVE;
        if (direction > (int)SDP_INACTIVE)
            return append(arena, media, ours->uri, id, (sdp_direction_t)direction);
    }
    return 0;
}

int jsep_extensions_write(const jsep_session_t *session, arena_t *arena, sdp_media_t *media, const entry_t *entry, const sdp_t *offer,
                          const sdp_media_t *offered, const numbering_t *numbering)
{
    const jsep_configuration_t *configuration = &session->configuration;
    size_t count = 0;
    const sdp_extmap_t *extmaps = offered != NULL ? sdp_media_extmaps(offer, offered, &count) : NULL;
    int error = 0;
    for (size_t i = 0; error == 0 && i < configuration->extension_count; i++) {
        const jsep_extension_capability_t *ours = &configuration->extensions[i];
        if (!jsep_extension_is_of(ours, entry->transceiver->public.kind))
            continue;
        int direction = offered_direction(ours, entry, i);
        if (offered != NULL)
            error = answer_one(numbering, arena, media, entry, ours, i, extmaps, count);
        else if (direction != JSEP_EXTENSION_STOPPED && numbering->ids[i] != 0)
            error = append(arena, media, ours->uri, numbering->ids[i], (sdp_direction_t)direction);
    }
    return error;
}

void jsep_extensions_settle(const jsep_session_t *session, entry_t *entry, const sdp_t *answer, const sdp_media_t *answered, bool is_remote)
{
    const jsep_configuration_t *configuration = &session->configuration;
    extensions_t *extensions = &entry->slots.extensions;
    size_t count;
    const sdp_extmap_t *extmaps = sdp_media_extmaps(answer, answered, &count);
    for (size_t i = 0; i < configuration->extension_count; i++) {
        const jsep_extension_capability_t *ours = &configuration->extensions[i];
        const sdp_extmap_t *extmap = find(extmaps, count, ours->uri);
        int direction = JSEP_EXTENSION_STOPPED;
        if (extmap != NULL && jsep_extension_is_of(ours, entry->transceiver->public.kind))
            direction = (int)((is_remote ? sdp_direction_reverse(extmap->direction) : extmap->direction) & ours->direction);
        extensions->wanted[i] = extensions->negotiated[i] = (int8_t)direction;
        extensions->is_refused[i] = extensions->is_refused[i] && direction == JSEP_EXTENSION_STOPPED;
    }
    extensions->is_negotiated = true;
}

/* ---- the application ---- */

static const entry_t *entry_of(const jsep_session_t *session, const jsep_transceiver_t *transceiver)
{
    return jsep_state_entry_of(&session->state, (const transceiver_t *)(const void *)transceiver);
}

static size_t list(const jsep_session_t *session, jsep_kind_t kind, const int8_t *directions,
                   jsep_extension_wish_t wishes[JSEP_EXTENSIONS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < session->configuration.extension_count; i++)
        if (jsep_extension_is_of(&session->configuration.extensions[i], kind))
            wishes[count++] = (jsep_extension_wish_t){session->configuration.extensions[i].uri, directions[i]};
    return count;
}

size_t jsep_extensions_to_negotiate(const jsep_session_t *session, const jsep_transceiver_t *transceiver,
                                    jsep_extension_wish_t wishes[JSEP_EXTENSIONS_MAX])
{
    const entry_t *entry = entry_of(session, transceiver);
    return entry != NULL ? list(session, transceiver->kind, entry->slots.extensions.wanted, wishes) : 0;
}

size_t jsep_negotiated_extensions(const jsep_session_t *session, const jsep_transceiver_t *transceiver,
                                  jsep_extension_wish_t wishes[JSEP_EXTENSIONS_MAX])
{
    const entry_t *entry = entry_of(session, transceiver);
    bool is_there = entry != NULL && entry->slots.extensions.is_negotiated;
    return is_there ? list(session, transceiver->kind, entry->slots.extensions.negotiated, wishes) : 0;
}

static int check(const jsep_extension_capability_t *ours, const jsep_extension_wish_t *wish)
{
    if (strcmp(wish->uri, ours->uri) != 0)
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "%.80s is not in this place", wish->uri);
    if (ours->is_required && wish->direction != (int)SDP_SENDRECV)
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "%s has to be both sent and received", ours->uri);
    if (ours->cannot_stop && wish->direction == JSEP_EXTENSION_STOPPED)
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "%s cannot be stopped", ours->uri);
    return 0;
}

int jsep_set_extensions_to_negotiate(jsep_session_t *session, jsep_transceiver_t *transceiver, const jsep_extension_wish_t *wishes,
                                     size_t count)
{
    entry_t *entry = jsep_state_entry_of(&session->state, (transceiver_t *)(void *)transceiver);
    if (entry == NULL)
        return error_set(PEER_ERROR_INVALID_STATE, "the transceiver is stopped");
    const jsep_configuration_t *configuration = &session->configuration;
    extensions_t next = entry->slots.extensions;
    size_t place = 0;
    for (size_t i = 0; i < configuration->extension_count; i++) {
        const jsep_extension_capability_t *ours = &configuration->extensions[i];
        if (!jsep_extension_is_of(ours, transceiver->kind))
            continue;
        int error = place < count ? check(ours, &wishes[place]) : error_set(PEER_ERROR_INVALID_MODIFICATION, "too few extensions");
        if (error < 0)
            return error;
        int direction = wishes[place++].direction;
        if (direction != JSEP_EXTENSION_STOPPED)
            direction &= (int)ours->direction;
        /* One that was stopped anyway is not refused by being left as it is. */
        bool is_left = direction == JSEP_EXTENSION_STOPPED && next.wanted[i] == JSEP_EXTENSION_STOPPED;
        next.is_refused[i] = direction == JSEP_EXTENSION_STOPPED && (!is_left || next.is_refused[i]);
        next.wanted[i] = (int8_t)direction;
    }
    if (place != count)
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "too many extensions");
    entry->slots.extensions = next;
    return 0;
}
