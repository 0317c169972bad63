"""The measurements of peer-bench with aiortc: aiortc_bench.py SETUPS SECONDS PINGS [SIZE]. Both sides are in this process."""
import asyncio
import json
import statistics
import sys
import time

from aiortc import RTCConfiguration, RTCPeerConnection

IN_FLIGHT = 4 << 20
LOW_WATER = 1 << 20


async def connect():
    a, b = RTCPeerConnection(RTCConfiguration([])), RTCPeerConnection(RTCConfiguration([]))
    near, far = a.createDataChannel("bench"), asyncio.get_running_loop().create_future()
    opened = asyncio.Event()
    near.on("open", opened.set)
    b.on("datachannel", far.set_result)
    await a.setLocalDescription(await a.createOffer())
    await b.setRemoteDescription(a.localDescription)
    await b.setLocalDescription(await b.createAnswer())
    await a.setRemoteDescription(b.localDescription)
    await opened.wait()
    return a, b, near, await far


async def measure_setup(count, report):
    times, cpu = [], 0.0
    for _ in range(count):
        start, before = time.perf_counter(), time.process_time()
        a, b, _near, _far = await connect()
        times.append((time.perf_counter() - start) * 1e3)
        await asyncio.gather(a.close(), b.close())
        cpu += time.process_time() - before
    report |= {"setup_ms_median": statistics.median(times), "setup_ms_p95": sorted(times)[int(0.95 * count)], "cpu_ms_per_connection": cpu * 1e3 / count}
    return report


async def measure_flood(near, far, seconds, size, report):
    received, message, low = [0, 0], bytes(size), asyncio.Event()

    def count(message):
        received[0] += len(message)
        received[1] += 1

    far.on("message", count)
    near.bufferedAmountLowThreshold = LOW_WATER
    near.on("bufferedamountlow", low.set)
    start, mark = time.perf_counter(), None
    while time.perf_counter() < start + seconds:
        if mark is None and time.perf_counter() > start + seconds / 5:
            mark = (*received, time.perf_counter(), time.process_time())
        while near.bufferedAmount < IN_FLIGHT:
            near.send(message)
        low.clear()
        await asyncio.wait([asyncio.ensure_future(low.wait())], timeout=1)
    arrived, elapsed = received[0] - mark[0], time.perf_counter() - mark[2]
    report |= {"throughput_MBps": arrived / elapsed / 1e6, "messages_per_s": (received[1] - mark[1]) / elapsed,
               "cpu_s_per_GB": (time.process_time() - mark[3]) / (arrived / 1e9)}
    while near.bufferedAmount:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    far.remove_listener("message", count)
    return report


async def measure_pings(near, far, count, report):
    times, done, at = [], asyncio.Event(), [0.0]

    def ping():
        at[0] = time.perf_counter()
        near.send(bytes(32))

    def pong(_message):
        times.append((time.perf_counter() - at[0]) * 1e6)
        ping() if len(times) < count else done.set()

    far.on("message", far.send)
    near.on("message", pong)
    ping()
    await done.wait()
    return report | {"rtt_us_median": statistics.median(times), "rtt_us_p99": sorted(times)[int(0.99 * count)]}


async def main(setups, seconds, pings, size=65536):
    report = {"bench": "aiortc"}
    if setups:
        report = await measure_setup(setups, report)
    a, b, near, far = await connect()
    report = await measure_flood(near, far, seconds, size, report)
    if pings:
        report = await measure_pings(near, far, pings, report)
    print(json.dumps(report), flush=True)
    await asyncio.gather(a.close(), b.close())


asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), *map(int, sys.argv[4:])))
