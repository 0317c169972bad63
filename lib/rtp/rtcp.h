/* RTCP packets (RFC 3550 §6), feedback (RFC 4585, RFC 5104), REMB, transport-wide feedback and extended reports (RFC 3611 §4.4, §4.5):
 * views to iterate over compound and reduced-size (RFC 5506) packets, and writers. Nothing allocates; what is to be said, and when, is
 * media's affair. */
#ifndef RTP_RTCP_H
#define RTP_RTCP_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTCP_HEADER_SIZE 4
#define RTCP_REPORT_BLOCKS_MAX 31 /* RFC 3550 §6.4.1: RC has five bits */
#define RTCP_SDES_TEXT_MAX 255

typedef enum rtcp_type {
    RTCP_SENDER_REPORT = 200,
    RTCP_RECEIVER_REPORT = 201,
    RTCP_SDES = 202,
    RTCP_BYE = 203,
    RTCP_APP = 204,
    RTCP_TRANSPORT_FEEDBACK = 205, /* RTPFB */
    RTCP_PAYLOAD_FEEDBACK = 206,   /* PSFB */
    RTCP_EXTENDED_REPORT = 207
} rtcp_type_t;

enum { RTCP_FORMAT_NACK = 1, RTCP_FORMAT_TRANSPORT_CC = 15 };                    /* RTPFB */
enum { RTCP_FORMAT_PLI = 1, RTCP_FORMAT_FIR = 4, RTCP_FORMAT_APPLICATION = 15 }; /* PSFB */
enum {
    RTCP_SDES_CNAME = 1,
    RTCP_SDES_RID = 12,          /* RtpStreamId, RFC 8852 §4.1 */
    RTCP_SDES_REPAIRED_RID = 13, /* RepairedRtpStreamId, §4.2 */
    RTCP_SDES_MID = 15           /* RFC 9143 §15.1 */
};

/* One RTCP packet of a compound; `body` follows the four octets of the common header, padding taken off. */
typedef struct rtcp_view {
    const uint8_t *body;
    size_t length;
    uint8_t type;
    uint8_t count; /* RC, SC or FMT */
} rtcp_view_t;

typedef struct rtcp_iterator {
    reader_t reader;
    bool is_malformed; /* set when it ended because the rest is no RTCP packet */
} rtcp_iterator_t;

void rtcp_iterate(rtcp_iterator_t *iterator, const void *data, size_t length);
bool rtcp_next(rtcp_iterator_t *iterator, rtcp_view_t *view);

typedef struct rtcp_sender_info {
    uint32_t ssrc;
    uint64_t ntp;
    uint32_t rtp_timestamp;
    uint32_t packet_count;
    uint32_t octet_count;
} rtcp_sender_info_t;

typedef struct rtcp_report_block {
    uint32_t ssrc;
    uint8_t fraction_lost;            /* of 256 */
    int32_t packets_lost;             /* 24 bits, signed */
    uint32_t highest_sequence_number; /* extended */
    uint32_t jitter;                  /* timestamp units */
    uint32_t last_sender_report;      /* LSR: middle 32 bits of NTP, 0 for none */
    uint32_t delay_since_last;        /* DLSR: 1/65536 s */
} rtcp_report_block_t;

bool rtcp_parse_sender_report(const rtcp_view_t *view, rtcp_sender_info_t *info);
bool rtcp_parse_receiver_report(const rtcp_view_t *view, uint32_t *ssrc);
/* The index-th block of an SR or RR; false past the last. */
bool rtcp_report_block(const rtcp_view_t *view, size_t index, rtcp_report_block_t *block);
bool rtcp_bye_ssrc(const rtcp_view_t *view, size_t index, uint32_t *ssrc);

typedef struct rtcp_sdes_item {
    uint32_t ssrc;
    uint8_t type;
    uint8_t length;
    const char *text; /* not NUL-terminated */
} rtcp_sdes_item_t;

typedef struct rtcp_sdes_iterator {
    reader_t reader;
    uint32_t ssrc;
    uint8_t chunks_left;
    bool is_in_chunk;
} rtcp_sdes_iterator_t;

void rtcp_sdes_iterate(rtcp_sdes_iterator_t *iterator, const rtcp_view_t *view);
bool rtcp_sdes_next(rtcp_sdes_iterator_t *iterator, rtcp_sdes_item_t *item);

/* The common shape of feedback messages (RFC 4585 §6.1). */
typedef struct rtcp_feedback {
    uint32_t sender_ssrc;
    uint32_t media_ssrc;
    const uint8_t *fci;
    size_t fci_length;
} rtcp_feedback_t;

bool rtcp_parse_feedback(const rtcp_view_t *view, rtcp_feedback_t *feedback);

