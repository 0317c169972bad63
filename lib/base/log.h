/* The library's log. A call below the set level costs one load. `connection` is the number of the connection concerned, 0 for none. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <peer/log.h>
#include <stdbool.h>

bool log_enabled(int level);
PEER_PRINTF(4, 5) void log_write(int level, const char *module, uint32_t connection, const char *format, ...);

#define LOG_AT(level, module, connection, ...)                                                                                             \
    do {                                                                                                                                   \
        if (log_enabled(level))                                                                                                            \
            log_write((level), (module), (connection), __VA_ARGS__);                                                                       \
    } while (0)
#define LOG_ERROR(module, connection, ...) LOG_AT(PEER_LOG_ERROR, module, connection, __VA_ARGS__)
#define LOG_WARNING(module, connection, ...) LOG_AT(PEER_LOG_WARNING, module, connection, __VA_ARGS__)
#define LOG_INFO(module, connection, ...) LOG_AT(PEER_LOG_INFO, module, connection, __VA_ARGS__)
#define LOG_DEBUG(module, connection, ...) LOG_AT(PEER_LOG_DEBUG, module, connection, __VA_ARGS__)
#define LOG_TRACE(module, connection, ...) LOG_AT(PEER_LOG_TRACE, module, connection, __VA_ARGS__)

#endif
