// A data-channel call from C++, with nothing but the public headers: they compile as C++ and link as C.
#include <peer/peer.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fstream>
#include <string>
#include <thread>

namespace {

struct Side {
    Side *other = nullptr;
    peer_connection_t *pc = nullptr;
    peer_negotiator_t *negotiator = nullptr;
    std::atomic<int> closed{0};
    std::string received; // written before has_message is set
    std::atomic<bool> has_message{false};
};

Side *side_of(void *user)
{
    return static_cast<Side *>(user);
}

void send(peer_negotiator_t *, const char *json, void *user)
{
    peer_negotiator_receive(side_of(user)->other->negotiator, json, std::strlen(json));
}

void on_message(peer_data_channel_t *, const void *data, size_t length, int32_t, void *user)
{
    side_of(user)->received.assign(static_cast<const char *>(data), length);
    side_of(user)->has_message = true;
}

void on_open(peer_data_channel_t *channel, void *)
{
    peer_data_channel_send(channel, "from C++", 8, 1);
}

peer_data_channel_events_t channel_events()
{
    peer_data_channel_events_t events = {};
    events.on_open = on_open;
    events.on_message = on_message;
    return events;
}

void on_data_channel(peer_connection_t *, peer_data_channel_t *channel, void *user)
{
    const peer_data_channel_events_t events = channel_events();
    peer_data_channel_set_events(channel, &events, user);
}

template <typename Condition> bool wait_for(Condition condition)
{
    for (int i = 0; i < 6000 && !condition(); i++)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return condition();
}

bool is_loop_thread_alive()
{
    bool is_alive = false;
    DIR *directory = opendir("/proc/self/task");
    for (dirent *entry; directory != nullptr && (entry = readdir(directory)) != nullptr;) {
        std::ifstream file(std::string("/proc/self/task/") + entry->d_name + "/comm");
        std::string name;
        is_alive = is_alive || (std::getline(file, name) && name == "peer-loop");
    }
    if (directory != nullptr)
        closedir(directory);
    return is_alive;
}

bool call()
{
    Side sides[2];
    peer_connection_events_t events = {};
    events.on_data_channel = on_data_channel;
    events.on_closed = [](peer_connection_t *, void *user) { side_of(user)->closed++; };
    peer_negotiator_events_t negotiator_events = {};
    negotiator_events.send = send;
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loopback_policy = PEER_LOOPBACK_ALWAYS;
    for (int i = 0; i < 2; i++) {
        sides[i].other = &sides[1 - i];
        sides[i].pc = peer_connection_new(&configuration, &events, &sides[i]);
        sides[i].negotiator = peer_negotiator_new(sides[i].pc, i, &negotiator_events, &sides[i]);
        if (sides[i].negotiator == nullptr)
            return false;
    }
    const peer_data_channel_events_t of_channel = channel_events();
    if (peer_connection_create_data_channel(sides[0].pc, "c++", nullptr, &of_channel, &sides[0], nullptr) < 0)
        return false;
    const bool is_good = wait_for([&] { return sides[0].has_message && sides[1].has_message; }) && sides[0].received == "from C++" &&
                         sides[1].received == "from C++";
    for (Side &side : sides)
        peer_connection_close(side.pc);
    const bool is_closed = wait_for([&] { return sides[0].closed == 1 && sides[1].closed == 1; });
    for (Side &side : sides) {
        peer_negotiator_unref(side.negotiator);
        peer_connection_unref(side.pc);
    }
    wait_for([] { return !is_loop_thread_alive(); }); // the library's thread ends by itself
    return is_good && is_closed;
}

} // namespace

int main()
{
    const bool is_good = call();
    std::printf("%s 1 a_data_channel_call_from_cpp\n1..1\n", is_good ? "ok" : "not ok");
    return is_good ? 0 : 1;
}
