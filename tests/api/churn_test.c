/* Connections opened and closed by the hundred, half of them in the middle of things: nothing is left and nothing comes late. */
#include "pair.h"
#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 10 /* pairs that live at the same time */

static const char *const kind_names[PAIR_CALLBACKS] = {"negotiationneeded",
                                                       "icecandidate",
                                                       "signalingstatechange",
                                                       "iceconnectionstatechange",
                                                       "icegatheringstatechange",
                                                       "connectionstatechange",
                                                       "track",
                                                       "datachannel",
                                                       "open",
                                                       "message",
                                                       "bufferedamountlow",
                                                       "closing",
                                                       "close",
                                                       "video frame",
                                                       "audio frame",
                                                       "encoded frame",
                                                       "RTP packet",
                                                       "unmute",
                                                       "negotiator's send"};

static int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;
    if (directory == NULL)
        return -1;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static int descriptors(void)
{
    return count_entries("/proc/self/fd");
}

static int threads(void)
{
    return count_entries("/proc/self/task");
}

/* Threads end by themselves, soon after what they were for. */
static bool falls_to(int (*count)(void), int limit)
{
    for (int i = 0; i < 12000; i++) {
        if (count() <= limit)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return false;
}

/* What one pair is to suffer. */
typedef enum ending {
    END_CLOSE_SELF,  /* peer_connection_close() and all references given back, in the callback */
    END_CLOSE_OTHER, /* the same for the other connection */
    END_UNREF_ONLY,  /* no close: the last reference goes in the callback */
    END_CLOSE_TWICE, /* both sides, and closing again */
    ENDINGS
} ending_t;

typedef struct fate {
    pair_callback_t kind;
    ending_t ending;
    int side;
    atomic_int countdown;         /* the callbacks of that kind to let pass, then 0: it has happened */
    peer_loop_t *loop_to_release; /* given back inside the callback */
} fate_t;

static void unref_only(pair_side_t *side)
{
    pthread_mutex_lock(&side->lock);
    peer_connection_t *pc = side->pc;
    peer_negotiator_t *negotiator = side->negotiator;
    peer_data_channel_t *channel = side->channel;
    side->pc = NULL;
    side->negotiator = NULL;
    side->channel = NULL;
    pthread_mutex_unlock(&side->lock);
    if (pc == NULL)
        return;
    peer_data_channel_unref(channel);
    peer_negotiator_unref(negotiator);
    peer_connection_unref(pc); /* inside the negotiator's send the negotiator still holds one, until that returns */
}

static void on_callback(pair_side_t *side, pair_callback_t kind, void *object)
{
    fate_t *fate = side->user;
    if (kind == PAIR_CHANNEL_OPEN)
        peer_data_channel_send(object, "hello", 5, 1);
    if (kind == PAIR_CHANNEL_MESSAGE && side->index == 1 && fate->kind >= PAIR_CHANNEL_CLOSING)
        peer_data_channel_close(object);
    if (kind != fate->kind || side->index != fate->side || atomic_fetch_sub(&fate->countdown, 1) != 1)
        return;
    pair_side_t *other = &side->pair->sides[1 - side->index];
    peer_connection_t *pc;
    switch (fate->ending) {
    case END_CLOSE_OTHER:
        pair_close_side(other, true);
        break;
    case END_UNREF_ONLY:
        unref_only(side);
        break;
    case END_CLOSE_TWICE:
        pc = pair_take_connection(side);
        if (pc != NULL) {
            peer_connection_close(pc);
            peer_connection_close(pc);
        }
        peer_connection_unref(pc);
        pair_close_side(side, true);
        pair_close_side(other, true);
        break;
    default:
        pair_close_side(side, true);
        break;
    }
    peer_loop_unref(fate->loop_to_release);
    fate->loop_to_release = NULL;
}

/* Which side sees callbacks of a kind: 0 opens the channel and sends the media. */
static int side_of(pair_callback_t kind, int n)
{
    switch (kind) {
    case PAIR_TRACK:
    case PAIR_DATA_CHANNEL:
    case PAIR_VIDEO_FRAME:
    case PAIR_AUDIO_FRAME:
    case PAIR_ENCODED_FRAME:
    case PAIR_RTP:
    case PAIR_UNMUTE:
        return 1;
    case PAIR_CHANNEL_CLOSING: /* side 1 closes: W3C WebRTC §6.2, the other side is told of it */
        return 0;
    case PAIR_NEGOTIATION_NEEDED:
        return 0;
    default:
        return n % 2;
    }
}

static void start(pair_t *pair, fate_t *fate, peer_loop_t *loop)
{
    pair_open(pair, loop, loop);
    for (int i = 0; i < 2; i++) {
        pair->sides[i].user = fate;
        pair->sides[i].on_callback = on_callback;
        pair->sides[i].is_expecting_refusals = true;
    }
    bool needs_video = fate->kind == PAIR_VIDEO_FRAME;
    bool needs_audio = fate->kind == PAIR_TRACK || fate->kind == PAIR_AUDIO_FRAME || fate->kind == PAIR_ENCODED_FRAME ||
                       fate->kind == PAIR_RTP || fate->kind == PAIR_UNMUTE;
    if (needs_video || needs_audio)
        pair_add_media(&pair->sides[0], needs_audio, needs_video);
    pair_add_channel(&pair->sides[0], "churn");
}

static bool has_happened(pair_t *pair)
{
    return atomic_load(&((fate_t *)pair->sides[0].user)->countdown) <= 0;
}

static bool message_arrived(pair_t *pair)
{
    return pair->sides[1].messages > 0;
}

/* Everything ends: what is still open is closed from here. */
static void finish(pair_t *pair, peer_loop_t *loop)
{
    bool is_in_order = pair_end(pair, loop);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(pair->sides[i].closed, 1);
        CHECK_INT(pair->sides[i].late, 0);
    }
    CHECK(is_in_order);
}

