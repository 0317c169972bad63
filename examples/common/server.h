/* The rendezvous: an HTTP server for the page and a WebSocket server for the rooms, on one port. */
#ifndef SERVER_H
#define SERVER_H

#include "mainloop.h"
#include "page_file.h"

typedef struct server server_t;

typedef struct server_settings {
    const char *host;         /* IP address to listen on; NULL: all */
    int port;                 /* 0: any free one */
    const char *certificate;  /* PEM file for https and wss; NULL: http and ws */
    const char *key;          /* its private key */
    const char *ice_servers;  /* JSON that whoever enters is told; NULL: none */
    const page_file_t *pages; /* for browsers; NULL: none */
    bool is_quiet;            /* no line for each who comes and goes */
} server_settings_t;

/* NULL, with a message on stderr, when it cannot listen. */
server_t *server_new(mainloop_t *loop, const server_settings_t *settings);
int server_port(const server_t *server);
void server_free(server_t *server); /* after mainloop_free(): the sockets are the loop's */

#endif
