#include "sctp/path_mtu.h"
#include "test.h"

#define OVERHEAD 65 /* IPv4, UDP, DTLS with AES-GCM */
#define BASE 1170
#define RTT (20 * PEER_MILLISECOND)

/* A path that carries IP packets up to `limit`, and loses every n-th probe. */
typedef struct model {
    path_mtu_t path;
    peer_time_t now;
    size_t limit;
    unsigned loss_in_100;
    uint32_t random;
    unsigned probes;
    peer_time_t last_growth;
    struct {
        peer_time_t at;
        uint32_t id;
    } answers[64];
    size_t answer_count;
} model_t;

static void start(model_t *model, size_t limit, size_t most)
{
    *model = (model_t){.limit = limit, .random = 1, .now = 5 * PEER_SECOND};
    path_mtu_init(&model->path, model->now, BASE, most, OVERHEAD);
    path_mtu_start(&model->path, model->now, RTT);
}

static void send_probes(model_t *model)
{
    size_t size;
    uint32_t id;
    while (path_mtu_next_probe(&model->path, model->now, &size, &id)) {
        model->probes++;
        CHECK(size >= BASE && size <= model->path.most && id != 0);
        model->random = model->random * 1664525u + 1013904223u;
        if (size + OVERHEAD > model->limit || (model->random >> 16) % 100 < model->loss_in_100)
            continue;
        CHECK(model->answer_count < 64);
        model->answers[model->answer_count].at = model->now + RTT;
        model->answers[model->answer_count++].id = id;
    }
}

/* Until `end`, event by event. */
static void run(model_t *model, peer_time_t end)
{
    for (unsigned steps = 0;; steps++) {
        CHECK(steps < 10000);
        send_probes(model);
        peer_time_t next = path_mtu_deadline(&model->path);
        if (model->answer_count > 0)
            next = time_earlier(next, model->answers[0].at);
        if (next >= end)
            break;
        CHECK(next >= model->now);
        model->now = next;
        while (model->answer_count > 0 && model->answers[0].at <= model->now) {
            uint32_t id = model->answers[0].id;
            memmove(model->answers, model->answers + 1, --model->answer_count * sizeof model->answers[0]);
            if (path_mtu_on_probe_acknowledged(&model->path, model->now, id))
                model->last_growth = model->now;
        }
        path_mtu_timeout(&model->path, model->now);
    }
    model->now = end;
}

TEST(sizes_of_common_links_are_in_use_after_one_round_trip)
{
    const size_t limits[] = {9000, 1500, 1492, 1420, 1400, 1280};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        model_t model;
        start(&model, limits[i], 16384);
        run(&model, model.now + RTT + 1);
        CHECK_INT(model.path.proven, limits[i] - OVERHEAD);
        run(&model, model.now + 5 * PEER_SECOND);
        CHECK_INT(model.path.proven, limits[i] - OVERHEAD);
        CHECK(!model.path.is_searching);
        CHECK(model.probes <= 24);
    }
}

TEST(loopback_carries_the_most_after_one_round_trip_and_nothing_more_is_asked)
{
    model_t model;
    start(&model, 65535, 16384);
    run(&model, model.now + RTT + 1);
    CHECK_INT(model.path.proven, 16384);
    CHECK(!model.path.is_searching);
    run(&model, model.now + 60 * PEER_SECOND);
    CHECK(model.probes <= 7);
}

TEST(any_size_is_found_within_four_bytes)
{
    for (size_t limit = BASE + OVERHEAD; limit < 16384 + OVERHEAD; limit += limit < 1600 ? 1 : 97) {
        model_t model;
        start(&model, limit, 16384);
        run(&model, model.now + 5 * PEER_SECOND);
        CHECK(!model.path.is_searching);
        CHECK(model.path.proven + OVERHEAD <= limit && limit < model.path.proven + OVERHEAD + 4);
        CHECK(model.probes <= 90);
        CHECK(model.last_growth <= 6 * PEER_SECOND + 500 * PEER_MILLISECOND);
    }
}

TEST(lost_probes_are_sent_again)
{
    const size_t limits[] = {65535, 9000, 1500, 1492, 1420, 1400, 1280};
    unsigned exact = 0;
    for (unsigned seed = 1; seed <= 70; seed++) {
        model_t model;
        size_t limit = limits[seed % 7];
        start(&model, limit, 16384);
        model.random = seed * 2654435761u;
        model.loss_in_100 = 20;
        run(&model, model.now + 5 * PEER_SECOND);
        size_t truth = limit > 16384 ? 16384 : limit - OVERHEAD;
        CHECK(model.path.proven <= truth);
        CHECK(model.path.proven + 200 >= truth);
        exact += model.path.proven + 4 > truth;
    }
    CHECK(exact >= 66);
}

