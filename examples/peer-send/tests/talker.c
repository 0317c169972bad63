/* The other side of a transfer with a will of its own, for the tests: it proves that it knows the code, and then says what the test tells
 * it to, and shows what it hears.
 *
 *   talker send|receive CODE ws://HOST:PORT
 *   talker make NUMBER CODE    prints a code with that number (1000 to 9999) that is not this one
 *
 * Lines of the standard input: a JSON text is sent as it is; "bytes N X" sends N bytes of the letter X in messages; "wait TYPE" waits for a
 * message of that type. Lines of the standard output: what came, texts as they are, "bytes N" for the rest. It ends when
 * the other side gives up or goes. */
#include "meeting.h"
#include "protocol.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct talker {
    mainloop_t *loop;
    conduit_t *conduit;
    meeting_t *meeting;
    int ended; /* an eventfd */
    int status;
} talker_t;

/* Shows the next message. True when it is of this type. */
static bool hear(talker_t *talker, const char *wanted, bool *is_broken)
{
    const char *type = "bytes";
    message_t *message = conduit_read(talker->conduit, true);
    *is_broken = message == NULL;
    if (message == NULL)
        return false;
    json_t *object = message->is_text ? protocol_parse(message, &type) : NULL;
    if (message->is_text)
        printf("%s\n", message->bytes);
    else
        printf("bytes %zu\n", message->length);
    fflush(stdout);
    bool is_wanted = strcmp(type, wanted) == 0;
    *is_broken = strcmp(type, "abort") == 0; /* the other side waits until it is heard */
    json_decref(object);
    free(message);
    return is_wanted;
}

static void send_bytes(talker_t *talker, long long count, char letter)
{
    static char bytes[CONDUIT_CHUNK];
    memset(bytes, letter, sizeof bytes);
    for (long long length; count > 0; count -= length) {
        length = count < CONDUIT_CHUNK ? count : CONDUIT_CHUNK;
        if (!conduit_write(talker->conduit, bytes, (size_t)length, false))
            return;
    }
}

static void *talk(void *user)
{
    talker_t *talker = user;
    static char line[300000];
    bool is_broken = !conduit_wait(talker->conduit, 0);
    while (!is_broken && fgets(line, sizeof line, stdin) != NULL) {
        long long count;
        char word[100];
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "bytes %lld %1s", &count, word) == 2)
            send_bytes(talker, count, word[0]);
        else if (sscanf(line, "wait %99s", word) == 1)
            while (!is_broken && !hear(talker, word, &is_broken))
                continue;
        else
            conduit_write(talker->conduit, line, strlen(line), true);
    }
    while (!is_broken)
        hear(talker, "", &is_broken);
    eventfd_write(talker->ended, 1);
    return NULL;
}

static bool on_ended(void *user)
{
    talker_t *talker = user;
    eventfd_t count;
    if (eventfd_read(talker->ended, &count) == 0)
        meeting_leave(talker->meeting); /* so that the other side hears of it */
    return true;
}

static void on_code(void *user, const code_t *code)
{
    fprintf(stderr, "in the room %s\n", code->room);
}

static void on_link(void *user, const char *path)
{
    fprintf(stderr, "proven\n");
}

static void on_note(void *user, const char *text)
{
    fprintf(stderr, "%s\n", text);
}

static void on_broken(void *user)
{
    fprintf(stderr, "broken\n");
}

static void on_failed(void *user, int status, const char *text)
{
    talker_t *talker = user;
    talker->status = status;
    fprintf(stderr, "%s\n", text);
    conduit_end(talker->conduit);
    meeting_leave(talker->meeting);
}

static void on_left(void *user)
{
    talker_t *talker = user;
    mainloop_stop(talker->loop);
}

static int make_code(const char *number, const char *other)
{
    code_t code;
    do {
        if (!code_make(&code))
            return STATUS_USAGE;
    } while (strncmp(code.text, number, 4) != 0 || strcmp(code.text, other) == 0);
    puts(code.text);
    return STATUS_DONE;
}

int main(int count, char **arguments)
{
    static const meeting_events_t events = {on_code, on_link, on_note, on_broken, on_failed, on_left};
    static network_t network;
    if (count == 4 && strcmp(arguments[1], "make") == 0)
        return make_code(arguments[2], arguments[3]);
    talker_t talker = {.loop = mainloop_new(), .conduit = conduit_new(), .ended = eventfd(0, EFD_NONBLOCK)};
    pthread_t thread;
    meeting_settings_t settings = {.network = &network, .loop = talker.loop, .conduit = talker.conduit};
    if (count != 4 || !code_parse(&settings.code, arguments[2]) || !network_parse_url(&network, arguments[3], false))
        return STATUS_USAGE;
    settings.is_sender = strcmp(arguments[1], "send") == 0;
    talker.meeting = meeting_new(&settings, &events, &talker);
    if (talker.meeting == NULL || !mainloop_watch(talker.loop, talker.ended, on_ended, &talker) ||
        pthread_create(&thread, NULL, talk, &talker) != 0)
        return STATUS_NOT_CONNECTED;
    mainloop_run(talker.loop);
    fflush(stdout);
    _exit(talker.status); /* the thread may be reading */
}
