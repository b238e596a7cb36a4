"""Bodies of any size in both directions, slow peers on either side, and what they cost in memory."""

import hashlib
import threading
import unittest

from harness import BUILD, PATIENCE, PATTERN, SluiceTest, plain_answer, scaled, sha256_of_pattern, wait_until

GIB = 1 << 30
LARGE = scaled(GIB, 64 << 20, 16 << 20)
SLACK_KIB = 8 * 1024


class Large(SluiceTest):
    def settled(self, proxy):
        """Idle, but after the first requests: what a worker keeps for good is there."""
        with proxy.client() as client:
            for _ in range(20):
                client.get("/?size=200000")
        return proxy.rss_kib()

    def check_memory(self, proxy, idle, peak):
        if BUILD == "release":
            self.assertLess(peak - idle, SLACK_KIB, "grew while the body passed")
            after = wait_until(lambda: proxy.rss_kib() - idle < SLACK_KIB and proxy.rss_kib(), "memory given back")
            self.assertLess(after - idle, SLACK_KIB)

    def test_1_gib_down(self):
        proxy = self.two_pools()
        idle = self.settled(proxy)
        digest = hashlib.sha256()
        peak = idle
        with proxy.client() as client:
            client.request(f"/status?size={LARGE}&code=200")
            head = client.head()
            left = int(head["content-length"])
            self.assertEqual(left, LARGE)
            first = client.buffer
            digest.update(first)
            left -= len(first)
            buffer = bytearray(1 << 20)
            blocks = 0
            while left > 0:
                got = client.sock.recv_into(buffer, min(left, len(buffer)))
                self.assertGreater(got, 0)
                digest.update(memoryview(buffer)[:got])
                left -= got
                blocks += 1
                if blocks % 256 == 0:
                    peak = max(peak, proxy.rss_kib())
        line = b"pool=blue version=v1 n= count="
        self.assertTrue(first.startswith(line), first[:40])
        count = first[: first.index(b"\n") + 1]
        expected = hashlib.sha256(count)
        size = LARGE - len(count)
        for _ in range(size // len(PATTERN)):
            expected.update(PATTERN)
        expected.update(PATTERN[: size % len(PATTERN)])
        self.assertEqual(digest.hexdigest(), expected.hexdigest())
        self.check_memory(proxy, idle, peak)

    def upload(self, chunked):
        proxy = self.two_pools()
        idle = self.settled(proxy)
        block = PATTERN * 16
        size = LARGE // len(PATTERN) * len(PATTERN)
        peak = idle
        with proxy.client() as client:
            framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
            client.request("/digest", method="PUT", fields=[framing])
            sent = 0
            while sent < size:
                part = block[: min(len(block), size - sent)]
                client.send(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
                sent += len(part)
                if sent // len(block) % 64 == 0:
                    peak = max(peak, proxy.rss_kib())
            if chunked:
                client.send(b"0\r\n\r\n")
            head, body = client.answer()
        self.assertEqual((head.status, body.decode().split()), (200, [sha256_of_pattern(size), str(size)]))
        self.check_memory(proxy, idle, peak)

    def test_1_gib_up_by_length(self):
        self.upload(chunked=False)

    def test_1_gib_up_in_chunks(self):
        self.upload(chunked=True)

    def test_both_directions_at_once(self):
        proxy = self.two_pools()
        size = scaled(64, 16, 4) << 20
        data = (PATTERN * (size // len(PATTERN) + 1))[:size]
        for framing in (f"Content-Length: {size}", "Transfer-Encoding: chunked"):
            with proxy.client() as client:
                client.request("/echo", method="POST", fields=[framing])

                def send():
                    if "chunked" in framing:
                        for at in range(0, size, 99_991):
                            part = data[at : at + 99_991]
                            client.send(b"%x\r\n%b\r\n" % (len(part), part))
                        client.send(b"0\r\n\r\n")
                    else:
                        client.send(data)

                sender = threading.Thread(target=send)
                sender.start()
                head = client.head()
                digest = hashlib.sha256(self.read_echo(client, head, size)).hexdigest()
                sender.join()
                self.assertEqual(digest, hashlib.sha256(data).hexdigest(), framing)

    def read_echo(self, client, head, size):
        if "content-length" in head:
            parts, left = [client.buffer], size - len(client.buffer)
            while left > 0:
                part = client.sock.recv(min(left, 1 << 20))
                self.assertTrue(part)
                parts.append(part)
                left -= len(part)
            return b"".join(parts)
        return self.read_chunks(client)

    @staticmethod
    def read_chunks(client):
        file = client.sock.makefile("rb")
        rest = client.buffer

        def take(size):
            nonlocal rest
            head, rest = rest[:size], rest[size:]
            return head + (file.read(size - len(head)) if len(head) < size else b"")

        def line():
            out = b""
            while not out.endswith(b"\r\n"):
                out += take(1)
            return out

        parts = []
        while (length := int(line(), 16)) > 0:
            parts.append(take(length))
            take(2)
        line()
        return b"".join(parts)


class SlowPeers(SluiceTest):
    def test_one_byte_at_a_time_in_both_directions(self):
        def script(peer):
            head = peer.head()
            body = peer.body(head)
            for byte in plain_answer(b"got " + body, b"X-Slow: yes\r\n"):
                peer.send(bytes([byte]))

        proxy = self.behind(script)
        with proxy.client() as client:
            for byte in b"POST /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n":
                client.send(bytes([byte]))
            head, body = client.answer()
        self.assertEqual((head.status, head["x-slow"], body), (200, "yes", b"got abcde"))
        self.peer.check()

    def test_a_reader_that_never_reads_stops_the_endpoint_and_costs_little(self):
        """64 clients that ask for 256 MiB each and read nothing: the endpoint is not read, memory stays."""
        proxy = self.two_pools()
        with proxy.client() as client:
            client.get("/?size=200000")
        idle = proxy.rss_kib()
        clients = [proxy.client(receive_buffer=4096) for _ in range(64)]
        for client in clients:
            client.request("/?size=268435456")
        for client in clients:
            client.sock.recv(1)
        with proxy.client() as other:
            self.assertEqual(other.get()[0].status, 200, "others are served meanwhile")
        if BUILD == "release":
            # At most the high watermark and one read for each: 64 × 128 KiB.
            self.assertLess(proxy.rss_kib() - idle, 8192 + SLACK_KIB)
        for client in clients:
            client.close()
        wait_until(lambda: self.in_flight(proxy) == 0, "the requests of readers that left are ended")

    def in_flight(self, proxy):
        return sum(endpoint["in_flight"] for pool in proxy.status("shop")["pools"].values() for endpoint in pool["endpoints"])

    def test_an_endpoint_that_never_reads_stops_the_client(self):
        stuck = threading.Event()
        self.addCleanup(stuck.set)

        def script(peer):
            peer.head()
            stuck.wait(PATIENCE)
            peer.send(plain_answer(b"late", b"Connection: close\r\n"))

        proxy = self.behind(script)
        with proxy.client() as client:
            client.request("/", method="PUT", fields=["Content-Length: 1073741824"])
            client.sock.setblocking(False)
            sent = 0
            pause = threading.Event()
            quiet = 0
            while quiet < 30:
                try:
                    sent += client.sock.send(PATTERN)
                    quiet = 0
                except BlockingIOError:
                    quiet += 1
                    pause.wait(0.01)
            self.assertLess(sent, 64 << 20, "the client is held back")
            stuck.set()

    def test_a_client_that_leaves_in_mid_answer_ends_the_upstream_request(self):
        ended = threading.Event()

        def script(peer):
            peer.head()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
            try:
                while True:
                    peer.send(PATTERN)
            except OSError:
                ended.set()

        proxy = self.behind(script)
        client = proxy.client(receive_buffer=4096)
        client.request()
        client.head()
        client.close()
        self.assertTrue(ended.wait(PATIENCE))
        line = proxy.wait_log(lambda entry: entry["path"] == "/")
        self.assertEqual(line["status"], 499)


if __name__ == "__main__":
    unittest.main()
