/* What feeds a data channel as the network takes it (peer_data_source_t). It is asked on the loop's dispatcher only, one call at a time; it
 * is put on and taken off under the loop's lock, from any thread. */
#ifndef API_DATA_SOURCE_H
#define API_DATA_SOURCE_H

#include <peer/data_channel.h>

#include "base/blob.h"

#include <stdbool.h>

typedef struct api_source {
    struct api_source *next; /* of those taken off, whose end is still to be told */
    peer_data_source_t source;
    bool is_waiting; /* it said PEER_SOURCE_WAIT, and was not resumed since */
    bool is_resumed; /* since it was asked last */
} api_source_t;

api_source_t *api_source_new(const peer_data_source_t *source); /* NULL: no memory */
/* Asks for one message. NULL: none; *result says why (PEER_SOURCE_…, or PEER_ERROR_NO_MEMORY). Without locks. */
blob_t *api_source_pull(const peer_data_source_t *source, peer_data_channel_t *channel, size_t most, int64_t *result);

#endif
