/* What strangers, and peers that change their minds, can do to a connection. */
#include "sim.h"

#include "base/error.h"
#include "base/memory.h"
#include "test.h"

TEST(a_stranger_who_speaks_dtls_first_or_sends_alerts_does_not_stop_a_call)
{
    static const uint8_t alert[] = {21, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40};
    static const uint8_t hello[] = {22, 0xfe, 0xff, 0,    0,  0,  0,  0,  0,  0,  0,  0,  54, 1,  0,  0,  42, 0,    0,    0,  0,  0,  0,
                                    0,  42,   0xfe, 0xfd, 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,   15,   16, 17, 18, 19,
                                    20, 21,   22,   23,   24, 25, 26, 27, 28, 29, 30, 31, 32, 0,  0,  0,  2,  0xc0, 0x2b, 1,  0};
    sim_t *sim = sim_new(&(sim_options_t){.seed = 11, .link = {.delay_us = 50000}, .signaling_delay_us = 5000});
    address_t stranger = address_ipv4(198, 51, 100, 1, 1234);
    for (int i = 0; i < 2; i++)
        sim_add_media(sim_peer(sim, i), true, true);
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 2; i++) {
            sim_inject(sim_peer(sim, i), &stranger, hello, sizeof hello);
            sim_inject(sim_peer(sim, i), &stranger, alert, sizeof alert);
        }
        sim_run(sim, sim_now(sim) + 10000, NULL);
    }
    CHECK(sim_run(sim, sim_now(sim) + 5 * PEER_SECOND, sim_is_connected));
    sim_free(sim);
}

/* The description with another last byte in each fingerprint. */
static char *with_other_fingerprint(const char *sdp)
{
    char *copy = memory_string(sdp);
    for (char *line = strstr(copy, "a=fingerprint:"); line != NULL; line = strstr(line + 1, "a=fingerprint:")) {
        char *end = line + strcspn(line, "\r\n") - 1;
        *end = *end == 'A' ? 'B' : 'A';
    }
    return copy;
}

TEST(a_description_with_another_fingerprint_is_refused_in_a_call_and_changes_nothing)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 12, .link = {.delay_us = 10000}, .signaling_delay_us = 5000});
    for (int i = 0; i < 2; i++)
        sim_add_media(sim_peer(sim, i), true, true);
    CHECK(sim_run(sim, 10 * PEER_SECOND, sim_is_connected));
    sim_run(sim, sim_now(sim) + 2 * PEER_SECOND, NULL);
    connection_t *connection = sim_peer(sim, 0)->connection, *other = sim_peer(sim, 1)->connection;
    char *offer, *before, *after;
    connection_sdp_type_t type;
    CHECK_INT(connection_create_offer(other, sim_now(sim), NULL, &offer), 0);
    char *changed = with_other_fingerprint(offer);
    CHECK_INT(connection_remote_description(connection, &type, &before), 1);
    CHECK_INT(connection_set_remote_description(connection, sim_now(sim), CONNECTION_OFFER, changed), PEER_ERROR_INVALID_ACCESS);
    CHECK_INT(connection_signaling_state(connection), CONNECTION_STABLE);
    CHECK_INT(connection_remote_description(connection, &type, &after), 1);
    CHECK_TEXT(after, before);
    CHECK_INT(connection_set_remote_description(connection, sim_now(sim), CONNECTION_OFFER, offer), 0);
    CHECK_INT(connection_set_remote_description(connection, sim_now(sim), CONNECTION_ROLLBACK, ""), 0);
    uint64_t frames = sim_peer(sim, 0)->received.video_frames;
    sim_run(sim, sim_now(sim) + 2 * PEER_SECOND, NULL);
    CHECK(sim_peer(sim, 0)->received.video_frames > frames + 30);
    memory_free(offer);
    memory_free(changed);
    memory_free(before);
    memory_free(after);
    sim_free(sim);
}
