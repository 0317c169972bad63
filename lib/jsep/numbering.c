/* Payload types and header extension ids of our offers: what was negotiated once keeps its number, in its m-line always (RFC 3264 §8.3.2)
 * and in others where it is free, since all m-lines share one transport (RFC 9143 §9.1, RFC 8285 §6). A number that a codec had is never
 * another one's, also when no description names it any more (RFC 9429 §5.2.2, W3C WebRTC §5.4.1). */
#include "jsep/session.h"

#include <string.h>

#define ONE_BYTE_ID_MAX 14  /* RFC 8285 §4.2 */
#define TWO_BYTE_ID_MAX 255 /* RFC 8285 §4.3 */
#define ID_RESERVED 15

/* What a payload type is used for, in session->payload_types; 0: for nothing yet. */
#define FOREIGN UINT16_MAX /* the other side's, for a format that we do not have */

static uint16_t owner_of(size_t codec, bool is_rtx)
{
    return (uint16_t)(codec * 2 + 1 + is_rtx);
}

static void take_extensions(const jsep_session_t *session, numbering_t *numbering, const sdp_t *sdp)
{
    for (size_t i = 0; i < sdp->media_count; i++) {
        size_t count;
        const sdp_extmap_t *extmaps = sdp_media_extmaps(sdp, &sdp->media[i], &count);
        for (size_t j = 0; j < count; j++)
            for (size_t k = 0; k < session->configuration.extension_count; k++)
                if (numbering->ids[k] == 0 && extmaps[j].id <= TWO_BYTE_ID_MAX &&
                    strcmp(extmaps[j].uri, session->configuration.extensions[k].uri) == 0)
                    numbering->ids[k] = extmaps[j].id;
        for (size_t j = 0; j < count; j++)
            if (extmaps[j].id <= TWO_BYTE_ID_MAX)
                numbering->id_is_used[extmaps[j].id] = true;
    }
}

static void take_choices(numbering_t *numbering, const description_t *description)
{
    for (size_t i = 0; description->lines != NULL && i < description->sdp->media_count; i++) {
        const line_t *line = &description->lines[i];
        for (size_t j = 0; j < line->choice_count; j++) {
            const choice_t *choice = &line->choices[j];
            if (numbering->payload_types[choice->codec] < 0)
                numbering->payload_types[choice->codec] = choice->payload_type;
            if (numbering->rtx[choice->codec] < 0 && choice->rtx >= 0)
                numbering->rtx[choice->codec] = choice->rtx;
        }
    }
}

/* Numbers of formats that only the other side has are left alone: it may send them by mistake, and would in its next offer. */
static void avoid_formats(numbering_t *numbering, const sdp_t *remote)
{
    for (size_t i = 0; i < remote->media_count; i++)
        for (size_t j = 0; !is_rejected(&remote->media[i]) && j < remote->media[i].rtpmap_count; j++) {
            uint16_t *owner = &numbering->owners[remote->media[i].rtpmaps[j].payload_type];
            if (*owner == 0)
                *owner = FOREIGN;
        }
}

/* Those that are preferred first: else one that does not care could take them. */
static void complete_extensions(const jsep_session_t *session, numbering_t *numbering)
{
    uint16_t last = session->configuration.extmap_allow_mixed ? TWO_BYTE_ID_MAX : ONE_BYTE_ID_MAX;
    for (int any = 0; any < 2; any++)
        for (size_t i = 0; i < session->configuration.extension_count; i++) {
            uint16_t id = session->configuration.extensions[i].id;
            if (numbering->ids[i] != 0)
                continue;
            bool is_possible = id != 0 && id <= last && id != ID_RESERVED && !numbering->id_is_used[id];
            if (!is_possible && any == 0)
                continue;
            for (id = is_possible ? id : 1; id <= last && (id == ID_RESERVED || numbering->id_is_used[id]); id++)
                continue;
            numbering->ids[i] = id <= last ? id : 0;
            numbering->id_is_used[id <= last ? id : 0] = true;
        }
}

