#include "call.h"

static call_t call; /* large */

static const link_conditions_t perfect = {.delay = 10 * PEER_MILLISECOND};

TEST(a_perfect_link_delivers_every_frame_in_order)
{
    call_init(&call, 1, &perfect);
    call_add_streams(&call);
    call_run(&call, 10 * PEER_SECOND);
    CHECK_INT(call.undecodable, 0);
    CHECK_INT(call.damaged, 0);
    CHECK(call.frames_sent >= 299);
    CHECK(call.frames_received >= call.frames_sent - 2);
    CHECK_INT(call.key_frames_received, 1);
    CHECK_INT(call.audio_lost, 0);
    CHECK_INT(call.audio_out_of_order, 0);
    CHECK(call.audio_received >= call.audio_sent - 4);
    CHECK_INT(call.first_packets, 2);
    call_free(&call);
}
