/* Statistics of data: the association (which webrtc-stats does not know) and W3C RTCDataChannelStats. */
#include "connection/stats_visit.h"

static const char *channel_state_name(sctp_channel_state_t state)
{
    static const char *const names[] = {"connecting", "open", "closing", "closed"};
    return names[state];
}

static void visit_channel(const visit_t *visit, const sctp_channel_t *channel)
{
    char id[STATS_ID_SIZE];
    sctp_channel_stats_t stats = sctp_channel_stats(channel);
    stats_id(visit, id, "D", sctp_channel_number(channel));
    stats_begin(visit, "data-channel", id);
    visit->to->text(visit->to->context, "label", sctp_channel_label(channel)); /* an empty one is one */
    visit->to->text(visit->to->context, "protocol", sctp_channel_protocol(channel));
    if (sctp_channel_id(channel) >= 0)
        stats_integer(visit, "dataChannelIdentifier", (uint64_t)sctp_channel_id(channel));
    stats_text(visit, "state", channel_state_name(sctp_channel_state(channel)));
    stats_integer(visit, "messagesSent", stats.messages_sent);
    stats_integer(visit, "bytesSent", stats.bytes_sent);
    stats_integer(visit, "messagesReceived", stats.messages_received);
    stats_integer(visit, "bytesReceived", stats.bytes_received);
    stats_end(visit);
}

static void visit_association(const visit_t *visit, sctp_t *sctp)
{
    sctp_stats_t stats;
    char id[STATS_ID_SIZE];
    sctp_stats_get(sctp, &stats);
    stats_id_named(visit, id, "S", "0");
    stats_begin(visit, "sctp-transport", id);
    stats_text(visit, "transportId", visit->transport);
    if (stats.rtt_us > 0)
        stats_number(visit, "smoothedRoundTripTime", stats.rtt_us / 1e6);
    stats_integer(visit, "congestionWindow", stats.congestion_window);
    stats_integer(visit, "receiverWindow", stats.receiver_window);
    stats_integer(visit, "mtu", stats.mtu);
    stats_integer(visit, "unackData", stats.unacked_chunks);
    stats_end(visit);
}

void stats_visit_data(const visit_t *visit)
{
    sctp_t *sctp = transport_sctp(visit->connection->transport);
    if (sctp_state(sctp) == SCTP_STATE_CONNECTED)
        visit_association(visit, sctp);
    for (sctp_channel_t *channel = sctp_next_channel(sctp, NULL); channel != NULL; channel = sctp_next_channel(sctp, channel))
        visit_channel(visit, channel);
}
