/* A TURN client (RFC 8656): one allocation on one server, reached along one path, with its permissions and channels. Sans-IO: what comes
 * from the server goes in by turn_input(), what is to be sent or told comes out of turn_poll(). The agent finds servers, opens the path to
 * them and checks where packets come from; this part never sees a peer's packet that did not come through the server. Private to this
 * folder. */
#ifndef ICE_TURN_H
#define ICE_TURN_H

#include "base/packet.h"
#include "base/random.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TURN_MAX_PERMISSIONS 64 /* IP addresses of peers; for more nothing is sent */
#define TURN_MAX_CHANNELS 32    /* in use or not to be used for others yet; further peers get Send indications */

#define TURN_CODE_UNREACHABLE 701 /* W3C WebRTC §4.8.3: the server could not be reached */

typedef enum turn_error_code { /* RFC 8656 §19 */
                               TURN_ERROR_FORBIDDEN = 403,
                               TURN_ERROR_ALLOCATION_MISMATCH = 437,
                               TURN_ERROR_FAMILY_NOT_SUPPORTED = 440,
                               TURN_ERROR_WRONG_CREDENTIALS = 441,
                               TURN_ERROR_TRANSPORT_NOT_SUPPORTED = 442,
                               TURN_ERROR_FAMILY_MISMATCH = 443,
                               TURN_ERROR_QUOTA_REACHED = 486,
                               TURN_ERROR_INSUFFICIENT_CAPACITY = 508,
} turn_error_code_t;

typedef struct turn turn_t;

typedef struct turn_config {
    random_source_t random;
    packet_pool_t *pool; /* outlives the client */
    path_t path;         /* to the server; TRANSPORT_TCP is reliable: nothing is repeated, ChannelData is padded (RFC 8656 §12.5) */
    const char *username;
    const char *password; /* UTF-8, copied; NULL for none */
    bool wants_ipv4;
    bool wants_ipv6;
    peer_time_t rto;     /* before the first retransmission; 0: ICE_SERVER_RTO */
    uint32_t connection; /* for the log */
} turn_config_t;

/* The first Allocate request waits in turn_poll(). NULL when memory ran out. */
turn_t *turn_new(const turn_config_t *config, peer_time_t now);
void turn_free(turn_t *turn); /* NULL is allowed; the server keeps the allocation until it expires */
/* Gives the allocation back: Refresh with lifetime 0. Nothing is told any more; turn_deadline() is PEER_TIME_NEVER when all is done. */
void turn_close(turn_t *turn, peer_time_t now);

typedef enum turn_input_result {
    TURN_INPUT_IGNORED,  /* not for this client; nothing changed */
    TURN_INPUT_CONSUMED, /* it was; the packet is of no further use */
    TURN_INPUT_DATA,     /* the packet has become, in place, what the peer sent: path.remote is the peer, path.local the relayed address */
} turn_input_result_t;

/* A packet that came along the path from the server. The caller keeps its reference. */
turn_input_result_t turn_input(turn_t *turn, peer_time_t now, packet_t *packet);

/* Wraps what is to go to a peer, in place, and sets its path to the server's; the caller, who must be the packet's only owner, sends it,
 * after what turn_poll() has: the request for the peer's permission where there is none yet, so that no round trip is waited for. False
 * when it cannot be sent: no allocation of the peer's family, permission refused, too many peers, no room. */
bool turn_send(turn_t *turn, peer_time_t now, packet_t *packet, const address_t *peer);

/* Asks the server at once whether the allocation is still there, as one whose NAT has forgotten it looks like another client. */
void turn_verify(turn_t *turn, peer_time_t now);

/* Data flows to and from this peer: asks for a channel, which costs four octets a packet. Until there is one all goes on without. It is
 * kept, and asked for again, as long as something goes there. */
void turn_bind_channel(turn_t *turn, peer_time_t now, const address_t *peer);

typedef enum turn_output_kind {
    TURN_OUTPUT_SEND,              /* packet: the reference is the taker's; its path is set */
    TURN_OUTPUT_ALLOCATED,         /* allocated */
    TURN_OUTPUT_FAILED,            /* failure: there is no allocation and will be none */
    TURN_OUTPUT_LOST,              /* failure: there was one, and it ended against our will */
    TURN_OUTPUT_PERMISSION_FAILED, /* permission: the server does not relay to this peer, for now or for good */
} turn_output_kind_t;

typedef struct turn_output {
    turn_output_kind_t kind;
    union {
        packet_t *packet;
        struct {
            address_t relayed[2]; /* one of a family */
            size_t relayed_count;
            address_t mapped; /* our address as the server saw it; family ADDRESS_NONE when it did not say */
            peer_time_t lifetime;
        } allocated;
        struct {
            uint16_t code; /* of STUN, or TURN_CODE_UNREACHABLE */
            const char *text;
            bool has_alternate; /* the server names another one to ask instead, with the same credentials (RFC 8489 §10) */
            address_t alternate;
            const char *alternate_domain; /* that its certificate must be of; NULL: the same as this server's */
        } failure;
        struct {
            address_t peer; /* port 0: a permission is for an IP address */
            uint16_t code;
            const char *text;
        } permission;
    };
} turn_output_t;

/* The next thing to do or tell; false when there is none. Texts stay valid until the next call on the client. */
bool turn_poll(turn_t *turn, turn_output_t *output);
/* Only the next packet to send, NULL when there is none: for whoever cannot do with the rest now. */
packet_t *turn_poll_packet(turn_t *turn);
void turn_timeout(turn_t *turn, peer_time_t now);
peer_time_t turn_deadline(const turn_t *turn); /* PEER_TIME_NEVER when nothing is awaited */

typedef struct turn_counters {
    uint64_t requests_sent; /* retransmissions included */
    uint64_t responses_received;
    peer_time_t round_trip_time; /* of the first request that was answered without being repeated; 0: none */
    uint64_t dropped;            /* ChannelData and Data indications from peers without permission, or malformed */
} turn_counters_t;

const turn_counters_t *turn_counters(const turn_t *turn);
const address_t *turn_relayed(const turn_t *turn, address_family_t family); /* NULL without */

#endif
