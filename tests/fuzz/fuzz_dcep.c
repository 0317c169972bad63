/* Any bytes as a DCEP message; what parses as DATA_CHANNEL_OPEN is written again to the same meaning. */
#include "sctp/dcep.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dcep_open_t open, again;
    if (dcep_type(data, size) != DCEP_OPEN || !dcep_open_parse(&open, data, size))
        return 0;
    uint8_t *bytes = malloc(dcep_open_size(&open));
    dcep_open_write(&open, bytes);
    if (!dcep_open_parse(&again, bytes, dcep_open_size(&open)) || again.is_unordered != open.is_unordered ||
        again.max_retransmits != open.max_retransmits || again.max_packet_life_time_ms != open.max_packet_life_time_ms ||
        again.priority != open.priority || again.label_length != open.label_length || again.protocol_length != open.protocol_length ||
        memcmp(again.label, open.label, open.label_length) != 0 || memcmp(again.protocol, open.protocol, open.protocol_length) != 0)
        abort();
    free(bytes);
    return 0;
}
