"""Bounds of the process: connections, descriptors, addresses; where it listens; and an access log that nobody reads."""

import contextlib
import fcntl
import http.client
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import threading
import unittest

from harness import BIN, PATIENCE, Peer, ScriptedOrigin, SluiceTest, answering, plain_answer, poll_readable, service, wait_until

F_SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ from Python 3.10


def metric(proxy, name):
    page = proxy.admin("GET", "/metrics", raw=True)[1]
    return int(re.search(rf"^{name} (\d+)$", page, re.M).group(1))


class LimitsTest(SluiceTest):
    def start(self, proxy, preexec=None, stdout=subprocess.DEVNULL, stderr=None, wait=True):
        """As Sluice.start(), with descriptors and limits of the test's choice."""
        with open(os.path.join(proxy.directory, "stderr"), "a") as file:
            proxy.process = subprocess.Popen(
                [BIN, "run", "-c", proxy.config_file], stdout=stdout, stderr=stderr or file, preexec_fn=preexec
            )
        if wait:
            self.wait_ready(proxy)

    def wait_ready(self, proxy):
        wait_until(proxy._is_ready, "the proxy answers on its socket")
        proxy.listeners = {entry["name"]: entry["address"] for entry in proxy.status()["listeners"]}
        proxy.address = proxy.listeners["main"]

    def stopped(self, script, workers=2, **top):
        """A configured proxy that does not run yet, and has run before."""
        self.peer = self.scripted(script)
        self.services = [service([self.peer.address], [self.peer.address])]
        proxy = self.sluice(self.services, workers=workers)
        proxy.stop()
        proxy.write_config(self.services, workers, **top)
        return proxy

    def held(self):
        """A script that answers when the test says so; `arrived` counts the requests."""
        self.release = threading.Event()
        self.addCleanup(self.release.set)
        self.arrived = 0
        lock = threading.Lock()

        def script(peer):
            with contextlib.suppress(EOFError, ConnectionResetError):
                while True:
                    peer.head()
                    with lock:
                        self.arrived += 1
                    self.release.wait(2 * PATIENCE)
                    peer.send(plain_answer())

        return script

    def take_answers(self, clients):
        """In the order in which they come; each client then leaves at once."""
        waiting = {client.sock: client for client in clients}
        while waiting:
            ready = select.select(list(waiting), [], [], PATIENCE)[0]
            self.assertTrue(ready, f"{len(waiting)} clients get no answer")
            for sock in ready:
                client = waiting.pop(sock)
                self.assertEqual(client.answer()[0].status, 200)
                client.close()

    def clients(self, proxy, count):
        clients = [proxy.client() for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
        return clients


class Connections(LimitsTest):
    def check_pause_and_recovery(self, proxy, most):
        """`most` of some more clients are served at once, the others when those have left."""
        clients = self.clients(proxy, 2 * most)
        for client in clients:
            client.request(fields=["Connection: close"])
        wait_until(lambda: self.arrived >= most, f"{most} requests are at the origin")
        self.assertEqual(metric(proxy, "sluice_connections_open"), most)
        self.assertEqual(self.arrived, most)
        self.release.set()
        self.take_answers(clients)
        wait_until(lambda: metric(proxy, "sluice_connections_open") == 0, "all have left")
        with proxy.client() as late:
            self.assertEqual(late.get()[0].status, 200)

    def test_a_low_descriptor_limit_pauses_accepting_and_recovers(self):
        proxy = self.stopped(self.held(), workers=1)

        def few_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))

        self.start(proxy, few_descriptors)
        proxy.wait_told(r"at most 32 client connections \(descriptor limit 128\), 1 worker")
        self.check_pause_and_recovery(proxy, (128 - 64) // 2)

    def test_the_connection_limit_pauses_accepting_and_recovers(self):
        proxy = self.stopped(self.held(), workers=1, limits={"connections": 5})
        self.start(proxy)
        self.check_pause_and_recovery(proxy, 5)

    def test_the_connection_limit_is_that_of_all_workers_together(self):
        proxy = self.stopped(self.held(), workers=3, limits={"connections": 5})
        self.start(proxy)
        proxy.wait_told("at most 5 client connections")
        # The kernel spreads them by hash: with this many, every worker comes to its own limit.
        clients = self.clients(proxy, 100)
        for client in clients:
            client.request(fields=["Connection: close"])
        wait_until(lambda: self.arrived >= 5, "5 requests are at the origin")
        self.assertEqual(metric(proxy, "sluice_connections_open"), 5)
        self.release.set()
        self.take_answers(clients)
        self.assertEqual(metric(proxy, "sluice_connections_accepted_total"), 100)

    def test_fewer_connections_than_workers_are_refused(self):
        proxy = self.stopped(answering, workers=4, limits={"connections": 3})
        for command in (["check"], ["run"]):
            done = subprocess.run([BIN, *command, "-c", proxy.config_file], capture_output=True, text=True, timeout=PATIENCE)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("'limits.connections' is 3 with 4 workers", done.stdout + done.stderr)
        proxy.write_config(self.services, 4, limits={"connections": 4})
        self.start(proxy)

    def test_workers_auto_are_no_more_than_there_are_connections(self):
        proxy = self.stopped(answering, workers="auto", limits={"connections": 1})
        self.start(proxy)
        self.assertEqual(proxy.status()["workers"], 1)
        with proxy.client() as client:
            self.assertEqual(client.get()[0].status, 200)

    def test_a_descriptor_limit_without_room_for_every_worker_stops_the_start(self):
        proxy = self.stopped(answering, workers=4)
        self.start(proxy, lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (70, 70)), wait=False)
        self.assertEqual(proxy.process.wait(PATIENCE), 1)
        self.assertIn("only 3 client connections for 4 workers", proxy.errors())
        self.start(proxy)

    def test_one_address_gets_no_more_than_its_share(self):
        proxy = self.stopped(answering, limits={"connections_per_address": 2})
        self.start(proxy)
        first, second = self.clients(proxy, 2)
        for client in (first, second):
            self.assertEqual(client.get()[0].status, 200)
        with proxy.client() as third:
            self.assertTrue(third.is_closed())
        self.assertEqual(metric(proxy, "sluice_connections_refused_total"), 1)
        self.assertEqual(first.get()[0].status, 200, "the others stay")
        second.close()
        wait_until(lambda: metric(proxy, "sluice_connections_open") == 1, "the second has left")
        with proxy.client() as fourth:
            self.assertEqual(fourth.get()[0].status, 200)

    def test_at_the_limit_idle_connections_make_room(self):
        proxy = self.stopped(answering, workers=1, limits={"connections": 4})
        self.start(proxy)
        idle = self.clients(proxy, 4)
        for client in idle:
            self.assertEqual(client.get()[0].status, 200)
        with proxy.client() as fifth:
            self.assertEqual(fifth.get()[0].status, 200)
        self.assertTrue(idle[0].is_closed(), "the one that was idle for longest has gone")


