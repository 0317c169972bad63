/* A session: its configuration, and questions to it that change nothing. */
#include "jsep/session.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

const char *jsep_state_name(jsep_state_t state)
{
    static const char *const names[] = {"stable", "have-local-offer", "have-remote-offer", "have-local-pranswer", "have-remote-pranswer",
                                        "closed"};
    return names[state];
}

const char *jsep_type_name(jsep_type_t type)
{
    static const char *const names[] = {"offer", "pranswer", "answer", "rollback"};
    return names[type];
}

static int copy_string(arena_t *arena, const char **string)
{
    if (*string == NULL)
        return 0;
    *string = arena_string(arena, *string);
    return *string != NULL ? 0 : error_no_memory();
}

static int copy_codec(arena_t *arena, jsep_codec_t *codec)
{
    const char *const *feedback;
    jsep_fmtp_key_t *match = arena_array(arena, codec->match_count, sizeof *match);
    if (match == NULL || copy_string(arena, &codec->name) < 0 || copy_string(arena, &codec->fmtp) < 0 ||
        copy_string(arena, &codec->redundancy_of) < 0 ||
        jsep_slots_set_strings(arena, codec->feedback, codec->feedback_count, &feedback) < 0)
        return error_no_memory();
    for (size_t i = 0; i < codec->match_count; i++) {
        match[i] = codec->match[i];
        if (copy_string(arena, &match[i].key) < 0 || copy_string(arena, &match[i].default_value) < 0)
            return error_no_memory();
    }
    codec->match = match;
    codec->feedback = feedback;
    if (codec->channels == 0)
        codec->channels = 1;
    return 0;
}

static int copy_fingerprints(arena_t *arena, jsep_configuration_t *configuration)
{
    sdp_fingerprint_t *fingerprints = arena_array(arena, configuration->fingerprint_count, sizeof *fingerprints);
    if (fingerprints == NULL)
        return error_no_memory();
    for (size_t i = 0; i < configuration->fingerprint_count; i++) {
        fingerprints[i] = configuration->fingerprints[i];
        uint8_t *bytes = arena_new(arena, fingerprints[i].length);
        if (bytes == NULL || copy_string(arena, &fingerprints[i].algorithm) < 0)
            return error_no_memory();
        memcpy(bytes, fingerprints[i].bytes, fingerprints[i].length);
        fingerprints[i].bytes = bytes;
    }
    configuration->fingerprints = fingerprints;
    return 0;
}

static int copy_configuration(arena_t *arena, jsep_configuration_t *configuration)
{
    jsep_codec_t *codecs = arena_array(arena, configuration->codec_count, sizeof *codecs);
    jsep_extension_capability_t *extensions = arena_array(arena, configuration->extension_count, sizeof *extensions);
    if (codecs == NULL || extensions == NULL)
        return error_no_memory();
    for (size_t i = 0; i < configuration->codec_count; i++) {
        codecs[i] = configuration->codecs[i];
        if (copy_codec(arena, &codecs[i]) < 0)
            return PEER_ERROR_NO_MEMORY;
    }
    for (size_t i = 0; i < configuration->extension_count; i++) {
        extensions[i] = configuration->extensions[i];
        if (copy_string(arena, &extensions[i].uri) < 0)
            return PEER_ERROR_NO_MEMORY;
    }
    configuration->codecs = codecs;
    configuration->extensions = extensions;
    if (copy_string(arena, &configuration->sctp_init) < 0)
        return PEER_ERROR_NO_MEMORY;
    return copy_fingerprints(arena, configuration);
}

void jsep_new_credentials(jsep_session_t *session)
{
    random_text(&session->configuration.random, session->ice_ufrag, ICE_UFRAG_LENGTH, RANDOM_ICE_CHARS);
    random_text(&session->configuration.random, session->ice_pwd, ICE_PWD_LENGTH, RANDOM_ICE_CHARS);
}

static int set_credentials(jsep_session_t *session)
{
    const jsep_configuration_t *configuration = &session->configuration;
    if (configuration->ice_ufrag != NULL && configuration->ice_pwd != NULL) {
        size_t ufrag = strlen(configuration->ice_ufrag), pwd = strlen(configuration->ice_pwd);
        if (ufrag < 4 || ufrag > 256 || pwd < 22 || pwd > 256)
            return error_set(PEER_ERROR_SYNTAX, "ICE credentials are outside the lengths of RFC 8839");
        memcpy(session->ice_ufrag, configuration->ice_ufrag, ufrag + 1);
        memcpy(session->ice_pwd, configuration->ice_pwd, pwd + 1);
    } else {
        jsep_new_credentials(session);
    }
    session->configuration.ice_ufrag = session->ice_ufrag;
    session->configuration.ice_pwd = session->ice_pwd;
    return 0;
}

static int set_cname(jsep_session_t *session)
{
    char made[17];
    if (session->configuration.cname == NULL) {
        random_text(&session->configuration.random, made, sizeof made - 1, RANDOM_ICE_CHARS); /* RFC 7022 §4.2: 96 bits */
        session->configuration.cname = made;
    }
    return copy_string(&session->arena, &session->configuration.cname);
}

