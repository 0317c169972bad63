"""Offers and answers, transceivers, errors."""
import asyncio
import gc
import json
import time
import weakref

import peer
from support import joined, raises, raises_later, until


async def test_descriptions_and_candidates_are_what_browsers_send_each_other():
    async with peer.PeerConnection() as pc:
        pc.add_transceiver("audio")
        offer = await pc.create_offer()
        assert offer.type == "offer" and offer.sdp.startswith("v=0\r\n") and "m=audio" in offer.sdp
        assert json.loads(offer.to_json()) == {"type": "offer", "sdp": offer.sdp}
        again = peer.SessionDescription.from_json(offer.to_json())
        assert (again.type, again.sdp) == (offer.type, offer.sdp)
    candidate = peer.IceCandidate("candidate:1 1 udp 2130706431 192.0.2.1 5000 typ srflx raddr 10.0.0.1 rport 4000 ufrag abcd", "0", 0)
    assert (candidate.address, candidate.port, candidate.type, candidate.protocol, candidate.component) == ("192.0.2.1", 5000, "srflx", "udp", "rtp")
    assert (candidate.related_address, candidate.related_port, candidate.foundation, candidate.priority) == ("10.0.0.1", 4000, "1", 2130706431)
    assert (candidate.sdp_mid, candidate.sdp_mline_index) == ("0", 0)
    assert peer.IceCandidate.from_json(candidate.to_json()).candidate == candidate.candidate


async def test_errors_have_the_names_of_domexceptions_and_say_what_was_wrong():
    async with peer.PeerConnection() as pc:
        error = await raises_later(peer.InvalidStateError, pc.create_answer())
        assert error.name == "InvalidStateError" and str(error)
        error = await raises_later(peer.SdpSyntaxError, pc.set_remote_description(peer.SessionDescription("offer", "v=0\r\nnonsense\r\n")))
        assert error.name == "SyntaxError" and "line" in str(error), str(error)
        assert pc.signaling_state == "stable" and pc.remote_description is None
        await raises_later(peer.InvalidStateError, pc.add_ice_candidate(None))
    raises(TypeError, peer.SessionDescription, "question")
    raises(peer.SdpSyntaxError, peer.PeerConnection, [peer.IceServer("http://example.org")])
    raises(peer.InvalidAccessError, peer.PeerConnection, [peer.IceServer("turn:example.org")])
    await raises_later(peer.InvalidStateError, pc.create_offer())
    assert pc.connection_state == "closed"


async def test_a_local_description_is_made_when_none_is_given_and_can_be_rolled_back():
    async with peer.PeerConnection() as pc:
        transceiver = pc.add_transceiver("video", direction="recvonly")
        assert transceiver.mid is None and transceiver.current_direction is None and pc.current_local_description is None
        await pc.set_local_description()
        assert pc.signaling_state == "have-local-offer" and pc.pending_local_description.type == "offer" and transceiver.mid == "0"
        await pc.set_local_description(peer.SessionDescription("rollback"))
        assert pc.signaling_state == "stable" and pc.local_description is None and transceiver.mid is None


async def test_transceivers_agree_on_both_sides_whatever_is_done_to_them():
    async with joined() as (a, b):
        seen = []
        b.on("track", seen.append)
        stream = await peer.get_user_media(audio=True)
        first = a.add_transceiver(stream.tracks[0], streams=[stream], direction="sendonly")
        await a.connected()
        await until(lambda: seen)
        event = seen[0]
        assert event.track.kind == "audio" and [one.id for one in event.streams] == [stream.id] and event.transceiver.mid == first.mid
        assert event.receiver.transceiver is event.transceiver and event.transceiver.receiver.track is event.track
        assert a.transceivers == [first] and a.senders == [first.sender] and first.sender.transceiver is first
        first.direction = "inactive"
        await until(lambda: first.current_direction == "inactive" and event.transceiver.current_direction == "inactive")
        event.transceiver.direction = "sendrecv"
        first.direction = "sendrecv"
        await until(lambda: first.current_direction == event.transceiver.current_direction == "sendrecv")
        first.stop()
        await until(lambda: not a.transceivers and not b.transceivers)
        assert event.track.ready_state == "ended"
        for track in stream:
            track.stop()


async def test_offers_that_collide_are_settled():
    async with joined() as (a, b):
        counts = {a: 0, b: 0}
        for pc in (a, b):
            pc.on("track", lambda event, pc=pc: counts.__setitem__(pc, counts[pc] + 1))
        stream = await peer.get_user_media(audio=True, video=True)
        for track in stream:
            a.add_track(track, stream)
            b.add_track(track, stream)
        await asyncio.gather(a.connected(), b.connected())
        await until(lambda: counts == {a: 2, b: 2})
        assert a.signaling_state == b.signaling_state == "stable" and len(a.transceivers) == len(b.transceivers) == 2
        for track in stream:
            track.stop()


