/* The conclusion of an ICE report, for the one line that is said of a connection that does not come about. */
#ifndef CONCLUSION_H
#define CONCLUSION_H

#include <stddef.h>

/* `report` is what peer_connection_ice_report() gave in the form PEER_ICE_REPORT_JSON, or NULL. */
void conclusion_of(const char *report, char *text, size_t size);

#endif
