"""A call through a foreign-function interface that reads no headers: Python's ctypes, a manual loop, everything on Python's own thread.

What it knows is the ABI: opaque pointers, int32_t for enums, and structs that begin with their size and are filled by an init function."""
import ctypes
import json
import select
import sys
import time
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_int32, c_size_t, c_uint16, c_uint32, c_void_p, string_at

peer = ctypes.CDLL(sys.argv[1])
for name in ("peer_loop_new", "peer_connection_new", "peer_connection_local_description", "peer_description_to_json",
             "peer_ice_candidate_to_json"):
    getattr(peer, name).restype = c_void_p
for name in ("peer_last_error_message", "peer_error_name", "peer_signaling_state_name", "peer_data_channel_label"):
    getattr(peer, name).restype = c_char_p


class Configuration(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("ice_servers", c_void_p), ("ice_server_count", c_size_t), ("certificates", c_void_p),
                ("certificate_count", c_size_t), ("loop", c_void_p), ("port_minimum", c_uint16), ("port_maximum", c_uint16),
                ("loopback_policy", c_int32), ("mtu", c_uint32), ("maximum_message_size", c_uint32)]


CandidateCallback = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
PlainCallback = CFUNCTYPE(None, c_void_p, c_void_p)
StateCallback = CFUNCTYPE(None, c_void_p, c_int32, c_void_p)
MessageCallback = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t, c_int32, c_void_p)


class ConnectionEvents(ctypes.Structure):
    _fields_ = [("on_negotiation_needed", PlainCallback), ("on_ice_candidate", CandidateCallback), ("on_ice_candidate_error", c_void_p),
                ("on_signaling_state_change", c_void_p), ("on_ice_connection_state_change", c_void_p),
                ("on_ice_gathering_state_change", c_void_p), ("on_connection_state_change", StateCallback), ("on_track", c_void_p),
                ("on_data_channel", CandidateCallback), ("on_closed", PlainCallback), ("on_sctp_transport_state_change", c_void_p),
                ("on_ice_transport_state_change", c_void_p), ("on_ice_transport_gathering_state_change", c_void_p),
                ("on_selected_candidate_pair_change", c_void_p), ("on_dtls_transport_state_change", c_void_p),
                ("on_dtls_transport_error", c_void_p), ("reserved", c_void_p * 2)]


class ChannelEvents(ctypes.Structure):
    _fields_ = [("on_open", PlainCallback), ("on_message", MessageCallback), ("on_buffered_amount_low", c_void_p), ("on_closing", c_void_p),
                ("on_error", c_void_p), ("on_close", c_void_p), ("on_message_part", c_void_p), ("reserved", c_void_p * 3)]


LOOP_MANUAL, LOOPBACK_ALWAYS = 1, 1
count = 0


def check(sentence, condition):
    global count
    count += 1
    print("%s %d %s" % ("ok" if condition else "not ok", count, sentence))
    if not condition:
        print("# %s" % peer.peer_last_error_message().decode())
        sys.exit(1)


def take_string(pointer):
    text = string_at(pointer).decode()
    peer.peer_string_free(c_void_p(pointer))
    return text


class Side:
    def __init__(self, loop):
        self.other = None
        self.received = []
        self.closed = 0
        self.channel_events = ChannelEvents(on_open=PlainCallback(self.on_open), on_message=MessageCallback(self.on_message))
        self.events = ConnectionEvents(on_negotiation_needed=PlainCallback(lambda pc, user: self.offer()),
                                       on_ice_candidate=CandidateCallback(self.on_ice_candidate),
                                       on_data_channel=CandidateCallback(self.on_data_channel), on_closed=PlainCallback(self.on_closed))
        configuration = Configuration()
        peer.peer_configuration_init(byref(configuration), c_size_t(ctypes.sizeof(configuration)))
        configuration.loop = loop
        configuration.loopback_policy = LOOPBACK_ALWAYS
        self.pc = c_void_p(peer.peer_connection_new(byref(configuration), byref(self.events), None))

    def describe(self):
        if peer.peer_connection_set_local_description(self.pc, None) < 0:
            raise RuntimeError(peer.peer_last_error_message().decode())
        description = c_void_p(peer.peer_connection_local_description(self.pc))
        text = take_string(peer.peer_description_to_json(description))
        peer.peer_description_unref(description)
        return text

    def set_remote(self, text):
        parsed = json.loads(text)
        assert set(parsed) == {"type", "sdp"}
        description = c_void_p()
        data = text.encode()
        assert peer.peer_description_from_json(data, c_size_t(len(data)), byref(description)) == 0
        assert peer.peer_connection_set_remote_description(self.pc, description) == 0, peer.peer_last_error_message()
        peer.peer_description_unref(description)

    def offer(self):
        self.other.set_remote(self.describe())
        self.set_remote(self.other.describe())

    def on_ice_candidate(self, pc, candidate, user):
        if not candidate:
            return
        data = take_string(peer.peer_ice_candidate_to_json(c_void_p(candidate))).encode()
        copy = c_void_p()
        assert peer.peer_ice_candidate_from_json(data, c_size_t(len(data)), byref(copy)) == 0
        peer.peer_connection_add_ice_candidate(self.other.pc, copy)
        peer.peer_ice_candidate_unref(copy)

    def on_data_channel(self, pc, channel, user):
        peer.peer_data_channel_set_events(c_void_p(channel), byref(self.channel_events), None)

    def on_open(self, channel, user):
        text = "grüße".encode()
        assert peer.peer_data_channel_send(c_void_p(channel), text, c_size_t(len(text)), c_int32(1)) == 0

    def on_message(self, channel, data, length, is_text, user):
        self.received.append(string_at(data, length).decode() if is_text else string_at(data, length))

    def on_closed(self, pc, user):
        self.closed += 1


print("1..6")
loop = c_void_p(peer.peer_loop_new(c_int32(LOOP_MANUAL)))
descriptor = peer.peer_loop_fd(loop)
check("a_manual_loop_has_a_descriptor", descriptor >= 0)
sides = [Side(loop), Side(loop)]
sides[0].other, sides[1].other = sides[1], sides[0]
check("connections_are_made_from_a_configuration_of_known_size", all(side.pc.value for side in sides))


def run(condition):
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        select.select([descriptor], [], [], 0.1)
        peer.peer_loop_dispatch(loop)
    return condition()


bad = c_void_p()
result = peer.peer_description_from_json(b"{", c_size_t(1), byref(bad))
check("errors_are_negative_numbers_with_a_name_and_a_message",
      result < 0 and peer.peer_error_name(c_int(result)) == b"SyntaxError" and len(peer.peer_last_error_message()) > 0)
channel = c_void_p()
assert peer.peer_connection_create_data_channel(sides[0].pc, b"ffi", None, byref(sides[0].channel_events), None, byref(channel)) == 0
check("the_label_is_that_which_was_given", peer.peer_data_channel_label(channel) == b"ffi")
check("text_arrives_both_ways", run(lambda: all(side.received == ["grüße"] for side in sides)))
peer.peer_data_channel_unref(channel)
for side in sides:
    peer.peer_connection_close(side.pc)
    peer.peer_connection_unref(side.pc)
closed = run(lambda: all(side.closed for side in sides))
peer.peer_loop_unref(loop)
check("closing_is_told_once", closed and all(side.closed == 1 for side in sides))
