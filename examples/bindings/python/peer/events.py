"""Events by name, for handlers, for coroutines that wait, and for loops over them."""
from __future__ import annotations

import asyncio
import inspect
from typing import Any, AsyncIterator, Awaitable, Callable, TypeVar, Union, overload

Handler = Callable[..., Union[None, Awaitable[None]]]
SomeHandler = TypeVar("SomeHandler", bound=Handler)


class EventTarget:
    """`on("track", handler)` or `@pc.on("track")`; a handler may be a coroutine function. `await pc.wait_for("track")` gives what a handler would."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[Handler]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @overload
    def on(self, event: str, handler: SomeHandler) -> SomeHandler: ...

    @overload
    def on(self, event: str) -> Callable[[SomeHandler], SomeHandler]: ...

    def on(self, event: str, handler: Any = None) -> Any:
        if handler is None:
            return lambda decorated: self.on(event, decorated)
        self._listening(event)
        self._handlers.setdefault(event, []).append(handler)
        return handler

    def _listening(self, event: str) -> None:
        """A handler is about to be added."""

    def off(self, event: str, handler: Handler) -> None:
        if handler in self._handlers.get(event, []):
            self._handlers[event].remove(handler)

    async def wait_for(self, event: str) -> Any:
        """The next event of that name: None, what came with it, or a tuple of it."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def arrived(*arguments: Any) -> None:
            if not future.done():
                future.set_result(None if not arguments else arguments[0] if len(arguments) == 1 else arguments)
        self.on(event, arrived)
        try:
            return await future
        finally:
            self.off(event, arrived)

    async def events(self, event: str) -> AsyncIterator[Any]:
        """Every event of that name from now on."""
        queue: asyncio.Queue[Any] = asyncio.Queue()
        handler = self.on(event, lambda *arguments: queue.put_nowait(None if not arguments else arguments[0] if len(arguments) == 1 else arguments))
        try:
            while True:
                yield await queue.get()
        finally:
            self.off(event, handler)

    async def _first(self, *events: str) -> None:
        """The first of several events, from this very moment on."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def arrived(*arguments: object) -> None:
            if not future.done():
                future.set_result(None)
        for event in events:
            self.on(event, arrived)
        try:
            await future
        finally:
            for event in events:
                self.off(event, arrived)

    def _emit(self, event: str, *arguments: Any) -> None:
        for handler in list(self._handlers.get(event, [])):
            try:
                result = handler(*arguments)
            except Exception as error:  # one handler's mistake is not the others'
                asyncio.get_running_loop().call_exception_handler({"message": f"the handler of {event} failed", "exception": error})
                continue
            if inspect.isawaitable(result):
                task = asyncio.ensure_future(result)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
