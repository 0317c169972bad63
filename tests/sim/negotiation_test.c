/* The model of two applications (negotiation_model.h) on two whole connections: what they agree on is what flows, and everything ends
 * clean. */
#include "connection/internal.h"
#include "negotiation_flow.h"
#include "negotiation_tracks.h"

#include "base/error.h"
#include "base/memory.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

#define PROGRAMS 2000
#define STEPS 40
#define TO_CONNECT (40 * PEER_SECOND)

typedef struct world {
    sim_t *sim;
    flow_t flows[2];
    tracks_t tracks[2];
} world_t;

static connection_t *connection_of(void *context)
{
    const flow_t *flow = context;
    return flow->peer->connection;
}

static peer_time_t now_of(void *context)
{
    const flow_t *flow = context;
    return sim_now(flow->peer->sim);
}

static connection_kind_t kind_of(jsep_kind_t kind)
{
    return kind == JSEP_VIDEO ? CONNECTION_VIDEO : CONNECTION_AUDIO;
}

static connection_direction_t direction_of(sdp_direction_t direction)
{
    static const connection_direction_t directions[] = {[SDP_INACTIVE] = CONNECTION_INACTIVE,
                                                        [SDP_SENDONLY] = CONNECTION_SENDONLY,
                                                        [SDP_RECVONLY] = CONNECTION_RECVONLY,
                                                        [SDP_SENDRECV] = CONNECTION_SENDRECV};
    return directions[direction];
}

static int on_add_track(void *context, jsep_kind_t kind, const char *track, const char *const *streams, size_t stream_count)
{
    transceiver_t *transceiver;
    return connection_add_track(connection_of(context), now_of(context), kind_of(kind), track, streams, stream_count, &transceiver);
}

static int on_add_transceiver(void *context, jsep_kind_t kind, const jsep_transceiver_init_t *init)
{
    transceiver_t *transceiver;
    connection_transceiver_init_t given = {.direction = direction_of(init->direction),
                                           .track_id = init->track,
                                           .stream_ids = init->streams,
                                           .stream_count = init->stream_count};
    return connection_add_transceiver(connection_of(context), now_of(context), kind_of(kind), &given, &transceiver);
}

static int on_remove_track(void *context, jsep_transceiver_t *t)
{
    return connection_remove_track(connection_of(context), now_of(context), t->user);
}

static int on_replace_track(void *context, jsep_transceiver_t *t, const char *track)
{
    return transceiver_replace_track(t->user, track);
}

static int on_set_streams(void *context, jsep_transceiver_t *t, const char *const *streams, size_t stream_count)
{
    return transceiver_set_streams(t->user, now_of(context), streams, stream_count);
}

static int on_set_direction(void *context, jsep_transceiver_t *t, sdp_direction_t direction)
{
    return transceiver_set_direction(t->user, now_of(context), direction_of(direction));
}

static int on_stop(void *context, jsep_transceiver_t *t)
{
    return transceiver_stop(t->user, now_of(context));
}

/* The simulator's codecs are Opus, PCMU and VP8. Sometimes one is left, so that nothing may be common, and the m-line rejected. */
static int on_prefer(void *context, jsep_transceiver_t *t, unsigned whim)
{
    static const size_t audio[] = {0, 1, 0}, video[] = {2};
    jsep_session_t *session = connection_of(context)->jsep;
    if (whim % 4 == 3)
        return jsep_set_codec_preferences(session, t, NULL, 0);
    if (t->kind == JSEP_VIDEO)
        return jsep_set_codec_preferences(session, t, video, 1);
    return jsep_set_codec_preferences(session, t, audio + whim / 4 % 2, whim % 4 == 2 ? 1 : 2);
}

static int on_open_channel(void *context)
{
    flow_t *flow = context;
    char label[24];
    int error = 0;
    sctp_channel_options_t options = SCTP_CHANNEL_OPTIONS_INIT;
    snprintf(label, sizeof label, "d%d-%u", flow->side->index, flow->side->model->names++);
    options.label = label;
    sctp_channel_t *channel = connection_open_channel(flow->peer->connection, now_of(context), &options, &error);
    if (channel == NULL)
        return error < 0 ? error : -1;
    flow_add_channel(flow, channel, false);
    return 0;
}

static void on_close_channel(void *context, unsigned which)
{
    flow_t *flow = context;
    if (flow->channel_count > 0)
        connection_close_channel(flow->peer->connection, now_of(context), flow->channels[which % flow->channel_count].channel);
}

static int on_restart_ice(void *context)
{
    return connection_restart_ice(connection_of(context), now_of(context));
}

