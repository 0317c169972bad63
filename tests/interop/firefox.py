"""Headless Firefox, driven by the Marionette protocol over its socket."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

PREFERENCES = {
    "media.navigator.streams.fake": True, "media.navigator.permission.disabled": True, "media.autoplay.default": 0, "marionette.port": 0,
    "media.peerconnection.ice.obfuscate_host_addresses": False, "app.update.disabledForTesting": True, "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0, "browser.startup.homepage": "about:blank", "browser.aboutwelcome.enabled": False,
    "browser.newtabpage.activity-stream.feeds.topsites": False, "browser.region.network.url": "", "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False, "datareporting.policy.dataSubmissionEnabled": False, "dom.push.connection.enabled": False,
    "extensions.update.enabled": False, "media.gmp-manager.updateEnabled": False, "media.gmp-manager.url": "",
    "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False, "network.http.http3.enable": False,
    "security.remote_settings.crlite_filters.enabled": False, "services.settings.server": "data:,", "toolkit.telemetry.server": "",
}
SCRIPT = """const done = arguments[arguments.length - 1];
(async () => {const window = globalThis.window.wrappedJSObject ?? globalThis.window; %s})().then(value => done({value: JSON.stringify(value ?? null)}), error => done({error: String(error)}));"""


class Firefox:
    name = "Firefox"
    page_media = "?video=test"  # without a sound card its AudioContext does not start
    microphone_dbfs = -50

    def __init__(self, prefix=(), connect=socket.create_connection, preferences=None):
        self.profile = tempfile.mkdtemp(prefix="interop-firefox-")
        with open(os.path.join(self.profile, "user.js"), "w") as file:
            for name, value in {**PREFERENCES, **(preferences or {})}.items():
                file.write(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n")
        self.log = open(os.path.join(self.profile, "output"), "w")
        self.process = subprocess.Popen([*prefix, "/usr/bin/firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", self.profile, "about:blank"],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                        env={**os.environ, "HOME": self.profile, "MOZ_CRASHREPORTER_DISABLE": "1"})
        self.socket = connect(("127.0.0.1", self._port()))
        self.socket.settimeout(30)
        self.received = b""
        self.number = 0
        self._receive()  # its greeting
        capabilities = self.command("WebDriver:NewSession", {"capabilities": {}})["capabilities"]
        self.version = f"Firefox/{capabilities['browserVersion']}"
        self.first_window = self.command("WebDriver:GetWindowHandle")["value"]

    def _port(self):
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            try:
                with open(os.path.join(self.profile, "MarionetteActivePort")) as file:
                    return int(file.read())
            except (OSError, ValueError):
                time.sleep(0.1)
        raise TimeoutError("Firefox did not start")

    def _receive(self):
        while b":" not in self.received:
            self._read_more()
        length, rest = self.received.split(b":", 1)
        self.received = rest
        while len(self.received) < int(length):
            self._read_more()
        message, self.received = self.received[:int(length)], self.received[int(length):]
        return json.loads(message)

    def _read_more(self):
        part = self.socket.recv(65536)
        if not part:
            raise EOFError("Firefox ended")
        self.received += part

    def command(self, name, parameters=None):
        self.number += 1
        message = json.dumps([0, self.number, name, parameters or {}]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._receive()
        if error:
            raise RuntimeError(f"{name}: {str(error)[:600]}")
        return result

    def open(self, url):
        """A new page: a handle for evaluate() and leave()."""
        handle = self.command("WebDriver:NewWindow", {"type": "tab"})["handle"]
        self.command("WebDriver:SwitchToWindow", {"handle": handle, "focus": True})
        self.command("WebDriver:Navigate", {"url": url})
        return handle

    def evaluate(self, page, body):
        """Runs the body of an async function in the page; what it returns must be JSON."""
        self.command("WebDriver:SwitchToWindow", {"handle": page, "focus": False})
        result = self.command("WebDriver:ExecuteAsyncScript", {"script": SCRIPT % body, "args": [], "scriptTimeout": 15000, "sandbox": None,
                                                               "newSandbox": False})["value"]
        if "error" in result:
            raise RuntimeError(result["error"])
        return json.loads(result["value"])

    def leave(self, page):
        self.command("WebDriver:SwitchToWindow", {"handle": page, "focus": False})
        self.command("WebDriver:CloseWindow")
        self.command("WebDriver:SwitchToWindow", {"handle": self.first_window, "focus": True})

    def close(self):
        try:
            self.command("Marionette:Quit", {"flags": ["eForceQuit"]})
            self.process.wait(8)
        except Exception:
            self.process.kill()
            self.process.wait()
        self.socket.close()
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)
