/* The search for the largest packet a path carries (RFC 8899 §5), by probes that carry no data: a lost one costs nothing but itself. */
#include "sctp/path_mtu.h"

#include <string.h>

#define ATTEMPTS 3                      /* MAX_PROBES (RFC 8899 §5.1.2) */
#define GRANULARITY 4                   /* bytes that are not worth a probe; chunks are padded to as much (RFC 9260 §3.2) */
#define RAISE_AFTER (600 * PEER_SECOND) /* PMTU_RAISE_TIMER */
#define SEARCH_AFTER_BLACK_HOLE (2 * PEER_SECOND)
#define LOSSES_OF_BLACK_HOLE 4
#define LOSSES_OF_DOUBT 2 /* then a probe of the size in use asks whether it still passes */
#define DIVISIONS 4       /* parts into which the gap is cut at once */
#define LEAST_TIMEOUT (50 * PEER_MILLISECOND)
#define MOST_TIMEOUT (2 * PEER_SECOND)
#define UNKNOWN_TIMEOUT (500 * PEER_MILLISECOND)

/* IP packets that links and tunnels commonly carry: loopback's comes with `most`. 1,280: IPv6's least; 1,420: WireGuard; 1,492: PPPoE. */
static const size_t common_sizes[] = {9000, 1500, 1492, 1420, 1400, 1280};
#define COMMON_COUNT (sizeof common_sizes / sizeof common_sizes[0])

void path_mtu_init(path_mtu_t *path, peer_time_t now, size_t base, size_t most, size_t overhead)
{
    memset(path, 0, sizeof *path);
    path->last_id = (uint32_t)now; /* so that answers to an older path's probes do not count */
    path->base = path->proven = base;
    path->most = most > base ? most : base;
    path->refused = path->most + 1;
    path->overhead = overhead;
    path->next_search = now;
    path->retransmission = UNKNOWN_TIMEOUT;
}

static bool is_open(const path_mtu_t *path, size_t size)
{
    return size > path->proven && size < path->refused;
}

static bool is_probed(const path_mtu_t *path, size_t size)
{
    for (size_t i = 0; i < PATH_MTU_PROBES; i++)
        if (path->probes[i].size == size)
            return true;
    return false;
}

static bool is_any_probed(const path_mtu_t *path)
{
    for (size_t i = 0; i < PATH_MTU_PROBES; i++)
        if (path->probes[i].size != 0)
            return true;
    return false;
}

static void add_probe(path_mtu_t *path, size_t size)
{
    if (is_probed(path, size))
        return;
    for (size_t i = 0; i < PATH_MTU_PROBES; i++) {
        if (path->probes[i].size == 0) {
            path->probes[i] = (path_mtu_probe_t){.size = size, .is_due = true};
            return;
        }
    }
}

/* The common sizes and the most; 0: index beyond them. */
static size_t candidate(const path_mtu_t *path, size_t index)
{
    if (index == 0)
        return path->most;
    size_t size = common_sizes[index - 1];
    return size > path->overhead ? size - path->overhead : 0;
}

static bool is_common(const path_mtu_t *path, size_t size)
{
    for (size_t i = 0; i <= COMMON_COUNT; i++)
        if (candidate(path, i) == size)
            return true;
    return false;
}

/* Which sizes to ask for next; none left: the search is over. */
static void plan(path_mtu_t *path, peer_time_t now)
{
    if (!path->is_searching || is_any_probed(path))
        return;
    for (size_t i = 0; i <= COMMON_COUNT; i++)
        if (is_open(path, candidate(path, i)))
            add_probe(path, candidate(path, i));
    if (is_any_probed(path))
        return;
    size_t gap = path->refused - path->proven;
    if (gap <= GRANULARITY) {
        path->is_searching = false;
        path->next_search = now + RAISE_AFTER;
    } else if (is_common(path, path->proven) || gap <= 2 * GRANULARITY) {
        add_probe(path, path->proven + GRANULARITY); /* as a rule a link of a common size is just that */
    } else {
        for (size_t i = 1; i < DIVISIONS; i++)
            add_probe(path, path->proven + gap * i / DIVISIONS);
    }
}

