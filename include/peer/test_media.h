/** @file
 * Readers of the test picture and the test sound that peer_get_user_media() gives: they prove, at the far end of a call, which frame
 * arrived, when it was made, how well it looks, and that the sound is that sound.
 *
 * **The code in the picture.** The upper 4/15 of the test picture are 4 rows of 20 equal rectangles: with width W and height H of the
 * picture as it is shown, rectangle i (0 to 79) has its centre at
 *
 *     x = (i % 20 + 0.5) * W / 20,    y = (floor(i / 20) + 0.5) * H / 15
 *
 * and is one bit: white is 1, black is 0, most significant bit first:
 *
 *     bits  0 to 31  number of the frame
 *     bits 32 to 63  its clock: Unix time of its capture in milliseconds, modulo 2^32 (in JavaScript: Date.now() % 4294967296)
 *     bits 64 to 79  CRC-16 of the eight bytes before (polynomial 0x1021, initial value 0xffff, no reflection, no final exclusive or)
 *
 * A pixel (or better the mean of those in the middle of the rectangle) is white when it is brighter than 128 of 255. So a page reads it
 * with one drawImage() of the video to a canvas of 20 × 15 or more pixels and one getImageData(). The code survives VP8 at 150 kbit/s and
 * scaling down to 160 × 120.
 */
#ifndef PEER_TEST_MEDIA_H
#define PEER_TEST_MEDIA_H

#include <peer/export.h>
#include <peer/frame.h>

PEER_BEGIN_DECLS

/**
 * Reads the code burnt into a test picture.
 *
 * @param frame     a picture of any format and size, 40 × 30 pixels at least; its rotation is not applied
 * @param number    receives the frame's number; NULL is allowed
 * @param clock_ms  receives the clock: Unix time of its capture in milliseconds, modulo 2^32; NULL is allowed
 * @return true if the code was there and its checksum is right; otherwise nothing is written
 * @threadsafe
 */
PEER_API bool peer_test_picture_read(peer_video_frame_t *frame, uint32_t *number, uint32_t *clock_ms);

/**
 * Compares a received test picture with the original, which is made again from its number (and its clock, if it can be read).
 *
 * @param frame   a picture of any format and size; the original is made in that size, so a picture that was scaled on its way loses some dB
 * by its edges alone
 * @param number  the number that the picture should be of, usually the one read from it
 * @return the peak signal-to-noise ratio of luma in dB: above 30 looks well, 100 when nothing differs; negative when memory ran out
 * @threadsafe
 */
PEER_API double peer_test_picture_psnr(peer_video_frame_t *frame, uint32_t number);

/**
 * Says whether the test sound is in a stretch of sound, by the energy at its tones.
 *
 * @param samples      interleaved samples
 * @param count        samples per channel; 100 ms is enough, below 40 ms the answer is false
 * @param channels     1 to PEER_AUDIO_MAX_CHANNELS
 * @param sample_rate  Hz, PEER_AUDIO_MIN_RATE or more
 * @return true if it is louder than -50 dBFS and most of its energy is at the tones
 * @threadsafe
 */
PEER_API bool peer_test_sound_is_present(const int16_t *samples, uint32_t count, uint32_t channels, uint32_t sample_rate);

PEER_END_DECLS

#endif
