"""Peers that are not our own reading of HTTP: nginx, Python's http.server and Node behind, curl and h2load in front."""

import http.client
import http.server
import itertools
import json
import os
import random
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
NODE = shutil.which("node")

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


def start_nginx(test, directory, configuration):
    """nginx as a process of its own: own prefix, loopback, a free port; the system's service is not touched."""
    probe = socket.create_server(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    path = os.path.join(directory, "nginx.conf")
    with open(path, "w") as file:
        file.write(configuration.format(dir=directory, port=port))
    process = subprocess.Popen([NGINX, "-p", directory, "-c", path], stderr=subprocess.DEVNULL)

    def stop():
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)

    test.addCleanup(stop)

    def answers():
        test.assertIsNone(process.poll(), "nginx did not start")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    wait_until(answers, "nginx listens")
    return f"127.0.0.1:{port}"


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
        nginx = start_nginx(self, self.dir, NGINX_CONF)
        python = self.start_python(www)
        # A SYN that a busy listener drops comes again only after a second.
        self.proxy = self.sluice([service([nginx], [python], timeouts={"connect": "10s"})])
        self.url = "http://" + self.proxy.address

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


JUDGING_NGINX_CONF = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log; worker_rlimit_nofile 1024;
events {{ worker_connections 512; }}
http {{
  log_format seen escape=json '["$request_method","$request_uri","$request_body"]';
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s; keepalive_requests 1000000; client_max_body_size 0; client_body_buffer_size 64k;
  client_body_in_single_buffer on;
  server {{
    listen 127.0.0.1:{port};
    access_log {dir}/seen.log seen;
    location / {{ proxy_pass http://unix:{dir}/sink.sock:; }}
  }}
  server {{ listen unix:{dir}/sink.sock; access_log off; location / {{ return 200 "ok"; }} }}
}}
"""

JUDGING_NODE_SCRIPT = """
const server = require('http').createServer({insecureHTTPParser: true, keepAliveTimeout: 600000}, (request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    console.log(JSON.stringify([request.method, request.url, Buffer.concat(parts).toString('latin1')]));
    response.end('ok');
  });
});
server.on('clientError', (error, socket) => { console.log(JSON.stringify(['error', error.code, ''])); socket.destroy(); });
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


class JudgingHandler(http.server.BaseHTTPRequestHandler):
    """Any method; bodies as Python's own client reads those of answers."""

    protocol_version = "HTTP/1.1"

    class Body:
        def __init__(self, file):
            self.read, self.readline, self.readinto = file.read, file.readline, file.readinto

        def makefile(self, *_):
            return self

        def close(self):  # the connection goes on
            pass

        flush = close

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass

    def answer(self):
        if self.headers.get("Transfer-Encoding"):
            reader = http.client.HTTPResponse(self.Body(self.rfile))
            reader.chunked, reader.chunk_left, reader.length = True, None, None
            body = reader.read()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append([self.command, self.path, body.decode("latin-1")])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


