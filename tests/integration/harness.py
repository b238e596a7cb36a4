"""The real binary between scripted peers. Ports are 0, nothing waits by sleeping: every wait is on a condition and bounded."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("SLUICE_BIN", os.path.join(ROOT, "build/release/sluice")))
TOOLS = os.environ.get("SLUICE_TOOLS", os.path.join(os.path.dirname(BIN), "tests", "tools"))
BUILD = os.environ.get("SLUICE_BUILD", "release")  # release, debug, asan, tsan
# Sanitizers slow everything down: bounds of waits are stretched, never the promises that tests check.
PATIENCE = {"release": 10, "debug": 15, "asan": 30, "tsan": 60}[BUILD]
REPORTS = re.compile(r"Sanitizer|runtime error|invariant broken|terminate called", re.I)


def scaled(release, asan, tsan):
    return {"release": release, "debug": asan, "asan": asan, "tsan": tsan}[BUILD]


def connections_possible(wanted):
    """As many clients at once, or fewer where the descriptor limit is low: the proxy counts two for each, and its workers
    get shares that differ a little. The caller's own soft limit is raised for them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(wanted, (hard - 64) // 2 * 95 // 100)


def wait_until(condition, what, timeout=None):
    """Returns the first true value of condition(); fails when it does not come."""
    end = time.monotonic() + (timeout or PATIENCE)
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {timeout or PATIENCE} s: {what}")
        pause.wait(0.01)


# ---------------------------------------------------------------- the user's bucket, written again for the tests


