/* Multicast DNS answers and queries, as anyone on the link may send them; and what is written in return. */
#include "runtime/mdns_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_records(const mdns_record_t *records, size_t count)
{
    uint8_t query[MDNS_QUERY_MAX];
    if (count > MDNS_RECORDS_MAX)
        abort();
    for (size_t i = 0; i < count; i++) {
        if (strlen(records[i].name) >= MDNS_NAME_SIZE || records[i].address.port != 0)
            abort();
        mdns_write_query(query, sizeof query, records[i].name);
    }
}

/* Answers all questions of a query; what is written must be readable, and say the same. */
static void answer(const mdns_query_t *query, bool is_legacy)
{
    mdns_response_t response = {.id = query->id, .legacy = is_legacy ? &query->questions[0] : NULL};
    mdns_record_t records[MDNS_RECORDS_MAX];
    uint8_t message[MDNS_RESPONSE_MAX];
    size_t count;
    for (size_t i = 0; i < query->question_count; i++) {
        const mdns_question_t *question = &query->questions[i];
        mdns_answer_t *of = &response.answers[response.answer_count++];
        *of = (mdns_answer_t){.name = question->name, .has_ipv4 = question->wants_unicast, .has_ipv6 = question->type % 2 == 0};
        if (question->type != MDNS_TYPE_NSEC)
            of->address.family = question->type == MDNS_TYPE_A ? ADDRESS_IPV4 : ADDRESS_IPV6;
        response.additional[response.additional_count++] = (mdns_answer_t){.name = question->name, .has_ipv6 = true};
    }
    size_t length = mdns_write_response(message, sizeof message, &response);
    if (length == 0)
        return;
    if (!mdns_parse_response(message, length, records, &count) || count > response.answer_count)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mdns_query_t query;
    mdns_record_t records[MDNS_RECORDS_MAX];
    uint8_t message[MDNS_QUERY_MAX];
    char name[MDNS_NAME_SIZE * 2];
    size_t count;
    if (!mdns_parse_response(data, size, records, &count) && count != 0)
        abort();
    check_records(records, count);
    if (mdns_parse_query(data, size, &query)) {
        check_records(query.known, query.known_count);
        answer(&query, false);
        if (query.question_count != 0)
            answer(&query, true);
    }
    size_t length = size < sizeof name - 1 ? size : sizeof name - 1;
    if (length != 0)
        memcpy(name, data, length);
    name[length] = '\0';
    mdns_write_query(message, sizeof message, name);
    return 0;
}
