/** @file
 * NAT discovery (RFC 5780): what NATs and firewalls lie between this host and the Internet, what that means for calls, and whether a TURN
 * server is needed.
 *
 * The whole truth needs one STUN server with two addresses (an "RFC 5780 server", such as coturn listening on two). Servers with one
 * address give the mapped address, and two of them the mapping; what they cannot tell is said to be unknown.
 */
#ifndef PEER_NAT_H
#define PEER_NAT_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** The classic names of NATs (RFC 3489 §5), and of what else a host may be behind. */
typedef enum peer_nat_type {
    PEER_NAT_UNKNOWN = 0,                 /**< the servers could not tell */
    PEER_NAT_OPEN = 1,                    /**< no NAT, and nothing is kept out */
    PEER_NAT_FULL_CONE = 2,               /**< endpoint-independent mapping and filtering */
    PEER_NAT_ADDRESS_RESTRICTED_CONE = 3, /**< endpoint-independent mapping, address-dependent filtering */
    PEER_NAT_PORT_RESTRICTED_CONE = 4,    /**< endpoint-independent mapping, address- and port-dependent filtering */
    PEER_NAT_SYMMETRIC = 5,               /**< another mapping for each destination */
    PEER_NAT_UDP_BLOCKED = 6,             /**< nothing comes back by UDP */
    PEER_NAT_FIREWALLED = 7               /**< no NAT, but filtering: a "symmetric UDP firewall" and its milder relatives */
} peer_nat_type_t;

/** What mapping (RFC 4787 §4.1) or filtering (§5) depends on. */
typedef enum peer_nat_behaviour {
    PEER_NAT_BEHAVIOUR_UNKNOWN = 0,         /**< the servers could not tell */
    PEER_NAT_ENDPOINT_INDEPENDENT = 1,      /**< on nothing */
    PEER_NAT_ADDRESS_DEPENDENT = 2,         /**< on the other end's IP address */
    PEER_NAT_ADDRESS_AND_PORT_DEPENDENT = 3 /**< on its port too */
} peer_nat_behaviour_t;

/** An answer that may not be known. */
typedef enum peer_nat_answer {
    PEER_NAT_ANSWER_UNKNOWN = 0, /**< not found out, or there is no NAT to ask about */
    PEER_NAT_ANSWER_NO = 1,      /**< no */
    PEER_NAT_ANSWER_YES = 2      /**< yes */
} peer_nat_answer_t;

/** When a host needs a TURN server. */
typedef enum peer_nat_turn_need {
    PEER_NAT_TURN_UNKNOWN = 0,   /**< the type is unknown */
    PEER_NAT_TURN_SELDOM = 1,    /**< with peers whose UDP is blocked only */
    PEER_NAT_TURN_SOMETIMES = 2, /**< with peers behind a symmetric NAT too */
    PEER_NAT_TURN_OFTEN = 3,     /**< with all peers behind a symmetric or port-restricted NAT, or a firewall */
    PEER_NAT_TURN_ALWAYS = 4     /**< always, and reached by TCP or TLS */
} peer_nat_turn_need_t;

/** How to look. Zero is the default of every member; fill with peer_nat_options_init(). */
typedef struct peer_nat_options {
    size_t size;               /**< sizeof the struct, set by peer_nat_options_init() */
    const char *urls;          /**< "stun:host[:port]"; several, at most 8, with spaces between. Required */
    const char *local_address; /**< IP address to look from; NULL: the one that the host's routes give */
    uint32_t lifetime_seconds; /**< longest time to spend on measuring how long idle bindings live, at most 3,600; 0: it is not measured */
    peer_loop_t *loop;         /**< NULL: the library's own loop */
} peer_nat_options_t;

/** Fills options with the defaults. `size` is `sizeof(peer_nat_options_t)` as the application was compiled. @threadsafe */
PEER_API void peer_nat_options_init(peer_nat_options_t *options, size_t size);

/** What was found out. It and its strings are valid during the event. */
typedef struct peer_nat_result {
    size_t size;                      /**< of the struct that the library filled */
    int32_t error;                    /**< 0; or PEER_ERROR_NETWORK: nothing could be found out, and `message` says why */
    const char *message;              /**< NULL without error */
    int32_t type;                     /**< one of ::peer_nat_type_t */
    int32_t mapping;                  /**< one of ::peer_nat_behaviour_t */
    int32_t filtering;                /**< one of ::peer_nat_behaviour_t */
    int32_t hairpinning;              /**< one of ::peer_nat_answer_t: can two hosts behind the NAT use their mapped addresses? */
    const char *local_address;        /**< "192.168.1.7:50000", or NULL when nothing answered; IPv6 addresses are in brackets */
    const char *mapped_address;       /**< the same socket as the server saw it, or NULL */
    const char *server_address;       /**< the server that told, or NULL */
    const char *other_address;        /**< its other address; NULL: it is no RFC 5780 server */
    int32_t binding_lifetime_s;       /**< an idle binding was seen alive after so many seconds; -1: unknown */
    int32_t binding_lifetime_below_s; /**< and gone after so many; -1: it was not seen to end */
    int64_t round_trip_us;            /**< to the server and back; 0: unknown */
} peer_nat_result_t;

