/** @file
 * Writers of media files: received video as IVF (still encoded) or Y4M (raw), received sound as WAV.
 */
#ifndef PEER_MEDIA_FILE_H
#define PEER_MEDIA_FILE_H

#include <peer/export.h>
#include <peer/frame.h>

PEER_BEGIN_DECLS

/** A media file being written. Used from one thread at a time. */
typedef struct peer_media_writer peer_media_writer_t;

/**
 * Creates a file; the end of its name says what it is to hold: ".ivf" (VP8 or VP9 frames as they arrived), ".y4m" (pictures) or ".wav"
 * (sound, 16 bits). Its header follows the first frame.
 *
 * @param path    the file; replaced if it is there
 * @param writer  receives the writer, for peer_media_writer_close()
 * @return 0, or PEER_ERROR_TYPE, PEER_ERROR_NOT_SUPPORTED (another ending), PEER_ERROR_NOT_READABLE (it cannot be created),
 * PEER_ERROR_NO_MEMORY
 */
PEER_API int peer_media_writer_open(const char *path, peer_media_writer_t **writer);

/**
 * Adds a picture to a .y4m file. A picture of another size than the first is scaled to that; the timestamps set how often a picture is
 * repeated or left out, so that the file keeps time at 30 frames a second.
 *
 * @param writer  the writer
 * @param frame   the picture, of any format; the caller's
 * @return 0, or PEER_ERROR_INVALID_ACCESS (the file holds something else), PEER_ERROR_OPERATION (writing failed), PEER_ERROR_NO_MEMORY
 */
PEER_API int peer_media_writer_video(peer_media_writer_t *writer, peer_video_frame_t *frame);

/**
 * Adds sound to a .wav file, which has the rate and channels of the first.
 *
 * @param writer  the writer
 * @param frame   the sound, of any format; the caller's
 * @return 0, or PEER_ERROR_INVALID_ACCESS (the file holds something else, or the rate or channels changed), PEER_ERROR_OPERATION (writing
 *         failed), PEER_ERROR_QUOTA_EXCEEDED (4 GiB are full)
 */
PEER_API int peer_media_writer_audio(peer_media_writer_t *writer, peer_audio_frame_t *frame);

/**
 * Adds an encoded picture to an .ivf file. Pictures before the first key frame are left out.
 *
 * @param writer  the writer
 * @param frame   the picture, VP8 or VP9; the caller's
 * @return 0, or PEER_ERROR_INVALID_ACCESS (the file holds something else or another codec), PEER_ERROR_OPERATION (writing failed)
 */
PEER_API int peer_media_writer_encoded(peer_media_writer_t *writer, peer_encoded_frame_t *frame);

/**
 * Completes the file's header, closes and frees the writer.
 *
 * @param writer  the writer; NULL is allowed
 * @return 0, or PEER_ERROR_OPERATION: the last bytes could not be written
 */
PEER_API int peer_media_writer_close(peer_media_writer_t *writer);

PEER_END_DECLS

#endif
