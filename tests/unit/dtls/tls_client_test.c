/* TLS and DTLS towards servers: who is believed, and what is said of those who are not. */
#include "dtls/tls_client.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "test.h"
#include "tls_server.h"
#include "virtual_time.h"

#include <stdio.h>
#include <unistd.h>

typedef struct meeting {
    packet_pool_t *pool;
    tls_client_t *client;
    tls_server_t server;
    peer_time_t now;
    bool is_connected;
    bool is_closed;
    char failure[400];
    size_t data_length; /* plaintext that came back */
    uint8_t data[70000];
    unsigned to_lose; /* datagrams of the server from now on */
    unsigned sent;    /* datagrams or pieces of the client */
} meeting_t;

static identity_t authority, stranger, intermediate;
static char authority_path[64];

static void make_authorities(void)
{
    if (authority.certificate != NULL)
        return;
    authority = identity_new(&(identity_options_t){.is_authority = true, .common_name = "authority"});
    stranger = identity_new(&(identity_options_t){.is_authority = true, .common_name = "stranger"});
    intermediate = identity_new(&(identity_options_t){.is_authority = true, .common_name = "intermediate", .issuer = &authority});
    identity_write(&authority, authority_path);
}

__attribute__((destructor)) static void remove_files(void)
{
    if (authority_path[0] != '\0')
        unlink(authority_path);
}

static void take_output(meeting_t *meeting, const tls_client_output_t *output)
{
    switch (output->type) {
    case TLS_CLIENT_SEND:
        meeting->sent++;
        tls_server_input(&meeting->server, output->packet->data, output->packet->length);
        break;
    case TLS_CLIENT_CONNECTED:
        CHECK(!meeting->is_connected);
        meeting->is_connected = true;
        break;
    case TLS_CLIENT_DATA:
        CHECK(meeting->is_connected && meeting->data_length + output->packet->length <= sizeof meeting->data);
        memcpy(meeting->data + meeting->data_length, output->packet->data, output->packet->length);
        meeting->data_length += output->packet->length;
        break;
    case TLS_CLIENT_CLOSED:
        meeting->is_closed = true;
        break;
    case TLS_CLIENT_FAILED:
        CHECK(meeting->failure[0] == '\0');
        snprintf(meeting->failure, sizeof meeting->failure, "%s", output->text);
        break;
    }
    packet_unref(output->packet);
}

/* Until neither has anything to say. `piece`: how the stream is cut on its way to the client. */
static void settle(meeting_t *meeting, size_t piece)
{
    bool is_moving = true;
    while (is_moving) {
        tls_client_output_t output;
        packet_t *packet;
        is_moving = false;
        while (tls_client_poll(meeting->client, &output)) {
            is_moving = true;
            take_output(meeting, &output);
        }
        while ((packet = packet_queue_pop(&meeting->server.out)) != NULL) {
            is_moving = true;
            for (size_t at = 0; at < packet->length && meeting->to_lose == 0; at += piece)
                tls_client_input(meeting->client, meeting->now, packet->data + at,
                                 packet->length - at < piece ? packet->length - at : piece);
            meeting->to_lose -= meeting->to_lose != 0;
            packet_unref(packet);
        }
    }
}

static void meeting_open(meeting_t *meeting, bool is_datagram, const char *name, const identity_t *identity, const identity_t *shown)
{
    *meeting = (meeting_t){.pool = packet_pool_new()};
    virtual_time_set(0);
    make_authorities();
    tls_server_open(&meeting->server, meeting->pool, is_datagram, identity, shown);
    tls_client_config_t config = {.pool = meeting->pool, .is_datagram = is_datagram, .server_name = name, .ca_file = authority_path};
    meeting->client = tls_client_new(&config, meeting->now);
    CHECK(meeting->client != NULL);
}

static void meeting_close(meeting_t *meeting)
{
    tls_client_free(meeting->client);
    tls_server_close(&meeting->server);
    CHECK_INT(packet_pool_outstanding(meeting->pool), 0);
    packet_pool_release(meeting->pool);
}

static meeting_t meeting; /* large */

/* How a client that asks for `name` fares with such a certificate, by TLS and by DTLS: "" is well. */
static void check_verdict(const char *name, const identity_options_t *options, const identity_t *shown, const char *expected)
{
    make_authorities();
    identity_t identity = identity_new(options);
    for (int is_datagram = 0; is_datagram < 2; is_datagram++) {
        meeting_open(&meeting, is_datagram != 0, name, &identity, shown);
        settle(&meeting, SIZE_MAX / 2);
        CHECK_TEXT(meeting.failure, expected);
        CHECK_INT(meeting.is_connected, expected[0] == '\0');
        CHECK_INT(meeting.server.is_connected && !meeting.server.is_over, expected[0] == '\0');
        meeting_close(&meeting);
    }
    identity_free(&identity);
}