class OddRequests(SluiceTest):
    """Odd messages that Sluice accepts: readers that are not its own find each of them once, with the same body, on
    connections that are used again. A body that was misread would be their next request: it looks like one."""

    COUNT = scaled(220, 100, 60)
    FIELDS = [
        b"X-Empty:", b"x-tab:\ta\t", b"X-Obs: \xe9\xff", b"Content_Length: 999", b"Transfer_Encoding: chunked", b"Content-Length-: 5",
        b"XContent-Length: 5", b"Transfer-Encodin: chunked", b"Connection: content-length, transfer-encoding, host",
        b"Connection: keep-alive,, X-Hop", b"X-Hop: 1", b"Keep-Alive: timeout=1", b"Proxy-Connection: close", b"TE: trailers", b"TE: chunked",
        b"Trailer: Content-Length", b"Connection: upgrade\r\nUpgrade: h2c", b"Expect: 100-continue", b"Cookie: a=b; =; c",
        b"X!#$%&'*+-.^_`|~: 1", b"Sluice-Pool: evil", b"Content-Type: ", b"Content-Encoding: chunked", b"Accept: " + b"x" * 2000,
        b'X-Quote: "\\"', b"X: a: b: c", b"Range: bytes=0-", b"Via: 1.1 x", b"X-Forwarded-For: 1.2.3.4, unknown", b"Forwarded: for=\"_x\""]
    HOSTS = [b"Host: shop.test", b"Host:shop.test", b"hOsT: \t shop.test:8080 ", b"Host: [::1]:80", b"Host: SHOP.test."]
    PATHS = [b"", b"/", b"//x", b"/../y", b"/%2e%2e%2f", b"/;a=b", b"?a=b?c", b"/a%0d%0aGET%20/x", b"/:80/http://x/", b"?", b"/*", b"/a,b'(c)!~@$&+"]
    EXTENSIONS = [b"", b";a", b";a=b", b';a="q;\\"x"', b"; a = b ", b";" + b"x" * 200, b";\xe9"]
    TRAILERS = [b"X-T: 1", b"Content-Length: 999", b"Transfer-Encoding: chunked", b"Host: evil", b"Expect: 100-continue", b"X:"]
    INNER = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

    def odd_request(self, rng, number):
        """The bytes, and what a reader should find: method, target, body."""
        method = rng.choice([b"GET", b"POST", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"HEAD", b"M-SEARCH"])
        path = b"/%d" % number + rng.choice(self.PATHS)
        host = rng.choice(self.HOSTS)
        target = b"http://" + host.split(b":", 1)[1].strip() + path if rng.random() < 0.2 else path
        framing = rng.choice(["none", "length", "chunked"])
        version = b"1.0" if framing != "chunked" and rng.random() < 0.1 else b"1.1"
        body = b"" if framing == "none" else rng.choice([b"", b"x", b"0\r\n\r\n", b"\r\n", b"5\r\nhello\r\n"]) + self.INNER * rng.randrange(3)
        fields = [host, *rng.sample(self.FIELDS, rng.randrange(5))]
        if framing == "length":
            fields.append(rng.choice([b"Content-Length: %d", b"content-length:%03d", b"CONTENT-LENGTH:  %d  "]) % len(body))
        if framing == "chunked":
            fields.append(rng.choice([b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED ", b"Transfer-Encoding:   cHuNkEd"]))
        rng.shuffle(fields)
        data = b"\r\n" * rng.choice([0, 0, 0, 1, 2]) + method + b" " + target + b" HTTP/" + version + b"\r\n" + b"\r\n".join(fields) + b"\r\n\r\n"
        return data + (self.chunks(rng, body) if framing == "chunked" else body), [method.decode(), path.decode(), body.decode()]

    def chunks(self, rng, body):
        data = b""
        while body:
            part = body[:rng.randrange(1, 60)]
            body = body[len(part):]
            data += rng.choice([b"%x", b"%X", b"%04x", b"%016X"]) % len(part) + rng.choice(self.EXTENSIONS) + b"\r\n" + part + b"\r\n"
        trailers = rng.sample(self.TRAILERS, rng.choice([0, 0, 1, 2]))
        return data + rng.choice([b"0", b"000"]) + rng.choice(self.EXTENSIONS) + b"\r\n" + b"".join(line + b"\r\n" for line in trailers) + b"\r\n"

    def check_reader(self, address, read_seen):
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        proxy = self.sluice([service([address], [address])], workers=1)
        expected, client = [], proxy.client()
        for number in range(self.COUNT):
            data, wanted = self.odd_request(rng, number)
            client.send(data)
            head, _ = client.answer(wanted[0])
            self.assertEqual(head.status, 200, f"seed {seed}: {data}")
            expected.append(wanted)
            if head.get("connection") == "close":
                client.close()
                client = proxy.client()
        client.close()
        wait_until(lambda: len(read_seen()) >= len(expected), f"seed {seed}: the reader has found them all")
        proxy.stop()
        for found, wanted in zip(read_seen(), expected):
            self.assertEqual(found, wanted, f"seed {seed}")
        self.assertEqual(len(read_seen()), len(expected), f"seed {seed}: one request is one request")

    @unittest.skipUnless(NGINX, "needs nginx: ./dev deps test")
    def test_nginx_finds_each_of_them_once(self):
        directory = self.directory()
        os.chmod(directory, 0o755)
        address = start_nginx(self, directory, JUDGING_NGINX_CONF)

        def seen():
            with open(os.path.join(directory, "seen.log")) as file:
                lines = [json.loads(line) for line in file.read().split("\n")[:-1]]
            return [line for line in lines if line[0]]  # not the connection that looked whether it listens

        self.check_reader(address, seen)

    def test_python_finds_each_of_them_once(self):
        server = PythonServer(("127.0.0.1", 0), JudgingHandler)
        server.seen = []
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.check_reader("127.0.0.1:%d" % server.server_address[1], lambda: server.seen)

    @unittest.skipUnless(NODE, "needs node")
    def test_a_lenient_node_finds_each_of_them_once(self):
        process = subprocess.Popen([NODE, "-e", JUDGING_NODE_SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = []

        def stop():
            process.terminate()
            process.wait(PATIENCE)
            process.stdout.close()

        self.addCleanup(stop)
        port = int(process.stdout.readline())
        threading.Thread(target=lambda: lines.extend(map(json.loads, process.stdout)), daemon=True).start()

        # extend() adds line by line, as they come.
        self.check_reader(f"127.0.0.1:{port}", lambda: list(lines))


if __name__ == "__main__":
    unittest.main()