void path_mtu_start(path_mtu_t *path, peer_time_t now, peer_time_t rtt)
{
    if (rtt > 0) {
        path->retransmission = 2 * rtt > LEAST_TIMEOUT ? 2 * rtt : LEAST_TIMEOUT;
        path->retransmission = time_earlier(path->retransmission, MOST_TIMEOUT);
    }
    path->is_started = true;
    if (path->is_searching || path->most == path->base || now < path->next_search)
        return;
    path->is_searching = true;
    path->refused = path->most + 1;
    plan(path, now);
}

bool path_mtu_next_probe(path_mtu_t *path, peer_time_t now, size_t *size, uint32_t *id)
{
    for (size_t i = 0; i < PATH_MTU_PROBES; i++) {
        path_mtu_probe_t *probe = &path->probes[i];
        if (probe->size == 0 || !probe->is_due)
            continue;
        probe->is_due = false;
        probe->attempt++;
        probe->sent = now;
        path->last_id = path->last_id == UINT32_MAX ? 1 : path->last_id + 1;
        probe->id = path->last_id;
        path->history[probe->id % PATH_MTU_HISTORY].id = probe->id;
        path->history[probe->id % PATH_MTU_HISTORY].size = probe->size;
        *size = probe->size;
        *id = probe->id;
        return true;
    }
    return false;
}

/* Probes whose answer is known by now are given up: what is no larger than proven, or no smaller than refused. */
static void sweep(path_mtu_t *path)
{
    for (size_t i = 0; i < PATH_MTU_PROBES; i++)
        if (path->probes[i].size != path->proven && !is_open(path, path->probes[i].size))
            path->probes[i].size = 0;
}

bool path_mtu_on_probe_acknowledged(path_mtu_t *path, peer_time_t now, uint32_t id)
{
    if (id == 0 || path->history[id % PATH_MTU_HISTORY].id != id)
        return false;
    size_t size = path->history[id % PATH_MTU_HISTORY].size;
    path->history[id % PATH_MTU_HISTORY].id = 0;
    if (size == path->proven && size > path->base)
        path->losses_in_row = 0;
    bool is_larger = size > path->proven;
    if (is_larger) {
        path->proven = size;
        if (path->refused <= size) { /* its answer was only late */
            path->refused = path->most + 1;
            path->is_searching = true;
        }
    }
    for (size_t i = 0; i < PATH_MTU_PROBES; i++)
        if (path->probes[i].size == size)
            path->probes[i].size = 0;
    sweep(path);
    plan(path, now);
    return is_larger;
}

void path_mtu_on_acknowledged(path_mtu_t *path, size_t size)
{
    if (size > path->base)
        path->losses_in_row = 0;
}

bool path_mtu_on_lost(path_mtu_t *path, peer_time_t now, size_t size)
{
    if (path->proven == path->base || size <= path->base)
        return false;
    if (++path->losses_in_row < LOSSES_OF_BLACK_HOLE) {
        if (path->losses_in_row >= LOSSES_OF_DOUBT)
            add_probe(path, path->proven);
        return false;
    }
    path->losses_in_row = 0;
    path->proven = path->base;
    path->refused = path->most + 1;
    path->is_searching = false;
    memset(path->probes, 0, sizeof path->probes);
    memset(path->history, 0, sizeof path->history);
    path->next_search = now + SEARCH_AFTER_BLACK_HOLE;
    return true;
}

void path_mtu_timeout(path_mtu_t *path, peer_time_t now)
{
    if (path->is_started && !path->is_searching && path->next_search <= now)
        path_mtu_start(path, now, 0);
    for (size_t i = 0; i < PATH_MTU_PROBES; i++) {
        path_mtu_probe_t *probe = &path->probes[i];
        if (probe->size == 0 || probe->is_due || now < probe->sent + path->retransmission)
            continue;
        if (probe->attempt < ATTEMPTS) {
            probe->is_due = true;
            continue;
        }
        if (is_open(path, probe->size))
            path->refused = probe->size;
        probe->size = 0;
    }
    sweep(path);
    plan(path, now);
}

peer_time_t path_mtu_deadline(const path_mtu_t *path)
{
    bool is_waiting = path->is_started && !path->is_searching && path->most > path->base;
    peer_time_t deadline = is_waiting ? path->next_search : PEER_TIME_NEVER;
    for (size_t i = 0; i < PATH_MTU_PROBES; i++) {
        const path_mtu_probe_t *probe = &path->probes[i];
        if (probe->size != 0)
            deadline = time_earlier(deadline, probe->is_due ? 0 : probe->sent + path->retransmission);
    }
    return deadline;
}
