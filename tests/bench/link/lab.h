/* Two hosts and a server in network namespaces without names, joined by an emulated network: they vanish with the process that holds them,
 * however it ends. Needs root. */
#ifndef LAB_H
#define LAB_H

#include "network.h"

#include <sys/types.h>

#define LAB_HOSTS 2
#define LAB_SERVER LAB_HOSTS /* as a place to run something at */
#define LAB_PLACES (LAB_HOSTS + 1)

#define LAB_SERVER_ADDRESS "198.51.100.3" /* coturn answers STUN and TURN over UDP there, port 3478 */
#define LAB_MTU 1500
#define LAB_USER "bench"
#define LAB_PASSWORD "secret"

typedef struct lab_options {
    bool has_nat;    /* each host is behind a port-restricted cone NAT (RFC 4787: endpoint-independent mapping) */
    bool has_server; /* coturn runs at a place of its own */
    /* From host to host, in either direction half of the delay and all of the loss; to the server half of the delay and the loss. */
    link_parameters_t path;
    unsigned mtu; /* of their devices; 0: LAB_MTU */
    uint64_t seed;
} lab_options_t;

typedef struct lab lab_t;

/* NULL on failure, told on stderr. */
lab_t *lab_new(const lab_options_t *options);
void lab_free(lab_t *lab); /* NULL is allowed */
network_t *lab_network(lab_t *lab);

extern const char *const lab_addresses[LAB_PLACES];

/* Moves this thread, and those it starts, into a network that is nothing but this host's own addresses, where packets have that size at
 * most. */
bool lab_enter_loopback(unsigned mtu);
/* Runs a line of the shell at a place. */
bool lab_command(const lab_t *lab, size_t place, const char *line);
/* Starts a program at a place, to be written to and read from by lines; it is killed when this process ends. `lab` NULL: in this process's
 * own network. Returns its process id, or -1. */
pid_t lab_spawn(const lab_t *lab, size_t place, const char *const *arguments, int *to, int *from);
/* Waits some seconds for it to end by itself, then kills it. */
void lab_reap(pid_t process);

#endif
