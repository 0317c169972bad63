/* A rollback (W3C WebRTC §4.4.1.5, RFC 9429 §5.7): back to the last stable state, but what the application did in between stays. */
#include "base/error.h"
#include "jsep/session.h"

#include <string.h>

static bool is_for_removal(const entry_t *entry)
{
    return entry->is_of_pending_offer && !entry->transceiver->was_in_add_track;
}

static void restore_media(slots_t *slots, const slots_t *before)
{
    jsep_box_unref(slots->media_box);
    slots->media_box = jsep_box_ref(before->media_box);
    slots->media = before->media;
}

static int roll_entry_back(jsep_plan_t *plan, entry_t *entry, bool was_remote)
{
    static const slots_t never = {.mline_index = NO_LINE};
    const entry_t *old = jsep_state_entry_of(&plan->session->stable, entry->transceiver);
    const slots_t *before = old != NULL ? &old->slots : &never;
    int error = jsep_plan_own_slots(plan, &entry->slots);
    if (error < 0)
        return error;
    jsep_state_bind(&plan->next, entry, before->mline_index);
    entry->slots.mid = arena_string(&plan->box->arena, before->mid);
    if (before->mid != NULL && entry->slots.mid == NULL)
        return error_no_memory();
    /* Encodings that the offer brought go with it. */
    if (old != NULL && before->rid_count == 0)
        entry->slots.rid_count = 0;
    if (was_remote)
        error = jsep_tracks_process_remote(plan, entry, entry->slots.current_direction, before->receiver_streams.ids,
                                           entry->is_stopped ? 0 : before->receiver_streams.count);
    entry->slots.is_receptive = before->is_receptive && !entry->is_stopped;
    if (error == 0 && !receives(entry->slots.current_direction)) /* what the offer let come before an answer ends */
        error = jsep_tracks_process_removal(plan, entry);
    if (error == 0 && entry->slots.media != before->media && !entry->is_stopped) {
        restore_media(&entry->slots, before);
        error = jsep_plan_line_effect(plan, JSEP_EFFECT_MEDIA, entry, before->mline_index);
    }
    /* Stopped while it was being offered: now there is nothing left to negotiate. */
    if (error == 0 && entry->slots.mline_index == NO_LINE && entry->is_stopping && !entry->is_stopped && !is_for_removal(entry))
        error = jsep_plan_stop_entry(plan, entry);
    return error;
}

static void restore_transport(jsep_plan_t *plan)
{
    const state_t *stable = &plan->session->stable;
    state_t *next = &plan->next;
    jsep_box_unref(next->transport_box);
    jsep_box_unref(next->data_box);
    next->transport_box = jsep_box_ref(stable->transport_box);
    next->transport = stable->transport;
    next->transport_line = stable->transport_line;
    next->data_box = jsep_box_ref(stable->data_box);
    next->data = stable->data;
    next->has_data = stable->has_data;
    next->answer_ufrag[0] = '\0';
    memcpy(next->tls_id, stable->tls_id, sizeof next->tls_id);
    for (int which = JSEP_PENDING_LOCAL; which <= JSEP_PENDING_REMOTE; which += JSEP_PENDING_REMOTE - JSEP_PENDING_LOCAL) {
        jsep_description_unref(next->descriptions[which]);
        next->descriptions[which] = NULL;
    }
}

int jsep_plan_rollback(jsep_plan_t *plan)
{
    state_t *next = &plan->next;
    bool was_remote = next->signaling == JSEP_HAVE_REMOTE_OFFER;
    int error = 0;
    restore_transport(plan);
    for (size_t i = 0; error == 0 && i < next->entry_count; i++)
        error = roll_entry_back(plan, &next->entries[i], was_remote);
    for (size_t i = 0; error == 0 && i < next->entry_count; i++) {
        entry_t *entry = &next->entries[i];
        bool is_removed = is_for_removal(entry);
        entry->is_taken_over = entry->is_of_pending_offer && !is_removed;
        entry->is_of_pending_offer = false;
        if (is_removed && !entry->is_stopped)
            error = jsep_plan_stop_entry(plan, entry);
        if (is_removed && error == 0)
            error = jsep_plan_remove_entry(plan, entry);
    }
    jsep_plan_sweep(plan);
    return error;
}
