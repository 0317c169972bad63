/* A trace of the decrypted packets that Wireshark and tshark dissect without options: pcapng whose link type is "Wireshark upper PDU"
 * (252), each packet with the name of its dissector ("rtp", "rtcp", "sctp"), addresses and ports in tags before it. */
#ifndef TRACE_H
#define TRACE_H

#include <stddef.h>
#include <stdint.h>

typedef struct trace trace_t;

/* NULL, with errno set, when the file cannot be made. */
trace_t *trace_open(const char *path);
/* What is written as the ends of the path from now on; IPv4 or IPv6 text. Until then 0.0.0.0. */
void trace_set_path(trace_t *trace, const char *local, uint16_t local_port, const char *remote, uint16_t remote_port);
/* Fits peer_connection_set_packet_tap() with the trace as `user`. Any thread. */
void trace_packet(int32_t kind, int32_t outgoing, int64_t time_us, const void *data, size_t length, void *user);
int trace_close(trace_t *trace); /* 0, or -1 when something could not be written; NULL is allowed */

#endif
