"""What every Python peer says and answers over the data channel, and how it prints its lines (tests/interop/peer.c has the protocol)."""
import json
import sys
import threading

BINARY = bytes((i * 7 + i // 256) % 256 for i in range(12000))
SAID = ["hello", "größer, 你好 ✓", BINARY[:100], BINARY]
PREFIX = "echo: "


output = threading.Lock()


def show(**message):
    with output:  # GStreamer calls from several threads
        print(json.dumps(message), flush=True)


def complain(error, call):
    show(error=f"{type(error).__name__}: {error}", call=call)


class Talk:
    """Counts messages; the side that opened the channel counts the echoes, the other one echoes."""

    def __init__(self, is_offering):
        self.is_offering = is_offering
        self.messages = 0
        self.echoes = set()

    def take(self, message, send):
        self.messages += 1
        if not self.is_offering:
            send(PREFIX + message if isinstance(message, str) else message)
        for i, said in enumerate(SAID if self.is_offering else []):
            if message == (PREFIX + said if isinstance(said, str) else said):
                self.echoes.add(i)

    def figures(self):
        return {"messages": self.messages, "echoes": len(self.echoes)}


def is_offering():
    return "offer" in sys.argv[1:]


def is_full():
    return "--full" in sys.argv[1:]
