/* What the programs of examples/ have in common on their command lines: where the rendezvous is, and how to get through to the other side.
 */
#ifndef NETWORK_H
#define NETWORK_H

#include <peer/peer.h>
#include <stdbool.h>
#include <stddef.h>

#define NETWORK_SERVERS_MAX 32
#define NETWORK_HOST_SIZE 256

typedef struct network {
    char host[NETWORK_HOST_SIZE]; /* of the rendezvous; "" listens on all addresses */
    int port;
    char room[128];
    bool is_tls;
    bool is_insecure; /* takes any certificate of the rendezvous */
    peer_ice_server_t servers[NETWORK_SERVERS_MAX];
    size_t server_count;
    const char *user, *password; /* given last: of servers that have none */
    bool is_relay_only;
    int ice_tcp; /* peer_ice_tcp_policy_t */
    const char *ca_file;
} network_t;

/* The options of a network that getopt_long() knows, under these numbers; network_option() takes them. */
enum {
    NETWORK_ICE_SERVER = 1024,
    NETWORK_ICE_USER,
    NETWORK_ICE_PASSWORD,
    NETWORK_RELAY_ONLY,
    NETWORK_CA_FILE,
    NETWORK_ICE_TCP,
    NETWORK_INSECURE
};
/* clang-format off */
#define NETWORK_OPTIONS                                                                                                                    \
    {"ice-server", required_argument, NULL, NETWORK_ICE_SERVER}, {"ice-user", required_argument, NULL, NETWORK_ICE_USER},                  \
    {"ice-password", required_argument, NULL, NETWORK_ICE_PASSWORD}, {"relay-only", no_argument, NULL, NETWORK_RELAY_ONLY},                \
    {"ca-file", required_argument, NULL, NETWORK_CA_FILE}, {"ice-tcp", optional_argument, NULL, NETWORK_ICE_TCP},                          \
    {"insecure", no_argument, NULL, NETWORK_INSECURE}
/* clang-format on */

/* One of them. False, with a message on stderr that says what to do, when the value makes no sense. The text stays the caller's. */
bool network_option(network_t *network, int option, const char *value);
/* After the last: credentials given before any server go to those that came after. False, with a message, when they have none. */
bool network_complete(network_t *network);

/* ws://HOST[:PORT]/ROOM (also wss, http, https); HOST may be [IPv6]. Without `has_room` the URL ends after the port, or with a slash. */
bool network_parse_url(network_t *network, const char *url, bool has_room);
/* HOST:PORT, :PORT, [IPv6]:PORT or PORT alone. */
bool network_parse_listen(network_t *network, const char *text);
/* A number of seconds above 0. */
bool network_parse_seconds(const char *text, double *seconds);

bool network_host_is_loopback(const char *host);
/* What peer_connection_new() needs to know of it, but for the loop and the certificate. The servers are those given here. */
void network_configure(const network_t *network, const peer_ice_server_t *servers, size_t server_count,
                       peer_configuration_t *configuration);

/* A line on stderr behind the program's name; false, for a return. */
bool network_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
