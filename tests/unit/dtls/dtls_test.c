/* Records on a connected association, hostile datagrams at any time, and the end. */
#include "base/bytes.h"
#include "base/error.h"
#include "dtls/dtls_private.h"
#include "link.h"
#include "test.h"

#include <stdio.h>

TEST(records_come_out_once_however_often_they_arrive)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    link.duplicate_percent = 100;
    link_exchange(&link);
    link_close(&link);
}

TEST(garbage_before_during_and_after_the_handshake_is_dropped)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        link_t link;
        link_open(&link, &(link_options_t){.seed = seed});
        link_inject_garbage(&link, 20);
        link_start(&link);
        for (int i = 0; i < 20 && link_step(&link); i++)
            link_inject_garbage(&link, 20);
        link_run(&link, 60 * PEER_SECOND);
        CHECK_INT(link.client.connected, 1);
        CHECK_INT(link.server.connected, 1);
        link_inject_garbage(&link, 200);
        CHECK_INT(link.client.failed + link.server.failed, 0);
        CHECK(dtls_statistics(link.client.dtls)->datagrams_dropped > 0);
        link_exchange(&link);
        link_close(&link);
    }
}

/* Everything the network carries arrives cut first, then whole. */
TEST(truncated_datagrams_are_dropped)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_start(&link);
    for (int i = 0; i < 100 && link.flying.first != NULL; i++) {
        uint8_t bytes[2048];
        packet_t *packet = link.flying.first;
        memcpy(bytes, packet->data, packet->length);
        side_t *side = packet->path.socket == 1 ? &link.client : &link.server;
        for (size_t length = packet->length - 1; length > 0; length -= length > 20 ? 17 : 1)
            if (length < 13 || length < (size_t)(bytes[11] << 8 | bytes[12]) + 13) /* its first record is cut */
                link_inject(&link, side, bytes, length);
        link_step(&link);
    }
    CHECK_INT(link.client.connected, 1);
    CHECK_INT(link.server.connected, 1);
    link_exchange(&link);
    link_close(&link);
}

TEST(a_changed_bit_in_a_data_record_drops_it_and_nothing_else)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    for (unsigned bit = 0; bit < 8 * 60; bit++) {
        link_send(&link, &link.client, "something to protect...", 23);
        link.flying.last->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        link_run(&link, link.now + PEER_SECOND);
        CHECK_INT(link.server.data.count, 0);
        CHECK_INT(link.server.failed + link.server.closed, 0);
    }
    link_exchange(&link);
    link_close(&link);
}

static void inject_record(link_t *link, side_t *side, uint8_t type, uint8_t epoch, const void *data, size_t length)
{
    static uint16_t number; /* a record whose number was seen is not even looked at */
    uint8_t record[128] = {type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 1};
    bytes_put_u16(record + 9, number++);
    bytes_put_u16(record + 11, (uint16_t)length);
    memcpy(record + 13, data, length);
    link_inject(link, side, record, 13 + length);
}

/* Encrypted records of every type and of lengths around what the cipher adds, which is all they would hold. */
static void inject_short_records(link_t *link)
{
    static const uint8_t zeros[40];
    for (uint8_t type = 20; type <= 23; type++)
        for (size_t length = 0; length < sizeof zeros; length++) {
            inject_record(link, &link->client, type, 1, zeros, length);
            inject_record(link, &link->server, type, 1, zeros, length);
        }
}

static void check_short_records(const char *cipher, const char *name)
{
    for (int steps = 0; steps < 10; steps++) {
        link_t link;
        link_open(&link, &(link_options_t){0});
        CHECK_INT(SSL_set_cipher_list(link.client.dtls->ssl, cipher), 1);
        link_start(&link);
        for (int i = 0; i < steps; i++)
            link_step(&link);
        inject_short_records(&link);
        link_run(&link, 10 * PEER_SECOND);
        CHECK_INT(link.client.connected, 1);
        CHECK_INT(link.server.connected, 1);
        CHECK_TEXT(dtls_cipher_name(link.server.dtls), name);
        inject_short_records(&link);
        CHECK_INT(link.client.failed + link.server.failed + link.client.closed + link.server.closed, 0);
        link_exchange(&link);
        link_send(&link, &link.client, "x", 1); /* the shortest there is */
        link_run(&link, 12 * PEER_SECOND);
        CHECK_INT(link.server.data.count, 1);
        link_close(&link);
    }
}

