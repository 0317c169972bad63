/* What every reader of JSON from the signaling channel needs. jansson bounds the depth (2,048); the length is bounded here. */
#include "api/api.h"

#include "base/error.h"

#include <stdlib.h>

int api_json_object(const char *json, size_t length, json_t **object)
{
    if (json == NULL)
        return error_set(PEER_ERROR_TYPE, "the JSON text is NULL");
    if (length > API_JSON_MAX)
        return error_set(PEER_ERROR_SYNTAX, "the JSON text has more than %u bytes", API_JSON_MAX);
    json_error_t error;
    json_t *value = json_loadb(json, length, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL)
        return error_set(PEER_ERROR_SYNTAX, "not JSON, at byte %d: %s", error.position, error.text);
    if (!json_is_object(value)) {
        json_decref(value);
        return error_set(PEER_ERROR_TYPE, "the JSON text is not an object");
    }
    *object = value;
    return 0;
}

void peer_string_free(char *string)
{
    free(string);
}
