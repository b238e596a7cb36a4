"""Graceful end, the second signal, the signals of later versions, and what a start refuses."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import BIN, PATIENCE, Peer, SluiceTest, plain_answer, service, wait_until


class Signals(SluiceTest):
    def held(self, **over):
        self.release = threading.Event()
        self.arrived = threading.Semaphore(0)
        self.addCleanup(self.release.set)

        def script(peer):
            while True:
                try:
                    peer.head()
                except (EOFError, ConnectionResetError):
                    return
                self.arrived.release()
                self.release.wait(PATIENCE)
                peer.send(plain_answer(b"done"))

        return self.behind(script, **over)

    def test_sigterm_finishes_what_runs_and_says_close(self):
        proxy = self.held()
        idle = proxy.client()
        busy = proxy.client()
        busy.request()
        self.assertTrue(self.arrived.acquire(timeout=PATIENCE))
        proxy.process.send_signal(signal.SIGTERM)
        self.assertTrue(idle.is_closed(), "idle connections are closed")
        wait_until(lambda: self.is_refused(proxy.address), "the listener is closed")
        self.assertIsNone(proxy.process.poll())
        self.release.set()
        head, body = busy.answer()
        self.assertEqual((head.status, head["connection"], body), (200, "close", b"done"))
        self.assertEqual(proxy.process.wait(PATIENCE), 0)

    def is_refused(self, address):
        try:
            Peer.connect(address).close()
            return False
        except OSError:
            return True

    def test_sigint_is_the_same_and_an_idle_proxy_ends_at_once(self):
        proxy = self.two_pools()
        start = time.monotonic()
        proxy.process.send_signal(signal.SIGINT)
        self.assertEqual(proxy.process.wait(PATIENCE), 0)
        self.assertLess(time.monotonic() - start, PATIENCE / 2)
        self.assertFalse(os.path.exists(proxy.socket), "the admin socket is removed")

    def test_a_second_signal_ends_at_once(self):
        proxy = self.held(drain={"deadline": "1h"})
        busy = proxy.client()
        busy.request()
        self.assertTrue(self.arrived.acquire(timeout=PATIENCE))
        proxy.process.send_signal(signal.SIGTERM)
        wait_until(lambda: self.is_refused(proxy.address), "the listener is closed")
        proxy.process.send_signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(PATIENCE), 0)

    def test_a_start_without_standard_descriptors_works_and_ends_well(self):
        proxy = self.sluice([service([self.origin("blue").address], [self.origin("green").address])])
        proxy.process.terminate()
        self.assertEqual(proxy.process.wait(PATIENCE), 0)
        # As some supervisors do: sockets would take the numbers 0 to 2.
        proxy.process = subprocess.Popen(["bash", "-c", 'exec "$0" run -c "$1" <&- >&- 2>&-', BIN, proxy.config_file])
        wait_until(proxy._is_ready, "the proxy answers on its socket")
        proxy.process.terminate()
        self.assertEqual(proxy.process.wait(PATIENCE), 0)

    def test_the_drain_deadline_ends_what_does_not_end(self):
        proxy = self.held(drain={"deadline": "300ms"})
        busy = proxy.client()
        busy.request()
        self.assertTrue(self.arrived.acquire(timeout=PATIENCE))
        proxy.process.send_signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(PATIENCE), 0)

    def test_connections_in_the_queue_of_the_listener_are_served(self):
        proxy = self.two_pools()
        clients = [proxy.client() for _ in range(50)]
        for client in clients:
            client.request(fields=["Cookie: uid=user-1"])
        proxy.process.send_signal(signal.SIGTERM)
        for client in clients:
            self.assertEqual(client.answer()[0].status, 200)
        self.assertEqual(proxy.process.wait(PATIENCE), 0)

    def test_signals_without_effect_and_a_closed_pipe_do_no_harm(self):
        proxy = self.two_pools()
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
            proxy.process.send_signal(number)
        wait_until(lambda: all(name in proxy.errors() for name in ("SIGHUP", "SIGUSR1", "SIGUSR2")), "they are logged")
        with proxy.client() as client:
            self.assertEqual(client.get()[0].status, 200)

    def test_the_access_log_is_opened_again_after_a_rotation(self):
        proxy = self.two_pools()
        old = proxy.log_file + ".1"
        with proxy.client() as client:
            client.get("/before")
            os.rename(proxy.log_file, old)
            client.get("/still-before")
            wait_until(lambda: b"/still-before" in open(old, "rb").read(), "the renamed file is written on")
            proxy.process.send_signal(signal.SIGUSR1)
            wait_until(lambda: "the access log is open again" in proxy.errors(), "it says so")
            client.get("/after")
            proxy.wait_log(lambda line: line["path"] == "/after")
        with open(old) as file:
            self.assertEqual([json.loads(line)["path"] for line in file], ["/before", "/still-before"])
        self.assertEqual([line["path"] for line in proxy.log_lines()], ["/after"])

    def test_an_access_log_that_cannot_be_opened_again_is_kept(self):
        proxy = self.two_pools()
        os.rename(proxy.log_file, proxy.log_file + ".1")
        os.mkdir(proxy.log_file)
        proxy.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: "the access log can't be opened: Is a directory; the old file is kept" in proxy.errors(), "it says so")
        with proxy.client() as client:
            client.get("/kept")
        wait_until(lambda: b"/kept" in open(proxy.log_file + ".1", "rb").read(), "the old file is written on")

    def test_the_combined_format(self):
        blue = self.origin("blue")
        log = os.path.join(self.directory(), "combined.log")
        proxy = self.sluice([service([blue.address], [blue.address])], access_log={"path": log, "format": "combined"})
        with proxy.client() as client:
            client.get("/a?secret=1", fields=["Referer: http://from.test/", "User-Agent: a \"quoted\" one"])
            client.send("no request at all\r\n\r\n")
            client.rest()
        lines = wait_until(lambda: (found := open(log).read().splitlines()) and len(found) == 2 and found, "two lines")
        self.assertRegex(
            lines[0],
            r'^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /a HTTP/1\.1" 200 1024 '
            r'"http://from\.test/" "a \\x22quoted\\x22 one"$',
        )
        self.assertRegex(lines[1], r'^127\.0\.0\.1 - - \[.*\] "-" 400 39 "-" "-"$')

    def test_not_ready_while_stopping(self):
        proxy = self.held()
        busy = proxy.client()
        busy.request()
        self.assertTrue(self.arrived.acquire(timeout=PATIENCE))
        self.assertEqual(proxy.admin("GET", "/readyz", raw=True)[0], 200)
        proxy.process.send_signal(signal.SIGTERM)
        wait_until(lambda: proxy.admin("GET", "/readyz", raw=True)[0] == 503, "readyz says 503")
        self.release.set()
        busy.answer()
        self.assertEqual(proxy.process.wait(PATIENCE), 0)


class Starting(SluiceTest):
    def refused(self, proxy):
        proxy.start(wait=False)
        self.assertEqual(proxy.process.wait(PATIENCE), 1, proxy.errors())
        return proxy.errors()

    def test_an_address_in_use_stops_the_start(self):
        proxy = self.two_pools()
        proxy.stop()
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        services = [service([self.blue.address], [self.green.address])]
        proxy.write_config(services, listeners=[{"name": "main", "bind": "127.0.0.1:%d" % taken.getsockname()[1]}])
        self.assertIn("in use", self.refused(proxy).lower())
        proxy.write_config(services)
        proxy.start()

    def test_a_bad_configuration_stops_the_start_with_every_mistake(self):
        proxy = self.two_pools()
        proxy.stop()
        services = [service([self.blue.address], [self.green.address], surprise=1)]
        proxy.write_config(services, workers="many")
        text = self.refused(proxy)
        self.assertIn("surprise", text)
        self.assertIn("workers", text)
        proxy.write_config([service([self.blue.address], [self.green.address])])
        proxy.start()

    def test_the_same_port_is_taken_again_after_a_stop(self):
        proxy = self.two_pools()
        address = proxy.address
        with proxy.client() as client:
            client.get()
            proxy.stop()
        proxy.write_config([service([self.blue.address], [self.green.address])], listeners=[{"name": "main", "bind": address}])
        proxy.start()
        self.assertEqual(proxy.address, address)

    def test_signals_during_the_start_wait_for_it(self):
        proxy = self.two_pools()
        proxy.stop()
        # Much to open, so that the start goes on for a while behind its first step.
        proxy.write_config([service([self.blue.address], [self.green.address])],
                           listeners=[{"name": f"l{i}", "bind": "127.0.0.1:0"} for i in range(64)])
        proxy.start(wait=False)

        def catches_term():
            with open(f"/proc/{proxy.process.pid}/status") as file:
                caught = int(re.search(r"SigCgt:\s+(\w+)", file.read()).group(1), 16)
            return caught >> (signal.SIGTERM - 1) & 1

        while not catches_term():  # as early as can be: a wait in between would often be too long
            self.assertIsNone(proxy.process.poll())
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM):
            proxy.process.send_signal(number)
        self.assertEqual(proxy.process.wait(PATIENCE), 0)
        for word in ("SIGHUP: reload", "SIGUSR1", "SIGUSR2", "stopping: waiting"):
            self.assertIn(word, proxy.errors())

    def test_an_admin_socket_that_another_took_over_is_left_to_it(self):
        proxy = self.two_pools()
        os.rename(proxy.socket, proxy.socket + ".first")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(proxy.socket)
            other.listen()
            proxy.stop()
            self.assertTrue(os.path.exists(proxy.socket))
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(proxy.socket)
        os.remove(proxy.socket)
        again = self.two_pools()
        self.assertTrue(os.path.exists(again.socket))
        again.stop()
        self.assertFalse(os.path.exists(again.socket))

    def test_a_stale_admin_socket_is_replaced(self):
        proxy = self.two_pools()
        proxy.kill()
        self.assertTrue(os.path.exists(proxy.socket))
        proxy.start()
        self.assertEqual(proxy.status()["generation"], 1)


if __name__ == "__main__":
    unittest.main()
