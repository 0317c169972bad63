/* The model of two applications (negotiation_model.h) on two sessions of jsep by themselves: nothing but negotiation, and very many of
 * them. MODEL_SEED=1-1000000 runs a million programs. */
#include "jsep_support.h"
#include "negotiation_model.h"

#define PROGRAMS 2000
#define STEPS 40

/* What stands in for the rest of a connection. */
typedef struct layer {
    peer_t peer;
    model_side_t *side;
    bool is_flagged;
    unsigned candidates;
    char gathered[160]; /* ufrag of what was gathered; "": nothing */
} layer_t;

/* W3C WebRTC §4.7.3 "update the negotiation-needed flag" */
static int update(layer_t *layer, int result)
{
    if (result < 0 || jsep_signaling_state(layer->peer.session) != JSEP_STABLE)
        return result;
    bool is_needed = jsep_is_negotiation_needed(layer->peer.session);
    if (is_needed && !layer->is_flagged)
        model_on_negotiation_needed(layer->side);
    layer->is_flagged = is_needed;
    return result;
}

static int on_add_track(void *context, jsep_kind_t kind, const char *track, const char *const *streams, size_t stream_count)
{
    layer_t *layer = context;
    jsep_transceiver_t *t;
    return update(layer, jsep_add_track(layer->peer.session, kind, track, streams, stream_count, &t));
}

static int on_add_transceiver(void *context, jsep_kind_t kind, const jsep_transceiver_init_t *init)
{
    layer_t *layer = context;
    jsep_transceiver_t *t;
    return update(layer, jsep_add_transceiver(layer->peer.session, kind, init, &t));
}

static int on_remove_track(void *context, jsep_transceiver_t *t)
{
    layer_t *layer = context;
    return update(layer, jsep_remove_track(layer->peer.session, t));
}

static int on_replace_track(void *context, jsep_transceiver_t *t, const char *track)
{
    layer_t *layer = context;
    return jsep_replace_track(layer->peer.session, t, track);
}

static int on_set_streams(void *context, jsep_transceiver_t *t, const char *const *streams, size_t stream_count)
{
    layer_t *layer = context;
    return update(layer, jsep_set_streams(layer->peer.session, t, streams, stream_count));
}

static int on_set_direction(void *context, jsep_transceiver_t *t, sdp_direction_t direction)
{
    layer_t *layer = context;
    return update(layer, jsep_set_direction(layer->peer.session, t, direction));
}

static int on_stop(void *context, jsep_transceiver_t *t)
{
    layer_t *layer = context;
    return update(layer, jsep_stop(layer->peer.session, t));
}

/* Sometimes one codec only, so that nothing may be common, and the m-line rejected. */
static int on_prefer(void *context, jsep_transceiver_t *t, unsigned whim)
{
    static const size_t audio[] = {PCMA, OPUS, PCMU, TELEPHONE_EVENT, RED}, video[] = {VP9, VP8, H264};
    layer_t *layer = context;
    size_t most = t->kind == JSEP_AUDIO ? sizeof audio / sizeof *audio : sizeof video / sizeof *video;
    const size_t *codecs = t->kind == JSEP_AUDIO ? audio : video;
    if (whim % 8 == 0)
        return jsep_set_codec_preferences(layer->peer.session, t, NULL, 0);
    if (whim % 8 == 1)
        return jsep_set_codec_preferences(layer->peer.session, t, codecs + whim / 8 % 3, 1);
    return jsep_set_codec_preferences(layer->peer.session, t, codecs, 2 + whim / 8 % (most - 1));
}

static int on_open_channel(void *context)
{
    layer_t *layer = context;
    return update(layer, jsep_want_data(layer->peer.session));
}

static void on_close_channel(void *context, unsigned which)
{
}

static int on_restart_ice(void *context)
{
    layer_t *layer = context;
    jsep_restart_ice(layer->peer.session);
    return update(layer, 0);
}

static int on_create(void *context, jsep_type_t type, bool restarts_ice, char **sdp)
{
    layer_t *layer = context;
    text_t text = {0};
    jsep_offer_options_t options = {.ice_restart = restarts_ice};
    int result =
        type == JSEP_OFFER ? jsep_create_offer(layer->peer.session, &options, &text) : jsep_create_answer(layer->peer.session, &text);
    *sdp = result < 0 ? NULL : text_take(&text);
    return result;
}

