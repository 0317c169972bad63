#include "media/reception.h"

static void restart(media_reception_t *reception, uint16_t sequence_number)
{
    *reception = (media_reception_t){/* One cycle ahead, so that what was reordered before the first packet is not negative. */
                                     .is_started = true,
                                     .base = 0x10000 + (int64_t)sequence_number,
                                     .highest = 0x10000 + (int64_t)sequence_number,
                                     .received = 1};
}

int64_t media_reception_extend(const media_reception_t *reception, uint16_t sequence_number)
{
    return reception->highest + (int16_t)(sequence_number - (uint16_t)reception->highest);
}

media_arrival_t media_reception_input(media_reception_t *reception, uint16_t sequence_number, int64_t *extended)
{
    if (!reception->is_started) {
        restart(reception, sequence_number);
        *extended = reception->highest;
        return MEDIA_ARRIVAL_IN_ORDER;
    }
    uint16_t ahead = (uint16_t)(sequence_number - (uint16_t)reception->highest);
    if (ahead >= MEDIA_DROPOUT_MAX && ahead <= 0x10000 - MEDIA_MISORDER_MAX) {
        /* RFC 3550 A.1: two in a row, and the other side restarted without telling us. */
        bool is_confirmed = reception->has_bad_sequence && reception->bad_sequence == sequence_number;
        reception->has_bad_sequence = true;
        reception->bad_sequence = (uint16_t)(sequence_number + 1);
        if (!is_confirmed)
            return MEDIA_ARRIVAL_IGNORED;
        restart(reception, sequence_number);
        *extended = reception->highest;
        return MEDIA_ARRIVAL_RESTARTED;
    }
    reception->received++;
    *extended = media_reception_extend(reception, sequence_number);
    if (*extended <= reception->highest) {
        if (*extended < reception->base)
            reception->base = *extended; /* reordered before the first one heard */
        return MEDIA_ARRIVAL_LATE;
    }
    reception->highest = *extended;
    return MEDIA_ARRIVAL_IN_ORDER;
}

void media_reception_time(media_reception_t *reception, uint32_t timestamp, peer_time_t now, uint32_t clock_rate)
{
    uint32_t arrival = (uint32_t)((uint64_t)(now / PEER_SECOND) * clock_rate + (uint64_t)(now % PEER_SECOND) * clock_rate / 1000000u);
    uint32_t transit = arrival - timestamp;
    int32_t difference = (int32_t)(transit - reception->transit);
    reception->transit = transit;
    if (!reception->has_transit) {
        reception->has_transit = true;
        return;
    }
    double size = difference < 0 ? -(double)difference : difference;
    /* A timestamp that jumps (a new source, a long pause) says nothing of the network. */
    if (size < 10.0 * clock_rate)
        reception->jitter += (size - reception->jitter) / 16.0;
}

static uint64_t expected(const media_reception_t *reception)
{
    return reception->is_started ? (uint64_t)(reception->highest - reception->base + 1) : 0;
}

int64_t media_reception_lost(const media_reception_t *reception)
{
    return (int64_t)(expected(reception) - reception->received);
}

uint8_t media_reception_fraction(media_reception_t *reception)
{
    uint64_t now_expected = expected(reception);
    int64_t interval = (int64_t)(now_expected - reception->expected_prior);
    int64_t lost = interval - (int64_t)(reception->received - reception->received_prior);
    reception->expected_prior = now_expected;
    reception->received_prior = reception->received;
    return interval <= 0 || lost <= 0 ? 0 : (uint8_t)((lost << 8) / interval > 255 ? 255 : (lost << 8) / interval);
}
