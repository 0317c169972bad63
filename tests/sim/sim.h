/* Two whole connections and a network between them in virtual time. Signaling is a delayed, ordered pipe with perfect negotiation on top;
 * media are made-up encoded frames whose content can be checked; data are messages whose content follows from their number. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "connection/connection.h"
#include "host.h"
#include "network.h"

#include <stdbool.h>

#define SIM_MESSAGES_MAX 4096

typedef struct sim_peer sim_peer_t;

typedef struct sim_peer_options {
    const ice_server_t *servers;
    size_t server_count;
    ice_transport_policy_t policy;
    ice_tcp_policy_t tcp_policy; /* with ICE_TCP_POLICY_ALL the host listens */
    bool is_lite;
    bool hides_addresses;
    bool wants_port_mapping;
    bool has_no_interface; /* but those that the test adds; else it is on the Internet by IPv4 */
} sim_peer_options_t;

typedef struct sim_options {
    uint64_t seed;
    link_options_t link;
    peer_time_t signaling_delay_us;
    bool wrong_fingerprint[2]; /* that side's description is falsified on its way */
    bool wrong_password[2];
    bool has_ipv6;
    bool hides_renomination; /* descriptions do not tell that a later nomination counts: the peers go by RFC 8445 alone */
    bool is_patient;         /* descriptions are signalled when all candidates are in them */
    sim_peer_options_t peers[2];
    void (*on_signal)(void *user, const sim_peer_t *from, const char *text); /* sees descriptions and candidates */
    void *on_signal_user;
    void (*on_event)(void *user, sim_peer_t *peer, const connection_event_t *event); /* sees every event before it is acted on */
    void *on_event_user;
    bool is_in_vp9;    /* VP9 is the only codec; Opus, PCMU and VP8 otherwise */
    bool is_manual;    /* nothing is signalled: the test does that, by what on_event sees */
    bool is_disturbed; /* descriptions of a third party are set too: then an honest one may be refused */
} sim_options_t;

typedef struct sim sim_t;

typedef struct sim_received {
    uint64_t video_frames, video_bad, video_key_frames, video_last_number;
    peer_time_t video_last_time;
    uint64_t audio_frames, audio_bad, audio_lost;
    uint64_t messages, messages_bad, messages_out_of_order;
    uint64_t tracks, channels, events;
    uint64_t rtp;
} sim_received_t;

struct sim_peer {
    sim_t *sim;
    int index;
    connection_t *connection;
    bool is_polite;
    bool is_ignoring_offer;
    bool is_sending_media;
    host_t *host;
    transceiver_t *audio, *video; /* ours, or the ones that the peer made us have */
    bool sends_audio, sends_video;
    bool key_wanted;
    peer_time_t next_audio, next_video;
    uint64_t video_number, audio_number;
    uint32_t video_size; /* octets of a frame that is no key frame; 0: 1,000 to 3,000 */
    sctp_channel_t *channel;
    uint64_t to_send, sent; /* messages */
    bool is_unordered;
    size_t message_size; /* 0: varied, up to 4 KiB */
    uint8_t seen[SIM_MESSAGES_MAX];
    sim_received_t received;
    int32_t state, ice_state, signaling_state;
    peer_time_t connected_at, first_video_at;
    bool is_closed;
    bool has_description_to_signal;
};

sim_t *sim_new(const sim_options_t *options);
void sim_free(sim_t *sim);
sim_peer_t *sim_peer(sim_t *sim, int index);
network_t *sim_network(sim_t *sim);
names_t *sim_names(sim_t *sim);
peer_time_t sim_now(const sim_t *sim);

size_t sim_add_interface(sim_peer_t *peer, const network_place_t *place, network_type_t type);
void sim_remove_interface(sim_peer_t *peer, size_t interface);
address_t sim_address(const sim_peer_t *peer); /* of the socket on its first interface; family ADDRESS_NONE: there is none */
/* Where a peer's data go now. */
typedef enum sim_route { SIM_NOWHERE, SIM_DIRECT, SIM_DIRECT_TCP, SIM_RELAYED } sim_route_t;
sim_route_t sim_route(sim_peer_t *peer);
bool sim_selected(sim_peer_t *peer, ice_pair_stats_t *stats);

void sim_add_media(sim_peer_t *peer, bool audio, bool video);
/* A channel with `count` messages to send as soon as it is open. */
void sim_add_data(sim_peer_t *peer, bool is_unordered, uint64_t count, size_t message_size);
void sim_close(sim_peer_t *peer);
/* Runs until `until`, or until `is_done` says so (asked after every step; may be NULL). */
bool sim_run(sim_t *sim, peer_time_t until, bool (*is_done)(sim_t *sim));
bool sim_is_connected(sim_t *sim);
/* Delivers a datagram that nobody sent. */
void sim_inject(sim_peer_t *to, const address_t *from, const void *data, size_t length);

#endif