TEST(records_too_short_for_nonce_and_tag_are_dropped_before_and_after_their_keys)
{
    check_short_records("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    check_short_records("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
}

TEST(malformed_and_misdirected_plaintext_during_the_handshake_is_dropped)
{
    enum { TO_CLIENT = 1, TO_SERVER = 2, TO_BOTH = 3 };
    static const struct {
        int to;
        uint8_t type;
        uint8_t length;
        uint8_t data[16];
    } records[] = {
        {TO_BOTH, 20, 1, {2}},                                          /* change_cipher_spec of another kind, */
        {TO_BOTH, 20, 2, {1, 1}},                                       /* too long */
        {TO_BOTH, 21, 1, {2}},                                          /* alert: cut, */
        {TO_BOTH, 21, 3, {2, 40, 0}},                                   /* too long, */
        {TO_BOTH, 21, 2, {3, 40}},                                      /* of no known level, */
        {TO_BOTH, 21, 2, {1, 0}},                                       /* close_notify, */
        {TO_BOTH, 21, 2, {1, 100}},                                     /* no_renegotiation */
        {TO_BOTH, 22, 5, {11, 0, 0, 1, 0}},                             /* handshake: a cut header, */
        {TO_BOTH, 22, 13, {11, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 2}},       /* a fragment longer than its record, */
        {TO_BOTH, 22, 13, {11, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1}},       /* beyond its message, */
        {TO_BOTH, 22, 13, {11, 255, 255, 255, 0, 1, 0, 0, 0, 0, 0, 1}}, /* of an enormous message, */
        {TO_BOTH, 22, 12, {11, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0}},       /* of nothing, */
        {TO_BOTH, 22, 14, {11, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1}},       /* with a byte after it, */
        {TO_BOTH, 22, 12, {0}},                                         /* hello_request, */
        {TO_BOTH, 22, 12, {99, 0, 0, 0, 0, 1}},                         /* unknown, */
        {TO_BOTH, 22, 13, {20, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1}},       /* finished without encryption, */
        {TO_CLIENT, 22, 13, {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}},      /* a client's message to the client, */
        {TO_CLIENT, 22, 13, {16, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1}},
        {TO_SERVER, 22, 13, {2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}}, /* a server's to the server */
        {TO_SERVER, 22, 12, {14, 0, 0, 0, 0, 1}},
        {TO_BOTH, 23, 4, {1, 2, 3, 4}}, /* data */
    };
    for (size_t which = 0; which < sizeof records / sizeof *records; which++) {
        link_t link;
        link_open(&link, &(link_options_t){0});
        link_start(&link);
        for (int step = 0; step < 20; step++) {
            for (int i = 0; i < 6; i++) { /* more than OpenSSL takes of warnings */
                if ((records[which].to & TO_CLIENT) != 0)
                    inject_record(&link, &link.client, records[which].type, 0, records[which].data, records[which].length);
                if ((records[which].to & TO_SERVER) != 0)
                    inject_record(&link, &link.server, records[which].type, 0, records[which].data, records[which].length);
            }
            link_step(&link);
        }
        CHECK_INT(link.client.connected, 1);
        CHECK_INT(link.server.connected, 1);
        CHECK_INT(link.client.failed + link.server.failed + link.client.closed + link.server.closed, 0);
        link_exchange(&link);
        link_close(&link);
    }
}

TEST(a_forged_fatal_alert_does_not_end_a_handshake_that_goes_on)
{
    for (int round = 0; round < 2; round++) {
        link_t link;
        link_open(&link, &(link_options_t){0});
        link.delay = round == 0 ? 10 * PEER_MILLISECOND : 400 * PEER_MILLISECOND;
        link_start(&link);
        do {
            inject_record(&link, &link.client, 21, 0, "\x02\x28", 2);
            inject_record(&link, &link.server, 21, 0, "\x02\x28", 2);
        } while ((link.client.connected == 0 || link.server.connected == 0) && link_step(&link));
        link_run(&link, 20 * PEER_SECOND);
        CHECK_INT(link.client.failed + link.server.failed, 0);
        link_exchange(&link);
        link_close(&link);
    }
}

TEST(a_fatal_alert_with_nothing_after_it_is_believed)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_start(&link);
    link_step(&link);
    link.loss_percent = 100;
    packet_queue_clear(&link.flying);
    for (int i = 0; i < 3; i++)
        inject_record(&link, &link.client, 21, 0, "\x02\x28", 2);
    CHECK_INT(link.client.failed, 0);
    link_run(&link, 2 * PEER_SECOND);
    CHECK_INT(link.client.failed, 1);
    CHECK_INT(link.client.failure.received_alert, 40); /* handshake_failure */
    CHECK_INT(link.client.failure.sent_alert, -1);
    CHECK(strstr(link.client.failure.text, "handshake failure") != NULL);
    CHECK_INT(dtls_deadline(link.client.dtls), PEER_TIME_NEVER);
    CHECK_INT(link.server.failed, 0);
    link_close(&link);
}

