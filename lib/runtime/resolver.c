#include "runtime/resolver.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/mdns.h"
#include "runtime/sockaddr.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 256     /* different names waiting; more are answered with failure */
#define TARGETS_MAX 4096 /* requests waiting for one name */
#define IDLE_SECONDS 10  /* then the thread ends */

typedef struct target {
    uint32_t entry;
    uint32_t request;
} target_t;

typedef struct job {
    struct job *next;
    target_t *targets;
    size_t target_count;
    size_t target_capacity;
    address_t addresses[RESOLVER_ADDRESSES_MAX];
    size_t address_count;
    char name[OUTPUT_NAME_SIZE];
} job_t;

/* Shared by the loop and the thread; whoever leaves last frees it. */
struct resolver {
    pthread_mutex_t mutex; /* taken inside the loop's lock, never the other way round */
    pthread_cond_t has_jobs;
    job_t *waiting;
    job_t *working; /* what the thread looks up now */
    job_t *answered;
    size_t count;
    atomic_bool has_answers;
    bool has_thread;
    bool has_loop;
    int wake_fd; /* the loop's; open while has_loop */
};

static void free_jobs(job_t *job)
{
    while (job != NULL) {
        job_t *next = job->next;
        memory_free(job->targets);
        memory_free(job);
        job = next;
    }
}

static void free_resolver(resolver_t *resolver)
{
    free_jobs(resolver->waiting);
    free_jobs(resolver->answered);
    pthread_cond_destroy(&resolver->has_jobs);
    pthread_mutex_destroy(&resolver->mutex);
    memory_free(resolver);
}

static resolver_t *new_resolver(loop_t *loop)
{
    resolver_t *resolver = MEMORY_NEW(resolver_t);
    if (resolver == NULL)
        return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&resolver->has_jobs, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&resolver->mutex, NULL);
    atomic_init(&resolver->has_answers, false);
    resolver->has_loop = true;
    resolver->wake_fd = loop->event_fd;
    return resolver;
}

static void add_address(job_t *job, const struct sockaddr *sockaddr)
{
    address_t address;
    if (job->address_count == RESOLVER_ADDRESSES_MAX || !sockaddr_to_address(sockaddr, &address))
        return;
    for (size_t i = 0; i < job->address_count; i++)
        if (address_equal(&job->addresses[i], &address))
            return;
    job->addresses[job->address_count++] = address;
}

static void look_up(job_t *job)
{
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    int error = getaddrinfo(job->name, NULL, &hints, &found);
    if (error != 0) {
        LOG_INFO("runtime", 0, "%s does not resolve: %s", job->name, gai_strerror(error));
        return;
    }
    for (const struct addrinfo *item = found; item != NULL; item = item->ai_next)
        add_address(job, item->ai_addr);
    freeaddrinfo(found);
}

/* Waits for a job or the end; false when idle for long or the loop has gone. */
static bool wait_for_job(resolver_t *resolver)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_SECONDS;
    while (resolver->has_loop && resolver->waiting == NULL)
        if (pthread_cond_timedwait(&resolver->has_jobs, &resolver->mutex, &until) == ETIMEDOUT)
            break;
    return resolver->has_loop && resolver->waiting != NULL;
}

static void give_answer(resolver_t *resolver, job_t *job)
{
    const uint64_t one = 1;
    resolver->working = NULL;
    if (!resolver->has_loop) {
        free_jobs(job);
        return;
    }
    job->next = resolver->answered;
    resolver->answered = job;
    atomic_store(&resolver->has_answers, true);
    ssize_t written = write(resolver->wake_fd, &one, sizeof one);
    (void)written;
}

static void *run_thread(void *argument)
{
    resolver_t *resolver = argument;
    pthread_mutex_lock(&resolver->mutex);
    while (wait_for_job(resolver)) {
        job_t *job = resolver->waiting;
        resolver->waiting = job->next;
        job->next = NULL;
        resolver->working = job;
        pthread_mutex_unlock(&resolver->mutex);
        look_up(job);
        pthread_mutex_lock(&resolver->mutex);
        give_answer(resolver, job);
    }
    resolver->has_thread = false;
    bool is_last = !resolver->has_loop;
    pthread_mutex_unlock(&resolver->mutex);
    if (is_last)
        free_resolver(resolver);
    return NULL;
}

