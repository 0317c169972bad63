"""Two connections in one process, joined."""
import asyncio
from contextlib import asynccontextmanager

import peer


@asynccontextmanager
async def joined():
    """A pair whose negotiators talk to each other; b is the polite one. Errors of negotiation fail the test."""
    async with peer.PeerConnection(loopback="always") as a, peer.PeerConnection(loopback="always") as b:
        loop, errors = asyncio.get_running_loop(), []
        sides = {}
        # Signaling takes a turn of the loop, as it would outside.
        sides["a"] = peer.Negotiator(a, False, lambda json: loop.call_soon(lambda: sides["b"].receive(json)))
        sides["b"] = peer.Negotiator(b, True, lambda json: loop.call_soon(lambda: sides["a"].receive(json)))
        for side in sides.values():
            side.on("error", errors.append)
        yield a, b
        if errors:
            raise errors[0]


async def until(condition, seconds=60):
    """Polls, bounded: for what no event tells."""
    async def poll():
        while not condition():
            await asyncio.sleep(0.01)
    await asyncio.wait_for(poll(), seconds)


def raises(kind, function, *arguments, **named):
    try:
        function(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


async def raises_later(kind, awaitable):
    try:
        await awaitable
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")
