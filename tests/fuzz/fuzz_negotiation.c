/* A connected pair in virtual time that gets altered descriptions and candidates in every signaling state. Nothing may crash; what is
 * refused, or taken and rolled back, has changed nothing: a good negotiation works afterwards, and data and media still flow. When an
 * altered answer is taken, or an altered offer answered, the two no longer agree, and the pair is given up.
 *
 * An input is two octets that say what is done, a number of edits of three octets each, and text. The text is a description of somebody
 * else, or what the edits put into a real one; lines of it that begin with "candidate:" are trickled. Making a pair is most of a run's
 * time, so one that is as it was serves the next runs, too. */
#include "sim.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"
#include "send_copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#define HEAD 3 /* what, how, number of edits */
#define EDIT_SIZE 3
#define EDITS_MAX 8
#define RUNS_PER_PAIR 200
#define RUNS_PER_CHECK 10 /* of media */
#define LINES_MAX 2000
#define SETTLE (300 * PEER_MILLISECOND)

enum { STABLE, HAVE_LOCAL_OFFER, HAVE_REMOTE_OFFER, HAVE_REMOTE_PRANSWER }; /* what->state */

typedef struct what {
    int side; /* that gets the altered description */
    connection_sdp_type_t type;
    int state;        /* that it is in then */
    bool is_foreign;  /* the text as it is, else a real description with edits */
    bool is_answered; /* if it can be; else it is rolled back */
    bool is_new;      /* a pair that has not negotiated yet */
    bool is_candidate_first;
    const uint8_t *edits;
    size_t edit_count;
    const char *text;
    size_t text_length;
} what_t;

static _Noreturn void fail(const char *why)
{
    fprintf(stderr, "%s: %s\n", why, peer_last_error_message());
    abort();
}

static bool parse(const uint8_t *data, size_t size, what_t *what)
{
    static const connection_sdp_type_t types[] = {CONNECTION_OFFER, CONNECTION_ANSWER, CONNECTION_PRANSWER, CONNECTION_OFFER};
    if (size < HEAD)
        return false;
    size_t edits = data[2] % (EDITS_MAX + 1);
    if (size < HEAD + edits * EDIT_SIZE)
        return false;
    *what = (what_t){.side = data[0] & 1,
                     .type = types[data[0] >> 1 & 3],
                     .state = data[0] >> 3 & 3,
                     .is_foreign = (data[0] & 0x20) != 0,
                     .is_answered = (data[0] & 0xc0) == 0xc0, /* seldom: it costs a pair */
                     .is_new = (data[1] & 7) == 7,
                     .is_candidate_first = (data[1] & 8) != 0,
                     .edits = data + HEAD,
                     .edit_count = edits,
                     .text = (const char *)data + HEAD + edits * EDIT_SIZE,
                     .text_length = size - HEAD - edits * EDIT_SIZE};
    return true;
}

/* ---- text ---- */

typedef struct lines {
    const char *begin[LINES_MAX];
    size_t length[LINES_MAX]; /* the end of the line included */
    size_t count;
} lines_t;

static void split(const char *text, size_t length, lines_t *lines)
{
    lines->count = 0;
    for (size_t at = 0; at < length && lines->count < LINES_MAX;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t taken = end != NULL ? (size_t)(end - text) - at + 1 : length - at;
        lines->begin[lines->count] = text + at;
        lines->length[lines->count++] = taken;
        at += taken;
    }
}

static void insert_line(lines_t *lines, size_t at, const char *begin, size_t length)
{
    if (lines->count >= LINES_MAX)
        return;
    memmove(&lines->begin[at + 1], &lines->begin[at], (lines->count - at) * sizeof *lines->begin);
    memmove(&lines->length[at + 1], &lines->length[at], (lines->count - at) * sizeof *lines->length);
    lines->begin[at] = begin;
    lines->length[at] = length;
    lines->count++;
}

static void remove_line(lines_t *lines, size_t at)
{
    memmove(&lines->begin[at], &lines->begin[at + 1], (lines->count - at - 1) * sizeof *lines->begin);
    memmove(&lines->length[at], &lines->length[at + 1], (lines->count - at - 1) * sizeof *lines->length);
    lines->count--;
}

static void swap_lines(lines_t *lines, size_t a, size_t b)
{
    const char *begin = lines->begin[a];
    size_t length = lines->length[a];
    lines->begin[a] = lines->begin[b];
    lines->length[a] = lines->length[b];
    lines->begin[b] = begin;
    lines->length[b] = length;
}

