/* The messages of README.md, as both workers read them. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include "conduit.h"
#include "manifest.h"

#define PROTOCOL_HASH_STEP (1 << 20)   /* bytes of a file that are read at a time to be compared */
#define PROTOCOL_ACKNOWLEDGE (1 << 20) /* bytes after which the receiver says how far it is */

/* What a step of a worker led to: more of them, the end of the connection, or the end of it all. */
typedef enum step { GOES_ON, BROKEN, OVER } step_t;

/* The object of a text message, a new reference, and its type ("" for none); NULL when it is no JSON object. */
json_t *protocol_parse(const message_t *message, const char **type);
/* The entry that a message is about, or NULL. */
entry_t *protocol_entry(const manifest_t *manifest, const json_t *object);
/* A number of 0 or more; -1 when it is none. */
int64_t protocol_number(const json_t *object, const char *member);
/* A text for people from the other side, made fit to be shown; "" when there is none. */
const char *protocol_reason(const json_t *object, const char *member, char shown[]);

#endif
