/* A program that speaks JSON lines with its driver while it makes a call: standard input and the library's manual loop on one thread. */
#ifndef LINES_H
#define LINES_H

#include <jansson.h>
#include <peer/peer.h>

void lines_print(json_t *message); /* on standard output; takes the reference */
/* Dispatches the loop and gives each line that comes, until the input ends. */
void lines_run(peer_loop_t *loop, void (*on_line)(void *user, const char *line, size_t length), void *user);
/* Closes the connection and tells the other side, which takes some turns of the loop. */
void lines_hang_up(peer_connection_t *pc, peer_loop_t *loop);

#endif
