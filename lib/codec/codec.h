/* The built-in codecs, and small things that several of them need. */
#ifndef CODEC_CODEC_H
#define CODEC_CODEC_H

#include <peer/codec.h>

#include <stdbool.h>
#include <stdint.h>

extern const peer_codec_t codec_opus, codec_pcmu, codec_pcma, codec_vp8, codec_vp9;

/* The value of `name` in format parameters such as "minptime=10;useinbandfec=1" (RFC 4566 a=fmtp), or `otherwise` when it is not there or
 * is no decimal number. NULL parameters hold nothing. */
uint32_t fmtp_number(const char *fmtp, const char *name, uint32_t otherwise);

#endif
