/* The steps of a program: what an application calls. A step that cannot be done in the state that it finds does nothing. */
#include "negotiation_model.h"

#include "base/error.h"
#include "base/memory.h"

#include <peer/error.h>
#include <stdio.h>
#include <string.h>

typedef enum operation {
    ADD_TRACK,
    ADD_TRANSCEIVER,
    REMOVE_TRACK,
    REPLACE_TRACK,
    SET_DIRECTION,
    STOP,
    SET_STREAMS,
    PREFER,
    OPEN_CHANNEL,
    CLOSE_CHANNEL,
    RESTART_ICE,
    OFFER,
    HELD_OFFER,
    SEND_HELD,
    KEEP_OFFER,
    SET_KEPT_OFFER,
    WITHDRAW,
    REOFFER,
    REFUSE,
    ANSWER,
    PROVISIONAL_ANSWER,
    KEEP_ANSWER,
    SET_KEPT_ANSWER,
    SET_WHAT_MUST_NOT_BE,
    SET_RUBBISH,
    PASS_TIME,
    OPERATIONS
} operation_t;

static const uint8_t weights[OPERATIONS] = {[ADD_TRACK] = 8,      [ADD_TRANSCEIVER] = 5, [REMOVE_TRACK] = 5,
                                            [REPLACE_TRACK] = 3,  [SET_DIRECTION] = 8,   [STOP] = 4,
                                            [SET_STREAMS] = 3,    [PREFER] = 3,          [OPEN_CHANNEL] = 2,
                                            [CLOSE_CHANNEL] = 1,  [RESTART_ICE] = 2,     [OFFER] = 5,
                                            [HELD_OFFER] = 3,     [SEND_HELD] = 4,       [KEEP_OFFER] = 3,
                                            [SET_KEPT_OFFER] = 4, [WITHDRAW] = 3,        [REOFFER] = 2,
                                            [REFUSE] = 2,         [ANSWER] = 6,          [PROVISIONAL_ANSWER] = 3,
                                            [KEEP_ANSWER] = 3,    [SET_KEPT_ANSWER] = 3, [SET_WHAT_MUST_NOT_BE] = 3,
                                            [SET_RUBBISH] = 1,    [PASS_TIME] = 20};

void model_make_steps(uint64_t seed, model_step_t *steps, size_t count)
{
    random_seeded_t dice;
    unsigned sum = 0;
    random_seeded_init(&dice, seed * 2654435761u + 1);
    for (size_t i = 0; i < OPERATIONS; i++)
        sum += weights[i];
    for (size_t i = 0; i < count; i++) {
        unsigned roll = (unsigned)(random_seeded_next(&dice) % sum), operation = 0;
        while (roll >= weights[operation])
            roll -= weights[operation++];
        steps[i] = (model_step_t){.operation = (uint8_t)operation, .side = (uint8_t)(random_seeded_next(&dice) & 1)};
        for (size_t j = 0; j < 3; j++)
            steps[i].whims[j] = (uint32_t)(random_seeded_next(&dice) >> 11);
    }
}

static jsep_transceiver_t *choose(const model_side_t *side, uint32_t whim)
{
    size_t count;
    jsep_transceiver_t *const *all = jsep_transceivers(model_session(side), &count);
    return count > 0 ? all[whim % count] : NULL;
}

static size_t choose_streams(uint32_t whim, const char *streams[3])
{
    static const char *const names[] = {"s0", "s1", "s2", "s3"};
    size_t count = whim % 8 < 2 ? 0 : whim % 8 < 6 ? 1 : 2;
    streams[0] = names[whim / 8 % 4];
    streams[1] = names[(whim / 8 + 1 + whim / 32 % 3) % 4];
    return count;
}

static const char *mid_of(const jsep_transceiver_t *transceiver)
{
    return transceiver->mid != NULL ? transceiver->mid : "-";
}

