#!/usr/bin/env python3
"""Tests whole calls between `peer-call join` processes on this machine: call_test.py PEER_CALL. Prints TAP."""
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM = os.path.abspath(sys.argv[1])
SLOW = 120  # seconds after which something hangs
REPORT_KEYS = {"state", "timing_ms", "selected_pair", "dtls", "srtp", "ice", "stats", "received"}
RECEIVED_KEYS = {"video_frames", "video_frames_distinct", "video_psnr_db", "audio_seconds", "audio_level_dbfs", "data_messages", "data_bytes", "shared_frames",
                 "shared_frames_distinct"}


class Process:
    """A peer-call whose output goes to a file, so that a test can wait for a line of it."""

    def __init__(self, directory, name, *arguments):
        self.log = os.path.join(directory, name + ".log")
        with open(self.log, "w") as out:
            self.process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def text(self):
        with open(self.log, errors="replace") as log:  # what is being written may end within a character
            return log.read()

    def wait_for(self, pattern, times=1):
        limit = time.monotonic() + SLOW
        while time.monotonic() < limit:
            has_ended = self.process.poll() is not None  # before its text is read, which is whole then
            found = re.findall(pattern, self.text())
            if len(found) >= times:
                return found[-1]
            if has_ended:
                break
            time.sleep(0.02)
        raise AssertionError("no line with %r in:\n%s" % (pattern, self.text()))

    def status(self):
        return self.process.wait(SLOW)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.status()


