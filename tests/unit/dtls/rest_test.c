/* An association whose handshake is long past: OpenSSL's part of it is gone. */
#include "base/memory.h"
#include "dtls/dtls_private.h"
#include "link.h"
#include "test.h"

#include <string.h>

static bool is_at_rest(const side_t *side)
{
    return side->dtls->ssl == NULL && dtls_deadline(side->dtls) == PEER_TIME_NEVER;
}

static void rest(link_t *link)
{
    link_exchange(link); /* after which the server knows that it need not repeat itself */
    link_run(link, link->now + PEER_SECOND);
    CHECK(is_at_rest(&link->client) && is_at_rest(&link->server));
}

TEST(an_association_at_rest_keeps_little_and_works_on)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    CHECK(!is_at_rest(&link.client) && !is_at_rest(&link.server));
    rest(&link);
    link_inject_garbage(&link, 100);
    link_exchange(&link);
    link_run(&link, 100 * PEER_SECOND);
    CHECK(is_at_rest(&link.client) && is_at_rest(&link.server));
    dtls_close(link.client.dtls);
    link_flush(&link);
    link_run(&link, 101 * PEER_SECOND);
    CHECK_INT(link.server.closed, 1);
    link_close(&link);
}

TEST(an_association_at_rest_still_tells_what_it_agreed_on)
{
    link_t link;
    uint8_t before[DTLS_SRTP_KEYING_MATERIAL_MAX], after[DTLS_SRTP_KEYING_MATERIAL_MAX];
    size_t before_length = 0, after_length = 0;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    CHECK(dtls_export_srtp_keys(link.client.dtls, before, &before_length));
    uint8_t *certificate_before = dtls_remote_certificate(link.client.dtls, 0, &before_length);
    size_t certificate_length = before_length;
    rest(&link);
    CHECK_TEXT(dtls_cipher_name(link.client.dtls), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    CHECK_TEXT(dtls_version_name(link.client.dtls), "DTLS 1.2");
    CHECK_TEXT(dtls_group_name(link.server.dtls), "x25519");
    CHECK_TEXT(dtls_srtp_profile_name(link.server.dtls), "SRTP_AEAD_AES_128_GCM");
    uint8_t *certificate_after = dtls_remote_certificate(link.client.dtls, 0, &after_length);
    CHECK(certificate_after != NULL && after_length == certificate_length);
    CHECK(memcmp(certificate_before, certificate_after, after_length) == 0);
    CHECK(dtls_export_srtp_keys(link.client.dtls, before, &before_length));
    CHECK(dtls_export_srtp_keys(link.server.dtls, after, &after_length));
    CHECK_INT(after_length, before_length);
    CHECK(memcmp(before, after, after_length) == 0);
    memory_free(certificate_before);
    memory_free(certificate_after);
    link_close(&link);
}

static void check_goodbye_at_rest(bool is_client_closing)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    side_t *closing = is_client_closing ? &link.client : &link.server, *other = is_client_closing ? &link.server : &link.client;
    link_connect(&link);
    rest(&link);
    link_send(&link, closing, "last words", 10);
    dtls_close(closing->dtls);
    link_flush(&link);
    link_run(&link, link.now + PEER_SECOND);
    CHECK_INT(other->data.count, 1);
    CHECK_INT(other->closed, 1);
    CHECK_INT(other->failed + closing->failed + closing->closed, 0);
    link_close(&link);
}

TEST(a_goodbye_at_rest_is_heard)
{
    check_goodbye_at_rest(true);
    check_goodbye_at_rest(false);
}

/* As the peer would send it, under its keys. */
static void inject_alert(link_t *link, side_t *from, side_t *to, uint8_t level, uint8_t description)
{
    packet_t *packet = packet_new_copy(link->pool, (const uint8_t[]){level, description}, 2);
    CHECK(record_layer_protect(from->dtls->records, RECORD_ALERT, packet));
    link_inject(link, to, packet->data, packet->length);
    packet_unref(packet);
    link_flush(link);
}

TEST(alerts_at_rest_end_it_when_they_are_fatal_and_the_peers)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    rest(&link);
    inject_alert(&link, &link.server, &link.client, 1, 90); /* a warning: user_canceled */
    static const uint8_t forged[] = {21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 99, 0, 26, 0, 0, 0, 0, 0, 0, 0, 9, 2, 40};
    link_inject(&link, &link.client, forged, sizeof forged);
    static const uint8_t in_the_clear[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40};
    link_inject(&link, &link.client, in_the_clear, sizeof in_the_clear);
    link_exchange(&link);
    CHECK_INT(link.client.failed, 0);
    inject_alert(&link, &link.server, &link.client, 2, 20);
    CHECK_INT(link.client.failed, 1);
    CHECK_INT(link.client.failure.received_alert, 20);
    CHECK_TEXT(dtls_state_name(dtls_state(link.client.dtls)), "failed");
    link_close(&link);
}

static packet_queue_t clients_datagrams;

static bool keep_clients(link_t *link, const packet_t *packet, unsigned number)
{
    (void)number;
    if (packet->path.socket == 2)
        packet_queue_push(&clients_datagrams, packet_new_copy(link->pool, packet->data, packet->length));
    return false;
}

/* RFC 6347 §4.2.4: the server repeats its last flight to a client that repeats its own; to one that has sent data it need not. */
TEST(a_handshake_that_is_repeated_to_a_server_at_rest_changes_nothing)
{
    link_t link;
    packet_t *packet;
    link_open(&link, &(link_options_t){0});
    link.is_lost = keep_clients;
    link_connect(&link);
    link.is_lost = NULL;
    rest(&link);
    while ((packet = packet_queue_pop(&clients_datagrams)) != NULL) {
        link_inject(&link, &link.server, packet->data, packet->length);
        packet_unref(packet);
    }
    link_exchange(&link);
    CHECK_INT(link.server.failed + link.client.failed, 0);
    CHECK(is_at_rest(&link.server));
    link_close(&link);
}

/* Media alone, say: nothing tells the server that its last flight arrived. */
TEST(a_server_that_hears_no_data_rests_after_four_minutes)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    link_run(&link, 200 * PEER_SECOND);
    CHECK(is_at_rest(&link.client) && !is_at_rest(&link.server));
    link_run(&link, 250 * PEER_SECOND);
    CHECK(is_at_rest(&link.server));
    link_exchange(&link);
    link_close(&link);
}
