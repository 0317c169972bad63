#include "protocol.h"

#include "names.h"

#include <string.h>

json_t *protocol_parse(const message_t *message, const char **type)
{
    json_t *object = message->is_text ? json_loadb(message->bytes, message->length, 0, NULL) : NULL;
    const char *text = json_string_value(json_object_get(object, "type"));
    *type = text != NULL ? text : "";
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

int64_t protocol_number(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value) : -1;
}

entry_t *protocol_entry(const manifest_t *manifest, const json_t *object)
{
    int64_t index = protocol_number(object, "entry");
    return index >= 0 && (uint64_t)index < manifest->count ? &manifest->entries[index] : NULL;
}

const char *protocol_reason(const json_t *object, const char *member, char shown[])
{
    const char *text = json_string_value(json_object_get(object, member));
    return names_show(text != NULL ? text : "", shown);
}
