/* Two whole connections in virtual time, and the input as a script of what an attacker on the path and a broken signaling server may do to
 * them: change, drop, repeat and invent datagrams; bring altered descriptions and candidates. Nothing may crash, and nothing but what was
 * sent may be delivered. Making a connected pair is most of a run's time, so a pair that a run left whole serves the next ones too,
 * RUNS_PER_PAIR at most; an input that begins in mid-handshake gets its own. */
#include "sim.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 60
#define KEPT_MAX 16
#define RUNS_PER_PAIR 64

typedef struct kept {
    uint8_t bytes[1500];
    size_t length;
    int to;
} kept_t;

typedef struct attacker {
    sim_t *sim;
    reader_t script;
    kept_t kept[KEPT_MAX]; /* datagrams seen lately */
    unsigned seen;
    unsigned to_mangle; /* datagrams from now on */
    uint8_t how, value;
    uint16_t at;
} attacker_t;

static uint8_t next_u8(attacker_t *attacker)
{
    uint8_t value = 0;
    reader_u8(&attacker->script, &value);
    return value;
}

static uint16_t next_u16(attacker_t *attacker)
{
    uint16_t value = 0;
    reader_u16(&attacker->script, &value);
    return value;
}

static void change(attacker_t *attacker, uint8_t *bytes, size_t *length)
{
    if (*length == 0)
        return;
    switch (attacker->how % 4) {
    case 0:
        bytes[attacker->at % *length] ^= attacker->value | 1;
        break;
    case 1:
        *length = attacker->at % *length;
        break;
    case 2:
        bytes[attacker->at % 16 % *length] = attacker->value; /* the headers are where it matters */
        break;
    default:
        memset(bytes + attacker->at % *length, attacker->value, *length - attacker->at % *length);
        break;
    }
}

static bool mangle(void *context, packet_t *packet)
{
    attacker_t *attacker = context;
    if (packet->length <= sizeof attacker->kept[0].bytes) {
        kept_t *kept = &attacker->kept[attacker->seen++ % KEPT_MAX];
        memcpy(kept->bytes, packet->data, packet->length);
        kept->length = packet->length;
        address_t first = sim_address(sim_peer(attacker->sim, 0));
        kept->to = address_equal(&packet->path.local, &first) ? 0 : 1;
    }
    if (attacker->to_mangle == 0)
        return true;
    attacker->to_mangle--;
    if ((attacker->how & 0x80) != 0)
        return false;
    size_t length = packet->length;
    change(attacker, packet->data, &length);
    packet->length = length;
    return true;
}

static void inject(attacker_t *attacker, bool is_forged_address)
{
    uint8_t head[4] = {next_u8(attacker), next_u8(attacker), next_u8(attacker), next_u8(attacker)};
    sim_peer_t *to = sim_peer(attacker->sim, head[0] & 1);
    address_t from = is_forged_address ? address_ipv4(198, 51, 100, head[1], 4000) : sim_address(sim_peer(attacker->sim, 1 - to->index));
    size_t length = head[2] < reader_left(&attacker->script) ? head[2] : reader_left(&attacker->script);
    const uint8_t *bytes = reader_bytes(&attacker->script, length);
    if (bytes != NULL)
        sim_inject(to, &from, bytes, length);
}

static void repeat(attacker_t *attacker)
{
    kept_t kept = attacker->kept[next_u8(attacker) % KEPT_MAX];
    attacker->how = next_u8(attacker);
    attacker->value = next_u8(attacker);
    attacker->at = next_u16(attacker);
    if ((attacker->how & 0x40) == 0)
        change(attacker, kept.bytes, &kept.length);
    sim_peer_t *to = sim_peer(attacker->sim, (attacker->how & 0x20) != 0 ? 1 - kept.to : kept.to);
    address_t from = sim_address(sim_peer(attacker->sim, 1 - to->index));
    sim_inject(to, &from, kept.bytes, kept.length);
}

/* A description of the other side with some octets changed or lines lost. What is accepted is rolled back or (then the run ends) answered.
 */