async def test_parameters_are_read_changed_and_checked():
    async with joined() as (a, b):
        stream = await peer.get_user_media(video=True, width=320, height=240)
        transceiver = a.add_transceiver(stream.tracks[0], send_encodings=[peer.RtpEncoding(max_bitrate=300000, max_framerate=10.5)])
        sender = transceiver.sender
        codecs = peer.RtpSender.get_capabilities("video").codecs
        assert any(codec.mime_type == "video/VP8" and codec.clock_rate == 90000 for codec in codecs)
        transceiver.set_codec_preferences([codec for codec in codecs if codec.mime_type == "video/VP8"])
        raises(peer.InvalidModificationError, transceiver.set_codec_preferences, [peer.RtpCodec("video/none", 90000)])
        await a.connected()
        await until(lambda: sender.get_parameters().codecs)
        parameters = sender.get_parameters()
        assert [(one.max_bitrate, one.max_framerate, one.active) for one in parameters.encodings] == [(300000, 10.5, True)]
        assert parameters.codecs[0].payload_type is not None and parameters.header_extensions and parameters.rtcp_cname
        parameters.encodings[0].max_bitrate = 200000
        parameters.encodings[0].scale_resolution_down_by = 2.0
        await sender.set_parameters(parameters)
        changed = sender.get_parameters()
        assert (changed.encodings[0].max_bitrate, changed.encodings[0].scale_resolution_down_by) == (200000, 2.0)
        changed.encodings[0].scale_resolution_down_by = 0.5
        await raises_later(peer.RangeError, sender.set_parameters(changed))
        changed = sender.get_parameters()
        changed.encodings.append(peer.RtpEncoding())
        await raises_later(peer.InvalidModificationError, sender.set_parameters(changed))
        stream.tracks[0].stop()


async def test_transports_tell_how_the_connection_stands():
    async with joined() as (a, b):
        sender = a.add_transceiver("audio").sender
        assert sender.transport is None and a.sctp is None
        await a.create_data_channel("x").opened()
        dtls = sender.transport
        assert dtls is a.sctp.transport and dtls.state == "connected" and a.sctp.state == "connected" and a.sctp.max_message_size > 0
        ice = dtls.ice_transport
        assert {ice.role, b.sctp.transport.ice_transport.role} == {"controlling", "controlled"} and ice.state in ("connected", "completed")
        pair = ice.selected_candidate_pair
        assert pair.local.candidate in [one.candidate for one in ice.local_candidates] and pair.remote.port in [one.port for one in ice.remote_candidates]
        assert ice.remote_parameters == b.sctp.transport.ice_transport.local_parameters and ice.component == "rtp"
        assert dtls.get_remote_certificates()[0].startswith(b"\x30")
        a.close()
        assert dtls.state == "closed" and ice.state == "closed"


async def test_servers_and_policy_change_and_nothing_else():
    async with peer.PeerConnection([peer.IceServer("stun:192.0.2.1")], bundle_policy="max-bundle") as pc:
        pc.set_configuration([peer.IceServer(["turn:192.0.2.2", "turns:192.0.2.2"], "me", "secret")], ice_transport_policy="relay")
        raises(peer.InvalidAccessError, pc.set_configuration, [peer.IceServer("turn:192.0.2.2")])
        raises(peer.SdpSyntaxError, pc.set_configuration, [peer.IceServer("nonsense")])


async def test_what_nobody_holds_is_given_back():
    async with joined() as (a, b):
        channel = await a.create_data_channel("x").opened()
        a.add_transceiver("audio")
        await until(lambda: b.transceivers)
        watched = [weakref.ref(one) for one in (a, b, channel, a.transceivers[0], a.local_description)]
    del a, b, channel

    def are_gone():
        gc.collect()
        return all(one() is None for one in watched)
    await until(are_gone)


async def test_header_extensions_are_negotiated_as_asked_and_sources_tell_the_time_of_capture():
    uri = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
    async with joined() as (a, b):
        stream = await peer.get_user_media(audio=True)
        transceiver = a.add_transceiver(stream.tracks[0])
        extensions = transceiver.get_header_extensions_to_negotiate()
        wanted = next(one for one in extensions if one.uri == uri)
        assert wanted.direction == "stopped"
        wanted.direction = "sendonly"
        transceiver.set_header_extensions_to_negotiate(extensions)
        raises(peer.InvalidModificationError, transceiver.set_header_extensions_to_negotiate, extensions[1:])
        await a.connected()
        await until(lambda: any(one.uri == uri and one.direction == "sendonly" for one in transceiver.get_negotiated_header_extensions()))
        receiver = b.transceivers[0].receiver
        await until(lambda: any(one.capture_timestamp is not None for one in receiver.get_synchronization_sources()))
        source = receiver.get_synchronization_sources()[0]
        assert abs(source.capture_timestamp / 1000 - 2208988800 - time.time()) < 60 and source.sender_capture_time_offset == 0
        assert source.audio_level is not None and receiver.get_contributing_sources() == []
        stream.tracks[0].stop()