def murmur3(data: bytes) -> int:
    def rotl(x, r):
        return (x << r | x >> (32 - r)) & 0xFFFFFFFF

    h = 0
    full = len(data) // 4 * 4
    for i in range(0, len(data), 4):
        k = int.from_bytes(data[i : i + 4], "little")
        h ^= rotl(k * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF
        if i < full:
            h = (rotl(h, 13) * 5 + 0xE6546B64) & 0xFFFFFFFF
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return h ^ h >> 16


def bucket_of(salt, identity) -> int:
    identity = identity if isinstance(identity, bytes) else identity.encode()
    return murmur3(salt.encode() + b":" + identity) * 10_000 >> 32


# ---------------------------------------------------------------- raw connections


class Peer:
    """A socket with a buffer: whole heads and bodies off the wire, any bytes onto it."""

    def __init__(self, sock, timeout=None):
        self.sock = sock
        self.buffer = b""
        sock.settimeout(timeout or PATIENCE)
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @classmethod
    def connect(cls, address, receive_buffer=None):
        host, port = address.rsplit(":", 1)
        sock = socket.socket(socket.AF_INET6 if "[" in host else socket.AF_INET)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(PATIENCE)
        sock.connect((host.strip("[]"), int(port)))
        return cls(sock)

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def fill(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def take(self, size):
        while len(self.buffer) < size:
            if not self.fill():
                raise EOFError(f"end of stream after {len(self.buffer)} of {size} bytes")
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def until(self, mark):
        while mark not in self.buffer:
            if not self.fill():
                raise EOFError(f"end of stream before {mark!r}; got {self.buffer!r}")
        end = self.buffer.index(mark) + len(mark)
        data, self.buffer = self.buffer[:end], self.buffer[end:]
        return data

    def rest(self):
        """Everything up to the end of stream; a reset raises."""
        while self.fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def is_closed(self):
        """Waits for the end of the connection, by FIN or RST; nothing more may come."""
        try:
            return not self.fill()
        except ConnectionResetError:
            return True

    def head(self):
        return Head(self.until(b"\r\n\r\n"))

    def body(self, head, is_head_request=False):
        if is_head_request or head.status in (101, 204, 304) or 100 <= head.status < 200:
            return b""
        if "chunked" in head.get("transfer-encoding", ""):
            body, self.trailers = b"", {}
            while True:
                size = int(self.until(b"\r\n").split(b";")[0], 16)
                if size == 0:
                    break
                body += self.take(size)
                assert self.take(2) == b"\r\n", "no CRLF behind a chunk"
            while (line := self.until(b"\r\n")) != b"\r\n":
                name, value = line.split(b":", 1)
                self.trailers[name.decode().lower()] = value.strip().decode()
            return body
        if "content-length" in head.fields:
            return self.take(int(head["content-length"]))
        return self.rest() if head.is_response else b""

    def answer(self, method="GET"):
        """The next final answer as (head, body); 1xx before it are kept in head.interim."""
        interim = []
        while True:
            head = self.head()
            if head.status >= 200 or head.status == 101:
                break
            interim.append(head)
        head.interim = interim
        return head, self.body(head, method == "HEAD")

    def request(self, target="/", method="GET", fields=(), body=b"", host="shop.test", version="1.1"):
        lines = [f"{method} {target} HTTP/{version}", f"Host: {host}", *fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def get(self, target="/", **rest):
        self.request(target, **rest)
        return self.answer(rest.get("method", "GET"))

    def finish_sending(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Head:
    def __init__(self, raw):
        self.raw = raw
        lines = raw[:-4].split(b"\r\n")
        self.line = lines[0].decode("latin-1")
        self.is_response = self.line.startswith("HTTP/")
        self.status = int(self.line.split()[1]) if self.is_response else 0
        self.list = []
        for line in lines[1:]:
            name, value = line.split(b":", 1)
            self.list.append((name.decode("latin-1").lower(), value.strip().decode("latin-1")))
        self.fields = dict(reversed(self.list))  # the first of each name

    def __getitem__(self, name):
        return self.fields[name.lower()]

    def get(self, name, fallback=None):
        return self.fields.get(name.lower(), fallback)

    def all(self, name):
        return [value for key, value in self.list if key == name.lower()]

    def __contains__(self, name):
        return name.lower() in self.fields


class ScriptedOrigin:
    """Listens on a port of its own; `script(peer)` runs in a thread for each connection. check() raises what went wrong."""

    def __init__(self, script):
        self.script = script
        self.errors = []
        self.connections = 0
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        peer = Peer(sock)
        try:
            self.script(peer)
        except Exception as error:  # judged by the test's thread
            self.errors.append(error)
        finally:
            peer.close()

    def check(self):
        if self.errors:
            raise AssertionError(f"the scripted origin failed: {self.errors[0]!r}") from self.errors[0]

    def stop(self):
        # A thread in accept() is woken by shutdown; close() alone would leave it there.
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


def plain_answer(body=b"ok", fields=b"", status=b"200 OK"):
    return b"HTTP/1.1 " + status + b"\r\n" + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def answering(peer):
    """A script for ScriptedOrigin: answers whatever comes, until the other side ends it."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            peer.head()
            peer.send(plain_answer())


class Origin:
    """A process of test-origin."""

    def __init__(self, name="blue", version="v1", port=0, log=None, send_buffer=0, servers=0):
        command = [os.path.join(TOOLS, "test-origin"), "--name", name, "--version", version, "--port", str(port)]
        if log:
            command += ["--log", log]
        if send_buffer:
            command += ["--send-buffer", str(send_buffer)]
        if servers:
            command += ["--servers", str(servers)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[-1]
        self.port = int(self.address.rsplit(":", 1)[1])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


# ---------------------------------------------------------------- the proxy


class UnixHTTPConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("sluice", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def service(blue, green, name="shop", **over):
    """One service as it stands in the file."""
    return {
        "name": name,
        "identity": [{"cookie": "uid"}, {"header": "X-User-Id"}],
        "pools": {"blue": {"endpoints": list(blue)}, "green": {"endpoints": list(green)}},
        "expose": ["pool", "generation", "reason", "bucket", "endpoint"],
        **over,
    }


class Sluice:
    """`sluice run` with a configuration, state directory and socket of its own. Stopping checks exit status and stderr."""

    def __init__(self, services, directory=None, workers=2, run_arguments=(), **top):
        self.own_directory = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="sluice-test-")
        os.chmod(self.directory, 0o750)
        self.socket = os.path.join(self.directory, "admin.sock")
        self.config_file = os.path.join(self.directory, "sluice.yaml")
        self.log_file = os.path.join(self.directory, "access.log")
        self.process = None
        self.write_config(services, workers, **top)
        self.start(*run_arguments)

    def write_config(self, services, workers=2, **top):
        """`services` as data, or as a page of the guide writes them: a text that begins with `services:`."""
        text = services if isinstance(services, str) else ""
        config = {
            "workers": workers,
            "listeners": [{"name": "main", "bind": "127.0.0.1:0"}],
            "admin": {"socket": {"path": self.socket}},
            "state_dir": os.path.join(self.directory, "state"),
            "access_log": {"path": self.log_file},
            "services": None if text else services,
            **top,
        }
        # JSON is YAML, and quotes every string.
        with open(self.config_file, "w") as file:
            given = {key: value for key, value in config.items() if value is not None}
            if text:
                file.writelines(f"{key}: {json.dumps(value)}\n" for key, value in given.items())
                file.write(text)
            else:
                json.dump(given, file, indent=1)

    def start(self, *arguments, wait=True):
        os.makedirs(os.path.join(self.directory, "state"), exist_ok=True)
        with open(os.path.join(self.directory, "stderr"), "a") as stderr:
            self.process = subprocess.Popen(
                [BIN, "run", "-c", self.config_file, *arguments], stderr=stderr, stdout=subprocess.DEVNULL
            )
        if wait:
            wait_until(self._is_ready, "the proxy answers on its socket")
            self.listeners = {entry["name"]: entry["address"] for entry in self.status()["listeners"]}
            self.address = self.listeners.get("main") or next(iter(self.listeners.values()))

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the proxy ended with {self.process.returncode}: {self.errors()}")
        try:
            return self.admin("GET", "/healthz", raw=True)[0] == 200
        except OSError:
            return False

    def errors(self):
        with open(os.path.join(self.directory, "stderr"), errors="replace") as file:
            return file.read()

    def wait_told(self, pattern):
        """The match of a regular expression in its notices: a thread of their own writes them, so it may answer before."""
        return wait_until(lambda: re.search(pattern, self.errors()), f"it says: {pattern}")

    # ---- asking it

    def admin(self, method, path, body=None, raw=False):
        connection = UnixHTTPConnection(self.socket)
        try:
            data = json.dumps(body) if body is not None else None
            connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, text if raw else json.loads(text)
        finally:
            connection.close()

    def status(self, service=None):
        code, answer = self.admin("GET", "/v1/status")
        assert code == 200, answer
        if service is None:
            return answer
        return next(entry for entry in answer["services"] if entry["name"] == service)

    def change(self, verb, body=None, service="shop", expect=200):
        code, answer = self.admin("POST", f"/v1/services/{service}/{verb}", body or {})
        assert code == expect, (code, answer)
        return answer

    def switch(self, pool, **body):
        return self.change("switch", {"pool": pool, **body})

    def split(self, percent, **body):
        return self.change("split", {"percent": percent, **body})

    def rollback(self, **body):
        return self.change("rollback", body)

    def cli(self, *arguments, environment=None, timeout=None):
        env = {k: v for k, v in os.environ.items() if k not in ("SLUICE_SOCKET", "NO_COLOR")}
        env.update(environment if environment is not None else {"SLUICE_SOCKET": self.socket})
        return subprocess.run([BIN, *arguments], env=env, capture_output=True, text=True, timeout=timeout or 2 * PATIENCE)

    def client(self, listener=None, **rest):
        return Peer.connect(self.listeners[listener] if listener else self.address, **rest)

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def log_lines(self):
        with open(self.log_file) as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def wait_log(self, match, what="a log line"):
        def find():
            return next((line for line in self.log_lines() if match(line)), None) if os.path.exists(self.log_file) else None

        return wait_until(find, what)

    # ---- ending it

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, expect=0):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(2 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGABRT)
                self.process.wait()
                raise AssertionError(f"no end within {2 * PATIENCE} s of SIGTERM: {self.errors()[-2000:]}")
        text = self.errors()
        assert not REPORTS.search(text), f"report on stderr:\n{text[-6000:]}"
        assert self.process.returncode == expect, f"ended with {self.process.returncode}: {text[-2000:]}"

    def remove(self):
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)


class SluiceTest(unittest.TestCase):
    """Starts things for one test and ends them after it, proxy first."""

    def origin(self, *arguments, **rest):
        origin = Origin(*arguments, **rest)
        self.addCleanup(origin.stop)
        return origin

    def scripted(self, script):
        origin = ScriptedOrigin(script)
        self.addCleanup(origin.stop)
        return origin

    def directory(self):
        path = tempfile.mkdtemp(prefix="sluice-test-")
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def sluice(self, services, **rest):
        proxy = Sluice(services, **rest)
        self.addCleanup(proxy.remove)
        self.addCleanup(proxy.stop)
        return proxy

    def two_pools(self, **over):
        """The usual scene: blue and green as test-origin processes, one service `shop`."""
        self.blue = self.origin("blue")
        self.green = self.origin("green")
        top = over.pop("top", {})
        return self.sluice([service([self.blue.address], [self.green.address], **over)], **top)

    def behind(self, script, **over):
        """One scripted origin as both pools."""
        self.peer = self.scripted(script)
        top = over.pop("top", {})
        return self.sluice([service([self.peer.address], [self.peer.address], **over)], **top)

    def load(self, proxy, *arguments, timeout=None, judged=True):
        """Runs test-load against the proxy and returns its report."""
        command = [os.path.join(TOOLS, "test-load"), "--address", proxy.address, *map(str, arguments)]
        if judged:
            command += ["--admin", proxy.socket]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout or 240)
        self.assertTrue(done.stdout, f"test-load said nothing: {done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])["report"]


def show(figures):
    """What a test has measured, for whoever asks with SLUICE_SHOW=1."""
    if os.environ.get("SLUICE_SHOW"):
        print(figures, file=sys.stderr)


def anonymous_kib(proxy):
    with open(f"/proc/{proxy.process.pid}/smaps_rollup") as file:
        return int(re.search(r"^Pss_Anon:\s+(\d+)", file.read(), re.M).group(1))


def page_of(proxy):
    return proxy.admin("GET", "/metrics", raw=True)[1]


def sample(page, name, **labels):
    """The value of one sample; 0 when there is none."""
    for line in page.splitlines():
        found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if found and dict(re.findall(r'(\w+)="([^"]*)"', found[1] or "")) == labels:
            return float(found[2])
    return 0.0


def wait_sample(proxy, expected, name, **labels):
    """What is counted at the end of a request is counted a moment after its last byte has left."""
    seen = []

    def is_there():
        seen.append(sample(page_of(proxy), name, **labels))
        return seen[-1] == expected

    try:
        wait_until(is_there, name)
    except AssertionError:
        raise AssertionError(f"{name}{labels} is {seen[-1]}, expected {expected}") from None


def pool_of(head):
    return head["sluice-pool"]


def sha256_of_pattern(size):
    """Digest of the first bytes of the body that test-origin makes up (tests/tools/common/pattern.cpp)."""
    digest = hashlib.sha256()
    block = PATTERN
    left = size
    while left > 0:
        digest.update(block[: min(left, len(block))])
        left -= len(block)
    return digest.hexdigest()


PATTERN = bytes(ord("a") + ((i * 31) ^ (i >> 5)) % 26 for i in range(65_521))


def poll_readable(sock, timeout):
    return bool(select.select([sock], [], [], timeout)[0])
