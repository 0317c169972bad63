#!/usr/bin/env python3
"""What bench-peer is, with aiortc: aiortc_peer.py all. It begins to connect as soon as it has a description, so its candidates are in there, and `go` does nothing."""
import asyncio
import json
import sys
import time

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription


def say(word, value=None):
    print(word if value is None else f"{word} {json.dumps(value)}", flush=True)


def now():
    return int(time.time() * 1e6)


def say_sample(word, size, messages):
    print(word, now(), size, messages, time.process_time(), flush=True)


class Side:
    def __init__(self):
        self.pc = RTCPeerConnection(RTCConfiguration([]))
        self.channel, self.reporting, self.bytes, self.messages = None, None, 0, 0
        self.on_message = lambda message: None
        self.pc.on("datachannel", self.take)
        self.pc.on("iceconnectionstatechange", self.tell_state)

    def tell_state(self):
        if self.pc.iceConnectionState in ("connected", "completed"):
            say("connected", now())
        elif self.pc.iceConnectionState == "failed":
            say("failed")

    def take(self, channel):
        self.channel = channel
        channel.on("message", lambda message: self.on_message(message))
        if channel.readyState == "open":
            say("open")
        else:
            channel.on("open", lambda: say("open"))

    async def describe(self, description):
        await self.pc.setLocalDescription(description)
        say("description", {"type": self.pc.localDescription.type, "sdp": self.pc.localDescription.sdp})
        say("gathered")

    async def accept(self, text):
        await self.pc.setRemoteDescription(RTCSessionDescription(**json.loads(text)))

    async def offer(self, _rest):
        self.take(self.pc.createDataChannel("bench"))
        await self.describe(await self.pc.createOffer())

    async def answer(self, rest):
        await self.accept(rest)
        await self.describe(await self.pc.createAnswer())

    async def description(self, rest):
        await self.accept(rest)
        say("ready")

    async def go(self, _rest):
        say("known", now())

    async def reflect(self, _rest):
        self.on_message = self.channel.send
        say("reflecting")

    async def ping(self, rest):
        times = []
        for _ in range(int(rest)):
            pong, sent = asyncio.get_running_loop().create_future(), time.perf_counter()
            self.on_message = pong.set_result
            self.channel.send(bytes(32))
            await pong
            times.append((time.perf_counter() - sent) * 1e6)
        times.sort()
        print("round-trips", times[len(times) // 2], times[int(0.99 * len(times))], flush=True)

    async def count(self, _rest):
        def add(message):
            self.bytes += len(message)
            self.messages += 1

        async def report():
            while True:
                say_sample("received", self.bytes, self.messages)
                await asyncio.sleep(0.05)

        self.on_message = add
        self.reporting = asyncio.ensure_future(report())

    async def flood(self, rest):
        size, seconds, limit = (float(part) for part in rest.split())
        message, end, sent, low = bytes(int(size)), time.monotonic() + seconds, 0, asyncio.Event()
        self.channel.bufferedAmountLowThreshold = int(limit / 2)
        self.channel.on("bufferedamountlow", low.set)
        say_sample("flooding", 0, 0)
        while time.monotonic() < end:
            for _ in range(16):
                if self.channel.bufferedAmount + size <= limit:
                    self.channel.send(message)
                    sent += 1
            low.clear()
            if self.channel.bufferedAmount + size > limit:
                try:
                    await asyncio.wait_for(low.wait(), 0.05)
                except asyncio.TimeoutError:
                    pass
            else:
                await asyncio.sleep(0)
        say_sample("flooded", int(sent * size), sent)

    async def close(self, _rest):
        if self.reporting:
            self.reporting.cancel()
        await self.pc.close()
        say("closed")


async def main():
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    side = None
    while line := (await reader.readline()).decode().strip():
        word, _, rest = line.partition(" ")
        if word in ("offer", "answer"):
            side = Side()
        await getattr(side, word)(rest)


asyncio.run(main())