static int on_create(void *context, jsep_type_t type, bool restarts_ice, char **sdp)
{
    connection_offer_options_t options = {.ice_restart = restarts_ice, .offer_to_receive = {-1, -1}};
    return type == JSEP_OFFER ? connection_create_offer(connection_of(context), now_of(context), &options, sdp)
                              : connection_create_answer(connection_of(context), now_of(context), sdp);
}

static int on_set(void *context, jsep_side_t of, jsep_type_t type, const char *sdp)
{
    connection_t *connection = connection_of(context);
    return of == JSEP_LOCAL ? connection_set_local_description(connection, now_of(context), (connection_sdp_type_t)type, sdp)
                            : connection_set_remote_description(connection, now_of(context), (connection_sdp_type_t)type, sdp);
}

static int on_set_implicitly(void *context)
{
    return connection_set_local_description_implicitly(connection_of(context), now_of(context));
}

static int on_add_candidate(void *context, const char *text, const char *mid, int mline_index, const char *ufrag)
{
    return connection_add_ice_candidate(connection_of(context), now_of(context), text, mid, mline_index, ufrag);
}

static void pass_time(model_t *model, peer_time_t until)
{
    world_t *world = model->user;
    for (int i = 0; i < 2 && until > sim_now(world->sim) && !model->is_at_rest; i++)
        flow_send_frames(&world->flows[i]); /* media are on their way while descriptions change */
    sim_run(world->sim, until, NULL);
}

static jsep_session_t *session_of(void *context)
{
    return connection_of(context)->jsep;
}

static bool is_flagged(void *context)
{
    return connection_of(context)->is_negotiation_needed;
}

static void on_event(void *user, sim_peer_t *peer, const connection_event_t *event)
{
    flow_t *flow = &((world_t *)user)->flows[peer->index];
    switch (event->type) {
    case CONNECTION_EVENT_NEGOTIATION_NEEDED:
        if (connection_fires_negotiation_needed(peer->connection, event))
            model_on_negotiation_needed(flow->side);
        break;
    case CONNECTION_EVENT_ICE_CANDIDATE:
        model_on_candidate(flow->side, event->text, event->candidate.mid, event->candidate.mline_index, event->candidate.ufrag);
        break;
    default:
        tracks_on_event(&((world_t *)user)->tracks[peer->index], event);
        flow_on_event(flow, event);
        break;
    }
}

/* Exactly what was agreed on flows, and nothing has to be negotiated after that. */
static void check_rest(model_t *model)
{
    world_t *world = model->user;
    if (flow_is_wanted(&world->flows[0]) && flow_is_wanted(&world->flows[1])) { /* what one offers the other may have rejected wholly */
        peer_time_t until = model->now + TO_CONNECT;
        while (!sim_is_connected(world->sim) && model->now < until)
            model_advance(model, model->now + 50 * PEER_MILLISECOND);
        if (!sim_is_connected(world->sim))
            model_fail(model, "not connected: states %d and %d", (int)sim_peer(world->sim, 0)->state, (int)sim_peer(world->sim, 1)->state);
        model_advance(model, model->now + 100 * PEER_MILLISECOND); /* SCTP, and the announcements of channels */
        flow_check(model, world->flows);
    }
    model_advance(model, model->now + PEER_SECOND);
    model_check_agreement(model);
    for (int i = 0; i < 2; i++)
        tracks_check(&world->tracks[i], sim_peer(world->sim, i)->connection);
    sim_close(sim_peer(world->sim, 0));
    model_advance(model, model->now + 200 * PEER_MILLISECOND);
    sim_close(sim_peer(world->sim, 1));
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
                                    .is_flagged = is_flagged,
                                    .check_rest = check_rest};

static const char *run(uint64_t seed, const model_step_t *steps, size_t count, bool is_traced)
{
    world_t world = {0};
    model_t model = {.calls = &calls, .seed = seed, .is_traced = is_traced, .user = &world};
    sim_options_t options = {.seed = seed,
                             .is_manual = true,
                             .link = {.delay_us = (peer_time_t)(seed % 5) * 5000, .jitter_us = (peer_time_t)(seed % 3) * 1000},
                             .on_event = on_event,
                             .on_event_user = &world};
    world.sim = sim_new(&options);
    model.now = sim_now(world.sim);
    for (int i = 0; i < 2; i++) {
        world.flows[i] = (flow_t){.side = &model.sides[i], .peer = sim_peer(world.sim, i)};
        world.tracks[i] = (tracks_t){.side = &model.sides[i]};
        model.sides[i].layer = &world.flows[i];
    }
    const char *failure = model_run(&model, steps, count);
    model_clear(&model);
    if (failure == NULL) /* it aborts when something was not given back; after a failure it would be no wonder */
        sim_free(world.sim);
    return failure;
}

TEST(random_programs_of_two_applications_end_with_two_connections_on_which_flows_what_they_agreed_on)
{
    model_search(run, 1, PROGRAMS, STEPS);
}
