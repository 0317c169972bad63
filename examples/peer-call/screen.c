#include "screen.h"

#include "line_editor.h"
#include "picture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define NOTES 4           /* lines of events and chat that stay visible */
#define PANEL (NOTES + 4) /* lines below the picture: meters, two of statistics, notes, what is typed */
#define PICTURE_INTERVAL_US 66000
#define FLUSH_INTERVAL_US 10000
#define PENDING_MAX 262144 /* bytes; a terminal that stands still (Ctrl-S) misses the rest */
#define LINE_SIZE 512

struct screen {
    mainloop_t *loop;
    bool is_live;
    /* Of a live screen: */
    int terminal; /* opened anew and non-blocking, so that a slow terminal costs pictures and not the call */
    struct termios before;
    bool has_before;
    int columns, rows;
    picture_t picture;
    int64_t next_picture_us;
    char notes[NOTES][LINE_SIZE];
    char statistics[LINE_SIZE];
    char typed[LINE_MAX_BYTES + 1];
    double theirs, ours;
    char *pending; /* bytes that the terminal has not taken yet */
    size_t pending_length, pending_offset;
    alarm_clock_t flush_alarm;
};

static void flush(void *user)
{
    screen_t *screen = user;
    while (screen->pending_offset < screen->pending_length) {
        ssize_t written =
            write(screen->terminal, screen->pending + screen->pending_offset, screen->pending_length - screen->pending_offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN) {
            mainloop_set_alarm(screen->loop, &screen->flush_alarm, FLUSH_INTERVAL_US, flush, screen);
            return;
        }
        if (written < 0)
            break; /* the terminal is gone */
        screen->pending_offset += (size_t)written;
    }
    free(screen->pending);
    screen->pending = NULL;
    screen->pending_length = screen->pending_offset = 0;
}

/* Puts text behind what the terminal has not taken yet; takes it over. */
static void show(screen_t *screen, char *text, size_t length)
{
    char *joined = screen->pending_length < PENDING_MAX ? realloc(screen->pending, screen->pending_length + length) : NULL;
    if (joined != NULL) {
        memcpy(joined + screen->pending_length, text, length);
        screen->pending = joined;
        screen->pending_length += length;
    }
    free(text);
    flush(screen);
}

/* How many columns a string takes, counting characters; *bytes is where `columns` of them end. */
static int measure(const char *text, int columns, size_t *bytes)
{
    int width = 0;
    size_t at = 0;
    while (text[at] != '\0' && width < columns) {
        do
            at++;
        while (((unsigned char)text[at] & 0xc0) == 0x80);
        width++;
    }
    *bytes = at;
    return width;
}

static void put_line(screen_t *screen, FILE *out, int row, const char *style, const char *text)
{
    size_t bytes;
    measure(text, screen->columns, &bytes);
    fprintf(out, "\033[%d;1H\033[0m%s%.*s\033[0m\033[K", row, style, (int)bytes, text);
}

static void put_meter(FILE *out, const char *name, double dbfs, int width)
{
    static const char *const parts[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
    double share = (dbfs + 60) / 60; /* -60 dBFS is the left end */
    int eighths = share <= 0 ? 0 : share >= 1 ? width * 8 : (int)(share * width * 8);
    fprintf(out, "%s \033[48;2;40;48;56m", name);
    for (int i = 0; i < width; i++) {
        int part = eighths - i * 8 < 0 ? 0 : eighths - i * 8 > 8 ? 8 : eighths - i * 8;
        fprintf(out, "\033[38;2;%sm%s", i * 10 < width * 8 ? "76;194;165" : "229;160;60", parts[part]);
    }
    fprintf(out, "\033[0m %4.0f dB  ", dbfs < -60 ? -60 : dbfs);
}

/* Two lines, parted where there are two spaces. */
static void put_statistics(screen_t *screen, FILE *out, int row)
{
    char first[LINE_SIZE];
    const char *rest = "";
    memcpy(first, screen->statistics, sizeof first);
    if ((int)strlen(first) > screen->columns) { /* it is ASCII */
        char *gap = first + screen->columns;
        while (gap > first && memcmp(gap, "  ", 2) != 0)
            gap--;
        rest = screen->statistics + (gap - first) + 2;
        *gap = '\0';
    }
    put_line(screen, out, row, "\033[2m", first);
    put_line(screen, out, row + 1, "\033[2m", rest);
}

static void draw_panel(screen_t *screen)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return;
    int row = screen->rows - PANEL + 1, width = (screen->columns - 40) / 2;
    fprintf(out, "\033[%d;1H\033[K", row);
    if (width > 4) {
        put_meter(out, "them", screen->theirs, width);
        put_meter(out, "you", screen->ours, width);
    }
    put_statistics(screen, out, row + 1);
    for (int i = 0; i < NOTES; i++)
        put_line(screen, out, row + 3 + i, "", screen->notes[i]);
    /* The end of what is typed, and the cursor behind it. */
    char prompt[LINE_MAX_BYTES + 8];
    size_t skipped;
    int columns = measure(screen->typed, LINE_MAX_BYTES, &skipped), room = screen->columns - 3;
    measure(screen->typed, columns > room ? columns - room : 0, &skipped);
    snprintf(prompt, sizeof prompt, "› %s", screen->typed + skipped);
    put_line(screen, out, screen->rows, "\033[1m", prompt);
    fprintf(out, "\033[%d;%dH", screen->rows, 3 + (columns > room ? room : columns));
    fclose(out);
    show(screen, text, length);
}

