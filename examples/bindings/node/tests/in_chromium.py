"""Runs the same tests, unchanged, in Chromium: python3 tests/in_chromium.py [FILE…]. Prints a line for each, as TAP."""
import functools
import http.server
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "..", "tests", "interop"))
import chromium
from tap import Tap

PAGE = """<!doctype html><meta charset="utf-8"><title>Tests</title><script type="module">
import { runTests } from './harness.js';
window.results = [];
window.addEventListener('error', (event) => results.push({ name: 'nothing is thrown outside of tests', error: event.message }));
try {
    await import('./FILE');
    await runTests((name, error) => results.push({ name, error: error && String(error.stack ?? error) }));
} catch (error) {
    results.push({ name: 'the file can be loaded', error: String(error.stack ?? error) });
}
window.isDone = true;
</script>"""


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}

    def do_GET(self):
        if not self.path.startswith("/page?"):
            return super().do_GET()
        body = PAGE.replace("FILE", self.path.split("?")[1]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def main():
    chosen = sys.argv[1:]
    files = sorted(name for name in os.listdir(HERE) if name.endswith(".test.js") and (not chosen or any(part in name for part in chosen)))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=HERE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser = chromium.Chromium(chromium.ALLOW, "--allow-loopback-in-peer-connection")
    tap = Tap()
    tap.note(browser.version)
    for file in files:
        page = browser.open(f"http://localhost:{server.server_port}/page?{file}")
        told = 0
        is_done = False
        while not is_done:
            time.sleep(0.05)
            is_done, new = browser.evaluate(page, f"return [window.isDone === true, (window.results ?? []).slice({told})]")
            told += len(new)
            for result in new:
                tap.result(f"Chromium, {file.removesuffix('.test.js')}: {result['name']}", [result["error"]] if result["error"] else [])
        browser.leave(page)
    browser.close()
    server.shutdown()
    return tap.end()


sys.exit(main())