static void expect(model_side_t *side, const char *what, int result, int expected)
{
    model_trace(side->model, "%d: %s: %d", side->index, what, result);
    if (result != expected)
        model_fail(side->model, "side %d: %s gives %d (%s), not %d", side->index, what, result, result < 0 ? peer_last_error_message() : "",
                   expected);
}

/* ---- changes ---- */

static void add(model_side_t *side, const model_step_t *step)
{
    const model_calls_t *calls = side->model->calls;
    char track[16], what[96];
    const char *streams[3];
    size_t count = choose_streams(step->whims[1], streams);
    jsep_kind_t kind = (jsep_kind_t)(step->whims[0] & 1);
    bool has_track = (step->whims[0] & 2) != 0;
    size_t present;
    jsep_transceivers(model_session(side), &present);
    if (present >= 12) /* enough to meet every case, few enough to be fast */
        return;
    snprintf(track, sizeof track, "t%u", side->model->names++);
    if (step->operation == ADD_TRACK) {
        snprintf(what, sizeof what, "addTrack(%s %s, %zu streams)", kind == JSEP_AUDIO ? "audio" : "video", track, count);
        expect(side, what, calls->add_track(side->layer, kind, track, streams, count), 0);
        return;
    }
    jsep_transceiver_init_t init = {
        .direction = (sdp_direction_t)(step->whims[2] & 3), .track = has_track ? track : NULL, .streams = streams, .stream_count = count};
    snprintf(what, sizeof what, "addTransceiver(%s%s%s, %s, %zu streams)", kind == JSEP_AUDIO ? "audio" : "video", has_track ? " " : "",
             has_track ? track : "", sdp_direction_name(init.direction), count);
    expect(side, what, calls->add_transceiver(side->layer, kind, &init), 0);
}

static void change(model_side_t *side, const model_step_t *step)
{
    const model_calls_t *calls = side->model->calls;
    jsep_transceiver_t *t = choose(side, step->whims[0]);
    const char *streams[3];
    char what[96], track[16];
    if (t == NULL)
        return;
    bool is_over = t->is_stopping || t->is_stopped;
    size_t count = choose_streams(step->whims[1], streams);
    sdp_direction_t direction = (sdp_direction_t)(step->whims[1] & 3);
    snprintf(track, sizeof track, "t%u", side->model->names++);
    switch ((operation_t)step->operation) {
    case REMOVE_TRACK:
        snprintf(what, sizeof what, "removeTrack(mid %s)", mid_of(t));
        expect(side, what, calls->remove_track(side->layer, t), 0);
        break;
    case REPLACE_TRACK: {
        bool has_track = (step->whims[1] & 3) != 0;
        snprintf(what, sizeof what, "replaceTrack(mid %s, %s)", mid_of(t), has_track ? track : "null");
        expect(side, what, calls->replace_track(side->layer, t, has_track ? track : NULL), is_over ? PEER_ERROR_INVALID_STATE : 0);
        break;
    }
    case SET_DIRECTION:
        snprintf(what, sizeof what, "direction of mid %s = %s", mid_of(t), sdp_direction_name(direction));
        expect(side, what, calls->set_direction(side->layer, t, direction), is_over ? PEER_ERROR_INVALID_STATE : 0);
        break;
    case STOP:
        snprintf(what, sizeof what, "stop(mid %s)", mid_of(t));
        expect(side, what, calls->stop(side->layer, t), 0);
        break;
    case SET_STREAMS:
        snprintf(what, sizeof what, "setStreams(mid %s, %zu streams)", mid_of(t), count);
        expect(side, what, calls->set_streams(side->layer, t, streams, count), 0);
        break;
    default:
        if (is_over)
            break;
        snprintf(what, sizeof what, "setCodecPreferences(mid %s, %u)", mid_of(t), step->whims[1] % 64);
        expect(side, what, calls->prefer(side->layer, t, step->whims[1] % 64), 0);
        break;
    }
}

/* ---- descriptions ---- */