static void measure_window(screen_t *screen)
{
    struct winsize size;
    bool known = ioctl(screen->terminal, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    screen->columns = known ? size.ws_col : 80;
    screen->rows = known ? size.ws_row : 24;
}

static bool take_terminal(screen_t *screen)
{
    const char *name = isatty(STDOUT_FILENO) ? ttyname(STDOUT_FILENO) : NULL;
    screen->terminal = name != NULL ? open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    if (screen->terminal < 0)
        return false;
    if (isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen->before) == 0) {
        struct termios raw = screen->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* Ctrl-C goes on to be a signal */
        screen->has_before = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    measure_window(screen);
    show(screen, strdup("\033[?1049h\033[2J"), 12); /* the alternate screen, cleared */
    return true;
}

screen_t *screen_new(mainloop_t *loop, bool is_live)
{
    screen_t *screen = calloc(1, sizeof *screen);
    if (screen == NULL)
        return NULL;
    screen->loop = loop;
    screen->terminal = -1;
    screen->theirs = screen->ours = -127;
    screen->is_live = is_live && take_terminal(screen);
    if (!screen->is_live)
        setvbuf(stdout, NULL, _IOLBF, 0);
    return screen;
}

void screen_free(screen_t *screen)
{
    if (screen == NULL)
        return;
    mainloop_cancel_alarm(&screen->flush_alarm);
    if (screen->is_live) {
        /* CAN ends a sequence that may have been cut short. Written to the blocking descriptor: this has to arrive. */
        static const char restore[] = "\x18\033[0m\033[?1049l\033[?25h";
        ssize_t written = write(STDOUT_FILENO, restore, sizeof restore - 1);
        (void)written;
        if (screen->has_before)
            tcsetattr(STDIN_FILENO, TCSADRAIN, &screen->before);
        for (int i = 0; i < NOTES; i++)
            if (screen->notes[i][0] != '\0')
                puts(screen->notes[i]);
    }
    if (screen->terminal >= 0)
        close(screen->terminal);
    free(screen->pending);
    free(screen);
}

bool screen_is_live(const screen_t *screen)
{
    return screen->is_live;
}

void screen_note(screen_t *screen, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    make_printable(line);
    if (!screen->is_live) {
        puts(line);
        return;
    }
    memmove(screen->notes[0], screen->notes[1], sizeof screen->notes - sizeof screen->notes[0]);
    memcpy(screen->notes[NOTES - 1], line, sizeof line);
    draw_panel(screen);
}

void screen_statistics(screen_t *screen, const char *line)
{
    if (!screen->is_live) {
        puts(line);
        return;
    }
    snprintf(screen->statistics, sizeof screen->statistics, "%s", line);
    draw_panel(screen);
}

void screen_levels(screen_t *screen, double theirs, double ours)
{
    screen->theirs = theirs;
    screen->ours = ours;
    if (screen->is_live)
        draw_panel(screen);
}

void screen_typed(screen_t *screen, const char *text)
{
    if (!screen->is_live)
        return;
    snprintf(screen->typed, sizeof screen->typed, "%s", text);
    draw_panel(screen);
}

void screen_picture(screen_t *screen, peer_video_frame_t *frame)
{
    if (!screen->is_live || now_us() < screen->next_picture_us || screen->pending != NULL || screen->rows <= PANEL)
        return;
    screen->next_picture_us = now_us() + PICTURE_INTERVAL_US;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return;
    fputs("\0337\033[?25l", out); /* the cursor is put back where the user types */
    picture_draw(&screen->picture, frame, screen->columns, screen->rows - PANEL, out);
    fputs("\0338\033[?25h", out);
    fclose(out);
    show(screen, text, length);
}

void screen_clear_picture(screen_t *screen)
{
    if (!screen->is_live)
        return;
    picture_forget(&screen->picture);
    show(screen, strdup("\033[2J"), 4);
    draw_panel(screen);
}

void screen_resized(screen_t *screen)
{
    if (!screen->is_live)
        return;
    measure_window(screen);
    screen_clear_picture(screen);
}
