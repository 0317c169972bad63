/* Any text is a description or a candidate, or an error with a message; what was read is written and read again alike. */
#include <peer/peer.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int result)
{
    if (result < 0 && *peer_last_error_message() == '\0')
        abort();
}

static void read_description(const char *json, size_t length)
{
    peer_description_t *first = NULL, *second = NULL;
    int result = peer_description_from_json(json, length, &first);
    check(result);
    if (result < 0)
        return;
    char *text = peer_description_to_json(first);
    if (peer_description_from_json(text, strlen(text), &second) < 0 || peer_description_type(first) != peer_description_type(second) ||
        strcmp(peer_description_sdp(first), peer_description_sdp(second)) != 0)
        abort();
    peer_string_free(text);
    peer_description_unref(first);
    peer_description_unref(second);
}

static void read_candidate(const char *json, size_t length)
{
    peer_ice_candidate_t *first = NULL, *second = NULL;
    int result = peer_ice_candidate_from_json(json, length, &first);
    check(result);
    if (result < 0)
        return;
    char *text = peer_ice_candidate_to_json(first);
    if (peer_ice_candidate_from_json(text, strlen(text), &second) < 0 ||
        strcmp(peer_ice_candidate_candidate(first), peer_ice_candidate_candidate(second)) != 0)
        abort();
    peer_string_free(text);
    peer_ice_candidate_unref(first);
    peer_ice_candidate_unref(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_description((const char *)data, size);
    read_candidate((const char *)data, size);
    return 0;
}
