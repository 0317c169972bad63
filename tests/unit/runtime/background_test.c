/* Work beside: a process that ends waits for it, as OpenSSL takes itself apart afterwards. */
#include "runtime/loop.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int pipe_ends[2];

static void tell(const char *letter)
{
    CHECK_INT(write(pipe_ends[1], letter, 1), 1);
}

static void work(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL); /* so that the end has begun */
    tell("w");
}

static void late(void)
{
    tell("e");
}

TEST(a_process_ends_after_the_work_that_goes_on_beside)
{
    char text[3] = "";
    int status = 0;
    CHECK_INT(pipe(pipe_ends), 0);
    fflush(NULL); /* the child's end writes out what is left */
    pid_t child = fork();
    if (child == 0) {
        atexit(late); /* handlers run in reverse: after that of the work, and of OpenSSL */
        runtime_in_background(work);
        exit(0);
    }
    CHECK(child > 0);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(pipe_ends[1]);
    CHECK_INT(read(pipe_ends[0], text, 1), 1);
    CHECK_INT(read(pipe_ends[0], text + 1, 1), 1);
    CHECK_TEXT(text, "we");
    close(pipe_ends[0]);
}
