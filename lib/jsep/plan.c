/* Setting a description, in two halves: a plan that may fail, and applying it, which cannot. The signaling state machine is here. */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <assert.h>
#include <string.h>

static const struct {
    jsep_state_t from;
    jsep_side_t side;
    jsep_type_t type;
    jsep_state_t to;
} transitions[] = {
    /* RFC 9429 §3.2; which rollbacks W3C WebRTC §4.4.1.5 allows */
    {JSEP_STABLE, JSEP_LOCAL, JSEP_OFFER, JSEP_HAVE_LOCAL_OFFER},
    {JSEP_STABLE, JSEP_REMOTE, JSEP_OFFER, JSEP_HAVE_REMOTE_OFFER},
    {JSEP_HAVE_LOCAL_OFFER, JSEP_LOCAL, JSEP_OFFER, JSEP_HAVE_LOCAL_OFFER},
    {JSEP_HAVE_LOCAL_OFFER, JSEP_REMOTE, JSEP_PRANSWER, JSEP_HAVE_REMOTE_PRANSWER},
    {JSEP_HAVE_LOCAL_OFFER, JSEP_REMOTE, JSEP_ANSWER, JSEP_STABLE},
    {JSEP_HAVE_LOCAL_OFFER, JSEP_LOCAL, JSEP_ROLLBACK, JSEP_STABLE},
    {JSEP_HAVE_LOCAL_OFFER, JSEP_REMOTE, JSEP_ROLLBACK, JSEP_STABLE},
    {JSEP_HAVE_REMOTE_OFFER, JSEP_REMOTE, JSEP_OFFER, JSEP_HAVE_REMOTE_OFFER},
    {JSEP_HAVE_REMOTE_OFFER, JSEP_LOCAL, JSEP_PRANSWER, JSEP_HAVE_LOCAL_PRANSWER},
    {JSEP_HAVE_REMOTE_OFFER, JSEP_LOCAL, JSEP_ANSWER, JSEP_STABLE},
    {JSEP_HAVE_REMOTE_OFFER, JSEP_LOCAL, JSEP_ROLLBACK, JSEP_STABLE},
    {JSEP_HAVE_REMOTE_OFFER, JSEP_REMOTE, JSEP_ROLLBACK, JSEP_STABLE},
    {JSEP_HAVE_LOCAL_PRANSWER, JSEP_LOCAL, JSEP_PRANSWER, JSEP_HAVE_LOCAL_PRANSWER},
    {JSEP_HAVE_LOCAL_PRANSWER, JSEP_LOCAL, JSEP_ANSWER, JSEP_STABLE},
    {JSEP_HAVE_REMOTE_PRANSWER, JSEP_REMOTE, JSEP_PRANSWER, JSEP_HAVE_REMOTE_PRANSWER},
    {JSEP_HAVE_REMOTE_PRANSWER, JSEP_REMOTE, JSEP_ANSWER, JSEP_STABLE},
};

int jsep_next_state(jsep_state_t state, jsep_side_t side, jsep_type_t type, jsep_state_t *next)
{
    for (size_t i = 0; i < sizeof transitions / sizeof *transitions; i++) {
        if (transitions[i].from == state && transitions[i].side == side && transitions[i].type == type) {
            *next = transitions[i].to;
            return 0;
        }
    }
    return error_set(PEER_ERROR_INVALID_STATE, "a %s %s cannot be set in the signaling state \"%s\"",
                     side == JSEP_LOCAL ? "local" : "remote", jsep_type_name(type), jsep_state_name(state));
}

jsep_effect_t *jsep_plan_effect(jsep_plan_t *plan, jsep_effect_type_t type)
{
    void *effects = plan->effects;
    bool has_room = memory_reserve(&effects, &plan->effect_capacity, plan->effect_count + 1, sizeof *plan->effects);
    plan->effects = effects;
    if (!has_room) {
        error_no_memory();
        return NULL;
    }
    jsep_effect_t *effect = &plan->effects[plan->effect_count++];
    *effect = (jsep_effect_t){.type = type, .mline_index = NO_LINE};
    return effect;
}

