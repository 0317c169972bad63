/* What goes through the relay: Send and Data indications (RFC 8656 §11) and ChannelData (§12.4–12.7), wrapped and unwrapped in place. */
#include "ice/turn_private.h"

#include <string.h>

static size_t padding_of(size_t length)
{
    return (4 - length % 4) % 4;
}

/* Room for `head` octets before the packet's bytes and `tail` behind them; the bytes move when only the tail has it. */
static bool make_room(packet_t *packet, size_t head, size_t tail)
{
    size_t headroom = packet_headroom(packet);
    if (headroom < head) {
        size_t missing = head - headroom;
        if (packet_tailroom(packet) < missing + tail)
            return false;
        memmove(packet->data + missing, packet->data, packet->length);
        packet->data += missing;
    }
    return packet_tailroom(packet) >= tail;
}

static void push(packet_t *packet, size_t head, size_t padding)
{
    memset(packet->data + packet->length, 0, padding);
    packet->data -= head;
    packet->length += head + padding;
}

static bool wrap_channel(const turn_t *turn, packet_t *packet, uint16_t number)
{
    size_t length = packet->length, padding = turn->is_reliable ? padding_of(length) : 0; /* §12.5 */
    if (length > UINT16_MAX || !make_room(packet, TURN_CHANNEL_HEADER, padding))
        return false;
    push(packet, TURN_CHANNEL_HEADER, padding);
    bytes_put_u16(packet->data, number);
    bytes_put_u16(packet->data + 2, (uint16_t)length);
    return true;
}

static bool wrap_indication(turn_t *turn, packet_t *packet, const address_t *peer)
{
    uint8_t head[STUN_HEADER_SIZE + 24 + 4], id[STUN_TRANSACTION_ID_SIZE];
    size_t length = packet->length, padding = padding_of(length);
    random_fill(&turn->random, id, sizeof id);
    stun_builder_t builder;
    stun_build_begin(&builder, head, sizeof head, STUN_INDICATION, STUN_SEND, id);
    stun_build_xor_address(&builder, STUN_XOR_PEER_ADDRESS, peer);
    size_t size = stun_build_end(&builder) + 4; /* with the header of DATA */
    if (length + padding + size > UINT16_MAX || !make_room(packet, size, padding))
        return false;
    push(packet, size, padding);
    memcpy(packet->data, head, size - 4);
    bytes_put_u16(packet->data + 2, (uint16_t)(packet->length - STUN_HEADER_SIZE));
    bytes_put_u16(packet->data + size - 4, STUN_DATA_ATTRIBUTE);
    bytes_put_u16(packet->data + size - 2, (uint16_t)length);
    return true;
}

bool turn_send(turn_t *turn, peer_time_t now, packet_t *packet, const address_t *peer)
{
    if (turn->state != TURN_ALLOCATED)
        return false;
    bool is_wrapped;
    turn_channel_t *channel = turn_channel_find(turn, peer);
    if (channel != NULL && channel->state == TURN_CHANNEL_BOUND) {
        is_wrapped = wrap_channel(turn, packet, channel->number);
        turn_channel_use(turn, now, channel);
    } else {
        if (turn_relayed(turn, (address_family_t)peer->family) == NULL || !turn_permission_need(turn, now, peer))
            return false;
        if (channel != NULL)
            turn_bind_channel(turn, now, peer); /* one that failed for now, or ended as nobody used it */
        is_wrapped = wrap_indication(turn, packet, peer);
        turn_settle(turn);
    }
    packet->path = turn->path;
    return is_wrapped;
}

/* The packet's bytes are now what the peer sent. */
static turn_input_result_t deliver(const turn_t *turn, packet_t *packet, size_t offset, size_t length, const address_t *peer)
{
    packet->data += offset;
    packet->length = length;
    packet->path.local = *turn_relayed(turn, (address_family_t)peer->family);
    packet->path.remote = *peer;
    return TURN_INPUT_DATA;
}

turn_input_result_t turn_data_channel(turn_t *turn, peer_time_t now, packet_t *packet)
{
    if (turn->state != TURN_ALLOCATED)
        return TURN_INPUT_IGNORED;
    size_t length = bytes_get_u16(packet->data + 2);
    turn_channel_t *channel = turn_channel_find_number(turn, bytes_get_u16(packet->data));
    if (channel == NULL || (channel->state != TURN_CHANNEL_BOUND && channel->state != TURN_CHANNEL_BINDING) ||
        packet->length < TURN_CHANNEL_HEADER + length) { /* what is behind it is padding (§12.6) */
        turn->counters.dropped++;
        return TURN_INPUT_CONSUMED;
    }
    turn_channel_use(turn, now, channel);
    return deliver(turn, packet, TURN_CHANNEL_HEADER, length, &channel->peer);
}

turn_input_result_t turn_data_indication(turn_t *turn, peer_time_t now, packet_t *packet, const stun_message_t *message)
{
    if (turn->state != TURN_ALLOCATED)
        return TURN_INPUT_IGNORED;
    address_t peer;
    const uint8_t *data;
    size_t length;
    if (stun_has(message, STUN_ICMP)) /* §11.5: ICE has better signs of a dead path than what anybody may send */
        return TURN_INPUT_CONSUMED;
    /* §11.4: only from whom we asked for */
    if (!stun_get_xor_address(message, STUN_XOR_PEER_ADDRESS, &peer) || !ice_address_is_usable(&peer) ||
        !stun_get_bytes(message, STUN_DATA_ATTRIBUTE, &data, &length) || turn_relayed(turn, (address_family_t)peer.family) == NULL ||
        !turn_permission_covers(turn, now, &peer)) {
        turn->counters.dropped++;
        return TURN_INPUT_CONSUMED;
    }
    turn_settle(turn);
    return deliver(turn, packet, (size_t)(data - packet->data), length, &peer);
}
