/* Session descriptions as the application holds them, and their JSON. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"

#include <jansson.h>
#include <string.h>

struct peer_description {
    atomic_uint references;
    int32_t type;
    char *sdp;
};

static const char *const type_names[] = {"offer", "pranswer", "answer", "rollback"};

const char *peer_sdp_type_name(int32_t type)
{
    return API_NAME(type_names, type);
}

int peer_description_new(int32_t type, const char *sdp, peer_description_t **description)
{
    if (description == NULL)
        return error_set(PEER_ERROR_TYPE, "description is NULL");
    if (type < 0 || type > PEER_SDP_ROLLBACK)
        return error_set(PEER_ERROR_TYPE, "%d is no type of a description", type);
    if (sdp == NULL)
        sdp = "";
    if (strlen(sdp) > API_SDP_MAX)
        return error_set(PEER_ERROR_RANGE, "the SDP has more than %u bytes", API_SDP_MAX);
    peer_description_t *made = MEMORY_NEW(peer_description_t);
    char *copy = memory_string(sdp);
    if (made == NULL || copy == NULL) {
        memory_free(made);
        memory_free(copy);
        return error_no_memory();
    }
    atomic_init(&made->references, 1);
    made->type = type;
    made->sdp = copy;
    *description = made;
    return 0;
}

int peer_description_from_json(const char *json, size_t length, peer_description_t **description)
{
    json_t *object = NULL;
    int result = api_json_object(json, length, &object);
    if (result < 0)
        return result;
    const char *type = json_string_value(json_object_get(object, "type"));
    const json_t *sdp = json_object_get(object, "sdp");
    int32_t number = -1;
    for (int32_t i = 0; type != NULL && i <= PEER_SDP_ROLLBACK; i++)
        if (strcmp(type, type_names[i]) == 0)
            number = i;
    if (number < 0)
        result = error_set(PEER_ERROR_TYPE, "\"type\" is %s, not offer, pranswer, answer or rollback", type != NULL ? type : "missing");
    else if (sdp != NULL && !json_is_null(sdp) && !json_is_string(sdp))
        result = error_set(PEER_ERROR_TYPE, "\"sdp\" is no string");
    else
        result = peer_description_new(number, json_string_value(sdp), description);
    json_decref(object);
    return result;
}

char *peer_description_to_json(const peer_description_t *description)
{
    json_t *object = json_pack("{s:s, s:s}", "type", type_names[description->type], "sdp", description->sdp);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (text == NULL)
        error_no_memory();
    return text;
}

peer_description_t *peer_description_ref(peer_description_t *description)
{
    atomic_fetch_add_explicit(&description->references, 1, memory_order_relaxed);
    return description;
}

void peer_description_unref(peer_description_t *description)
{
    if (description == NULL || atomic_fetch_sub_explicit(&description->references, 1, memory_order_acq_rel) > 1)
        return;
    memory_free(description->sdp);
    memory_free(description);
}

int32_t peer_description_type(const peer_description_t *description)
{
    return description->type;
}

const char *peer_description_sdp(const peer_description_t *description)
{
    return description->sdp;
}
