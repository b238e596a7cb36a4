"""Many peers that break off at any byte, at once: the process goes on, and nothing of them is left in it.

What each connection does is drawn from the number of its turn: SLUICE_STORM_FIRST and SLUICE_STORM_TURNS choose others.
"""

import contextlib
import os
import random
import re
import socket
import threading
import unittest

from harness import PATIENCE, Peer, SluiceTest, scaled, service, wait_until

CLIENTS = 16
FIRST = int(os.environ.get("SLUICE_STORM_FIRST", 1))
TURNS = int(os.environ.get("SLUICE_STORM_TURNS", scaled(release=4_000, asan=2_000, tsan=600)))

TINY_CHUNKS = b"1\r\nx\r\n" * 3_000 + b"0\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PARTED = (OSError, EOFError)


def answer_of(rng):
    """The bytes of one answer, and whether the endpoint keeps the connection after them."""
    body = b"b" * rng.choice([0, 1, 1_000, 100_000])
    length = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    return rng.choice(
        [
            (CHUNKED + TINY_CHUNKS, True),
            (CHUNKED + TINY_CHUNKS + b"HTTP/1.1 200 OK\r\n", True),  # bytes that nobody asked for
            (CHUNKED + TINY_CHUNKS[: rng.randrange(len(TINY_CHUNKS))], False),
            (length + body, True),
            (length + body[: len(body) // 2], False),
            (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + length + body, True),
            (b"HTTP/1.1 200 OK\r\n\r\n" + body, False),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", False),
        ]
    )


def origin_script(peer):
    """Answers each request as its X-Turn says; resets or closes where the answer does not keep the connection."""
    with contextlib.suppress(*PARTED):
        while True:
            head = peer.head()
            rng = random.Random(int(head.get("x-turn", "0")))
            answer, keeps = answer_of(rng)
            if rng.random() < 0.3 and "transfer-encoding" not in head and "content-length" not in head:
                poll_a_little(peer)
            reads_body = rng.random() < 0.8
            if reads_body:
                peer.body(head)
            peer.send(answer)
            if not keeps or not reads_body:
                return peer.reset() if rng.random() < 0.5 else peer.close()


def poll_a_little(peer):
    """Lets the proxy's next event come first: the answer then meets a client that has already left."""
    peer.sock.settimeout(0.01)
    with contextlib.suppress(TimeoutError):
        peer.fill()
    peer.sock.settimeout(PATIENCE)


def request_of(rng, turn):
    fields = f"Host: shop.test\r\nX-Turn: {turn}\r\nCookie: uid={turn}\r\n".encode()
    sized = b"POST / HTTP/1.1\r\n" + fields + b"Content-Length: 70000\r\n\r\n" + b"u" * 70_000
    chunked = b"POST / HTTP/1.1\r\n" + fields + b"Transfer-Encoding: chunked\r\n\r\n" + TINY_CHUNKS
    plain = b"GET / HTTP/1.1\r\n" + fields + b"\r\n"
    return rng.choice(
        [
            plain,
            plain * rng.randrange(2, 40),
            plain + b"GET /" + b"a" * 60_000,  # fills the chunk of waiting bytes, and the kernel behind it
            plain + b"\r\n\r\nnot HTTP at all\r\n\r\n",
            plain + sized[: rng.randrange(len(sized))],
            sized,
            sized[: rng.randrange(len(sized))],
            chunked,
            chunked[: rng.randrange(len(chunked))],
            b"GET / HTTP/1.1\r\n" + fields + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + fields + b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\nframes",
        ]
    )


def client_turn(address, turn):
    rng = random.Random(turn)
    request = request_of(rng, turn)
    with Peer.connect(address, receive_buffer=rng.choice([None, None, 4_096])) as peer, contextlib.suppress(*PARTED):
        # In one to three pieces, with what has come read between them or not.
        cuts = sorted(rng.randrange(len(request) + 1) for _ in range(rng.randrange(3)))
        for begin, end in zip([0, *cuts], [*cuts, len(request)]):
            peer.sock.settimeout(PATIENCE)
            peer.send(request[begin:end])
            peer.sock.settimeout(rng.choice([0.001, 0.005, 0.02]))
            with contextlib.suppress(TimeoutError):
                peer.sock.recv(rng.choice([1, 100, 65_536]))
        end = rng.random()
        if end < 0.6:
            peer.reset()
        elif end < 0.8:
            peer.finish_sending()
            peer.sock.settimeout(0.02)
            with contextlib.suppress(TimeoutError):
                while peer.sock.recv(65_536):
                    pass


def gauges(proxy):
    page = proxy.admin("GET", "/metrics", raw=True)[1]
    return {
        name: sum(int(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\d+)$", page, re.M))
        for name in ("sluice_connections_open", "sluice_requests_in_flight", "sluice_tunnels_open")
    }


class Storm(SluiceTest):
    def test_peers_that_break_off_at_any_byte_leave_nothing_behind(self):
        blue, green = self.scripted(origin_script), self.scripted(origin_script)
        proxy = self.sluice([service([blue.address], [green.address], initial={"live": "blue", "split": "50%"})])
        turns = iter(range(FIRST, FIRST + TURNS))
        lock = threading.Lock()
        failures = []

        def client():
            while not failures:
                with lock:
                    turn = next(turns, None)
                if turn is None:
                    return
                try:
                    client_turn(proxy.address, turn)
                    if proxy.process.poll() is not None:
                        raise AssertionError(f"the proxy ended with {proxy.process.returncode}")
                except Exception as error:  # told by the test's thread
                    failures.append(f"turn {turn}: {error!r}")

        threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [], proxy.errors()[-4_000:])
        for origin in (blue, green):
            origin.check()
            self.assertGreater(origin.connections, 0)
        wait_until(lambda: not any(gauges(proxy).values()), f"every peer is forgotten: {gauges(proxy)}")
        with proxy.client() as late:
            late.request(fields=["X-Turn: 3"])
            self.assertEqual(late.head().status, 200)


if __name__ == "__main__":
    unittest.main()
