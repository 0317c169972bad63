"""Tracks, frames, statistics."""
import asyncio
import gc

import numpy
import peer
from support import joined, raises, raises_later, until


def test_pictures_are_made_of_bytes_and_arrays_and_become_them_again():
    width, height = 6, 4
    luma = bytes(range(width * height))
    frame = peer.VideoFrame("i420", width, height, luma + bytes([128]) * 12, timestamp_us=77)
    assert (frame.width, frame.height, frame.format, frame.timestamp_us) == (width, height, "i420", 77)
    assert frame.plane(0) == luma and frame.to_bytes("i420")[:24] == luma and len(frame.to_bytes("rgba")) == 96
    assert frame.to_ndarray("gray").shape == (height, width) and frame.to_ndarray().shape == (height, width, 3)
    red = numpy.zeros((height, width, 3), numpy.uint8)
    red[:, :, 0] = 200
    back = peer.VideoFrame.from_ndarray(red).convert("i420").to_ndarray()
    assert abs(back[:, :, 0].astype(int) - 200).max() < 12 and back[:, :, 1:].max() < 12
    assert (frame.scale(12, 8).width, frame.scale(12, 8).height) == (12, 8)
    raises(ValueError, peer.VideoFrame, "i420", width, height, b"short")


def test_sound_is_made_of_bytes_and_arrays_and_becomes_them_again():
    samples = numpy.arange(-480, 480, dtype=numpy.int16).reshape(-1, 2)
    frame = peer.AudioFrame.from_ndarray(samples, sample_rate=48000)
    assert (frame.channels, frame.samples_per_channel, frame.duration) == (2, 480, 0.01)
    assert (frame.to_ndarray() == samples).all() and frame.to_bytes() == samples.tobytes()
    assert numpy.allclose(frame.to_ndarray("f32"), samples / 32768, atol=1e-6)
    raises(ValueError, peer.AudioFrame, b"odd", sample_rate=48000)


async def test_a_received_track_that_only_its_handlers_know_tells_them_all_the_same():
    async with joined() as (a, b):
        heard = []

        def received(event):
            event.track.on("unmute", lambda: heard.append(event.track.kind))  # a circle: the track, its handler, the event
            asyncio.get_running_loop().call_soon(gc.collect)
        b.on("track", received)
        stream = await peer.get_user_media(audio=True, video=True)
        for track in stream:
            a.add_track(track, stream)
        await until(lambda: sorted(heard) == ["audio", "video"])
        for track in stream:
            track.stop()


async def test_what_is_written_into_a_track_is_seen_and_heard_on_the_other_side():
    async with joined() as (a, b):
        picture, sound = peer.MediaStreamTrack("video"), peer.MediaStreamTrack("audio")
        arrived = b.events("track")
        for track in (picture, sound):
            a.add_track(track, peer.MediaStream([track]))
        green = numpy.zeros((120, 160, 3), numpy.uint8)
        green[:, :, 1] = 180

        async def write():
            position = 0
            while True:
                phase = 2 * numpy.pi * 440 * (numpy.arange(480) + position * 480) / 48000
                sound.write(peer.AudioFrame.from_ndarray((8000 * numpy.sin(phase)).astype(numpy.int16), sample_rate=48000, timestamp_us=position * 10000))
                if position % 4 == 0:
                    picture.write(peer.VideoFrame.from_ndarray(green, timestamp_us=position * 10000))
                position += 1
                await asyncio.sleep(0.01)
        writing = asyncio.ensure_future(write())
        remote = {}
        async for event in arrived:
            remote[event.track.kind] = event.track
            if len(remote) == 2:
                break
        async for frame in remote["video"].frames():
            colour = frame.to_ndarray()[60, 80].astype(int)
            assert (frame.width, frame.height) == (160, 120) and abs(colour - [0, 180, 0]).max() < 25, colour
            break
        heard = 0.0
        async for frame in remote["audio"].frames():
            heard += frame.duration if frame.level_dbfs > -30 else 0
            if heard > 0.5:
                break
        writing.cancel()
        raises(peer.PeerError, remote["video"].write, peer.VideoFrame.from_ndarray(green))
        raises(TypeError, picture.write, peer.AudioFrame(b"\0\0" * 480, sample_rate=48000))


async def test_a_replaced_track_is_seen_and_none_is_silence():
    async with joined() as (a, b):
        small = (await peer.get_user_media(video=True, width=160, height=120)).tracks[0]
        large = (await peer.get_user_media(video=True, width=320, height=240)).tracks[0]
        sender = a.add_track(small)
        track = (await b.wait_for("track")).track
        async for frame in track.frames():
            if frame.width == 160:
                break
        await sender.replace_track(large)
        assert sender.track is large
        async for frame in track.frames():
            if frame.width == 320:
                break
        await sender.replace_track(None)
        assert sender.track is None
        await raises_later(TypeError, sender.replace_track(peer.MediaStreamTrack("audio")))
        muted = asyncio.ensure_future(track.wait_for("mute"))
        a.transceivers[0].direction = "inactive"
        await muted
        assert track.muted and track.ready_state == "live"
        for one in (small, large):
            one.stop()


async def test_statistics_are_a_mapping_of_what_webrtc_stats_names():
    async with joined() as (a, b):
        stream = await peer.get_user_media(audio=True)
        a.add_track(stream.tracks[0], stream)
        await b.connected()
        received = lambda report: sum(one["packetsReceived"] for one in report.of_type("inbound-rtp", kind="audio"))
        report = await b.get_stats()
        while received(report) < 20:
            await asyncio.sleep(0.05)
            report = await b.get_stats()
        inbound = report.of_type("inbound-rtp")[0]
        assert report[inbound["id"]] is inbound and inbound["id"] in report and len(report) == len(list(report))
        selected = await b.get_stats(b.receivers[0].track)
        assert inbound["id"] in selected and not selected.of_type("data-channel") and inbound["id"] in await b.receivers[0].get_stats()
        assert not (await b.senders[0].get_stats()).of_type("inbound-rtp")
        await raises_later(peer.InvalidAccessError, b.get_stats(stream.tracks[0]))
        assert report[inbound["codecId"]]["mimeType"] == "audio/opus" and report[inbound["transportId"]]["dtlsState"] == "connected"
        stream.tracks[0].stop()


async def test_a_track_ends_where_it_is_stopped_and_files_that_are_not_there_are_named():
    stream = await peer.get_user_media(audio=True, video=True)
    assert {track.kind for track in stream} == {"audio", "video"} and len({track.id for track in stream}) == 2
    for track in stream:
        track.enabled = False
        assert not track.enabled and track.ready_state == "live"
        track.stop()
        assert track.ready_state == "ended"
        assert [frame async for frame in track.frames()] == []
    error = await raises_later(peer.NotFoundError, peer.get_user_media(video="no such file.y4m"))
    assert "no such file.y4m" in str(error)
    await raises_later(TypeError, peer.get_user_media())
    await raises_later(peer.OverconstrainedError, peer.get_user_media(video=True, width=7))


async def test_a_late_program_gets_the_newest_pictures():
    track = peer.MediaStreamTrack("video")
    frames = track.frames(depth=2)
    first = asyncio.ensure_future(frames.__anext__())
    await asyncio.sleep(0)
    for number in range(1, 6):
        track.write(peer.VideoFrame("i420", 2, 2, bytes(6), timestamp_us=number))
    got = [(await first).timestamp_us]
    await until(lambda: True)
    got += [(await frames.__anext__()).timestamp_us for _ in range(1)]
    assert got[0] in (1, 4) and got[-1] >= 4, got
    await frames.aclose()