/* A generation of candidates is there at once, but told one by one. */
static void gather(layer_t *layer)
{
    size_t count;
    const jsep_effect_t *effects = jsep_plan_effects(layer->peer.plan, &count);
    for (size_t i = 0; i < count; i++) {
        if (effects[i].type != JSEP_EFFECT_TRANSPORT || effects[i].transport->local_ufrag == NULL ||
            strcmp(layer->gathered, effects[i].transport->local_ufrag) == 0)
            continue;
        snprintf(layer->gathered, sizeof layer->gathered, "%s", effects[i].transport->local_ufrag);
        layer->candidates = 2;
    }
}

static void tell_candidate(layer_t *layer)
{
    char text[96];
    const char *mid;
    int mline_index;
    if (layer->candidates == 0 || !jsep_candidate_mline(layer->peer.session, &mid, &mline_index))
        return;
    layer->candidates--;
    snprintf(text, sizeof text, "candidate:%u 1 udp 2130706431 192.0.2.%d %u typ host", layer->candidates, layer->side->index + 1,
             5000 + layer->candidates);
    const char *told = layer->candidates > 0 ? text : NULL;
    if (jsep_add_local_candidate(layer->peer.session, layer->gathered, told) < 0)
        model_fail(layer->side->model, "side %d does not take its own candidate: %s", layer->side->index, peer_last_error_message());
    model_on_candidate(layer->side, told, mid, mline_index, layer->gathered);
}

static int finish_set(layer_t *layer, int result)
{
    if (result < 0)
        return result;
    gather(layer);
    if (jsep_signaling_state(layer->peer.session) == JSEP_STABLE)
        layer->is_flagged = false;
    return update(layer, 0);
}

static int on_set(void *context, jsep_side_t of, jsep_type_t type, const char *sdp)
{
    layer_t *layer = context;
    return finish_set(layer, peer_set(&layer->peer, of, type, sdp));
}

static int on_set_implicitly(void *context)
{
    layer_t *layer = context;
    return finish_set(layer, peer_set_implicitly(&layer->peer));
}

static int on_add_candidate(void *context, const char *text, const char *mid, int mline_index, const char *ufrag)
{
    layer_t *layer = context;
    sdp_candidate_t *candidate = NULL;
    bool is_end;
    int result = jsep_add_remote_candidate(layer->peer.session, text, mid, mline_index, ufrag, &candidate, &is_end);
    memory_free(candidate);
    return result;
}

static void pass_time(model_t *model, peer_time_t until)
{
    for (int i = 0; i < 2; i++)
        tell_candidate(model->sides[i].layer);
}

static jsep_session_t *session_of(void *context)
{
    layer_t *layer = context;
    return layer->peer.session;
}

static bool is_flagged(void *context)
{
    layer_t *layer = context;
    return layer->is_flagged;
}

static const model_calls_t calls = {.add_track = on_add_track,
                                    .add_transceiver = on_add_transceiver,
                                    .remove_track = on_remove_track,
                                    .replace_track = on_replace_track,
                                    .set_streams = on_set_streams,
                                    .set_direction = on_set_direction,
                                    .stop = on_stop,
                                    .prefer = on_prefer,
                                    .open_channel = on_open_channel,
                                    .close_channel = on_close_channel,
                                    .restart_ice = on_restart_ice,
                                    .create = on_create,
                                    .set = on_set,
                                    .set_implicitly = on_set_implicitly,
                                    .add_candidate = on_add_candidate,
                                    .pass_time = pass_time,
                                    .session = session_of,
                                    .is_flagged = is_flagged};

static const char *run(uint64_t seed, const model_step_t *steps, size_t count, bool is_traced)
{
    layer_t layers[2];
    model_t model = {.calls = &calls, .seed = seed, .is_traced = is_traced};
    for (int i = 0; i < 2; i++) {
        layers[i] = (layer_t){.side = &model.sides[i]};
        peer_init(&layers[i].peer, seed * 2 + (unsigned)i, NULL);
        model.sides[i].layer = &layers[i];
    }
    const char *failure = model_run(&model, steps, count);
    model_clear(&model);
    peer_clear(&layers[0].peer);
    peer_clear(&layers[1].peer);
    return failure;
}

TEST(random_programs_of_two_applications_end_with_two_sessions_that_agree)
{
    model_search(run, 1, PROGRAMS, STEPS);
}
