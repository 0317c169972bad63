/* The negotiator's own ICE restarts, through the public interface: one side is left undispatched until the other misses it. */
#include "pair.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UFRAG_SIZE 300

static void copy_ufrag(peer_connection_t *pc, char ufrag[UFRAG_SIZE])
{
    static const char name[] = "a=ice-ufrag:";
    peer_description_t *description = peer_connection_local_description(pc);
    const char *found = description != NULL ? strstr(peer_description_sdp(description), name) : NULL;
    size_t length = found != NULL ? strcspn(found += strlen(name), "\r\n") : 0;
    snprintf(ufrag, UFRAG_SIZE, "%.*s", (int)length, found != NULL ? found : "");
    peer_description_unref(description);
}

static char first_ufrag[UFRAG_SIZE];

/* Asked of the side that goes on. */
static bool has_restarted(pair_t *pair)
{
    char ufrag[UFRAG_SIZE];
    copy_ufrag(pair->sides[0].pc, ufrag);
    return strcmp(ufrag, first_ufrag) != 0;
}

static bool is_stable_and_connected(pair_t *pair)
{
    for (int i = 0; i < 2; i++)
        if (peer_connection_signaling_state(pair->sides[i].pc) != PEER_SIGNALING_STABLE ||
            peer_connection_connection_state(pair->sides[i].pc) != PEER_CONNECTION_CONNECTED)
            return false;
    return true;
}

static bool has_message(pair_t *pair)
{
    return pair->sides[0].messages > 0;
}

static bool has_channel(pair_t *pair)
{
    return pair->sides[1].channels > 0;
}

TEST(a_call_that_is_interrupted_is_restarted_and_comes_back)
{
    pair_t pair;
    peer_loop_t *manual = peer_loop_new(PEER_LOOP_MANUAL);
    pair_open(&pair, NULL, manual);
    pair_add_channel(&pair.sides[0], "c");
    CHECK(pair_wait(&pair, has_channel, manual));
    CHECK(pair_wait(&pair, is_stable_and_connected, manual));
    copy_ufrag(pair.sides[0].pc, first_ufrag);
    CHECK(pair_wait(&pair, has_restarted, NULL));
    CHECK(pair_wait(&pair, is_stable_and_connected, manual));
    char ufrag[UFRAG_SIZE];
    copy_ufrag(pair.sides[0].pc, ufrag);
    CHECK(strcmp(ufrag, first_ufrag) != 0);
    CHECK_INT(peer_data_channel_send(pair.sides[1].channel, "back", 4, 1), 0);
    CHECK(pair_wait(&pair, has_message, manual));
    CHECK(pair_end(&pair, manual));
    peer_loop_unref(manual);
}
