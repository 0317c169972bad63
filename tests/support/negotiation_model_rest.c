/* At rest both sides have to say the same: of m-lines, mids, directions, codecs with their payload types, header extensions, streams, data.
 */
#include "negotiation_model.h"

#include "base/memory.h"
#include "base/text.h"
#include "sdp/sdp.h"

#include <string.h>

static bool is_closed(const sdp_media_t *media)
{
    return media->port == 0 && !media->bundle_only;
}

static const sdp_t *description(const model_side_t *side, jsep_which_t which)
{
    return jsep_description_sdp(model_session(side), which);
}

static bool is_same_format(const sdp_media_t *a, const sdp_media_t *b, const char *format)
{
    uint8_t payload_type = 0;
    for (const char *c = format; *c >= '0' && *c <= '9'; c++)
        payload_type = (uint8_t)(payload_type * 10 + (*c - '0'));
    const sdp_rtpmap_t *first = sdp_media_rtpmap(a, payload_type), *second = sdp_media_rtpmap(b, payload_type);
    if (first == NULL || second == NULL)
        return first == second;
    return text_equal_ignore_case(first->encoding, second->encoding) && first->clock_rate == second->clock_rate;
}

/* What an answer accepts is in the offer, with the same meaning. */
static void check_answered(model_t *model, size_t index, const sdp_t *offer, const sdp_t *answer)
{
    const sdp_media_t *offered = &offer->media[index], *answered = &answer->media[index];
    for (size_t i = 0; i < answered->format_count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < offered->format_count; j++)
            is_there = is_there || strcmp(answered->formats[i], offered->formats[j]) == 0;
        if (!is_there || !is_same_format(offered, answered, answered->formats[i]))
            model_fail(model, "m-line %zu: payload type %s of the answer is not what it is in the offer", index, answered->formats[i]);
    }
    size_t offered_count, answered_count;
    const sdp_extmap_t *first = sdp_media_extmaps(offer, offered, &offered_count),
                       *second = sdp_media_extmaps(answer, answered, &answered_count);
    for (size_t i = 0; i < answered_count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < offered_count; j++)
            is_there = is_there || (first[j].id == second[i].id && strcmp(first[j].uri, second[i].uri) == 0);
        if (!is_there)
            model_fail(model, "m-line %zu: header extension %s is not offered by the number %u", index, second[i].uri,
                       (unsigned)second[i].id);
    }
}

static void check_lines(model_t *model)
{
    const model_side_t *a = &model->sides[0], *b = &model->sides[1];
    const sdp_t *local[2] = {description(a, JSEP_CURRENT_LOCAL), description(b, JSEP_CURRENT_LOCAL)};
    const sdp_t *remote[2] = {description(a, JSEP_CURRENT_REMOTE), description(b, JSEP_CURRENT_REMOTE)};
    if (local[0] == NULL && local[1] == NULL)
        return;
    for (int i = 0; i < 2; i++)
        if (local[i] == NULL || remote[1 - i] == NULL || local[i]->origin.session_version != remote[1 - i]->origin.session_version ||
            local[i]->media_count != remote[i]->media_count)
            model_fail(model, "what side %d says last is not what the other one has", i);
    text_t text = {0};
    jsep_type_t type;
    jsep_description_write(model_session(a), JSEP_CURRENT_LOCAL, &type, &text);
    text_clear(&text);
    const sdp_t *offer = local[type == JSEP_OFFER ? 0 : 1], *answer = local[type == JSEP_OFFER ? 1 : 0];
    for (size_t i = 0; i < offer->media_count; i++) {
        const sdp_media_t *offered = &offer->media[i], *answered = &answer->media[i];
        for (size_t j = 0; j < i; j++)
            if (offered->mid != NULL && offer->media[j].mid != NULL && strcmp(offered->mid, offer->media[j].mid) == 0)
                model_fail(model, "m-lines %zu and %zu have the same mid", j, i);
        if (is_closed(answered))
            continue;
        if (is_closed(offered))
            model_fail(model, "m-line %zu is closed in the offer and open in the answer", i);
        if (strcmp(offered->mid, answered->mid) != 0 || strcmp(offered->type, answered->type) != 0)
            model_fail(model, "m-line %zu is another one in the answer", i);
        sdp_direction_t ours = sdp_media_direction(offer, offered), theirs = sdp_media_direction(answer, answered);
        if ((theirs & ~sdp_direction_reverse(ours)) != 0)
            model_fail(model, "m-line %zu is %s in the offer and %s in the answer", i, sdp_direction_name(ours),
                       sdp_direction_name(theirs));
        check_answered(model, i, offer, answer);
    }
}

static const jsep_payload_t *find_payload(const jsep_media_t *media, uint8_t payload_type)
{
    for (size_t i = 0; i < media->receive_count; i++)
        if (media->receive[i].payload_type == payload_type)
            return &media->receive[i];
    return NULL;
}