/* A generic NACK's numbers in the order written; *position starts at 0. */
bool rtcp_nack_next(const rtcp_feedback_t *feedback, size_t *position, uint16_t *sequence_number);

typedef struct rtcp_fir_entry {
    uint32_t ssrc;
    uint8_t sequence_number;
} rtcp_fir_entry_t;

bool rtcp_fir_entry(const rtcp_feedback_t *feedback, size_t index, rtcp_fir_entry_t *entry);

/* REMB (draft-alvestrand-rmcat-remb): `index` from 0 names the SSRCs it speaks of. */
bool rtcp_parse_remb(const rtcp_feedback_t *feedback, uint64_t *bitrate_bps, size_t *ssrc_count);
uint32_t rtcp_remb_ssrc(const rtcp_feedback_t *feedback, size_t index);

/* Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1). */
typedef struct rtcp_transport_cc {
    reader_t chunks;
    reader_t deltas;
    uint16_t base_sequence_number;
    uint16_t packet_count;
    int32_t reference_time; /* units of 64 ms, signed 24 bits */
    uint8_t feedback_count;
    uint16_t packets_done;
    uint16_t chunk; /* the chunk being read, shifted as it is read */
    uint16_t chunk_left;
    bool chunk_is_run;
    uint8_t chunk_symbol_bits;
} rtcp_transport_cc_t;

typedef struct rtcp_transport_cc_packet {
    uint16_t sequence_number;
    bool is_received;
    int32_t delta; /* units of 250 µs after the packet received before it (after the reference time for the first) */
} rtcp_transport_cc_packet_t;

bool rtcp_transport_cc_parse(const rtcp_feedback_t *feedback, rtcp_transport_cc_t *transport_cc);
bool rtcp_transport_cc_next(rtcp_transport_cc_t *transport_cc, rtcp_transport_cc_packet_t *packet);

/* Extended reports (RFC 3611): receiver reference time and DLRR blocks. */
typedef struct rtcp_xr_block {
    uint8_t type;
    const uint8_t *body;
    size_t length;
} rtcp_xr_block_t;

enum { RTCP_XR_RECEIVER_REFERENCE_TIME = 4, RTCP_XR_DLRR = 5 };

bool rtcp_xr_ssrc(const rtcp_view_t *view, uint32_t *ssrc);
bool rtcp_xr_next(const rtcp_view_t *view, size_t *position, rtcp_xr_block_t *block); /* *position starts at 0 */
bool rtcp_xr_reference_time(const rtcp_xr_block_t *block, uint64_t *ntp);

typedef struct rtcp_dlrr {
    uint32_t ssrc;
    uint32_t last_receiver_report;
    uint32_t delay_since_last;
} rtcp_dlrr_t;

bool rtcp_xr_dlrr(const rtcp_xr_block_t *block, size_t index, rtcp_dlrr_t *dlrr);

/* Writers append one whole packet, or return false and leave the writer as it was. */
bool rtcp_write_sender_report(writer_t *writer, const rtcp_sender_info_t *info, const rtcp_report_block_t *blocks, size_t count);
bool rtcp_write_receiver_report(writer_t *writer, uint32_t ssrc, const rtcp_report_block_t *blocks, size_t count);
bool rtcp_write_sdes_cname(writer_t *writer, const uint32_t *ssrcs, size_t count, const char *cname); /* one chunk an SSRC */
bool rtcp_write_bye(writer_t *writer, const uint32_t *ssrcs, size_t count);
/* Sequence numbers in rising order; those within 16 of another share one entry. */
bool rtcp_write_nack(writer_t *writer, uint32_t sender_ssrc, uint32_t media_ssrc, const uint16_t *sequence_numbers, size_t count);
bool rtcp_write_pli(writer_t *writer, uint32_t sender_ssrc, uint32_t media_ssrc);
bool rtcp_write_fir(writer_t *writer, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t sequence_number);
bool rtcp_write_remb(writer_t *writer, uint32_t sender_ssrc, uint64_t bitrate_bps, const uint32_t *ssrcs, size_t count);
/* `packets` are consecutive in sequence number, as rtcp_transport_cc_next() gives them. */
bool rtcp_write_transport_cc(writer_t *writer, uint32_t sender_ssrc, uint32_t media_ssrc, int32_t reference_time, uint8_t feedback_count,
                             const rtcp_transport_cc_packet_t *packets, size_t count);
bool rtcp_write_xr_reference_time(writer_t *writer, uint32_t ssrc, uint64_t ntp);
bool rtcp_write_xr_dlrr(writer_t *writer, uint32_t ssrc, const rtcp_dlrr_t *reports, size_t count);

#endif