static void edit(lines_t *lines, const uint8_t *edit, const lines_t *source)
{
    if (lines->count == 0)
        return;
    size_t at = edit[1] % lines->count, other = edit[2];
    switch (edit[0] % 5) {
    case 0:
        remove_line(lines, at);
        break;
    case 1:
        insert_line(lines, at, lines->begin[other % lines->count], lines->length[other % lines->count]);
        break;
    case 2:
        swap_lines(lines, at, other % lines->count);
        break;
    case 3:
        if (source->count > 0)
            insert_line(lines, at, source->begin[other % source->count], source->length[other % source->count]);
        break;
    default:
        if (source->count == 0)
            break;
        lines->begin[at] = source->begin[other % source->count];
        lines->length[at] = source->length[other % source->count];
        break;
    }
}

/* The real description with the edits; or the text alone. */
static char *alter(const what_t *what, const char *real)
{
    static lines_t lines, source;
    split(what->text, what->text_length, &source);
    split(real, strlen(real), &lines);
    if (what->is_foreign)
        lines = source;
    for (size_t i = 0; i < what->edit_count; i++)
        edit(&lines, what->edits + i * EDIT_SIZE, &source);
    size_t length = 0;
    for (size_t i = 0; i < lines.count; i++)
        length += lines.length[i];
    char *text = malloc(length + 1);
    length = 0;
    for (size_t i = 0; i < lines.count; i++) {
        if (lines.length[i] >= 10 && memcmp(lines.begin[i], "candidate:", 10) == 0)
            continue;
        memcpy(text + length, lines.begin[i], lines.length[i]);
        length += lines.length[i];
    }
    text[length] = '\0';
    return text;
}

/* ---- the pair ---- */

static connection_t *connection(sim_t *sim, int side)
{
    return sim_peer(sim, side)->connection;
}

static char *local(sim_t *sim, int side)
{
    connection_sdp_type_t type;
    char *sdp = NULL;
    if (connection_local_description(connection(sim, side), &type, &sdp) <= 0)
        fail("no local description");
    return sdp;
}

static void must(int result, const char *why)
{
    if (result < 0)
        fail(why);
}

static void make_local(sim_t *sim, int side)
{
    must(connection_set_local_description_implicitly(connection(sim, side), sim_now(sim)), "a local description");
}

static int give(sim_t *sim, int side, connection_sdp_type_t type, const char *sdp)
{
    int result = connection_set_remote_description(connection(sim, side), sim_now(sim), type, sdp);
    if (result < 0 && *peer_last_error_message() == '\0')
        fail("refused without a word");
    return result;
}

static void pass(sim_t *sim, int from, connection_sdp_type_t type)
{
    char *sdp = local(sim, from);
    must(give(sim, 1 - from, type, sdp), "a good description is refused");
    memory_free(sdp);
}

static void negotiate(sim_t *sim, int offerer)
{
    make_local(sim, offerer);
    pass(sim, offerer, CONNECTION_OFFER);
    make_local(sim, 1 - offerer);
    pass(sim, 1 - offerer, CONNECTION_ANSWER);
    for (int side = 0; side < 2; side++)
        if (connection_signaling_state(connection(sim, side)) != CONNECTION_STABLE)
            fail("not stable");
}

static sim_t *new_pair(void)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 1, .is_manual = true, .link = {.delay_us = 2000}});
    for (int side = 0; side < 2; side++) {
        sim_add_media(sim_peer(sim, side), true, true);
        sim_add_data(sim_peer(sim, side), false, 0, 0);
        sim_peer(sim, side)->video_size = 100;
    }
    return sim;
}

static sim_t *new_connected_pair(void)
{
    sim_t *sim = new_pair();
    negotiate(sim, 0);
    sim_run(sim, sim_now(sim) + 20 * PEER_MILLISECOND, NULL); /* both have gathered: now the descriptions have the candidates */
    negotiate(sim, 1);
    negotiate(sim, 0);
    if (!sim_run(sim, sim_now(sim) + 10 * PEER_SECOND, sim_is_connected))
        fail("not connected");
    sim_run(sim, sim_now(sim) + SETTLE, NULL);
    return sim;
}

