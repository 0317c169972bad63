/* What the two applications tell each other, and what they make of it. Each side's messages arrive in their order; each description has a
 * number, so that everybody knows what an answer or a refusal belongs to. */
#include "negotiation_model.h"

#include "base/error.h"
#include "base/memory.h"

#include <peer/error.h>
#include <stdio.h>
#include <string.h>

typedef enum message_kind { DESCRIPTION, CANDIDATE, REFUSAL } message_kind_t;

struct model_message {
    model_message_t *next;
    message_kind_t kind;
    peer_time_t arrival;
    jsep_type_t type;
    unsigned number; /* the description's own; of a candidate: of the description sent before it */
    unsigned offer;  /* that is meant */
    uint32_t whim;   /* how the receiver will take it */
    char *text, *mid, *ufrag;
    int mline_index;
};

static void free_message(model_message_t *message)
{
    memory_free(message->text);
    memory_free(message->mid);
    memory_free(message->ufrag);
    memory_free(message);
}

static model_message_t *pop(model_side_t *side)
{
    model_message_t *message = side->first;
    side->first = message->next;
    if (side->first == NULL)
        side->last = NULL;
    return message;
}

void model_drop_messages(model_side_t *side)
{
    while (side->first != NULL)
        free_message(pop(side));
}

bool model_is_signaling_empty(const model_t *model)
{
    return model->sides[0].first == NULL && model->sides[1].first == NULL;
}

static model_message_t *send(model_side_t *from, message_kind_t kind, const char *text)
{
    model_side_t *to = model_other(from);
    model_message_t *message = MEMORY_NEW(model_message_t);
    message->kind = kind;
    message->text = memory_string(text);
    message->arrival = from->model->now + from->model->delay;
    message->whim = from->model->whim * 2654435761u + 12345u + from->model->numbers;
    if (to->last != NULL && message->arrival < to->last->arrival)
        message->arrival = to->last->arrival;
    if (to->last != NULL)
        to->last->next = message;
    else
        to->first = message;
    to->last = message;
    return message;
}

static model_message_t *send_description(model_side_t *from, jsep_type_t type, unsigned offer)
{
    text_t text = {0};
    jsep_type_t found;
    const jsep_session_t *session = model_session(from);
    if (!jsep_description_write(session, JSEP_PENDING_LOCAL, &found, &text) &&
        !jsep_description_write(session, JSEP_CURRENT_LOCAL, &found, &text))
        model_fail(from->model, "side %d has no local description", from->index);
    if (found != type)
        model_fail(from->model, "side %d: the local description is of type %s, not %s", from->index, jsep_type_name(found),
                   jsep_type_name(type));
    model_message_t *message = send(from, DESCRIPTION, text.data);
    text_clear(&text);
    message->type = type;
    message->offer = offer;
    message->number = from->sent = ++from->model->numbers;
    return message;
}

void model_on_candidate(model_side_t *side, const char *text, const char *mid, int mline_index, const char *ufrag)
{
    model_message_t *message = send(side, CANDIDATE, text != NULL ? text : "");
    model_trace(side->model, "%d: icecandidate %s, mid %s, %d, ufrag %s", side->index, text != NULL ? text : "null",
                mid != NULL ? mid : "null", mline_index, ufrag != NULL ? ufrag : "null");
    message->mid = memory_string(mid);
    message->ufrag = memory_string(ufrag);
    message->mline_index = mline_index;
    message->number = side->is_held ? 0 : side->sent; /* one of an offer held back comes before it */
}

static void see(model_side_t *side, jsep_type_t type, const char *sdp)
{
    if (sdp == NULL || type == JSEP_ROLLBACK)
        return;
    memory_free(side->seen[type]);
    side->seen[type] = memory_string(sdp);
}

/* Sets a description that must be taken. */
int model_set(model_side_t *side, jsep_side_t of, jsep_type_t type, const char *sdp)
{
    model_t *model = side->model;
    unsigned before = side->events;
    side->events = 0; /* the stable state begins with the flag cleared */
    int result = model->calls->set(side->layer, of, type, sdp);
    model_trace(model, "%d: set%sDescription(%s%s) %d", side->index, of == JSEP_LOCAL ? "Local" : "Remote", jsep_type_name(type),
                sdp != NULL || type == JSEP_ROLLBACK ? "" : ", made now", result);
    if (result < 0) {
        side->events = before;
        return result;
    }
    see(side, type, sdp);
    if (type == JSEP_ANSWER) {
        side->offer_kept = side->answer_kept = MODEL_KEPT_GONE;
        model_forget_credentials(side);
    }
    return result;
}

static void must_set(model_side_t *side, jsep_side_t of, jsep_type_t type, const char *sdp)
{
    if (model_set(side, of, type, sdp) < 0)
        model_fail(side->model, "side %d does not take the %s %s: %s", side->index, of == JSEP_LOCAL ? "local" : "remote",
                   jsep_type_name(type), peer_last_error_message());
}

