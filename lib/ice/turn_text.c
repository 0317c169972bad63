/* The words for a server's errors (RFC 8656 §19, RFC 8489 §14.8): for those who set up servers and for those who only want to call. */
#include "ice/turn_private.h"

#include <stdio.h>
#include <string.h>

const char *turn_text_meaning(uint16_t code)
{
    switch (code) {
    case STUN_ERROR_TRY_ALTERNATE:
        return "The TURN server sends its clients to another server.";
    case STUN_ERROR_BAD_REQUEST:
        return "The TURN server did not understand the request.";
    case STUN_ERROR_UNAUTHENTICATED:
        return "The TURN server refused the credentials.";
    case TURN_ERROR_FORBIDDEN:
        return "The TURN server forbids this by its policy.";
    case STUN_ERROR_UNKNOWN_ATTRIBUTE:
        return "The TURN server is too old for what is asked of it.";
    case TURN_ERROR_ALLOCATION_MISMATCH:
        return "The TURN server has another or no allocation for this address and port.";
    case STUN_ERROR_STALE_NONCE:
        return "The TURN server calls every nonce stale.";
    case TURN_ERROR_FAMILY_NOT_SUPPORTED:
        return "The TURN server does not relay this IP version.";
    case TURN_ERROR_WRONG_CREDENTIALS:
        return "The allocation on the TURN server belongs to another user.";
    case TURN_ERROR_TRANSPORT_NOT_SUPPORTED:
        return "The TURN server does not relay UDP.";
    case TURN_ERROR_FAMILY_MISMATCH:
        return "The TURN server cannot relay to this IP version with this allocation.";
    case TURN_ERROR_QUOTA_REACHED:
        return "The TURN server's quota of allocations for this user is used up.";
    case STUN_ERROR_SERVER_ERROR:
        return "The TURN server has an error of its own.";
    case TURN_ERROR_INSUFFICIENT_CAPACITY:
        return "The TURN server has no address, port or bandwidth left.";
    case TURN_CODE_UNREACHABLE:
        return "The TURN server did not answer.";
    default:
        return "The TURN server refused.";
    }
}

/* A server's words are cut, and lose what a terminal or a log could stumble over. */
void turn_text_write(char *text, size_t size, const turn_result_t *result)
{
    if (result->why != NULL || result->words_length == 0) {
        snprintf(text, size, "%s", result->why != NULL ? result->why : turn_text_meaning(result->code));
        return;
    }
    char words[TURN_REASON_MAX + 1];
    size_t length = result->words_length < TURN_REASON_MAX ? result->words_length : TURN_REASON_MAX;
    const char *end = memchr(result->words, '\0', length); /* coturn pads with it */
    if (end != NULL)
        length = (size_t)(end - result->words);
    for (size_t i = 0; i < length; i++)
        words[i] = result->words[i] >= 0x20 && result->words[i] < 0x7f ? result->words[i] : '?';
    words[length] = '\0';
    snprintf(text, size, "%s (%s)", turn_text_meaning(result->code), words);
}
