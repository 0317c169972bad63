#include "api/data_source.h"

#include "base/error.h"
#include "base/memory.h"

api_source_t *api_source_new(const peer_data_source_t *source)
{
    api_source_t *made = MEMORY_NEW(api_source_t);
    if (made != NULL)
        made->source = *source;
    return made;
}

blob_t *api_source_pull(const peer_data_source_t *source, peer_data_channel_t *channel, size_t most, int64_t *result)
{
    blob_t *message = blob_new(most);
    if (message == NULL) {
        *result = error_no_memory();
        return NULL;
    }
    *result = source->pull(channel, message->data, most, source->user);
    if (*result < 0 || (uint64_t)*result > most) {
        blob_unref(message);
        if (*result >= 0)
            *result = PEER_SOURCE_END; /* it wrote beyond its room, or says so: nothing of it can be trusted */
        return NULL;
    }
    message->length = (size_t)*result;
    return message;
}
