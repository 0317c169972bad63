/* Media that come before the answer to our offer (RFC 9429 §4.1.9, §5.9): in a running session they may overtake it, so what the offer
 * allows is to be received at once, beside what was agreed on before. Before there is a DTLS association nothing can come. */
#include "base/error.h"
#include "jsep/session.h"

#include <string.h>

static bool has_payload(const jsep_payload_t *payloads, size_t count, uint8_t payload_type)
{
    for (size_t i = 0; i < count; i++)
        if (payloads[i].payload_type == payload_type)
            return true;
    return false;
}

static bool is_news(const jsep_media_t *known, const line_t *line)
{
    if (known == NULL || !receives((int)known->direction))
        return true;
    for (size_t i = 0; i < line->choice_count; i++)
        if (!has_payload(known->receive, known->receive_count, line->choices[i].payload_type))
            return true;
    return false;
}

static int add_payload(jsep_plan_t *plan, const sdp_media_t *offered, const choice_t *choice, jsep_payload_t *payload)
{
    const jsep_codec_t *codec = &plan->session->configuration.codecs[choice->codec];
    *payload = (jsep_payload_t){.codec = codec,
                                .codec_index = choice->codec,
                                .payload_type = choice->payload_type,
                                .rtx_payload_type = choice->rtx,
                                .fmtp = arena_string(&plan->box->arena, sdp_media_fmtp(offered, choice->payload_type)),
                                .feedback = codec->feedback,
                                .feedback_count = codec->feedback_count};
    return payload->fmtp != NULL ? 0 : error_no_memory();
}

static int add_payloads(jsep_plan_t *plan, const sdp_media_t *offered, const line_t *line, jsep_media_t *media)
{
    size_t known = receives((int)media->direction) ? media->receive_count : 0;
    jsep_payload_t *payloads = arena_array(&plan->box->arena, known + line->choice_count, sizeof *payloads);
    int error = payloads != NULL ? 0 : error_no_memory();
    if (error == 0 && known != 0)
        memcpy(payloads, media->receive, known * sizeof *payloads);
    media->receive_count = known;
    for (size_t i = 0; error == 0 && i < line->choice_count; i++)
        if (!has_payload(payloads, media->receive_count, line->choices[i].payload_type))
            error = add_payload(plan, offered, &line->choices[i], &payloads[media->receive_count++]);
    media->receive = payloads;
    return error;
}

static int add_extensions(jsep_plan_t *plan, const sdp_media_t *offered, jsep_media_t *media)
{
    jsep_extension_t *extensions = arena_array(&plan->box->arena, offered->common.extmap_count, sizeof *extensions);
    if (extensions == NULL)
        return error_no_memory();
    for (size_t i = 0; i < offered->common.extmap_count; i++) /* the URIs are the configuration's */
        extensions[i] =
            (jsep_extension_t){offered->common.extmaps[i].uri, offered->common.extmaps[i].id, offered->common.extmaps[i].direction};
    media->extensions = extensions;
    media->extension_count = offered->common.extmap_count;
    return 0;
}

/* Of an m-line that nothing was agreed on for. */
static int begin_media(jsep_plan_t *plan, const entry_t *entry, const sdp_media_t *offered, jsep_media_t *media)
{
    const jsep_configuration_t *configuration = &plan->session->configuration;
    const jsep_transceiver_t *t = &entry->transceiver->public;
    *media = (jsep_media_t){.mid = arena_string(&plan->box->arena, entry->slots.mid),
                            .extmap_allow_mixed = offered->common.extmap_allow_mixed,
                            .rtcp_rsize = offered->rtcp_rsize,
                            .rcvr_rtt = configuration->rcvr_rtt,
                            .ssrc = t->ssrc,
                            .rtx_ssrc = t->rtx_ssrc,
                            .cname = configuration->cname};
    return media->mid != NULL ? add_extensions(plan, offered, media) : error_no_memory();
}

/* What was agreed on in the stable state, which is kept as long as the offer is pending: early media may point into it. */
static const slots_t *agreed_slots(const jsep_plan_t *plan, const entry_t *entry)
{
    const state_t *stable = plan->takes_stable ? &plan->stable : &plan->session->stable;
    const entry_t *old = jsep_state_entry_of(stable, entry->transceiver);
    return old != NULL ? &old->slots : NULL;
}

static int set_media(jsep_plan_t *plan, entry_t *entry, box_t *box, const jsep_media_t *media)
{
    slots_t *slots = &entry->slots;
    if (slots->media == media)
        return 0;
    box = jsep_box_ref(box);
    jsep_box_unref(slots->media_box);
    slots->media_box = box;
    slots->media = media;
    return jsep_plan_line_effect(plan, JSEP_EFFECT_MEDIA, entry, slots->mline_index);
}

int jsep_negotiate_early(jsep_plan_t *plan, entry_t *entry, size_t index)
{
    const sdp_media_t *offered = &plan->description->sdp->media[index];
    const line_t *line = &plan->description->lines[index];
    const slots_t *agreed = agreed_slots(plan, entry);
    const jsep_media_t *known = agreed != NULL ? agreed->media : NULL;
    bool is_wanted = entry->slots.is_receptive && !entry->is_stopping && plan->next.transport.dtls_role != JSEP_DTLS_UNKNOWN;
    if (!is_wanted || !is_news(known, line))
        return set_media(plan, entry, agreed != NULL ? agreed->media_box : NULL, known);
    jsep_media_t *media = arena_new(&plan->box->arena, sizeof *media);
    int error = media != NULL ? 0 : error_no_memory();
    if (error == 0 && known != NULL)
        *media = *known;
    else if (error == 0)
        error = begin_media(plan, entry, offered, media);
    if (error == 0)
        error = add_payloads(plan, offered, line, media);
    if (error < 0)
        return error;
    media->direction = (sdp_direction_t)(media->direction | SDP_RECVONLY);
    media->is_early = true;
    return set_media(plan, entry, plan->box, media);
}
