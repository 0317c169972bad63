/** @file
 * The library's log: silent until the application asks for it.
 */
#ifndef PEER_LOG_H
#define PEER_LOG_H

#include <peer/export.h>
#include <stdint.h>

PEER_BEGIN_DECLS

/** Severity of a message; a lower value is more urgent. */
typedef enum peer_log_level {
    PEER_LOG_NONE = 0,    /**< nothing at all: the default */
    PEER_LOG_ERROR = 1,   /**< something was lost for good */
    PEER_LOG_WARNING = 2, /**< unexpected, and handled */
    PEER_LOG_INFO = 3,    /**< states, candidates, selected pairs */
    PEER_LOG_DEBUG = 4,   /**< every check, handshake flight, report */
    PEER_LOG_TRACE = 5    /**< every packet */
} peer_log_level_t;

/**
 * Receives one message.
 *
 * It may be called from any thread that runs library code, with internal locks held: it must not call the library.
 *
 * @param level       one of peer_log_level_t
 * @param module      static name of the part that speaks: "ice", "dtls", …
 * @param connection  number of the connection concerned, counted from 1; 0 for none
 * @param message     one line without a line end, valid during the call
 * @param user        as given to peer_log_set()
 */
typedef void (*peer_log_sink_t)(int32_t level, const char *module, uint32_t connection, const char *message, void *user);

/**
 * Sets the process-wide level and sink.
 *
 * @param level  messages up to this level are delivered; PEER_LOG_NONE silences the library
 * @param sink   where they go; NULL writes "level module #connection: message" lines to stderr
 * @param user   passed to the sink
 * @threadsafe
 */
PEER_API void peer_log_set(int32_t level, peer_log_sink_t sink, void *user);

PEER_END_DECLS

#endif
