#include "outgoing.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HELD_MAX 32 /* transceivers of a call that can be on hold */

enum { SOUND, PICTURE, SHARED, SLOTS };

typedef struct slot {
    char device[1024];     /* what it is opened from, also while it is off */
    peer_track_t *track;   /* NULL: off */
    peer_sender_t *sender; /* in the call that is on, once it was in it */
} slot_t;

typedef struct held {
    peer_transceiver_t *transceiver;
    int32_t direction; /* it had, and gets again */
} held_t;

struct outgoing {
    const options_t *options;
    peer_stream_t *streams[2]; /* of sound and picture, and of what is shared: the other side tells them apart by these */
    slot_t slots[SLOTS];
    peer_connection_t *pc; /* NULL: no call is on */
    held_t held[HELD_MAX];
    size_t held_count;
    bool is_on_hold, is_muted;
};

/* dBFS of what is sent; set by the source's thread, which may outlive the object by a moment. */
static atomic_int our_level = -127;

static const char usage[] = "/camera on|off   the picture stops and comes again\n"
                            "/mute, /unmute   silence in place of the sound\n"
                            "/source WHAT     another picture from now on: test, or a .y4m or .ivf file\n"
                            "/sound WHAT      other sound: test, or a .wav file\n"
                            "/share WHAT|off  a second picture beside the first\n"
                            "/hold, /resume   nothing goes either way, and again\n"
                            "/restart         a new way is looked for (ICE restart)";

/* ---- sources ---- */

static void on_our_audio(peer_track_t *track, peer_audio_frame_t *frame, void *user)
{
    atomic_store(&our_level, (int)peer_audio_frame_level_dbfs(frame));
}

int outgoing_level_dbfs(void)
{
    return atomic_load(&our_level);
}

static int open_track(const outgoing_t *outgoing, int slot, const char *device, peer_track_t **track)
{
    peer_stream_t *stream;
    peer_media_constraints_t constraints;
    peer_media_constraints_init(&constraints, sizeof constraints);
    constraints.audio = slot == SOUND;
    constraints.video = slot != SOUND;
    constraints.audio_device = constraints.video_device = device;
    constraints.width = outgoing->options->width;
    constraints.height = outgoing->options->height;
    constraints.frame_rate = outgoing->options->rate;
    int error = peer_get_user_media(&constraints, &stream);
    if (error < 0)
        return error;
    *track = peer_track_ref(peer_stream_track(stream, 0));
    peer_stream_unref(stream);
    if (slot == SOUND) {
        peer_track_sink_t sink;
        peer_track_sink_init(&sink, sizeof sink);
        sink.on_audio_frame = on_our_audio;
        peer_track_add_sink(*track, &sink, &our_level);
        peer_track_set_enabled(*track, !outgoing->is_muted);
    }
    return 0;
}

static peer_stream_t *stream_of(const outgoing_t *outgoing, int slot)
{
    return outgoing->streams[slot == SHARED];
}

static void put(outgoing_t *outgoing, int slot, peer_track_t *track)
{
    peer_track_t *old = outgoing->slots[slot].track;
    if (old != NULL) {
        peer_stream_remove_track(stream_of(outgoing, slot), old);
        peer_track_remove_sink(old, &our_level);
        peer_track_stop(old);
        peer_track_unref(old);
    }
    if (slot == SOUND)
        atomic_store(&our_level, -127);
    if (track != NULL)
        peer_stream_add_track(stream_of(outgoing, slot), track);
    outgoing->slots[slot].track = track;
}

static bool is_wanted(const char *device)
{
    return strcmp(device, "none") != 0;
}