TEST(several_records_of_one_datagram_all_come_out)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    uint8_t datagram[2048];
    size_t length = 0;
    for (int i = 0; i < 20; i++) {
        char text[16];
        link_send(&link, &link.client, text, (size_t)snprintf(text, sizeof text, "record %d", i));
        packet_t *packet = link.flying.last;
        memcpy(datagram + length, packet->data, packet->length);
        length += packet->length;
        packet_queue_clear(&link.flying);
    }
    link_inject(&link, &link.server, datagram, length);
    CHECK_INT(link.server.data.count, 20);
    CHECK_BYTES(link.server.data.first->data, "record 0", 8);
    CHECK_BYTES(link.server.data.last->data, "record 19", 9);
    CHECK_INT(link.server.data.last->length, 9);
    link_close(&link);
}

TEST(data_ahead_of_the_last_handshake_message_are_not_lost)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_start(&link);
    while (link.server.connected == 0)
        CHECK(link_step(&link));
    packet_t *finished = packet_queue_pop(&link.flying);
    CHECK(finished != NULL && link.flying.count == 0);
    link_send(&link, &link.server, "early", 5);
    link_step(&link);
    CHECK_INT(link.client.connected, 0);
    CHECK_INT(link.client.data.count, 0);
    dtls_input(link.client.dtls, link.now, finished);
    link_flush(&link);
    CHECK_INT(link.client.connected, 1);
    CHECK_INT(link.client.data.count, 1);
    CHECK_BYTES(link.client.data.first->data, "early", 5);
    link_close(&link);
}

TEST(packets_up_to_16384_bytes_pass_and_larger_ones_are_refused)
{
    static uint8_t bytes[DTLS_DATA_MAX + 1];
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    memset(bytes, 0x5a, sizeof bytes);
    link_send(&link, &link.client, bytes, DTLS_DATA_MAX);
    link_run(&link, link.now + PEER_SECOND);
    CHECK_INT(link.server.data.count, 1);
    CHECK_INT(link.server.data.first->length, DTLS_DATA_MAX);
    CHECK_BYTES(link.server.data.first->data, bytes, DTLS_DATA_MAX);
    CHECK_INT(dtls_send(link.client.dtls, link.now, packet_new_copy(link.pool, bytes, sizeof bytes)), PEER_ERROR_RANGE);
    CHECK_INT(dtls_send(link.client.dtls, link.now, packet_new_copy(link.pool, bytes, 0)), PEER_ERROR_RANGE);
    CHECK_INT(dtls_state(link.client.dtls), DTLS_STATE_CONNECTED);
    link_close(&link);
}

TEST(a_shared_packet_is_sent_and_received_without_being_changed)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    packet_t *shared = packet_new_copy(link.pool, "shared bytes", 12);
    shared->may_fragment = 1;
    CHECK_INT(dtls_send(link.client.dtls, link.now, packet_ref(shared)), 0);
    CHECK_INT(shared->length, 12);
    CHECK_BYTES(shared->data, "shared bytes", 12);
    packet_unref(shared);
    link_flush(&link);
    packet_t *record = packet_queue_pop(&link.flying);
    CHECK_INT(record->may_fragment, 1);
    uint8_t copy[100];
    size_t length = record->length;
    memcpy(copy, record->data, length);
    dtls_input(link.server.dtls, link.now, packet_ref(record));
    link_flush(&link);
    CHECK_INT(record->length, length);
    CHECK_BYTES(record->data, copy, length);
    packet_unref(record);
    CHECK_INT(link.server.data.count, 1);
    link_close(&link);
}

TEST(one_packet_carries_a_record_each_way_without_another_being_taken)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    dtls_output_t output;
    packet_t *packet = packet_new_copy(link.pool, "in place", 8);
    packet->may_fragment = 1;
    CHECK_INT(dtls_send(link.client.dtls, link.now, packet), 0);
    CHECK(dtls_poll(link.client.dtls, &output));
    CHECK(output.packet == packet);
    CHECK_INT(packet->may_fragment, 1);
    dtls_input(link.server.dtls, link.now, packet);
    CHECK(dtls_poll(link.server.dtls, &output));
    CHECK(output.type == DTLS_OUTPUT_DATA && output.packet == packet);
    CHECK_BYTES(packet->data, "in place", 8);
    CHECK_INT(packet_pool_outstanding(link.pool), 1);
    packet_unref(packet);
    link_close(&link);
}

