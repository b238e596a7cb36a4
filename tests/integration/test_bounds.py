"""What slow, hostile and too many peers cost: descriptors, memory, time; and that others are served and the operator can act meanwhile."""

import contextlib
import http.client
import json
import os
import re
import resource
import select
import shutil
import subprocess
import threading
import time
import unittest

from harness import (
    BUILD, PATIENCE, ROOT, TOOLS, SluiceTest, UnixHTTPConnection, connections_possible, page_of, poll_readable, sample,
    scaled, service, show, wait_until,
)

WORKERS = 2


def bound(name):
    """A number of include/sluice/core/limits.hpp."""
    with open(os.path.join(ROOT, "include/sluice/core/limits.hpp")) as file:
        return int(re.search(rf"\b{name} = ([\d']+);", file.read())[1].replace("'", ""))


def lowest_free_descriptor(pid):
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(used) + 1) if number not in used)


def passing_descriptors(proxy):
    """How many the process has open that it closes soon: connections of callers, files of the state."""
    with open("/proc/net/unix") as file:
        lines = [line.split() for line in file]
    connected = {f"socket:[{line[6]}]" for line in lines if line[5] == "03"}
    folder = f"/proc/{proxy.process.pid}/fd"
    state = os.path.join(proxy.directory, "state")
    found = 0
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink(os.path.join(folder, name))
            found += target in connected or (target.startswith(state) and target != os.path.join(state, "lock"))
    return found


