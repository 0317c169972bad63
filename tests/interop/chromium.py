"""Headless Chromium, driven by the DevTools protocol over its pipe."""
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
         "--autoplay-policy=no-user-gesture-required", "--remote-debugging-pipe"]
# Says yes to every question. Without it a page's addresses hide behind .local names, as they do before a user allows camera or microphone.
ALLOW = "--use-fake-ui-for-media-stream"


class Chromium:
    name = "Chromium"
    page_media = "?video=test&audio=test"
    microphone_dbfs = -80  # its beeps; echo cancellation takes most of them away when there is sound to play

    def __init__(self, *flags, prefix=()):
        self.profile = tempfile.mkdtemp(prefix="interop-chromium-")
        child_in, self.to_child = os.pipe()
        self.from_child, child_out = os.pipe()

        def place_pipes():  # the protocol's descriptors are 3 and 4
            high_in, high_out = os.dup2(child_in, 13), os.dup2(child_out, 14)
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)

        self.log = open(os.path.join(self.profile, "stderr"), "w")
        self.process = subprocess.Popen([*prefix, "/usr/bin/chromium", *FLAGS, *flags, "--user-data-dir=" + self.profile, "about:blank"], close_fds=False,
                                        preexec_fn=place_pipes, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log,
                                        env={**os.environ, "HOME": self.profile}, start_new_session=True)
        os.close(child_in)
        os.close(child_out)
        self.received = b""
        self.number = 0
        self.version = self.command("Browser.getVersion", timeout=30)["product"]

    def command(self, method, parameters=None, session=None, timeout=15):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        os.write(self.to_child, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout
        while True:
            while b"\0" not in self.received:
                if not select.select([self.from_child], [], [], max(0, deadline - time.monotonic()))[0]:
                    raise TimeoutError(f"Chromium did not answer {method}")
                part = os.read(self.from_child, 65536)
                if not part:
                    raise EOFError("Chromium ended")
                self.received += part
            answer, self.received = self.received.split(b"\0", 1)
            answer = json.loads(answer)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def open(self, url):
        """A new page: a handle for evaluate() and leave()."""
        target = self.command("Target.createTarget", {"url": url})["targetId"]
        session = self.command("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        return target, session

    def evaluate(self, page, body, timeout=15):
        """Runs the body of an async function in the page; what it returns must be JSON."""
        result = self.command("Runtime.evaluate", {"expression": f"(async () => {{{body}}})()", "awaitPromise": True, "returnByValue": True,
                                                   "userGesture": True}, page[1], timeout)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"])[:600])
        return result["result"].get("value")

    def leave(self, page):
        self.command("Target.closeTarget", {"targetId": page[0]})

    def close(self):
        try:
            self.command("Browser.close", timeout=3)
            self.process.wait(5)
        except Exception:
            self.process.kill()
            self.process.wait()
        os.close(self.to_child)
        os.close(self.from_child)
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)