static bool add_target(job_t *job, uint32_t entry, uint32_t request)
{
    if (job->target_count >= TARGETS_MAX ||
        !memory_reserve((void **)&job->targets, &job->target_capacity, job->target_count + 1, sizeof *job->targets))
        return false;
    job->targets[job->target_count++] = (target_t){entry, request};
    return true;
}

static job_t *find_job(resolver_t *resolver, const char *name)
{
    for (job_t *job = resolver->waiting; job != NULL; job = job->next)
        if (text_equal_ignore_case(job->name, name))
            return job;
    if (resolver->working != NULL && text_equal_ignore_case(resolver->working->name, name))
        return resolver->working;
    return NULL;
}

static bool append_job(resolver_t *resolver, const char *name, uint32_t entry, uint32_t request)
{
    job_t **link = &resolver->waiting;
    job_t *job = resolver->count < JOBS_MAX ? MEMORY_NEW(job_t) : NULL;
    if (job == NULL)
        return false;
    snprintf(job->name, sizeof job->name, "%s", name);
    if (!add_target(job, entry, request) || (!resolver->has_thread && runtime_start_thread(run_thread, resolver, NULL) != 0)) {
        free_jobs(job);
        return false;
    }
    resolver->has_thread = true;
    while (*link != NULL)
        link = &(*link)->next;
    *link = job;
    resolver->count++;
    pthread_cond_signal(&resolver->has_jobs);
    return true;
}

static bool ask_system(loop_t *loop, uint32_t entry, uint32_t request, const char *name)
{
    if (loop->resolver == NULL && (loop->resolver = new_resolver(loop)) == NULL)
        return false;
    resolver_t *resolver = loop->resolver;
    pthread_mutex_lock(&resolver->mutex);
    job_t *job = find_job(resolver, name);
    bool is_asked = job != NULL ? add_target(job, entry, request) : append_job(resolver, name, entry, request);
    pthread_mutex_unlock(&resolver->mutex);
    return is_asked;
}

static bool is_local_name(const char *name)
{
    size_t length = strlen(name);
    if (length != 0 && name[length - 1] == '.')
        length--;
    return length > 6 && strncasecmp(name + length - 6, ".local", 6) == 0;
}

void resolver_request(loop_t *loop, loop_entry_t *entry, uint32_t request, const char *name, peer_time_t now)
{
    address_t address;
    if (address_parse(&address, name, 0)) {
        entry->ops->resolved(entry->client, now, request, &address, 1);
        return;
    }
    bool is_asked = is_local_name(name) ? mdns_request(loop, entry->id, request, name, now) : ask_system(loop, entry->id, request, name);
    if (!is_asked)
        entry->ops->resolved(entry->client, now, request, NULL, 0);
}

void resolver_take_answers(loop_t *loop)
{
    resolver_t *resolver = loop->resolver;
    if (resolver == NULL || !atomic_load(&resolver->has_answers))
        return;
    pthread_mutex_lock(&resolver->mutex);
    job_t *answered = resolver->answered;
    resolver->answered = NULL;
    atomic_store(&resolver->has_answers, false);
    for (const job_t *job = answered; job != NULL; job = job->next)
        resolver->count--;
    pthread_mutex_unlock(&resolver->mutex);
    peer_time_t now = runtime_now();
    for (const job_t *job = answered; job != NULL; job = job->next) {
        for (size_t i = 0; i < job->target_count; i++) {
            loop_entry_t *entry = loop_find_entry(loop, job->targets[i].entry);
            if (entry == NULL)
                continue;
            entry->ops->resolved(entry->client, now, job->targets[i].request, job->addresses, job->address_count);
            loop_mark_dirty(loop, entry);
        }
    }
    free_jobs(answered);
}

void resolver_end(resolver_t *resolver)
{
    if (resolver == NULL)
        return;
    pthread_mutex_lock(&resolver->mutex);
    resolver->has_loop = false;
    bool is_last = !resolver->has_thread;
    pthread_cond_signal(&resolver->has_jobs);
    pthread_mutex_unlock(&resolver->mutex);
    if (is_last)
        free_resolver(resolver);
}
