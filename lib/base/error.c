#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last_message[512];
static _Thread_local int last_code = PEER_OK;
static _Thread_local int32_t last_sdp_line = -1;

const char *peer_error_name(int error)
{
    switch (error) {
#define ERROR_NAME(constant, value, name, meaning)                                                                                         \
    case PEER_ERROR_##constant:                                                                                                            \
        return name;
        PEER_ERROR_MAP(ERROR_NAME)
#undef ERROR_NAME
    default:
        return "";
    }
}

const char *peer_last_error_message(void)
{
    return last_message;
}

int peer_last_error_code(void)
{
    return last_code;
}

int32_t peer_last_error_sdp_line(void)
{
    return last_sdp_line;
}

int error_set(peer_error_t code, const char *format, ...)
{
    char message[sizeof last_message]; /* an argument may be the old message itself */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    memcpy(last_message, message, sizeof message);
    last_code = code;
    last_sdp_line = -1;
    return code;
}

void error_set_sdp_line(size_t line)
{
    last_sdp_line = line <= INT32_MAX ? (int32_t)line : INT32_MAX;
}

int error_no_memory(void)
{
    return error_set(PEER_ERROR_NO_MEMORY, "memory ran out");
}

int error_prefix(int code, const char *format, ...)
{
    char message[sizeof last_message];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < sizeof message) {
        size_t space = sizeof message - (size_t)length;
        size_t kept = strlen(last_message) < space ? strlen(last_message) : space - 1;
        memcpy(message + length, last_message, kept);
        message[(size_t)length + kept] = '\0';
    }
    memcpy(last_message, message, sizeof message);
    return code;
}