/** Events of a discovery, on its loop. Those left NULL are not delivered. */
typedef struct peer_nat_events {
    /** The discovery has ended; comes once, unless it is closed before. */
    void (*on_result)(peer_nat_discovery_t *discovery, const peer_nat_result_t *result, void *user);
    /** The last event, after peer_nat_discovery_close() or when the last reference is gone: `user` is not used any more. */
    void (*on_closed)(peer_nat_discovery_t *discovery, void *user);
} peer_nat_events_t;

/**
 * Starts to find out. With a server that answers it takes about a second (and what measuring the lifetime takes); without an answer, five.
 *
 * @param options  filled by peer_nat_options_init(); copied
 * @param events   copied
 * @param user     passed to the events
 * @return the discovery, or NULL: PEER_ERROR_TYPE (no URL, options not initialized), PEER_ERROR_SYNTAX (a URL or the local address),
 *         PEER_ERROR_NOT_SUPPORTED (a URL that is not of STUN over UDP), PEER_ERROR_RANGE (too many URLs, too long a lifetime),
 *         PEER_ERROR_NO_MEMORY, PEER_ERROR_OPERATION (no loop can be made)
 * @threadsafe
 */
PEER_API peer_nat_discovery_t *peer_nat_discovery_new(const peer_nat_options_t *options, const peer_nat_events_t *events, void *user);
/** Takes a reference. @threadsafe */
PEER_API peer_nat_discovery_t *peer_nat_discovery_ref(peer_nat_discovery_t *discovery);
/** Gives a reference back; the last one closes the discovery. @threadsafe */
PEER_API void peer_nat_discovery_unref(peer_nat_discovery_t *discovery);
/** Gives up what has not ended. The result does not come any more, on_closed does; calling it again does nothing. @threadsafe */
PEER_API void peer_nat_discovery_close(peer_nat_discovery_t *discovery);

/**
 * Writes a result as a JSON object: `nat_type`, `mapping`, `filtering`, `mapped_address`, `hairpinning`, `binding_lifetime_s` and more.
 * What is unknown is null.
 *
 * @param result  the result
 * @return the text, for peer_string_free(); NULL when memory ran out
 * @threadsafe
 */
PEER_API char *peer_nat_result_to_json(const peer_nat_result_t *result);

/** Gives "open", "full-cone", "address-restricted-cone", "port-restricted-cone", "symmetric", "udp-blocked", "firewalled", or "".
 * @threadsafe
 */
PEER_API const char *peer_nat_type_name(int32_t type);
/** Gives "endpoint-independent", "address-dependent", "address-and-port-dependent", or "". @threadsafe */
PEER_API const char *peer_nat_behaviour_name(int32_t behaviour);
/** Says in a sentence or two what a type means for its host, or "". @threadsafe */
PEER_API const char *peer_nat_type_meaning(int32_t type);

/**
 * Tells whether two hosts can connect directly by UDP: both send to each other's mapped address, as ICE does (RFC 8445).
 *
 * It is the theory of the types: symmetric with symmetric, port-restricted or firewalled does not connect, symmetric with all others does,
 * udp-blocked with nobody. Two hosts on one network connect by their local addresses all the same.
 *
 * @param a  one of ::peer_nat_type_t
 * @param b  one of ::peer_nat_type_t
 * @return 1 if they can; 0 if not, or when a type is unknown
 * @threadsafe
 */
PEER_API int peer_nat_can_connect(int32_t a, int32_t b);

/** Tells when a host of a type needs a TURN server: one of ::peer_nat_turn_need_t. @threadsafe */
PEER_API int32_t peer_nat_turn_need(int32_t type);
/** Gives "seldom", "sometimes", "often", "always", or "". @threadsafe */
PEER_API const char *peer_nat_turn_need_name(int32_t need);
/** Says in a sentence with which peers a TURN server is needed, or "". @threadsafe */
PEER_API const char *peer_nat_turn_need_meaning(int32_t need);

PEER_END_DECLS

#endif