static void refuse_ignored(model_side_t *side)
{
    if (side->ignored_offer == 0)
        return;
    send(side, REFUSAL, NULL)->offer = side->ignored_offer;
    side->ignored_offer = 0;
}

static void roll_back(model_side_t *side, uint32_t whim)
{
    must_set(side, (whim & 1) != 0 ? JSEP_LOCAL : JSEP_REMOTE, JSEP_ROLLBACK, NULL);
    if (jsep_signaling_state(model_session(side)) != JSEP_STABLE)
        model_fail(side->model, "side %d is not stable after a rollback", side->index);
}

/* ---- offers ---- */

void model_send_offer(model_side_t *side)
{
    model_message_t *message = send_description(side, JSEP_OFFER, side->local_offer);
    model_trace(side->model, "%d: sends offer %u", side->index, side->local_offer);
    message->number = side->local_offer;
    side->sent = side->local_offer;
    side->is_held = false;
}

static void make_offer(model_side_t *side, const char *text, bool is_implicit)
{
    if (!is_implicit) {
        must_set(side, JSEP_LOCAL, JSEP_OFFER, text);
    } else {
        side->events = 0;
        if (side->model->calls->set_implicitly(side->layer) < 0)
            model_fail(side->model, "side %d: no offer: %s", side->index, peer_last_error_message());
        model_trace(side->model, "%d: setLocalDescription()", side->index);
    }
    if (text == NULL && side->offer_kept == MODEL_KEPT_LAST)
        side->offer_kept = MODEL_KEPT_PERHAPS;
    side->local_offer = ++side->model->numbers;
    if (jsep_signaling_state(model_session(side)) != JSEP_HAVE_LOCAL_OFFER)
        model_fail(side->model, "side %d has set an offer, and is in another state", side->index);
}

void model_offer(model_side_t *side, const char *text, bool is_held)
{
    make_offer(side, text, text == NULL && (side->model->whim & 4) != 0);
    side->is_held = true;
    if (!is_held)
        model_send_offer(side);
}

static void take_offer(model_side_t *side, const model_message_t *message);

/* The other side has the offer and has not answered: it gets another one in its place. */
void model_reoffer_at_once(model_side_t *side)
{
    model_side_t *other = model_other(side);
    while (other->first != NULL)
        if (other->first->kind != CANDIDATE)
            return;
        else
            free_message(pop(other)); /* the new offer has it */
    make_offer(side, NULL, false);
    model_send_offer(side);
    model_message_t *message = pop(other);
    take_offer(other, message);
    free_message(message);
}

static model_message_t **find_offer(model_side_t *to, unsigned offer)
{
    for (model_message_t **at = &to->first; *at != NULL; at = &(*at)->next)
        if ((*at)->kind == DESCRIPTION && (*at)->type == JSEP_OFFER && (*at)->offer == offer)
            return at;
    return NULL;
}

/* The offer is taken back, if the other side does not have it. */
void model_withdraw(model_side_t *side)
{
    model_side_t *other = model_other(side);
    model_message_t **at = find_offer(other, side->local_offer);
    if (!side->is_held && at == NULL && other->ignored_offer != side->local_offer)
        return;
    if (at != NULL) {
        model_message_t *message = *at;
        *at = message->next;
        other->last = other->first;
        while (other->last != NULL && other->last->next != NULL)
            other->last = other->last->next;
        free_message(message);
    }
    roll_back(side, side->model->whim);
    side->local_offer = 0;
    refuse_ignored(side);
}

/* The remote offer is not answered, and the other side told so. */
void model_refuse(model_side_t *side)
{
    roll_back(side, side->model->whim);
    side->applied = side->stable_applied;
    send(side, REFUSAL, NULL)->offer = side->remote_offer;
    side->remote_offer = 0;
}

static void on_refusal(model_side_t *side, const model_message_t *message)
{
    if (side->local_offer != message->offer)
        return; /* it has given way already */
    roll_back(side, message->whim);
    side->local_offer = 0;
    side->ignored_offer = 0;
}

void model_answer(model_side_t *side, jsep_type_t type, const char *text)
{
    jsep_session_t *session = model_session(side);
    if (text == NULL && type == JSEP_ANSWER && (side->model->whim & 8) != 0) {
        side->events = 0;
        if (side->model->calls->set_implicitly(side->layer) < 0)
            model_fail(side->model, "side %d: no answer: %s", side->index, peer_last_error_message());
        model_trace(side->model, "%d: setLocalDescription()", side->index);
        side->offer_kept = side->answer_kept = MODEL_KEPT_GONE;
        model_forget_credentials(side);
    } else {
        must_set(side, JSEP_LOCAL, type, text);
    }
    if (text == NULL && side->answer_kept == MODEL_KEPT_LAST)
        side->answer_kept = MODEL_KEPT_PERHAPS;
    if (jsep_signaling_state(session) != (type == JSEP_ANSWER ? JSEP_STABLE : JSEP_HAVE_LOCAL_PRANSWER))
        model_fail(side->model, "side %d has set a %s, and is in another state", side->index, jsep_type_name(type));
    send_description(side, type, side->remote_offer);
    if (type != JSEP_ANSWER)
        return;
    side->stable_applied = side->applied;
    side->remote_offer = 0;
}