TEST(a_server_with_a_good_certificate_is_believed)
{
    make_authorities();
    check_verdict("turn.example.org", &(identity_options_t){.issuer = &authority, .names = "DNS:turn.example.org"}, NULL, "");
    check_verdict("TURN.example.org.", &(identity_options_t){.issuer = &authority, .names = "DNS:a.test,DNS:turn.example.org"}, NULL, "");
    check_verdict("turn.example.org", &(identity_options_t){.issuer = &authority, .names = "DNS:*.example.org"}, NULL, "");
    check_verdict("192.0.2.1", &(identity_options_t){.issuer = &authority, .names = "IP:192.0.2.1"}, NULL, "");
    check_verdict("2001:db8::1", &(identity_options_t){.issuer = &authority, .names = "IP:2001:db8::1"}, NULL, "");
}

TEST(a_chain_with_an_intermediate_is_believed_when_the_server_shows_it)
{
    make_authorities();
    const identity_options_t options = {.issuer = &intermediate, .names = "DNS:turn.example.org"};
    check_verdict("turn.example.org", &options, &intermediate, "");
    check_verdict("turn.example.org", &options, NULL, "The certificate of turn.example.org is signed by an unknown authority.");
}

TEST(a_certificate_for_another_name_is_refused)
{
    static const char text[] = "The certificate of turn.example.org is for another name.";
    make_authorities();
    check_verdict("turn.example.org", &(identity_options_t){.issuer = &authority, .names = "DNS:example.org"}, NULL, text);
    check_verdict("turn.example.org", &(identity_options_t){.issuer = &authority, .names = "DNS:t*.example.org"}, NULL, text);
    check_verdict("turn.example.org", &(identity_options_t){.issuer = &authority, .names = "DNS:*.org"}, NULL, text);
    check_verdict("turn.example.org", &(identity_options_t){.issuer = &authority, .names = "IP:192.0.2.1"}, NULL, text);
    /* RFC 9525 §2: the common name is no name of a server */
    check_verdict("turn.example.org", &(identity_options_t){.issuer = &authority, .common_name = "turn.example.org"}, NULL, text);
}

TEST(a_certificate_for_another_address_is_refused)
{
    make_authorities();
    check_verdict("192.0.2.1", &(identity_options_t){.issuer = &authority, .names = "IP:192.0.2.2"}, NULL,
                  "The certificate of 192.0.2.1 is for another address.");
    check_verdict("192.0.2.1", &(identity_options_t){.issuer = &authority, .names = "DNS:192.0.2.1"}, NULL,
                  "The certificate of 192.0.2.1 is for another address.");
}

TEST(a_certificate_at_the_wrong_time_is_refused)
{
    make_authorities();
    check_verdict("a.test",
                  &(identity_options_t){.issuer = &authority, .names = "DNS:a.test", .valid_from_s = -7200, .valid_until_s = -3600}, NULL,
                  "The certificate of a.test has expired.");
    check_verdict("a.test", &(identity_options_t){.issuer = &authority, .names = "DNS:a.test", .valid_from_s = 3600, .valid_until_s = 7200},
                  NULL, "The certificate of a.test is not valid yet.");
}

TEST(a_certificate_of_nobody_known_is_refused)
{
    make_authorities();
    check_verdict("a.test", &(identity_options_t){.names = "DNS:a.test"}, NULL,
                  "The certificate of a.test is signed by itself and by no authority.");
    check_verdict("a.test", &(identity_options_t){.issuer = &stranger, .names = "DNS:a.test"}, NULL,
                  "The certificate of a.test is signed by an unknown authority.");
    check_verdict("a.test", &(identity_options_t){.issuer = &stranger, .names = "DNS:a.test"}, &stranger,
                  "The certificate of a.test is signed by an unknown authority.");
}

TEST(a_certificate_of_an_authority_of_the_same_name_is_refused)
{
    make_authorities();
    identity_t impostor = identity_new(&(identity_options_t){.is_authority = true, .common_name = "authority"});
    check_verdict("a.test", &(identity_options_t){.issuer = &impostor, .names = "DNS:a.test"}, NULL,
                  "The certificate of a.test is not signed by the authority that it names.");
    identity_free(&impostor);
}

