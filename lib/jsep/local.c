/* What a local description changes (W3C WebRTC §4.4.1.5, the part "if remote is false"; RFC 9429 §5.9). */
#include "base/error.h"
#include "jsep/session.h"

#include <string.h>

/* The transceiver an m-line was made from gets the m-line and its mid. */
static int associate(jsep_plan_t *plan, size_t index)
{
    const description_t *description = plan->description;
    entry_t *entry = jsep_state_entry_by_line(&plan->next, (int)index);
    if (entry != NULL || description->lines[index].transceiver == 0)
        return 0;
    entry = jsep_state_entry_by_id(&plan->next, description->lines[index].transceiver);
    if (entry == NULL || entry->slots.mline_index != NO_LINE)
        return 0;
    int error = jsep_plan_own_slots(plan, &entry->slots);
    if (error < 0)
        return error;
    jsep_state_bind(&plan->next, entry, (int)index);
    entry->slots.mid = arena_string(&plan->box->arena, description->sdp->media[index].mid);
    return entry->slots.mid != NULL ? 0 : error_no_memory();
}

/* RFC 8853 §5.3: the layers our answer leaves out are no longer sent. One that sends nothing for now says nothing of them. */
static int keep_layers(jsep_plan_t *plan, entry_t *entry, const sdp_media_t *media)
{
    slots_t *slots = &entry->slots;
    const char *kept[JSEP_ENCODINGS_MAX];
    size_t count = 0;
    if (slots->rid_count < 2)
        return 0;
    for (size_t i = 0; i < slots->rid_count; i++)
        for (size_t j = 0; j < media->rid_count; j++)
            if (media->rids[j].direction == SDP_SENDONLY && strcmp(media->rids[j].id, slots->rids[i]) == 0)
                kept[count++] = slots->rids[i];
    if (count == 0)
        kept[count++] = slots->rids[0];
    int error = jsep_plan_own_slots(plan, slots);
    slots->rid_count = count;
    return error < 0 ? error : jsep_slots_set_strings(&plan->box->arena, kept, count, &slots->rids);
}

static int apply_answer(jsep_plan_t *plan, entry_t *entry, const sdp_media_t *media, int direction)
{
    slots_t *slots = &entry->slots;
    bool has_added = false;
    int error = sends(direction) ? keep_layers(plan, entry, media) : 0;
    if (error == 0 && !receives(direction) && receives(slots->fired_direction)) {
        error = jsep_tracks_set_streams(plan, entry, NULL, 0, &has_added);
        if (error == 0)
            error = jsep_tracks_process_removal(plan, entry);
    }
    if (slots->current_direction != direction && error == 0)
        error = jsep_plan_line_effect(plan, JSEP_EFFECT_CURRENT_DIRECTION, entry, slots->mline_index);
    slots->current_direction = direction;
    slots->fired_direction = direction;
    return error;
}

static int apply_line(jsep_plan_t *plan, size_t index)
{
    const sdp_media_t *media = &plan->description->sdp->media[index];
    int error = associate(plan, index);
    entry_t *entry = jsep_state_entry_by_line(&plan->next, (int)index);
    if (error < 0 || entry == NULL || entry->is_stopped)
        return error;
    int direction = is_rejected(media) ? SDP_INACTIVE : (int)sdp_media_direction(plan->description->sdp, media);
    entry->slots.is_receptive = receives(direction);
    if (plan->type == JSEP_OFFER)
        return is_rejected(media) ? 0 : jsep_negotiate_early(plan, entry, index);
    error = apply_answer(plan, entry, media, direction);
    if (error == 0 && is_rejected(media) && plan->type == JSEP_ANSWER)
        error = jsep_plan_stop_entry(plan, entry);
    return error;
}

int jsep_plan_local(jsep_plan_t *plan)
{
    const sdp_t *sdp = plan->description->sdp;
    int error = 0;
    for (size_t i = 0; error == 0 && i < sdp->media_count; i++)
        error = apply_line(plan, i);
    if (error == 0)
        error = jsep_transport_set_local(plan, plan->description);
    if (error < 0 || plan->type == JSEP_OFFER)
        return error;
    const state_t *next = &plan->next;
    const description_t *remote =
        plan->type == JSEP_ANSWER ? next->descriptions[JSEP_CURRENT_REMOTE] : next->descriptions[JSEP_PENDING_REMOTE];
    int tag = plan->description->tag;
    if (tag != NO_LINE)
        error = jsep_transport_set_remote(plan, remote->sdp, tag);
    if (error == 0 && tag != NO_LINE)
        error = jsep_transport_set_role(plan, sdp->media[tag].common.setup, true);
    return error == 0 ? jsep_negotiate(plan, plan->description, remote->sdp, sdp) : error;
}
