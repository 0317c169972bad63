#include "report.h"

#include "stats_walk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *rounded(double value, double step)
{
    return json_real(round(value / step) * step);
}

static json_t *text_of(const peer_stats_report_t *report, int64_t index, const char *member)
{
    const char *text = index >= 0 ? peer_stats_report_string(report, (size_t)index, member) : NULL;
    return text != NULL ? json_string(text) : json_null();
}

static json_t *since(int64_t from_us, int64_t time_us)
{
    return time_us > 0 ? rounded((double)(time_us - from_us) / 1000, 0.01) : json_null();
}

static json_t *make_timing(const call_t *call)
{
    static const call_times_t no_times;
    static const received_t nothing;
    const call_times_t *times = call != NULL ? call_times(call) : &no_times;
    const received_t *received = call != NULL ? call_received(call) : &nothing;
    int64_t from = times->present_us;
    return json_pack("{s:o, s:o, s:o, s:o}", "ice_connected", since(from, times->ice_connected_us), "dtls_connected",
                     since(from, times->dtls_connected_us), "first_audio", since(from, received->first_audio_us), "first_video",
                     since(from, received->first_video_us));
}

static json_t *make_end(const peer_stats_report_t *report, int64_t pair, const char *member)
{
    int64_t candidate = stats_follow(report, pair, member);
    double port = 0;
    if (candidate < 0)
        return json_null();
    peer_stats_report_number(report, (size_t)candidate, "port", &port);
    return json_pack("{s:o, s:o, s:o, s:i}", "type", text_of(report, candidate, "candidateType"), "protocol",
                     text_of(report, candidate, "protocol"), "address", text_of(report, candidate, "address"), "port", (int)port);
}

/* tlsVersion is the protocol's two bytes in hexadecimal (webrtc-stats, RTCTransportStats). */
static json_t *make_version(const peer_stats_report_t *report, int64_t transport)
{
    const char *version = transport >= 0 ? peer_stats_report_string(report, (size_t)transport, "tlsVersion") : NULL;
    if (version == NULL)
        return json_null();
    if (strcasecmp(version, "FEFD") == 0)
        return json_string("1.2");
    return json_string(strcasecmp(version, "FEFC") == 0 ? "1.3" : version);
}

static json_t *make_received(const call_t *call)
{
    received_t nothing;
    received_init(&nothing);
    const received_t *received = call != NULL ? call_received(call) : &nothing, *shared = call != NULL ? call_shared(call) : &nothing;
    double psnr_db;
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "video_frames", (json_int_t)received->video_frames,
                     "video_frames_distinct", (json_int_t)received->video_frames_distinct, "video_psnr_db",
                     received_psnr_db(received, &psnr_db) ? rounded(psnr_db, 0.01) : json_null(), "audio_seconds",
                     rounded(received->audio_seconds, 0.001), "audio_level_dbfs", rounded(received_level_dbfs(received), 0.01),
                     "data_messages", (json_int_t)received->data_messages, "data_bytes", (json_int_t)received->data_bytes, "shared_frames",
                     (json_int_t)shared->video_frames, "shared_frames_distinct", (json_int_t)shared->video_frames_distinct);
}

static json_t *make_stats(const peer_stats_report_t *report)
{
    char *text = report != NULL ? peer_stats_report_to_json(report) : NULL;
    json_t *stats = text != NULL ? json_loads(text, 0, NULL) : NULL;
    peer_string_free(text);
    return stats != NULL ? stats : json_array();
}

static json_t *make_ice(const call_t *call)
{
    char *text = call != NULL ? call_explain(call, PEER_ICE_REPORT_JSON) : NULL;
    json_t *ice = text != NULL ? json_loads(text, 0, NULL) : NULL;
    peer_string_free(text);
    return ice != NULL ? ice : json_null();
}

json_t *report_make(call_t *call)
{
    peer_stats_report_t *stats = call != NULL ? call_stats(call) : NULL;
    int64_t transport = stats != NULL ? stats_first(stats, "transport") : -1;
    int64_t pair = stats != NULL ? stats_selected_pair(stats) : -1;
    json_t *selected = pair < 0 ? json_null()
                                : json_pack("{s:o, s:o}", "local", make_end(stats, pair, "localCandidateId"), "remote",
                                            make_end(stats, pair, "remoteCandidateId"));
    json_t *dtls = json_pack("{s:o, s:o, s:o}", "version", make_version(stats, transport), "cipher",
                             text_of(stats, transport, "dtlsCipher"), "role", text_of(stats, transport, "dtlsRole"));
    json_t *report = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state",
                               peer_connection_state_name(call != NULL ? call_state(call) : PEER_CONNECTION_NEW), "timing_ms",
                               make_timing(call), "selected_pair", selected, "dtls", dtls, "srtp", text_of(stats, transport, "srtpCipher"),
                               "ice", make_ice(call), "stats", make_stats(stats), "received", make_received(call));
    peer_stats_report_unref(stats);
    return report;
}

bool report_write(const json_t *report, const char *path)
{
    if (json_dump_file(report, path, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) == 0)
        return true;
    fprintf(stderr, "peer-call: the report cannot be written to %s. Give --report a file that you may write\n", path);
    return false;
}

static const char *text_in(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text != NULL ? text : "?";
}

static void print_time(const json_t *timing, const char *member, const char *what)
{
    const json_t *value = json_object_get(timing, member);
    if (json_is_number(value))
        printf("%s after %.0f ms", what, json_number_value(value));
}

void report_print(const json_t *report, double seconds)
{
    const json_t *timing = json_object_get(report, "timing_ms"), *received = json_object_get(report, "received");
    const json_t *pair = json_object_get(report, "selected_pair"), *dtls = json_object_get(report, "dtls");
    if (json_is_null(json_object_get(timing, "dtls_connected"))) {
        if (strcmp(text_in(report, "state"), "new") != 0) /* there was somebody to connect to */
            printf("No connection: it is %s\n", text_in(report, "state"));
        return;
    }
    printf("A call of %.1f s: ", seconds);
    print_time(timing, "dtls_connected", "connected");
    print_time(timing, "first_audio", ", first sound");
    print_time(timing, "first_video", ", first picture");
    const json_t *psnr = json_object_get(received, "video_psnr_db");
    printf("\n  received  %lld pictures (%lld different", json_integer_value(json_object_get(received, "video_frames")),
           json_integer_value(json_object_get(received, "video_frames_distinct")));
    if (json_is_number(psnr))
        printf(", %.1f dB", json_number_value(psnr));
    printf("), %.1f s of sound at %.0f dBFS, %lld messages of %lld bytes\n", json_number_value(json_object_get(received, "audio_seconds")),
           json_number_value(json_object_get(received, "audio_level_dbfs")), json_integer_value(json_object_get(received, "data_messages")),
           json_integer_value(json_object_get(received, "data_bytes")));
    const json_t *local = json_object_get(pair, "local"), *remote = json_object_get(pair, "remote");
    if (json_is_null(pair))
        puts("  path      none any more");
    else
        printf("  path      %s port %lld (%s) to %s port %lld (%s)\n", text_in(local, "address"),
               json_integer_value(json_object_get(local, "port")), text_in(local, "type"), text_in(remote, "address"),
               json_integer_value(json_object_get(remote, "port")), text_in(remote, "type"));
    printf("  secured   DTLS %s %s, SRTP %s\n", text_in(dtls, "version"), text_in(dtls, "cipher"), text_in(report, "srtp"));
}
