#include "sctp/stack.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/map.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>
#include <usrsctp.h>

#define CHECKSUM_OFFSET 8 /* RFC 9260 §3.1 */
#define SCTP_COMMON_HEADER_SIZE 12
#define CHUNK_SACK 3
#define CHUNK_NR_SACK 16
#define SACK_SIZE 16
#define NR_SACK_SIZE 20
#define SACK_COUNTS 12 /* of gap blocks and duplicates, and reserved */
#define REPLACED_SACKS_MAX 7
#define MAX_CHUNKS_ON_QUEUE 10240 /* 512 by default: less than a window of 1,200-byte packets */
#define INITIAL_WINDOW_PACKETS 10 /* as TCP's (RFC 6928) */
/* RFC 9260 §6.1 suggests 4: where a SACK stands for a whole run of datagrams each turn of the loop then sends too little to fill one
 * segmented buffer. A run of 38 KB is less than TCP's, and than a link's queue. */
#define MAX_BURST_PACKETS 32
#define DELAYED_SACK_MS 20

struct stack_letter {
    stack_letter_t *next;
    size_t length;
    uint8_t data[];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static map_t registry; /* id -> stack_member_t */
static uint32_t last_id;

static pthread_mutex_t ticker_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic peer_time_t last_tick = PEER_TIME_NEVER;

/* Whose call of usrsctp is running on this thread. */
static _Thread_local stack_member_t *current;

/* RFC 9260 Appendix A: the CRC's bytes go out least significant first. */
static void put_checksum(uint8_t *packet, size_t length)
{
    uint32_t crc = crc32c(0, packet, length);
    packet[CHECKSUM_OFFSET] = (uint8_t)crc;
    packet[CHECKSUM_OFFSET + 1] = (uint8_t)(crc >> 8);
    packet[CHECKSUM_OFFSET + 2] = (uint8_t)(crc >> 16);
    packet[CHECKSUM_OFFSET + 3] = (uint8_t)(crc >> 24);
}

static void mark_mail(stack_member_t *member)
{
    if (!atomic_exchange(&member->has_mail, true) && member->wake != NULL)
        member->wake(member->wake_context);
}

static void post_letter(uint32_t id, const void *data, size_t length)
{
    stack_letter_t *letter = memory_resize(NULL, sizeof *letter + length);
    if (letter == NULL)
        return; /* lost, as on any network */
    letter->next = NULL;
    letter->length = length;
    memcpy(letter->data, data, length);
    pthread_mutex_lock(&registry_lock);
    stack_member_t *member = map_get(&registry, id);
    if (member != NULL && member->letter_count < STACK_MAX_MAIL) {
        if (member->last_letter != NULL)
            member->last_letter->next = letter;
        else
            member->first_letter = letter;
        member->last_letter = letter;
        member->letter_count++;
        mark_mail(member);
        letter = NULL;
    }
    pthread_mutex_unlock(&registry_lock);
    memory_free(letter);
}

/* A packet of one SACK (RFC 9260 §3.3.4) or NR-SACK chunk that reports neither gaps nor duplicates. */
static bool is_plain_sack(const uint8_t *data, size_t length)
{
    static const uint8_t none[8];
    if (length < SCTP_COMMON_HEADER_SIZE + SACK_SIZE)
        return false;
    const uint8_t *chunk = data + SCTP_COMMON_HEADER_SIZE;
    size_t size = chunk[0] == CHUNK_SACK ? SACK_SIZE : chunk[0] == CHUNK_NR_SACK ? NR_SACK_SIZE : 0;
    return size != 0 && length == SCTP_COMMON_HEADER_SIZE + size && bytes_get_u16(chunk + 2) == size &&
           memcmp(chunk + SACK_COUNTS, none, size - SACK_COUNTS) == 0;
}

/* A run of datagrams is read at once, and usrsctp answers every second of them. Of the answers that have not left yet the last says all
 * that those before it said: it takes their place, up to a bound, since the sender's window grows with every SACK. */
static bool replace_sack(stack_member_t *member, const uint8_t *data, size_t length)
{
    packet_t *last = member->output.last;
    if (last == NULL || last->length != length || member->replaced_sacks >= REPLACED_SACKS_MAX || !is_plain_sack(data, length) ||
        !is_plain_sack(last->data, length) || memcmp(last->data, data, CHECKSUM_OFFSET) != 0 /* ports and tag */)
        return false;
    memcpy(last->data, data, length);
    put_checksum(last->data, length);
    member->replaced_sacks++;
    return true;
}

static void output_packet(stack_member_t *member, const void *data, size_t length)
{
    if (replace_sack(member, data, length))
        return;
    member->replaced_sacks = 0;
    packet_t *packet = packet_new_copy(member->pool, data, length);
    if (packet == NULL)
        return;
    put_checksum(packet->data, length);
    packet_queue_push(&member->output, packet);
}

static int on_output(void *address, void *data, size_t length, uint8_t tos, uint8_t set_df)
{
    (void)tos;
    (void)set_df;
    uint32_t id = (uint32_t)(uintptr_t)address;
    if (length < SCTP_COMMON_HEADER_SIZE)
        return 0;
    if (current != NULL && current->id == id)
        output_packet(current, data, length);
    else
        post_letter(id, data, length);
    return 0;
}

static void initialise(void)
{
    usrsctp_init_nothreads(0, on_output, NULL);
    usrsctp_enable_crc32c_offload();
    usrsctp_sysctl_set_sctp_blackhole(2); /* no ABORT to packets that belong to nothing */
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_asconf_enable(0);
    usrsctp_sysctl_set_sctp_auth_enable(0);
    usrsctp_sysctl_set_sctp_pktdrop_enable(0);
    usrsctp_sysctl_set_sctp_pr_enable(1);
    usrsctp_sysctl_set_sctp_reconfig_enable(1);
    usrsctp_sysctl_set_sctp_max_chunks_on_queue(MAX_CHUNKS_ON_QUEUE);
    usrsctp_sysctl_set_sctp_max_retran_chunk(0);        /* no limit: ICE consent decides when a path is dead */
    usrsctp_sysctl_set_sctp_use_cwnd_based_maxburst(0); /* bound the burst, but not by cutting the window for good */
    usrsctp_sysctl_set_sctp_max_burst_default(MAX_BURST_PACKETS);
    usrsctp_sysctl_set_sctp_initial_cwnd(INITIAL_WINDOW_PACKETS);
    usrsctp_sysctl_set_sctp_delayed_sack_time_default(DELAYED_SACK_MS);
    usrsctp_sysctl_set_sctp_inits_include_nat_friendly(0);
    usrsctp_sysctl_set_sctp_vtag_time_wait(0); /* DTLS lets no packet of an old association through to a new one */
}

bool stack_join(stack_member_t *member)
{
    pthread_once(&once, initialise);
    pthread_mutex_lock(&registry_lock);
    do
        last_id++;
    while (last_id == 0 || map_get(&registry, last_id) != NULL);
    uint32_t id = last_id;
    bool joined = map_set(&registry, id, member);
    pthread_mutex_unlock(&registry_lock);
    if (joined)
        member->id = id;
    return joined;
}

void stack_leave(stack_member_t *member)
{
    pthread_mutex_lock(&registry_lock);
    if (member->id != 0)
        map_remove(&registry, member->id);
    if (registry.count == 0) {
        /* Ids are part of the state cookie: a simulation that is repeated in one process gives the same bytes again. What might still come
         * late bears the verification tag of an association that is gone. */
        map_clear(&registry);
        last_id = 0;
    }
    stack_letter_t *letter = member->first_letter;
    member->first_letter = member->last_letter = NULL;
    member->letter_count = 0;
    member->id = 0;
    pthread_mutex_unlock(&registry_lock);
    while (letter != NULL) {
        stack_letter_t *next = letter->next;
        memory_free(letter);
        letter = next;
    }
    packet_queue_clear(&member->output);
}

stack_member_t *stack_enter(stack_member_t *member)
{
    stack_member_t *before = current;
    current = member;
    return before;
}

void stack_exit(stack_member_t *before)
{
    current = before;
}

void stack_advance(stack_member_t *member, peer_time_t now)
{
    peer_time_t last = atomic_load_explicit(&last_tick, memory_order_relaxed);
    if (last <= now && now - last < STACK_TICK_US)
        return;
    /* One thread moves the clock; whoever finds it moving has no need to wait. */
    if (pthread_mutex_trylock(&ticker_lock) != 0)
        return;
    last = atomic_load_explicit(&last_tick, memory_order_relaxed);
    if (last > now) {
        /* The first call, or a clock that starts anew: no time has passed. */
        atomic_store_explicit(&last_tick, now, memory_order_relaxed);
    } else if (now - last >= STACK_TICK_US) {
        peer_time_t elapsed_ms = (now - last) / PEER_MILLISECOND;
        if (elapsed_ms > INT32_MAX)
            elapsed_ms = INT32_MAX;
        atomic_store_explicit(&last_tick, last + (now - last) / PEER_MILLISECOND * PEER_MILLISECOND, memory_order_relaxed);
        stack_member_t *before = stack_enter(member);
        usrsctp_handle_timers((uint32_t)elapsed_ms);
        stack_exit(before);
    }
    pthread_mutex_unlock(&ticker_lock);
}

peer_time_t stack_next_tick(void)
{
    peer_time_t last = atomic_load_explicit(&last_tick, memory_order_relaxed);
    return last == PEER_TIME_NEVER ? 0 : last + STACK_TICK_US;
}

bool stack_collect(stack_member_t *member)
{
    if (!atomic_load(&member->has_mail))
        return false;
    pthread_mutex_lock(&registry_lock);
    atomic_store(&member->has_mail, false);
    stack_letter_t *letter = member->first_letter;
    member->first_letter = member->last_letter = NULL;
    member->letter_count = 0;
    pthread_mutex_unlock(&registry_lock);
    while (letter != NULL) {
        stack_letter_t *next = letter->next;
        output_packet(member, letter->data, letter->length);
        memory_free(letter);
        letter = next;
    }
    return true;
}

void stack_notify(uint32_t id)
{
    if (current != NULL && current->id == id) {
        atomic_store(&current->has_mail, true);
        return;
    }
    pthread_mutex_lock(&registry_lock);
    stack_member_t *member = map_get(&registry, id);
    if (member != NULL)
        mark_mail(member);
    pthread_mutex_unlock(&registry_lock);
}