class Setting:
    """A directory, a rendezvous in it, and what joins there."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="peer-call-test-")
        self.processes = []
        self.serve = self.run("serve", "serve", "--listen", "127.0.0.1:0")
        self.port = int(self.serve.wait_for(r"on port (\d+)"))
        self.joined = 0

    def run(self, name, *arguments):
        process = Process(self.directory, name, *arguments)
        self.processes.append(process)
        return process

    def join(self, room, *arguments):
        self.joined += 1
        return self.run("join%d" % self.joined, "join", "ws://127.0.0.1:%d/%s" % (self.port, room), "--show", "none", *arguments)

    def path(self, name):
        return os.path.join(self.directory, name)

    def report(self, name):
        with open(self.path(name)) as file:
            return json.load(file)

    def close(self):
        for process in self.processes:
            if process.process.poll() is None:
                process.process.kill()
                process.process.wait()
        shutil.rmtree(self.directory)


def recorded(folder):
    """How many pictures and how many bytes of sound have been recorded."""
    pictures = 0
    try:
        with open(os.path.join(folder, "video.ivf"), "rb") as file:
            file.seek(32)
            while len(head := file.read(12)) == 12:
                file.seek(int.from_bytes(head[:4], "little"), os.SEEK_CUR)
                pictures += 1
        return pictures, os.path.getsize(os.path.join(folder, "audio.wav"))
    except FileNotFoundError:
        return pictures, 0


def wait_until(condition):
    limit = time.monotonic() + SLOW
    while not condition():
        assert time.monotonic() < limit, "what was waited for has not come"
        time.sleep(0.02)


def test_a_call_carries_everything_and_reports_it(setting):
    data = os.urandom(3000000)
    with open(setting.path("data.bin"), "wb") as file:
        file.write(data)
    first = setting.join("all", "--report", setting.path("a.json"), "--say", "hello", "--say", "again", "--send-file", setting.path("data.bin"),
                         "--record", setting.path("recorded-a"), "--trace", setting.path("a.pcapng"))
    first.wait_for("in the room")
    second = setting.join("all", "--report", setting.path("b.json"), "--say", "hi", "--record", setting.path("recorded"))
    for folder in ("recorded-a", "recorded"):  # 80 pictures, of which one or the other may be the same; three seconds of stereo
        wait_until(lambda: recorded(setting.path(folder))[0] >= 80 and recorded(setting.path(folder))[1] >= 3 * 48000 * 4)
    wait_until(lambda: os.path.exists(setting.path("recorded/data.bin")) and os.path.getsize(setting.path("recorded/data.bin")) == len(data))
    second.wait_for("them: again")
    first.wait_for("them: hi")
    assert first.interrupt() == 0 and second.interrupt() == 0, first.text() + second.text()
    for name, messages in (("a.json", 1), ("b.json", 2)):
        report = setting.report(name)
        assert set(report) == REPORT_KEYS and set(report["received"]) == RECEIVED_KEYS
        received, timing = report["received"], report["timing_ms"]
        assert report["state"] == "connected" or name == "b.json", report["state"]  # the first has hung up before it
        assert set(timing) == {"ice_connected", "dtls_connected", "first_audio", "first_video"}
        assert 0 < timing["ice_connected"] <= timing["dtls_connected"] <= timing["first_video"], timing
        assert received["video_frames_distinct"] >= 40 and received["video_psnr_db"] > 30, received
        assert received["audio_seconds"] > 2 and -40 < received["audio_level_dbfs"] < -5, received
        assert received["data_messages"] >= messages
        assert report["selected_pair"]["local"]["type"] in ("host", "prflx") and report["selected_pair"]["remote"]["port"] > 0
        assert report["ice"]["conclusion"]["verdict"] == "connected-direct", report["ice"]["conclusion"]
        assert report["dtls"]["version"] in ("1.2", "1.3") and report["dtls"]["cipher"] and report["srtp"]
        assert {"transport", "inbound-rtp", "outbound-rtp", "candidate-pair", "codec"} <= {s["type"] for s in report["stats"]}
    assert {setting.report("a.json")["dtls"]["role"], setting.report("b.json")["dtls"]["role"]} == {"client", "server"}
    assert "them: hello" in second.text() and "them: again" in second.text() and "them: hi" in first.text()
    with open(setting.path("recorded/data.bin"), "rb") as file:
        assert file.read() == data
    with open(setting.path("recorded/video.ivf"), "rb") as file:
        head = file.read(32)
        assert head[:4] == b"DKIF" and head[8:12] == b"VP80"
    with open(setting.path("recorded/audio.wav"), "rb") as file:
        assert file.read(4) == b"RIFF"
    if shutil.which("tshark"):
        protocols = subprocess.run(["tshark", "-r", setting.path("a.pcapng"), "-T", "fields", "-e", "_ws.col.Protocol"],
                                   capture_output=True, text=True, timeout=SLOW).stdout.split()
        assert {"RTP", "RTCP", "SCTP", "RTCDC"} <= set(protocols), set(protocols)


def test_who_leaves_may_come_back(setting):
    first = setting.join("back")
    first.wait_for("in the room")
    for visit in (1, 2):
        second = setting.join("back", "--seconds", "1.5", "--say", "visit %d" % visit)
        assert second.status() == 0, second.text()
        first.wait_for("the other side has left", visit)
    assert len(re.findall("connected after", first.text())) == 2
    third = setting.join("back")
    first.wait_for("connected after", 3)
    time.sleep(1)
    assert first.interrupt() == 0, first.text()  # the first may leave as well
    third.wait_for("the other side has left")
    assert third.interrupt() == 0, third.text()


def test_data_goes_without_media(setting):
    nothing = ("--video", "none", "--audio", "none", "--seconds", "1.5")
    first = setting.join("data", *nothing, "--say", "only words")
    first.wait_for("in the room")
    second = setting.join("data", *nothing, "--report", setting.path("data.json"))
    assert first.status() == 0 and second.status() == 0, first.text() + second.text()
    received = setting.report("data.json")["received"]
    assert received["video_frames"] == 0 and received["audio_seconds"] == 0 and received["data_messages"] == 1


def test_a_call_changes_while_it_is_on(setting):
    deeds = ["1:camera off", "2:camera on", "3:share test", "4.5:share off", "5:share test", "6:hold", "7.5:resume", "8.5:source test", "9:mute", "9.5:restart"]
    first = setting.join("live", "--seconds", "11", "--report", setting.path("live-a.json"), *(word for deed in deeds for word in ("--do", deed)))
    first.wait_for("in the room")
    second = setting.join("live", "--seconds", "11", "--report", setting.path("live-b.json"))
    assert first.status() == 0 and second.status() == 0, first.text() + second.text()
    said = ["the camera is off", "the camera is on", "test is shared", "nothing is shared any more", "test is shared", "the call is on hold",
            "the call goes on", "the picture comes from test", "the microphone is muted", "a new way is looked for"]
    assert re.findall("^(?:%s)" % "|".join(sorted(set(said))), first.text(), re.M) == said, first.text()
    heard = ["picture comes", "picture stops", "picture comes", "shared picture comes", "shared picture stops", "shared picture has ended",
             "shared picture comes", "sound stops", "sound comes"]
    rest = iter(re.findall("^the other side's (.*)$", second.text(), re.M))
    assert all(one in rest for one in heard), second.text()  # in this order, others between them
    a, b = setting.report("live-a.json"), setting.report("live-b.json")
    assert b["received"]["shared_frames_distinct"] > 30 and b["received"]["video_frames_distinct"] > 100, b["received"]
    assert a["received"]["video_frames_distinct"] > b["received"]["video_frames_distinct"] and a["received"]["shared_frames"] == 0, a["received"]
    sections = {stat["mid"] for stat in b["stats"] if stat["type"] == "inbound-rtp"}
    assert len(sections) == 3, sections  # what was shared the second time has the place of the first
    for report in (a, b):
        ufrags = {stat.get("iceLocalUsernameFragment") for stat in report["stats"] if stat["type"] == "transport"}
        assert len(ufrags) == 1 and report["state"] == "connected", ufrags


def test_a_deed_that_makes_no_sense_is_told_at_once(setting):
    for wrong in ("hold", "x:hold", "1:dance", "1:camera", "-1:hold", "1:mute now"):
        usage = setting.join("wrong", "--do", wrong)
        assert usage.status() == 1 and "--do" in usage.text(), usage.text()


def test_media_may_go_one_way(setting):
    first = setting.join("one", "--video", "none", "--audio", "none", "--seconds", "2", "--report", setting.path("one.json"))
    first.wait_for("in the room")
    second = setting.join("one", "--seconds", "2", "--report", setting.path("two.json"))
    assert first.status() == 0 and second.status() == 0, first.text() + second.text()
    assert setting.report("one.json")["received"]["video_frames"] > 10
    assert setting.report("two.json")["received"]["video_frames"] == 0


def test_a_third_is_told_that_the_room_is_full(setting):
    first = setting.join("full")
    first.wait_for("in the room")
    second = setting.join("full")
    second.wait_for("connected after")
    third = setting.join("full")
    assert third.status() == 2 and "two are in this room already" in third.text()
    assert second.interrupt() in (0, 3) and first.interrupt() in (0, 3)


def test_a_connection_over_which_not_everything_went_has_a_status_of_its_own(setting):
    with open(setting.path("much.bin"), "wb") as file:
        file.truncate(1 << 30)
    first = setting.join("part", "--send-file", setting.path("much.bin"))
    first.wait_for("in the room")
    second = setting.join("part", "--report", setting.path("part.json"))
    second.wait_for("connected after")
    assert first.interrupt() == 3 and re.search("did not go through: .*a file", first.text()), first.text()
    second.wait_for("the other side has left")
    assert second.interrupt() in (0, 3), second.text()


def test_every_failure_has_its_status_and_says_what_to_do(setting):
    alone = setting.join("alone", "--wait", "0.5", "--report", setting.path("alone.json"))
    assert alone.status() == 2 and "nobody came" in alone.text()
    assert setting.report("alone.json")["state"] == "new"
    unreachable = setting.run("unreachable", "join", "ws://127.0.0.1:1/x", "--show", "none")
    assert unreachable.status() == 2 and "Is peer-call serve running there" in unreachable.text()
    unknown = setting.run("unknown", "join", "ws://no-such-host.invalid:8080/x", "--show", "none")
    assert unknown.status() == 2 and "no-such-host.invalid:8080 cannot be reached" in unknown.text(), unknown.text()
    for number, wrong in enumerate((["--video", "/etc/passwd"], ["--ice-server", "nonsense"], ["--trace", "/no/such/directory/x"],
                                    ["--report", "/no/such/directory/x"], ["--record", "/etc/passwd"])):
        usage = setting.join("wrong%d" % number, *wrong)
        assert usage.status() == 1 and "Give --" in usage.text(), usage.text()


def test_explain_says_which_way_a_call_took(setting):
    first = setting.join("explained", "--explain", "--seconds", "2")
    first.wait_for("in the room")
    second = setting.join("explained", "--seconds", "2")
    assert first.status() == 0 and second.status() == 0, first.text() + second.text()
    assert "The call goes directly, within this host." in first.text() and "Local candidates:" in first.text(), first.text()
    assert "Local candidates:" not in second.text()


def test_explain_says_why_there_is_no_way(setting):
    first = setting.join("nowhere", "--explain", "--relay-only", "--seconds", "1", "--report", setting.path("nowhere.json"))
    first.wait_for("in the room")
    second = setting.join("nowhere", "--relay-only", "--seconds", "1")
    assert first.status() == 2 and second.status() == 2, first.text() + second.text()
    assert "Only relayed candidates are allowed here, and no TURN server is configured." in first.text(), first.text()
    codes = {finding["code"] for finding in setting.report("nowhere.json")["ice"]["conclusion"]["findings"]}
    assert "no-local-candidates" in codes, codes


def test_servers_of_the_rendezvous_are_for_those_who_bring_none(setting):
    serve = setting.run("helpful", "serve", "--listen", "127.0.0.1:0", "--ice-server", "turn:127.0.0.1:9", "--user", "u", "--password", "p")
    room = "ws://127.0.0.1:%s/r" % serve.wait_for(r"on port (\d+)")
    first = setting.run("first", "join", room, "--show", "none", "--seconds", "2", "--report", setting.path("first.json"))
    first.wait_for("in the room")
    second = setting.run("second", "join", room, "--show", "none", "--seconds", "2", "--report", setting.path("second.json"),
                         "--ice-server", "stun:127.0.0.1:9")
    assert first.status() == 0 and second.status() == 0, first.text() + second.text()
    urls = [{server["url"] for server in setting.report(name)["ice"]["servers"]} for name in ("first.json", "second.json")]
    assert urls == [{"turn:127.0.0.1:9"}, {"stun:127.0.0.1:9"}], urls
    refused = setting.run("refused", "serve", "--listen", "127.0.0.1:0", "--ice-server", "turn:127.0.0.1")
    assert refused.status() == 1 and "user name" in refused.text(), refused.text()


def free_ports(count):
    """Ports that nobody uses, outside the range from which the system gives ports to whoever wants any."""
    found = []
    for port in random.SystemRandom().sample(range(15000, 32000), 17000):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


def wait_until_answered(server, port, log):
    """Until the STUN server answers a Binding request, and listens for TLS too."""
    request = bytes.fromhex("000100002112a442") + os.urandom(12)
    limit = time.monotonic() + SLOW
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.05)
        client.connect(("127.0.0.1", port))
        while time.monotonic() < limit and server.poll() is None:
            try:
                client.send(request)
                if client.recv(1500)[8:20] == request[8:]:
                    return
            except (ConnectionRefusedError, socket.timeout):
                pass
    with open(log, errors="replace") as text:
        raise AssertionError("coturn does not answer:\n" + text.read()[-2000:])


def test_relay_only_goes_through_the_turn_server_and_nothing_else(setting):
    if shutil.which("turnserver") is None or shutil.which("openssl") is None:
        assert "CI" not in os.environ, "coturn or openssl is not installed"
        return "SKIP coturn or openssl is not installed"
    port, tls_port = free_ports(2)
    log, certificate, key = setting.path("turn.log"), setting.path("certificate.pem"), setting.path("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", key,
                    "-out", certificate, "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, stderr=subprocess.DEVNULL)
    with open(log, "w") as out:
        turn = subprocess.Popen(["turnserver", "-n", "--no-cli", "--log-file=stdout", "--simple-log", "--listening-ip=127.0.0.1",
                                 "--relay-ip=127.0.0.1", "--listening-port=%d" % port, "--tls-listening-port=%d" % tls_port,
                                 "--cert=" + certificate, "--pkey=" + key, "--lt-cred-mech", "--user=me:secret", "--realm=test",
                                 "--allow-loopback-peers", "--pidfile=" + setting.path("turn.pid"), "--userdb=" + setting.path("turn.db")],
                                stdout=out, stderr=out)
    try:
        wait_until_answered(turn, port, log)
        server = ["--ice-server", "turn:127.0.0.1:%d" % port, "--ice-user", "me", "--relay-only", "--seconds", "4"]
        first = setting.join("relayed", *server, "--ice-password", "secret", "--explain", "--report", setting.path("relayed.json"))
        first.wait_for("in the room")
        second = setting.join("relayed", *server, "--ice-password", "secret")
        assert first.status() == 0 and second.status() == 0, first.text() + second.text()
        assert "The call goes through the relay turn:127.0.0.1:%d" % port in first.text(), first.text()
        pairs = setting.report("relayed.json")["ice"]["pairs"]
        assert pairs and all(pair["local"]["type"] == "relay" for pair in pairs), pairs
        third = setting.join("refused", *server, "--ice-password", "wrong", "--explain")
        third.wait_for("in the room")
        setting.join("refused", *server, "--ice-password", "secret")
        assert third.status() == 2 and "refused the user name or password (401)" in third.text(), third.text()
        secured = ["--ice-server", "turns:127.0.0.1:%d" % tls_port, "--ice-user", "me", "--ice-password", "secret", "--relay-only", "--seconds", "4"]
        fourth = setting.join("secured", *secured, "--ca-file", certificate, "--explain")
        fourth.wait_for("in the room")
        fifth = setting.join("secured", "--seconds", "4")
        assert fourth.status() == 0 and fifth.status() == 0, fourth.text() + fifth.text()
        assert "relay turns:127.0.0.1:%d, reached over tls" % tls_port in fourth.text(), fourth.text()
        sixth = setting.join("unknown", *secured, "--explain")
        sixth.wait_for("in the room")
        setting.join("unknown", "--seconds", "4")
        assert sixth.status() == 2 and "certificate of 127.0.0.1 is signed by itself" in sixth.text(), sixth.text()
    finally:
        turn.terminate()
        turn.wait()


def main():
    tests = [(name[5:], function) for name, function in globals().items() if name.startswith("test_")]
    failures = 0
    print("1..%d" % len(tests))
    for number, (name, function) in enumerate(tests, 1):
        setting = Setting()
        try:
            skipped = function(setting)
            print("ok %d %s%s" % (number, name, " # " + skipped if skipped else ""), flush=True)
        except Exception:  # every failure is one line and its details
            failures += 1
            print("not ok %d %s" % (number, name))
            print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "), flush=True)
        setting.close()
    return failures != 0


sys.exit(main())
