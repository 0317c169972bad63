#include "recorder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct recorder {
    peer_media_writer_t *video, *audio;
    bool is_encoded;
    bool has_complained;
};

static void check(recorder_t *recorder, int result)
{
    if (result >= 0 || recorder->has_complained)
        return;
    recorder->has_complained = true;
    fprintf(stderr, "peer-call: recording: %s\n", peer_last_error_message());
}

static peer_media_writer_t *open_writer(const char *directory, const char *name, const char *ending, unsigned call)
{
    char path[4096];
    peer_media_writer_t *writer = NULL;
    if (call > 1)
        snprintf(path, sizeof path, "%s/%s-%u.%s", directory, name, call, ending);
    else
        snprintf(path, sizeof path, "%s/%s.%s", directory, name, ending);
    if (peer_media_writer_open(path, &writer) < 0)
        fprintf(stderr, "peer-call: %s: %s. Give --record a directory that you may write to\n", path, peer_last_error_message());
    return writer;
}

bool recorder_prepare(const char *directory)
{
    if ((mkdir(directory, 0777) == 0 || errno == EEXIST) && access(directory, W_OK | X_OK) == 0)
        return true;
    fprintf(stderr, "peer-call: the directory %s cannot be written to: %s. Give --record a directory that you may write to\n", directory,
            strerror(errno));
    return false;
}

recorder_t *recorder_new(const char *directory, const char *video_format, unsigned call)
{
    recorder_t *recorder = calloc(1, sizeof *recorder);
    if (recorder == NULL)
        return NULL;
    recorder->is_encoded = strcmp(video_format, "ivf") == 0;
    recorder->video = open_writer(directory, "video", video_format, call);
    recorder->audio = recorder->video != NULL ? open_writer(directory, "audio", "wav", call) : NULL;
    if (recorder->audio == NULL) {
        recorder_free(recorder);
        return NULL;
    }
    return recorder;
}

bool recorder_wants_encoded(const recorder_t *recorder)
{
    return recorder->is_encoded;
}

void recorder_video(recorder_t *recorder, peer_video_frame_t *frame)
{
    if (!recorder->is_encoded)
        check(recorder, peer_media_writer_video(recorder->video, frame));
}

void recorder_encoded(recorder_t *recorder, peer_encoded_frame_t *frame)
{
    if (recorder->is_encoded)
        check(recorder, peer_media_writer_encoded(recorder->video, frame));
}

void recorder_audio(recorder_t *recorder, peer_audio_frame_t *frame)
{
    check(recorder, peer_media_writer_audio(recorder->audio, frame));
}

void recorder_free(recorder_t *recorder)
{
    if (recorder == NULL)
        return;
    if (recorder->video != NULL)
        check(recorder, peer_media_writer_close(recorder->video));
    if (recorder->audio != NULL)
        check(recorder, peer_media_writer_close(recorder->audio));
    free(recorder);
}