class Addresses(LimitsTest):
    def test_ipv6_on_both_sides(self):
        try:
            sock = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError as error:
            self.skipTest(f"no ::1 here: {error}")
        origin = SixOrigin(sock, answering)
        self.addCleanup(origin.stop)
        proxy = self.sluice(
            [service([origin.address], [origin.address])], listeners=[{"name": "main", "bind": "[::1]:0"}]
        )
        self.assertRegex(proxy.address, r"^\[::1\]:\d+$")
        with proxy.client() as client:
            for _ in range(3):
                head, body = client.get()
                self.assertEqual((head.status, body), (200, b"ok"))
                self.assertEqual(head["sluice-endpoint"], origin.address)
        self.assertEqual(proxy.wait_log(lambda line: True)["client"], "::1")
        self.assertTrue(proxy.switch("green")["changed"], "the connect check reaches it too")

    def admin_over_tcp(self, bind):
        proxy = self.stopped(answering)
        proxy.write_config(
            self.services, admin={"socket": {"path": proxy.socket}, "http": {"bind": f"{bind}:0"}}
        )
        self.start(proxy)
        return int(proxy.wait_told(r"admin\.http on \S+:(\d+), read-only").group(1))

    def ask(self, address, port, host):
        connection = http.client.HTTPConnection(address, port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/metrics", headers={"Host": host})
        return connection.getresponse().status

    def test_admin_over_tcp_answers_those_who_use_its_address(self):
        port = self.admin_over_tcp("127.0.0.2")
        self.assertEqual(self.ask("127.0.0.2", port, f"127.0.0.2:{port}"), 200)
        self.assertEqual(self.ask("127.0.0.2", port, "rebound.example"), 403)
        with Peer.connect(f"127.0.0.2:{port}") as old:
            old.send("GET /healthz HTTP/1.0\r\n\r\n")
            self.assertEqual(old.head().status, 200)

    def test_admin_over_tcp_on_the_wildcard_answers_addresses_and_no_names(self):
        port = self.admin_over_tcp("0.0.0.0")
        for host in (f"127.0.0.1:{port}", f"192.0.2.7:{port}", "[2001:db8::7]", "localhost"):
            self.assertEqual(self.ask("127.0.0.1", port, host), 200, host)
        for host in ("rebound.example", "192.0.2.7.rebound.example"):
            self.assertEqual(self.ask("127.0.0.1", port, host), 403, host)


class SixOrigin(ScriptedOrigin):
    def __init__(self, sock, script):
        self.script, self.errors, self.connections, self.sock = script, [], 0, sock
        self.address = "[::1]:%d" % sock.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()


class AccessLog(LimitsTest):
    LONG = "User-Agent: " + "x" * 2000

    def ask(self, proxy, count):
        with proxy.client() as client:
            for _ in range(count):
                self.assertEqual(client.get(fields=[self.LONG])[0].status, 200)

    def fifo(self, proxy):
        path = os.path.join(proxy.directory, "log.fifo")
        os.mkfifo(path)
        proxy.write_config(self.services, 2, access_log={"path": path})
        return path

    def small_pipe(self):
        reader, writer = os.pipe()
        fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
        self.addCleanup(os.close, reader)
        return reader, writer

    def lost(self, proxy):
        return int(re.search(r"access log: (\d+) lines were not taken", proxy.errors()).group(1))

    def on_pipe(self):
        """A proxy that logs to its standard output, a pipe of one page."""
        reader, writer = self.small_pipe()
        proxy = self.stopped(answering, access_log={"path": "-"})
        self.start(proxy, stdout=writer)
        os.close(writer)
        return proxy, reader

    def test_a_pipe_that_nobody_reads_holds_up_neither_requests_nor_the_end(self):
        proxy, reader = self.on_pipe()
        self.ask(proxy, 50)
        wait_until(lambda: poll_readable(reader, 0), "the pipe is full")
        proxy.process.send_signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(PATIENCE), 0)
        read = read_whole(reader)
        self.assertEqual(read.count(b"\n") + self.lost(proxy), 50)
        self.assertTrue(read.endswith(b"\n"), "no line is torn")

    def test_a_signal_during_the_last_writes_does_not_change_the_exit_status(self):
        proxy, reader = self.on_pipe()
        self.ask(proxy, 50)
        proxy.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not os.path.exists(proxy.socket), "the end has begun")
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            proxy.process.send_signal(number)
        self.assertEqual(proxy.process.wait(PATIENCE), 0)

    def test_lines_behind_a_slow_reader_come_or_are_counted(self):
        proxy, reader = self.on_pipe()
        self.ask(proxy, 20)
        wait_until(lambda: poll_readable(reader, 0), "the writer has begun")
        self.ask(proxy, 30)  # behind what the writer waits with
        tasks = f"/proc/{proxy.process.pid}/task"
        threads = len(os.listdir(tasks))
        proxy.process.send_signal(signal.SIGTERM)
        # Two workers and the store have ended: the writer is next, and is told while it writes.
        wait_until(lambda: len(os.listdir(tasks)) <= threads - 3, "only the writer is left")
        data = read_whole(reader)
        self.assertEqual(proxy.process.wait(PATIENCE), 0)
        lines = [json.loads(line) for line in data.splitlines()]
        lost = self.lost(proxy) if "were not taken" in proxy.errors() else 0
        self.assertEqual(len(lines) + lost, 50)

    def test_what_a_full_queue_drops_is_counted(self):
        proxy, reader = self.on_pipe()
        clients = self.clients(proxy, 4)
        long = "User-Agent: " + "y" * 14_000
        requests = [f"GET / HTTP/1.1\r\nHost: a\r\n{long}\r\n\r\n" for _ in range(25)]

        def is_dropped():
            for client in clients:
                client.send("".join(requests))
                for _ in requests:
                    self.assertEqual(client.answer()[0].status, 200)
            return metric(proxy, "sluice_access_log_lines_dropped_total")

        dropped = wait_until(is_dropped, "the queue is full", 4 * PATIENCE)
        self.assertGreater(dropped, 0)

    def test_a_reader_that_leaves_is_counted(self):
        reader, writer = os.pipe()
        proxy = self.stopped(answering, access_log={"path": "-"})
        self.start(proxy, stdout=writer)
        os.close(writer)
        os.close(reader)
        self.ask(proxy, 3)
        wait_until(lambda: metric(proxy, "sluice_access_log_lines_lost_total") == 3, "they are counted")

    def test_a_fifo_without_reader_holds_up_neither_start_nor_end(self):
        proxy = self.stopped(answering)
        self.fifo(proxy)
        self.start(proxy)
        self.ask(proxy, 50)
        proxy.process.send_signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(PATIENCE), 0)
        self.assertGreater(self.lost(proxy), 0)

    def test_a_fifo_without_reader_does_not_hold_up_a_reopening(self):
        proxy = self.stopped(answering)
        path = self.fifo(proxy)
        self.start(proxy)
        self.ask(proxy, 50)  # more than the pipe holds
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        os.rename(path, path + ".old")
        proxy.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: "the access log is open again" in proxy.errors(), "it is opened again")
        taken = read_whole(reader).count(b"\n")
        self.assertGreater(taken, 0)
        wait_until(lambda: len(whole_lines(path)) == 50 - taken, "what waited is in the new file")
        self.ask(proxy, 5)
        proxy.stop()
        self.assertEqual(len(whole_lines(path)), 55 - taken)

    def test_a_full_disk_tears_no_line_and_loses_none_while_they_can_wait(self):
        proxy = self.stopped(answering)
        self.start(proxy)
        self.ask(proxy, 100)  # far behind what the state files need
        before = wait_until(lambda: len(found := whole_lines(proxy.log_file)) == 100 and found, "a hundred lines")
        size = os.path.getsize(proxy.log_file)
        soft, hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (size + 3_000, hard))  # a line is about 2,400 bytes
        self.ask(proxy, 10)
        wait_until(lambda: "the access log can't be written, lines wait: File too large" in proxy.errors(), "it says so")
        self.assertEqual(os.path.getsize(proxy.log_file), size + 3_000)  # within a line, and nothing behind it
        self.assertEqual(proxy.switch("green")["durable"], True)
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
        wait_until(lambda: "the access log is written again" in proxy.errors(), "it says so")
        self.assertEqual(len(whole_lines(proxy.log_file)), 110)
        self.assertEqual(metric(proxy, "sluice_access_log_lines_lost_total"), 0)

        size = os.path.getsize(proxy.log_file)
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (size + 3_000, hard))
        self.ask(proxy, 10)
        wait_until(lambda: os.path.getsize(proxy.log_file) == size + 3_000, "a line is torn")
        proxy.stop()
        self.assertEqual(len(whole_lines(proxy.log_file)) + self.lost(proxy), 120)
        self.assertEqual(self.lost(proxy), 9)
        self.assertEqual(len(before), 100)

    def test_a_line_that_was_torn_by_a_power_cut_stands_alone(self):
        proxy = self.stopped(answering)
        with open(proxy.log_file, "w") as file:
            file.write('{"whole":1}\n{"tor')
        self.start(proxy)
        self.ask(proxy, 1)
        proxy.stop()
        with open(proxy.log_file) as file:
            lines = file.read().split("\n")
        self.assertEqual(lines[:2], ['{"whole":1}', '{"tor'])
        self.assertEqual((json.loads(lines[2])["status"], lines[3:]), (200, [""]))

    def test_a_late_reader_of_a_fifo_gets_every_line(self):
        proxy = self.stopped(answering)
        path = self.fifo(proxy)
        self.start(proxy)
        self.ask(proxy, 50)  # more than the pipe holds
        with open(path, "rb") as fifo:
            for _ in range(50):
                self.assertEqual(json.loads(fifo.readline())["status"], 200)

    def test_a_file_has_every_line_when_the_process_has_ended(self):
        proxy = self.stopped(answering)
        self.start(proxy)
        self.ask(proxy, 200)
        proxy.stop()
        self.assertEqual(len(proxy.log_lines()), 200)


