"""A real browser as the client: a page that asks, keeps a WebSocket open, and tells what it saw, across a switch."""

import http.server
import json
import os
import queue
import shutil
import subprocess
import threading
import unittest

from harness import PATIENCE, SluiceTest, service, wait_until

CHROMIUM = shutil.which("chromium")

PAGE = b"""<!doctype html><title>shop</title><script>
(async () => {
  const seen = {pools: [], failed: 0, echoed: 0, closed: ''};
  const socket = new WebSocket('ws://' + location.host + '/ws');
  socket.onclose = event => { seen.closed = event.reason || String(event.code); };
  await new Promise((ready, failed) => { socket.onopen = ready; socket.onerror = failed; });
  const echo = text => new Promise(done => {
    socket.onmessage = event => { if (event.data === text) seen.echoed++; done(); };
    socket.send(text);
  });
  for (let turn = 0; turn < 200; turn++) {
    try {
      const answer = await fetch('/api?turn=' + turn, {method: turn % 2 ? 'POST' : 'GET', body: turn % 2 ? 'x'.repeat(turn) : null});
      const body = await answer.json();
      if (!answer.ok || body.pool !== answer.headers.get('Sluice-Pool') || body.turn !== String(turn)) seen.failed++;
      seen.pools.push(body.pool);
    } catch (error) { seen.failed++; }
    await echo('message ' + turn);
  }
  await fetch('/result', {method: 'POST', body: JSON.stringify(seen)});
})().catch(error => fetch('/result', {method: 'POST', body: JSON.stringify({error: String(error)})}));
</script>"""


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/":
            return self.answer("text/html", PAGE)
        if self.path.startswith("/api"):
            turn = self.path.partition("turn=")[2]
            self.server.turns.put(int(turn))
            return self.answer("application/json", json.dumps({"pool": self.server.pool, "turn": turn}).encode())
        self.answer("text/plain", b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/result":
            self.server.results.put(json.loads(body))
        self.do_GET()


@unittest.skipUnless(CHROMIUM, "needs chromium: ./dev deps browser")
class Browser(SluiceTest):
    def shop(self, pool, results, turns):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
        server.daemon_threads = True
        server.pool, server.results, server.turns = pool, results, turns
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return "127.0.0.1:%d" % server.server_address[1]

    def test_page_and_websocket_across_a_switch(self):
        results, turns = queue.Queue(), queue.Queue()
        echo = self.origin("blue")
        proxy = self.sluice([
            service([self.shop("blue", results, turns)], [self.shop("green", results, turns)]),
            service([echo.address], [echo.address], name="echo", path_prefix="/ws"),
        ])
        home = self.directory()
        browser = subprocess.Popen(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={home}",
             "--remote-debugging-port=0", f"http://{proxy.address}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": home}, start_new_session=True)
        try:
            wait_until(lambda: not turns.empty() and turns.get() >= 60, "the page asks", 6 * PATIENCE)
            proxy.switch("green")
            proxy.change("switch", {"pool": "green"}, service="echo")
            seen = results.get(timeout=6 * PATIENCE)
        finally:
            browser.terminate()
            browser.wait(PATIENCE)
        self.assertNotIn("error", seen)
        self.assertEqual(seen["failed"], 0)
        self.assertEqual(seen["echoed"], 200, "the WebSocket lives through the switch: its drain has a minute")
        self.assertEqual(len(seen["pools"]), 200)
        self.assertEqual(seen["pools"], sorted(seen["pools"]), "blue before the switch, green after it")
        self.assertIn("green", seen["pools"])


if __name__ == "__main__":
    unittest.main()
