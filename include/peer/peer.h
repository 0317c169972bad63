/** @file
 * libpeer: WebRTC peer connections in C. Including this header gives the whole public interface.
 *
 * General rules, true of every function unless its text says otherwise:
 * - Every function may be called from any thread. Nothing blocks on the network.
 * - A function that returns int gives 0 or more on success and a negative ::peer_error_t on failure; a failed call changes nothing, and
 *   peer_last_error_message() says what was wrong.
 * - Objects are counted: functions named `_new`, `_create` and getters of objects return a reference that the caller gives back with
 * `_unref`.
 *   `_unref(NULL)` does nothing. Strings belong to the object they are read from and live as long as it.
 * - Inputs are copied before a call returns.
 * - The object that a function works on, and where it puts its result, must not be NULL unless its text allows it.
 * - Events are called on the connection's loop (see peer/loop.h), one at a time, never from inside a call of the application and never
 *   with a lock held: from an event anything may be called, closing and releasing included.
 */
#ifndef PEER_PEER_H
#define PEER_PEER_H

#include <peer/certificate.h>
#include <peer/codec.h>
#include <peer/connection.h>
#include <peer/data_channel.h>
#include <peer/description.h>
#include <peer/dtls_transport.h>
#include <peer/dtmf_sender.h>
#include <peer/error.h>
#include <peer/export.h>
#include <peer/frame.h>
#include <peer/ice_candidate.h>
#include <peer/ice_report.h>
#include <peer/ice_transport.h>
#include <peer/log.h>
#include <peer/loop.h>
#include <peer/media_devices.h>
#include <peer/media_file.h>
#include <peer/nat.h>
#include <peer/negotiator.h>
#include <peer/rtp_parameters.h>
#include <peer/sctp_transport.h>
#include <peer/stats.h>
#include <peer/test_media.h>
#include <peer/track.h>
#include <peer/transceiver.h>
#include <peer/types.h>

PEER_BEGIN_DECLS

/**
 * Gives the version of the library that is running.
 *
 * @return a static string such as "0.1.0"
 * @threadsafe
 */
PEER_API const char *peer_version(void);

PEER_END_DECLS

#endif
