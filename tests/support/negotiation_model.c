#include "negotiation_model.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 40 /* of signaling, until nothing may be left to negotiate */

static jmp_buf failed;
static char failure[4096];

void model_fail(model_t *model, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure, sizeof failure, format, arguments);
    va_end(arguments);
    model_trace(model, "FAILED: %s", failure);
    longjmp(failed, 1);
}

void model_trace(const model_t *model, const char *format, ...)
{
    va_list arguments;
    if (!model->is_traced)
        return;
    printf("# %9.3f ms ", (double)model->now / 1000);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

jsep_session_t *model_session(const model_side_t *side)
{
    return side->model->calls->session(side->layer);
}

model_side_t *model_other(const model_side_t *side)
{
    return &side->model->sides[1 - side->index];
}

void model_on_negotiation_needed(model_side_t *side)
{
    side->events++;
    model_trace(side->model, "%d: negotiationneeded", side->index);
}

/* The event comes when the answer becomes yes in the stable state, and the flag says what the oracle says. */
static void check_needed(model_side_t *side)
{
    model_t *model = side->model;
    const jsep_session_t *session = model_session(side);
    bool expected = model_needs_negotiation(side);
    if (jsep_is_negotiation_needed(session) != expected)
        model_fail(model, "side %d: negotiation is %sneeded by the text, but not by the library", side->index, expected ? "" : "not ");
    if (jsep_signaling_state(session) == JSEP_STABLE && model->calls->is_flagged(side->layer) != expected)
        model_fail(model, "side %d: negotiation is %sneeded, and [[NegotiationNeeded]] is not so", side->index, expected ? "" : "not ");
    if (jsep_signaling_state(session) == JSEP_STABLE && expected && side->events == 0)
        model_fail(model, "side %d: negotiation is needed, and there was no event", side->index);
}

static bool has_more_to_do(model_side_t *side)
{
    jsep_session_t *session = model_session(side);
    switch (jsep_signaling_state(session)) {
    case JSEP_HAVE_LOCAL_OFFER:
        if (!side->is_held)
            break;
        model_send_offer(side);
        return true;
    case JSEP_HAVE_REMOTE_OFFER:
    case JSEP_HAVE_LOCAL_PRANSWER:
        model_answer(side, JSEP_ANSWER, NULL);
        return true;
    default:
        break;
    }
    if (side->events == 0)
        return false;
    model_act_on_negotiation_needed(side);
    return true;
}

static void come_to_rest(model_t *model)
{
    model->is_at_rest = true;
    model->delay = PEER_MILLISECOND;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        do
            model_advance(model, model->now + 20 * PEER_MILLISECOND);
        while (!model_is_signaling_empty(model));
        bool first = has_more_to_do(&model->sides[0]), second = has_more_to_do(&model->sides[1]);
        if (!first && !second)
            return;
    }
    model_fail(model, "they do not come to rest: signaling states %d and %d, negotiation needed %d and %d",
               (int)jsep_signaling_state(model_session(&model->sides[0])), (int)jsep_signaling_state(model_session(&model->sides[1])),
               jsep_is_negotiation_needed(model_session(&model->sides[0])), jsep_is_negotiation_needed(model_session(&model->sides[1])));
}

const char *model_run(model_t *model, const model_step_t *steps, size_t count)
{
    if (setjmp(failed) != 0)
        return failure;
    for (int i = 0; i < 2; i++) {
        model->sides[i].model = model;
        model->sides[i].index = i;
        model->sides[i].is_polite = i == 1;
    }
    for (size_t i = 0; i < count; i++) {
        model_do(model, &steps[i]);
        model->calls->pass_time(model, model->now);
        check_needed(&model->sides[0]);
        check_needed(&model->sides[1]);
    }
    model_trace(model, "-- at rest");
    come_to_rest(model);
    check_needed(&model->sides[0]);
    check_needed(&model->sides[1]);
    model_check_agreement(model);
    if (model->calls->check_rest != NULL)
        model->calls->check_rest(model);
    if (model->sides[0].events + model->sides[1].events > 0)
        model_fail(model, "at rest negotiation was needed once more");
    return NULL;
}

void model_clear(model_t *model)
{
    for (int i = 0; i < 2; i++) {
        model_side_t *side = &model->sides[i];
        model_drop_messages(side);
        memory_free(side->kept_offer);
        memory_free(side->kept_answer);
        for (int j = 0; j < 3; j++)
            memory_free(side->seen[j]);
    }
}
