/* Malformed descriptions, candidates and messages on a live connection: each is refused with a reason or can be rolled back, nothing else
 * changes, and the call goes on. */
#include "pair.h"
#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What must not change. */
typedef struct snapshot {
    char *local, *remote;
    int32_t signaling_state;
    size_t transceiver_count;
    int32_t directions[8][2];
    char mids[8][32];
} snapshot_t;

static char *sdp_of(peer_description_t *description)
{
    char *sdp = strdup(description != NULL ? peer_description_sdp(description) : "");
    peer_description_unref(description);
    return sdp;
}

static snapshot_t take_snapshot(peer_connection_t *pc)
{
    snapshot_t snapshot = {.local = sdp_of(peer_connection_local_description(pc)),
                           .remote = sdp_of(peer_connection_remote_description(pc)),
                           .signaling_state = peer_connection_signaling_state(pc)};
    peer_transceiver_t *transceivers[8];
    snapshot.transceiver_count = peer_connection_transceivers(pc, transceivers, 8);
    for (size_t i = 0; i < snapshot.transceiver_count && i < 8; i++) {
        const char *mid = peer_transceiver_mid(transceivers[i]);
        snprintf(snapshot.mids[i], sizeof snapshot.mids[i], "%s", mid != NULL ? mid : "-");
        snapshot.directions[i][0] = peer_transceiver_direction(transceivers[i]);
        snapshot.directions[i][1] = peer_transceiver_current_direction(transceivers[i]);
        peer_transceiver_unref(transceivers[i]);
    }
    return snapshot;
}

static void free_snapshot(snapshot_t *snapshot)
{
    free(snapshot->local);
    free(snapshot->remote);
}

static void check_unchanged(peer_connection_t *pc, const snapshot_t *before, const char *what)
{
    snapshot_t after = take_snapshot(pc);
    if (after.signaling_state != before->signaling_state)
        test_fail(__FILE__, __LINE__, "%s: the signaling state is %s", what, peer_signaling_state_name(after.signaling_state));
    if (strcmp(after.local, before->local) != 0)
        test_fail(__FILE__, __LINE__, "%s: the local description changed", what);
    if (strcmp(after.remote, before->remote) != 0)
        test_fail(__FILE__, __LINE__, "%s: the remote description changed", what);
    if (after.transceiver_count != before->transceiver_count ||
        memcmp(after.directions, before->directions, sizeof after.directions) != 0 ||
        memcmp(after.mids, before->mids, sizeof after.mids) != 0)
        test_fail(__FILE__, __LINE__, "%s: a transceiver changed", what);
    free_snapshot(&after);
}

typedef struct tally {
    int refused;
    int accepted;
} tally_t;

/* Sets an offer that is wrong, or may be. What is accepted is rolled back, and that must restore everything. */
static void set_offer(peer_connection_t *pc, const char *sdp, const char *what, bool must_fail, tally_t *tally)
{
    snapshot_t before = take_snapshot(pc);
    peer_description_t *description;
    CHECK_INT(peer_description_new(PEER_SDP_OFFER, sdp, &description), 0);
    int result = peer_connection_set_remote_description(pc, description);
    peer_description_unref(description);
    if (result < 0) {
        tally->refused++;
        if (*peer_last_error_message() == '\0' || *peer_error_name(result) == '\0')
            test_fail(__FILE__, __LINE__, "%s: refused without a reason", what);
    } else {
        tally->accepted++;
        if (must_fail)
            test_fail(__FILE__, __LINE__, "%s: accepted", what);
        CHECK_INT(peer_connection_signaling_state(pc), PEER_SIGNALING_HAVE_REMOTE_OFFER);
        CHECK_INT(peer_description_new(PEER_SDP_ROLLBACK, NULL, &description), 0);
        if (peer_connection_set_remote_description(pc, description) < 0)
            test_fail(__FILE__, __LINE__, "%s: no rollback: %s", what, peer_last_error_message());
        peer_description_unref(description);
    }
    check_unchanged(pc, &before, what);
    free_snapshot(&before);
}

static bool media_flow(pair_t *pair)
{
    return pair_is_connected(pair) && pair->sides[0].audio_frames > 3 && pair->sides[1].audio_frames > 3 && pair->sides[1].messages > 0;
}

