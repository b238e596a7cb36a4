"""Unix sockets on both sides: listeners and endpoints."""

import os
import signal
import socket
import socketserver
import stat
import subprocess
import threading

from harness import PATIENCE, Peer, SluiceTest, pool_of, service, wait_until


class Application(socketserver.StreamRequestHandler):
    """Answers each request with its head."""

    def handle(self):
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                head += line
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(head) + head)


class Server(socketserver.ThreadingUnixStreamServer):
    request_queue_size = 128  # the default of 5 is soon full: connect() then fails at once
    daemon_threads = True

    def handle_error(self, request, client_address):
        """The proxy may go before the answer."""


class UnixSockets(SluiceTest):
    def application(self, path):
        server = Server(path, Application)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def stop():
            server.shutdown()
            server.server_close()
            thread.join()

        self.addCleanup(stop)
        return "unix:" + path

    def scene(self, listener=None, **rest):
        directory = self.directory()
        blue = self.application(os.path.join(directory, "blue.sock"))
        green = self.application(os.path.join(directory, "green.sock"))
        self.path = os.path.join(directory, "http.sock")
        listeners = [{"name": "main", "bind": "127.0.0.1:0"}, {"name": "local", "bind": "unix:" + self.path, **(listener or {})}]
        return self.sluice([service([blue], [green])], directory=directory, listeners=listeners, **rest)

    def connect(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE)
        sock.connect(self.path)
        return Peer(sock)

    def test_curl_gets_through_a_unix_listener_to_unix_endpoints(self):
        proxy = self.scene()
        self.assertEqual(proxy.listeners["local"], "unix:" + self.path)
        for pool in ("blue", "green"):
            done = subprocess.run(
                ["curl", "-sSi", "--unix-socket", self.path, "http://shop.example/x"], capture_output=True, text=True, timeout=PATIENCE
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("HTTP/1.1 200 OK", done.stdout)
            self.assertIn("GET /x HTTP/1.1", done.stdout)
            self.assertIn("Host: shop.example", done.stdout)
            self.assertRegex(done.stdout, rf"(?i)Sluice-Endpoint: unix:.*/{pool}\.sock")
            proxy.switch("green")
        line = proxy.wait_log(lambda line: line["pool"] == "green")
        self.assertTrue(line["endpoint"].endswith("/green.sock"))
        self.assertEqual(line["client"], "unix:")
        proxy.rollback()

    def test_peers_on_the_socket_are_believed_only_as_unix(self):
        for trusted, client in (([], "unix:"), (["unix:"], "198.51.100.7")):
            proxy = self.scene(trusted_proxies=trusted)
            with self.connect() as peer:
                head, _ = peer.get(fields=["X-Forwarded-For: 198.51.100.7"])
                self.assertEqual(head.status, 200)
            self.assertEqual(proxy.wait_log(lambda line: line["status"] == 200)["client"], client)

    def test_the_socket_has_its_mode_and_goes_with_the_process(self):
        for mode, bits in ((None, 0o660), ("0666", 0o666)):
            proxy = self.scene({"mode": mode} if mode else {})
            found = os.stat(self.path)
            self.assertTrue(stat.S_ISSOCK(found.st_mode))
            self.assertEqual(stat.S_IMODE(found.st_mode), bits)
            proxy.stop()
            self.assertFalse(os.path.exists(self.path))

    def test_a_socket_that_a_killed_process_left_is_replaced_and_a_live_one_stops_the_start(self):
        proxy = self.scene()
        proxy.kill()
        self.assertTrue(os.path.exists(self.path))
        proxy.start()
        with self.connect() as peer:
            self.assertEqual(peer.get()[0].status, 200)
        other = self.directory()
        with self.assertRaisesRegex(AssertionError, "socket is in use"):
            self.sluice([service(["127.0.0.1:1"], ["127.0.0.1:2"])], directory=other, listeners=[{"bind": "unix:" + self.path}])
        with self.connect() as peer:
            self.assertEqual(peer.get()[0].status, 200)

    def test_a_start_that_fails_later_leaves_no_socket(self):
        proxy = self.scene()
        path = os.path.join(proxy.directory, "second.sock")
        other = self.directory()
        with self.assertRaisesRegex(AssertionError, "in use"):
            self.sluice(
                [service(["127.0.0.1:1"], ["127.0.0.1:2"])],
                directory=other,
                listeners=[{"bind": "unix:" + path}, {"bind": proxy.address}],
            )
        self.assertFalse(os.path.exists(path))

    def test_every_worker_takes_part_and_a_graceful_stop_answers_what_waits(self):
        proxy = self.scene(workers=2)
        peers = [self.connect() for _ in range(64)]
        for peer in peers:
            self.assertEqual(peer.get()[0].status, 200)
        late = [self.connect() for _ in range(16)]
        for peer in late:
            peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        proxy.process.send_signal(signal.SIGTERM)
        for peer in late:
            head = peer.head()
            self.assertEqual(head.status, 200)
            peer.take(int(head["content-length"]))
        for peer in peers + late:
            self.assertTrue(peer.is_closed())
        wait_until(lambda: proxy.process.poll() == 0, "the end")
        self.assertFalse(os.path.exists(self.path))

    def test_a_dead_unix_endpoint_falls_back_and_a_switch_to_it_is_refused(self):
        directory = self.directory()
        blue = self.application(os.path.join(directory, "blue.sock"))
        proxy = self.sluice([service([blue], ["unix:" + os.path.join(directory, "absent.sock")])])
        proxy.split("100%")
        with proxy.client() as client:
            head, _ = client.get(fields=["Cookie: uid=user-1"])
            self.assertEqual((head.status, pool_of(head), head["sluice-reason"]), (200, "blue", "fallback"))
        self.assertEqual(proxy.change("switch", {"pool": "green"}, expect=409)["code"], "pool_unreachable")
