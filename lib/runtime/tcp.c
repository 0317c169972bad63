#include "runtime/tcp.h"

#include "runtime/loop.h"
#include "runtime/sockaddr.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define BACKLOG 64
/* What the kernel holds beyond what it has sent: more would only be late. */
#define NOT_SENT_BYTES_MAX (128 << 10)

static int close_with_errno(int fd)
{
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void set_stream_options(int fd)
{
    const int on = 1, not_sent = NOT_SENT_BYTES_MAX;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &not_sent, sizeof not_sent);
}

static int open_socket(const address_t *address)
{
    const int on = 1;
    bool is_ipv6 = address->family == ADDRESS_IPV6;
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd >= 0 && is_ipv6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    return fd;
}

int tcp_connect(const address_t *local, const address_t *remote, bool shares_port)
{
    const int on = 1;
    sockaddr_any_t name;
    int fd = open_socket(remote);
    if (fd < 0)
        return -1;
    if (shares_port) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    } else if (local->port == 0) {
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on); /* the port need only be free towards `remote` */
    }
    if (bind(fd, &name.any, sockaddr_from_address(&name, local)) < 0)
        return close_with_errno(fd);
    set_stream_options(fd);
    if (connect(fd, &name.any, sockaddr_from_address(&name, remote)) < 0 && errno != EINPROGRESS)
        return close_with_errno(fd);
    return fd;
}

/* SO_REUSEPORT only once it listens: so that no two listeners share a port and its connections, and connecting sockets can have it all the
 * same. */
static int listen_on(address_t local, uint16_t port)
{
    const int on = 1;
    sockaddr_any_t name;
    int fd = open_socket(&local);
    if (fd < 0)
        return -1;
    local.port = port;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &name.any, sockaddr_from_address(&name, &local)) < 0 || listen(fd, BACKLOG) < 0)
        return close_with_errno(fd);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    return fd;
}

static bool is_taken(int error)
{
    return error == EADDRINUSE || error == EACCES;
}

int tcp_listen(const address_t *local, uint16_t port_min, uint16_t port_max)
{
    int fd = listen_on(*local, local->port);
    if (fd >= 0 || !is_taken(errno))
        return fd;
    if (port_min == 0)
        return listen_on(*local, 0);
    random_source_t random = runtime_random_source();
    uint32_t ports = port_max < port_min ? 1 : (uint32_t)(port_max - port_min) + 1;
    uint32_t start = random_below(&random, ports);
    for (uint32_t i = 0; i < ports; i++) {
        fd = listen_on(*local, (uint16_t)(port_min + (start + i) % ports));
        if (fd >= 0 || !is_taken(errno))
            return fd;
    }
    return -1;
}

int tcp_accept(int fd, address_t *remote)
{
    sockaddr_any_t name;
    socklen_t length = sizeof name;
    int accepted = accept4(fd, &name.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0)
        return -1;
    if (!sockaddr_to_address(&name.any, remote)) {
        errno = EAFNOSUPPORT;
        return close_with_errno(accepted);
    }
    set_stream_options(accepted);
    return accepted;
}

bool tcp_local_address(int fd, address_t *local)
{
    sockaddr_any_t name;
    socklen_t length = sizeof name;
    return getsockname(fd, &name.any, &length) == 0 && sockaddr_to_address(&name.any, local);
}