int jsep_session_new(const jsep_configuration_t *configuration, jsep_session_t **session)
{
    if (configuration->codec_count > JSEP_CODECS_MAX || configuration->extension_count > JSEP_EXTENSIONS_MAX)
        return error_set(PEER_ERROR_RANGE, "more codecs or header extensions than a session can hold");
    if (configuration->fingerprint_count == 0)
        return error_set(PEER_ERROR_INVALID_ACCESS, "no fingerprint of a certificate");
    jsep_session_t *made = MEMORY_NEW(jsep_session_t);
    if (made == NULL)
        return error_no_memory();
    made->configuration = *configuration;
    made->next_id = 1;
    /* RFC 9429 §5.2.1: 64 bits, the highest of them zero. */
    made->session_id = random_u64(&configuration->random) >> 1;
    made->state.transport_line = NO_LINE;
    random_text(&configuration->random, made->state.tls_id, TLS_ID_LENGTH, RANDOM_ICE_CHARS);
    if (made->configuration.sctp_port == 0)
        made->configuration.sctp_port = 5000;
    int error = copy_configuration(&made->arena, &made->configuration);
    if (error == 0)
        error = set_credentials(made);
    if (error == 0)
        error = set_cname(made);
    if (error < 0) {
        jsep_session_free(made);
        return error;
    }
    *session = made;
    return 0;
}

void jsep_session_free(jsep_session_t *session)
{
    if (session == NULL)
        return;
    for (size_t i = 0; i < session->state.entry_count; i++)
        jsep_transceiver_free(session, session->state.entries[i].transceiver);
    jsep_state_clear(&session->state);
    jsep_state_clear(&session->stable);
    jsep_description_unref(session->last_offer);
    jsep_description_unref(session->last_answer);
    memory_free(session->list);
    memory_free(session->default_stream);
    map_clear(&session->tracks);
    jsep_data_channels_clear(session);
    arena_clear(&session->candidate_arena);
    arena_clear(&session->arena);
    memory_free(session);
}

void jsep_close(jsep_session_t *session)
{
    session->state.signaling = JSEP_CLOSED;
}

int jsep_check_open(const jsep_session_t *session)
{
    return session->state.signaling != JSEP_CLOSED ? 0 : error_set(PEER_ERROR_INVALID_STATE, "the connection is closed");
}

jsep_state_t jsep_signaling_state(const jsep_session_t *session)
{
    return session->state.signaling;
}

const sdp_t *jsep_description_sdp(const jsep_session_t *session, jsep_which_t which)
{
    const description_t *description = session->state.descriptions[which];
    return description != NULL ? description->sdp : NULL;
}

bool jsep_description_write(const jsep_session_t *session, jsep_which_t which, jsep_type_t *type, text_t *sdp)
{
    const description_t *description = session->state.descriptions[which];
    if (description == NULL)
        return false;
    *type = session->state.types[which];
    sdp_write(description->sdp, sdp);
    return true;
}

int jsep_can_trickle(const jsep_session_t *session)
{
    const state_t *state = &session->state;
    if (state->descriptions[JSEP_PENDING_REMOTE] == NULL && state->descriptions[JSEP_CURRENT_REMOTE] == NULL)
        return -1;
    return state->transport.remote_trickles ? 1 : 0;
}

int jsep_want_data(jsep_session_t *session)
{
    int error = jsep_check_open(session);
    if (error == 0)
        session->wants_data = true;
    return error;
}

static void replace_ufrag(jsep_session_t *session, size_t place, jsep_which_t which)
{
    const char *ufrag = jsep_local_ufrag(&session->state, which);
    snprintf(session->replaced_ufrags[place], CREDENTIAL_SIZE, "%s", ufrag != NULL ? ufrag : "");
}

/* W3C WebRTC §4.4.2 restartIce: the credentials to replace are those in the current and in the pending local description. */
void jsep_restart_ice(jsep_session_t *session)
{
    if (session->state.signaling == JSEP_CLOSED)
        return;
    replace_ufrag(session, 0, JSEP_CURRENT_LOCAL);
    replace_ufrag(session, 1, JSEP_PENDING_LOCAL);
}

bool jsep_restart_is_wanted(const jsep_session_t *session)
{
    return session->replaced_ufrags[0][0] != '\0' || session->replaced_ufrags[1][0] != '\0';
}

/* W3C WebRTC §4.4.1.5: nothing is left to be replaced once the current local description has none of them. */
void jsep_restart_finish(jsep_session_t *session)
{
    const char *ufrag = jsep_local_ufrag(&session->state, JSEP_CURRENT_LOCAL);
    if (ufrag == NULL || (strcmp(ufrag, session->replaced_ufrags[0]) != 0 && strcmp(ufrag, session->replaced_ufrags[1]) != 0))
        session->replaced_ufrags[0][0] = session->replaced_ufrags[1][0] = '\0';
}

/* RFC 9429 §5.8.2: m-lines without a=msid are in one stream, whose id is ours. */
const char *jsep_default_stream(jsep_session_t *session)
{
    char id[37];
    if (session->default_stream == NULL) {
        random_text(&session->configuration.random, id, sizeof id - 1, "0123456789abcdef");
        session->default_stream = memory_string(id);
    }
    if (session->default_stream == NULL)
        error_no_memory();
    return session->default_stream;
}

bool jsep_payload_has_feedback(const jsep_payload_t *payload, const char *feedback)
{
    for (size_t i = 0; i < payload->feedback_count; i++)
        if (strcmp(payload->feedback[i], feedback) == 0)
            return true;
    return false;
}
