/* For tests of links: plain sockets to meet, and what a test client asks for. */
#ifndef LINK_SUPPORT_H
#define LINK_SUPPORT_H

#include "test_client.h"

/* Plain sockets on 127.0.0.1: they block, and each wait is bounded. */
int server_open(address_t *local, int backlog);
int server_accept(int fd, address_t *remote);
int plain_connect(const address_t *remote);
void await(int fd, short events);
void receive_whole(int fd, uint8_t *bytes, size_t length);
bool is_at_end(int fd); /* waits for the end of the stream */

void touch(client_t *client); /* under the lock, which it releases; the outputs are taken when it returns */
void ask(client_t *client, const output_t *output);
link_request_t request_to(const address_t *remote, link_framing_t framing); /* by TCP, as request 7 */
void ask_link(client_t *client, const link_request_t *request);
void put_over_link(client_t *client, size_t length, uint8_t fill); /* under the lock: over the link opened or accepted last */
void send_over_link(client_t *client, size_t length, uint8_t fill);

/* Of a client_t. */
bool is_answered(void *context);
bool is_accepted(void *context);
bool has_closed(void *context);
bool has_inputs(void *context);

#endif
