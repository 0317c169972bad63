/* URLs of STUN and TURN servers (RFC 7064, RFC 7065). */
#include "ice/ice.h"

#include "base/error.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static int parse(const char *text, ice_server_url_t *url)
{
    char *exact = malloc(strlen(text) + 1); /* what reads beyond the length is found by the sanitizer */
    CHECK(exact != NULL);
    memcpy(exact, text, strlen(text));
    int error = ice_server_url_parse(exact, strlen(text), url);
    free(exact);
    return error;
}

TEST(every_scheme_has_its_kind_transport_and_port)
{
    static const struct {
        const char *text;
        ice_server_kind_t kind;
        ice_server_transport_t transport;
        const char *host;
        uint16_t port;
    } cases[] = {{"stun:example.org", ICE_SERVER_STUN, ICE_SERVER_UDP, "example.org", 3478},
                 {"stuns:example.org", ICE_SERVER_STUN, ICE_SERVER_TLS, "example.org", 5349},
                 {"turn:example.org", ICE_SERVER_TURN, ICE_SERVER_UDP, "example.org", 3478},
                 {"turns:example.org", ICE_SERVER_TURN, ICE_SERVER_TLS, "example.org", 5349},
                 {"stun:example.org:8000", ICE_SERVER_STUN, ICE_SERVER_UDP, "example.org", 8000},
                 {"turn:example.org?transport=udp", ICE_SERVER_TURN, ICE_SERVER_UDP, "example.org", 3478},
                 {"turn:example.org?transport=tcp", ICE_SERVER_TURN, ICE_SERVER_TCP, "example.org", 3478},
                 {"turn:example.org:80?transport=tcp", ICE_SERVER_TURN, ICE_SERVER_TCP, "example.org", 80},
                 {"turns:example.org?transport=tcp", ICE_SERVER_TURN, ICE_SERVER_TLS, "example.org", 5349},
                 {"turns:example.org:443?transport=udp", ICE_SERVER_TURN, ICE_SERVER_DTLS, "example.org", 443},
                 {"stun:example.org?transport=udp", ICE_SERVER_STUN, ICE_SERVER_UDP, "example.org", 3478},
                 {"stun:example.org?transport=tcp", ICE_SERVER_STUN, ICE_SERVER_TCP, "example.org", 3478},
                 {"stuns:example.org?transport=udp", ICE_SERVER_STUN, ICE_SERVER_DTLS, "example.org", 5349},
                 {"stuns:example.org?transport=tcp", ICE_SERVER_STUN, ICE_SERVER_TLS, "example.org", 5349},
                 {"STUN:Example.ORG", ICE_SERVER_STUN, ICE_SERVER_UDP, "Example.ORG", 3478},
                 {"stun:192.0.2.1", ICE_SERVER_STUN, ICE_SERVER_UDP, "192.0.2.1", 3478},
                 {"stun:192.0.2.1:65535", ICE_SERVER_STUN, ICE_SERVER_UDP, "192.0.2.1", 65535},
                 {"turn:[2001:db8::1]", ICE_SERVER_TURN, ICE_SERVER_UDP, "2001:db8::1", 3478},
                 {"turns:[2001:db8::1]:443?transport=tcp", ICE_SERVER_TURN, ICE_SERVER_TLS, "2001:db8::1", 443},
                 {"stun:example.org:", ICE_SERVER_STUN, ICE_SERVER_UDP, "example.org", 3478},
                 {"stun:localhost", ICE_SERVER_STUN, ICE_SERVER_UDP, "localhost", 3478},
                 {"stun:123", ICE_SERVER_STUN, ICE_SERVER_UDP, "123", 3478},
                 {"stun:1.example", ICE_SERVER_STUN, ICE_SERVER_UDP, "1.example", 3478},
                 {"stun:example.org.", ICE_SERVER_STUN, ICE_SERVER_UDP, "example.org.", 3478}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ice_server_url_t url;
        CHECK_INT(parse(cases[i].text, &url), 0);
        CHECK_INT(url.kind, cases[i].kind);
        CHECK_INT(url.transport, cases[i].transport);
        CHECK_TEXT(url.host, cases[i].host);
        CHECK_INT(url.port, cases[i].port);
    }
}

TEST(what_is_no_server_url_is_refused_and_the_reason_names_it)
{
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {{"", "begins with none"},
                 {"stun", "begins with none"},
                 {"http://example.org", "begins with none"},
                 {"stunn:example.org", "begins with none"},
                 {"example.org:3478", "begins with none"},
                 {":example.org", "begins with none"},
                 {"stun:", "no host"},
                 {"stun::3478", "no host"},
                 {"stun:?transport=udp", "no host"},
                 {"stun:[]", "no host"},
                 {"stun://example.org", "slash"},
                 {"stun:example.org/path", "slash"},
                 {"turn:user@example.org", "beside the URL"},
                 {"stun:example.org#f", "fragment"},
                 {"stun:exa mple.org", "space"},
                 {"stun:example.org\n", "space or control"},
                 {"stun:example.org:0", "port"},
                 {"stun:example.org:65536", "port"},
                 {"stun:example.org:+1", "port"},
                 {"stun:example.org:3478x", "port"},
                 {"stun:2001:db8::1", "brackets"},
                 {"stun:[2001:db8::1", "closing bracket"},
                 {"stun:[2001:db8::1]3478", "only a colon"},
                 {"stun:[192.0.2.1]", "no IPv6"},
                 {"stun:[fe80::1%25eth0]", "no IPv6"},
                 {"stun:256.0.0.1", "no IPv4"},
                 {"stun:192.0.2", "no IPv4"},
                 {"stun:.example.org", "empty label"},
                 {"stun:example..org", "empty label"},
                 {"stun:ex%61mple.org", "letters, digits"},
                 {"stun:b\xc3\xbc"
                  "cher.example",
                  "xn--"},
                 {"turn:example.org?", "after the question mark"},
                 {"turn:example.org?transport=", "after the question mark"},
                 {"turn:example.org?transport=sctp", "after the question mark"},
                 {"turn:example.org?transport=UDP", "after the question mark"},
                 {"turn:example.org?transport=tcp&x=1", "after the question mark"},
                 {"turn:example.org?ttl=1", "after the question mark"},
                 {"turn:example.org?a/b@c", "after the question mark"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ice_server_url_t url;
        CHECK_INT(parse(cases[i].text, &url), PEER_ERROR_SYNTAX);
        const char *message = peer_last_error_message();
        if (strstr(message, cases[i].reason) == NULL || strstr(message, cases[i].text) == NULL)
            test_fail(__FILE__, __LINE__, "%s: the message is: %s", cases[i].text, message);
    }
}

TEST(a_host_name_may_have_255_bytes_and_no_more)
{
    char text[400];
    ice_server_url_t url;
    for (int length = 254; length <= 256; length++) {
        memcpy(text, "stun:", 5);
        for (int i = 0; i < length; i++)
            text[5 + i] = i % 64 == 63 ? '.' : 'a';
        snprintf(text + 5 + length, 10, ":99");
        CHECK_INT(parse(text, &url), length <= ICE_HOST_NAME_MAX ? 0 : PEER_ERROR_SYNTAX);
    }
}
