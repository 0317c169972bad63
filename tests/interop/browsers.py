"""Real browsers on the page that peer-call serves, each as offerer and as answerer."""
import hashlib
import os
import sys
import time

import descriptions
from chromium import Chromium
from firefox import Firefox
from peer_call import Rendezvous, Side, judge_report

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
import test_picture  # noqa: E402

CALL_SECONDS = 15    # what has not come by then is missing
STILL_SECONDS = 4    # long enough for a picture that moves to show that it does
FRAMES = 40          # pictures with numbers that the browser must have shown, and pictures that we must have decoded
SOUND_SECONDS = 1.5
FILE_SIZE = 300000   # more than one SCTP window's worth of data each way

# What the browser itself says of the call.
READ_PAGE = """
const call = window.peerCall, stats = await call.getStats().catch(() => []);
const ask = what => { try { return what(); } catch { return null; } }; // Firefox refuses to tell of a connection that is closed
const inbound = kind => stats.find(one => one.type === 'inbound-rtp' && one.kind === kind) ?? {};
const outbound = kind => stats.find(one => one.type === 'outbound-rtp' && one.kind === kind) ?? {};
const code = call.readCode();
return {
  state: call.pc?.connectionState, ice: call.pc?.iceConnectionState, gathering: call.pc?.iceGatheringState, signaling: call.pc?.signalingState,
  role: ask(() => call.pc.currentLocalDescription.type),
  local: ask(() => call.pc.currentLocalDescription.sdp), remote: ask(() => call.pc.currentRemoteDescription.sdp),
  framesDecoded: inbound('video').framesDecoded ?? 0, videoPackets: inbound('video').packetsReceived ?? 0,
  audioPackets: inbound('audio').packetsReceived ?? 0, audioEnergy: inbound('audio').totalAudioEnergy ?? null,
  videoCodec: stats.find(one => one.id === inbound('video').codecId)?.mimeType ?? null,
  videoSent: outbound('video').framesSent ?? 0, audioSent: outbound('audio').packetsSent ?? 0,
  numbers: call.received.numbers.size, number: code?.number ?? null, level: call.readLevel(),
  messages: call.messages, files: call.files.map(({name, size, sha256}) => ({name, size, sha256})), troubles: call.troubles,
  transport: (({dtlsState, tlsVersion, dtlsCipher, srtpCipher, dtlsRole}) => ({dtlsState, tlsVersion, dtlsCipher, srtpCipher, dtlsRole}))(
    stats.find(one => one.type === 'transport') ?? {}),
};"""
SEND = """
window.peerCall.say('hello from the browser');
const bytes = new Uint8Array(%d).map((_, i) => i * 7 + (i >> 8));
window.peerCall.sendFile(new File([bytes], 'browser.bin'));
return true;""" % FILE_SIZE


def file_content():
    return bytes((i * 7 + (i >> 8)) & 255 for i in range(FILE_SIZE))


