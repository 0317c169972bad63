/* A client of the loop for tests: what it puts out is queued by the test, what it is given is counted, and handed to the test's hooks. */
#ifndef TEST_CLIENT_H
#define TEST_CLIENT_H

#include "runtime/loop_private.h"
#include "runtime/udp_socket.h"
#include "test.h"

#include <semaphore.h>

#define CLIENT_SOCKETS 8
#define CLIENT_OUTPUTS 4096

struct connection_event {
    int number;
};

typedef struct client {
    loop_t *loop;
    loop_entry_t *entry;
    output_t *outputs;
    size_t first, count;
    peer_time_t deadline;
    uint32_t sockets[CLIENT_SOCKETS];
    address_t locals[CLIENT_SOCKETS];
    size_t socket_count;
    unsigned completes;
    unsigned inputs;
    size_t input_bytes;
    unsigned timeouts;
    unsigned events;
    bool is_off_loopback; /* its sockets are those of other interfaces */
    bool is_echo;         /* sends back whatever comes */
    bool makes_events;    /* an event for each input */
    char ufrag[32];
    address_t mapped; /* as last told */
    unsigned mappings;
    uint32_t last_request;
    size_t resolved_count;
    address_t resolved[16];
    unsigned resolves;
    unsigned expected_events;
    unsigned expected_inputs; /* posts `done` when so many have come */
    /* What was told last of listeners and links, and how often. */
    uint32_t listener;
    address_t listener_local;
    unsigned links_opened, links_failed, links_accepted, sockets_closed;
    uint32_t link_request; /* answered last */
    uint32_t link;         /* opened or accepted last */
    address_t link_end;    /* local of an opened one, remote of an accepted one */
    uint32_t closed_socket;
    char link_text[256];
    void (*on_input)(struct client *client, packet_t *packet);
    void (*on_event)(struct client *client, int number);
    void (*on_timeout)(struct client *client, peer_time_t now);
    sem_t opened, done, removed;
    void *user;
} client_t;

client_t *client_new(loop_t *loop); /* added to the loop, sockets not yet asked for */
client_t *client_new_on(loop_t *loop, const loop_network_t *network);
client_t *client_new_with(loop_t *loop, const loop_network_t *network, const loop_client_ops_t *table);
extern const loop_client_ops_t client_ops;
void client_open(client_t *client);                        /* asks for sockets on loopback, and waits for them (own-thread loops) */
void client_put(client_t *client, const output_t *output); /* under the lock */
/* Under the lock: a packet of `length` bytes, each `fill`, from the client's first socket to the other's. */
void client_put_packet(client_t *client, const client_t *to, size_t length, uint8_t fill);
void client_put_event(client_t *client, int number); /* under the lock */
void client_touch(client_t *client);                 /* takes the lock */
void client_remove(client_t *client);                /* and waits until it is removed */
void client_free(client_t *client);                  /* after its removal */
int live_events(void);

/* Waits for something that must happen; fails the test if it does not within half a minute. */
void wait_for(sem_t *semaphore);
/* Dispatches a manual loop until the condition holds, sleeping in poll(2) on its descriptor. */
void dispatch_until(loop_t *loop, bool (*is_done)(void *context), void *context);

#endif
