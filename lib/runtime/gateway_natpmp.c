/* NAT-PMP (RFC 6886) by libnatpmp, for which the default route's gateway is the one to ask. */
#include "runtime/gateway.h"

#ifdef PEER_HAVE_NATPMP

#include "runtime/loop.h"
#include "runtime/sockaddr.h"

#include <natpmp.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>

#define PATIENCE (2 * PEER_SECOND) /* for one answer; a gateway that speaks NAT-PMP answers at once */

/* A mapping is made for the address that the request comes from, so that has to be the socket's. */
static bool begin(natpmp_t *client, const address_t *local)
{
    sockaddr_any_t name;
    socklen_t length = sizeof name;
    address_t source;
    if (initnatpmp(client, 0, 0) < 0)
        return false;
    if (getsockname(client->s, &name.any, &length) == 0 && sockaddr_to_address(&name.any, &source) && address_ip_equal(&source, local))
        return true;
    closenatpmp(client);
    return false;
}

static bool receive(natpmp_t *client, uint16_t type, natpmpresp_t *response)
{
    peer_time_t until = runtime_now() + PATIENCE;
    for (;;) {
        struct timeval left;
        if (getnatpmprequesttimeout(client, &left) < 0 || runtime_now() >= until)
            return false;
        struct pollfd wait = {.fd = client->s, .events = POLLIN};
        int64_t left_ms = (int64_t)left.tv_sec * 1000 + left.tv_usec / 1000 + 1;
        int64_t patience_ms = (until - runtime_now()) / PEER_MILLISECOND + 1;
        if (left_ms > patience_ms)
            left_ms = patience_ms;
        poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0);
        int result = readnatpmpresponseorretry(client, response);
        if (result == 0 && response->type == type)
            return true;
        if (result != NATPMP_TRYAGAIN)
            return false;
    }
}

static bool ask_address(natpmp_t *client, address_t *external)
{
    natpmpresp_t response;
    if (sendpublicaddressrequest(client) < 0 || !receive(client, NATPMP_RESPTYPE_PUBLICADDRESS, &response))
        return false;
    *external = (address_t){.family = ADDRESS_IPV4};
    memcpy(external->bytes, &response.pnu.publicaddress.addr, 4);
    return true;
}

bool natpmp_map(gateway_mapping_t *mapping, uint32_t lifetime_s)
{
    natpmp_t client;
    natpmpresp_t response;
    address_t external;
    uint16_t wanted = mapping->external.port != 0 ? mapping->external.port : mapping->local.port;
    if (!begin(&client, &mapping->local))
        return false;
    bool is_mapped = ask_address(&client, &external) &&
                     sendnewportmappingrequest(&client, NATPMP_PROTOCOL_UDP, mapping->local.port, wanted, lifetime_s) >= 0 &&
                     receive(&client, NATPMP_RESPTYPE_UDPPORTMAPPING, &response) &&
                     response.pnu.newportmapping.privateport == mapping->local.port && response.pnu.newportmapping.lifetime != 0;
    closenatpmp(&client);
    if (!is_mapped)
        return false;
    external.port = response.pnu.newportmapping.mappedpublicport;
    mapping->external = external;
    mapping->lifetime_s = response.pnu.newportmapping.lifetime;
    return true;
}

void natpmp_unmap(const gateway_mapping_t *mapping)
{
    natpmp_t client;
    natpmpresp_t response;
    if (!begin(&client, &mapping->local))
        return;
    if (sendnewportmappingrequest(&client, NATPMP_PROTOCOL_UDP, mapping->local.port, 0, 0) >= 0) /* RFC 6886 §3.4 */
        receive(&client, NATPMP_RESPTYPE_UDPPORTMAPPING, &response);
    closenatpmp(&client);
}

#else

bool natpmp_map(gateway_mapping_t *mapping, uint32_t lifetime_s)
{
    return false;
}

void natpmp_unmap(const gateway_mapping_t *mapping)
{
}

#endif
