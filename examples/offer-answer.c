/* The classic example of the W3C text (WebRTC §10.1) in C: two peers, here in one process, call each other with sound and picture.
 *
 * In JavaScript:                                          Here:
 *   pc = new RTCPeerConnection()                            peer_connection_new()
 *   pc.onnegotiationneeded: setLocalDescription, send       on_negotiation_needed
 *   pc.onicecandidate: send                                 on_ice_candidate
 *   signaling.onmessage: setRemoteDescription, answer       receive_description
 *   pc.ontrack: remoteView.srcObject = streams[0]           on_track
 *   navigator.mediaDevices.getUserMedia, pc.addTrack        start
 *
 * Signaling is the application's: here a function call brings JSON from one side to the other; elsewhere it is a WebSocket or anything that
 * carries text. */
#include <peer/peer.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct side {
    const char *name;
    peer_connection_t *pc;
    struct side *other; /* "the network" of the signaling */
    atomic_uint pictures, sounds;
} side_t;

static void check(const char *what, int result)
{
    if (result < 0)
        fprintf(stderr, "%s: %s\n", what, peer_last_error_message());
}

/* signaling.onmessage: a description came. An offer is answered. */
static void receive_description(side_t *side, const char *json)
{
    peer_description_t *description;
    if (peer_description_from_json(json, strlen(json), &description) < 0)
        return;
    check("setRemoteDescription", peer_connection_set_remote_description(side->pc, description));
    if (peer_description_type(description) == PEER_SDP_OFFER) {
        check("setLocalDescription", peer_connection_set_local_description(side->pc, NULL));
        peer_description_t *answer = peer_connection_local_description(side->pc);
        char *text = peer_description_to_json(answer);
        receive_description(side->other, text); /* signaling.send({description: pc.localDescription}) */
        peer_string_free(text);
        peer_description_unref(answer);
    }
    peer_description_unref(description);
}

/* Let the negotiationneeded event trigger offer generation. */
static void on_negotiation_needed(peer_connection_t *pc, void *user)
{
    side_t *side = user;
    check("setLocalDescription", peer_connection_set_local_description(pc, NULL));
    peer_description_t *offer = peer_connection_local_description(pc);
    char *json = peer_description_to_json(offer);
    printf("%s offers\n", side->name);
    receive_description(side->other, json); /* signaling.send({description: pc.localDescription}) */
    peer_string_free(json);
    peer_description_unref(offer);
}

/* Send any ice candidates to the other peer. */
static void on_ice_candidate(peer_connection_t *pc, const peer_ice_candidate_t *candidate, void *user)
{
    side_t *side = user;
    if (candidate != NULL)
        check("addIceCandidate", peer_connection_add_ice_candidate(side->other->pc, candidate));
}

static void on_video_frame(peer_track_t *track, peer_video_frame_t *frame, void *user)
{
    side_t *side = user;
    if (atomic_fetch_add(&side->pictures, 1) == 0)
        printf("%s sees a picture of %u×%u\n", side->name, peer_video_frame_width(frame), peer_video_frame_height(frame));
}

static void on_audio_frame(peer_track_t *track, peer_audio_frame_t *frame, void *user)
{
    side_t *side = user;
    if (atomic_fetch_add(&side->sounds, 1) == 0)
        printf("%s hears sound of %u Hz\n", side->name, peer_audio_frame_sample_rate(frame));
}

/* Once remote media arrives, show it. */
static void on_track(peer_connection_t *pc, const peer_track_event_t *event, void *user)
{
    peer_track_sink_t sink;
    peer_track_sink_init(&sink, sizeof sink);
    sink.on_video_frame = on_video_frame;
    sink.on_audio_frame = on_audio_frame;
    check("sink", peer_track_add_sink(event->track, &sink, user));
}

static void on_connection_state(peer_connection_t *pc, int32_t state, void *user)
{
    printf("%s is %s\n", ((side_t *)user)->name, peer_connection_state_name(state));
}

int main(void)
{
    static side_t alice = {.name = "Alice"}, bob = {.name = "Bob"};
    alice.other = &bob;
    bob.other = &alice;
    static const peer_connection_events_t events = {.on_negotiation_needed = on_negotiation_needed,
                                                    .on_ice_candidate = on_ice_candidate,
                                                    .on_track = on_track,
                                                    .on_connection_state_change = on_connection_state};
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS; /* both sides are on this host */
    /* configuration.ice_servers = &(peer_ice_server_t){.urls = "stun:stun.example.org"}; configuration.ice_server_count = 1; */
    alice.pc = peer_connection_new(&configuration, &events, &alice);
    bob.pc = peer_connection_new(&configuration, &events, &bob);
    if (alice.pc == NULL || bob.pc == NULL) {
        fprintf(stderr, "%s\n", peer_last_error_message());
        return 1;
    }

    /* Alice starts: she gets a stream and adds its tracks, which makes negotiation needed. */
    peer_media_constraints_t constraints;
    peer_media_constraints_init(&constraints, sizeof constraints);
    constraints.audio = constraints.video = 1;
    peer_stream_t *stream = NULL;
    check("getUserMedia", peer_get_user_media(&constraints, &stream));
    for (size_t i = 0; stream != NULL && i < peer_stream_track_count(stream); i++)
        check("addTrack", peer_connection_add_track(alice.pc, peer_stream_track(stream, i), &stream, 1, NULL));

    nanosleep(&(struct timespec){.tv_sec = 2}, NULL); /* the library works on a thread of its own */
    printf("Bob received %u pictures and %u stretches of sound\n", atomic_load(&bob.pictures), atomic_load(&bob.sounds));
    peer_connection_close(alice.pc);
    peer_connection_close(bob.pc);
    peer_connection_unref(alice.pc);
    peer_connection_unref(bob.pc);
    peer_stream_unref(stream);
    return atomic_load(&bob.pictures) > 0 && atomic_load(&bob.sounds) > 0 ? 0 : 1;
}