outgoing_t *outgoing_new(const options_t *options, int *status)
{
    outgoing_t *outgoing = calloc(1, sizeof *outgoing);
    *status = STATUS_NOT_CONNECTED;
    if (outgoing == NULL)
        return NULL;
    outgoing->options = options;
    const char *const devices[] = {options->audio, options->video, "test"};
    for (size_t i = 0; i < 2; i++)
        outgoing->streams[i] = peer_stream_new();
    for (int slot = SOUND; slot <= SHARED; slot++) {
        snprintf(outgoing->slots[slot].device, sizeof outgoing->slots[slot].device, "%s",
                 is_wanted(devices[slot]) ? devices[slot] : "test");
        peer_track_t *track = NULL;
        if (slot == SHARED || !is_wanted(devices[slot]))
            continue;
        int error = open_track(outgoing, slot, devices[slot], &track);
        if (error < 0) {
            fprintf(stderr, "peer-call: %s. Give %s\n", peer_last_error_message(),
                    error == PEER_ERROR_OVERCONSTRAINED ? "--size another size or rate, such as 640x480@30"
                                                        : "--video a .y4m or .ivf file, --audio a .wav file, or test, or none");
            *status = STATUS_USAGE;
            outgoing_free(outgoing);
            return NULL;
        }
        put(outgoing, slot, track);
    }
    *status = STATUS_CALL;
    return outgoing;
}

void outgoing_free(outgoing_t *outgoing)
{
    if (outgoing == NULL)
        return;
    outgoing_detach(outgoing);
    for (int slot = SOUND; slot < SLOTS; slot++)
        put(outgoing, slot, NULL);
    for (size_t i = 0; i < 2; i++)
        peer_stream_unref(outgoing->streams[i]);
    free(outgoing);
}

/* ---- calls ---- */

/* The codec that the user wants goes before the others. */
static int prefer_codec(const outgoing_t *outgoing, peer_transceiver_t *transceiver)
{
    peer_rtp_capabilities_t *known;
    int error = peer_sender_get_capabilities(PEER_MEDIA_VIDEO, &known);
    if (error < 0)
        return error;
    peer_rtp_codec_t *ordered = calloc(known->codec_count, sizeof *ordered);
    size_t count = 0;
    for (int is_other = 0; is_other < 2 && ordered != NULL; is_other++)
        for (size_t i = 0; i < known->codec_count; i++)
            if ((strcasecmp(known->codecs[i].mime_type, outgoing->options->video_codec) != 0) == is_other)
                ordered[count++] = known->codecs[i];
    error = peer_transceiver_set_codec_preferences(transceiver, ordered, count);
    free(ordered);
    peer_rtp_capabilities_free(known);
    return error;
}

static int add(outgoing_t *outgoing, int slot)
{
    slot_t *of = &outgoing->slots[slot];
    peer_stream_t *stream = stream_of(outgoing, slot);
    int error = peer_connection_add_track(outgoing->pc, of->track, &stream, 1, &of->sender);
    if (error == 0 && slot != SOUND && outgoing->options->video_codec != NULL)
        error = prefer_codec(outgoing, peer_sender_transceiver(of->sender));
    return error;
}

bool outgoing_attach(outgoing_t *outgoing, peer_connection_t *pc)
{
    outgoing_detach(outgoing);
    outgoing->pc = peer_connection_ref(pc);
    for (int slot = SOUND; slot < SLOTS; slot++)
        if (outgoing->slots[slot].track != NULL && add(outgoing, slot) < 0)
            return false;
    return true;
}

static void forget_hold(outgoing_t *outgoing)
{
    for (size_t i = 0; i < outgoing->held_count; i++)
        peer_transceiver_unref(outgoing->held[i].transceiver);
    outgoing->held_count = 0;
    outgoing->is_on_hold = false;
}

void outgoing_detach(outgoing_t *outgoing)
{
    forget_hold(outgoing);
    for (int slot = SOUND; slot < SLOTS; slot++) {
        peer_sender_unref(outgoing->slots[slot].sender);
        outgoing->slots[slot].sender = NULL;
    }
    peer_connection_unref(outgoing->pc);
    outgoing->pc = NULL;
}

bool outgoing_sends(const outgoing_t *outgoing, int32_t kind)
{
    return outgoing->slots[kind == PEER_MEDIA_AUDIO ? SOUND : PICTURE].track != NULL;
}

/* ---- transceivers ---- */

static int32_t with_sending(int32_t direction, bool sends)
{
    bool receives = direction == PEER_DIRECTION_SENDRECV || direction == PEER_DIRECTION_RECVONLY;
    if (receives)
        return sends ? PEER_DIRECTION_SENDRECV : PEER_DIRECTION_RECVONLY;
    return sends ? PEER_DIRECTION_SENDONLY : PEER_DIRECTION_INACTIVE;
}

