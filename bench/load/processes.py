"""The processes of a bench: origins, the load, and the proxies under measurement. Loopback only; what starts here ends here."""
import ctypes
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent
PROXY_CORE, LOAD_CORE = 0, 1
LIVE, CANDIDATE, CANDIDATE_PERCENT = "blue", "green", 10
START_TIMEOUT = 60  # seconds; valgrind needs some
PR_SET_PDEATHSIG = 1


class BenchError(Exception):
    """The bench could not be carried out; says nothing about the speed of anything."""


def cores_of(core):
    """One core, or any when the machine has fewer."""
    available = os.sched_getaffinity(0)
    return {core} if core in available else available


def all_cores():
    return os.sched_getaffinity(0)


def start(command, cores, **options):
    libc = ctypes.CDLL(None)

    def in_child():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # no process outlives a bench that was killed
        os.sched_setaffinity(0, cores)

    return subprocess.Popen(command, preexec_fn=in_child, **options)


def end(process, pid=None):
    """SIGTERM, to `pid` when a tool stands between; SIGKILL after a while."""
    if process.poll() is None:
        os.kill(pid or process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def raise_descriptor_limit():
    """For this process and what it starts; returns it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fill(template, words):
    text = (TEMPLATES / template).read_text()
    for word, value in words.items():
        text = text.replace("{" + word + "}", str(value))
    return text


class Tools:
    """Where the built programs are."""

    def __init__(self, build):
        self.sluice = build / "sluice"
        self.origin = build / "tests/tools/test-origin"
        self.load = build / "tests/tools/test-load"
        for path in (self.sluice, self.origin, self.load):
            if not os.access(path, os.X_OK):
                raise BenchError(f"{path} is not there: build it first (./dev bench does)")
        path = os.environ.get("PATH", "") + ":/usr/sbin"
        self.nginx, self.haproxy = shutil.which("nginx", path=path), shutil.which("haproxy", path=path)
        for name in ("valgrind", "strace"):
            if not shutil.which(name):
                raise BenchError(f"{name} is not installed: ./dev deps bench")
        if not self.nginx:
            raise BenchError("nginx is not installed: ./dev deps bench")


class Origins:
    """One origin per pool, on the core of the load."""

    def __init__(self, tools):
        self._processes, self.ports = [], {}
        for pool in ("blue", "green"):
            process = start([tools.origin, "--name", pool, "--port", "0"], cores_of(LOAD_CORE), stdout=subprocess.PIPE,
                            text=True)
            self._processes.append(process)
            self.ports[pool] = int(process.stdout.readline().rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._processes:
            end(process)


class Proxy:
    """A proxy in front of the origins, in a directory of its own. `wrap` puts a measuring tool before its command;
    {DIR} in it becomes that directory."""

    name = ""

    def __init__(self, tools, origins, wrap=(), cores=None, **settings):
        self.tools, self.directory = tools, Path(tempfile.mkdtemp(prefix=f"bench-{self.name}-"))
        self.address = f"127.0.0.1:{free_port()}"
        self.words = {"PORT": self.address.rsplit(":", 1)[1], "DIR": self.directory, "BLUE": origins.ports["blue"],
                      "GREEN": origins.ports["green"], "LIVE": LIVE, "CANDIDATE": CANDIDATE,
                      "CANDIDATE_PERCENT": CANDIDATE_PERCENT, "CONNECTIONS": 4096, **settings}
        self.prepare()
        self._wrapped = bool(wrap)
        self._log = open(self.directory / "output", "w+")
        tool = [word.replace("{DIR}", str(self.directory)) for word in wrap]
        self._process = start([*tool, *self.command()], cores or cores_of(PROXY_CORE), stdout=self._log, stderr=self._log)
        self._wait_until_ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self):
        end(self._process, self.pid())
        self._log.close()

    def pid(self):
        """Of the proxy itself: strace runs it as a child, valgrind as itself."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        if self._wrapped and children.exists() and children.read_text().split():
            return int(children.read_text().split()[0])
        return self._process.pid

    def cpu_ns(self):
        """CPU time of all its threads so far, user and kernel."""
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def memory_kib(self):
        """Its proportional share of resident memory."""
        text = Path(f"/proc/{self.pid()}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE).group(1))

    def _wait_until_ready(self):
        host, port = self.address.split(":")
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        output = (self.directory / "output").read_text()[-2000:]
        self.stop()
        raise BenchError(f"{self.name} does not answer on {self.address}:\n{output}")


class Nginx(Proxy):
    name = "nginx"

    def prepare(self):
        self.words.setdefault("MASTER", "off")
        self._write()

    def _write(self):
        (self.directory / "nginx.conf").write_text(fill("nginx.conf", self.words))

    def command(self):
        return [self.tools.nginx, "-p", self.directory, "-c", self.directory / "nginx.conf"]

    def reload(self, live):
        """nginx's way to switch: a new file and SIGHUP to the master."""
        self.words.update(LIVE=live, CANDIDATE="blue" if live == "green" else "green")
        self._write()
        os.kill(self.pid(), signal.SIGHUP)


class HAProxy(Proxy):
    name = "haproxy"

    def prepare(self):
        (self.directory / "haproxy.cfg").write_text(fill("haproxy.cfg", self.words))

    def command(self):
        return [self.tools.haproxy, "-db", "-f", self.directory / "haproxy.cfg"]


class Sluice(Proxy):
    name = "sluice"
    # What the peers do in these benches, so without what they do not do.
    protection = "circuit_breaker: off"

    def prepare(self):
        (self.directory / "state").mkdir()
        self.words.setdefault("EXPOSE", "")
        self.words.setdefault("PROTECTION", self.protection)
        (self.directory / "sluice.yaml").write_text(fill("sluice.yaml", self.words))

    def command(self):
        return [self.tools.sluice, "run", "-c", self.directory / "sluice.yaml"]

    def socket(self):
        return self.directory / "admin.sock"


class ProtectedSluice(Sluice):
    """With two limits, breakers, retries and health checks."""
    protection = """circuit_breaker: {endpoint: {}}
    retry: {attempts: 1}
    health_check: {type: tcp}
    outlier_detection: {}
    rate_limits:
      - {name: per-user, key: identity, rate: 1000000/s, burst: 1000000}
      - {name: address, key: client_address, rate: 1000000/s, burst: 1000000}"""


def proxies(tools, is_full):
    """Who is measured: Sluice last."""
    if not is_full:
        return (Nginx, Sluice)
    if not tools.haproxy:
        raise BenchError("haproxy is not installed: ./dev deps peers")
    return (Nginx, HAProxy, Sluice)


def start_load(tools, proxy, options):
    command = [tools.load, "--address", proxy.address, "--host", "shop.test", "--user-field", "X-User-Id", "--service",
               "bench", *map(str, options)]
    return start(command, cores_of(LOAD_CORE), stdout=subprocess.PIPE, text=True)


def report_of(load, timeout=300):
    """The load's report; it has judged each answer itself."""
    try:
        output, _ = load.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        load.kill()
        raise BenchError(f"the load did not end within {timeout} s") from None
    lines = re.findall(r'^\{"report":.*$', output, re.MULTILINE)
    if not lines:
        raise BenchError(f"the load ended without a report: {output[-500:]}")
    return json.loads(lines[-1])["report"]


def run_load(tools, proxy, options):
    report = report_of(start_load(tools, proxy, options))
    if report["failed"]:
        raise BenchError(f"{report['failed']} failed requests through {proxy.name}: {report['first_trouble']}")
    return report