static pair_t pairs[AT_ONCE];
static fate_t fates[AT_ONCE];

/* Opens ten pairs; each ends inside the callback of its kind. */
static void close_inside_callbacks(int round, int happened[PAIR_CALLBACKS], peer_loop_t *loop)
{
    for (int i = 0; i < AT_ONCE; i++) {
        int n = round * AT_ONCE + i;
        pair_callback_t kind = (pair_callback_t)(n % PAIR_CALLBACKS);
        fates[i] =
            (fate_t){.kind = kind, .ending = (ending_t)(n / PAIR_CALLBACKS % ENDINGS), .side = side_of(kind, n / PAIR_CALLBACKS / ENDINGS)};
        /* The first state or candidate comes early in the handshake, a later one in its middle. */
        atomic_init(&fates[i].countdown,
                    kind <= PAIR_CONNECTION_STATE && kind != PAIR_NEGOTIATION_NEEDED ? 1 + n / PAIR_CALLBACKS / 2 % 2 : 1);
        start(&pairs[i], &fates[i], loop);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        if (!pair_wait(&pairs[i], has_happened, loop))
            test_fail(__FILE__, __LINE__, "%s did not come to side %d", kind_names[fates[i].kind], fates[i].side);
        happened[fates[i].kind]++;
        finish(&pairs[i], loop);
    }
}

static void close_from_outside(int round, peer_loop_t *loop)
{
    for (int i = 0; i < AT_ONCE; i++) {
        fates[i] = (fate_t){.kind = PAIR_CALLBACKS};
        start(&pairs[i], &fates[i], loop);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        if (i % 3 == 0) /* in mid-handshake: some turns of the loop, more with every round */
            for (int turns = 0; loop != NULL && turns < round; turns++)
                peer_loop_dispatch(loop);
        else
            CHECK(pair_wait(&pairs[i], message_arrived, loop));
        finish(&pairs[i], loop);
    }
}

static void check_nothing_is_left(int descriptors_before, int threads_before)
{
    bool is_clean = falls_to(threads, threads_before) && falls_to(descriptors, descriptors_before);
    for (int i = 0; !is_clean && i < 1000; i++) {
        char path[64], target[256];
        snprintf(path, sizeof path, "/proc/self/fd/%d", i);
        ssize_t length = readlink(path, target, sizeof target);
        if (length > 0)
            test_note("%d is %.*s", i, (int)length, target);
    }
    CHECK(threads() <= threads_before);
    CHECK(descriptors() <= descriptors_before);
}

static bool codecs_run(pair_t *pair)
{
    return pair->sides[0].video_frames > 20 && pair->sides[1].video_frames > 20 && pair->sides[0].audio_frames > 20;
}

/* Until neither number has changed for a second: what is about to end has ended. */
static void settle(void)
{
    int counts[2] = {descriptors(), threads()};
    for (int same = 0, i = 0; same < 100 && i < 6000; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        same = descriptors() == counts[0] && threads() == counts[1] ? same + 1 : 0;
        counts[0] = descriptors();
        counts[1] = threads();
    }
}

/* The threads that encode and decode stay for good once they exist: this makes all of them work. */
static void warm_up(void)
{
    pair_t pair;
    fate_t fate = {.kind = PAIR_NEGOTIATION_NEEDED};
    start(&pair, &fate, NULL);
    for (int i = 0; i < 2; i++)
        pair_add_media(&pair.sides[i], true, true);
    CHECK(pair_wait(&pair, codecs_run, NULL));
    finish(&pair, NULL);
    settle();
}

