/* Private to sdp: taking a line apart where it lies. Words are ended by writing NULs into the line, so a parsed description needs one copy
 * of its text and no string of its own. */
#ifndef SDP_SCAN_H
#define SDP_SCAN_H

#include "sdp/sdp.h"

int scan_fail(const char *what); /* PEER_ERROR_SYNTAX with this message */

/* The next word up to a space, NULL at the end. Runs of spaces count as one. */
char *scan_word(char **cursor);
/* What is left without the spaces before it; NULL when nothing is. */
char *scan_rest(char **cursor);
/* Cuts at the first `separator`: returns what is before it and moves the cursor behind it; NULL when *cursor is NULL. At the last part the
 * cursor becomes NULL. */
char *scan_part(char **cursor, char separator);
size_t scan_count(const char *text, char separator); /* occurrences */

/* Decimal digits only, all of `text`, at most `maximum`. */
bool scan_u64(const char *text, uint64_t maximum, uint64_t *value);
bool scan_u32(const char *text, uint32_t maximum, uint32_t *value);
bool scan_u16(const char *text, uint16_t *value);
bool scan_payload_type(const char *text, uint8_t *value);
bool scan_any_payload_type(const char *text, int *payload_type); /* "96", or "*" for SDP_ANY_PAYLOAD_TYPE */
int scan_hex_digit(char c);                                      /* -1: none */
bool scan_is_token(const char *text);                            /* RFC 8866 §9: 1*token-char */
bool scan_is_visible(const char *text); /* not empty, no control character and no space; bytes above 127 are let through */

/* Reads the attribute's value, which is taken apart, into a candidate whose strings lie in `value`. `extensions` has room for `room` items.
 */
int sdp_candidate_scan(char *value, sdp_candidate_t *candidate, sdp_attribute_t *extensions, size_t room);

typedef struct section { /* where the lines go that are being read */
    sdp_t *sdp;
    sdp_media_t *media; /* NULL in the session part */
    sdp_common_t *common;
    uint32_t seen[2]; /* single-valued attributes that were there, by their place in the table */
} section_t;

/* Takes the value of an "a=" line. Errors do not name the line. */
int sdp_attribute_scan(section_t *section, char *line);
int sdp_rtpmap_scan(section_t *section, char *value); /* stream.c */
int sdp_fmtp_scan(section_t *section, char *value);
int sdp_rtcp_fb_scan(section_t *section, char *value);
int sdp_msid_scan(section_t *section, char *value);
int sdp_ssrc_scan(section_t *section, char *value);
int sdp_ssrc_group_scan(section_t *section, char *value);
int sdp_rid_scan(section_t *section, char *value); /* simulcast.c */
int sdp_simulcast_scan(section_t *section, char *value);
int sdp_imageattr_scan(section_t *section, char *value); /* image.c */
int sdp_dcmap_scan(section_t *section, char *value);     /* data_channel.c, as the two after it */
int sdp_dcsa_scan(section_t *section, char *value);
void sdp_data_channels_write(const sdp_media_t *media, text_t *text);
int sdp_connection_scan(char *value, sdp_connection_t *connection);

#endif