static void say_hello(pair_side_t *side, pair_callback_t kind, void *object)
{
    if (kind == PAIR_CHANNEL_OPEN && side->index == 0)
        peer_data_channel_send(object, "hello", 5, 1);
}

static void open_call(pair_t *pair)
{
    pair_open(pair, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        pair->sides[i].on_callback = say_hello;
        pair->sides[i].is_expecting_refusals = true;
    }
    for (int i = 0; i < 2; i++)
        pair_add_media(&pair->sides[i], true, false);
    pair_add_channel(&pair->sides[0], "hello");
    CHECK(pair_wait(pair, media_flow, NULL));
}

static int frames_wanted;

static bool new_media_flow(pair_t *pair)
{
    return pair->sides[0].audio_frames > frames_wanted && pair->sides[1].audio_frames > frames_wanted && pair->sides[1].tracks > 1 &&
           pair->sides[1].video_frames > 2;
}

/* A valid description still works: video is added, and everything flows. */
static void check_call_goes_on(pair_t *pair)
{
    CHECK_INT(peer_connection_connection_state(pair->sides[0].pc), PEER_CONNECTION_CONNECTED);
    int most = pair->sides[0].audio_frames > pair->sides[1].audio_frames ? pair->sides[0].audio_frames : pair->sides[1].audio_frames;
    frames_wanted = most + 10;
    pair_add_media(&pair->sides[0], false, true);
    CHECK(pair_wait(pair, new_media_flow, NULL));
    int messages = pair->sides[1].messages;
    CHECK_INT(peer_data_channel_send(pair->sides[0].channel, "hello", 5, 1), 0);
    for (int i = 0; i < 12000 && pair->sides[1].messages == messages; i++)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    CHECK_INT(pair->sides[1].messages, messages + 1);
    CHECK(pair_end(pair, NULL));
}

static void for_each_file(const char *folder, const char *ending, void (*visit)(const char *name, const char *text, void *user), void *user)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        size_t length = strlen(entry->d_name);
        char path[1024];
        if (length < strlen(ending) || strcmp(entry->d_name + length - strlen(ending), ending) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        char *text = test_read_file(path, NULL);
        visit(entry->d_name, text, user);
        free(text);
    }
    closedir(directory);
}

typedef struct target {
    peer_connection_t *pc;
    tally_t tally;
} target_t;

static void try_bad_file(const char *name, const char *text, void *user)
{
    target_t *target = user;
    set_offer(target->pc, text, name, false, &target->tally);
}

TEST(every_malformed_description_is_refused_with_a_reason_and_the_call_goes_on)
{
    pair_t pair;
    open_call(&pair);
    target_t target = {.pc = pair.sides[0].pc};
    for_each_file(VECTORS "/sdp/bad", ".sdp", try_bad_file, &target);
    CHECK(target.tally.refused > 20);
    CHECK_INT(target.tally.accepted, 0);
    check_call_goes_on(&pair);
}

TEST(descriptions_of_other_calls_do_no_harm)
{
    pair_t pair;
    open_call(&pair);
    target_t target = {.pc = pair.sides[0].pc};
    for_each_file(VECTORS "/sdp", ".sdp", try_bad_file, &target);
    CHECK(target.tally.refused + target.tally.accepted > 5);
    check_call_goes_on(&pair);
}

/* Every line cut in its middle, left out, doubled, garbled, and the text ending there. */
static void mutate(peer_connection_t *pc, const char *sdp, tally_t *tally)
{
    char *text = malloc(2 * strlen(sdp) + 64);
    int line_number = 0;
    for (const char *line = sdp; *line != '\0'; line_number++) {
        size_t before = (size_t)(line - sdp), length = strcspn(line, "\n") + 1;
        const char *rest = line + length;
        for (int how = 0; how < 6; how++) {
            char what[64];
            int at = (int)before;
            memcpy(text, sdp, before);
            switch (how) {
            case 0: /* the text ends in the middle of the line */
                at += sprintf(text + at, "%.*s", (int)(length / 2), line);
                break;
            case 1: /* the line ends in its middle */
                at += sprintf(text + at, "%.*s\r\n%s", (int)(length / 2), line, rest);
                break;
            case 2:
                at += sprintf(text + at, "%s", rest);
                break;
            case 3:
                at += sprintf(text + at, "%.*s%s", (int)length, line, line);
                break;
            case 4: /* digits become letters */
                at += sprintf(text + at, "%s", line);
                for (size_t i = before + 2; i < before + length; i++)
                    text[i] = text[i] >= '0' && text[i] <= '9' ? 'x' : text[i];
                break;
            default: /* numbers become too large */
                at += sprintf(text + at, "%.*s99999999999999999999\r\n%s", (int)(length > 2 ? length - 2 : 0), line, rest);
                break;
            }
            text[at] = '\0';
            snprintf(what, sizeof what, "line %d, change %d", line_number + 1, how);
            set_offer(pc, text, what, false, tally);
        }
        line = rest;
    }
    free(text);
}