static void take_offer(model_side_t *side, const model_message_t *message)
{
    must_set(side, JSEP_REMOTE, JSEP_OFFER, message->text);
    side->remote_offer = message->offer;
    side->applied = message->number;
    side->local_offer = 0;
    side->is_held = false;
    if (side->answer_kept == MODEL_KEPT_LAST)
        side->answer_kept = MODEL_KEPT_PERHAPS; /* it was one to another offer, and holds if it answers this one, too */
    if (jsep_signaling_state(model_session(side)) != JSEP_HAVE_REMOTE_OFFER)
        model_fail(side->model, "side %d has set a remote offer, and is in another state", side->index);
}

static void on_offer(model_side_t *side, const model_message_t *message)
{
    jsep_state_t state = jsep_signaling_state(model_session(side));
    bool gives_way = side->is_polite || (side->is_held && (message->whim & 2) != 0);
    if (state == JSEP_HAVE_LOCAL_OFFER && !gives_way) {
        model_trace(side->model, "%d: ignores offer %u", side->index, message->offer);
        side->ignored_offer = message->offer;
        return;
    }
    if (state == JSEP_HAVE_LOCAL_OFFER && (message->whim & 4) != 0)
        roll_back(side, message->whim >> 3);
    else if (state != JSEP_STABLE && state != JSEP_HAVE_LOCAL_OFFER)
        model_fail(side->model, "side %d gets an offer in the state %s: the model is wrong", side->index, jsep_state_name(state));
    take_offer(side, message);
    if (side->model->is_at_rest || (message->whim & 0x30) != 0)
        model_answer(side, JSEP_ANSWER, NULL);
}

static void on_answer(model_side_t *side, const model_message_t *message)
{
    if (side->local_offer != message->offer)
        model_fail(side->model, "side %d gets an answer to offer %u in the place of %u: the model is wrong", side->index, message->offer,
                   side->local_offer);
    must_set(side, JSEP_REMOTE, message->type, message->text);
    side->applied = message->number;
    if (jsep_signaling_state(model_session(side)) != (message->type == JSEP_ANSWER ? JSEP_STABLE : JSEP_HAVE_REMOTE_PRANSWER))
        model_fail(side->model, "side %d has set a remote %s, and is in another state", side->index, jsep_type_name(message->type));
    if (message->type != JSEP_ANSWER)
        return;
    side->stable_applied = side->applied;
    side->local_offer = 0;
    side->ignored_offer = 0;
}

/* One that belongs to the description that holds must be taken, whichever way its m-line is named. */
static void on_candidate(model_side_t *side, const model_message_t *message)
{
    bool may_fail = message->number == 0 || message->number != side->applied;
    const char *mid = (message->whim & 6) != 0 ? message->mid : NULL;
    int mline_index = (message->whim & 6) != 2 ? message->mline_index : -1;
    const char *ufrag = (message->whim & 8) != 0 && !may_fail ? NULL : message->ufrag;
    int result = side->model->calls->add_candidate(side->layer, message->text, mid, mline_index, ufrag);
    model_trace(side->model, "%d: addIceCandidate(\"%.30s\") of %u: %d", side->index, message->text, message->number, result);
    if (result < 0 && !may_fail)
        model_fail(side->model, "side %d refuses the candidate \"%s\" (mid %s, %d, ufrag %s): %s", side->index, message->text,
                   mid != NULL ? mid : "-", mline_index, ufrag != NULL ? ufrag : "-", peer_last_error_message());
}

static void deliver(model_side_t *side)
{
    model_message_t *message = pop(side);
    switch (message->kind) {
    case DESCRIPTION:
        if (message->type == JSEP_OFFER)
            on_offer(side, message);
        else
            on_answer(side, message);
        break;
    case CANDIDATE:
        on_candidate(side, message);
        break;
    case REFUSAL:
        on_refusal(side, message);
        break;
    }
    free_message(message);
}

/* W3C WebRTC §10.7: an event that comes late finds the state changed; then there will be another. */
void model_act_on_negotiation_needed(model_side_t *side)
{
    side->events = 0;
    if (jsep_signaling_state(model_session(side)) == JSEP_STABLE && side->model->calls->is_flagged(side->layer))
        model_offer(side, NULL, false);
}

void model_advance(model_t *model, peer_time_t until)
{
    for (;;) {
        model_side_t *next = NULL;
        for (int i = 0; i < 2; i++)
            if (model->sides[i].first != NULL && model->sides[i].first->arrival <= until &&
                (next == NULL || model->sides[i].first->arrival < next->first->arrival))
                next = &model->sides[i];
        if (next == NULL)
            break;
        if (next->first->arrival > model->now)
            model->now = next->first->arrival;
        model->calls->pass_time(model, model->now);
        deliver(next);
    }
    model->now = until;
    model->calls->pass_time(model, until);
}