static void keep(model_side_t *side, jsep_type_t type, bool restarts_ice)
{
    char **kept = type == JSEP_OFFER ? &side->kept_offer : &side->kept_answer;
    char *text = NULL;
    expect(side,
           type == JSEP_ANSWER ? "createAnswer()"
           : restarts_ice      ? "createOffer({iceRestart: true})"
                               : "createOffer()",
           side->model->calls->create(side->layer, type, restarts_ice, &text), 0);
    memory_free(*kept);
    *kept = text;
    if (type == JSEP_OFFER)
        side->offer_kept = MODEL_KEPT_LAST;
    else
        side->answer_kept = MODEL_KEPT_LAST;
}

/* Something that must fail is tried, and has to leave everything as it was. */
typedef struct picture {
    char *descriptions[4];
    jsep_state_t state;
    size_t transceiver_count;
    uint32_t hash;
} picture_t;

static picture_t take_picture(const model_side_t *side)
{
    picture_t picture = {.state = jsep_signaling_state(model_session(side))};
    jsep_transceiver_t *const *all = jsep_transceivers(model_session(side), &picture.transceiver_count);
    for (int i = 0; i < 4; i++) {
        text_t text = {0};
        jsep_type_t type;
        if (jsep_description_write(model_session(side), (jsep_which_t)i, &type, &text))
            picture.descriptions[i] = text_take(&text);
    }
    for (size_t i = 0; i < picture.transceiver_count; i++) {
        const jsep_transceiver_t *t = all[i];
        uint32_t values[] = {t->id,
                             (uint32_t)t->mline_index,
                             (uint32_t)t->direction,
                             (uint32_t)t->current_direction,
                             t->is_receptive,
                             t->is_stopping,
                             t->is_stopped,
                             (uint32_t)t->receiver_streams.count,
                             (uint32_t)t->sender_streams.count,
                             t->media != NULL};
        for (size_t j = 0; j < sizeof values / sizeof *values; j++)
            picture.hash = (picture.hash ^ values[j]) * 16777619u;
    }
    return picture;
}

static void compare_picture(model_side_t *side, picture_t *before, const char *what)
{
    picture_t after = take_picture(side);
    if (before->state != after.state || before->transceiver_count != after.transceiver_count || before->hash != after.hash)
        model_fail(side->model, "side %d: %s failed and changed something", side->index, what);
    for (int i = 0; i < 4; i++) {
        const char *a = before->descriptions[i], *b = after.descriptions[i];
        if (a == NULL || b == NULL ? a != b : strcmp(a, b) != 0)
            model_fail(side->model, "side %d: %s failed and changed a description", side->index, what);
        memory_free(before->descriptions[i]);
        memory_free(after.descriptions[i]);
    }
}

static void must_not_set(model_side_t *side, jsep_side_t of, jsep_type_t type, const char *sdp, int expected)
{
    char what[96];
    picture_t before = take_picture(side);
    unsigned events = side->events;
    snprintf(what, sizeof what, "set%sDescription(%s) in %s", of == JSEP_LOCAL ? "Local" : "Remote", jsep_type_name(type),
             jsep_state_name(before.state));
    int result = side->model->calls->set(side->layer, of, type, sdp);
    model_trace(side->model, "%d: %s: %d", side->index, what, result);
    if (result >= 0 || (expected != 0 && result != expected))
        model_fail(side->model, "side %d: %s gives %d, not %d", side->index, what, result, expected);
    if (peer_last_error_message()[0] == '\0')
        model_fail(side->model, "side %d: %s fails without a word", side->index, what);
    compare_picture(side, &before, what);
    side->events = events;
}

/* RFC 9429 §3.2, and W3C for the rollbacks: what may be set, by state, side and type. */
static bool is_legal(jsep_state_t state, jsep_side_t side, jsep_type_t type)
{
    switch (state) {
    case JSEP_STABLE:
        return type == JSEP_OFFER;
    case JSEP_HAVE_LOCAL_OFFER:
        return type == JSEP_OFFER || type == JSEP_ROLLBACK || side == JSEP_REMOTE;
    case JSEP_HAVE_REMOTE_OFFER:
        return type == JSEP_ROLLBACK || (side == JSEP_LOCAL) == (type != JSEP_OFFER);
    case JSEP_HAVE_LOCAL_PRANSWER:
        return side == JSEP_LOCAL && (type == JSEP_PRANSWER || type == JSEP_ANSWER);
    case JSEP_HAVE_REMOTE_PRANSWER:
        return side == JSEP_REMOTE && (type == JSEP_PRANSWER || type == JSEP_ANSWER);
    default:
        return false;
    }
}