static void check_data(sim_t *sim)
{
    uint64_t before[2] = {sim_peer(sim, 0)->received.messages, sim_peer(sim, 1)->received.messages};
    for (int side = 0; side < 2; side++) {
        uint8_t message[8];
        bytes_put_u64(message, before[1 - side] % SIM_MESSAGES_MAX);
        must(send_copy(sim_peer(sim, side)->channel, sim_now(sim), message, sizeof message, false), "a message");
    }
    sim_run(sim, sim_now(sim) + 20 * PEER_MILLISECOND, NULL);
    for (int side = 0; side < 2; side++)
        if (sim_peer(sim, side)->received.messages != before[side] + 1)
            fail("data do not flow any more");
}

static void check_media(sim_t *sim)
{
    sim_received_t before[2] = {sim_peer(sim, 0)->received, sim_peer(sim, 1)->received};
    sim_run(sim, sim_now(sim) + SETTLE, NULL);
    for (int side = 0; side < 2; side++) {
        const sim_received_t *after = &sim_peer(sim, side)->received;
        if (after->video_frames <= before[side].video_frames + 4 || after->audio_frames <= before[side].audio_frames + 6)
            fail("media do not flow any more");
        if (after->video_bad + after->audio_bad > 0)
            fail("a frame came out damaged");
    }
}

/* ---- what is done ---- */

static void trickle(sim_t *sim, const what_t *what)
{
    static lines_t lines;
    char text[512];
    split(what->text, what->text_length, &lines);
    for (size_t i = 0; i < lines.count; i++) {
        size_t length = lines.length[i];
        if (length < 10 || length >= sizeof text || memcmp(lines.begin[i], "candidate:", 10) != 0)
            continue;
        while (length > 0 && (lines.begin[i][length - 1] == '\n' || lines.begin[i][length - 1] == '\r'))
            length--;
        memcpy(text, lines.begin[i], length);
        text[length] = '\0';
        int result = connection_add_ice_candidate(connection(sim, what->side), sim_now(sim), text, (i & 1) != 0 ? "0" : NULL,
                                                  (i & 1) != 0 ? -1 : 0, NULL);
        if (result < 0 && *peer_last_error_message() == '\0')
            fail("a candidate is refused without a word");
    }
}

static void roll_back(sim_t *sim, int side)
{
    int32_t state = connection_signaling_state(connection(sim, side));
    if (state == CONNECTION_HAVE_LOCAL_OFFER || state == CONNECTION_HAVE_REMOTE_OFFER)
        must(connection_set_remote_description(connection(sim, side), sim_now(sim), CONNECTION_ROLLBACK, NULL), "a rollback");
}

/* True while the two agree. */
static bool finish(sim_t *sim, const what_t *what, int result)
{
    int side = what->side;
    int32_t state = connection_signaling_state(connection(sim, side));
    if (result == 0 && what->type == CONNECTION_ANSWER)
        return false;
    if (result == 0 && what->type == CONNECTION_PRANSWER)
        return false;
    if (result == 0 && what->type == CONNECTION_OFFER && what->is_answered) {
        connection_set_local_description_implicitly(connection(sim, side), sim_now(sim));
        return false;
    }
    if (result == 0)
        roll_back(sim, side);
    else if (state == CONNECTION_HAVE_LOCAL_OFFER && what->type != CONNECTION_OFFER) { /* refused: the good one is taken */
        make_local(sim, 1 - side);
        pass(sim, 1 - side, CONNECTION_ANSWER);
    } else if (state == CONNECTION_HAVE_REMOTE_PRANSWER) {
        make_local(sim, 1 - side);
        pass(sim, 1 - side, CONNECTION_ANSWER);
    }
    roll_back(sim, side);
    roll_back(sim, 1 - side);
    return true;
}

