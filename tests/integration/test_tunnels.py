"""Upgrades: WebSocket echo across a switch under each tunnel policy, half-close, refusals."""

import base64
import hashlib
import os
import threading
import unittest

from harness import PATIENCE, SluiceTest, plain_answer, wait_until


class WebSocket:
    """A small client of RFC 6455, enough to hold a conversation."""

    def __init__(self, peer, path="/ws"):
        self.peer = peer
        key = base64.b64encode(os.urandom(16)).decode()
        peer.request(path, fields=["Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {key}",
                                   "Sec-WebSocket-Version: 13"])
        self.head, _ = peer.answer()
        if self.head.status == 101:
            wanted = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
            assert self.head["sec-websocket-accept"] == wanted

    def send(self, data, opcode=1):
        mask = os.urandom(4)
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big") if size < 65536 else \
            bytes([0x80 | 127]) + size.to_bytes(8, "big")
        self.peer.send(bytes([0x80 | opcode]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        first, second = self.peer.take(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(self.peer.take(2 if size == 126 else 8), "big")
        return first & 0x0F, self.peer.take(size)

    def echo(self, data):
        self.send(data)
        return self.receive()[1] == data


class Tunnels(SluiceTest):
    def tunnel(self, proxy):
        socket = WebSocket(proxy.client())
        self.addCleanup(socket.peer.close)
        self.assertEqual(socket.head.status, 101)
        self.assertTrue(socket.echo(b"hello"))
        return socket

    def test_websocket_echo_of_all_sizes(self):
        proxy = self.two_pools()
        socket = self.tunnel(proxy)
        for size in (0, 1, 125, 126, 65_535, 65_536, 300_000):
            self.assertTrue(socket.echo(os.urandom(size)), size)
        socket.send(b"ping", 9)
        self.assertEqual(socket.receive(), (10, b"ping"))
        socket.send(b"\x03\xe8", 8)
        self.assertEqual(socket.receive()[0], 8)
        self.assertTrue(socket.peer.is_closed())
        socket.peer.close()
        line = proxy.wait_log(lambda entry: entry["path"] == "/ws")
        self.assertEqual((line["status"], line["pool"]), (101, "blue"))
        self.assertGreater(line["bytes_out"], 400_000)

    def test_policy_drain_lets_it_live_until_the_deadline(self):
        proxy = self.two_pools(drain={"deadline": "30s", "websockets": "drain"})
        socket = self.tunnel(proxy)
        answer = []
        waiter = threading.Thread(target=lambda: answer.append(proxy.switch("green", wait=True, drain="700ms")))
        waiter.start()
        wait_until(lambda: [(d["pool"], d["tunnels"]) for d in proxy.status("shop")["drains"]] == [("blue", 1)],
                   "the drain of blue waits for one tunnel")
        self.assertTrue(socket.echo(b"still here"))
        waiter.join()
        self.assertEqual(answer[0]["drain"]["outcome"], "deadline")
        self.assertEqual((answer[0]["drain"]["tunnels_cut"], answer[0]["drain"]["tunnels_kept"]), (1, 0))
        self.assertTrue(socket.peer.is_closed())

    def test_policy_drain_ends_early_when_the_peers_hang_up(self):
        proxy = self.two_pools()
        socket = self.tunnel(proxy)
        answer = []
        waiter = threading.Thread(target=lambda: answer.append(proxy.switch("green", wait=True)))
        waiter.start()
        wait_until(lambda: proxy.status("shop")["drains"], "the drain runs")
        socket.peer.close()
        waiter.join()
        self.assertEqual((answer[0]["drain"]["outcome"], answer[0]["drain"]["tunnels_cut"]), ("drained", 0))

    def test_policy_keep_leaves_it_alone_and_counts_it(self):
        proxy = self.two_pools(drain={"websockets": "keep"})
        socket = self.tunnel(proxy)
        answer = proxy.switch("green", wait=True, drain="200ms")
        self.assertEqual((answer["drain"]["tunnels_cut"], answer["drain"]["tunnels_kept"]), (0, 1))
        self.assertTrue(socket.echo(b"after the switch"))
        fresh = self.tunnel(proxy)
        self.assertEqual(fresh.head["sluice-pool"], "green")
        self.assertTrue(socket.echo(b"both live"))

    def test_policy_close_ends_it_within_a_second(self):
        proxy = self.two_pools(drain={"websockets": "close"})
        sockets = [self.tunnel(proxy) for _ in range(5)]
        answer = proxy.switch("green", wait=True, drain="30s")
        for socket in sockets:
            self.assertTrue(socket.peer.is_closed())
        self.assertEqual(answer["drain"]["tunnels_cut"], 5)

    def test_a_rollback_keeps_the_tunnels_of_a_pool_that_is_live_again(self):
        proxy = self.two_pools()
        socket = self.tunnel(proxy)
        answer = []
        waiter = threading.Thread(target=lambda: answer.append(proxy.switch("green", wait=True, drain="300ms")))
        waiter.start()
        wait_until(lambda: proxy.status("shop")["drains"], "the drain runs")
        proxy.rollback()
        waiter.join()
        self.assertEqual(answer[0]["drain"]["outcome"], "superseded")
        threading.Event().wait(0.5)
        self.assertTrue(socket.echo(b"still here"))

    def test_half_close_is_relayed_in_both_directions(self):
        proxy = self.two_pools()
        with proxy.client() as client:
            client.request("/raw", fields=["Connection: upgrade", "Upgrade: echo/1"])
            head, _ = client.answer()
            self.assertEqual((head.status, head["upgrade"]), (101, "echo/1"))
            client.send(b"x" * 100_000)
            client.finish_sending()
            self.assertEqual(client.rest(), b"x" * 100_000 + b"[end of input]")

    def test_bytes_sent_with_the_upgrade_request_reach_the_tunnel(self):
        proxy = self.two_pools()
        with proxy.client() as client:
            client.send(b"GET /raw HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly bird")
            client.answer()
            self.assertEqual(client.take(10), b"early bird")

    def test_a_refused_upgrade_leaves_an_ordinary_connection(self):
        def script(peer):
            while True:
                head = peer.head()
                peer.body(head)
                peer.send(plain_answer(head.line.split()[1].encode()))

        proxy = self.behind(script)
        with proxy.client() as client:
            client.send(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
                        b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual([client.answer()[1], client.answer()[1]], [b"/a", b"/b"])
        self.peer.check()

    def test_protocols_that_never_pass(self):
        proxy = self.two_pools()
        for protocol in ("h2c", "HTTP/2.0", "TLS/1.3"):
            with proxy.client() as client:
                _, body = client.get("/headers", fields=["Connection: upgrade", f"Upgrade: {protocol}"])
                self.assertNotIn(b"upgrade", body.lower(), protocol)
        with proxy.client() as client:
            client.send("GET /headers HTTP/1.0\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            self.assertNotIn(b"upgrade", client.answer()[1].lower())

    def test_a_101_that_nobody_asked_for_or_of_another_protocol_is_a_502(self):
        def script(peer):
            peer.head()
            peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n")
            peer.rest()

        proxy = self.behind(script)
        for fields in ([], ["Connection: upgrade", "Upgrade: websocket"]):
            with proxy.client() as client:
                self.assertEqual(client.get(fields=fields)[0].status, 502)

    def test_connect_is_405(self):
        proxy = self.two_pools()
        with proxy.client() as client:
            client.send("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
            head, _ = client.answer()
            self.assertEqual(head.status, 405)
            self.assertIn("GET", head["allow"])

    def test_sigterm_ends_tunnels_at_the_drain_deadline(self):
        proxy = self.two_pools(drain={"deadline": "300ms"})
        socket = self.tunnel(proxy)
        proxy.stop()
        self.assertTrue(socket.peer.is_closed())


if __name__ == "__main__":
    unittest.main()