int jsep_plan_line_effect(jsep_plan_t *plan, jsep_effect_type_t type, entry_t *entry, int mline_index)
{
    jsep_effect_t *effect = jsep_plan_effect(plan, type);
    if (effect == NULL)
        return PEER_ERROR_NO_MEMORY;
    effect->transceiver = entry != NULL ? &entry->transceiver->public : NULL;
    effect->mline_index = mline_index;
    effect->mid = entry != NULL ? entry->slots.mid : NULL;
    return 0;
}

/* The effects of this phase by type, those of one type as they arose. */
void jsep_plan_sort_phase(jsep_plan_t *plan)
{
    size_t count = plan->effect_count - plan->effect_phase;
    jsep_effect_t *effects = count > 0 ? plan->effects + plan->effect_phase : NULL;
    size_t starts[JSEP_EFFECT_TRACK + 2] = {0};
    jsep_effect_t *sorted = count > 1 ? memory_array(count, sizeof *sorted) : NULL;
    plan->effect_phase = plan->effect_count;
    if (sorted == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        starts[effects[i].type + 1]++;
    for (size_t i = 1; i < sizeof starts / sizeof *starts; i++)
        starts[i] += starts[i - 1];
    for (size_t i = 0; i < count; i++)
        sorted[starts[effects[i].type]++] = effects[i];
    memcpy(effects, sorted, count * sizeof *sorted);
    memory_free(sorted);
}

int jsep_plan_own_slots(jsep_plan_t *plan, slots_t *slots)
{
    if (slots->box == plan->box)
        return 0;
    arena_t *arena = &plan->box->arena;
    const char *mid = arena_string(arena, slots->mid);
    if ((slots->mid != NULL && mid == NULL) || jsep_slots_set_strings(arena, slots->rids, slots->rid_count, &slots->rids) < 0 ||
        jsep_slots_set_strings(arena, slots->receiver_streams.ids, slots->receiver_streams.count, &slots->receiver_streams.ids) < 0)
        return error_no_memory();
    slots->mid = mid;
    jsep_box_unref(slots->box);
    slots->box = jsep_box_ref(plan->box);
    return 0;
}

static bool append_transceiver(transceiver_t ***items, size_t *count, size_t *capacity, transceiver_t *transceiver)
{
    void *memory = *items;
    bool has_room = memory_reserve(&memory, capacity, *count + 1, sizeof **items);
    *items = memory;
    if (has_room)
        (*items)[(*count)++] = transceiver;
    else
        error_no_memory();
    return has_room;
}

entry_t *jsep_plan_create_entry(jsep_plan_t *plan, jsep_kind_t kind, const char *receiver_track)
{
    state_t *next = &plan->next;
    if (next->entry_count >= JSEP_TRANSCEIVERS_MAX) {
        error_set(PEER_ERROR_QUOTA_EXCEEDED, "more than %d transceivers", JSEP_TRANSCEIVERS_MAX);
        return NULL;
    }
    assert(next->entry_count < next->entry_capacity);
    transceiver_t *t = jsep_transceiver_new(plan->session, kind, plan->next_id++, receiver_track);
    if (t == NULL || !append_transceiver(&plan->created, &plan->created_count, &plan->created_capacity, t)) {
        jsep_transceiver_free(plan->session, t);
        error_no_memory();
        return NULL;
    }
    entry_t *entry = &next->entries[next->entry_count];
    slots_t slots = {.mline_index = NO_LINE, .current_direction = JSEP_NO_DIRECTION, .fired_direction = JSEP_NO_DIRECTION};
    jsep_extensions_init(plan->session, next, kind, &slots.extensions);
    *entry = (entry_t){.transceiver = t, .slots = slots, .is_of_pending_offer = true};
    next->entry_count++;
    return jsep_plan_line_effect(plan, JSEP_EFFECT_TRANSCEIVER_CREATED, entry, NO_LINE) == 0 ? entry : NULL;
}

int jsep_plan_stop_entry(jsep_plan_t *plan, entry_t *entry)
{
    if (entry->slots.media != NULL && jsep_plan_line_effect(plan, JSEP_EFFECT_MEDIA, entry, entry->slots.mline_index) < 0)
        return PEER_ERROR_NO_MEMORY;
    entry->is_stopping = entry->is_stopped = true;
    entry->slots.is_receptive = false;
    entry->slots.current_direction = JSEP_NO_DIRECTION;
    entry->slots.media = NULL;
    return jsep_plan_line_effect(plan, JSEP_EFFECT_TRANSCEIVER_STOPPED, entry, entry->slots.mline_index);
}

int jsep_plan_remove_entry(jsep_plan_t *plan, entry_t *entry)
{
    if (jsep_plan_line_effect(plan, JSEP_EFFECT_TRANSCEIVER_REMOVED, entry, entry->slots.mline_index) < 0 ||
        !append_transceiver(&plan->removed, &plan->removed_count, &plan->removed_capacity, entry->transceiver))
        return PEER_ERROR_NO_MEMORY;
    entry->is_removed = true;
    return 0;
}

void jsep_plan_sweep(jsep_plan_t *plan)
{
    state_t *next = &plan->next;
    size_t kept = 0;
    for (size_t i = 0; i < next->entry_count; i++) {
        if (next->entries[i].is_removed) {
            jsep_box_unref(next->entries[i].slots.box);
            jsep_box_unref(next->entries[i].slots.media_box);
        } else {
            next->entries[kept++] = next->entries[i];
        }
    }
    if (kept == next->entry_count)
        return;
    next->entry_count = kept;
    jsep_state_bind_all(next);
}

static void set_description(state_t *state, jsep_which_t which, description_t *description, jsep_type_t type)
{
    jsep_description_ref(description);
    jsep_description_unref(state->descriptions[which]);
    state->descriptions[which] = description;
    state->types[which] = type;
}

/* W3C WebRTC §4.4.1.5: which attribute the description becomes. An answer makes both sides' pending ones current. */
static void place_description(jsep_plan_t *plan, jsep_type_t type)
{
    state_t *next = &plan->next;
    bool is_local = plan->side == JSEP_LOCAL;
    jsep_which_t pending = is_local ? JSEP_PENDING_LOCAL : JSEP_PENDING_REMOTE;
    if (type != JSEP_ANSWER) {
        set_description(next, pending, plan->description, type);
        return;
    }
    jsep_which_t other_pending = is_local ? JSEP_PENDING_REMOTE : JSEP_PENDING_LOCAL;
    jsep_which_t other_current = is_local ? JSEP_CURRENT_REMOTE : JSEP_CURRENT_LOCAL;
    set_description(next, is_local ? JSEP_CURRENT_LOCAL : JSEP_CURRENT_REMOTE, plan->description, type);
    set_description(next, other_current, next->descriptions[other_pending], next->types[other_pending]);
    set_description(next, JSEP_PENDING_LOCAL, NULL, JSEP_OFFER);
    set_description(next, JSEP_PENDING_REMOTE, NULL, JSEP_OFFER);
}

static bool line_is_rejected(const state_t *state, jsep_which_t which, int index)
{
    const description_t *description = state->descriptions[which];
    return description != NULL && index >= 0 && (size_t)index < description->sdp->media_count &&
           is_rejected(&description->sdp->media[index]);
}

/* An answer is the end of transceivers that are stopped and whose m-line is rejected, or that never had one. */
static int remove_stopped(jsep_plan_t *plan)
{
    state_t *next = &plan->next;
    for (size_t i = 0; i < next->entry_count; i++) {
        entry_t *entry = &next->entries[i];
        int line = entry->slots.mline_index;
        bool is_gone =
            line == NO_LINE || line_is_rejected(next, JSEP_CURRENT_LOCAL, line) || line_is_rejected(next, JSEP_CURRENT_REMOTE, line);
        entry->is_of_pending_offer = false;
        if (entry->is_stopped && is_gone && jsep_plan_remove_entry(plan, entry) < 0)
            return PEER_ERROR_NO_MEMORY;
    }
    jsep_plan_sweep(plan);
    return 0;
}

/* Those that were to be offered when they were stopped, and were not: nothing that comes can give them an m-line. */
static int stop_unassociated(jsep_plan_t *plan)
{
    state_t *next = &plan->next;
    for (size_t i = 0; i < next->entry_count; i++) {
        entry_t *entry = &next->entries[i];
        if (entry->is_stopping && !entry->is_stopped && entry->slots.mline_index == NO_LINE && jsep_plan_stop_entry(plan, entry) < 0)
            return PEER_ERROR_NO_MEMORY;
    }
    return 0;
}

static int tell_state(jsep_plan_t *plan, jsep_state_t before)
{
    if (plan->next.signaling == before)
        return 0;
    jsep_effect_t *effect = jsep_plan_effect(plan, JSEP_EFFECT_SIGNALING_STATE);
    if (effect == NULL)
        return PEER_ERROR_NO_MEMORY;
    effect->state = plan->next.signaling;
    return 0;
}

/* The whole of one step that is not a rollback. */
static int plan_description(jsep_plan_t *plan, jsep_type_t type)
{
    state_t *next = &plan->next;
    jsep_state_t before = next->signaling, after = before;
    int error = jsep_next_state(before, plan->side, type, &after);
    if (error == 0 && before == JSEP_STABLE) {
        error = jsep_state_copy(next, 0, 0, &plan->stable);
        plan->takes_stable = error == 0;
    }
    if (error < 0)
        return error;
    place_description(plan, type);
    next->signaling = after;
    plan->drops_stable = after == JSEP_STABLE;
    error = plan->side == JSEP_LOCAL ? jsep_plan_local(plan) : jsep_plan_remote(plan);
    if (error == 0 && (type == JSEP_ANSWER || (type == JSEP_OFFER && plan->side == JSEP_LOCAL)))
        error = stop_unassociated(plan);
    if (error == 0 && type == JSEP_ANSWER)
        error = remove_stopped(plan);
    if (error == 0 && type == JSEP_ANSWER)
        error = jsep_transport_close_if_unused(plan);
    if (error == 0 && !plan->closes_transport)
        error = jsep_transport_tell(plan, plan->rolled_back.entries != NULL ? &plan->rolled_back : &plan->session->state);
    if (error == 0)
        error = tell_state(plan, before);
    jsep_plan_sort_phase(plan);
    return error;
}

static int roll_back(jsep_plan_t *plan)
{
    jsep_state_t before = plan->next.signaling, after = before;
    int error = jsep_next_state(before, plan->side, JSEP_ROLLBACK, &after);
    if (error == 0)
        error = jsep_plan_rollback(plan);
    if (error < 0)
        return error;
    plan->next.signaling = after;
    plan->drops_stable = true;
    error = jsep_transport_tell(plan, &plan->session->state);
    if (error == 0)
        error = tell_state(plan, before);
    jsep_plan_sort_phase(plan);
    return error;
}

static int new_plan(jsep_session_t *session, jsep_side_t side, const description_t *description, jsep_plan_t **plan)
{
    size_t line_count = description != NULL ? description->sdp->media_count : 0;
    size_t more_entries = side == JSEP_REMOTE ? line_count : 0;
    jsep_plan_t *p = MEMORY_NEW(jsep_plan_t);
    if (p == NULL)
        return error_no_memory();
    p->session = session;
    p->side = side;
    p->next_id = session->next_id;
    session->state.transport.is_dtls_new = false; /* it was told */
    p->box = jsep_box_new();
    int error = p->box != NULL ? jsep_state_copy(&session->state, more_entries, line_count, &p->next) : error_no_memory();
    if (error == 0) {
        p->list_capacity = p->next.entry_capacity != 0 ? p->next.entry_capacity : 1;
        p->list = memory_array(p->list_capacity, sizeof *p->list);
        error = p->list != NULL ? 0 : error_no_memory();
    }
    if (error < 0) {
        jsep_plan_free(p);
        return error;
    }
    *plan = p;
    return 0;
}

/* W3C §4.4.2 setLocalDescription: what the state asks for when no type is given. */
static jsep_type_t implied_type(jsep_state_t state)
{
    return state == JSEP_STABLE || state == JSEP_HAVE_LOCAL_OFFER || state == JSEP_HAVE_REMOTE_PRANSWER ? JSEP_OFFER : JSEP_ANSWER;
}

static bool has_text(const jsep_description_t *given)
{
    return given != NULL && given->sdp != NULL && given->length != 0;
}

/* W3C §4.4.2 setLocalDescription, steps 4.2 and 4.3: text that is given has to be what was created last. */
static int check_local_text(jsep_session_t *session, const jsep_description_t *given, jsep_type_t type)
{
    const description_t *last = type == JSEP_OFFER ? session->last_offer : session->last_answer;
    if (!has_text(given) || type == JSEP_ROLLBACK)
        return 0;
    if (last == NULL || strlen(last->text) != given->length || memcmp(last->text, given->sdp, given->length) != 0)
        return error_set(PEER_ERROR_INVALID_MODIFICATION, "the %s is not the one that was created last", jsep_type_name(type));
    jsep_state_t state = session->state.signaling;
    bool can_answer = state == JSEP_HAVE_REMOTE_OFFER || state == JSEP_HAVE_LOCAL_PRANSWER;
    return type != JSEP_OFFER && can_answer && session->is_last_answer_old ? jsep_renew_answer(session) : 0;
}

/* What was created last, or, where nothing was given, what is created now. */
static int local_description(jsep_session_t *session, const jsep_description_t *given, jsep_type_t type, description_t **description)
{
    description_t *last = type == JSEP_OFFER ? session->last_offer : session->last_answer;
    if (!has_text(given))
        return type == JSEP_OFFER ? jsep_offer_build(session, NULL, description) : jsep_answer_build(session, description);
    *description = jsep_description_ref(last);
    return jsep_description_add_candidates(session, last);
}

/* RFC 9143 §6: a=bundle-only has a meaning in offers, with port zero, inside a BUNDLE group. */
static void drop_idle_bundle_only(sdp_t *sdp, jsep_type_t type)
{
    for (size_t i = 0; i < sdp->media_count; i++)
        if (type != JSEP_OFFER || sdp->media[i].port != 0 || sdp->media[i].bundle_tag == 0)
            sdp->media[i].bundle_only = false;
}

static int remote_description(const jsep_description_t *given, description_t **description)
{
    sdp_t *sdp = NULL;
    int error = sdp_parse(given->sdp != NULL ? given->sdp : "", given->sdp != NULL ? given->length : 0, &sdp);
    if (error < 0)
        return error;
    drop_idle_bundle_only(sdp, given->type);
    *description = jsep_description_new(sdp);
    return *description != NULL ? 0 : error_no_memory();
}

static int read_description(jsep_session_t *session, jsep_side_t side, const jsep_description_t *given, jsep_type_t type, bool rolls_back,
                            description_t **description)
{
    if (type == JSEP_ROLLBACK)
        return 0;
    jsep_state_t after;
    int error = side == JSEP_LOCAL ? check_local_text(session, given, type) : 0;
    if (error == 0)
        error = jsep_next_state(rolls_back ? JSEP_STABLE : session->state.signaling, side, type, &after);
    if (error < 0)
        return error;
    return side == JSEP_LOCAL ? local_description(session, given, type, description) : remote_description(given, description);
}

int jsep_plan(jsep_session_t *session, jsep_side_t side, const jsep_description_t *given, jsep_plan_t **plan)
{
    int error = jsep_check_open(session);
    if (error < 0)
        return error;
    if (given == NULL && side == JSEP_REMOTE)
        return error_set(PEER_ERROR_TYPE, "a remote description is needed");
    jsep_type_t type = given != NULL ? given->type : implied_type(session->state.signaling);
    bool rolls_back = side == JSEP_REMOTE && type == JSEP_OFFER && session->state.signaling == JSEP_HAVE_LOCAL_OFFER;
    description_t *description = NULL;
    error = read_description(session, side, given, type, rolls_back, &description);
    if (error < 0)
        return error;
    jsep_plan_t *p = NULL;
    error = new_plan(session, side, description, &p);
    if (error < 0) {
        jsep_description_unref(description);
        return error;
    }
    p->type = type;
    p->description = description;
    if (type == JSEP_ROLLBACK || rolls_back)
        error = roll_back(p);
    if (error == 0 && rolls_back)
        error = jsep_state_copy(&p->next, 0, 0, &p->rolled_back);
    if (error == 0 && type != JSEP_ROLLBACK)
        error = plan_description(p, type);
    if (error < 0)
        jsep_plan_free(p);
    else
        *plan = p;
    return error;
}

/* What was created before can no longer be set; the text was only kept to know it again. */
static void finish_answer(jsep_session_t *session)
{
    description_t *local = session->state.descriptions[JSEP_CURRENT_LOCAL];
    if (local != NULL) {
        memory_free(local->text);
        local->text = NULL;
    }
    jsep_description_unref(session->last_offer);
    jsep_description_unref(session->last_answer);
    session->last_offer = session->last_answer = NULL;
    session->state.answer_ufrag[0] = '\0';
    session->next_ufrag[0] = '\0';
    jsep_restart_finish(session);
}

void jsep_apply(jsep_session_t *session, jsep_plan_t *plan)
{
    assert(plan->session == session && !plan->is_applied);
    state_t before = session->state;
    session->state = plan->next;
    plan->next = before;
    plan->is_applied = true;

    jsep_transceiver_t **list = session->list;
    size_t list_capacity = session->list_capacity;
    session->list = plan->list;
    session->list_capacity = plan->list_capacity;
    plan->list = list;
    plan->list_capacity = list_capacity;
    for (size_t i = 0; i < session->state.entry_count; i++) {
        entry_t *entry = &session->state.entries[i];
        session->list[i] = &entry->transceiver->public;
        jsep_transceiver_sync(entry);
        entry->mutes = false;
        if (entry->is_taken_over) /* a later offer may take it again (RFC 9429 §5.10) */
            entry->transceiver->is_by_add_track = true;
        entry->is_taken_over = false;
    }
    for (size_t i = 0; i < plan->removed_count; i++) {
        jsep_transceiver_t *t = &plan->removed[i]->public;
        t->is_stopping = t->is_stopped = true;
        t->current_direction = JSEP_NO_DIRECTION;
        t->media = NULL;
    }
    session->next_id = plan->next_id;
    session->first_unused[JSEP_AUDIO] = session->first_unused[JSEP_VIDEO] = 0;
    if (plan->description != NULL)
        jsep_numbering_keep_extensions(session, plan->description->sdp);
    if (plan->side == JSEP_LOCAL && plan->description != NULL) {
        uint64_t version = plan->description->sdp->origin.session_version;
        if (version > session->session_version) /* one that was created to be set at once */
            session->session_version = version;
        if (plan->description->next_mid > session->next_mid)
            session->next_mid = plan->description->next_mid;
        jsep_numbering_keep(session, plan->description);
    }
    if (plan->takes_stable || plan->drops_stable)
        jsep_state_clear(&session->stable);
    session->has_stable = plan->takes_stable && session->state.signaling != JSEP_STABLE;
    if (plan->takes_stable) {
        session->stable = plan->stable;
        plan->stable = (state_t){0};
    }
    if (plan->type == JSEP_ANSWER) {
        finish_answer(session);
        if (plan->closes_transport)
            jsep_new_credentials(session);
    } else if (plan->type == JSEP_ROLLBACK || plan->rolled_back.entries != NULL) {
        session->next_ufrag[0] = '\0'; /* those of the offer that was rolled back are known to the other side */
    }
    if (plan->type == JSEP_OFFER && plan->side == JSEP_REMOTE)
        session->is_last_answer_old = true;
}

const jsep_effect_t *jsep_plan_effects(const jsep_plan_t *plan, size_t *count)
{
    *count = plan->effect_count;
    return plan->effects;
}

void jsep_plan_free(jsep_plan_t *plan)
{
    if (plan == NULL)
        return;
    transceiver_t **dead = plan->is_applied ? plan->removed : plan->created;
    size_t dead_count = plan->is_applied ? plan->removed_count : plan->created_count;
    for (size_t i = 0; i < dead_count; i++)
        jsep_transceiver_free(plan->session, dead[i]);
    memory_free(plan->created);
    memory_free(plan->removed);
    memory_free(plan->effects);
    memory_free(plan->list);
    jsep_state_clear(&plan->next);
    jsep_state_clear(&plan->stable);
    jsep_state_clear(&plan->rolled_back);
    jsep_description_unref(plan->description);
    jsep_box_unref(plan->box);
    memory_free(plan);
}
