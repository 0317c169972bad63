/* Tells the peer when its packets arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01), so that it can estimate what the path
 * carries. */
#include "media/session.h"

#define INTERVAL (100 * PEER_MILLISECOND)
#define PENDING_MAX 200 /* more than this is told at once */
#define BATCH 100       /* of one message */
#define TICK_US 250
#define REFERENCE_TICKS 256 /* 64 ms */
#define DELTA_MAX 0x7fff

void media_transport_feedback_note(media_session_t *session, peer_time_t now, uint32_t ssrc, uint16_t sequence_number)
{
    cc_arrivals_add(&session->arrivals, now, sequence_number);
    session->feedback_ssrc = ssrc;
    if (session->next_transport_feedback == PEER_TIME_NEVER)
        session->next_transport_feedback = now + INTERVAL;
    if (cc_arrivals_pending(&session->arrivals) >= PENDING_MAX)
        session->next_transport_feedback = now;
}

/* One message about `arrivals` from `start` on; returns how many it tells of. Times too far apart for a delta begin another message. */
static size_t send_message(media_session_t *session, const cc_arrival_t *arrivals, size_t count)
{
    rtcp_transport_cc_packet_t packets[BATCH];
    int64_t reference = 0, last = 0;
    bool has_reference = false;
    size_t told = 0;
    for (; told < count; told++) {
        packets[told] =
            (rtcp_transport_cc_packet_t){.sequence_number = arrivals[told].sequence_number, .is_received = arrivals[told].is_received};
        if (!arrivals[told].is_received)
            continue;
        int64_t ticks = arrivals[told].time / TICK_US;
        if (!has_reference) {
            has_reference = true;
            reference = ticks / REFERENCE_TICKS;
            last = reference * REFERENCE_TICKS;
        }
        if (ticks - last > DELTA_MAX || last - ticks > DELTA_MAX)
            break;
        packets[told].delta = (int32_t)(ticks - last);
        last = ticks;
    }
    writer_t writer;
    if (has_reference && media_rtcp_feedback(session, 20 + 2 * BATCH + 2 * (BATCH / 7 + 1) + 4, &writer)) {
        rtcp_write_transport_cc(&writer, media_session_speaker(session), session->feedback_ssrc, (int32_t)(reference & 0xffffff),
                                session->transport_feedback_count++, packets, told);
        media_rtcp_feedback_done(session, &writer);
    }
    return told;
}

void media_transport_feedback_send(media_session_t *session)
{
    cc_arrival_t arrivals[BATCH];
    size_t count;
    session->next_transport_feedback = PEER_TIME_NEVER;
    while ((count = cc_arrivals_take(&session->arrivals, arrivals, BATCH)) != 0)
        for (size_t done = 0; done < count;)
            done += send_message(session, arrivals + done, count - done);
}
