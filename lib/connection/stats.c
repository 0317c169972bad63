/* The connection's statistics (W3C webrtc-stats): how a report is told, its ids and times. The dictionaries are in stats_transport.c,
 * stats_data.c and stats_media.c. */
#include "connection/stats_visit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

double connection_wall_clock_ms(const connection_t *connection, peer_time_t time)
{
    return (double)(connection->wall_clock_offset_us + time) / 1e3;
}

/* W3C WebRTC §8.4: ids must not be predictable, by a salt of the connection. FNV-1a from the salt on, and a permutation that spreads it:
 * different names of one connection give different ids but for one chance in 2^64. */
void connection_stats_id(const connection_t *connection, char id[STATS_ID_SIZE], const char *prefix, const char *name)
{
    uint64_t hash = connection->stats_salt;
    for (const char *text = prefix; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    for (const char *text = name; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    snprintf(id, STATS_ID_SIZE, "%.4s%016" PRIx64, prefix, hash ^ hash >> 31);
}

void stats_id_named(const visit_t *visit, char id[STATS_ID_SIZE], const char *prefix, const char *name)
{
    connection_stats_id(visit->connection, id, prefix, name);
}

void stats_id(const visit_t *visit, char id[STATS_ID_SIZE], const char *prefix, uint64_t number)
{
    char name[24];
    snprintf(name, sizeof name, "%" PRIu64, number);
    stats_id_named(visit, id, prefix, name);
}

bool stats_is_new(visit_t *visit, const char *id)
{
    for (size_t i = 0; i < visit->told_count; i++)
        if (strcmp(visit->told[i], id) == 0)
            return false;
    if (visit->told_count == STATS_TOLD_MAX)
        return false;
    snprintf(visit->told[visit->told_count++], STATS_ID_SIZE, "%s", id);
    return true;
}

void stats_begin_at(const visit_t *visit, const char *type, const char *id, peer_time_t time)
{
    visit->to->begin(visit->to->context, type, id, connection_wall_clock_ms(visit->connection, time));
}

void stats_begin(const visit_t *visit, const char *type, const char *id)
{
    stats_begin_at(visit, type, id, visit->now);
}

void stats_integer(const visit_t *visit, const char *member, uint64_t value)
{
    visit->to->integer(visit->to->context, member, (int64_t)value);
}

void stats_signed(const visit_t *visit, const char *member, int64_t value)
{
    visit->to->integer(visit->to->context, member, value);
}

void stats_number(const visit_t *visit, const char *member, double value)
{
    visit->to->number(visit->to->context, member, value);
}

void stats_seconds(const visit_t *visit, const char *member, peer_time_t value)
{
    stats_number(visit, member, (double)value / (double)PEER_SECOND);
}

void stats_time(const visit_t *visit, const char *member, peer_time_t time)
{
    if (time != 0)
        stats_number(visit, member, connection_wall_clock_ms(visit->connection, time));
}

void stats_text(const visit_t *visit, const char *member, const char *value)
{
    if (value != NULL && *value != '\0')
        visit->to->text(visit->to->context, member, value);
}

void stats_boolean(const visit_t *visit, const char *member, bool value)
{
    visit->to->boolean(visit->to->context, member, value);
}

void stats_end(const visit_t *visit)
{
    visit->to->end(visit->to->context);
}

static void visit_connection(const visit_t *visit)
{
    sctp_stats_t stats;
    char id[STATS_ID_SIZE];
    sctp_stats_get(transport_sctp(visit->connection->transport), &stats);
    stats_id_named(visit, id, "P", "");
    stats_begin(visit, "peer-connection", id);
    stats_integer(visit, "dataChannelsOpened", stats.channels_opened);
    stats_integer(visit, "dataChannelsClosed", stats.channels_closed);
    stats_end(visit);
}

void connection_visit_stats(connection_t *connection, peer_time_t now, const stats_visitor_t *visitor)
{
    visit_t visit;
    visit.to = visitor;
    visit.connection = connection;
    visit.now = now;
    visit.told_count = 0;
    stats_id_named(&visit, visit.transport, "T", "0");
    visit_connection(&visit);
    stats_visit_transport(&visit);
    stats_visit_data(&visit);
    for (size_t i = 0; i < connection->transceiver_count; i++)
        stats_visit_transceiver(&visit, connection->transceivers[i]);
}