static void set_what_must_not_be(model_side_t *side, const model_step_t *step)
{
    jsep_state_t state = jsep_signaling_state(model_session(side));
    for (unsigned i = 0; i < 8; i++) {
        unsigned which = (step->whims[0] + i) % 8;
        jsep_side_t of = (jsep_side_t)(which & 1);
        jsep_type_t type = (jsep_type_t)(which >> 1);
        if (is_legal(state, of, type))
            continue;
        const char *sdp = type == JSEP_ROLLBACK || of == JSEP_LOCAL ? NULL : side->seen[type];
        must_not_set(side, of, type, sdp, PEER_ERROR_INVALID_STATE);
        return;
    }
}

static void set_rubbish(model_side_t *side, const model_step_t *step)
{
    static const char empty[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
    static const char bad_media[] = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:zz\r\na=sendrecv\r\n"; /* no a=rtcp-mux */
    jsep_session_t *session = model_session(side);
    const sdp_t *remote = jsep_description_sdp(session, JSEP_CURRENT_REMOTE);
    if (!is_legal(jsep_signaling_state(session), JSEP_REMOTE, JSEP_OFFER))
        return;
    char text[sizeof empty + sizeof bad_media];
    switch (step->whims[0] % 4) {
    case 0:
        must_not_set(side, JSEP_REMOTE, JSEP_OFFER, empty + 1, PEER_ERROR_SYNTAX);
        break;
    case 1:
        must_not_set(side, JSEP_LOCAL, JSEP_OFFER, empty, 0);
        break;
    case 2:
        if (remote != NULL && remote->media_count > 0)
            must_not_set(side, JSEP_REMOTE, JSEP_OFFER, empty, PEER_ERROR_INVALID_ACCESS);
        break;
    default:
        snprintf(text, sizeof text, "%s%s", empty, bad_media);
        must_not_set(side, JSEP_REMOTE, JSEP_OFFER, text, PEER_ERROR_INVALID_ACCESS);
        break;
    }
}

static void set_kept_offer(model_side_t *side, bool is_held)
{
    jsep_state_t state = jsep_signaling_state(model_session(side));
    if (side->kept_offer == NULL || (state == JSEP_HAVE_LOCAL_OFFER && !side->is_held))
        return; /* what the other side may have answered by now is not replaced */
    if (!is_legal(state, JSEP_LOCAL, JSEP_OFFER))
        must_not_set(side, JSEP_LOCAL, JSEP_OFFER, side->kept_offer, 0);
    else if (side->offer_kept == MODEL_KEPT_LAST)
        model_offer(side, side->kept_offer, is_held);
    else if (side->offer_kept == MODEL_KEPT_GONE)
        must_not_set(side, JSEP_LOCAL, JSEP_OFFER, side->kept_offer, PEER_ERROR_INVALID_MODIFICATION);
}

static void set_kept_answer(model_side_t *side, jsep_type_t type)
{
    if (side->kept_answer == NULL)
        return;
    if (!is_legal(jsep_signaling_state(model_session(side)), JSEP_LOCAL, type))
        must_not_set(side, JSEP_LOCAL, type, side->kept_answer, 0);
    else if (side->answer_kept == MODEL_KEPT_LAST)
        model_answer(side, type, side->kept_answer);
    else if (side->answer_kept == MODEL_KEPT_GONE)
        must_not_set(side, JSEP_LOCAL, type, side->kept_answer, 0);
}

static void signal(model_side_t *side, const model_step_t *step)
{
    jsep_state_t state = jsep_signaling_state(model_session(side));
    const model_side_t *other = model_other(side);
    bool may_offer = state == JSEP_STABLE || (state == JSEP_HAVE_LOCAL_OFFER && side->is_held);
    bool may_answer = state == JSEP_HAVE_REMOTE_OFFER || state == JSEP_HAVE_LOCAL_PRANSWER;
    switch ((operation_t)step->operation) {
    case OFFER:
    case HELD_OFFER:
        if (may_offer)
            model_offer(side, NULL, step->operation == HELD_OFFER);
        break;
    case SEND_HELD:
        if (state == JSEP_HAVE_LOCAL_OFFER && side->is_held)
            model_send_offer(side);
        break;
    case KEEP_OFFER:
        if (state == JSEP_STABLE || state == JSEP_HAVE_LOCAL_OFFER)
            keep(side, JSEP_OFFER, step->whims[0] % 4 == 0);
        break;
    case SET_KEPT_OFFER:
        set_kept_offer(side, (step->whims[0] & 1) != 0);
        break;
    case WITHDRAW:
        if (state == JSEP_HAVE_LOCAL_OFFER)
            model_withdraw(side);
        break;
    case REOFFER:
        if (state == JSEP_HAVE_LOCAL_OFFER && !side->is_held && other->remote_offer == side->local_offer &&
            jsep_signaling_state(model_session(other)) == JSEP_HAVE_REMOTE_OFFER)
            model_reoffer_at_once(side);
        break;
    case REFUSE:
        if (state == JSEP_HAVE_REMOTE_OFFER)
            model_refuse(side);
        break;
    case ANSWER:
    case PROVISIONAL_ANSWER:
        if (may_answer)
            model_answer(side, step->operation == ANSWER ? JSEP_ANSWER : JSEP_PRANSWER, NULL);
        break;
    case KEEP_ANSWER:
        if (may_answer)
            keep(side, JSEP_ANSWER, false);
        break;
    case SET_KEPT_ANSWER:
        set_kept_answer(side, (step->whims[0] & 1) != 0 ? JSEP_ANSWER : JSEP_PRANSWER);
        break;
    case SET_WHAT_MUST_NOT_BE:
        set_what_must_not_be(side, step);
        break;
    default:
        set_rubbish(side, step);
        break;
    }
}

/* Each side may or may not come to look at its events. */
static void pass_time(model_t *model, const model_step_t *step)
{
    static const uint16_t spans_ms[] = {0, 1, 3, 8, 15, 40, 90, 250};
    model_advance(model, model->now + spans_ms[step->whims[0] % 8] * PEER_MILLISECOND);
    for (int i = 0; i < 2; i++)
        if ((step->whims[1] >> i & 1) != 0 && model->sides[i].events > 0)
            model_act_on_negotiation_needed(&model->sides[i]);
}

void model_do(model_t *model, const model_step_t *step)
{
    static const uint16_t delays_ms[] = {0, 1, 5, 5, 20, 60, 150, 500};
    model_side_t *side = &model->sides[step->side];
    model->whim = step->whims[2];
    model->delay = delays_ms[step->whims[2] / 16 % 8] * PEER_MILLISECOND;
    switch ((operation_t)step->operation) {
    case ADD_TRACK:
    case ADD_TRANSCEIVER:
        add(side, step);
        break;
    case OPEN_CHANNEL:
        side->has_created_channel = true;
        expect(side, "createDataChannel()", model->calls->open_channel(side->layer), 0);
        break;
    case CLOSE_CHANNEL:
        model_trace(model, "%d: close() of a data channel", side->index);
        model->calls->close_channel(side->layer, step->whims[0]);
        break;
    case RESTART_ICE:
        expect(side, "restartIce()", model->calls->restart_ice(side->layer), 0);
        model_remember_credentials(side);
        break;
    case PASS_TIME:
        pass_time(model, step);
        break;
    default:
        if (step->operation < OPEN_CHANNEL)
            change(side, step);
        else
            signal(side, step);
        break;
    }
}