TEST(an_offer_changed_or_cut_at_any_line_is_refused_or_can_be_rolled_back)
{
    pair_t pair;
    tally_t tally = {0};
    peer_description_t *offer;
    open_call(&pair);
    CHECK_INT(peer_connection_create_offer(pair.sides[1].pc, NULL, &offer), 0);
    mutate(pair.sides[0].pc, peer_description_sdp(offer), &tally);
    peer_description_unref(offer);
    test_note("%d refused, %d accepted and rolled back", tally.refused, tally.accepted);
    CHECK(tally.refused > 50);
    CHECK(tally.accepted > 50);
    check_call_goes_on(&pair);
}

static void try_real_file(const char *name, const char *text, void *user)
{
    tally_t *tally = user;
    peer_connection_t *pc = peer_connection_new(NULL, NULL, NULL);
    if (strstr(name, "offer") != NULL)
        mutate(pc, text, tally);
    peer_connection_unref(pc);
}

TEST(real_offers_changed_or_cut_at_any_line_leave_a_new_connection_as_it_was)
{
    tally_t tally = {0};
    pair_t pair;
    open_call(&pair); /* keeps the library's loop */
    for_each_file(VECTORS "/sdp", ".sdp", try_real_file, &tally);
    test_note("%d refused, %d accepted and rolled back", tally.refused, tally.accepted);
    CHECK(tally.refused > 100);
    check_call_goes_on(&pair);
}

/* Calls for every line of a file, its NUL-terminated text. */
static void for_each_line(const char *path, void (*visit)(char *line, void *user), void *user)
{
    char *text = test_read_file(path, NULL);
    for (char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] == '\n');
        line[length] = '\0';
        visit(line, user);
        line = next;
    }
    free(text);
}

static void try_candidate(char *line, void *user)
{
    peer_connection_t *pc = user;
    peer_ice_candidate_t *candidate = NULL;
    snapshot_t before = take_snapshot(pc);
    int result = peer_ice_candidate_new(line, "0", 0, NULL, &candidate);
    if (result == 0)
        result = peer_connection_add_ice_candidate(pc, candidate);
    if (result >= 0 || *peer_last_error_message() == '\0')
        test_fail(__FILE__, __LINE__, "%s: not refused with a reason", line);
    peer_ice_candidate_unref(candidate);
    check_unchanged(pc, &before, line);
    free_snapshot(&before);
}

TEST(every_malformed_candidate_is_refused_with_a_reason_and_the_call_goes_on)
{
    pair_t pair;
    open_call(&pair);
    for_each_line(VECTORS "/bad/candidates.txt", try_candidate, pair.sides[0].pc);
    check_call_goes_on(&pair);
}

static void try_message(char *line, void *user)
{
    pair_side_t *side = user;
    snapshot_t before = take_snapshot(side->pc);
    if (peer_negotiator_receive(side->negotiator, line, strlen(line)) >= 0 || *peer_last_error_message() == '\0')
        test_fail(__FILE__, __LINE__, "%s: not refused with a reason", line);
    check_unchanged(side->pc, &before, line);
    free_snapshot(&before);
}

TEST(every_malformed_message_to_a_negotiator_is_refused_with_a_reason_and_the_call_goes_on)
{
    pair_t pair;
    open_call(&pair);
    for_each_line(VECTORS "/bad/messages.txt", try_message, &pair.sides[0]);
    check_call_goes_on(&pair);
}
