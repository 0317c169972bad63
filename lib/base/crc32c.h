/* CRC32c (Castagnoli), as SCTP uses it (RFC 9260 Appendix A): by the processor's own instructions where it has them (SSE 4.2, ARMv8 CRC),
 * else by tables. Which one is found out once, at the first call. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 at first) over more bytes; crc32c(0, "123456789", 9) is 0xe3069283. */
uint32_t crc32c(uint32_t crc, const void *data, size_t length);
uint32_t crc32c_by_tables(uint32_t crc, const void *data, size_t length);
bool crc32c_is_by_hardware(void);

#endif
