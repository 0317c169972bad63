#!/usr/bin/env python3
"""Tests whole transfers between `peer-send` processes on this machine: send_test.py PEER_SEND TALKER MIDDLE [WORD | PART/PARTS]. Prints TAP. With a word
only the tests that are named so; with 1/3, say, every third."""
import filecmp
import hashlib
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM, TALKER, MIDDLE = (os.path.abspath(path) for path in sys.argv[1:4])
SLOW = 120  # seconds after which something hangs
CODE = r"\d{4}(?:-[a-z]{5}){4}"
DONE, USAGE, NOT_CONNECTED, INCOMPLETE, UNPROVEN = range(5)


class Process:
    """A program whose messages go to a file, so that a test can wait for a line of them."""

    def __init__(self, directory, name, arguments, stdin=subprocess.DEVNULL, stdout=None, environment=None):
        self.log = os.path.join(directory, name + ".log")
        with open(self.log, "w") as out:
            self.process = subprocess.Popen(arguments, stdin=stdin, stdout=out if stdout is None else stdout, stderr=out, env=environment)

    def text(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def wait_for(self, pattern):
        limit = time.monotonic() + SLOW
        while time.monotonic() < limit:
            has_ended = self.process.poll() is not None  # before its text is read, which is whole then
            found = re.findall(pattern, self.text())
            if found:
                return found[-1]
            if has_ended:
                break
            time.sleep(0.02)
        raise AssertionError("no line with %r in:\n%s" % (pattern, self.text()))

    def status(self):
        return self.process.wait(SLOW)

    def end(self, how):
        self.process.send_signal(how)
        return self.status()


class Setting:
    """A directory, a rendezvous, and what meets there."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="peer-send-test-")
        self.processes = []
        self.port = self.serve("serve")
        self.url = "ws://127.0.0.1:%d" % self.port

    def serve(self, name, port=0):
        server = self.run(name, [PROGRAM, "serve", "--listen", "127.0.0.1:%d" % port])
        self.servers = getattr(self, "servers", []) + [server]
        return int(server.wait_for(r"on port (\d+)"))

    def run(self, name, arguments, **options):
        process = Process(self.directory, "%s-%d" % (name, len(self.processes)), arguments, **options)
        self.processes.append(process)
        return process

    def send(self, *arguments, url=None, **options):
        sender = self.run("send", [PROGRAM, "--rendezvous", url or self.url, *arguments], **options)
        return sender, sender.wait_for("(" + CODE + ")")

    def receive(self, code, *arguments, url=None, **options):
        return self.run("receive", [PROGRAM, "receive", code, "--rendezvous", url or self.url, *arguments], **options)

    def talk(self, role, code, lines):
        """A side of the test's own making; gives what it heard."""
        talker = subprocess.run([TALKER, role, code, self.url], input="".join(line + "\n" for line in lines), capture_output=True, text=True,
                                timeout=SLOW)
        return talker.stdout

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def make(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def close(self):
        for process in self.processes:
            if process.process.poll() is None:
                process.process.kill()
                process.process.wait()
        shutil.rmtree(self.directory, onerror=lambda function, path, error: (os.chmod(os.path.dirname(path), 0o700), function(path)))


def contents(directory):
    """Everything below a directory: kind, permissions, time and bytes of each."""
    found = {}
    for place, directories, files in os.walk(directory):
        for name in directories + files:
            path = os.path.join(place, name)
            status = os.lstat(path)
            data = None
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    data = hashlib.sha256(file.read()).hexdigest()
            found[os.path.relpath(path, directory)] = (stat.filemode(status.st_mode), status.st_mtime_ns, data)
    return found


def transfer(setting, *paths, receives=(), **options):
    sender, code = setting.send(*paths, **options)
    receiver = setting.receive(code, "--output", setting.path("out"), *receives)
    return receiver.status(), sender.status(), receiver, sender


def assert_done(statuses):
    receiver_status, sender_status, receiver, sender = statuses
    assert receiver_status == DONE and sender_status == DONE, receiver.text() + sender.text()


def test_files_of_every_size_arrive(setting):
    for size in (0, 1, 65535, 65536, 65537, 1000000):
        setting.make("sizes/%d" % size, random.Random(size).randbytes(size))
    assert_done(transfer(setting, setting.path("sizes")))
    assert contents(setting.path("sizes")) == contents(setting.path("out/sizes"))


def test_a_large_file_arrives(setting):
    path = setting.make("large.bin", os.urandom(100000000))
    assert_done(transfer(setting, path))
    assert filecmp.cmp(path, setting.path("out/large.bin"), shallow=False)
    assert os.listdir(setting.path("out")) == ["large.bin"]


def test_a_sparse_file_stays_one(setting):
    path = setting.path("sparse")
    with open(path, "wb") as file:
        file.write(b"begin")
        file.truncate(20000000)
    assert_done(transfer(setting, path))
    assert filecmp.cmp(path, setting.path("out/sparse"), shallow=False)
    assert os.stat(setting.path("out/sparse")).st_blocks * 512 < 2000000


def test_a_directory_of_many_small_files_and_odd_names_arrives(setting):
    for number in range(2000):
        setting.make("many/%d/%d.txt" % (number % 20, number), b"%d" % number * (number % 50))
    for name in ("äöü ñ", "名前.txt", "🎈", " leading", "trailing ", "-dash", "*?[]", "quote\"'`$(id)", "back\\slash", "CON", "a:b", "x" * 255,
                 "é" * 127, ".hidden", "...", "a.part", "a", "a.part.part"):
        setting.make("many/" + name, name.encode())
    os.makedirs(setting.path("many/empty/within"))
    os.chmod(setting.path("many/-dash"), 0o751)
    os.chmod(setting.path("many/CON"), 0o400)
    os.utime(setting.path("many/CON"), ns=(0, 1234567890123456789))
    os.symlink("/etc/passwd", setting.path("many/link"))
    os.mkfifo(setting.path("many/pipe"))
    os.chmod(setting.path("many/3"), 0o555)
    os.utime(setting.path("many/3"), ns=(0, 987654321000000000))
    statuses = transfer(setting, setting.path("many"))
    assert_done(statuses)
    notes = statuses[3].text()
    assert "many/link is a symbolic link" in notes and "many/pipe is no regular file" in notes, notes
    os.unlink(setting.path("many/link"))
    os.unlink(setting.path("many/pipe"))
    sent, received = contents(setting.path("many")), contents(setting.path("out/many"))
    assert sent == received, set(sent.items()) ^ set(received.items())


def test_names_that_cannot_be_sent_are_left_out_and_told(setting):
    setting.make("odd/good", b"x")
    for name in (b"bad\xff", b"line\nbreak", b"escape\x1b[2J"):
        with open(os.path.join(setting.path("odd").encode(), name), "wb") as file:
            file.write(b"y")
    receiver_status, sender_status, receiver, sender = transfer(setting, setting.path("odd"))
    assert receiver_status == DONE and sender_status == INCOMPLETE, sender.text()
    assert sorted(os.listdir(setting.path("out/odd"))) == ["good"]
    assert sender.text().count("left out:") == 3 and "\x1b" not in sender.text()


def test_streams_flow_from_stdin_to_stdout(setting):
    data = os.urandom(50000000)
    sender, code = setting.send("-", stdin=subprocess.PIPE)
    receiver = setting.receive(code, "--output", "-", stdout=subprocess.PIPE)
    reader = subprocess.Popen(["sha256sum"], stdin=receiver.process.stdout, stdout=subprocess.PIPE)
    sender.process.stdin.write(data[:1000])
    sender.process.stdin.flush()
    time.sleep(0.5)
    sender.process.stdin.write(data[1000:])
    sender.process.stdin.close()
    assert receiver.status() == DONE and sender.status() == DONE, receiver.text() + sender.text()
    assert "1 file, of unknown size" in sender.text() and "received 1 file, 50.0 MB" in receiver.text(), receiver.text()
    assert reader.communicate()[0].split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert_done(transfer(setting, "-", "--name", "named", stdin=open(setting.make("input", b"short"), "rb")))
    with open(setting.path("out/named"), "rb") as file:
        assert file.read() == b"short"


def test_nothing_is_overwritten_unasked(setting):
    path = setting.make("in/file", b"new")
    setting.make("out/file", b"old!")
    status, sender_status, receiver, sender = transfer(setting, path)
    assert status == INCOMPLETE and sender_status == INCOMPLETE and "--yes overwrites" in receiver.text(), receiver.text()
    with open(setting.path("out/file"), "rb") as file:
        assert file.read() == b"old!"
    assert_done(transfer(setting, path, receives=["--yes"]))
    with open(setting.path("out/file"), "rb") as file:
        assert file.read() == b"new"
    inode = os.stat(setting.path("out/file")).st_ino
    assert_done(transfer(setting, path))  # the same is there: nothing to ask
    assert os.stat(setting.path("out/file")).st_ino == inode
    setting.make("out/part.part", b"of something else")
    status, _, receiver, _ = transfer(setting, setting.make("in/part", b"whole"))
    assert status == INCOMPLETE, receiver.text()
    with open(setting.path("out/part.part"), "rb") as file:
        assert file.read() == b"of something else"


def test_on_a_terminal_it_asks(setting):
    path = setting.make("in/file", b"new")
    for answer, status, content in (("n", INCOMPLETE, b"old"), ("y", DONE, b"new")):
        setting.make("out/file", b"old")
        sender, code = setting.send(path)
        keyboard, terminal = os.openpty()
        receiver = setting.receive(code, "--output", setting.path("out"), stdin=terminal)
        receiver.wait_for("Overwrite it")
        os.write(keyboard, answer.encode() + b"\n")
        assert receiver.status() == status and sender.status() == status, receiver.text()
        with open(setting.path("out/file"), "rb") as file:
            assert file.read() == content
        os.close(keyboard)
        os.close(terminal)


def wait_for_part(path, size):
    limit = time.monotonic() + SLOW
    while time.monotonic() < limit:
        if os.path.exists(path) and os.path.getsize(path) >= size:
            return
        time.sleep(0.002)
    raise AssertionError("nothing came to " + path)


def before_in(receiver):
    """What the receiver says that it had already, in MB."""
    return float(receiver.wait_for(r"([\d.]+) MB are here already"))


def test_a_receiver_that_was_killed_goes_on(setting):
    path = setting.make("big", os.urandom(150000000))
    sender, code = setting.send(path)
    receiver = setting.receive(code, "--output", setting.path("out"))
    wait_for_part(setting.path("out/big.part"), 8000000)
    receiver.end(signal.SIGKILL)
    size = os.path.getsize(setting.path("out/big.part"))
    assert size < 150000000 and not os.path.exists(setting.path("out/big"))
    again = setting.receive(code, "--output", setting.path("out"))
    assert again.status() == DONE and sender.status() == DONE, again.text() + sender.text()
    assert abs(before_in(again) * 1e6 - size) < 1e6, again.text()
    assert filecmp.cmp(path, setting.path("out/big"), shallow=False) and os.listdir(setting.path("out")) == ["big"]


def test_a_sender_that_was_killed_goes_on(setting):
    path = setting.make("big", os.urandom(150000000))
    sender, code = setting.send(path)
    receiver = setting.receive(code, "--output", setting.path("out"))
    wait_for_part(setting.path("out/big.part"), 8000000)
    sender.end(signal.SIGKILL)
    again, same = setting.send(path, "--code", code)
    assert same == code
    assert receiver.status() == DONE and again.status() == DONE, receiver.text() + again.text()
    assert before_in(receiver) >= 8
    assert filecmp.cmp(path, setting.path("out/big"), shallow=False)


def test_a_file_that_changed_meanwhile_begins_anew(setting):
    path = setting.make("big", os.urandom(100000000))
    sender, code = setting.send(path)
    receiver = setting.receive(code, "--output", setting.path("out"))
    wait_for_part(setting.path("out/big.part"), 4000000)
    receiver.end(signal.SIGKILL)
    changed = setting.make("big", os.urandom(1000000) + b"end")
    again = setting.receive(code, "--output", setting.path("out"))
    assert again.status() == INCOMPLETE and "--yes overwrites" in again.text(), again.text()  # the part is none of this file
    sender.status()
    assert_done(transfer(setting, changed, receives=["--yes"]))
    assert filecmp.cmp(path, setting.path("out/big"), shallow=False)


def test_only_what_arrived_is_counted(setting):
    kept, changed = setting.make("kept", b"x" * 3000), setting.make("changed", b"y" * 50000)
    sender, code = setting.send(kept, changed)
    os.truncate(changed, 20000)
    receiver = setting.receive(code, "--output", setting.path("out"))
    assert receiver.status() == INCOMPLETE and "received 1 file, 3.00 kB in" in receiver.text(), receiver.text()
    assert sender.status() == INCOMPLETE and "what did: 1 file, 3.00 kB" in sender.text(), sender.text()
    assert os.listdir(setting.path("out")) != [] and not os.path.exists(setting.path("out/changed"))


def test_a_stream_goes_on_after_the_receiver_was_killed(setting):
    data = random.Random(5).randbytes(60000000)
    sender, code = setting.send("-", "--name", "stream", stdin=open(setting.make("data", data), "rb"))
    receiver = setting.receive(code, "--output", setting.path("out"))
    wait_for_part(setting.path("out/stream.part"), 4000000)
    receiver.end(signal.SIGKILL)
    again = setting.receive(code, "--output", setting.path("out"))
    assert again.status() == DONE and sender.status() == DONE, again.text() + sender.text()
    with open(setting.path("out/stream"), "rb") as file:
        assert file.read() == data


def test_a_rendezvous_that_goes_and_comes_back_is_found_again(setting):
    sender, code = setting.send(setting.make("file", b"content"))
    setting.servers[0].end(signal.SIGKILL)
    time.sleep(0.5)
    setting.serve("serve-again", setting.port)
    receiver = setting.receive(code, "--output", setting.path("out"))
    assert receiver.status() == DONE and sender.status() == DONE, receiver.text() + sender.text()


def other_code(code):
    """A code for the same room."""
    return subprocess.run([TALKER, "make", code[:4], code], capture_output=True, text=True, timeout=SLOW).stdout.strip()


def test_a_wrong_secret_is_refused(setting):
    sender, code = setting.send(setting.make("secret-name", b"secret"))
    stranger = setting.receive(other_code(code), "--output", setting.path("stolen"))
    assert stranger.status() == UNPROVEN and "the code is wrong" in stranger.text(), stranger.text()
    assert "secret-name" not in stranger.text() and os.listdir(setting.path("stolen")) == []
    sender.wait_for("was turned away")
    receiver = setting.receive(code, "--output", setting.path("out"))  # who knows it is served still
    assert receiver.status() == DONE and sender.status() == DONE, receiver.text() + sender.text()


def test_a_rendezvous_in_the_middle_learns_nothing(setting):
    port = setting.serve("other")
    sender, code = setting.send(setting.make("secret-name", b"secret"))
    middle = setting.run("middle", [MIDDLE, "send-" + code[:4], str(setting.port), str(port)])
    receiver = setting.receive(code, "--output", setting.path("out"), url="ws://127.0.0.1:%d" % port)
    assert receiver.status() == UNPROVEN, receiver.text()
    sender.wait_for("was turned away")
    types = [json.loads(line)["type"] for line in middle.text().splitlines()]
    assert types == ["hello", "unproven"], middle.text()
    assert os.listdir(setting.path("out")) == [] and sender.process.poll() is None


def offer(*entries, count=None, size=0):
    return [json.dumps({"type": "offer", "entries": count or len(entries), "bytes": size}), json.dumps({"type": "entries", "entries": entries})]


def entry(path, **members):
    return {"path": path, "size": 5, "mode": 0o644, "mtime_ns": 0, **members}


def hostile_sender(setting, lines, *arguments):
    """What a receiver makes of it: its status and messages, and all that it left in its directory."""
    code = other_code("5555")
    receiver = setting.receive(code, "--output", setting.path("out"), *arguments)
    receiver.wait_for("")
    setting.talk("send", code, lines)
    status = receiver.status()
    return status, receiver.text(), contents(setting.path("out"))


def test_paths_that_lead_out_are_refused(setting):
    setting.make("outside/file", b"precious")
    before = contents(setting.directory)
    for path in ("../outside/file", "/tmp/peer-send-evil", "a/../../outside/file", "..", ".", "", "a//b", "a/", "./a", "a\u0000b", "a\nb", "\u001b[2J",
                 "x" * 256, "y/" * 3000 + "z"):
        status, text, left = hostile_sender(setting, offer(entry(path)) + [json.dumps({"type": "file", "entry": 0, "from": 0}), "bytes 5 x"])
        assert status == INCOMPLETE and ("leads out" in text or "breaks the protocol" in text) and left == {}, (path, text, left)
        assert "\x1b" not in text
    after = {path: what for path, what in contents(setting.directory).items() if path in before and ".log" not in path and path != "out"}
    assert after == {path: what for path, what in before.items() if ".log" not in path}
    assert not os.path.exists("/tmp/peer-send-evil")


def test_symbolic_links_are_not_followed(setting):
    setting.make("outside/file", b"precious")
    os.makedirs(setting.path("out"))
    os.symlink(setting.path("outside"), setting.path("out/dir"))
    os.symlink(setting.path("outside/file"), setting.path("out/link"))
    os.symlink(setting.path("outside/file"), setting.path("out/file.part"))
    digest = hashlib.sha256(b"xxxxx").hexdigest()
    for path in ("dir/file", "link", "file"):
        lines = offer(entry(path)) + ["wait go", json.dumps({"type": "file", "entry": 0, "from": 0}), "bytes 5 x",
                                      json.dumps({"type": "end", "entry": 0, "sha256": digest}), json.dumps({"type": "complete"}), "wait result",
                                      json.dumps({"type": "bye"})]
        status, text, _ = hostile_sender(setting, lines, "--yes")
        assert status == (INCOMPLETE if path == "dir/file" else DONE), text
    assert contents(setting.path("outside")).keys() == {"file"}
    with open(setting.path("outside/file"), "rb") as file:
        assert file.read() == b"precious"
    for path in ("link", "file"):  # a link that was in the way was replaced, not followed
        assert not os.path.islink(setting.path("out", path))


def test_offers_that_make_no_sense_are_refused(setting):
    huge = (1 << 63) - 1
    cases = [(offer(entry("a", size=huge), entry("b", size=huge)), "no room"),
             (offer(entry("a", size=-5)), "no size"), (offer(entry("a", size="5")), "no size"), (offer(entry("a", size=1.5)), "no size"),
             (offer(entry("a"), entry("a")), "twice"), (offer(entry("a"), entry("a/b")), "twice"),
             (offer(entry("a"), entry("b"), count=1), "more than it said"), (offer(count=1 << 40), "too many files"),
             (offer(count=-1), "makes no sense"), (['{"type":"offer"}'], "makes no sense"), (["[]"], "breaks the protocol"),
             (["bytes 100 x"], "breaks the protocol"), (offer(5), "leads out"), (offer({"path": 5}), "leads out")]
    for lines, reason in cases:
        status, text, left = hostile_sender(setting, lines)
        assert status == INCOMPLETE and reason in text and left == {}, (lines, text, left)


def test_bytes_that_were_not_agreed_are_refused(setting):
    begin = offer(entry("a")) + ["wait go"]
    file = json.dumps({"type": "file", "entry": 0, "from": 0})
    for lines in (["bytes 5 x"], [json.dumps({"type": "file", "entry": 7, "from": 0})], [json.dumps({"type": "file", "entry": 0, "from": 3})],
                  [file, file], [file, "bytes 6 x"], [file, "bytes 5000000 x"], [json.dumps({"type": "end", "entry": 0, "sha256": "x"})],
                  [file, json.dumps({"type": "complete"})], ["{}"]):
        status, text, left = hostile_sender(setting, begin + lines)
        assert status == INCOMPLETE and "breaks the protocol" in text and "a" not in left, (lines, text, left)
        shutil.rmtree(setting.path("out"), ignore_errors=True)


def test_what_is_not_what_was_sent_is_kept_apart(setting):
    lines = offer(entry("a"), entry("b")) + ["wait go"]
    for number, digest in ((0, hashlib.sha256(b"other").hexdigest()), (1, hashlib.sha256(b"yyyyy").hexdigest())):
        lines += [json.dumps({"type": "file", "entry": number, "from": 0}), "bytes 5 " + "xy"[number],
                  json.dumps({"type": "end", "entry": number, "sha256": digest})]
    lines += [json.dumps({"type": "complete"}), "wait result", json.dumps({"type": "bye"})]
    status, text, left = hostile_sender(setting, lines)
    assert status == INCOMPLETE and "SHA-256 differs" in text, text
    assert left.keys() == {"a.part", "b"}, left


def test_a_hostile_receiver_gets_what_was_offered_and_no_more(setting):
    path = setting.make("file", b"12345")
    setting.make("secret", b"not offered")
    for line in ('{"type":"want","ranges":[[0,2,0]]}', '{"type":"want","ranges":[[-1,1,0]]}', '{"type":"want","ranges":[[0,1,3]]}',
                 '{"type":"want","ranges":[[1,9223372036854775807,0]]}', '{"type":"check","entry":1,"bytes":3,"sha256":"x"}',
                 '{"type":"check","entry":0,"bytes":3}', '{"type":"nonsense"}', "bytes 10 x", "[]"):
        sender, code = setting.send(path)
        heard = setting.talk("receive", code, ["wait entries", line])
        assert sender.status() == INCOMPLETE and "breaks the protocol" in sender.text(), (line, sender.text())
        assert "secret" not in heard and "abort" in heard, heard


def test_programs_are_told_in_json(setting):
    path = setting.make("file", os.urandom(3000000))
    sender = setting.run("send", [PROGRAM, "--json", "--rendezvous", setting.url, path])
    code = json.loads(sender.wait_for(r'(\{"event": ?"code".*\})'))["code"]
    receiver = setting.receive(code, "--json", "--output", setting.path("out"))
    assert receiver.status() == DONE and sender.status() == DONE, receiver.text() + sender.text()
    for process, wanted in ((sender, {"code", "connected", "progress", "done"}), (receiver, {"connected", "offer", "progress", "file", "done"})):
        events = [json.loads(line) for line in process.text().splitlines()]
        assert wanted <= {event["event"] for event in events}, events
        done = [event for event in events if event["event"] == "done"][0]
        assert done["status"] == 0 and done["files"] == 1 and done["bytes"] == 3000000, done
        assert [event["path"] for event in events if event["event"] == "connected"] == ["direct"]


def test_codes_are_forgiving_and_slips_are_noticed(setting):
    sender, code = setting.send(setting.make("file", b"x"))
    wrong = code[:-1] + ("b" if code[-1] != "b" else "d")
    slip = setting.receive(wrong)
    assert slip.status() == USAGE and "has a slip in it" in slip.text(), slip.text()
    spoken = code.upper().replace("K", "C").replace("I", "Y").split("-")
    receiver = setting.run("receive", [PROGRAM, "--rendezvous", setting.url, "-o", setting.path("out"), "get", *spoken])
    assert receiver.status() == DONE and sender.status() == DONE, receiver.text()
    sender, code = setting.send(setting.make("file", b"y"))
    short = setting.run("receive", [PROGRAM, code, "-y", "-o", setting.path("out")], environment={**os.environ, "PEER_RENDEZVOUS": setting.url})
    assert short.status() == DONE and sender.status() == DONE, short.text()


def test_every_failure_has_its_status_and_says_what_to_do(setting):
    cases = [(["no-such-file"], USAGE, "cannot be sent"), (["receive", "nonsense"], USAGE, "is no code"), (["--nonsense"], USAGE, "--help"),
             (["--rendezvous", "nonsense", "x"], USAGE, "ws://HOST:PORT"), (["--ice-server", "nonsense", PROGRAM], USAGE, "Give --ice-server"),
             (["--rendezvous", "ws://127.0.0.1:1", PROGRAM], NOT_CONNECTED, "peer-send serve"),
             (["--rendezvous", "ws://127.0.0.1:1", PROGRAM], NOT_CONNECTED, "127.0.0.1:1 is not there yet"), ([PROGRAM, PROGRAM], USAGE, "are called"),
             (["--rendezvous", setting.url, "--wait", "0.3", PROGRAM], NOT_CONNECTED, "nobody came")]
    for arguments, status, text in cases:
        process = setting.run("wrong", [PROGRAM, *arguments])
        assert process.status() == status and text in process.text(), (arguments, process.text())
    sender, code = setting.send(PROGRAM)
    unwritable = setting.receive(code, "--output", "/proc/no/where")
    assert unwritable.status() == USAGE and "cannot be used" in unwritable.text(), unwritable.text()


def main():
    tests = [(name[5:], function) for name, function in globals().items() if name.startswith("test_")]
    if len(sys.argv) > 4 and "/" in sys.argv[4]:
        part, parts = map(int, sys.argv[4].split("/"))
        tests = tests[part - 1::parts]
    elif len(sys.argv) > 4:
        tests = [(name, function) for name, function in tests if sys.argv[4] in name]
    failures = 0
    print("1..%d" % len(tests))
    for number, (name, function) in enumerate(tests, 1):
        setting = Setting()
        try:
            function(setting)
            print("ok %d %s" % (number, name), flush=True)
        except Exception:  # every failure is one line and its details
            failures += 1
            print("not ok %d %s" % (number, name))
            print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "), flush=True)
        setting.close()
    return failures != 0


sys.exit(main())
