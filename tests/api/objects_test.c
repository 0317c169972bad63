/* The small objects of the public interface, and the words for its numbers: what goes in comes out. */
#include "test.h"

#include <peer/peer.h>
#include <string.h>

TEST(a_candidate_tells_its_parts)
{
    peer_ice_candidate_t *candidate;
    CHECK_INT(peer_ice_candidate_new("a=candidate:f1 1 udp 1694498815 203.0.113.1 5000 typ srflx raddr 192.0.2.1 rport 6000", "audio", 2,
                                     "abcd", &candidate),
              0);
    peer_ice_candidate_t *same = peer_ice_candidate_ref(candidate);
    peer_ice_candidate_unref(candidate);
    CHECK_TEXT(peer_ice_candidate_sdp_mid(same), "audio");
    CHECK_INT(peer_ice_candidate_sdp_mline_index(same), 2);
    CHECK_TEXT(peer_ice_candidate_username_fragment(same), "abcd");
    CHECK_TEXT(peer_ice_candidate_foundation(same), "f1");
    CHECK_INT(peer_ice_candidate_component(same), 1);
    CHECK_INT(peer_ice_candidate_priority(same), 1694498815);
    CHECK_INT(peer_ice_candidate_type(same), PEER_ICE_CANDIDATE_SRFLX);
    CHECK_TEXT(peer_ice_candidate_address(same), "203.0.113.1");
    CHECK_INT(peer_ice_candidate_port(same), 5000);
    CHECK_TEXT(peer_ice_candidate_related_address(same), "192.0.2.1");
    CHECK_INT(peer_ice_candidate_related_port(same), 6000);
    peer_ice_candidate_unref(same);
}

TEST(the_end_of_candidates_has_no_parts)
{
    peer_ice_candidate_t *candidate;
    CHECK_INT(peer_ice_candidate_new("", NULL, 0, NULL, &candidate), 0);
    CHECK_TEXT(peer_ice_candidate_candidate(candidate), "");
    CHECK(peer_ice_candidate_sdp_mid(candidate) == NULL && peer_ice_candidate_username_fragment(candidate) == NULL);
    CHECK(peer_ice_candidate_foundation(candidate) == NULL && peer_ice_candidate_address(candidate) == NULL);
    CHECK(peer_ice_candidate_related_address(candidate) == NULL && peer_ice_candidate_protocol(candidate) == NULL);
    CHECK_INT(peer_ice_candidate_component(candidate), 0);
    CHECK_INT(peer_ice_candidate_type(candidate), -1);
    CHECK_INT(peer_ice_candidate_related_port(candidate), 0);
    peer_ice_candidate_unref(candidate);
    CHECK_INT(peer_ice_candidate_new("", NULL, -1, NULL, &candidate), PEER_ERROR_TYPE);
}

TEST(a_certificate_goes_through_pem_and_is_the_one_that_is_offered)
{
    peer_certificate_t *made, *read;
    CHECK_INT(peer_certificate_generate(PEER_KEY_ECDSA_P256, 3600, &made), 0);
    char *pem = peer_certificate_to_pem(made);
    CHECK_INT(peer_certificate_from_pem(pem, &read), 0);
    CHECK_TEXT(peer_certificate_fingerprint(read), peer_certificate_fingerprint(made));
    CHECK_INT(peer_certificate_expires_ms(read), peer_certificate_expires_ms(made));
    CHECK(peer_certificate_expires_ms(made) > 0);
    peer_configuration_t configuration;
    peer_data_channel_t *channel;
    peer_description_t *offer;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.certificates = &read;
    configuration.certificate_count = 1;
    peer_connection_t *pc = peer_connection_new(&configuration, NULL, NULL);
    peer_certificate_unref(read); /* the connection has its own reference */
    CHECK_INT(peer_connection_create_data_channel(pc, "c", NULL, NULL, NULL, &channel), 0);
    CHECK_INT(peer_connection_create_offer(pc, NULL, &offer), 0);
    CHECK(strstr(peer_description_sdp(offer), peer_certificate_fingerprint(made)) != NULL);
    peer_description_unref(offer);
    peer_data_channel_unref(channel);
    peer_connection_unref(pc);
    peer_string_free(pem);
    peer_certificate_unref(made);
    CHECK_INT(peer_certificate_from_pem("no certificate", &read), PEER_ERROR_SYNTAX);
}

