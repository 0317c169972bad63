/** @file
 * Symbol visibility and C++ linkage for every public header.
 */
#ifndef PEER_EXPORT_H
#define PEER_EXPORT_H

/** @def PEER_API
 * Before every public function: it is exported. */
/** @def PEER_PRINTF(format_index, first_argument)
 * Lets the compiler check the arguments of a function that formats like printf(). */
/** @def PEER_BEGIN_DECLS
 * Begins declarations that have C linkage in C++ too. */
/** @def PEER_END_DECLS
 * Ends what PEER_BEGIN_DECLS began. */

#if defined(__GNUC__)
#define PEER_API __attribute__((visibility("default")))
#define PEER_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#else
#define PEER_API
#define PEER_PRINTF(format_index, first_argument)
#endif

#ifdef __cplusplus
#define PEER_BEGIN_DECLS extern "C" {
#define PEER_END_DECLS }
#else
#define PEER_BEGIN_DECLS
#define PEER_END_DECLS
#endif

#endif