class Notices(LimitsTest):
    def on_full_pipe(self):
        """A proxy whose standard error is a pipe that takes nothing more; returns how much is in the way as well."""
        proxy = self.stopped(answering)
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        filled = fill(writer)
        os.set_blocking(writer, True)
        self.start(proxy, stderr=writer)
        os.close(writer)
        return proxy, reader, filled

    def test_standard_error_that_nobody_reads_holds_up_nothing(self):
        proxy, reader, filled = self.on_full_pipe()
        signals = 0
        for pool in ("green", "blue") * 20:
            self.assertTrue(proxy.switch(pool)["changed"])
            for _ in range(40):  # a notice each, unless two become one; more than the queue holds
                proxy.process.send_signal(signal.SIGHUP)
                proxy.process.send_signal(signal.SIGUSR2)
                self.assertEqual(proxy.admin("GET", "/healthz", raw=True)[0], 200)
                signals += 2
        with proxy.client() as client:
            self.assertEqual(client.get()[0].status, 200)
        proxy.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not os.path.exists(proxy.socket), "the end has begun")
        text = read_whole(reader)[filled:].decode()
        self.assertEqual(proxy.process.wait(PATIENCE), 0)
        missing = sum(int(count) for count in re.findall(r"^sluice: (\d+) notices are missing here", text, re.M))
        self.assertGreater(missing, 0)
        self.assertIn("\nsluice: SIGHUP: reload is not supported", text)
        self.assertTrue(text.startswith("sluice: ") and text.endswith("\n"), text[:200])
        self.assertLessEqual(text.count("not supported") + missing, signals + 10)

    def test_the_end_does_not_wait_for_a_reader_of_standard_error(self):
        proxy, reader, filled = self.on_full_pipe()
        proxy.process.send_signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(PATIENCE), 0)
        self.assertEqual(read_whole(reader), b"." * filled)

    def test_a_slow_reader_of_standard_error_gets_the_last_words(self):
        proxy, reader, filled = self.on_full_pipe()
        proxy.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not os.path.exists(proxy.socket), "the end has begun")
        text = read_whole(reader)[filled:].decode()
        self.assertEqual(proxy.process.wait(PATIENCE), 0)
        self.assertIn("listening on ", text)
        self.assertTrue(text.endswith("sluice: stopping: waiting for the requests in progress\n"), text)


def fill(writer):
    """Writes what the pipe takes; returns how much that was."""
    written = 0
    for size in (65536, 1):
        try:
            while True:
                written += os.write(writer, b"." * size)
        except BlockingIOError:
            pass
    return written


def whole_lines(path):
    """The path of each line; one that is torn fails."""
    with open(path, "rb") as file:
        data = file.read()
    if data and not data.endswith(b"\n"):
        return []
    return [json.loads(line)["path"].encode() for line in data.splitlines()]


def read_whole(descriptor):
    data = b""
    while True:
        if not poll_readable(descriptor, PATIENCE):
            raise AssertionError("the pipe is still open for writing")
        piece = os.read(descriptor, 65536)
        if not piece:
            return data
        data += piece


if __name__ == "__main__":
    unittest.main()