TEST(an_answer_that_comes_after_the_size_was_refused_counts)
{
    model_t model;
    start(&model, 1500, 1500 - OVERHEAD);
    size_t size;
    uint32_t id, last = 0;
    peer_time_t now = model.now;
    while (model.path.is_searching) {
        while (path_mtu_next_probe(&model.path, now, &size, &id))
            if (size == 1500 - OVERHEAD)
                last = id;
        now = path_mtu_deadline(&model.path);
        path_mtu_timeout(&model.path, now);
    }
    CHECK_INT(model.path.proven, BASE);
    CHECK(path_mtu_on_probe_acknowledged(&model.path, now, last));
    CHECK_INT(model.path.proven, 1500 - OVERHEAD);
    CHECK(!path_mtu_on_probe_acknowledged(&model.path, now, last));
    CHECK(!path_mtu_on_probe_acknowledged(&model.path, now, 0));
    CHECK(!path_mtu_on_probe_acknowledged(&model.path, now, last + 1000));
}

TEST(a_black_hole_is_noticed_by_losses_in_a_row_and_left)
{
    model_t model;
    start(&model, 1500, 16384);
    run(&model, model.now + 5 * PEER_SECOND);
    size_t size = model.path.proven;
    model.limit = 1400; /* the route changed */
    unsigned losses = 0;
    while (!path_mtu_on_lost(&model.path, model.now, size)) {
        CHECK(++losses < 6);
        run(&model, model.now + 100 * PEER_MILLISECOND);
    }
    CHECK(losses >= 2);
    CHECK_INT(model.path.proven, BASE);
    run(&model, model.now + 1 * PEER_SECOND);
    CHECK_INT(model.path.proven, BASE);
    run(&model, model.now + 5 * PEER_SECOND);
    CHECK_INT(model.path.proven, 1400 - OVERHEAD);
}

TEST(losses_between_arrivals_are_no_black_hole)
{
    model_t model;
    start(&model, 1500, 16384);
    run(&model, model.now + 5 * PEER_SECOND);
    size_t size = model.path.proven;
    for (int i = 0; i < 100; i++) {
        CHECK(!path_mtu_on_lost(&model.path, model.now, size));
        CHECK(!path_mtu_on_lost(&model.path, model.now, size));
        CHECK(!path_mtu_on_lost(&model.path, model.now, BASE)); /* small ones say nothing */
        path_mtu_on_acknowledged(&model.path, size);
    }
    /* A probe of the size in use clears the doubt as well. */
    for (int i = 0; i < 20; i++) {
        CHECK(!path_mtu_on_lost(&model.path, model.now, size));
        run(&model, model.now + 100 * PEER_MILLISECOND);
    }
    CHECK_INT(model.path.proven, 1500 - OVERHEAD);
}

TEST(a_larger_path_is_looked_for_every_ten_minutes)
{
    model_t model;
    start(&model, 1500, 16384);
    run(&model, model.now + 300 * PEER_SECOND);
    model.limit = 9000;
    CHECK_INT(model.path.proven, 1500 - OVERHEAD);
    run(&model, model.now + 310 * PEER_SECOND);
    CHECK_INT(model.path.proven, 9000 - OVERHEAD);
}

TEST(nothing_is_probed_before_the_start_or_when_the_bounds_meet)
{
    path_mtu_t path;
    size_t size;
    uint32_t id;
    path_mtu_init(&path, 7, BASE, 16384, OVERHEAD);
    CHECK(path_mtu_deadline(&path) == PEER_TIME_NEVER);
    CHECK(!path_mtu_next_probe(&path, 7, &size, &id));
    path_mtu_init(&path, 7, BASE, BASE, OVERHEAD);
    path_mtu_start(&path, 7, RTT);
    CHECK(!path_mtu_next_probe(&path, 7, &size, &id));
    CHECK(path_mtu_deadline(&path) == PEER_TIME_NEVER);
    CHECK(!path_mtu_on_lost(&path, 7, BASE));
    CHECK_INT(path.proven, BASE);
}
