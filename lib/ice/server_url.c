/* URLs of STUN and TURN servers (RFC 7064 §3.1, RFC 7065 §3.1), checked as W3C WebRTC §4.4.1.6 "validate an ICE server URL" says. Beyond
 * those texts, `?transport=` is understood in stun: and stuns: too: RFC 7350 §4.6.2 carries STUN over DTLS, and no other way is left to ask
 * for it, or for STUN over TCP. */
#include "ice/ice.h"

#include "base/error.h"
#include "base/text.h"

#include <string.h>

#define PORT 3478         /* RFC 7064 §3.2, RFC 7065 §3.2 */
#define SECURED_PORT 5349 /* of TLS and DTLS */
#define SHOWN_MAX 120     /* of a URL in a message */

typedef struct scheme {
    const char *name;
    ice_server_kind_t kind;
    bool is_secured;
} scheme_t;

static const scheme_t schemes[] = {
    {"stun", ICE_SERVER_STUN, false}, {"stuns", ICE_SERVER_STUN, true}, {"turn", ICE_SERVER_TURN, false}, {"turns", ICE_SERVER_TURN, true}};

/* The whole URL, for messages. */
typedef struct shown {
    const char *text;
    int length;
} shown_t;

static int refuse(const shown_t *url, const char *why)
{
    return error_set(PEER_ERROR_SYNTAX, "\"%.*s\": %s", url->length, url->text, why);
}

/* `text` up to the colon, without case (RFC 3986 §3.1). */
static const scheme_t *find_scheme(const char *text, size_t length)
{
    char name[8];
    if (length >= sizeof name)
        return NULL;
    memcpy(name, text, length);
    name[length] = '\0';
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i].name) == length && text_equal_ignore_case(schemes[i].name, name))
            return &schemes[i];
    return NULL;
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *fault_of_name(const char *host)
{
    const char *label = host;
    for (const char *c = host; *c != '\0'; c++) {
        if ((unsigned char)*c >= 0x80)
            return "the host name is not ASCII: write it in its \"xn--\" form";
        if (!is_letter_or_digit(*c) && *c != '-' && *c != '.' && *c != '_')
            return "a host name has letters, digits, hyphens and dots only";
        if (*c == '.' && c == label)
            return "the host name has an empty label";
        if (*c == '.')
            label = c + 1;
    }
    size_t digits = strspn(label, "0123456789"); /* what ends in a number is an IPv4 address, or nothing; one number alone may be a name */
    address_t address;
    return label != host && digits > 0 && label[digits] == '\0' && !address_parse(&address, host, 0) ? "this is no IPv4 address" : NULL;
}

/* host [ ":" port ] of RFC 3986; the port stays as it is when none is written. */
static int parse_authority(const shown_t *url, const char *text, size_t length, ice_server_url_t *server)
{
    bool is_literal = length > 0 && text[0] == '[';
    const char *host = is_literal ? text + 1 : text, *end = text + length;
    const char *host_end = memchr(host, is_literal ? ']' : ':', (size_t)(end - host));
    address_t address;
    if (is_literal && host_end == NULL)
        return refuse(url, "the address has no closing bracket");
    if (host_end == NULL)
        host_end = end;
    size_t host_length = (size_t)(host_end - host);
    if (host_length == 0)
        return refuse(url, "there is no host name");
    if (host_length > ICE_HOST_NAME_MAX)
        return refuse(url, "the host name is too long");
    memcpy(server->host, host, host_length);
    server->host[host_length] = '\0';
    const char *rest = is_literal ? host_end + 1 : host_end;
    if (is_literal && (!address_parse(&address, server->host, 0) || address.family != ADDRESS_IPV6))
        return refuse(url, "what is in brackets is no IPv6 address");
    if (rest < end && *rest != ':')
        return refuse(url, "after the bracket only a colon and a port may follow");
    if (!is_literal && rest < end && memchr(rest + 1, ':', (size_t)(end - rest) - 1) != NULL)
        return refuse(url, "an IPv6 address needs brackets, as in stun:[2001:db8::1]:3478");
    const char *fault = is_literal ? NULL : fault_of_name(server->host);
    if (fault != NULL)
        return refuse(url, fault);
    if (end - rest < 2) /* RFC 3986 §3.2.3: a port may be empty */
        return 0;
    uint64_t port;
    if (!text_parse_u64(rest + 1, (size_t)(end - rest) - 1, UINT16_MAX, &port) || port == 0)
        return refuse(url, "the port is no number from 1 to 65535");
    server->port = (uint16_t)port;
    return 0;
}

static int parse_transport(const shown_t *url, const char *query, size_t length, ice_server_url_t *server, bool is_secured)
{
    static const char key[] = "transport=";
    const size_t key_length = sizeof key - 1;
    bool is_tcp = is_secured; /* RFC 7064 §3.2, RFC 7065 §3.2: the defaults are UDP, and TLS over TCP */
    if (query != NULL) {
        bool is_known = length == key_length + 3 && memcmp(query, key, key_length) == 0;
        if (!is_known || (memcmp(query + key_length, "udp", 3) != 0 && memcmp(query + key_length, "tcp", 3) != 0))
            return refuse(url, "after the question mark only transport=udp or transport=tcp may follow");
        is_tcp = query[key_length] == 't';
    }
    if (is_secured)
        server->transport = is_tcp ? ICE_SERVER_TLS : ICE_SERVER_DTLS;
    else
        server->transport = is_tcp ? ICE_SERVER_TCP : ICE_SERVER_UDP;
    return 0;
}

int ice_server_url_parse(const char *text, size_t length, ice_server_url_t *server)
{
    shown_t url = {text, length < SHOWN_MAX ? (int)length : SHOWN_MAX};
    const char *end = text + length;
    const char *colon = memchr(text, ':', length);
    const scheme_t *scheme = colon != NULL ? find_scheme(text, (size_t)(colon - text)) : NULL;
    if (scheme == NULL)
        return refuse(&url, "this begins with none of stun:, stuns:, turn: and turns:");
    for (const char *c = text; c < end; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return refuse(&url, "there is a space or control character in it");
    const char *host = colon + 1;
    const char *question = memchr(host, '?', (size_t)(end - host));
    const char *host_end = question != NULL ? question : end;
    if (memchr(host, '/', (size_t)(host_end - host)) != NULL)
        return refuse(&url, "no slash belongs into it: it is written stun:HOST or turn:HOST:PORT");
    if (memchr(host, '@', (size_t)(host_end - host)) != NULL)
        return refuse(&url, "no user name belongs into it: it is given beside the URL");
    if (memchr(host, '#', (size_t)(end - host)) != NULL)
        return refuse(&url, "no fragment (#) belongs into it");
    *server = (ice_server_url_t){.kind = scheme->kind, .port = scheme->is_secured ? SECURED_PORT : PORT};
    int error = parse_authority(&url, host, (size_t)(host_end - host), server);
    if (error < 0)
        return error;
    return parse_transport(&url, question != NULL ? question + 1 : NULL, question != NULL ? (size_t)(end - question) - 1 : 0, server,
                           scheme->is_secured);
}
