#include "network.h"

#include "rooms.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool network_complain(const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return false;
}

static bool parse_port(const char *text, size_t length, int *port)
{
    if (length == 0 || length > 5 || strspn(text, "0123456789") < length)
        return false;
    long value = strtol(text, NULL, 10);
    *port = (int)value;
    return value <= 65535;
}

/* Splits HOST, HOST:PORT, [HOST] or [HOST]:PORT; the port stays as it was where there is none. */
static bool parse_authority(network_t *network, const char *text, size_t length)
{
    const char *host = text, *end = text + length, *host_end, *rest;
    if (length > 0 && text[0] == '[') {
        host++;
        host_end = memchr(text, ']', length);
        if (host_end == NULL)
            return false;
        rest = host_end + 1;
    } else {
        host_end = memchr(text, ':', length);
        if (host_end == NULL)
            host_end = end;
        rest = host_end;
    }
    size_t host_length = (size_t)(host_end - host);
    if (host_length >= sizeof network->host)
        return false;
    memcpy(network->host, host, host_length);
    network->host[host_length] = '\0';
    return rest == end || (*rest == ':' && parse_port(rest + 1, (size_t)(end - rest - 1), &network->port));
}

bool network_parse_url(network_t *network, const char *url, bool has_room)
{
    static const struct {
        const char *scheme;
        int port;
        bool is_tls;
    } schemes[] = {{"ws://", 80, false}, {"wss://", 443, true}, {"http://", 80, false}, {"https://", 443, true}};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i].scheme);
        if (strncmp(url, schemes[i].scheme, length) != 0)
            continue;
        const char *authority = url + length, *slash = strchrnul(authority, '/');
        const char *room = *slash == '/' ? slash + 1 : slash;
        if (has_room ? !rooms_name_is_valid(room, strlen(room)) : *room != '\0')
            return false;
        network->port = schemes[i].port;
        network->is_tls = schemes[i].is_tls;
        snprintf(network->room, sizeof network->room, "%s", room);
        return parse_authority(network, authority, (size_t)(slash - authority)) && network->host[0] != '\0' && network->port != 0;
    }
    return false;
}

bool network_parse_listen(network_t *network, const char *text)
{
    network->host[0] = '\0';
    if (parse_port(text, strlen(text), &network->port))
        return true;
    return parse_authority(network, text, strlen(text));
}

bool network_parse_seconds(const char *text, double *seconds)
{
    char *end;
    *seconds = strtod(text, &end);
    return end != text && *end == '\0' && *seconds > 0 && *seconds < 1e6;
}

bool network_host_is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static bool parse_ice_tcp(network_t *network, const char *text)
{
    static const char *const policies[] = {"active", "all", "off"}; /* peer_ice_tcp_policy_t */
    for (int i = 0; i < (int)(sizeof policies / sizeof *policies); i++) {
        if (strcmp(text, policies[i]) == 0) {
            network->ice_tcp = i;
            return true;
        }
    }
    return false;
}

static bool add_server(network_t *network, const char *url)
{
    if (network->server_count == NETWORK_SERVERS_MAX)
        return network_complain("--ice-server may be given %d times", NETWORK_SERVERS_MAX);
    network->servers[network->server_count++] = (peer_ice_server_t){.urls = url};
    return true;
}

/* A user name or password is that of every server named so far which has none. */
static void set_credential(network_t *network, bool is_password, const char *value)
{
    for (size_t i = 0; i < network->server_count; i++) {
        const char **member = is_password ? &network->servers[i].credential : &network->servers[i].username;
        if (*member == NULL)
            *member = value;
    }
}

bool network_option(network_t *network, int option, const char *value)
{
    switch (option) {
    case NETWORK_ICE_SERVER:
        return add_server(network, value);
    case NETWORK_ICE_USER:
    case NETWORK_ICE_PASSWORD:
        *(option == NETWORK_ICE_USER ? &network->user : &network->password) = value;
        set_credential(network, option == NETWORK_ICE_PASSWORD, value);
        return true;
    case NETWORK_RELAY_ONLY:
        network->is_relay_only = true;
        return true;
    case NETWORK_CA_FILE:
        network->ca_file = value;
        return access(value, R_OK) == 0 || network_complain("--ca-file %s cannot be read. Give a PEM file of certificates", value);
    case NETWORK_ICE_TCP:
        return parse_ice_tcp(network, value != NULL ? value : "all") || network_complain("--ice-tcp=%s: give all, active or off", value);
    default:
        network->is_insecure = true;
        return true;
    }
}

bool network_complete(network_t *network)
{
    if ((network->user != NULL || network->password != NULL) && network->server_count == 0)
        return network_complain("--ice-user and --ice-password are those of a server: give --ice-server turn:HOST too");
    set_credential(network, false, network->user);
    set_credential(network, true, network->password);
    return true;
}

void network_configure(const network_t *network, const peer_ice_server_t *servers, size_t server_count, peer_configuration_t *configuration)
{
    configuration->ice_servers = servers;
    configuration->ice_server_count = server_count;
    configuration->ice_transport_policy = network->is_relay_only ? PEER_ICE_TRANSPORT_RELAY : PEER_ICE_TRANSPORT_ALL;
    configuration->ice_tcp_policy = network->ice_tcp;
    configuration->ca_file = network->ca_file;
    configuration->loopback_policy = network_host_is_loopback(network->host) ? PEER_LOOPBACK_ALWAYS : PEER_LOOPBACK_WHEN_ALONE;
}
