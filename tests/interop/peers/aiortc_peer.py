"""aiortc as the other side: python3 aiortc_peer.py offer|answer. Its descriptions hold all candidates, as always with aiortc."""
import asyncio
import fractions
import json
import sys

import av
import numpy
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp

import test_picture
from talk import SAID, Talk, complain, is_offering, show

RATE = 48000


class Picture(VideoStreamTrack):
    number = 0

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        luma = test_picture.draw(self.number)
        self.number += 1
        grey = numpy.full((luma.shape[0] // 2, luma.shape[1]), 128, numpy.uint8)
        frame = av.VideoFrame.from_ndarray(numpy.vstack([luma, grey]), format="yuv420p")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Sound(MediaStreamTrack):
    """Two of the tones of libpeer's test sound, without its rhythm."""
    kind = "audio"
    position = 0

    async def recv(self):
        if self.position == 0:
            self.started = asyncio.get_event_loop().time()
        count = RATE // 50
        await asyncio.sleep(max(0, self.started + self.position / RATE - asyncio.get_event_loop().time()))
        phase = 2 * numpy.pi * (numpy.arange(count) + self.position) / RATE
        samples = (4000 * (numpy.sin(500 * phase) + numpy.sin(1100 * phase))).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.position, fractions.Fraction(1, RATE)
        self.position += count
        return frame


class Peer:
    def __init__(self):
        self.pc = RTCPeerConnection()
        self.talk = Talk(is_offering())
        self.pictures = test_picture.Counter()
        self.audio_frames = self.loud_frames = 0
        self.early_candidates = []
        self.pc.on("track", lambda track: asyncio.ensure_future(self.receive_track(track)))
        self.pc.on("datachannel", self.take_channel)

    async def receive_track(self, track):
        try:
            while True:
                frame = await track.recv()
                if track.kind == "video":
                    self.pictures.take(frame.reformat(format="gray").to_ndarray())
                else:
                    self.audio_frames += 1
                    self.loud_frames += int(numpy.abs(frame.to_ndarray().astype(int)).max() > 300)
        except Exception as error:
            if type(error).__name__ != "MediaStreamError":  # the track ended
                complain(error, track.kind)

    def take_channel(self, channel):
        channel.on("message", lambda message: self.talk.take(message, channel.send))

        def open_channel():
            for said in SAID:
                channel.send(said)
        channel.on("open", open_channel)

    async def describe(self, description):
        await self.pc.setLocalDescription(description)
        local = self.pc.localDescription
        show(description={"type": local.type, "sdp": local.sdp})

    def add_tracks(self):
        self.pc.addTrack(Sound())
        self.pc.addTrack(Picture())

    async def offer(self):
        self.add_tracks()
        self.take_channel(self.pc.createDataChannel("chat"))
        await self.describe(await self.pc.createOffer())

    async def receive(self, message):
        if "report" in message:
            show(report={"state": self.pc.connectionState, **self.talk.figures(), "video_frames": self.pictures.frames,
                         "video_numbers": self.pictures.numbers, "audio_seconds": self.audio_frames / 50, "loud_seconds": self.loud_frames / 50})
        elif "description" in message:
            await self.pc.setRemoteDescription(RTCSessionDescription(message["description"]["sdp"], message["description"]["type"]))
            if message["description"]["type"] == "offer":
                self.add_tracks()
                await self.describe(await self.pc.createAnswer())
            for candidate in self.early_candidates:
                await self.add_candidate(candidate)
            self.early_candidates = None
        elif self.early_candidates is not None:
            self.early_candidates.append(message["candidate"])
        else:
            await self.add_candidate(message["candidate"])

    async def add_candidate(self, value):
        if not value or not value["candidate"] or " tcp " in value["candidate"].lower():
            return
        candidate = candidate_from_sdp(value["candidate"].split(":", 1)[1])
        candidate.sdpMid, candidate.sdpMLineIndex = value.get("sdpMid"), value.get("sdpMLineIndex")
        await self.pc.addIceCandidate(candidate)


async def main():
    peer = Peer()
    lines = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    if is_offering():
        await peer.offer()
    while line := await lines.readline():
        try:
            await peer.receive(json.loads(line))
        except Exception as error:
            complain(error, line[:40].decode())
    await peer.pc.close()

asyncio.run(main())