/* The state is reached with good descriptions; `real` is what would be right now. */
static char *reach(sim_t *sim, const what_t *what)
{
    int side = what->side, other = 1 - side;
    char *offer = NULL;
    if (what->state == HAVE_REMOTE_OFFER || what->state == STABLE) {
        make_local(sim, other);
        if (what->state == HAVE_REMOTE_OFFER)
            pass(sim, other, CONNECTION_OFFER);
        return local(sim, other);
    }
    make_local(sim, side);
    offer = local(sim, side);
    must(give(sim, other, CONNECTION_OFFER, offer), "a good offer is refused");
    memory_free(offer);
    char *answer = NULL;
    must(connection_create_answer(connection(sim, other), sim_now(sim), &answer), "an answer");
    if (what->state == HAVE_REMOTE_PRANSWER) {
        must(connection_set_local_description(connection(sim, other), sim_now(sim), CONNECTION_PRANSWER, answer), "a provisional answer");
        must(give(sim, side, CONNECTION_PRANSWER, answer), "a good provisional answer is refused");
    }
    return answer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sim_t *kept;
    static int runs;
    what_t what;
    if (!parse(data, size, &what))
        return 0;
    if (kept == NULL && !what.is_new)
        kept = new_connected_pair();
    sim_t *sim = what.is_new ? new_pair() : kept;
    char *real = reach(sim, &what);
    char *altered = alter(&what, real);
    if (what.is_candidate_first)
        trickle(sim, &what);
    int result = give(sim, what.side, what.type, altered);
    if (!what.is_candidate_first)
        trickle(sim, &what);
    sim_run(sim, sim_now(sim) + 5 * PEER_MILLISECOND, NULL);
    bool do_agree = finish(sim, &what, result);
    free(altered);
    memory_free(real);
    if (do_agree)
        negotiate(sim, what.side);
    sim_run(sim, sim_now(sim) + 5 * PEER_MILLISECOND, NULL);
    if (do_agree && !what.is_new)
        check_data(sim);
    if (do_agree && !what.is_new && runs % RUNS_PER_CHECK == 0) /* it takes longer than all the rest; a single run has it */
        check_media(sim);
    if (what.is_new || !do_agree || ++runs % RUNS_PER_PAIR == 0) {
        sim_close(sim_peer(sim, what.side));
        sim_run(sim, sim_now(sim) + 5 * PEER_MILLISECOND, NULL);
        sim_free(sim);
        if (!what.is_new)
            kept = NULL;
    }
    return 0;
}

/* ---- mutation by lines and words ---- */

static const char *const dictionary[] = {"m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\n",
                                         "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n",
                                         "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n",
                                         "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
                                         "a=mid:0\r\n",
                                         "a=mid:1\r\n",
                                         "a=mid:2\r\n",
                                         "a=mid:9\r\n",
                                         "a=sendrecv\r\n",
                                         "a=sendonly\r\n",
                                         "a=recvonly\r\n",
                                         "a=inactive\r\n",
                                         "a=bundle-only\r\n",
                                         "a=group:BUNDLE 0 1 2\r\n",
                                         "a=group:BUNDLE 2 1\r\n",
                                         "a=rtcp-mux\r\n",
                                         "a=rtcp-rsize\r\n",
                                         "a=setup:actpass\r\n",
                                         "a=setup:active\r\n",
                                         "a=setup:passive\r\n",
                                         "a=setup:holdconn\r\n",
                                         "a=rtpmap:96 VP8/90000\r\n",
                                         "a=rtpmap:96 VP9/90000\r\n",
                                         "a=rtpmap:111 opus/48000/2\r\n",
                                         "a=rtpmap:97 rtx/90000\r\n",
                                         "a=fmtp:97 apt=96\r\n",
                                         "a=fmtp:97 apt=97\r\n",
                                         "a=msid:s t\r\n",
                                         "a=msid:- t\r\n",
                                         "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
                                         "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n",
                                         "a=extmap-allow-mixed\r\n",
                                         "a=ice-lite\r\n",
                                         "a=ice-ufrag:abcd\r\n",
                                         "a=ice-pwd:0123456789012345678901\r\n",
                                         "a=ice-options:trickle\r\n",
                                         "a=end-of-candidates\r\n",
                                         "a=rid:a send\r\n",
                                         "a=rid:b recv\r\n",
                                         "a=simulcast:send a;b\r\n",
                                         "a=simulcast:recv a;b\r\n",
                                         "a=rid:a recv pt=96;max-width=640;max-pps=1000000\r\n",
                                         "a=imageattr:* recv [x=[48:1280],y=[48:720],q=1.0]\r\n",
                                         "a=imageattr:96 send * recv [x=640,y=480,sar=1.1] [x=[16:320],y=[16:240],q=0.3]\r\n",
                                         "a=ssrc:1 cname:c\r\n",
                                         "a=ssrc-group:FID 1 2\r\n",
                                         "a=sctp-port:5000\r\n",
                                         "a=max-message-size:0\r\n",
                                         "a=dcmap:0 label=\"x\"\r\n",
                                         "a=rtcp-fb:96 nack pli\r\n",
                                         "a=rtcp-fb:* transport-cc\r\n",
                                         "b=AS:30\r\n",
                                         "candidate:1 1 udp 2130706431 192.0.2.77 7000 typ host\r\n",
                                         "candidate:2 1 tcp 1 192.0.2.78 9 typ host tcptype active\r\n",
                                         "candidate:3 1 udp 1 x.local 7001 typ host ufrag abcd\r\n",
                                         "candidate:4 2 udp 99 2001:db8::7 7002 typ srflx raddr 0.0.0.0 rport 9\r\n"};