def wait_until(browser, page, condition, seconds):
    """Waits for a JavaScript condition on window.peerCall; False when it did not come true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if browser.evaluate(page, f"const call = window.peerCall; return !!call && !!({condition});"):
            return True
        time.sleep(0.1)
    return False


def brief(state):
    return {key: value for key, value in (state or {}).items() if key not in ("local", "remote")}


def judge_page(page, is_browser_offering):
    problems = []
    if page["role"] != ("offer" if is_browser_offering else "answer"):
        problems.append(f"the browser's description is of type {page['role']}")
    least = {"framesDecoded": FRAMES, "videoPackets": FRAMES, "audioPackets": 50 * SOUND_SECONDS, "numbers": FRAMES, "level": -60, "videoSent": FRAMES,
             "audioSent": 50 * SOUND_SECONDS}
    problems += [f"browser: {name} is {page[name]}, not {value} or more" for name, value in least.items() if page[name] < value]
    if page["audioEnergy"] is not None and page["audioEnergy"] <= 0:
        problems.append("browser: totalAudioEnergy is 0")
    if page["videoCodec"] not in ("video/VP8", None):
        problems.append(f"browser: the picture is {page['videoCodec']}")
    if {"mine": False, "text": "hello"} not in page["messages"]:
        problems.append(f"browser: messages {page['messages']}")
    if not any(file["size"] == FILE_SIZE and file["sha256"] == hashlib.sha256(file_content()).hexdigest() for file in page["files"]):
        problems.append(f"browser: files {page['files']}")
    return problems + [f"browser: {trouble}" for trouble in page["troubles"]]


def judge_files(folder):
    try:
        with open(os.path.join(folder, "browser.bin"), "rb") as file:
            return [] if file.read() == file_content() else ["libpeer: the file from the browser is another"]
    except OSError as error:
        return [f"libpeer: {error}"]


def has_sent_enough(state, side):
    """Whether the browser has sent half as much again as libpeer must have of it, and libpeer says that it has the file."""
    return state["videoSent"] >= 1.5 * FRAMES and state["audioSent"] >= 1.5 * 50 * SOUND_SECONDS and any("received browser.bin" in line for line in side.lines)


def browser_case(browser, rendezvous, build, room, is_browser_offering, query, *options, prefix=(), judge=lambda report: [], seconds=CALL_SECONDS):
    """The one who is in the room first makes the offer that stands; the other one answers. libpeer hangs up when all has come, or after so many
    seconds. `prefix` starts peer-call elsewhere, judge() looks at its report too."""
    url = f"http://{rendezvous.authority}/{room}{query}"
    page = side = state = None
    files = os.path.join(build, "interop", "files-" + room)
    os.makedirs(files, exist_ok=True)
    sent = os.path.join(files, "libpeer.bin")
    with open(sent, "wb") as file:
        file.write(file_content())
    join = lambda: Side(build, rendezvous, room, seconds + 5, "--say", "hello", "--send-file", sent, "--record", os.path.join(files, "received"), *options, prefix=prefix)
    try:
        if is_browser_offering:
            page = browser.open(url)
            if not wait_until(browser, page, "call.state === 'waiting'", 15):
                return [f"the page does not get into the room: {browser.evaluate(page, 'return [window.peerCall?.state, window.peerCall?.troubles]')}"]
            side = join()
        else:
            side = join()
            side.wait_for("in the room")
            page = browser.open(url)
        if not wait_until(browser, page, "call.state === 'connected' && call.messages.some(one => !one.mine)", 12):
            return ["no connection, or no message", brief(browser.evaluate(page, READ_PAGE)), *side.lines[-12:]]
        browser.evaluate(page, SEND)
        # The last look is before libpeer hangs up: the page forgets a call that has ended.
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and side.process.poll() is None:
            latest = browser.evaluate(page, READ_PAGE)
            if latest["state"] != "connected":
                break
            state = latest
            if not judge_page(state, is_browser_offering) and has_sent_enough(state, side):
                break
            time.sleep(0.1)
        status = side.hang_up()
        problems = [] if status == 0 else [f"peer-call ended with status {status}"]
        problems += judge_page(state, is_browser_offering) if state else ["the page was never read"]
        problems += judge_report(side.report(), "libpeer", FRAMES, SOUND_SECONDS, loudness=-50 if "audio=test" in query else browser.microphone_dbfs)
        problems += judge(side.report() or {})
        problems += judge_files(os.path.join(files, "received"))
        stem = f"{browser.name.lower()}-{'offer' if is_browser_offering else 'answer'}"
        if state and state["local"]:
            problems += descriptions.save_and_check(stem, state["local"], build)
        if problems:
            problems += [brief(state), (side.report() or {}).get("received"), *side.lines[-12:]]
        return problems
    finally:
        if side is not None:
            side.kill()
        if page is not None:
            browser.leave(page)


# What the page sees of a call that changes.
READ_LIVE = """
const call = window.peerCall, sections = call.pc.getTransceivers();
const inbound = (await call.getStats()).filter(one => one.type === 'inbound-rtp' && one.kind === 'video');
return {
  state: call.pc.connectionState, troubles: call.troubles, signaling: call.pc.signalingState,
  directions: sections.map(one => [one.mid, one.receiver.track.kind, one.direction, one.currentDirection]),
  live: call.remoteStream.getVideoTracks().filter(track => !track.muted).length, shared: call.remoteShared.getTracks().filter(track => !track.muted).length,
  number: call.readCode()?.number ?? null, sharedNumber: call.readSharedCode()?.number ?? null,
  sections: (call.pc.currentRemoteDescription?.sdp.match(/^m=/gm) ?? []).length, ufrag: call.pc.currentRemoteDescription?.sdp.match(/a=ice-ufrag:(.*)/)?.[1],
};"""


def live_case(browser, rendezvous, build, room, is_browser_offering):
    """Camera off and on, another source, a second picture, hold: first libpeer does it, then the page. The page judges what comes, peer-call's notes
    what it got."""
    url = f"http://{rendezvous.authority}/{room}{browser.page_media}"
    page = side = None
    problems = []
    join = lambda: Side(build, rendezvous, room, 60, "--say", "hello")

    def expect(what, condition, seconds=8):
        """Waits until a state of the page fits."""
        deadline = time.monotonic() + seconds
        state = None
        while time.monotonic() < deadline:
            state = browser.evaluate(page, READ_LIVE)
            if condition(state):
                return state
            time.sleep(0.05)
        problems.append(f"not seen: {what}; {state}")
        return state

    def deed(command, *more):
        side.type("/" + command)
        return expect(f"libpeer's {command}", *more)

    moves = lambda before, after: before is not None and after is not None and after > before
    try:
        if is_browser_offering:
            page = browser.open(url)
            if not wait_until(browser, page, "call.state === 'waiting'", 15):
                return ["the page does not get into the room"]
            side = join()
        else:
            side = join()
            side.wait_for("in the room")
            page = browser.open(url)
        if not wait_until(browser, page, "call.state === 'connected' && call.readCode()", 12):
            return ["no connection, or no picture", *side.lines[-12:]]
        deed("camera off", lambda now: now["live"] == 0)
        deed("camera on", lambda now: now["live"] == 1 and now["number"] is not None)
        first = deed("share test", lambda now: now["shared"] == 1 and now["sharedNumber"] is not None)
        expect("the shared picture moves", lambda now: moves(first["sharedNumber"], now["sharedNumber"]))
        deed("share off", lambda now: now["shared"] == 0 and now["live"] == 1)
        deed("hold", lambda now: now["live"] == 0)
        first = deed("resume", lambda now: now["live"] == 1 and now["number"] is not None)
        again = deed("share test", lambda now: now["shared"] == 1 and now["sharedNumber"] is not None)
        if first["sections"] != again["sections"]:
            problems.append(f"the m-line was not used again: {first['sections']}, {again['sections']}")
        deed("restart", lambda now: now["ufrag"] != again["ufrag"] and now["state"] == "connected" and now["signaling"] == "stable")
        for script, note in (("await window.peerCall.setCamera(false)", "the other side's picture stops"),
                             ("await window.peerCall.setCamera(true)", "the other side's picture comes"),
                             ("await window.peerCall.setSource('test')", None),
                             ("await window.peerCall.share('test')", "the other side's shared picture comes"),
                             ("await window.peerCall.share(null)", "the other side's shared picture has ended"),
                             ("window.peerCall.hold(true)", "the other side's sound stops" if "audio" in browser.page_media else "the other side's picture stops"),
                             ("window.peerCall.hold(false)", "the other side's picture comes")):
            browser.evaluate(page, script + "; return true;")
            if note is not None:
                try:
                    side.wait_for(note, 8)
                except RuntimeError as error:
                    problems.append(str(error))
        seen = expect("both are stable at the end", lambda now: now["signaling"] == "stable" and now["live"] == 1)
        problems += [f"browser: {trouble}" for trouble in seen["troubles"]]
        if seen["state"] != "connected":
            problems.append(f"the browser is {seen['state']}")
        browser.evaluate(page, "window.peerCall.hangUp(); return true;")
        side.wait_for("the other side has left", 5)
        return [*problems, seen, *side.lines[-30:]] if problems else []
    finally:
        if side is not None:
            side.kill()
        if page is not None:
            browser.leave(page)


def hidden_case(browser, rendezvous, build, room, query):
    """As browser_case, with the browser's addresses behind .local names (RFC 8828 mode 4): none of them may be in what it sends."""
    problems = browser_case(browser, rendezvous, build, room, False, query)
    with open(os.path.join(build, "interop", "sdp", f"{browser.name.lower()}-answer.sdp")) as file:
        addresses = [line.split()[4] for line in file if line.startswith("a=candidate:")]
    if not addresses or not all(address.endswith(".local") for address in addresses):
        problems.append(f"the browser's addresses are not hidden: {addresses}")
    return problems


