/* What the files that tell statistics share: one file for each group of dictionaries. */
#ifndef CONNECTION_STATS_VISIT_H
#define CONNECTION_STATS_VISIT_H

#include "connection/internal.h"
#include "connection/stats.h"

#define STATS_TOLD_MAX 256 /* codecs and certificates of one report; what goes beyond is not told */

typedef struct visit {
    const stats_visitor_t *to;
    connection_t *connection;
    peer_time_t now;
    char transport[STATS_ID_SIZE]; /* the one there is: everything is bundled */
    char told[STATS_TOLD_MAX][STATS_ID_SIZE];
    size_t told_count;
} visit_t;

/* An object that holds what is so now, or what was so at another time. */
void stats_begin(const visit_t *visit, const char *type, const char *id);
void stats_begin_at(const visit_t *visit, const char *type, const char *id, peer_time_t time);
void stats_integer(const visit_t *visit, const char *member, uint64_t value);
void stats_signed(const visit_t *visit, const char *member, int64_t value);
void stats_number(const visit_t *visit, const char *member, double value);
void stats_seconds(const visit_t *visit, const char *member, peer_time_t value);
void stats_time(const visit_t *visit, const char *member, peer_time_t time);  /* 0: never, and not told */
void stats_text(const visit_t *visit, const char *member, const char *value); /* NULL and "": not told */
void stats_boolean(const visit_t *visit, const char *member, bool value);
void stats_end(const visit_t *visit);

/* Ids of things that have a number, or a name of their own. */
void stats_id(const visit_t *visit, char id[STATS_ID_SIZE], const char *prefix, uint64_t number);
void stats_id_named(const visit_t *visit, char id[STATS_ID_SIZE], const char *prefix, const char *name);
/* True the first time in this report: several things may refer to one object. */
bool stats_is_new(visit_t *visit, const char *id);

void stats_visit_transport(visit_t *visit);                                     /* stats_transport.c */
void stats_visit_data(const visit_t *visit);                                    /* stats_data.c */
void stats_visit_transceiver(visit_t *visit, const transceiver_t *transceiver); /* stats_media.c */

#endif
