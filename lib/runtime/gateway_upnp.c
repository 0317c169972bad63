/* UPnP Internet Gateway Devices (versions 1 and 2) by libminiupnpc. */
#include "runtime/gateway.h"

#ifdef PEER_HAVE_UPNP

#include "base/log.h"
#include "runtime/loop.h"

#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>
#include <stdio.h>
#include <string.h>

#define DISCOVERY_MS 1500
#define MULTICAST_TTL 2 /* UPnP Device Architecture 1.1 §1.3.2 */
#define PORTS_TRIED 4
#define DESCRIPTION "libpeer"
#define CONFLICT 718       /* ConflictInMappingEntry */
#define ONLY_PERMANENT 725 /* OnlyPermanentLeasesSupported: of version 1 */
#define PORT_FIRST 1024

/* Finds the gateway of the local address's network and keeps what it takes to speak to it. */
static bool discover(gateway_mapping_t *mapping, char local[ADDRESS_TEXT_SIZE])
{
    int error = 0;
    struct UPNPUrls urls;
    struct IGDdatas data;
    char seen[ADDRESS_TEXT_SIZE] = "";
    struct UPNPDev *devices = upnpDiscover(DISCOVERY_MS, local, NULL, UPNP_LOCAL_PORT_ANY, 0, MULTICAST_TTL, &error);
    if (devices == NULL)
        return false;
#if MINIUPNPC_API_VERSION >= 18
    int found = UPNP_GetValidIGD(devices, &urls, &data, seen, sizeof seen, NULL, 0);
#else
    int found = UPNP_GetValidIGD(devices, &urls, &data, seen, sizeof seen);
#endif
    freeUPNPDevlist(devices);
    if (found == 0)
        return false;
    /* 1: connected. It must be the gateway of this address: a mapping to another would lead nowhere. */
    bool is_ours = found == 1 && strcmp(seen, local) == 0;
    size_t url = (size_t)snprintf(mapping->control_url, sizeof mapping->control_url, "%s", is_ours ? urls.controlURL : "");
    size_t service = (size_t)snprintf(mapping->service_type, sizeof mapping->service_type, "%s", data.first.servicetype);
    FreeUPNPUrls(&urls);
    return is_ours && url < sizeof mapping->control_url && service < sizeof mapping->service_type;
}

static int add(const gateway_mapping_t *mapping, const char *local, uint16_t external_port, uint32_t lifetime_s)
{
    char outside[8], inside[8], lifetime[16];
    snprintf(outside, sizeof outside, "%u", external_port);
    snprintf(inside, sizeof inside, "%u", mapping->local.port);
    snprintf(lifetime, sizeof lifetime, "%u", lifetime_s);
    return UPNP_AddPortMapping(mapping->control_url, mapping->service_type, outside, inside, local, DESCRIPTION, "UDP", NULL, lifetime);
}

static bool add_some(gateway_mapping_t *mapping, const char *local, uint32_t lifetime_s)
{
    random_source_t random = runtime_random_source();
    uint16_t port = mapping->external.port != 0 ? mapping->external.port : mapping->local.port;
    mapping->lifetime_s = lifetime_s;
    for (int i = 0; i < PORTS_TRIED; i++) {
        int result = add(mapping, local, port, mapping->lifetime_s);
        if (result == ONLY_PERMANENT) {
            mapping->lifetime_s = 0;
            result = add(mapping, local, port, 0);
        }
        if (result == UPNPCOMMAND_SUCCESS) {
            mapping->external.port = port;
            return true;
        }
        if (result != CONFLICT) {
            const char *text = strupnperror(result);
            LOG_INFO("runtime", 0, "the gateway maps no port: %s", text != NULL ? text : "no reason given");
            return false;
        }
        port = (uint16_t)(PORT_FIRST + random_below(&random, UINT16_MAX - PORT_FIRST));
    }
    return false;
}

bool upnp_map(gateway_mapping_t *mapping, uint32_t lifetime_s)
{
    char local[ADDRESS_TEXT_SIZE], text[ADDRESS_TEXT_SIZE] = "";
    uint16_t port = mapping->external.port;
    address_ip_text(&mapping->local, local);
    if (mapping->control_url[0] == '\0' && !discover(mapping, local))
        return false;
    if (UPNP_GetExternalIPAddress(mapping->control_url, mapping->service_type, text) != UPNPCOMMAND_SUCCESS ||
        !address_parse(&mapping->external, text, port))
        return false;
    return add_some(mapping, local, lifetime_s);
}

void upnp_unmap(const gateway_mapping_t *mapping)
{
    char port[8];
    snprintf(port, sizeof port, "%u", mapping->external.port);
    UPNP_DeletePortMapping(mapping->control_url, mapping->service_type, port, "UDP", NULL);
}

#else

bool upnp_map(gateway_mapping_t *mapping, uint32_t lifetime_s)
{
    return false;
}

void upnp_unmap(const gateway_mapping_t *mapping)
{
}

#endif
