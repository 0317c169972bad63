/* Payload types and header extension ids of our offers: what was negotiated once keeps its number, in its m-line always (RFC 3264 §8.3.2)
 * and in others where it is free, since all m-lines share one transport (RFC 9143 §9.1, RFC 8285 §6). */
#include "jsep/session.h"

#include <string.h>

#define ONE_BYTE_ID_MAX 14  /* RFC 8285 §4.2 */
#define TWO_BYTE_ID_MAX 255 /* RFC 8285 §4.3 */
#define ID_RESERVED 15

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
    }
}

static void take_choices(numbering_t *numbering, const description_t *description)
{
    for (size_t i = 0; description->lines != NULL && i < description->sdp->media_count; i++) {
        const line_t *line = &description->lines[i];
        for (size_t j = 0; j < line->choice_count; j++) {
            const choice_t *choice = &line->choices[j];
            if (numbering->payload_types[choice->codec] < 0) {
                numbering->payload_types[choice->codec] = choice->payload_type;
                numbering->is_used[choice->payload_type] = true;
            }
            if (numbering->rtx[choice->codec] < 0 && choice->rtx >= 0) {
                numbering->rtx[choice->codec] = choice->rtx;
                numbering->is_used[choice->rtx] = true;
            }
        }
    }
}

static bool is_id_used(const jsep_session_t *session, const numbering_t *numbering, uint16_t id)
{
    for (size_t i = 0; i < session->configuration.extension_count; i++)
        if (numbering->ids[i] == id)
            return true;
    return false;
}

static void complete_extensions(const jsep_session_t *session, numbering_t *numbering)
{
    uint16_t last = session->configuration.extmap_allow_mixed ? TWO_BYTE_ID_MAX : ONE_BYTE_ID_MAX;
    for (size_t i = 0; i < session->configuration.extension_count; i++) {
        uint16_t id = session->configuration.extensions[i].id;
        if (numbering->ids[i] != 0)
            continue;
        if (id == 0 || id > last || id == ID_RESERVED || is_id_used(session, numbering, id))
            for (id = 1; id <= last && (id == ID_RESERVED || is_id_used(session, numbering, id)); id++)
                continue;
        numbering->ids[i] = id <= last ? id : 0;
    }
}

void jsep_numbering_init(const jsep_session_t *session, numbering_t *numbering)
{
    memset(numbering, 0, sizeof *numbering);
    for (size_t i = 0; i < JSEP_CODECS_MAX; i++)
        numbering->payload_types[i] = numbering->rtx[i] = -1;
    static const jsep_which_t order[] = {JSEP_PENDING_LOCAL, JSEP_CURRENT_LOCAL};
    for (size_t i = 0; i < 2; i++) {
        const description_t *description = session->state.descriptions[order[i]];
        if (description == NULL)
            continue;
        take_extensions(session, numbering, description->sdp);
        take_choices(numbering, description);
    }
    complete_extensions(session, numbering);
}

/* A dynamic payload type that neither this m-line nor another codec of the session has. RFC 5761 §4: not 64 to 95, which could be RTCP; 96
 * to 127 first, then the unassigned ones from 35 on (RFC 9429 leaves them to use). */
static int find_free(const numbering_t *numbering, const bool *taken, int preferred)
{
    if (preferred >= 0 && preferred < 128 && !taken[preferred] && !numbering->is_used[preferred])
        return preferred;
    for (int i = 96; i < 128; i++)
        if (!taken[i] && !numbering->is_used[i])
            return i;
    for (int i = 35; i < 64; i++)
        if (!taken[i] && !numbering->is_used[i])
            return i;
    for (int i = 96; i < 128; i++)
        if (!taken[i])
            return i;
    return -1;
}

static int number(numbering_t *numbering, int *known, int previous, int preferred, bool *taken)
{
    int payload_type = previous;
    if (payload_type < 0 && *known >= 0 && !taken[*known])
        payload_type = *known;
    if (payload_type < 0)
        payload_type = find_free(numbering, taken, preferred);
    if (payload_type < 0)
        return -1;
    taken[payload_type] = true;
    if (*known < 0) {
        *known = payload_type;
        numbering->is_used[payload_type] = true;
    }
    return payload_type;
}

static bool carries_present(const jsep_session_t *session, const jsep_codec_t *codec, const choices_t *choices)
{
    for (size_t i = 0; i < choices->count; i++)
        if (text_equal_ignore_case(session->configuration.codecs[choices->items[i].codec].name, codec->redundancy_of))
            return true;
    return false;
}

void jsep_numbering_choose(const jsep_session_t *session, numbering_t *numbering, const transceiver_t *transceiver, const line_t *previous,
                           choices_t *choices)
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
        int payload_type =
            number(numbering, &numbering->payload_types[i], before != NULL ? before->payload_type : -1, codec->payload_type, taken);
        if (payload_type < 0)
            continue;
        int rtx = -1;
        if (codec->wants_rtx)
            rtx = number(numbering, &numbering->rtx[i], before != NULL ? before->rtx : -1, payload_type + 1, taken);
        all.items[all.count++] = (choice_t){.codec = i, .payload_type = (uint8_t)payload_type, .rtx = rtx, .fmtp = ""};
    }
    jsep_codec_prefer(transceiver, &all);
    choices->count = 0;
    for (size_t i = 0; i < all.count; i++) {
        const jsep_codec_t *codec = &configuration->codecs[all.items[i].codec];
        if (codec->redundancy_of == NULL || carries_present(session, codec, &all))
            choices->items[choices->count++] = all.items[i];
    }
}
