/* The names of types and behaviours, and what they mean in words. */
#include "nat/nat.h"

#define WORD_OF(words, value) ((size_t)(value) < sizeof(words) / sizeof *(words) ? (words)[value] : "")

const char *nat_type_name(nat_type_t type)
{
    static const char *const names[NAT_TYPE_COUNT] = {
        "", "open", "full-cone", "address-restricted-cone", "port-restricted-cone", "symmetric", "udp-blocked", "firewalled"};
    return WORD_OF(names, type);
}

const char *nat_behaviour_name(nat_behaviour_t behaviour)
{
    static const char *const names[] = {"", "endpoint-independent", "address-dependent", "address-and-port-dependent"};
    return WORD_OF(names, behaviour);
}

const char *nat_turn_name(nat_turn_t turn)
{
    static const char *const names[] = {"", "seldom", "sometimes", "often", "always"};
    return WORD_OF(names, turn);
}

const char *nat_type_meaning(nat_type_t type)
{
    static const char *const meanings[NAT_TYPE_COUNT] = {
        "The servers did not tell enough to name the type.",
        "This host has a public address of its own, and nothing is kept out: whoever sends to it reaches it.",
        "A NAT gives each local port one public address, and lets in whatever comes to it, from anybody.",
        "A NAT gives each local port one public address, and lets in only what comes from hosts that were sent to, from any port of "
        "theirs.",
        "A NAT gives each local port one public address, and lets in only what comes from an address and port that were sent to.",
        "A NAT gives a local port another public address for each destination: the address that a STUN server sees is not the one that a "
        "peer would have to send to.",
        "No answer came from any server: UDP does not leave this network, or does not come back. (Or no server is there: ask another to be "
        "sure.)",
        "This host has a public address of its own, but a firewall lets in only what comes from those that were sent to (a \"symmetric UDP "
        "firewall\").",
    };
    return WORD_OF(meanings, type);
}

const char *nat_turn_meaning(nat_turn_t turn)
{
    static const char *const meanings[] = {
        "Have a TURN server at hand: it cannot be said how often it is needed.",
        "A TURN server is needed only for peers whose UDP is blocked.",
        "A TURN server is needed for peers behind a symmetric NAT, and for those whose UDP is blocked.",
        "A TURN server is needed for most peers: all that are themselves behind a symmetric NAT, a port-restricted one or a firewall.",
        "A TURN server is needed for every call, and it must be reachable by TCP or TLS, best on port 443.",
    };
    return WORD_OF(meanings, turn);
}
