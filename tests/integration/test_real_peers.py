"""Peers that are not our own reading of HTTP: nginx and Python's http.server behind, curl and h2load in front."""

import http.server
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import unittest

from harness import PATIENCE, SluiceTest, scaled, service, wait_until

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
CURL = shutil.which("curl")
H2LOAD = shutil.which("h2load")

NGINX_CONF = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log; worker_rlimit_nofile 1024;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; keepalive_requests 1000000; client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    root {dir}/www;
    location /small {{ return 200 "from nginx\\n"; }}
    location /moved {{ return 301 /small; }}
  }}
}}
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class PythonServer(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # of the listener; the default 5 makes the kernel drop half of 32 connects for a second


@unittest.skipUnless(NGINX and CURL and H2LOAD, "needs nginx, curl and h2load: ./dev deps test")
class RealPeers(SluiceTest):
    def setUp(self):
        self.dir = self.directory()
        www = os.path.join(self.dir, "www")
        os.makedirs(www)
        os.chmod(self.dir, 0o755)
        self.data = os.urandom(scaled(20, 5, 2) << 20)
        with open(os.path.join(www, "large"), "wb") as file:
            file.write(self.data)
        with open(os.path.join(www, "small"), "w") as file:
            file.write("from python\n")
        nginx = self.start_nginx()
        python = self.start_python(www)
        # A SYN that a busy listener drops comes again only after a second.
        self.proxy = self.sluice([service([nginx], [python], timeouts={"connect": "10s"})])
        self.url = "http://" + self.proxy.address

    def start_nginx(self):
        """nginx as a process of its own: own prefix, loopback, a free port; the system's service is not touched."""
        probe = socket.create_server(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        path = os.path.join(self.dir, "nginx.conf")
        with open(path, "w") as file:
            file.write(NGINX_CONF.format(dir=self.dir, port=port))
        process = subprocess.Popen([NGINX, "-p", self.dir, "-c", path], stderr=subprocess.DEVNULL)

        def stop():
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)

        self.addCleanup(stop)

        def answers():
            self.assertIsNone(process.poll(), "nginx did not start")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False

        wait_until(answers, "nginx listens")
        return f"127.0.0.1:{port}"

    def start_python(self, directory):
        server = PythonServer(("127.0.0.1", 0), lambda *rest: Quiet(*rest, directory=directory))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return "127.0.0.1:%d" % server.server_address[1]

    def curl(self, *arguments, binary=False):
        done = subprocess.run([CURL, "-sS", "--max-time", str(4 * PATIENCE), *arguments], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout if binary else done.stdout.decode()

    def test_curl_through_both(self):
        for pool in ("blue", "green"):
            self.proxy.switch(pool)
            self.assertEqual(self.curl(self.url + "/large", binary=True), self.data, pool)
            self.assertEqual(self.curl("-r", "1000-1999", self.url + "/large", binary=True)[:1000],
                             self.data[1000:2000] if pool == "blue" else self.data[:1000], pool)
            head = self.curl("-I", self.url + "/large")
            self.assertIn(f"Content-Length: {len(self.data)}", head)
            self.assertIn(f"Sluice-Pool: {pool}", head)
            self.assertIn("404", self.curl("-o", "/dev/null", "-w", "%{http_code}", self.url + "/nope"))
            # Two requests on one connection, HTTP/1.0, and a conditional one.
            self.assertEqual(self.curl("-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects} ", self.url + "/nope",
                                       self.url + "/nope").split(), ["1", "0"])
            self.assertEqual(self.curl("-0", self.url + "/large", binary=True), self.data)
            modified = re.search(r"Last-Modified: (.*)\r", head).group(1)
            self.assertEqual(self.curl("-o", "/dev/null", "-w", "%{http_code}", "-H", f"If-Modified-Since: {modified}",
                                       self.url + "/large"), "304")

    def test_curl_uploads(self):
        self.proxy.switch("green")
        path = os.path.join(self.dir, "www", "large")
        self.assertEqual(self.curl("--data-binary", "@" + path, self.url + "/", binary=True), self.data)
        self.assertEqual(self.curl("-H", "Expect: 100-continue", "--data-binary", "@" + path, self.url + "/", binary=True), self.data)

    def test_h2load_across_switches_loses_nothing(self):
        count = scaled(20_000, 4_000, 1_000)
        process = subprocess.Popen([H2LOAD, "--h1", "-n", str(count), "-c", "32", self.url + "/small"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        pools = itertools.cycle(("green", "blue"))
        while process.poll() is None:
            self.proxy.switch(next(pools), force=True)  # so the connect check may come too late
            threading.Event().wait(0.02)
        out = process.stdout.read()
        process.stdout.close()
        self.assertRegex(out, rf"{count} total, {count} started, {count} done, {count} succeeded, 0 failed, 0 errored, 0 timeout", out)


if __name__ == "__main__":
    unittest.main()