def servers_case(browser, build):
    """The page uses the servers that its rendezvous names, but for those that a browser refuses (a query in a stun: URL is an exception there)."""
    servers = ("--ice-server", "stun:192.0.2.1", "--ice-server", "stun:192.0.2.1?transport=tcp", "--ice-server", "turn:192.0.2.1:3479?transport=tcp",
               "--ice-user", "me", "--ice-password", "secret")
    rendezvous = Rendezvous(build, "127.0.0.1", *servers)
    page = side = None
    try:
        page = browser.open(f"http://{rendezvous.authority}/servers{browser.page_media}")
        side = Side(build, rendezvous, "servers", 20)
        if not wait_until(browser, page, "call.state === 'connected'", 12):
            return ["no connection", *side.lines[-12:]]
        told = browser.evaluate(page, "return window.peerCall.pc.getConfiguration().iceServers.map(({urls, username}) => [[urls].flat()[0], username])")
        named = [url for url, _ in told]
        if named != ["stun:192.0.2.1", "turn:192.0.2.1:3479?transport=tcp"] or told[1][1] != "me":
            return [f"the page has the servers {told}"]
        side.hang_up()  # its status tells that media have not flowed yet
        report = side.report()
        asked = {server["url"] for server in report["ice"]["servers"]} if report else None
        return [] if asked == set(servers[1:6:2]) else [f"peer-call asked {asked}", *side.lines[-12:]]
    finally:
        if side is not None:
            side.kill()
        if page is not None:
            browser.leave(page)
        rendezvous.kill()