TEST(a_certificate_for_clients_only_is_refused)
{
    make_authorities();
    check_verdict("a.test", &(identity_options_t){.issuer = &authority, .names = "DNS:a.test", .is_for_clients = true}, NULL,
                  "The certificate of a.test is not one for servers.");
}

TEST(the_system_does_not_know_an_authority_of_ours)
{
    make_authorities();
    identity_t identity = identity_new(&(identity_options_t){.issuer = &authority, .names = "DNS:a.test"});
    meeting_open(&meeting, false, "a.test", &identity, NULL);
    tls_client_free(meeting.client);
    meeting.client = tls_client_new(&(tls_client_config_t){.pool = meeting.pool, .server_name = "a.test"}, 0);
    CHECK(meeting.client != NULL);
    settle(&meeting, SIZE_MAX / 2);
    CHECK_TEXT(meeting.failure, "The certificate of a.test is signed by an unknown authority.");
    meeting_close(&meeting);
    identity_free(&identity);
}

TEST(a_servers_own_certificate_may_be_the_trusted_one)
{
    char path[64];
    make_authorities();
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        identity_t identity = identity_new(&(identity_options_t){.issuer = is_signed ? &stranger : NULL, .names = "DNS:a.test"});
        identity_write(&identity, path);
        meeting_open(&meeting, false, "a.test", &identity, NULL);
        tls_client_free(meeting.client);
        meeting.client = tls_client_new(&(tls_client_config_t){.pool = meeting.pool, .server_name = "a.test", .ca_file = path}, 0);
        CHECK(meeting.client != NULL);
        settle(&meeting, SIZE_MAX / 2);
        CHECK_TEXT(meeting.failure, "");
        CHECK(meeting.is_connected);
        meeting_close(&meeting);
        identity_free(&identity);
        unlink(path);
    }
}

TEST(what_cannot_be_verified_is_not_begun)
{
    packet_pool_t *pool = packet_pool_new();
    char long_name[300];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const char *const names[] = {"", ".", ".example.org", long_name};
    make_authorities();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK(tls_client_new(&(tls_client_config_t){.pool = pool, .server_name = names[i], .ca_file = authority_path}, 0) == NULL);
        CHECK(strstr(peer_last_error_message(), "is no name") != NULL);
    }
    CHECK(tls_client_new(&(tls_client_config_t){.pool = pool, .server_name = "a.test", .ca_file = "/nonexistent/ca.pem"}, 0) == NULL);
    CHECK(strstr(peer_last_error_message(), "/nonexistent/ca.pem") != NULL);
    packet_pool_release(pool);
}

static void open_good(meeting_t *with, bool is_datagram)
{
    make_authorities();
    identity_t identity = identity_new(&(identity_options_t){.issuer = &authority, .names = "DNS:turn.example.org"});
    meeting_open(with, is_datagram, "turn.example.org", &identity, NULL);
    identity_free(&identity);
}

static void send(meeting_t *with, size_t length)
{
    packet_t *packet = packet_new(with->pool, length);
    for (size_t i = 0; i < length; i++)
        packet->data[i] = (uint8_t)(i * 7);
    packet->length = length;
    CHECK(tls_client_send(with->client, with->now, packet));
}

static void check_echo(meeting_t *with, size_t length)
{
    CHECK_INT(with->data_length, length);
    for (size_t i = 0; i < length; i++)
        CHECK_INT(with->data[i], (uint8_t)(i * 7));
    with->data_length = 0;
}

TEST(data_go_both_ways_however_the_stream_is_cut)
{
    static const size_t pieces[] = {1, 5, 100, 1460, SIZE_MAX / 2}, lengths[] = {1, 100, 16384, 16385, 65536};
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        open_good(&meeting, false);
        settle(&meeting, pieces[p]);
        CHECK(meeting.is_connected);
        CHECK_TEXT(meeting.server.server_name, "turn.example.org");
        CHECK_TEXT(tls_client_version_name(meeting.client), "TLSv1.3");
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            send(&meeting, lengths[i]);
            settle(&meeting, pieces[p]);
            check_echo(&meeting, lengths[i]);
        }
        meeting_close(&meeting);
    }
}

