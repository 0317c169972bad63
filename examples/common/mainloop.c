#include "mainloop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* libwebsockets sizes its tables by this: a rendezvous takes no more clients than rooms.h allows, and the rest is a handful. */
#define MAINLOOP_DESCRIPTORS 1024

typedef struct watch {
    struct watch *next;
    bool (*readable)(void *user);
    void *user;
    struct lws *wsi;
} watch_t;

struct mainloop {
    struct lws_context *context;
    struct lws_vhost *vhost; /* of the watched descriptors; it listens to nothing */
    watch_t *watches;
    int signals;
    void (*on_signal)(int signal, void *user);
    void *on_signal_user;
    bool is_stopped;
};

static int on_descriptor(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in, size_t length)
{
    watch_t *watch = lws_get_opaque_user_data(wsi);
    if (watch == NULL)
        return 0;
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        return watch->readable(watch->user) ? 0 : -1;
    if (reason == LWS_CALLBACK_RAW_CLOSE_FILE)
        watch->wsi = NULL;
    return 0;
}

static const struct lws_protocols descriptor_protocols[] = {{.name = "descriptor", .callback = on_descriptor}, {0}};

static bool read_signals(void *user)
{
    mainloop_t *loop = user;
    struct signalfd_siginfo info;
    while (read(loop->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (loop->on_signal != NULL)
            loop->on_signal((int)info.ssi_signo, loop->on_signal_user);
        else if (info.ssi_signo != SIGWINCH)
            mainloop_stop(loop);
    }
    return true;
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGWINCH);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

mainloop_t *mainloop_new(void)
{
    mainloop_t *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    lws_set_log_level(getenv("PEER_CALL_LWS") != NULL ? LLL_ERR | LLL_WARN | LLL_NOTICE | LLL_INFO : 0, NULL);
    loop->signals = open_signals();
    struct lws_context_creation_info info = {0};
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.fd_limit_per_thread = MAINLOOP_DESCRIPTORS;
    info.user = loop;
    loop->context = lws_create_context(&info);
    if (loop->context != NULL) {
        info.vhost_name = "descriptors";
        info.protocols = descriptor_protocols;
        loop->vhost = lws_create_vhost(loop->context, &info);
    }
    if (loop->vhost == NULL || loop->signals < 0 || !mainloop_watch(loop, loop->signals, read_signals, loop)) {
        fprintf(stderr, "%s: the event loop cannot be made (%s): is the limit of open files (ulimit -n) very low?\n",
                program_invocation_short_name, strerror(errno));
        mainloop_free(loop);
        return NULL;
    }
    return loop;
}

void mainloop_free(mainloop_t *loop)
{
    if (loop == NULL)
        return;
    if (loop->context != NULL)
        lws_context_destroy(loop->context);
    for (watch_t *watch = loop->watches, *next; watch != NULL; watch = next) {
        next = watch->next;
        free(watch);
    }
    if (loop->signals >= 0)
        close(loop->signals);
    free(loop);
}

struct lws_context *mainloop_context(mainloop_t *loop)
{
    return loop->context;
}

bool mainloop_watch(mainloop_t *loop, int descriptor, bool (*readable)(void *user), void *user)
{
    watch_t *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return false;
    watch->readable = readable;
    watch->user = user;
    /* libwebsockets closes what it adopts, and makes it non-blocking, which a terminal shares with the shell: that is put back. */
    int flags = fcntl(descriptor, F_GETFL);
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    if (flags < 0 || copy < 0) {
        free(watch);
        return false;
    }
    lws_adopt_desc_t adopt = {
        .vh = loop->vhost, .type = LWS_ADOPT_RAW_FILE_DESC, .fd.filefd = copy, .vh_prot_name = "descriptor", .opaque = watch};
    watch->wsi = lws_adopt_descriptor_vhost_via_info(&adopt);
    fcntl(descriptor, F_SETFL, flags);
    if (watch->wsi == NULL) {
        free(watch);
        return false;
    }
    watch->next = loop->watches;
    loop->watches = watch;
    return true;
}

void mainloop_on_signal(mainloop_t *loop, void (*arrived)(int signal, void *user), void *user)
{
    loop->on_signal = arrived;
    loop->on_signal_user = user;
}

static void ring(lws_sorted_usec_list_t *entry)
{
    alarm_clock_t *alarm = (alarm_clock_t *)entry;
    alarm->ring(alarm->user);
}

void mainloop_set_alarm(mainloop_t *loop, alarm_clock_t *alarm, int64_t microseconds, void (*called)(void *user), void *user)
{
    alarm->ring = called;
    alarm->user = user;
    lws_sul_schedule(loop->context, 0, &alarm->entry, ring, microseconds);
}

void mainloop_cancel_alarm(alarm_clock_t *alarm)
{
    lws_sul_cancel(&alarm->entry);
}

void mainloop_run(mainloop_t *loop)
{
    loop->is_stopped = false;
    while (!loop->is_stopped && lws_service(loop->context, 0) >= 0)
        continue;
}

void mainloop_stop(mainloop_t *loop)
{
    loop->is_stopped = true;
    lws_cancel_service(loop->context);
}

int64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}
