/* The report of a call: one JSON object for programs, a few lines for people. Times count from the moment both sides were present.
 *
 *   state          RTCPeerConnectionState before hanging up
 *   timing_ms      ice_connected, dtls_connected, first_audio, first_video; null for what did not happen
 *   selected_pair  {local, remote}, each {type, protocol, address, port}; null without one
 *   dtls           {version ("1.2"), cipher, role}
 *   srtp           the protection profile
 *   ice            the ICE report (peer_connection_ice_report()); null when nobody came
 *   stats          array of W3C stats objects
 *   received       video_frames, video_frames_distinct, video_psnr_db (null unless it was the test picture), audio_seconds,
 *                  audio_level_dbfs, data_messages, data_bytes */
#ifndef REPORT_H
#define REPORT_H

#include "call.h"

#include <jansson.h>

/* A new reference; NULL when memory ran out. `call` may be NULL: nothing took place. */
json_t *report_make(call_t *call);
/* False, with a message on stderr, when it cannot be written. */
bool report_write(const json_t *report, const char *path);
void report_print(const json_t *report, double seconds);

#endif