TEST(datagrams_stay_datagrams)
{
    static const size_t lengths[] = {1, 100, 1200, 16384};
    open_good(&meeting, true);
    settle(&meeting, SIZE_MAX / 2);
    CHECK(meeting.is_connected);
    CHECK_TEXT(tls_client_version_name(meeting.client), "DTLSv1.2");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        unsigned sent = meeting.sent;
        send(&meeting, lengths[i]);
        settle(&meeting, SIZE_MAX / 2);
        check_echo(&meeting, lengths[i]);
        CHECK_INT(meeting.sent - sent, 1);
    }
    packet_t *packet = packet_new(meeting.pool, 20000);
    packet->length = 20000;
    CHECK(!tls_client_send(meeting.client, 0, packet));
    meeting_close(&meeting);
}

TEST(no_sni_for_an_address)
{
    make_authorities();
    identity_t identity = identity_new(&(identity_options_t){.issuer = &authority, .names = "IP:192.0.2.1"});
    meeting_open(&meeting, false, "192.0.2.1", &identity, NULL);
    settle(&meeting, SIZE_MAX / 2);
    CHECK(meeting.is_connected);
    CHECK_TEXT(meeting.server.server_name, "");
    meeting_close(&meeting);
    identity_free(&identity);
}

TEST(alpn_names_what_we_speak)
{
    const unsigned char *name;
    unsigned length;
    open_good(&meeting, false);
    settle(&meeting, SIZE_MAX / 2);
    SSL_get0_alpn_selected(meeting.server.ssl, &name, &length); /* the server prefers the other one: both are offered */
    CHECK_INT(length, strlen("stun.nat-discovery"));
    CHECK_BYTES(name, "stun.nat-discovery", length);
    meeting_close(&meeting);
}

TEST(tls_1_2_will_do_and_less_will_not)
{
    open_good(&meeting, false);
    SSL_set_max_proto_version(meeting.server.ssl, TLS1_2_VERSION);
    settle(&meeting, SIZE_MAX / 2);
    CHECK_TEXT(tls_client_version_name(meeting.client), "TLSv1.2");
    send(&meeting, 100);
    settle(&meeting, SIZE_MAX / 2);
    check_echo(&meeting, 100);
    meeting_close(&meeting);

    open_good(&meeting, false);
    SSL_set_security_level(meeting.server.ssl, 0);
    SSL_set_min_proto_version(meeting.server.ssl, TLS1_VERSION);
    SSL_set_max_proto_version(meeting.server.ssl, TLS1_1_VERSION);
    settle(&meeting, SIZE_MAX / 2);
    CHECK_TEXT(meeting.failure, "turn.example.org ended TLS: protocol version.");
    meeting_close(&meeting);
}

static void pass_time(meeting_t *with)
{
    CHECK(tls_client_deadline(with->client) != PEER_TIME_NEVER);
    with->now = tls_client_deadline(with->client);
    virtual_time_set(with->now);
    tls_client_timeout(with->client, with->now);
    settle(with, SIZE_MAX / 2);
}

TEST(lost_flights_are_sent_again)
{
    open_good(&meeting, true);
    meeting.to_lose = 7;
    settle(&meeting, SIZE_MAX / 2);
    for (int i = 0; i < 20 && !meeting.is_connected; i++)
        pass_time(&meeting);
    CHECK(meeting.is_connected);
    CHECK(tls_client_deadline(meeting.client) == PEER_TIME_NEVER);
    meeting_close(&meeting);
}

TEST(a_server_that_says_nothing_is_asked_a_bounded_number_of_times)
{
    open_good(&meeting, true);
    meeting.to_lose = 1000;
    settle(&meeting, SIZE_MAX / 2);
    for (int i = 0; i < 100 && meeting.failure[0] == '\0'; i++)
        pass_time(&meeting);
    CHECK(strstr(meeting.failure, "DTLS with turn.example.org failed") != NULL);
    CHECK(meeting.sent <= 15);
    meeting_close(&meeting);
}

TEST(a_plaintext_alert_is_believed_after_silence_only)
{
    uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};
    for (int is_silent = 0; is_silent < 2; is_silent++) {
        open_good(&meeting, true);
        meeting.to_lose = is_silent ? 1000 : 0;
        tls_client_input(meeting.client, 0, alert, sizeof alert);
        settle(&meeting, SIZE_MAX / 2);
        for (int i = 0; i < 10 && !meeting.is_connected && meeting.failure[0] == '\0'; i++)
            pass_time(&meeting);
        CHECK_TEXT(meeting.failure, is_silent ? "turn.example.org ended DTLS: handshake failure." : "");
        meeting_close(&meeting);
    }
}