static bool bring_description(attacker_t *attacker)
{
    uint8_t how = next_u8(attacker);
    sim_peer_t *to = sim_peer(attacker->sim, how & 1), *from = sim_peer(attacker->sim, 1 - to->index);
    char *sdp = NULL;
    if (connection_create_offer(from->connection, sim_now(attacker->sim), NULL, &sdp) < 0)
        return true;
    size_t length = strlen(sdp);
    for (unsigned changes = how >> 4; changes > 0; changes--) {
        size_t at = next_u16(attacker) % length;
        uint8_t value = next_u8(attacker);
        if (value < 128 && value != 0) {
            sdp[at] = (char)value;
        } else { /* a line goes */
            char *begin = sdp + at;
            while (begin > sdp && begin[-1] != '\n')
                begin--;
            char *end = begin + strcspn(begin, "\n") + 1;
            memmove(begin, end, strlen(end) + 1);
            length = strlen(sdp);
            if (length == 0)
                break;
        }
    }
    connection_sdp_type_t type = (how & 8) != 0 ? CONNECTION_ANSWER : CONNECTION_OFFER;
    int result = connection_set_remote_description(to->connection, sim_now(attacker->sim), type, sdp);
    memory_free(sdp);
    if (result < 0 && *peer_last_error_message() == '\0')
        abort();
    if (result < 0 || type != CONNECTION_OFFER)
        return true;
    if ((how & 2) == 0) {
        if (connection_set_remote_description(to->connection, sim_now(attacker->sim), CONNECTION_ROLLBACK, "") < 0)
            abort();
        return true;
    }
    connection_set_local_description_implicitly(to->connection, sim_now(attacker->sim));
    return false;
}

static void bring_candidate(attacker_t *attacker)
{
    char text[256];
    uint8_t how = next_u8(attacker);
    size_t length = next_u8(attacker) % 200;
    if (length > reader_left(&attacker->script))
        length = reader_left(&attacker->script);
    const uint8_t *bytes = reader_bytes(&attacker->script, length);
    if (bytes == NULL)
        return;
    size_t begin = (how & 2) != 0 ? (size_t)(strcpy(text, "candidate:1 1 udp 1 "), 20) : 0;
    memcpy(text + begin, bytes, length);
    text[begin + length] = '\0';
    connection_add_ice_candidate(sim_peer(attacker->sim, how & 1)->connection, sim_now(attacker->sim), text, (how & 4) != 0 ? NULL : "0",
                                 (how & 8) != 0 ? 0 : -1, NULL);
}

static bool step(attacker_t *attacker)
{
    uint8_t what = next_u8(attacker);
    switch (what % 10) {
    case 0:
    case 1:
        sim_run(attacker->sim, sim_now(attacker->sim) + (peer_time_t)(what / 2 + 1) * PEER_MILLISECOND, NULL);
        break;
    case 2:
        inject(attacker, false);
        break;
    case 3:
        inject(attacker, true);
        break;
    case 4:
    case 5:
        attacker->to_mangle = 1u + what / 10;
        attacker->how = next_u8(attacker);
        attacker->value = next_u8(attacker);
        attacker->at = next_u16(attacker);
        break;
    case 6:
    case 7:
        repeat(attacker);
        break;
    case 8:
        return bring_description(attacker);
    default:
        bring_candidate(attacker);
        break;
    }
    return true;
}

static sim_t *new_pair(bool is_unordered)
{
    sim_t *sim = sim_new(&(sim_options_t){.seed = 1, .is_disturbed = true, .link = {.delay_us = 5000}, .signaling_delay_us = 1000});
    for (int i = 0; i < 2; i++) {
        sim_add_media(sim_peer(sim, i), true, true);
        sim_add_data(sim_peer(sim, i), is_unordered, 50, 400);
    }
    return sim;
}

static void check(sim_t *sim)
{
    for (int i = 0; i < 2; i++) {
        const sim_received_t *received = &sim_peer(sim, i)->received;
        if (received->video_bad + received->audio_bad + received->messages_bad > 0 || received->messages > 50)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static attacker_t attacker;
    static sim_t *kept;
    static int runs;
    if (size < 2)
        return 0;
    bool is_in_handshake = (data[0] & 2) != 0; /* from the first datagram on, and not only once connected */
    if (kept == NULL && !is_in_handshake) {
        kept = new_pair(runs % 2 == 0);
        if (!sim_run(kept, 10 * PEER_SECOND, sim_is_connected))
            abort();
    }
    sim_t *sim = is_in_handshake ? new_pair((data[0] & 1) != 0) : kept;
    memset(&attacker, 0, sizeof attacker);
    attacker.sim = sim;
    reader_init(&attacker.script, data + 1, size - 1);
    network_set_mangle(sim_network(sim), mangle, &attacker);
    if (is_in_handshake)
        sim_run(sim, PEER_SECOND + (data[0] >> 2) * PEER_MILLISECOND, NULL);
    bool goes_on = true;
    for (int i = 0; i < STEPS_MAX && goes_on && reader_left(&attacker.script) > 0; i++)
        goes_on = step(&attacker);
    attacker.to_mangle = 0;
    if (goes_on)
        sim_run(sim, sim_now(sim) + 50 * PEER_MILLISECOND, NULL);
    check(sim);
    if (is_in_handshake || !goes_on || !sim_is_connected(sim) || ++runs % RUNS_PER_PAIR == 0) {
        sim_free(sim);
        if (!is_in_handshake)
            kept = NULL;
    }
    return 0;
}
