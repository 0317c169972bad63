/* From nothing to two stable sides: both connections made, an offer, its answer. Certificates are there before, and no candidate is passed
 * on, so that there is no handshake: what is measured is negotiation alone. Closing is not part of it. */
#include "bench.h"

#include <stdlib.h>

static const unsigned sizes[] = {1, 10, 100, 1000};
#define SIZES (sizeof sizes / sizeof *sizes)

typedef struct negotiation {
    pair_t latch; /* its mutex and condition, and who is closed */
    peer_certificate_t *certificates[2];
    peer_track_t *tracks[2][2]; /* audio, video */
} negotiation_t;

static void on_closed(peer_connection_t *pc, void *user)
{
    side_t *side = user;
    (void)pc;
    pthread_mutex_lock(&side->pair->mutex);
    side->is_closed = true;
    pthread_cond_broadcast(&side->pair->changed);
    pthread_mutex_unlock(&side->pair->mutex);
}

static bool new_side(negotiation_t *negotiation, side_t *side, unsigned index)
{
    static const peer_connection_events_t events = {.on_closed = on_closed};
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.certificates = &negotiation->certificates[index];
    configuration.certificate_count = 1;
    *side = (side_t){.pair = &negotiation->latch};
    side->pc = peer_connection_new(&configuration, &events, side);
    return side->pc != NULL;
}

static void end_side(side_t *side)
{
    if (side->pc == NULL)
        return;
    peer_connection_close(side->pc);
    pthread_mutex_lock(&side->pair->mutex);
    while (!side->is_closed)
        pthread_cond_wait(&side->pair->changed, &side->pair->mutex);
    pthread_mutex_unlock(&side->pair->mutex);
    peer_data_channel_unref(side->channel);
    peer_connection_unref(side->pc);
    side->pc = NULL;
}

/* Alternately of sound and of pictures. */
static bool add_lines(peer_connection_t *pc, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (peer_connection_add_transceiver(pc, i % 2 == 0 ? PEER_MEDIA_AUDIO : PEER_MEDIA_VIDEO, NULL, NULL) < 0)
            return false;
    return true;
}

/* The common call: a track of each kind on both sides, and data. */
static bool add_call(negotiation_t *negotiation, side_t *side, unsigned index)
{
    for (int kind = 0; kind < 2; kind++)
        if (peer_connection_add_track(side->pc, negotiation->tracks[index][kind], NULL, 0, NULL) < 0)
            return false;
    return index == 1 || peer_connection_create_data_channel(side->pc, "data", NULL, NULL, NULL, &side->channel) == 0;
}

static bool describe(peer_connection_t *from, peer_connection_t *to)
{
    if (peer_connection_set_local_description(from, NULL) < 0)
        return false;
    peer_description_t *description = peer_connection_local_description(from);
    int error = peer_connection_set_remote_description(to, description);
    peer_description_unref(description);
    return error == 0;
}

/* `lines` 0: the common call. */
static bool negotiate(negotiation_t *negotiation, unsigned lines, double *wall_ms, double *cpu_ms)
{
    side_t *offerer = &negotiation->latch.offerer, *answerer = &negotiation->latch.answerer;
    double wall = wall_now(), cpu = cpu_now();
    bool is_done = new_side(negotiation, offerer, 0) && new_side(negotiation, answerer, 1);
    if (is_done && lines > 0)
        is_done = add_lines(offerer->pc, lines);
    else if (is_done)
        is_done = add_call(negotiation, offerer, 0) && add_call(negotiation, answerer, 1);
    is_done = is_done && describe(offerer->pc, answerer->pc) && describe(answerer->pc, offerer->pc) &&
              peer_connection_signaling_state(offerer->pc) == PEER_SIGNALING_STABLE &&
              peer_connection_signaling_state(answerer->pc) == PEER_SIGNALING_STABLE;
    *cpu_ms = (cpu_now() - cpu) * 1e3;
    *wall_ms = (wall_now() - wall) * 1e3;
    end_side(offerer);
    end_side(answerer);
    return is_done;
}

/* The medians of many. */
static bool measure(negotiation_t *negotiation, unsigned lines, unsigned count, double *wall_ms, double *cpu_ms)
{
    double *walls = calloc(count, sizeof *walls), *cpus = calloc(count, sizeof *cpus), ignored;
    bool is_done = walls != NULL && cpus != NULL && negotiate(negotiation, lines, &ignored, &ignored);
    for (unsigned i = 0; is_done && i < count; i++)
        is_done = negotiate(negotiation, lines, &walls[i], &cpus[i]);
    if (is_done) {
        *wall_ms = percentile(walls, count, 0.5);
        *cpu_ms = percentile(cpus, count, 0.5);
    }
    free(walls);
    free(cpus);
    return is_done;
}

static void report(const bench_options_t *options, const double wall_ms[SIZES + 1], const double cpu_ms[SIZES + 1])
{
    double lines[SIZES], us_per_line[SIZES];
    for (size_t i = 0; i < SIZES; i++) {
        lines[i] = sizes[i];
        us_per_line[i] = cpu_ms[i + 1] * 1e3 / sizes[i];
    }
    report_begin(options, "negotiate");
    report_number("call_wall_ms", wall_ms[0], 3);
    report_number("call_cpu_ms", cpu_ms[0], 3); /* both sides, as all of them */
    report_numbers("mlines", lines, SIZES, 0);
    report_numbers("wall_ms", wall_ms + 1, SIZES, 3);
    report_numbers("cpu_ms", cpu_ms + 1, SIZES, 3);
    report_numbers("cpu_us_per_mline", us_per_line, SIZES, 1);
    report_end();
}

int bench_negotiate(const bench_options_t *options)
{
    negotiation_t negotiation = {.latch = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}};
    unsigned count = options->count != 0 ? options->count : 200;
    double wall_ms[SIZES + 1] = {0}, cpu_ms[SIZES + 1] = {0};
    bool is_done = true;
    for (int i = 0; is_done && i < 2; i++)
        is_done = peer_certificate_generate(PEER_KEY_ECDSA_P256, 0, &negotiation.certificates[i]) == 0 &&
                  peer_track_new(PEER_MEDIA_AUDIO, "audio", &negotiation.tracks[i][0]) == 0 &&
                  peer_track_new(PEER_MEDIA_VIDEO, "video", &negotiation.tracks[i][1]) == 0;
    is_done = is_done && measure(&negotiation, 0, count, &wall_ms[0], &cpu_ms[0]);
    for (size_t i = 0; is_done && i < SIZES; i++) /* fewer of the large ones, which take as long together */
        is_done = measure(&negotiation, sizes[i], 1 + count * 4 / (sizes[i] + 4), &wall_ms[i + 1], &cpu_ms[i + 1]);
    for (int i = 0; i < 2; i++) {
        peer_certificate_unref(negotiation.certificates[i]);
        peer_track_unref(negotiation.tracks[i][0]);
        peer_track_unref(negotiation.tracks[i][1]);
    }
    if (!is_done)
        return bench_fail("a negotiation fails:");
    report(options, wall_ms, cpu_ms);
    return 0;
}
