/* PCP (RFC 6887), asked of the default route's gateway. */
#include "runtime/gateway.h"

#include "runtime/loop.h"
#include "runtime/pcp_message.h"
#include "runtime/sockaddr.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The gateway is one hop away, and if it speaks another protocol that is to be found out soon: the times are those of NAT-PMP (RFC 6886
 * §3.1), not the seconds that RFC 6887 §8.1.1 begins with. */
#define FIRST_WAIT_MS 250
#define ATTEMPTS 3

/* The default route's gateway. */
static bool find_gateway(address_t *gateway)
{
    char line[256];
    bool is_found = false;
    FILE *file = fopen("/proc/net/route", "re");
    if (file == NULL)
        return false;
    while (!is_found && fgets(line, sizeof line, file) != NULL) {
        unsigned destination, next_hop;
        if (sscanf(line, "%*s %8x %8x", &destination, &next_hop) != 2 || destination != 0 || next_hop == 0)
            continue;
        uint32_t bytes = next_hop; /* as it lies in memory: network order */
        *gateway = (address_t){.family = ADDRESS_IPV4, .port = PCP_PORT};
        memcpy(gateway->bytes, &bytes, 4);
        is_found = true;
    }
    fclose(file);
    return is_found;
}

/* A mapping is for the address that the request comes from (RFC 6887 §8.2). */
static int open_socket(const address_t *local)
{
    address_t from = *local, gateway;
    sockaddr_any_t name, gateway_name;
    from.port = 0;
    if (!find_gateway(&gateway))
        return -1;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, &name.any, sockaddr_from_address(&name, &from)) == 0 &&
        connect(fd, &gateway_name.any, sockaddr_from_address(&gateway_name, &gateway)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Waits for an answer to the request; 1: it is there, 0: not yet, -1: there will be none. */
static int wait_for_answer(int fd, pcp_map_t *map, int64_t patience_ms)
{
    peer_time_t until = runtime_now() + patience_ms * PEER_MILLISECOND;
    uint8_t answer[PCP_RESPONSE_MAX + 1];
    for (;;) {
        int64_t left_ms = (until - runtime_now()) / PEER_MILLISECOND;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left_ms < 0 || poll(&wait, 1, (int)left_ms + 1) == 0)
            return 0;
        ssize_t length = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
        if (length < 0 && errno != EAGAIN && errno != EINTR)
            return -1; /* nobody listens there */
        if (length > 0 && pcp_read_map(answer, (size_t)length, map))
            return 1;
        if (length > 0 && answer[0] != 2)
            return -1; /* another protocol's or version's: RFC 6887 §9 */
    }
}

static bool ask(pcp_map_t *map)
{
    uint8_t request[PCP_MAP_SIZE];
    int result = 0;
    int fd = open_socket(&map->local);
    if (fd < 0)
        return false;
    pcp_write_map(request, map);
    for (int i = 0; result == 0 && i < ATTEMPTS; i++)
        result = send(fd, request, sizeof request, MSG_NOSIGNAL) < 0 ? -1 : wait_for_answer(fd, map, FIRST_WAIT_MS << i);
    close(fd);
    return result > 0;
}

bool pcp_map(gateway_mapping_t *mapping, uint32_t lifetime_s)
{
    static const uint8_t none[PCP_NONCE_SIZE];
    random_source_t random = runtime_random_source();
    pcp_map_t map = {.local = mapping->local, .external = mapping->external, .lifetime_s = lifetime_s};
    if (map.external.port == 0)
        map.external.port = map.local.port;
    if (memcmp(mapping->nonce, none, sizeof none) == 0)
        random_fill(&random, mapping->nonce, sizeof mapping->nonce);
    memcpy(map.nonce, mapping->nonce, sizeof map.nonce);
    if (!ask(&map) || map.lifetime_s == 0)
        return false;
    mapping->external = map.external;
    mapping->lifetime_s = map.lifetime_s;
    return true;
}

void pcp_unmap(const gateway_mapping_t *mapping)
{
    pcp_map_t map = {.local = mapping->local};
    memcpy(map.nonce, mapping->nonce, sizeof map.nonce);
    ask(&map);
}