TEST(five_hundred_connections_leave_no_descriptor_no_thread_and_no_late_callback)
{
    int happened[PAIR_CALLBACKS] = {0};
    setenv("PAIR_PATIENCE", "120", 0);
    warm_up();
    int descriptors_before = descriptors(), threads_before = threads();
    peer_loop_t *manual = peer_loop_new(PEER_LOOP_MANUAL);
    for (int round = 0; round < 13; round++) { /* 260 connections */
        close_inside_callbacks(2 * round, happened, NULL);
        close_inside_callbacks(2 * round + 1, happened, manual);
        if (round == 0)
            test_note("%d descriptors and %d threads in the middle", descriptors(), threads());
    }
    for (int round = 0; round < 6; round++) { /* 240 connections */
        close_from_outside(round, NULL);
        close_from_outside(round, manual);
    }
    peer_loop_unref(manual);
    for (int kind = 0; kind < PAIR_CALLBACKS; kind++)
        if (happened[kind] == 0)
            test_fail(__FILE__, __LINE__, "no connection was closed inside %s", kind_names[kind]);
    check_nothing_is_left(descriptors_before, threads_before);
}

TEST(a_loop_may_be_given_back_inside_its_own_callback)
{
    int descriptors_before = descriptors(), threads_before = threads();
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < AT_ONCE; i++) {
            peer_loop_t *loop = peer_loop_new(PEER_LOOP_THREAD);
            pair_callback_t kind = i % 2 == 0 ? PAIR_SIGNALING_STATE : PAIR_CHANNEL_MESSAGE;
            fates[i] = (fate_t){.kind = kind, .ending = (ending_t)round, .side = i % 2, .loop_to_release = loop};
            atomic_init(&fates[i].countdown, 1);
            start(&pairs[i], &fates[i], loop);
            CHECK(pair_wait(&pairs[i], has_happened, NULL));
            finish(&pairs[i], NULL);
        }
    check_nothing_is_left(descriptors_before, threads_before);
}

static bool is_nothing_left_to_do(pair_t *pair)
{
    return pair_is_closed(pair);
}

TEST(a_manual_loop_may_be_given_back_inside_its_own_callback)
{
    int descriptors_before = descriptors(), threads_before = threads();
    for (int i = 0; i < 20; i++) {
        peer_loop_t *loop = peer_loop_new(PEER_LOOP_MANUAL);
        peer_loop_ref(loop); /* for dispatching: an application must not dispatch what it has given back */
        pair_t pair;
        fate_t fate = {.kind = (pair_callback_t)(i % PAIR_TRACK), .ending = END_CLOSE_TWICE, .side = 0, .loop_to_release = loop};
        atomic_init(&fate.countdown, 1);
        start(&pair, &fate, loop);
        CHECK(pair_wait(&pair, has_happened, loop));
        CHECK(pair_wait(&pair, is_nothing_left_to_do, loop));
        finish(&pair, loop);
        peer_loop_unref(loop);
    }
    check_nothing_is_left(descriptors_before, threads_before);
}

TEST(channels_that_were_closed_cost_their_connection_nothing)
{
    pair_t pair;
    fate_t fate = {.kind = PAIR_NEGOTIATION_NEEDED}; /* nothing is to happen to it */
    start(&pair, &fate, NULL);
    CHECK(pair_wait(&pair, message_arrived, NULL));
    for (int round = 0; round < 20; round++) {
        peer_data_channel_t *channels[20];
        int before = pair.sides[0].channels_closed;
        for (int i = 0; i < 20; i++) {
            CHECK_INT(peer_connection_create_data_channel(pair.sides[0].pc, "short-lived", NULL, NULL, NULL, &channels[i]), 0);
            pair_watch_channel(&pair.sides[0], channels[i]);
            peer_data_channel_close(channels[i]);
        }
        for (int i = 0; i < 12000 && pair.sides[0].channels_closed < before + 20; i++)
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        CHECK_INT(pair.sides[0].channels_closed, before + 20);
        for (int i = 0; i < 20; i++) {
            CHECK_INT(peer_data_channel_ready_state(channels[i]), PEER_DATA_CHANNEL_CLOSED);
            CHECK_INT(peer_data_channel_send(channels[i], "x", 1, 1), PEER_ERROR_INVALID_STATE);
            peer_data_channel_unref(channels[i]);
        }
    }
    peer_stats_report_t *report;
    CHECK_INT(peer_connection_get_stats(pair.sides[0].pc, &report), 0);
    int listed = 0;
    for (size_t i = 0; i < peer_stats_report_count(report); i++)
        listed += strcmp(peer_stats_report_type(report, i), "data-channel") == 0;
    CHECK_INT(listed, 1);
    peer_stats_report_unref(report);
    finish(&pair, NULL);
}