/* What is on hold gets its direction when it is resumed. */
static int set_sending(outgoing_t *outgoing, peer_transceiver_t *transceiver, bool sends)
{
    for (size_t i = 0; i < outgoing->held_count; i++)
        if (outgoing->held[i].transceiver == transceiver) {
            outgoing->held[i].direction = with_sending(outgoing->held[i].direction, sends);
            return 0;
        }
    return peer_transceiver_set_direction(transceiver, with_sending(peer_transceiver_direction(transceiver), sends));
}

/* ---- commands ---- */

static bool say(char *answer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool say(char *answer, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(answer, size, format, arguments);
    va_end(arguments);
    return true;
}

static bool complain(char *answer, size_t size, const char *what)
{
    say(answer, size, "%s: %s", what, peer_last_error_message());
    return false;
}

/* The track of a slot is on again, off, or another one: a transceiver that once sent is used again, since addTrack would make a new one
 * (W3C WebRTC §5.1). */
static int change(outgoing_t *outgoing, int slot, peer_track_t *track)
{
    slot_t *of = &outgoing->slots[slot];
    bool had_track = of->track != NULL;
    int error = of->sender != NULL ? peer_sender_replace_track(of->sender, track) : 0;
    if (error < 0)
        return error;
    put(outgoing, slot, track);
    if (outgoing->pc == NULL)
        return 0;
    if (of->sender == NULL)
        return track != NULL ? add(outgoing, slot) : 0;
    return had_track == (track != NULL) ? 0 : set_sending(outgoing, peer_sender_transceiver(of->sender), track != NULL);
}

static bool camera(outgoing_t *outgoing, const char *argument, char *answer, size_t size)
{
    bool is_on = strcmp(argument, "on") == 0;
    slot_t *of = &outgoing->slots[PICTURE];
    peer_track_t *track = NULL;
    if (is_on == (of->track != NULL))
        return say(answer, size, "the camera is %s already", argument);
    if (is_on && open_track(outgoing, PICTURE, of->device, &track) < 0)
        return complain(answer, size, "the camera stays off");
    if (change(outgoing, PICTURE, track) < 0)
        return complain(answer, size, "the camera");
    return say(answer, size, "the camera is %s", argument);
}

static bool switch_source(outgoing_t *outgoing, int slot, const char *device, char *answer, size_t size)
{
    const char *what = slot == SOUND ? "sound" : "picture";
    peer_track_t *track = NULL;
    if (open_track(outgoing, slot, device, &track) < 0)
        return complain(answer, size, slot == SOUND ? "the sound stays as it is" : "the picture stays as it is");
    if (change(outgoing, slot, track) < 0)
        return complain(answer, size, what);
    snprintf(outgoing->slots[slot].device, sizeof outgoing->slots[slot].device, "%s", device);
    return say(answer, size, "the %s comes from %s", what, device);
}

static bool mute(outgoing_t *outgoing, bool is_muted, char *answer, size_t size)
{
    outgoing->is_muted = is_muted;
    if (outgoing->slots[SOUND].track != NULL)
        peer_track_set_enabled(outgoing->slots[SOUND].track, !is_muted);
    return say(answer, size, "the microphone is %s", is_muted ? "muted" : "on");
}

/* Its m-line goes with it, and is used again by the next (RFC 9429 §5.2.2). */
static bool stop_sharing(outgoing_t *outgoing, char *answer, size_t size)
{
    slot_t *of = &outgoing->slots[SHARED];
    if (of->track == NULL)
        return say(answer, size, "nothing is shared");
    int error = of->sender != NULL ? peer_transceiver_stop(peer_sender_transceiver(of->sender)) : 0;
    peer_sender_unref(of->sender);
    of->sender = NULL;
    put(outgoing, SHARED, NULL);
    return error < 0 ? complain(answer, size, "sharing") : say(answer, size, "nothing is shared any more");
}

static bool share(outgoing_t *outgoing, const char *argument, char *answer, size_t size)
{
    if (strcmp(argument, "off") == 0)
        return stop_sharing(outgoing, answer, size);
    peer_track_t *track = NULL;
    if (open_track(outgoing, SHARED, argument, &track) < 0)
        return complain(answer, size, "it is not shared");
    if (change(outgoing, SHARED, track) < 0)
        return complain(answer, size, "sharing");
    return say(answer, size, "%s is shared", argument);
}

static bool hold(outgoing_t *outgoing, char *answer, size_t size)
{
    peer_transceiver_t *all[HELD_MAX];
    if (outgoing->pc == NULL || outgoing->is_on_hold)
        return say(answer, size, outgoing->pc == NULL ? "there is no call to hold" : "the call is on hold already");
    size_t count = peer_connection_transceivers(outgoing->pc, all, HELD_MAX);
    outgoing->is_on_hold = true;
    for (size_t i = 0; i < count && i < HELD_MAX; i++) {
        int32_t direction = peer_transceiver_direction(all[i]);
        if (direction == PEER_DIRECTION_STOPPED || peer_transceiver_set_direction(all[i], PEER_DIRECTION_INACTIVE) < 0)
            peer_transceiver_unref(all[i]);
        else
            outgoing->held[outgoing->held_count++] = (held_t){all[i], direction};
    }
    return say(answer, size, "the call is on hold; /resume goes on with it");
}

static bool resume(outgoing_t *outgoing, char *answer, size_t size)
{
    if (!outgoing->is_on_hold)
        return say(answer, size, "no call is on hold");
    for (size_t i = 0; i < outgoing->held_count; i++)
        peer_transceiver_set_direction(outgoing->held[i].transceiver, outgoing->held[i].direction); /* fails if it was stopped meanwhile */
    forget_hold(outgoing);
    return say(answer, size, "the call goes on");
}

static bool restart(outgoing_t *outgoing, char *answer, size_t size)
{
    if (outgoing->pc == NULL)
        return say(answer, size, "there is no call");
    return peer_connection_restart_ice(outgoing->pc) < 0 ? complain(answer, size, "restart") : say(answer, size, "a new way is looked for");
}

typedef enum verb { CAMERA, MUTE, UNMUTE, SOURCE, SOUND_FROM, SHARE, HOLD, RESUME, RESTART, HELP, VERBS } verb_t;

/* The verb of a line and what follows it; VERBS when it is none. */
static verb_t parse(const char *line, const char **argument)
{
    static const struct {
        const char *word;
        bool has_argument;
    } verbs[VERBS] = {{"camera", true}, {"mute", false}, {"unmute", false}, {"source", true},   {"sound", true},
                      {"share", true},  {"hold", false}, {"resume", false}, {"restart", false}, {"help", false}};
    size_t length = strcspn(line, " ");
    *argument = line + length + strspn(line + length, " ");
    for (int verb = 0; verb < VERBS; verb++)
        if (strlen(verbs[verb].word) == length && strncmp(line, verbs[verb].word, length) == 0 &&
            verbs[verb].has_argument == (**argument != '\0'))
            return verb == CAMERA && strcmp(*argument, "on") != 0 && strcmp(*argument, "off") != 0 ? VERBS : (verb_t)verb;
    return VERBS;
}

const char *outgoing_check(const char *line)
{
    const char *argument;
    return parse(line, &argument) == VERBS ? usage : NULL;
}

bool outgoing_command(outgoing_t *outgoing, const char *line, char *answer, size_t size)
{
    const char *argument;
    switch (parse(line, &argument)) {
    case CAMERA:
        return camera(outgoing, argument, answer, size);
    case MUTE:
        return mute(outgoing, true, answer, size);
    case UNMUTE:
        return mute(outgoing, false, answer, size);
    case SOURCE:
        return switch_source(outgoing, PICTURE, argument, answer, size);
    case SOUND_FROM:
        return switch_source(outgoing, SOUND, argument, answer, size);
    case SHARE:
        return share(outgoing, argument, answer, size);
    case HOLD:
        return hold(outgoing, answer, size);
    case RESUME:
        return resume(outgoing, answer, size);
    case RESTART:
        return restart(outgoing, answer, size);
    case HELP:
        return say(answer, size, "%s", usage);
    default:
        say(answer, size, "/%.40s is no command. There are:\n%s", line, usage);
        return false;
    }
}
