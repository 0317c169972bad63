"""Data channels."""
import asyncio
import os

import peer
from support import joined, raises, until


async def test_messages_of_both_kinds_arrive_in_order():
    async with joined() as (a, b):
        arrived = asyncio.ensure_future(b.wait_for("datachannel"))
        here = a.create_data_channel("chat", protocol="greetings")
        sent = ["", "hello", "grüße ✓", b"", bytes(range(256)) * 300, "end"]
        there = await arrived
        got = []

        async def read():
            async for message in there:
                got.append(message)
                if message == "end":
                    return
        reading = asyncio.ensure_future(read())
        await here.opened()
        for message in sent:
            here.send(message)
        await reading
        assert got == sent
        assert (there.label, there.protocol, there.ordered, there.id) == ("chat", "greetings", True, here.id)
        there.send(memoryview(b"back"))
        assert await here.wait_for("message") == b"back"


async def test_a_channel_has_the_properties_that_it_was_made_with():
    async with joined() as (a, b):
        here = a.create_data_channel("some", ordered=False, max_retransmits=3, priority="high")
        there = await b.wait_for("datachannel")
        for channel in (here, there):
            assert (channel.ordered, channel.max_retransmits, channel.max_packet_life_time, channel.priority) == (False, 3, None, "high")
        raises(TypeError, a.create_data_channel, "both", max_retransmits=1, max_packet_life_time=1)
        both = [pc.create_data_channel("agreed", negotiated=True, id=40) for pc in (a, b)]
        await asyncio.gather(*(channel.opened() for channel in both))
        raises(peer.OperationError, a.create_data_channel, "again", negotiated=True, id=40)


async def test_drain_waits_and_a_slow_reader_slows_its_sender():
    async with joined() as (a, b):
        arrived = asyncio.ensure_future(b.wait_for("datachannel"))
        here = await a.create_data_channel("bulk").opened()
        there = await arrived
        block, count, total = os.urandom(60000), 1500, 0
        here.buffered_amount_low_threshold = 500000

        async def write():
            for _ in range(count):
                here.send(block)
                await here.drain()
            here.close()
        writing = asyncio.ensure_future(write())
        async for message in there:
            assert message == block
            total += 1
            if total == 1:
                await asyncio.sleep(0.3)
        await writing
        assert total == count and here.buffered_amount == 0


async def test_closing_comes_to_the_other_side_and_ends_its_loop():
    async with joined() as (a, b):
        arrived = asyncio.ensure_future(b.wait_for("datachannel"))
        here = await a.create_data_channel("short").opened()
        there = await arrived
        events = []
        there.on("closing", lambda: events.append("closing"))
        there.on("close", lambda: events.append("close"))
        here.send("last words")
        here.close()
        assert [message async for message in there] == ["last words"]
        await here.closed()
        assert events == ["closing", "close"] and here.ready_state == there.ready_state == "closed"
        raises(peer.InvalidStateError, here.send, "too late")


async def test_who_waits_is_told_when_the_own_connection_is_closed():
    async with joined() as (a, b):
        waiting = a.create_data_channel("never opened")
        await a.connected()
        open_channel = await a.create_data_channel("open").opened()
        never = peer.PeerConnection()
        tasks = [asyncio.ensure_future(task) for task in (open_channel.closed(), waiting.closed(), never.connected())]
        loop_over = asyncio.ensure_future(anext(aiter(open_channel), "ended"))
        await asyncio.sleep(0)
        a.close()
        never.close()
        assert await loop_over == "ended"
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[:2] == [None, None] and isinstance(results[2], peer.InvalidStateError), results


async def test_a_closed_connection_closes_its_channels():
    async with joined() as (a, b):
        arrived = asyncio.ensure_future(b.wait_for("datachannel"))
        await a.create_data_channel("x").opened()
        there = await arrived
        a.close()
        await there.closed()
        await until(lambda: there.ready_state == "closed")