void jsep_numbering_init(const jsep_session_t *session, numbering_t *numbering)
{
    const state_t *state = &session->state;
    memset(numbering, 0, sizeof *numbering);
    memcpy(numbering->owners, session->payload_types, sizeof numbering->owners);
    for (size_t i = 0; i < JSEP_CODECS_MAX; i++)
        numbering->payload_types[i] = numbering->rtx[i] = -1;
    static const jsep_which_t order[] = {JSEP_PENDING_LOCAL, JSEP_CURRENT_LOCAL};
    for (size_t i = 0; i < 2; i++) {
        const description_t *description = state->descriptions[order[i]];
        if (description == NULL)
            continue;
        take_extensions(session, numbering, description->sdp);
        take_choices(numbering, description);
    }
    for (int i = 0; i < 128; i++) { /* those that are in no description now */
        if (numbering->owners[i] == 0)
            continue;
        size_t codec = (numbering->owners[i] - 1u) / 2;
        int *known = (numbering->owners[i] - 1u) % 2 == 0 ? &numbering->payload_types[codec] : &numbering->rtx[codec];
        if (*known < 0)
            *known = i;
    }
    if (state->descriptions[JSEP_CURRENT_REMOTE] != NULL) {
        take_extensions(session, numbering, state->descriptions[JSEP_CURRENT_REMOTE]->sdp);
        avoid_formats(numbering, state->descriptions[JSEP_CURRENT_REMOTE]->sdp);
    }
    for (size_t id = 1; id <= TWO_BYTE_ID_MAX; id++) { /* those that are in no description now */
        uint8_t owner = session->extension_ids[id];
        if (owner != 0 && owner != FOREIGN_EXTENSION && numbering->ids[owner - 1] == 0)
            numbering->ids[owner - 1] = (uint16_t)id;
        numbering->id_is_used[id] |= owner != 0;
    }
    /* What a codec is to have is not given to another one before. */
    for (size_t i = 0; i < session->configuration.codec_count; i++) {
        int preferred = session->configuration.codecs[i].payload_type;
        if (preferred >= 0 && preferred < 128 && numbering->payload_types[i] < 0 && numbering->owners[preferred] == 0)
            numbering->owners[preferred] = owner_of(i, false);
    }
    complete_extensions(session, numbering);
}

/* RFC 8285 §6, RFC 9429 §5.2.2: an id never means anything else, also when the m-line that had it is gone. */
void jsep_numbering_keep_extensions(jsep_session_t *session, const sdp_t *sdp)
{
    for (size_t i = 0; i < sdp->media_count; i++) {
        size_t count;
        const sdp_extmap_t *extmaps = sdp_media_extmaps(sdp, &sdp->media[i], &count);
        for (size_t j = 0; j < count; j++) {
            if (extmaps[j].id > TWO_BYTE_ID_MAX || session->extension_ids[extmaps[j].id] != 0)
                continue;
            size_t k = 0;
            while (k < session->configuration.extension_count && strcmp(extmaps[j].uri, session->configuration.extensions[k].uri) != 0)
                k++;
            session->extension_ids[extmaps[j].id] = k < session->configuration.extension_count ? (uint8_t)(k + 1) : FOREIGN_EXTENSION;
        }
    }
}

void jsep_numbering_keep(jsep_session_t *session, const description_t *local)
{
    for (size_t i = 0; local->lines != NULL && i < local->sdp->media_count; i++)
        for (size_t j = 0; j < local->lines[i].choice_count; j++) {
            const choice_t *choice = &local->lines[i].choices[j];
            session->payload_types[choice->payload_type] = owner_of(choice->codec, false);
            if (choice->rtx >= 0)
                session->payload_types[choice->rtx] = owner_of(choice->codec, true);
        }
}

/* A dynamic payload type that neither this m-line nor another codec of the session has. RFC 5761 §4: not 64 to 95, which could be RTCP; 96
 * to 127 first, then the unassigned ones from 35 on (RFC 9429 leaves them to use). When all were used some time, what this m-line does not
 * have has to do. */