static uint32_t dice;

static uint32_t roll(size_t limit)
{
    dice = dice * 1664525u + 1013904223u;
    return limit > 0 ? (uint32_t)((dice >> 8) % limit) : 0;
}

/* A word of one line comes into the place of one of another. */
static size_t replace_word(lines_t *lines, char *out, size_t max)
{
    size_t at = roll(lines->count), from = roll(lines->count), length = 0;
    const char *line = lines->begin[at], *other = lines->begin[from];
    size_t begin = roll(lines->length[at]), source = roll(lines->length[from]);
    while (begin > 0 && strchr(" :=;/", line[begin - 1]) == NULL)
        begin--;
    while (source > 0 && strchr(" :=;/", other[source - 1]) == NULL)
        source--;
    size_t end = begin, source_end = source;
    while (end < lines->length[at] && strchr(" :=;/\r\n", line[end]) == NULL)
        end++;
    while (source_end < lines->length[from] && strchr(" :=;/\r\n", other[source_end]) == NULL)
        source_end++;
    for (size_t i = 0; i < lines->count; i++) {
        bool is_it = i == at;
        size_t head = is_it ? begin : lines->length[i], word = is_it ? source_end - source : 0, tail = is_it ? lines->length[i] - end : 0;
        if (length + head + word + tail > max)
            break;
        memcpy(out + length, lines->begin[i], head);
        memcpy(out + length + head, other + source, word);
        memcpy(out + length + head + word, lines->begin[i] + end, tail);
        length += head + word + tail;
    }
    return length;
}

static size_t mutate_text(const char *text, size_t length, char *out, size_t max)
{
    static lines_t lines;
    split(text, length, &lines);
    size_t size = 0;
    const char *word = dictionary[roll(sizeof dictionary / sizeof *dictionary)];
    if (lines.count == 0)
        insert_line(&lines, 0, word, strlen(word));
    size_t other = roll(lines.count);
    switch (roll(6)) {
    case 0:
        remove_line(&lines, roll(lines.count));
        break;
    case 1:
        insert_line(&lines, roll(lines.count), lines.begin[other], lines.length[other]);
        break;
    case 2:
        swap_lines(&lines, roll(lines.count), roll(lines.count));
        break;
    case 3:
        insert_line(&lines, roll(lines.count + 1), word, strlen(word));
        break;
    case 4:
        lines.begin[other] = word;
        lines.length[other] = strlen(word);
        break;
    default:
        return replace_word(&lines, out, max);
    }
    for (size_t i = 0; i < lines.count && size + lines.length[i] <= max; i++) {
        memcpy(out + size, lines.begin[i], lines.length[i]);
        size += lines.length[i];
    }
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    static char out[1 << 17];
    what_t what;
    dice = seed;
    if (!parse(data, size, &what) || roll(8) == 0 || max_size > sizeof out)
        return LLVMFuzzerMutate(data, size, max_size);
    size_t head = (size_t)((const uint8_t *)what.text - data);
    if (roll(3) == 0) { /* what is done */
        data[roll(head)] = (uint8_t)roll(256);
        return size;
    }
    if (roll(3) == 0 && what.edit_count < EDITS_MAX && size + EDIT_SIZE <= max_size) { /* one edit more */
        memmove(data + head + EDIT_SIZE, data + head, size - head);
        for (size_t i = 0; i < EDIT_SIZE; i++)
            data[head + i] = (uint8_t)roll(256);
        data[2] = (uint8_t)(what.edit_count + 1);
        return size + EDIT_SIZE;
    }
    size_t length = mutate_text(what.text, what.text_length, out, max_size - head);
    memcpy(data + head, out, length);
    return head + length;
}
