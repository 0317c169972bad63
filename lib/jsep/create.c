/* createOffer() and createAnswer(): what is given out, and kept to know it again when it is set (W3C [[LastCreatedOffer]],
 * [[LastCreatedAnswer]]). */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <string.h>

/* What follows the version in the text of a description of ours. */
static const char *behind_version(const char *text)
{
    for (int spaces = 0; spaces < 3; text++)
        spaces += *text == ' ';
    return text;
}

/* RFC 9429 §5.2.2, §5.3.2: the version rises when the text differs from what was created before; else that is given again. */
static int remember(jsep_session_t *session, description_t *created, description_t **last, text_t *sdp)
{
    text_t text = {0};
    sdp_write(created->sdp, &text);
    created->text = text_take(&text);
    if (created->text == NULL) {
        jsep_description_unref(created);
        return error_no_memory();
    }
    bool is_old = last == &session->last_answer && session->is_last_answer_old;
    if (*last != NULL && !is_old && (*last)->sdp->origin.session_version == session->session_version &&
        strcmp(behind_version((*last)->text), behind_version(created->text)) == 0) {
        jsep_description_unref(created);
    } else {
        jsep_description_unref(*last);
        *last = created;
        session->session_version = created->sdp->origin.session_version;
        if (is_old)
            session->is_last_answer_old = false;
    }
    text_add(sdp, (*last)->text);
    return 0;
}

int jsep_renew_answer(jsep_session_t *session)
{
    text_t text = {0};
    description_t *answer, *old = session->last_answer;
    int error = jsep_answer_build(session, &answer);
    if (error < 0)
        return error;
    sdp_write(answer->sdp, &text);
    char *written = text_take(&text);
    answer->text = memory_string(old->text);
    if (written == NULL || answer->text == NULL)
        error = error_no_memory();
    else if (strcmp(behind_version(written), behind_version(old->text)) != 0)
        error = error_set(PEER_ERROR_INVALID_MODIFICATION, "the answer is to another offer");
    memory_free(written);
    if (error < 0) {
        jsep_description_unref(answer);
        return error;
    }
    answer->sdp->origin.session_version = old->sdp->origin.session_version;
    jsep_description_unref(old);
    session->last_answer = answer;
    session->is_last_answer_old = false;
    return 0;
}

static int create_description(jsep_session_t *session, jsep_type_t type, const jsep_offer_options_t *options, text_t *sdp)
{
    int error = jsep_check_open(session);
    if (error < 0)
        return error;
    jsep_state_t state = session->state.signaling;
    bool is_offer = type == JSEP_OFFER;
    if (is_offer ? state != JSEP_STABLE && state != JSEP_HAVE_LOCAL_OFFER
                 : state != JSEP_HAVE_REMOTE_OFFER && state != JSEP_HAVE_LOCAL_PRANSWER)
        return error_set(PEER_ERROR_INVALID_STATE, "an %s cannot be created in the signaling state \"%s\"", jsep_type_name(type),
                         jsep_state_name(state));
    description_t *description;
    error = is_offer ? jsep_offer_build(session, options, &description) : jsep_answer_build(session, &description);
    return error < 0 ? error : remember(session, description, is_offer ? &session->last_offer : &session->last_answer, sdp);
}

int jsep_create_offer(jsep_session_t *session, const jsep_offer_options_t *options, text_t *sdp)
{
    return create_description(session, JSEP_OFFER, options, sdp);
}

int jsep_create_answer(jsep_session_t *session, text_t *sdp)
{
    return create_description(session, JSEP_ANSWER, NULL, sdp);
}
