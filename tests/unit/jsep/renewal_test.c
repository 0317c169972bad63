/* When the transport begins anew: nothing is left of it, or another peer is behind it. And a final answer after a provisional one. */
#include "base/text.h"
#include "jsep_support.h"

static peer_t alice, bob;

static void begin(void)
{
    peer_init(&alice, 1, NULL);
    peer_init(&bob, 2, NULL);
    add_track(&alice, JSEP_VIDEO, "v", "s");
    negotiate(&alice, &bob);
}

static void end(void)
{
    peer_clear(&alice);
    peer_clear(&bob);
}

/* The value of the first line that begins so, in a text of its own. */
static char *value_of(const char *sdp, const char *name)
{
    const char *found = strstr(sdp, name);
    CHECK(found != NULL);
    found += strlen(name);
    size_t length = strcspn(found, "\r\n");
    char *value = memory_copy(found, length + 1);
    value[length] = '\0';
    return value;
}

static char *local_value(const peer_t *peer, const char *name)
{
    jsep_type_t type;
    text_t sdp = {0};
    CHECK(jsep_description_write(peer->session, JSEP_CURRENT_LOCAL, &type, &sdp));
    char *value = value_of(sdp.data, name);
    text_clear(&sdp);
    return value;
}

TEST(when_every_line_is_rejected_the_transport_is_closed_on_both_sides)
{
    begin();
    CHECK_INT(jsep_stop(alice.session, transceiver(&alice, 0)), 0);
    negotiate(&alice, &bob);
    CHECK_INT(effect_count(&alice, JSEP_EFFECT_TRANSPORT_CLOSED), 1);
    CHECK_INT(effect_count(&bob, JSEP_EFFECT_TRANSPORT_CLOSED), 1);
    CHECK_INT(effect_count(&alice, JSEP_EFFECT_TRANSPORT), 0);
    end();
}

TEST(while_a_line_is_left_the_transport_stays)
{
    begin();
    add_track(&alice, JSEP_AUDIO, "a", "s");
    negotiate(&alice, &bob);
    CHECK_INT(jsep_stop(alice.session, transceiver(&alice, 0)), 0);
    negotiate(&alice, &bob);
    CHECK_INT(effect_count(&alice, JSEP_EFFECT_TRANSPORT_CLOSED), 0);
    CHECK_INT(effect_count(&bob, JSEP_EFFECT_TRANSPORT_CLOSED), 0);
    end();
}

TEST(what_begins_after_it_has_other_credentials_and_asks_for_a_role)
{
    begin();
    char *ufrag = local_value(&alice, "a=ice-ufrag:"), *tls_id = local_value(&alice, "a=tls-id:");
    CHECK_INT(jsep_stop(alice.session, transceiver(&alice, 0)), 0);
    negotiate(&alice, &bob);
    CHECK(!jsep_is_negotiation_needed(alice.session)); /* nothing is to be restarted */
    add_track(&bob, JSEP_VIDEO, "w", "t");
    char *offer = peer_offer(&bob);
    CHECK(strstr(offer, "a=setup:actpass") != NULL);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, offer);
    char *answer = peer_answer(&alice);
    char *new_ufrag = value_of(answer, "a=ice-ufrag:"), *new_tls_id = value_of(answer, "a=tls-id:");
    CHECK(strcmp(ufrag, new_ufrag) != 0);
    CHECK(strcmp(tls_id, new_tls_id) != 0);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_ANSWER, answer);
    const jsep_transport_t *transport = effect_of(&bob, JSEP_EFFECT_TRANSPORT, 0)->transport;
    CHECK_INT(transport->dtls_role, JSEP_DTLS_SERVER);
    CHECK_TEXT(transport->remote_ufrag, new_ufrag);
    char *const texts[] = {ufrag, tls_id, offer, answer, new_ufrag, new_tls_id};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        memory_free(texts[i]);
    end();
}

TEST(an_extension_id_never_means_anything_else_also_when_its_line_is_gone)
{
    static const char offer[] =
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE x\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 120\r\nc=IN IP4 0.0.0.0\r\na=mid:x\r\na=ice-ufrag:abcd\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa\r\n"
        "a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n"
        "a=setup:actpass\r\na=rtcp-mux\r\na=sendrecv\r\na=rtpmap:120 VP8/90000\r\n"
        "a=extmap:3 urn:example:unknown\r\na=extmap:7 urn:ietf:params:rtp-hdrext:sdes:mid\r\n";
    peer_init(&alice, 1, NULL);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, offer);
    memory_free(peer_answer(&alice));
    char *rejected = strdup(offer), *port = strstr(rejected, "m=video 9") + 8;
    *port = '0';
    peer_must_set(&alice, JSEP_REMOTE, JSEP_OFFER, rejected);
    memory_free(peer_answer(&alice));
    add_track(&alice, JSEP_AUDIO, "a", "s");
    char *ours = peer_offer(&alice);
    CHECK(strstr(ours, "a=extmap:7 urn:ietf:params:rtp-hdrext:sdes:mid") != NULL);
    CHECK(strstr(ours, "a=extmap:3 ") == NULL);
    memory_free(ours);
    free(rejected);
    peer_clear(&alice);
}

TEST(an_answer_of_another_peer_is_a_restart_that_renews_dtls)
{
    peer_t carol;
    begin();
    peer_init(&carol, 3, NULL);
    char *offer = peer_offer(&alice);
    peer_must_set(&carol, JSEP_REMOTE, JSEP_OFFER, offer);
    char *answer = peer_answer(&carol);
    /* All test sessions have one fingerprint; hers is another one. */
    char *hash = strstr(answer, "a=fingerprint:sha-256 ") + strlen("a=fingerprint:sha-256 ");
    hash[0] = hash[0] == '0' ? '1' : '0';
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    const jsep_transport_t *transport = effect_of(&alice, JSEP_EFFECT_TRANSPORT, 0)->transport;
    CHECK(transport->is_dtls_new && transport->is_remote_new);
    CHECK(transport->dtls_role != JSEP_DTLS_UNKNOWN);
    memory_free(offer);
    memory_free(answer);
    peer_clear(&carol);
    end();
}

TEST(a_final_answer_lets_come_what_the_provisional_one_did_not)
{
    peer_init(&alice, 1, NULL);
    peer_init(&bob, 2, NULL);
    add_track(&alice, JSEP_VIDEO, "v", "s");
    char *offer = peer_offer(&alice);
    peer_must_set(&bob, JSEP_REMOTE, JSEP_OFFER, offer);
    text_t provisional = {0};
    CHECK_INT(jsep_create_answer(bob.session, &provisional), 0); /* it only receives */
    peer_must_set(&bob, JSEP_LOCAL, JSEP_PRANSWER, provisional.data);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_PRANSWER, provisional.data);
    CHECK(!transceiver(&alice, 0)->is_receptive);
    add_track(&bob, JSEP_VIDEO, "w", "t");
    char *answer = peer_answer(&bob);
    peer_must_set(&alice, JSEP_REMOTE, JSEP_ANSWER, answer);
    CHECK_INT(transceiver(&alice, 0)->current_direction, SDP_SENDRECV);
    CHECK(transceiver(&alice, 0)->is_receptive);
    text_clear(&provisional);
    memory_free(offer);
    memory_free(answer);
    end();
}