static int find_free(const numbering_t *numbering, const bool *taken, uint16_t owner, int preferred)
{
#define IS_FREE(number) (!taken[number] && (numbering->owners[number] == 0 || numbering->owners[number] == owner))
    if (preferred >= 0 && preferred < 128 && IS_FREE(preferred))
        return preferred;
    for (int i = 96; i < 128; i++)
        if (IS_FREE(i))
            return i;
    for (int i = 35; i < 64; i++)
        if (IS_FREE(i))
            return i;
#undef IS_FREE
    for (int i = 96; i < 128; i++)
        if (!taken[i])
            return i;
    return -1;
}

static int number(numbering_t *numbering, uint16_t owner, int *known, int previous, int preferred, bool *taken)
{
    int payload_type = previous;
    if (payload_type < 0 && *known >= 0 && !taken[*known])
        payload_type = *known;
    if (payload_type < 0)
        payload_type = find_free(numbering, taken, owner, preferred);
    if (payload_type < 0)
        return -1;
    taken[payload_type] = true;
    if (*known < 0)
        *known = payload_type;
    if (numbering->owners[payload_type] == 0)
        numbering->owners[payload_type] = owner;
    return payload_type;
}

static bool carries_present(const jsep_session_t *session, const jsep_codec_t *codec, const choices_t *choices)
{
    for (size_t i = 0; i < choices->count; i++)
        if (text_equal_ignore_case(session->configuration.codecs[choices->items[i].codec].name, codec->redundancy_of))
            return true;
    return false;
}

/* RFC 9429 §5.2.2: the order of the most recent answer, what it did not have behind. */
static void keep_order(const jsep_session_t *session, jsep_kind_t kind, const sdp_media_t *answered, choices_t *choices)
{
    choices_t known, ordered = {.count = 0};
    jsep_codec_match(session, kind, answered, &known);
    for (size_t i = 0; i < known.count; i++) {
        const choice_t *choice = jsep_codec_find(choices->items, choices->count, known.items[i].codec);
        if (choice != NULL)
            ordered.items[ordered.count++] = *choice;
    }
    for (size_t i = 0; i < choices->count; i++)
        if (jsep_codec_find(ordered.items, ordered.count, choices->items[i].codec) == NULL)
            ordered.items[ordered.count++] = choices->items[i];
    *choices = ordered;
}

void jsep_numbering_choose(const jsep_session_t *session, numbering_t *numbering, const transceiver_t *transceiver, const line_t *previous,
                           const sdp_media_t *answered, choices_t *choices)
{
    const jsep_configuration_t *configuration = &session->configuration;
    bool taken[128] = {false};
    choices_t all = {.count = 0};
    for (size_t i = 0; previous != NULL && i < previous->choice_count; i++) {
        taken[previous->choices[i].payload_type] = true;
        if (previous->choices[i].rtx >= 0)
            taken[previous->choices[i].rtx] = true;
    }
    for (size_t i = 0; i < configuration->codec_count; i++) {
        const jsep_codec_t *codec = &configuration->codecs[i];
        if (codec->kind != transceiver->public.kind)
            continue;
        const choice_t *before = previous != NULL ? jsep_codec_find(previous->choices, previous->choice_count, i) : NULL;
        int payload_type = number(numbering, owner_of(i, false), &numbering->payload_types[i], before != NULL ? before->payload_type : -1,
                                  codec->payload_type, taken);
        if (payload_type < 0)
            continue;
        int rtx = -1;
        if (codec->wants_rtx)
            rtx = number(numbering, owner_of(i, true), &numbering->rtx[i], before != NULL ? before->rtx : -1, payload_type + 1, taken);
        all.items[all.count++] = (choice_t){.codec = i, .payload_type = (uint8_t)payload_type, .rtx = rtx, .fmtp = ""};
    }
    if (answered != NULL && transceiver->preference_count == 0)
        keep_order(session, transceiver->public.kind, answered, &all);
    jsep_codec_prefer(transceiver, &all);
    choices->count = 0;
    for (size_t i = 0; i < all.count; i++) {
        const jsep_codec_t *codec = &configuration->codecs[all.items[i].codec];
        if (codec->redundancy_of == NULL || carries_present(session, codec, &all))
            choices->items[choices->count++] = all.items[i];
    }
}
