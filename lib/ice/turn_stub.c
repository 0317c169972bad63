#include "ice/agent.h"
turn_t *turn_new(const turn_config_t *config, peer_time_t now)
{
    return NULL;
}
void turn_free(turn_t *turn)
{
}
void turn_close(turn_t *turn, peer_time_t now)
{
}
turn_input_result_t turn_input(turn_t *turn, peer_time_t now, packet_t *packet)
{
    return TURN_INPUT_IGNORED;
}
bool turn_send(turn_t *turn, peer_time_t now, packet_t *packet, const address_t *peer)
{
    return false;
}
void turn_bind_channel(turn_t *turn, peer_time_t now, const address_t *peer)
{
}
bool turn_poll(turn_t *turn, turn_output_t *output)
{
    return false;
}
void turn_timeout(turn_t *turn, peer_time_t now)
{
}
peer_time_t turn_deadline(const turn_t *turn)
{
    return PEER_TIME_NEVER;
}
const turn_counters_t *turn_counters(const turn_t *turn)
{
    static turn_counters_t c;
    return &c;
}
