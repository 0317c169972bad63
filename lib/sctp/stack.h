/* The part of usrsctp that is one for the whole process: its initialisation, its timers, and the way back from its callbacks to an
 * association. usrsctp knows an association by a number only, so a callback that comes late finds nothing, never freed memory.
 *
 * What usrsctp does inside a call of an association's own loop goes straight to that association. What another loop's thread causes (the
 * timers are common) is put into the association's mailbox under the registry's lock, and its loop is woken. */
#ifndef SCTP_STACK_H
#define SCTP_STACK_H

#include "base/packet.h"
#include "base/time.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_TICK_US (10 * PEER_MILLISECOND) /* usrsctp's own timer interval */
#define STACK_MAX_MAIL 256                    /* packets in a mailbox; what comes beyond counts as lost */

typedef struct stack_letter stack_letter_t;

typedef struct stack_member {
    uint32_t id; /* 0: not registered */
    void (*wake)(void *context);
    void *wake_context;
    packet_pool_t *pool;
    packet_queue_t output;   /* packets made inside our own calls, and letters turned into packets */
    unsigned replaced_sacks; /* that the last packet of `output` stands for */
    /* under the registry's lock */
    stack_letter_t *first_letter;
    stack_letter_t *last_letter;
    size_t letter_count;
    atomic_bool has_mail; /* letters, or something to read */
} stack_member_t;

/* False when memory ran out. */
bool stack_join(stack_member_t *member);
/* Afterwards nothing reaches the member and its wake function is not called. */
void stack_leave(stack_member_t *member);

/* Brackets every call into usrsctp; calls may nest. Returns the member that was there before, for stack_exit(). */
stack_member_t *stack_enter(stack_member_t *member);
void stack_exit(stack_member_t *before);

/* Moves usrsctp's clock; at most once in STACK_TICK_US, whoever calls. */
void stack_advance(stack_member_t *member, peer_time_t now);
/* When stack_advance() will next do something. */
peer_time_t stack_next_tick(void);

/* Takes the letters over into `output`. True when there was mail. */
bool stack_collect(stack_member_t *member);
/* Something happened on the socket of this id (usrsctp's upcall). */
void stack_notify(uint32_t id);

#endif
