/* The border behind which usrsctp reads: what an authenticated but hostile remote side may have put into a packet is looked through once,
 * because usrsctp 0.9.5 walks some lists without a check of its own (a parameter of length 0 in INIT holds it for ever). */
#ifndef SCTP_PACKET_CHECK_H
#define SCTP_PACKET_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True when the chunks fill the packet as RFC 9260 §3 has it, the parameters and causes inside them do the same, and there are only kinds
 * that a WebRTC association uses (RFC 8831 §5): DATA, the set-up and tear-down, SACK, HEARTBEAT, FORWARD TSN, RE-CONFIG, PAD. */
bool packet_check_is_sound(const uint8_t *data, size_t length);

#endif
