#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void lines_print(json_t *message)
{
    json_dumpf(message, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(message);
}

void lines_run(peer_loop_t *loop, void (*on_line)(void *user, const char *line, size_t length), void *user)
{
    static char buffer[1 << 20];
    size_t filled = 0;
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = peer_loop_fd(loop), .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents != 0)
            peer_loop_dispatch(loop);
        if (fds[0].revents == 0)
            continue;
        ssize_t got = read(STDIN_FILENO, buffer + filled, sizeof buffer - filled);
        if (got <= 0)
            return;
        filled += (size_t)got;
        for (char *end; (end = memchr(buffer, '\n', filled)) != NULL;) {
            size_t length = (size_t)(end - buffer);
            on_line(user, buffer, length);
            filled -= length + 1;
            memmove(buffer, end + 1, filled);
        }
    }
}

void lines_hang_up(peer_connection_t *pc, peer_loop_t *loop)
{
    struct pollfd fd = {.fd = peer_loop_fd(loop), .events = POLLIN};
    peer_connection_close(pc);
    for (int turns = 0; turns < 100 && poll(&fd, 1, 20) > 0; turns++)
        peer_loop_dispatch(loop);
}