static bool has_stream(const jsep_stream_ids_t *streams, const char *id)
{
    for (size_t i = 0; i < streams->count; i++)
        if (strcmp(streams->ids[i], id) == 0)
            return true;
    return false;
}

/* Every payload type that may be sent is one the other side understands in the same way. */
static void check_media(model_t *model, const jsep_transceiver_t *from, const jsep_transceiver_t *to)
{
    const jsep_media_t *ours = from->media, *theirs = to->media;
    if (ours->send_count != theirs->receive_count)
        model_fail(model, "mid %s: %zu codecs may be sent and %zu received", from->mid, ours->send_count, theirs->receive_count);
    for (size_t i = 0; i < ours->send_count; i++) {
        const jsep_payload_t *match = find_payload(theirs, ours->send[i].payload_type);
        if (match == NULL || match->codec_index != ours->send[i].codec_index || match->rtx_payload_type != ours->send[i].rtx_payload_type)
            model_fail(model, "mid %s: payload type %u is another codec for the receiver", from->mid, ours->send[i].payload_type);
    }
    if ((from->current_direction & SDP_SENDONLY) == 0)
        return;
    if (ours->send_count == 0)
        model_fail(model, "mid %s sends, and has no codec to send", from->mid);
    if (theirs->remote_ssrc_count != 1 || theirs->remote_ssrcs[0].ssrc != ours->ssrc)
        model_fail(model, "mid %s: the receiver knows another SSRC", from->mid);
    if (to->receiver_streams.count != from->sender_streams.count)
        model_fail(model, "mid %s: %zu streams at the sender, %zu at the receiver", from->mid, from->sender_streams.count,
                   to->receiver_streams.count);
    for (size_t i = 0; i < to->receiver_streams.count; i++)
        if (!has_stream(&from->sender_streams, to->receiver_streams.ids[i])) /* in another order it need not be negotiated */
            model_fail(model, "mid %s: the receiver has another stream", from->mid);
    if (ours->extension_count != theirs->extension_count)
        model_fail(model, "mid %s: %zu header extensions at the sender, %zu at the receiver", from->mid, ours->extension_count,
                   theirs->extension_count);
}

static void check_transceivers(model_t *model, const model_side_t *us, const model_side_t *them)
{
    size_t count;
    jsep_transceiver_t *const *all = jsep_transceivers(model_session(us), &count);
    for (size_t i = 0; i < count; i++) {
        const jsep_transceiver_t *ours = all[i];
        if (ours->is_stopping != ours->is_stopped)
            model_fail(model, "side %d: mid %s is stopping for ever", us->index, ours->mid);
        if (ours->is_stopped)
            continue;
        if (ours->mid == NULL || ours->media == NULL)
            model_fail(model, "side %d: transceiver %u is not negotiated", us->index, ours->id);
        const jsep_transceiver_t *theirs = jsep_transceiver_by_mid(model_session(them), ours->mid);
        if (theirs == NULL || theirs->is_stopped || theirs->mline_index != ours->mline_index || theirs->kind != ours->kind ||
            theirs->media == NULL)
            model_fail(model, "side %d: mid %s has no counterpart", us->index, ours->mid);
        if (ours->current_direction == JSEP_NO_DIRECTION ||
            theirs->current_direction != (int)sdp_direction_reverse((sdp_direction_t)ours->current_direction))
            model_fail(model, "mid %s: the current directions are no mirror images", ours->mid);
        if (ours->current_direction != (int)(ours->direction & sdp_direction_reverse(theirs->direction)))
            model_fail(model, "mid %s: %s and %s here and there, and %s is negotiated", ours->mid, sdp_direction_name(ours->direction),
                       sdp_direction_name(theirs->direction), sdp_direction_name((sdp_direction_t)ours->current_direction));
        if ((int)ours->media->direction != ours->current_direction)
            model_fail(model, "mid %s: what flows is not the current direction", ours->mid);
        if (strcmp(ours->media->mid, ours->mid) != 0)
            model_fail(model, "mid %s: what flows has another mid", ours->mid);
        check_media(model, ours, theirs);
    }
}

static void check_data(model_t *model)
{
    bool is_wanted = model->sides[0].has_created_channel || model->sides[1].has_created_channel;
    for (int i = 0; i < 2; i++) {
        const sdp_t *sdp = description(&model->sides[i], JSEP_CURRENT_LOCAL);
        size_t open = 0;
        for (size_t j = 0; sdp != NULL && j < sdp->media_count; j++)
            open += strcmp(sdp->media[j].type, "application") == 0 && !is_closed(&sdp->media[j]);
        if (open != is_wanted)
            model_fail(model, "side %d: %zu m-lines for data, %s wanted", i, open, is_wanted ? "one is" : "none is");
    }
}

void model_check_agreement(model_t *model)
{
    check_lines(model);
    check_transceivers(model, &model->sides[0], &model->sides[1]);
    check_transceivers(model, &model->sides[1], &model->sides[0]);
    check_data(model);
}
