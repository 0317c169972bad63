#!/usr/bin/env python3
"""Tests `peer-call serve` over real sockets, hostile clients among them: serve_test.py PEER_CALL. Prints TAP."""
import base64
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import threading

TIMEOUT = 60


class Serve:
    def __init__(self, program):
        self.process = subprocess.Popen([program, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r"port (\d+)", self.process.stdout.readline())[1])
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def is_alive(self):
        return self.process.poll() is None

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), TIMEOUT)

    def get(self, path, method="GET"):
        with self.connect() as sock:
            sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while data := sock.recv(65536):
                answer += data
        return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]


class Client:
    """The least of a WebSocket client, which lets tests send what no decent one would."""

    def __init__(self, serve, room, headers=()):
        self.sock = serve.connect()
        lines = [f"GET /{room} HTTP/1.1", f"Host: 127.0.0.1:{serve.port}", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Protocol: peer-call", *headers]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.data = b""
        while b"\r\n\r\n" not in self.data:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("refused")
            self.data += more
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError("refused")

    def send_frame(self, payload, opcode=1, final=True, length=None):
        size = len(payload) if length is None else length
        head = bytes([final << 7 | opcode])
        head += bytes([0x80 | size]) if size < 126 else struct.pack(">BH", 0xFE, size) if size < 65536 else struct.pack(">BQ", 0xFF, size)
        self.sock.sendall(head + b"\0\0\0\0" + payload)

    def send(self, message):
        self.send_frame(json.dumps(message).encode())

    def _take(self, count):
        while len(self.data) < count:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("closed")
            self.data += more
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def receive(self):
        """The next message; ConnectionError when the server closes."""
        text = b""
        while True:
            first, size = self._take(2)
            if size == 126:
                size, = struct.unpack(">H", self._take(2))
            elif size == 127:
                size, = struct.unpack(">Q", self._take(8))
            payload = self._take(size)
            if first & 15 == 8:
                raise ConnectionError("closed")
            if first & 15 < 3:
                text += payload
                if first & 0x80:
                    return json.loads(text)

    def is_closed(self):
        try:
            while True:
                self.receive()
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def close(self):
        self.sock.close()


def pair(serve, room):
    first, second = Client(serve, room), Client(serve, room)
    assert first.receive() == {"event": "joined", "room": room}
    assert first.receive() == {"event": "present", "polite": False}
    second.receive()
    assert second.receive() == {"event": "present", "polite": True}
    return first, second


def test_the_page_and_its_files_are_served(serve):
    for path, text in (("/", b"<!doctype html>"), ("/tea", b"<!doctype html>"), ("/-/page.js", b"peerCall"), ("/-/style.css", b":root")):
        status, body = serve.get(path)
        assert status == 200 and text in body, path
    assert serve.get("/-/index")[0] == 404
    assert serve.get("/-/../../etc/passwd")[0] == 404
    assert serve.get("/a/b")[0] == 404
    assert serve.get("/tea", "POST")[0] == 405


def test_two_meet_talk_and_part(serve):
    first, second = pair(serve, "tea")
    first.send({"description": {"type": "offer", "sdp": "x" * 100000}})
    assert len(second.receive()["description"]["sdp"]) == 100000
    second.send({"candidate": None})
    assert first.receive() == {"candidate": None}
    second.close()
    assert first.receive() == {"event": "left"}
    first.send({"ready": True})
    third = Client(serve, "tea")
    assert first.receive() == {"event": "present", "polite": False}
    first.send({"candidate": {}})
    third.receive()
    third.receive()
    assert third.receive() == {"candidate": {}}


def test_a_third_is_turned_away(serve):
    first, second = pair(serve, "full")
    third = Client(serve, "full")
    assert third.receive()["event"] == "full"
    assert third.is_closed()
    first.send({"candidate": 1})
    assert second.receive() == {"candidate": 1}


def test_a_page_of_another_site_is_refused(serve):
    try:
        Client(serve, "tea", ["Origin: http://evil.example"])
    except ConnectionError:
        return
    raise AssertionError("let in")


def test_messages_that_are_none_end_the_visit(serve):
    for send in (lambda c: c.send_frame(b"hello"), lambda c: c.send({"event": "left"}), lambda c: c.send_frame(b"{}", opcode=2),
                 lambda c: c.send_frame(b"[" * 200000), lambda c: c.send_frame(b'{"a":"\xff\xfe"}'), lambda c: c.send_frame(b"x", opcode=5)):
        first, second = pair(serve, "rude")
        send(first)
        assert first.is_closed()
        assert second.receive() == {"event": "left"}
        second.close()


def test_too_large_a_message_ends_the_visit(serve):
    first, second = pair(serve, "large")
    try:
        for _ in range(64):
            first.send_frame(b"a" * 8192, opcode=1 if _ == 0 else 0, final=False)
    except OSError:
        pass
    assert second.receive() == {"event": "left"}
    liar = Client(serve, "liar")
    try:
        liar.send_frame(b"a" * 1000, length=1 << 60)
        liar.send_frame(b"a" * 400000, length=1 << 60)
    except OSError:
        pass
    assert serve.get("/")[0] == 200


def test_a_flood_ends_the_visit(serve):
    first, second = pair(serve, "flood")
    try:
        for _ in range(5000):
            first.send({"candidate": {}})
    except OSError:
        pass
    assert first.is_closed()


def test_garbage_and_half_requests_do_no_harm(serve):
    generator = random.Random(1)
    sockets = []
    for number in range(60):
        sock = serve.connect()
        sockets.append(sock)
        try:
            if number % 3 == 0:
                sock.sendall(generator.randbytes(generator.randrange(1, 3000)))
            elif number % 3 == 1:
                sock.sendall(b"GET /tea HTTP/1.1\r\n" + b"X: " + b"y" * generator.randrange(1, 9000))
            else:
                client = Client(serve, "noise%d" % number)
                client.sock.sendall(generator.randbytes(2000))
                sockets.append(client.sock)
        except (OSError, ConnectionError):
            pass
    assert serve.get("/")[0] == 200
    for sock in sockets:
        sock.close()


def test_many_rooms_at_a_time(serve):
    clients = [Client(serve, "many%d" % (number // 2)) for number in range(200)]
    for client in clients:
        assert client.receive()["event"] == "joined"
        assert client.receive()["event"] == "present"
        client.close()


def main():
    serve = Serve(sys.argv[1])
    failures = 0
    tests = [(name[5:], function) for name, function in globals().items() if name.startswith("test_")]
    print("1..%d" % (len(tests) + 1))
    for number, (name, function) in enumerate(tests, 1):
        try:
            function(serve)
            assert serve.is_alive(), "the rendezvous has died"
            print("ok %d %s" % (number, name), flush=True)
        except Exception as error:  # every failure is one line
            failures += 1
            print("not ok %d %s\n# %s: %s" % (number, name, type(error).__name__, error), flush=True)
    serve.process.terminate()
    ended_well = serve.process.wait(TIMEOUT) == 0
    print("%s %d it_ends_cleanly" % ("ok" if ended_well else "not ok", len(tests) + 1))
    return failures != 0 or not ended_well


sys.exit(main())