TEST(a_stream_has_each_track_once)
{
    peer_stream_t *stream = peer_stream_new(), *other = peer_stream_new();
    peer_track_t *track;
    CHECK_INT(peer_track_new(PEER_MEDIA_AUDIO, "microphone", &track), 0);
    CHECK(strcmp(peer_stream_id(stream), peer_stream_id(other)) != 0);
    CHECK_INT(strlen(peer_track_id(track)), 36);
    CHECK_TEXT(peer_track_label(track), "microphone");
    CHECK_INT(peer_stream_add_track(stream, track), 0);
    CHECK_INT(peer_stream_add_track(stream, track), 0);
    CHECK_INT(peer_stream_track_count(stream), 1);
    peer_stream_remove_track(other, track);
    CHECK(peer_stream_track(stream, 0) == track && peer_stream_track(stream, 1) == NULL);
    peer_stream_remove_track(stream, track);
    CHECK_INT(peer_stream_track_count(stream), 0);
    CHECK_INT(peer_track_enabled(track), 1);
    peer_track_set_enabled(track, 0);
    CHECK_INT(peer_track_enabled(track), 0);
    peer_track_unref(track);
    peer_stream_unref(stream);
    peer_stream_unref(other);
}

TEST(numbers_have_the_words_of_w3c)
{
    CHECK_TEXT(peer_ice_candidate_type_name(PEER_ICE_CANDIDATE_RELAY), "relay");
    CHECK_TEXT(peer_data_channel_state_name(PEER_DATA_CHANNEL_CLOSING), "closing");
    CHECK_TEXT(peer_direction_name(PEER_DIRECTION_RECVONLY), "recvonly");
    CHECK_TEXT(peer_sdp_type_name(PEER_SDP_PRANSWER), "pranswer");
    CHECK_TEXT(peer_media_kind_name(PEER_MEDIA_VIDEO), "video");
    CHECK_TEXT(peer_signaling_state_name(PEER_SIGNALING_HAVE_LOCAL_PRANSWER), "have-local-pranswer");
    CHECK_TEXT(peer_ice_connection_state_name(PEER_ICE_CONNECTION_COMPLETED), "completed");
    CHECK_TEXT(peer_ice_transport_state_name(PEER_ICE_TRANSPORT_STATE_DISCONNECTED), "disconnected");
    CHECK_TEXT(peer_ice_role_name(PEER_ICE_ROLE_CONTROLLED), "controlled");
    CHECK_TEXT(peer_dtls_transport_state_name(PEER_DTLS_TRANSPORT_FAILED), "failed");
    static const char *(*const names[])(int32_t) = {
        peer_ice_candidate_type_name,  peer_data_channel_state_name,  peer_direction_name,        peer_sdp_type_name,
        peer_media_kind_name,          peer_signaling_state_name,     peer_connection_state_name, peer_ice_connection_state_name,
        peer_ice_gathering_state_name, peer_ice_transport_state_name, peer_ice_role_name,         peer_dtls_transport_state_name};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK_TEXT(names[i](-1), "");
        CHECK_TEXT(names[i](1000), "");
    }
}

/* W3C WebRTC §4.7.3: a transceiver that is in no current description needs negotiation, whatever the signaling state. */
TEST(whether_negotiation_is_needed_can_be_asked_in_any_state)
{
    peer_connection_t *pc = peer_connection_new(NULL, NULL, NULL);
    CHECK_INT(peer_connection_is_negotiation_needed(pc), 0);
    CHECK_INT(peer_connection_add_transceiver(pc, PEER_MEDIA_AUDIO, NULL, NULL), 0);
    CHECK_INT(peer_connection_is_negotiation_needed(pc), 1);
    CHECK_INT(peer_connection_set_local_description(pc, NULL), 0);
    CHECK_INT(peer_connection_signaling_state(pc), PEER_SIGNALING_HAVE_LOCAL_OFFER);
    CHECK_INT(peer_connection_is_negotiation_needed(pc), 1);
    peer_connection_close(pc);
    CHECK_INT(peer_connection_is_negotiation_needed(pc), 0);
    peer_connection_unref(pc);
}