def frozen_case(browser, rendezvous, build, room):
    """A picture that stands still must be told from a call that works, or all the other cases prove nothing."""
    still = os.path.join(build, "interop", "still.y4m")
    luma = test_picture.draw(7)
    with open(still, "wb") as file:
        file.write(b"YUV4MPEG2 W320 H240 F30:1 Ip A1:1 C420jpeg\n")
        file.write((b"FRAME\n" + luma.tobytes() + bytes([128]) * (luma.size // 2)) * 2)
    problems = browser_case(browser, rendezvous, build, room, True, "", "--video", still, seconds=STILL_SECONDS)
    return [] if problems[:1] == [f"browser: numbers is 1, not {FRAMES} or more"] else ["it was not noticed, or something else was", *problems]


def in_a_room(build, room, case, *arguments):
    """case(browser, rendezvous, build, room, …) with a rendezvous of its own, as a case of the browser alone."""
    def run(browser):
        rendezvous = Rendezvous(build, "127.0.0.1")
        try:
            return case(browser, rendezvous, build, room, *arguments)
        finally:
            rendezvous.kill()
    return run


def cases(build):
    for kind in (Chromium, Firefox):
        name = kind.name
        room = lambda *words: "-".join([name.lower(), *words])
        for is_offering, verb in ((True, "offers"), (False, "answers")):
            for what, query, word in (("", "", "camera"), (" with a picture of its own", kind.page_media, "page")):
                yield (name, f"{name} {verb} on peer-call's page{what}: picture, sound, lines and files both ways",
                       in_a_room(build, room(verb, word), browser_case, is_offering, query))
            yield (name, f"{name} {verb}, and the call changes while it is on: camera, source, second picture, hold, ICE restart, from either side",
                   in_a_room(build, room(verb, "live"), live_case, is_offering))
        yield name, f"{name} is given the servers of the rendezvous", lambda browser: servers_case(browser, build)
    yield "Chromium", "a frozen picture is noticed in Chromium", in_a_room(build, "chromium-frozen", frozen_case)
    yield ("Chromium as shipped", "Chromium answers on peer-call's page with its addresses hidden: picture, sound, lines and files both ways",
           in_a_room(build, "chromium-hidden", hidden_case, Chromium.page_media))