class NoDescriptors(SluiceTest):
    """Every descriptor of the process is taken: clients wait, the operator does not."""

    def start(self):
        self.blue, self.green = self.origin("blue"), self.origin("green")
        self.services = [service([self.blue.address], [self.green.address])]
        return self.sluice(self.services, workers=WORKERS)

    @contextlib.contextmanager
    def exhausted(self, proxy, room=0):
        """As many as it has now, and `room` more."""
        wait_until(lambda: os.path.getsize(os.path.join(proxy.directory, "state", "audit.jsonl")), "the start is in the audit")
        wait_until(lambda: passing_descriptors(proxy) == 0, "the start and earlier callers are over")
        pid = proxy.process.pid
        _, hard = before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free_descriptor(pid) + room, hard))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    def newcomers(self, proxy, count):
        clients = [proxy.client() for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
            client.request()
        return clients

    def check_durable(self, proxy):
        """A rollback does not wait long for a slow disk."""
        wait_until(lambda: proxy.status()["durable"], "the state is on the disk")

    def check_still_waiting(self, clients):
        # A worker that had just asked whether the reserve is whole may be quicker than the operator, once.
        got_in = select.select([client.sock for client in clients], [], [], 0)[0]
        self.assertLessEqual(len(got_in), WORKERS)

    def check_served(self, clients):
        statuses = [client.answer()[0].status for client in clients]
        self.assertGreaterEqual(statuses.count(200), len(clients) - WORKERS)  # one that got in had no way to the endpoint
        self.assertLessEqual(set(statuses), {200, 503})

    def test_the_operator_changes_things_and_newcomers_are_served_afterwards(self):
        proxy = self.start()
        kept = proxy.client()
        self.addCleanup(kept.close)
        self.assertEqual(kept.get()[0].status, 200)
        with self.exhausted(proxy):
            waiting = self.newcomers(proxy, 20)
            self.assertEqual(proxy.status()["generation"], 1)
            self.assertEqual(proxy.split("10%")["generation"], 2)
            switched = proxy.switch("green")
            self.assertEqual((switched["changed"], switched["durable"]), (True, True))
            self.assertEqual(proxy.rollback(reason="everything is taken")["live"], "blue")
            self.check_durable(proxy)
            page = page_of(proxy)
            self.assertGreater(sample(page, "process_open_fds"), 0)
            self.assertGreaterEqual(sample(page, "process_open_fds"), sample(page, "process_max_fds") - 3)
            done = proxy.cli("status", "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            # The connection that a client has, and the one to the endpoint behind it, are still good.
            self.assertEqual(kept.get()[0].status, 200)
            self.check_still_waiting(waiting)
        self.check_served(waiting)
        with open(os.path.join(proxy.directory, "state", "audit.jsonl")) as file:
            self.assertEqual([json.loads(line)["action"] for line in file], ["start", "split", "switch", "rollback"])

    def ask(self, connection, method, path, body=None):
        connection.request(method, path, json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def test_callers_who_stay_leave_room_for_what_a_change_needs(self):
        proxy = self.start()
        most = bound("kReserveForCallers") + bound("kReserveForRemote")
        callers = [UnixHTTPConnection(proxy.socket) for _ in range(most + 1)]
        for caller in callers:
            self.addCleanup(caller.close)
        with self.exhausted(proxy):
            for caller in callers[:-1]:
                self.assertEqual(self.ask(caller, "GET", "/v1/status")[0], 200)
            late = callers[-1]
            late.request("GET", "/v1/status")
            self.assertEqual(self.ask(callers[0], "POST", "/v1/services/shop/switch", {"pool": "green"})[1]["durable"], True)
            self.assertEqual(self.ask(callers[0], "POST", "/v1/services/shop/rollback", {})[1]["live"], "blue")
            self.assertFalse(poll_readable(late.sock, 0), "nothing is left for one more")
            callers[0].close()
            self.assertEqual(late.getresponse().status, 200)

    def test_scrapes_over_tcp_go_on_but_leave_room_for_the_socket(self):
        proxy = self.start()
        proxy.stop()
        proxy.write_config(self.services, WORKERS, admin={"socket": {"path": proxy.socket}, "http": {"bind": "127.0.0.1:0"}})
        proxy.start()
        address = proxy.wait_told(r"admin\.http on (\S+),")[1]
        most = bound("kReserveForRemote")
        scrapers = [http.client.HTTPConnection(address, timeout=PATIENCE) for _ in range(most + 1)]
        for scraper in scrapers:
            self.addCleanup(scraper.close)
        with self.exhausted(proxy):
            for scraper in scrapers[:-1]:
                scraper.request("GET", "/metrics")
                answer = scraper.getresponse()
                self.assertEqual(answer.status, 200)
                self.assertGreater(sample(answer.read().decode(), "process_open_fds"), 0)
            late = scrapers[-1]
            late.request("GET", "/metrics")
            self.assertTrue(proxy.switch("green")["durable"])
            self.assertEqual(proxy.rollback()["live"], "blue")
            self.check_durable(proxy)
            self.assertFalse(poll_readable(late.sock, 0), "nothing is left for one more of these")
        self.assertEqual(late.getresponse().status, 200)

    def test_callers_who_come_one_after_the_other_find_room_each_time(self):
        proxy = self.start()
        with self.exhausted(proxy):
            waiting = self.newcomers(proxy, 5)
            for _ in range(scaled(200, 100, 50)):
                self.assertEqual(proxy.admin("GET", "/healthz", raw=True)[0], 200)
            self.check_still_waiting(waiting)
        self.check_served(waiting)

    def test_clients_who_come_and_go_at_the_limit_do_not_take_the_operators_room(self):
        proxy = self.start()
        done = threading.Event()

        def come_and_go():
            while not done.is_set():
                with contextlib.suppress(OSError, EOFError), proxy.client() as client:
                    client.sock.settimeout(0.3)
                    client.get(fields=["Connection: close"])

        clients = [threading.Thread(target=come_and_go, daemon=True) for _ in range(16)]
        with self.exhausted(proxy, room=6):
            for client in clients:
                client.start()
            for _ in range(scaled(40, 20, 10)):
                self.assertTrue(proxy.switch("green")["durable"])
                self.assertEqual(proxy.rollback()["live"], "blue")
            done.set()
        for client in clients:
            client.join()
        with proxy.client() as client:
            self.assertEqual(client.get()[0].status, 200)



class Others:
    """Clients like any others, each request on a new connection, while something goes on; check() says how they fared."""

    WAIT_MAX_S = scaled(2, 4, 8)

    def __init__(self, proxy):
        command = [os.path.join(TOOLS, "test-load"), "--address", proxy.address, "--connections", "8", "--rps", "400", "--close", "--commands"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def check(self, test):
        out, errors = self.process.communicate("quit\n", timeout=2 * PATIENCE)
        test.assertTrue(out, f"test-load said nothing: {errors}")
        report = json.loads(out.splitlines()[-1])["report"]
        test.assertEqual(report["failed"], 0, report)
        test.assertGreater(report["answered"], 100)
        test.assertLess(report["latency_us"]["p99"], self.WAIT_MAX_S * 1_000_000)
        show(f"others: {report['answered']} answers, p99 {report['latency_us']['p99'] / 1000:.1f} ms, {report['failed']} failures")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Crowd:
    """Many connections of one kind. Nothing here waits for a single one of them."""

    def __init__(self, proxy, count, greeting=b"", receive_buffer=None):
        self.peers = []
        accepted = sample(page_of(proxy), "sluice_connections_accepted_total")
        for number in range(1, count + 1):
            # Faster than they are accepted, and the kernel drops packets of everybody.
            if number % 250 == 0:
                wait_until(
                    lambda: sample(page_of(proxy), "sluice_connections_accepted_total") - accepted > number - 250,
                    "those before them are accepted",
                )
            peer = proxy.client(receive_buffer=receive_buffer)
            self.peers.append(peer)
            peer.send(greeting)
            peer.sock.setblocking(False)
        self.answers = {}  # of those that have ended: what came

    def open(self):
        return [peer for peer in self.peers if peer not in self.answers]

    def each_sends(self, piece):
        for peer in self.open():
            with contextlib.suppress(OSError):
                peer.sock.send(piece)

    def each_reads(self, size):
        """At most so much of what is there."""
        for peer in self.open():
            self.read_once(peer, size)

    def read_once(self, peer, size):
        try:
            data = peer.sock.recv(size)
        except BlockingIOError:
            return
        except OSError:  # reset
            data = b""
        if data:
            peer.buffer += data
        else:
            self.answers[peer] = peer.buffer
            peer.sock.close()

    def all_ended(self):
        self.each_reads(4096)
        return len(self.answers) == len(self.peers)

    def close(self):
        for peer in self.peers:
            peer.close()


class CrowdTest(SluiceTest):
    def pools_elsewhere(self, **over):
        """As two_pools(). What an endpoint has in its own kernel is its own matter: 1.5 MiB of each answer that nobody
        takes, unless told otherwise."""
        blue, green = (self.origin(name, send_buffer=64 * 1024) for name in ("blue", "green"))
        return self.sluice([service([blue.address], [green.address], **over)], workers=WORKERS)

    def others(self, proxy):
        others = Others(proxy)
        self.addCleanup(others.stop)
        return others

    def crowd(self, proxy, count, greeting=b"", **rest):
        crowd = Crowd(proxy, count, greeting, **rest)
        self.addCleanup(crowd.close)
        return crowd

    def check_nothing_is_left(self, proxy):
        for gauge in ("sluice_connections_open", "sluice_requests_in_flight", "sluice_endpoint_requests_in_flight"):
            wait_until(lambda: total(page_of(proxy), gauge) == 0, f"{gauge} is 0 again")


def total(page, name):
    return sum(float(value) for value in re.findall(rf"(?m)^{name}(?:\{{.*\}})? (\S+)$", page))


def pss_kib(proxy):
    with open(f"/proc/{proxy.process.pid}/smaps_rollup") as file:
        return int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M).group(1))


def tcp_memory_pages():
    with open("/proc/net/sockstat") as file:
        return int(re.search(r"^TCP: .* mem (\d+)$", file.read(), re.M).group(1))


def tcp_pressure_pages():
    with open("/proc/sys/net/ipv4/tcp_mem") as file:
        return int(file.read().split()[1])


def rounds(seconds, pause=0.1):
    """Turns the caller's loop for so long, with a pause for everybody else between the turns."""
    end = time.monotonic() + seconds
    waiting = threading.Event()
    while time.monotonic() < end:
        yield
        waiting.wait(pause)


class SlowHeads(CrowdTest):
    COUNT = connections_possible(scaled(5_000, 1_000, 500))
    TIME = scaled(2, 4, 8)
    HEAD = b"GET /slow HTTP/1.1\r\nHost: shop.test\r\nX-Slow: " + b"a" * 4096

    def test_slow_heads_are_answered_408_in_time_and_nobody_else_notices(self):
        proxy = self.two_pools(timeouts={"request_header": f"{self.TIME}s"})
        others = self.others(proxy)
        began = time.monotonic()
        crowd = self.crowd(proxy, self.COUNT, self.HEAD[:1])
        wait_until(lambda: sample(page_of(proxy), "sluice_connections_open") > self.COUNT // 2, "they are held")
        for position, _ in enumerate(rounds(3 * PATIENCE), start=1):
            crowd.each_sends(self.HEAD[position : position + 1])
            if crowd.all_ended():
                break
        took = time.monotonic() - began
        others.check(self)
        refused = sum(answer.startswith(b"HTTP/1.1 408 ") for answer in crowd.answers.values())
        # One that sent a byte more before it read may find a reset in the place of the answer.
        self.assertGreater(refused, self.COUNT // 2)
        self.assertTrue(all(answer.startswith(b"HTTP/1.1 408 ") for answer in crowd.answers.values() if answer))
        self.assertTrue(crowd.all_ended(), "the slow ones are gone")
        self.assertGreater(took, self.TIME)
        show(f"{self.COUNT} slow heads: gone after {took:.1f} s, {refused} by 408")
        self.check_nothing_is_left(proxy)


class SlowBodies(CrowdTest):
    COUNT = connections_possible(scaled(1_000, 300, 150))
    TIME = scaled(3, 6, 12)
    KIB_EACH = 64
    POST = b"POST /digest HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100000\r\n\r\n"

    def test_bodies_byte_by_byte_cost_little_and_are_cut(self):
        proxy = self.two_pools(timeouts={"request_body_idle": f"{self.TIME}s"})
        self.load(proxy, "--requests", 1_000, judged=False)
        idle = pss_kib(proxy)
        others = self.others(proxy)
        crowd = self.crowd(proxy, self.COUNT, self.POST)
        wait_until(lambda: total(page_of(proxy), "sluice_endpoint_requests_in_flight") >= self.COUNT, "all are at the endpoint")
        if BUILD == "release":
            held = pss_kib(proxy) - idle
            self.assertLess(held, self.COUNT * self.KIB_EACH)
            show(f"{self.COUNT} slow bodies: {held / self.COUNT:.1f} KiB each")
        for _ in rounds(3 * PATIENCE):
            crowd.each_sends(b"x")
            if crowd.all_ended():
                break
        self.assertTrue(crowd.all_ended(), "they are never silent, and too slow")
        others.check(self)
        answers = [answer[:12] for answer in crowd.answers.values()]
        self.assertLessEqual(set(answers), {b"HTTP/1.1 408", b""})
        self.assertGreater(answers.count(b"HTTP/1.1 408"), self.COUNT // 2)
        self.check_nothing_is_left(proxy)


class SlowReaders(CrowdTest):
    COUNT = connections_possible(scaled(1_000, 200, 100))
    KIB_EACH = 160
    KERNEL_KIB_EACH = 1500  # at most; both sides' sockets of the proxy, the reader's and the rest of the endpoint's

    def test_readers_of_a_hundred_megabytes_cost_little_here_and_in_the_kernel(self):
        # The kernel's mark is a share of the machine's memory: fewer readers where there is little.
        count = min(self.COUNT, tcp_pressure_pages() * 4 // self.KERNEL_KIB_EACH)
        proxy = self.pools_elsewhere()
        self.load(proxy, "--requests", 1_000, judged=False)
        idle = pss_kib(proxy)
        others = self.others(proxy)
        crowd = self.crowd(proxy, count, get_of(100 << 20))
        pages = most = 0
        for _ in rounds(5):
            crowd.each_reads(16)
            pages = max(pages, tcp_memory_pages())
            most = max(most, pss_kib(proxy))
        self.assertEqual(len(crowd.open()), count, "all are held, so that something is shown")
        self.assertGreaterEqual(total(page_of(proxy), "sluice_endpoint_requests_in_flight"), count)
        self.assertLess(pages, tcp_pressure_pages(), "of the kernel's memory for TCP")
        if BUILD == "release":
            self.assertLess(most, idle + count * self.KIB_EACH)
        others.check(self)
        crowd.close()
        self.check_nothing_is_left(proxy)
        show(f"{count} slow readers: {(most - idle) / count:.0f} KiB each, {pages * 4 / count:.0f} KiB each in the kernel,"
             f" {pages} pages of {tcp_pressure_pages()}")

    def test_readers_with_small_windows_are_cut(self):
        proxy = self.pools_elsewhere(timeouts={"response_body_idle": "2s"})
        others = self.others(proxy)
        crowd = self.crowd(proxy, self.COUNT, get_of(16 << 20), receive_buffer=1024)
        wait_until(lambda: sample(page_of(proxy), "sluice_connections_open") > self.COUNT // 2, "they are held")

        def are_gone():
            crowd.each_reads(1)
            return sample(page_of(proxy), "sluice_connections_open") <= 8

        wait_until(are_gone, "nobody is left but the others", timeout=3 * PATIENCE)
        others.check(self)
        self.check_nothing_is_left(proxy)


def get_of(size):
    return f"GET /?size={size} HTTP/1.1\r\nHost: shop.test\r\n\r\n".encode()


@unittest.skipUnless(shutil.which("slowhttptest"), "slowhttptest is not there: ./dev deps test installs it")
class SlowHttpTest(CrowdTest):
    """The well-known tool, a few seconds in each of its modes."""

    COUNT = connections_possible(scaled(1_000, 300, 200))
    TIMEOUTS = {"request_header": "2s", "request_body_idle": "2s", "response_body_idle": "2s"}

    def attack(self, *mode, target="/"):
        proxy = self.pools_elsewhere(timeouts=self.TIMEOUTS)
        others = self.others(proxy)
        command = ["slowhttptest", *mode, "-c", str(self.COUNT), "-r", str(self.COUNT), "-l", "5", "-v", "1",
                   "-u", f"http://{proxy.address}{target}"]
        done = subprocess.run(command, cwd=self.directory(), capture_output=True, text=True, timeout=6 * PATIENCE)
        self.assertIn("Exit status", done.stdout + done.stderr)
        others.check(self)
        self.assertGreater(sample(page_of(proxy), "sluice_connections_accepted_total"), self.COUNT // 2, done.stdout[-600:])
        self.check_nothing_is_left(proxy)

    def test_slow_heads(self):
        self.attack("-H", "-i", "1", "-x", "24")

    def test_slow_bodies(self):
        self.attack("-B", "-i", "1", "-s", "8192", "-x", "10")

    def test_ranges(self):
        self.attack("-R", "-a", "1", "-b", "3000")

    def test_slow_readers(self):
        self.attack("-X", "-w", "10", "-y", "512", "-n", "1", "-z", "32", "-k", "3", target="/?size=1000000")


if __name__ == "__main__":
    unittest.main()