TEST(goodbyes_are_heard_and_said)
{
    for (int is_datagram = 0; is_datagram < 2; is_datagram++) {
        open_good(&meeting, is_datagram != 0);
        settle(&meeting, SIZE_MAX / 2);
        SSL_shutdown(meeting.server.ssl);
        settle(&meeting, SIZE_MAX / 2);
        CHECK(meeting.is_closed);
        packet_t *packet = packet_new_copy(meeting.pool, "x", 1);
        CHECK(!tls_client_send(meeting.client, 0, packet));
        meeting_close(&meeting);

        open_good(&meeting, is_datagram != 0);
        settle(&meeting, SIZE_MAX / 2);
        tls_client_close(meeting.client);
        settle(&meeting, SIZE_MAX / 2);
        CHECK(meeting.server.is_over && (SSL_get_shutdown(meeting.server.ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
        CHECK(!meeting.is_closed); /* one's own end is not told */
        meeting_close(&meeting);
    }
}

TEST(what_is_not_tls_is_said_to_be_so)
{
    char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    open_good(&meeting, false);
    tls_client_input(meeting.client, 0, (uint8_t *)http, sizeof http - 1);
    settle(&meeting, SIZE_MAX / 2);
    CHECK_TEXT(meeting.failure, "turn.example.org does not speak TLS on this port.");
    meeting_close(&meeting);
}

TEST(garbage_never_connects_and_never_stops_a_datagram_handshake)
{
    random_seeded_t seeded;
    random_seeded_init(&seeded, 5);
    random_source_t random = random_seeded_source(&seeded);
    for (int round = 0; round < 50; round++) {
        uint8_t bytes[300];
        bool is_datagram = round % 2 == 0;
        open_good(&meeting, is_datagram);
        for (int i = 0; i < 20; i++) {
            size_t length = random_below(&random, sizeof bytes + 1);
            random_fill(&random, bytes, length);
            if (length >= 13 && i % 2 == 0)
                memcpy(bytes, is_datagram ? "\x16\xfe\xfd\0\0\0\0\0\0\0\0" : "\x16\x03\x03\0\x40", is_datagram ? 11 : 5);
            tls_client_input(meeting.client, 0, bytes, length);
        }
        CHECK(!meeting.is_connected);
        settle(&meeting, SIZE_MAX / 2);
        if (is_datagram)
            CHECK(meeting.is_connected);
        else
            CHECK(meeting.failure[0] != '\0');
        meeting_close(&meeting);
    }
}

TEST(a_stream_cut_at_any_byte_leaves_nothing_behind)
{
    for (size_t cut = 0; cut < 1200; cut += 13) {
        open_good(&meeting, false);
        tls_client_output_t output;
        while (tls_client_poll(meeting.client, &output))
            take_output(&meeting, &output);
        packet_t *packet = packet_queue_pop(&meeting.server.out);
        size_t length = packet->length < cut ? packet->length : cut;
        bool is_whole = length == packet->length;
        tls_client_input(meeting.client, 0, packet->data, length);
        packet_unref(packet);
        while (tls_client_poll(meeting.client, &output))
            take_output(&meeting, &output);
        CHECK_INT(meeting.is_connected, is_whole);
        CHECK_TEXT(meeting.failure, "");
        meeting_close(&meeting);
    }
}

TEST(a_changed_byte_in_the_stream_fails_it)
{
    for (int i = 0; i < 20; i++) {
        open_good(&meeting, false);
        settle(&meeting, SIZE_MAX / 2);
        tls_server_write(&meeting.server, "0123456789abcdef", 16);
        packet_t *packet = meeting.server.out.last;
        packet->data[5 + i] ^= 1;
        settle(&meeting, SIZE_MAX / 2);
        CHECK_INT(meeting.data_length, 0);
        CHECK(strstr(meeting.failure, "TLS with turn.example.org failed") != NULL);
        meeting_close(&meeting);
    }
}

TEST(where_memory_runs_out_nothing_is_believed_or_lost_track_of)
{
    for (unsigned n = 1; n < 60; n++) {
        for (int is_datagram = 0; is_datagram < 2; is_datagram++) {
            make_authorities();
            open_good(&meeting, is_datagram != 0);
            tls_client_output_t output;
            while (tls_client_poll(meeting.client, &output))
                take_output(&meeting, &output);
            packet_t *packet;
            memory_fail_nth(n);
            while ((packet = packet_queue_pop(&meeting.server.out)) != NULL) {
                tls_client_input(meeting.client, 0, packet->data, packet->length);
                packet_unref(packet);
            }
            memory_fail_nth(0);
            meeting_close(&meeting);
        }
    }
}
