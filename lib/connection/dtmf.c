/* RTCDTMFSender (W3C WebRTC §7): the tone buffer of an audio transceiver's sender, and the playout task that takes one tone after the
 * other out of it. How a tone becomes packets is media's affair. */
#include "connection/internal.h"

#include "base/error.h"
#include "rtp/telephone_event.h"

#include <string.h>

#define DURATION_LEAST_MS 40
#define GAP_LEAST_MS 30
#define MOST_MS 6000
#define PAUSE (2 * PEER_SECOND) /* of "," */

static int32_t clamp(int32_t value, int32_t least)
{
    return value < least ? least : value > MOST_MS ? MOST_MS : value;
}

bool is_telephone_event(const jsep_payload_t *payload)
{
    return strcmp(payload->codec->name, RTP_TELEPHONE_EVENT_NAME) == 0;
}

/* RFC 4733 §2.1: best with the clock of the sound. Some offer events with 8,000 Hz only; reports then count by that. */
const jsep_payload_t *event_payload(const jsep_media_t *media, uint32_t clock_rate)
{
    const jsep_payload_t *found = NULL;
    for (size_t i = 0; i < media->send_count; i++) {
        const jsep_payload_t *payload = &media->send[i];
        if (is_telephone_event(payload) && (found == NULL || payload->codec->clock_rate == clock_rate))
            found = payload;
    }
    return found;
}

bool transceiver_can_insert_dtmf(const transceiver_t *transceiver)
{
    const jsep_transceiver_t *jsep = transceiver->jsep;
    if (jsep == NULL || jsep->is_stopping || jsep->is_stopped || jsep->sender_track == NULL || jsep->media == NULL ||
        transceiver->connection->state != CONNECTION_STATE_CONNECTED)
        return false;
    if (jsep->current_direction != SDP_SENDRECV && jsep->current_direction != SDP_SENDONLY)
        return false;
    if (transceiver->sending_count == 0 || transceiver->sendings[0].media == NULL ||
        !sending_is_active(transceiver, &transceiver->sendings[0]))
        return false;
    return event_payload(jsep->media, 0) != NULL;
}

static void follow_deadline(connection_t *connection)
{
    connection->dtmf_at = PEER_TIME_NEVER;
    for (size_t i = 0; i < connection->transceiver_count; i++)
        if (connection->transceivers[i]->dtmf.is_scheduled)
            connection->dtmf_at = time_earlier(connection->dtmf_at, connection->transceivers[i]->dtmf.task_at);
}

static void schedule(dtmf_t *dtmf, peer_time_t when)
{
    dtmf->is_scheduled = true;
    dtmf->task_at = when;
}

static bool is_tone(char tone)
{
    return tone == ',' || rtp_telephone_event_code(tone) >= 0;
}

int transceiver_insert_dtmf(transceiver_t *transceiver, peer_time_t now, const char *tones, int32_t duration_ms, int32_t gap_ms)
{
    dtmf_t *dtmf = &transceiver->dtmf;
    if (!transceiver_can_insert_dtmf(transceiver))
        return error_set(PEER_ERROR_INVALID_STATE, "no DTMF can be sent: not connected, not sending, or not negotiated");
    for (size_t i = 0; tones[i] != '\0'; i++)
        if (!is_tone(tones[i]))
            return error_set(PEER_ERROR_INVALID_CHARACTER, "byte %zu of the tones is none of 0 to 9, A to D, #, * and ','", i);
    char *copy = memory_string(tones);
    if (copy == NULL)
        return error_no_memory();
    for (char *tone = copy; *tone != '\0'; tone++)
        *tone = *tone == ',' ? ',' : rtp_telephone_event_tone((uint8_t)rtp_telephone_event_code(*tone));
    memory_free(dtmf->tones);
    dtmf->tones = copy;
    dtmf->next = copy;
    dtmf->duration_ms = clamp(duration_ms, DURATION_LEAST_MS);
    dtmf->gap_ms = clamp(gap_ms, GAP_LEAST_MS);
    if (*dtmf->next == '\0' || dtmf->is_scheduled)
        return 0; /* a task that waits finds them */
    transceiver->connection->now = now;
    schedule(dtmf, now);
    follow_deadline(transceiver->connection);
    return 0;
}

const char *transceiver_tone_buffer(const transceiver_t *transceiver)
{
    return transceiver->dtmf.next != NULL ? transceiver->dtmf.next : "";
}

static void tell(transceiver_t *transceiver, const char *tone)
{
    connection_event_t *event = event_transceiver(transceiver->connection, CONNECTION_EVENT_TONE_CHANGE, transceiver);
    if (event == NULL)
        return;
    event->tone.text[0] = *tone;
}

/* W3C §7.2 "DTMF playout task steps" */
static void play_next(transceiver_t *transceiver, peer_time_t now)
{
    dtmf_t *dtmf = &transceiver->dtmf;
    dtmf->is_scheduled = false;
    if (!transceiver_can_insert_dtmf(transceiver))
        return;
    if (*dtmf->next == '\0') {
        tell(transceiver, "");
        return;
    }
    const char *tone = dtmf->next++;
    if (*tone == ',') {
        schedule(dtmf, now + PAUSE);
    } else {
        peer_time_t duration = dtmf->duration_ms * PEER_MILLISECOND;
        media_sender_play_event(transceiver->sendings[0].media, now, (uint8_t)rtp_telephone_event_code(*tone), duration);
        schedule(dtmf, now + duration + dtmf->gap_ms * PEER_MILLISECOND);
    }
    tell(transceiver, tone);
}

void dtmf_timeout(connection_t *connection, peer_time_t now)
{
    for (size_t i = 0; i < connection->transceiver_count; i++) {
        dtmf_t *dtmf = &connection->transceivers[i]->dtmf;
        if (dtmf->is_scheduled && now >= dtmf->task_at)
            play_next(connection->transceivers[i], now);
    }
    follow_deadline(connection);
}
