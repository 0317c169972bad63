/* The rendezvous' rooms of two: who is in which, who hears what. It knows no network: members are told by a callback, so that it is tested
 * without one.
 *
 * A member hears {"event":"joined","room":"R"} (with "iceServers" where the rendezvous has some: RTCIceServer objects), then
 * {"event":"present","polite":true|false} when both are there (the one who came second is polite), {"event":"left"} when the other went.
 * Any other message is the other member's, brought unchanged. After "left" a member says
 * {"ready":true} before it negotiates again: what it had sent before that belonged to the old call and is dropped. */
#ifndef ROOMS_H
#define ROOMS_H

#include <stdbool.h>
#include <stddef.h>

#define ROOMS_MAX 256            /* rooms at a time */
#define ROOMS_NAME_MAX 64        /* characters of a room's name */
#define ROOMS_MESSAGE_MAX 262144 /* bytes of one message: more than any browser's description */

typedef struct rooms rooms_t;
typedef struct member member_t;

/* Brings `text` to the member whose `user` this is; valid during the call. */
typedef void (*rooms_tell_t)(void *user, const char *text, size_t length);

/* `ice_servers` is a JSON array, copied, or NULL. */
rooms_t *rooms_new(rooms_tell_t tell, const char *ice_servers);
void rooms_free(rooms_t *rooms); /* after every member has left */

/* Letters, digits, '.', '_' and '-', not first '-', ROOMS_NAME_MAX at most. */
bool rooms_name_is_valid(const char *name, size_t length);

/* Enters a room, which is made if need be. NULL when it may not, and `why` (static, JSON) is what to tell the visitor. */
member_t *rooms_join(rooms_t *rooms, const char *name, void *user, const char **why);
void rooms_leave(rooms_t *rooms, member_t *member);
/* Takes a message from a member. False when it is not one (no JSON object, or it poses as the rendezvous): the member should be shown out.
 */
bool rooms_receive(rooms_t *rooms, member_t *member, const char *text, size_t length);

size_t rooms_count(const rooms_t *rooms); /* rooms with somebody in them */

#endif
