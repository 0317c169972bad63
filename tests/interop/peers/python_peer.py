"""The Python binding as a side of a call: python3 python_peer.py offer|answer [--full]. PEER_LIBRARY names the library."""
import asyncio
import json
import os
import sys

import numpy
import test_picture
from talk import SAID, Talk, complain, is_full, is_offering, show

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../examples/bindings/python"))
import peer  # noqa: E402

SILENCE_DBFS = -50


class Side:
    def __init__(self):
        self.pc = peer.PeerConnection(loopback="always")
        self.talk = Talk(is_offering())
        self.pictures = test_picture.Counter()
        self.changes, self.last = 0, None
        self.audio_seconds = self.loud_seconds = 0.0
        self.stream = None
        self.negotiator = None
        if not is_full():
            self.negotiator = peer.Negotiator(self.pc, not is_offering(), lambda text: print(text, flush=True))
            self.negotiator.on("error", lambda error: complain(error, "negotiation"))
        self.pc.on("track", self.receive_track)
        self.pc.on("datachannel", self.take_channel)

    async def receive_track(self, event):
        async for frame in event.track.frames(depth=60):
            if event.track.kind == "video":
                luma = frame.to_ndarray("gray")
                self.pictures.take(luma)
                self.changes += self.last is not None and not numpy.array_equal(luma, self.last)
                self.last = luma
            else:
                self.audio_seconds += frame.duration
                self.loud_seconds += frame.duration if frame.level_dbfs > SILENCE_DBFS else 0

    def take_channel(self, channel):
        self.channel = channel
        channel.on("message", lambda message: self.talk.take(message, channel.send))

    async def add_tracks(self):
        self.stream = await peer.get_user_media(audio=True, video=True, width=320, height=240)
        for track in self.stream:
            self.pc.add_track(track, self.stream)

    async def show_full_description(self):
        description = await self.pc.gathered()
        show(description=json.loads(description.to_json()))

    async def start(self):
        if not is_offering():
            return
        await self.add_tracks()
        channel = self.pc.create_data_channel("chat")
        self.take_channel(channel)

        @channel.on("open")
        def say():
            for said in SAID:
                channel.send(said)
        if is_full():
            await self.pc.set_local_description()
            await self.show_full_description()

    async def report(self):
        stats = await self.pc.get_stats()
        show(report={"state": self.pc.connection_state, **self.talk.figures(), "video_frames": self.pictures.frames, "video_numbers": self.pictures.numbers,
                     "video_changes": self.changes, "audio_seconds": self.audio_seconds, "loud_seconds": self.loud_seconds, "stats": list(stats.values())})

    async def receive(self, message, line):
        if "report" in message:
            await self.report()
        elif self.negotiator is not None:
            if self.stream is None:  # before the offer is answered, so that the answer has them
                await self.add_tracks()
            self.negotiator.receive(line)
        elif "description" in message:
            await self.pc.set_remote_description(peer.SessionDescription.from_json(json.dumps(message["description"])))
            if message["description"]["type"] == "offer":
                await self.add_tracks()
                await self.pc.set_local_description()
                await self.show_full_description()
        else:
            candidate = message["candidate"]
            await self.pc.add_ice_candidate(peer.IceCandidate.from_json(json.dumps(candidate)) if candidate else None)


async def main():
    side = Side()
    lines = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    await side.start()
    while line := await lines.readline():
        try:
            await side.receive(json.loads(line), line)
        except Exception as error:
            complain(error, line[:40].decode())
    side.pc.close()
    await asyncio.sleep(0.05)  # the goodbye

asyncio.run(main())