static void check_close(bool is_client)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    side_t *closing = is_client ? &link.client : &link.server, *other = is_client ? &link.server : &link.client;
    link_send(&link, closing, "last words", 10);
    dtls_close(closing->dtls);
    link_flush(&link);
    CHECK_TEXT(dtls_state_name(dtls_state(closing->dtls)), "closed");
    link_run(&link, link.now + PEER_SECOND);
    CHECK_INT(other->data.count, 1);
    CHECK_INT(other->closed, 1);
    CHECK_INT(other->failed + closing->failed + closing->closed, 0);
    CHECK_TEXT(dtls_state_name(dtls_state(other->dtls)), "closed");
    uint8_t keys[DTLS_SRTP_KEYING_MATERIAL_MAX];
    size_t length;
    CHECK(!dtls_export_srtp_keys(other->dtls, keys, &length));
    CHECK_INT(dtls_send(other->dtls, link.now, packet_new_copy(link.pool, "x", 1)), PEER_ERROR_INVALID_STATE);
    dtls_close(other->dtls);
    dtls_close(closing->dtls);
    link_flush(&link);
    link_close(&link);
}

TEST(close_notify_of_the_client_closes_the_server)
{
    check_close(true);
}

TEST(close_notify_of_the_server_closes_the_client)
{
    check_close(false);
}

TEST(an_association_closed_in_mid_handshake_says_no_more)
{
    for (int steps = 0; steps < 4; steps++) {
        link_t link;
        link_open(&link, &(link_options_t){0});
        link_start(&link);
        for (int i = 0; i < steps; i++)
            link_step(&link);
        dtls_close(link.client.dtls);
        unsigned sent = dtls_statistics(link.client.dtls)->datagrams_sent > 0;
        CHECK(sent);
        CHECK_INT(dtls_deadline(link.client.dtls), PEER_TIME_NEVER);
        link_flush(&link);
        link_run(&link, 60 * PEER_SECOND);
        CHECK_INT(link.client.closed + link.client.failed, 0);
        link_close(&link);
    }
}

TEST(a_connection_and_its_end_within_one_batch_are_told_in_order)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_start(&link);
    while (link.server.connected == 0)
        CHECK(link_step(&link));
    link_send(&link, &link.server, "hello", 5);
    dtls_close(link.server.dtls);
    link_flush(&link);
    packet_t *packet;
    while ((packet = packet_queue_pop(&link.flying)) != NULL)
        dtls_input(link.client.dtls, link.now, packet);
    dtls_output_t output;
    dtls_output_type_t expected[] = {DTLS_OUTPUT_SEND, DTLS_OUTPUT_CONNECTED, DTLS_OUTPUT_DATA, DTLS_OUTPUT_CLOSED};
    for (size_t i = 0; i < 4; i++) {
        CHECK(dtls_poll(link.client.dtls, &output));
        CHECK_INT(output.type, expected[i]);
        packet_unref(output.packet);
    }
    CHECK(!dtls_poll(link.client.dtls, &output));
    link_close(&link);
}

TEST(openssls_buffers_are_there_only_while_it_has_something_to_read)
{
    static const uint8_t zeros[40];
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_connect(&link);
    CHECK(!link.client.dtls->has_buffers && !link.server.dtls->has_buffers);
    inject_record(&link, &link.server, 21, 1, zeros, sizeof zeros); /* an alert, for all that can be seen of it */
    CHECK(link.server.dtls->has_buffers);
    link_run(&link, link.now + 6 * PEER_SECOND);
    CHECK(!link.server.dtls->has_buffers);
    link_exchange(&link);
    CHECK(!link.client.dtls->has_buffers && !link.server.dtls->has_buffers);
    link_close(&link);
}

/* The server's last flight is lost for long: its association is idle, and still has to say it again. */
TEST(an_idle_server_repeats_its_last_flight)
{
    link_t link;
    link_open(&link, &(link_options_t){0});
    link_start(&link);
    while (link.server.connected == 0)
        CHECK(link_step(&link));
    link.loss_percent = 100;
    packet_queue_clear(&link.flying);
    link_run(&link, 8 * PEER_SECOND);
    CHECK(!link.server.dtls->has_buffers);
    CHECK_INT(link.client.connected, 0);
    link.loss_percent = 0;
    link_run(&link, 15 * PEER_SECOND);
    CHECK_INT(link.client.connected, 1);
    link_exchange(&link);
    link_close(&link);
}
