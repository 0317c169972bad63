/* Multicast DNS answers, as anyone on the link may send them. */
#include "runtime/mdns_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mdns_record_t records[MDNS_RECORDS_MAX];
    uint8_t query[MDNS_QUERY_MAX];
    char name[MDNS_NAME_SIZE * 2];
    size_t count;
    if (!mdns_parse_response(data, size, records, &count) && count != 0)
        abort();
    for (size_t i = 0; i < count; i++) {
        if (strlen(records[i].name) >= MDNS_NAME_SIZE || records[i].address.port != 0)
            abort();
        mdns_write_query(query, sizeof query, records[i].name);
    }
    size_t length = size < sizeof name - 1 ? size : sizeof name - 1;
    if (length != 0)
        memcpy(name, data, length);
    name[length] = '\0';
    mdns_write_query(query, sizeof query, name);
    return 0;
}
