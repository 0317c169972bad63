"""A browser in a namespace as one side of a call, speaking what nat-peer speaks. Its page is the script below; signaling goes through
the driver, so that no network is needed for it."""
import json
import os
import queue
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

from chromium import Chromium  # noqa: E402
from firefox import Firefox  # noqa: E402

LOAD_PATIENCE_S = 60

# The side of a call, as nat-peer is: messages every 20 ms over a channel that repeats nothing, each saying whether one of the other's has come.
SCRIPT = """
window.side = (() => {
  const out = [], state = {heard: false, isHeard: false, errors: [], works: null, described: null};
  let pc, channel, stream;
  const say = message => out.push(JSON.stringify(message));
  const fail = error => state.errors.push(String(error));
  const use = given => {
    channel = given;
    channel.onmessage = ({data}) => {
      state.heard = true;
      state.isHeard ||= data.endsWith('heard');
      if (state.isHeard) state.works ??= performance.now();
    };
    let number = 0;
    setInterval(() => { if (channel.readyState === 'open') channel.send(`${++number} ${state.heard ? 'heard' : ''}`); }, 20);
  };
  const draw = () => {
    const canvas = document.createElement('canvas'), context = canvas.getContext('2d');
    [canvas.width, canvas.height] = [320, 240];
    setInterval(() => { context.fillStyle = `hsl(${performance.now() % 360} 80% 50%)`; context.fillRect(0, 0, 320, 240); }, 33);
    return canvas.captureStream(30);
  };
  const addPicture = () => pc.addTrack(stream.getTracks()[0], stream);
  const described = () => { if (pc.signalingState === 'stable') state.described ??= performance.now(); };
  return {
    state,
    async start(configuration, isOffering, hasCamera) {
      stream = hasCamera ? await navigator.mediaDevices.getUserMedia({video: true}) : draw();
      pc = new RTCPeerConnection(configuration);
      pc.onicecandidate = ({candidate}) => say({candidate});
      pc.ontrack = ({track}) => { const video = document.createElement('video'); video.srcObject = new MediaStream([track]); video.muted = true; video.play(); };
      pc.ondatachannel = ({channel}) => use(channel);
      addPicture();
      if (!isOffering) return;
      use(pc.createDataChannel('path', {ordered: false, maxRetransmits: 0}));
      await pc.setLocalDescription();
      say({description: pc.localDescription});
    },
    async receive({description, candidate}) {
      try {
        if (description) {
          await pc.setRemoteDescription(description);
          if (description.type === 'offer') {
            await pc.setLocalDescription();
            say({description: pc.localDescription});
          }
          described();
        } else {
          await pc.addIceCandidate(candidate ?? undefined);
        }
      } catch (error) { fail(error); }
    },
    take: () => out.splice(0),
    async report() {
      const stats = [...(await pc.getStats()).values()];
      return {state: pc.connectionState, ice: pc.iceConnectionState, ...state, stats: JSON.parse(JSON.stringify(stats))};
    },
    close() { pc.close(); },
  };
})();
"""


def chromium(host, *flags):
    return Chromium(*flags, prefix=host.prefix)


def firefox(host, preferences=None):
    return Firefox(prefix=host.prefix, connect=host.connect, preferences=preferences)


class BrowserPeer:
    """A page of a browser that runs already. Messages for it wait in a queue; pump() moves them and what it says."""

    def __init__(self, browser, configuration, is_offering, has_camera):
        self.browser = browser
        self.other = None
        self.incoming = queue.Queue()
        self.candidates = []
        self.file = tempfile.NamedTemporaryFile("w", suffix=".html")  # a page that may ask for the camera
        self.file.write(f"<!doctype html><meta charset=utf-8><body><script>{SCRIPT}</script>")
        self.file.flush()
        self.page = browser.open(f"file://{self.file.name}")
        deadline = time.monotonic() + LOAD_PATIENCE_S
        while not browser.evaluate(self.page, "return !!window.side;"):
            if time.monotonic() > deadline:
                raise TimeoutError("the page does not load")
            time.sleep(0.02)
        browser.evaluate(self.page, f"await window.side.start(...window.JSON.parse({json.dumps(json.dumps([configuration, is_offering, has_camera]))})); return true;")

    def send(self, line):
        self.incoming.put(json.loads(line))

    def pump(self):
        """Brings what waits for the page to it, and what it has to say to the other."""
        while not self.incoming.empty():
            self.browser.evaluate(self.page, f"await window.side.receive(window.JSON.parse({json.dumps(json.dumps(self.incoming.get()))})); return true;")
        for text in json.loads(self.browser.evaluate(self.page, "return JSON.stringify(window.side.take());")):
            candidate = json.loads(text).get("candidate")
            if candidate:
                self.candidates.append(candidate["candidate"])
            self.other.send(text + "\n")

    def report(self):
        return json.loads(self.browser.evaluate(self.page, "return JSON.stringify(await window.side.report());"))

    def close(self):
        self.browser.evaluate(self.page, "window.side.close(); return true;")
        self.browser.leave(self.page)
        self.file.close()


class BrowserCall:
    """A call between a browser on host a and nat-peer on host b."""

    def __init__(self, browser, peer, configuration, has_camera):
        self.peer = peer
        self.page = BrowserPeer(browser, configuration, peer.role == "answer", has_camera)
        self.page.other = peer
        peer.talk_to(self.page)

    def works(self, patience_s):
        """Pumps until data and pictures have gone both ways. What was wrong."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            self.page.pump()
            report = self.page.report()
            frames = sum(one.get("framesDecoded", 0) for one in report["stats"] if one["type"] == "inbound-rtp")
            if report["works"] and frames > 0 and self.peer.said("works") and (mine := self.peer.report()) and mine["frames"] > 0:
                return []
            time.sleep(0.02)
        brief = {name: report[name] for name in ("state", "ice", "heard", "isHeard", "errors")}
        return [f"the page: {brief}, {frames} pictures; its candidates: {self.page.candidates}", f"nat-peer: {self.peer.said('works')}, {self.peer.report()['frames']} pictures"]
