"""HTTP/1 on the wire, byte by byte: framing, smuggling, pipelining, 1xx, Expect, trailers, early ends, broken ends."""

import errno
import json
import select
import socket
import threading
import unittest

from harness import PATIENCE, PATTERN, SluiceTest, plain_answer, poll_readable, service, wait_until


def forever(answer):
    """An endpoint that answers each request with answer(head, body)."""

    def script(peer):
        while True:
            try:
                head = peer.head()
            except (EOFError, ConnectionResetError):
                return
            body = peer.body(head)
            data = answer(head, body)
            peer.send(data)
            if b"onnection: close" in data:
                return

    return script


class Smuggling(SluiceTest):
    """What is ambiguous by RFC 9112 is refused with 400, the connection closed, and nothing of it sent on."""

    REFUSED = [
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551616\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX:\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nX: y\r\n Content-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\n\rContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length\x00: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5\r\n\r\nhello",
        b"OPTIONS / HTTP/1.1\r\nHost: x\r\nExpect:\r\n 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        b"OPTIONS / HTTP/1.1\r\nHost: x\r\nExpect:\n 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        b"TRACE / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n\rX",
        b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\nY: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX y: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nnocolon\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: user@x\r\n\r\n",
        b"GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x:0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x:65536\r\n\r\n",
        b"GET / HTTP/1.1x\r\nHost: x\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ]
    REFUSED_BODIES = [b"5\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
                      b"-1\r\n", b"10000000000000000\r\n", b"5\r\nhello\n\n0\r\n\r\n", b"g\r\n", b"\r\n", b"5 \x00\r\nhello\r\n",
                      b"0\r\nX: a\r\n folded\r\n\r\n", b"0\r\nBad Name: a\r\n\r\n", b"5_0\r\nhello\r\n0\r\n\r\n", b"_5\r\nhello\r\n",
                      b"+5\r\nhello\r\n0\r\n\r\n", b"5;\nhello\r\n0\r\n\r\n", b"5;a\rb\r\nhello\r\n0\r\n\r\n",
                      b"5;a\x00\r\nhello\r\n0\r\n\r\n", b"5\rhello\r\n0\r\n\r\n", b"5\r\nhello\r\n\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n",
                      b"0\n\r\n", b"0\r\n\n", b"0\r\nX: a\n\r\n", b"0\r\nX: a\rY: b\r\n\r\n", b"0\r\nX: \x00\r\n\r\n", b"0\r\nX : a\r\n\r\n",
                      b"0\r\n: a\r\n\r\n", b"8000000000000000\r\n"]

    def setUp(self):
        self.seen = []
        self.proxy = self.behind(forever(lambda head, body: self.seen.append(head.raw) or plain_answer()))

    def test_heads(self):
        for number, bytes_ in enumerate(self.REFUSED):
            with self.subTest(bytes_), self.proxy.client() as client:
                client.send(bytes_ + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
                head, _ = client.answer()
                self.assertEqual(head.status, 400, bytes_)
                self.assertEqual(head["connection"], "close")
                client.finish_sending()
                self.assertEqual(client.rest(), b"", "one answer and the end")
            self.assertEqual(self.seen, [], f"number {number} reached the endpoint")

    def test_chunks(self):
        for body in self.REFUSED_BODIES:
            with self.subTest(body), self.proxy.client() as client:
                client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"GET /smuggled HTTP/1.1\r\n\r\n")
                head, _ = client.answer()
                self.assertEqual(head.status, 400, body)
                client.finish_sending()
                self.assertEqual(client.rest(), b"")
        self.assertFalse([raw for raw in self.seen if b"smuggled" in raw])

    def test_other_versions_codings_and_sizes(self):
        cases = [
            (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
            (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505),
            (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
            (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
            (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
            (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 17_000 + b"\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n", 417),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: y 100-continue\r\n\r\nhello", 417),
        ]
        for bytes_, status in cases:
            with self.subTest(bytes_[:60]), self.proxy.client() as client:
                client.send(bytes_)
                self.assertEqual(client.answer()[0].status, status)
        self.assertEqual(self.seen, [])

    def test_the_last_hop_of_max_forwards_answers_itself(self):
        with self.proxy.client() as client:
            client.send(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\n\r\n")
            head, _ = client.answer()
            self.assertEqual(head.status, 200)
            self.assertIn("GET", head["allow"])
            client.send(b"TRACE / HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\n\r\n")
            self.assertEqual(client.answer()[0].status, 405)
            self.assertEqual(self.seen, [])
            client.send(b"OPTIONS / HTTP/1.1\r\nHost: x\r\nMax-Forwards: 1\r\n\r\n")
            self.assertEqual(client.answer()[0].status, 200)
        self.assertIn(b"Max-Forwards: 0\r\n", self.seen[0])

    def test_what_is_sent_on_is_written_anew(self):
        with self.proxy.client() as client:
            client.send(b"\r\nPOST /x HTTP/1.1\r\nhOST:x\r\nTransfer-Encoding:  chunked \r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n")
            self.assertEqual(client.answer()[0].status, 200)
        self.assertIn(b"POST /x HTTP/1.1\r\n", self.seen[0])
        self.assertEqual(self.seen[0].lower().count(b"transfer-encoding"), 1)


class Responses(SluiceTest):
    def answer_with(self, data, keep=False):
        def script(peer):
            peer.head()
            peer.send(data)
            if keep:
                peer.rest()

        return self.behind(script)

    def test_ambiguous_answers_are_502_and_end_the_endpoint_connection(self):
        for data in (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                     b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 0200 OK\r\nContent-Length: 0\r\n\r\n",
                     b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
                     b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", b"HTTP/1.1 200 OK\r\nX\x00: a\r\nContent-Length: 0\r\n\r\n",
                     b"garbage\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-",
                     b"HTTP/1.1 103 Hint\r\n\r\n" * 20 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"):
            ended = threading.Event()

            def script(peer):
                peer.head()
                peer.send(data)
                if data in (b"", b"HTTP/1.1 200 OK\r\nContent-"):
                    peer.finish_sending()  # only then is it known to be bad
                if peer.is_closed():
                    ended.set()

            proxy = self.behind(script)
            with self.subTest(data[:70]), proxy.client() as client:
                head, _ = client.get("/", method="POST")  # POST: no retry muddles the count
                self.assertEqual(head.status, 502)
                self.assertIn("sluice", head["proxy-status"])
                self.assertTrue(ended.wait(PATIENCE), "the proxy ends the connection")
            self.assertEqual(self.peer.connections, 1)
            proxy.stop()

    def test_an_odd_transfer_encoding_is_a_502_and_the_next_request_is_served(self):
        odd = [b"", b"gzip", b"identity", b"chunked, gzip", b"gzip, chunked", b"chunked, chunked", b"xchunked", b"\tchunked", b"chunked;a=b",
               b'"chunked"', b"chunked\x0b", b"\x80", b"," * 1000, b"chunked\r\nTransfer-Encoding: chunked", b"chunked\r\nContent-Length: 5"]

        def answer(head, _):
            number = int(head.line.split()[1][1:])
            return plain_answer() if number >= len(odd) else b"HTTP/1.1 200 OK\r\nTransfer-Encoding: %b\r\n\r\n5\r\nhello\r\n0\r\n\r\n" % odd[number]

        proxy = self.behind(forever(answer), top={"workers": 1}, circuit_breaker="off")
        with proxy.client() as client:
            for number, coding in enumerate(odd):
                self.assertEqual(client.get(f"/{number}", method="POST")[0].status, 502, coding)
                self.assertEqual(client.get(f"/{len(odd)}")[0].status, 200, coding)

    def test_a_truncated_answer_reaches_the_client_as_a_broken_one(self):
        for data in (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"):
            proxy = self.answer_with(data)
            with self.subTest(data), proxy.client() as client:
                client.request()
                head = client.head()
                self.assertEqual(head.status, 200)
                with self.assertRaises((EOFError, ConnectionResetError)):
                    client.body(head)
            proxy.stop()

    def test_an_answer_without_length_is_chunked_to_11_and_closed_to_10(self):
        proxy = self.answer_with(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        with proxy.client() as client:
            head, body = client.get()
            self.assertEqual((head["transfer-encoding"], body), ("chunked", b"until the end"))
        with proxy.client() as client:
            client.request(version="1.0")
            head, body = client.answer()
            self.assertNotIn("transfer-encoding", head)
            self.assertEqual(body, b"until the end")

    def test_a_reset_in_an_answer_without_length_is_broken_not_complete(self):
        def script(peer):
            peer.head()
            peer.send(b"HTTP/1.1 200 OK\r\n\r\npart")
            self.reached.wait(PATIENCE)
            peer.reset()

        self.reached = threading.Event()
        proxy = self.behind(script)
        with proxy.client() as client:
            client.request()
            client.until(b"part\r\n")
            self.reached.set()
            try:
                self.assertNotIn(b"0\r\n\r\n", client.rest())
            except ConnectionResetError:
                pass

    def test_1xx_pass_to_11_clients_only(self):
        proxy = self.answer_with(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        with proxy.client() as client:
            head, body = client.get()
            self.assertEqual(([one.status for one in head.interim], body), ([103], b"hi"))
            self.assertEqual(head.interim[0]["link"], "</a>")
        with proxy.client() as client:
            client.request(version="1.0")
            head, _ = client.answer()
            self.assertEqual((head.status, head.interim), (200, []))

    def test_head_204_304_have_no_body_whatever_they_say(self):
        def answer(head, _):
            if head.line.startswith("HEAD"):
                return b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
            code = head.line.split()[1][1:]
            return f"HTTP/1.1 {code} X\r\n\r\n".encode()

        proxy = self.behind(forever(answer))
        with proxy.client() as client:
            head, _ = client.get("/x", method="HEAD")
            self.assertEqual(head["content-length"], "1000")
            for code in ("204", "304"):
                head, _ = client.get("/" + code)
                self.assertEqual((head.status, head.get("transfer-encoding")), (int(code), None))
            head, _ = client.get("/204")
            self.assertEqual(head.status, 204)

    def test_a_body_where_none_may_be_is_nobodys_answer(self):
        evil = b"HTTP/1.1 200 Evil\r\nContent-Length: 4\r\n\r\nevil"

        def answer(head, _):
            if head.line.startswith("HEAD"):
                return plain_answer(evil)
            for status in (b"204", b"304"):
                if status.decode() in head.line:
                    return b"HTTP/1.1 " + status + b" No\r\n\r\n" + evil
            return plain_answer(b"right")

        proxy = self.behind(forever(answer), top={"workers": 1})
        with proxy.client() as client:
            for method, target in (("HEAD", "/"), ("GET", "/204"), ("GET", "/304")):
                client.request(target, method=method)
                self.assertIn(client.answer(method)[0].status, (200, 204, 304))
                head, body = client.get("/next")
                self.assertEqual((head.status, body), (200, b"right"))
        self.assertEqual(self.peer.connections, 4)

    def test_trailers_pass_when_the_answer_is_chunked(self):
        proxy = self.two_pools()
        with proxy.client() as client:
            head, body = client.get("/trailers?n=2&size=3")
            self.assertEqual((len(body), client.trailers), (6, {"x-digest": "abc123", "x-count": "4"}))
        with proxy.client() as client:
            client.request("/trailers?n=2&size=3", version="1.0")
            head, body = client.answer()
            self.assertEqual(len(body), 6)


class Connections(SluiceTest):
    def test_pipelined_requests_are_answered_in_order(self):
        proxy = self.two_pools()
        with proxy.client() as client:
            client.send(b"".join(b"GET /?n=%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(200)))
            for number in range(200):
                self.assertIn(b" n=%d " % number, client.answer()[1])

    def test_a_pipelined_body_is_not_the_next_request(self):
        proxy = self.two_pools()
        inner = b"GET /status?code=418 HTTP/1.1\r\nHost: x\r\n\r\n"
        with proxy.client() as client:
            client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner +
                        b"GET /?n=9 HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(client.answer()[1], inner)
            self.assertIn(b" n=9 ", client.answer()[1])

    def test_a_pipelined_request_behind_a_bad_one_is_not_read(self):
        proxy = self.two_pools()
        with proxy.client() as client:
            client.send(b"GET /?n=1 HTTP/1.1\r\nHost: x\r\n\r\nBAD\r\n\r\nGET /?n=2 HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b" n=1 ", client.answer()[1])
            self.assertEqual(client.answer()[0].status, 400)
            client.finish_sending()
            self.assertEqual(client.rest(), b"")

    def test_close_is_answered_with_close_and_nothing_more_is_read(self):
        seen = []
        proxy = self.behind(forever(lambda head, body: seen.append(head.line) or plain_answer()))
        with proxy.client() as client:
            client.request("/first", fields=["Connection: close"])
            client.request("/second")
            head, _ = client.answer()
            self.assertEqual((head.status, head["connection"]), (200, "close"))
            try:
                self.assertEqual(client.rest(), b"")
            except ConnectionResetError:
                pass  # what it has sent behind its own close was not read
        self.assertEqual(seen, ["GET /first HTTP/1.1"])

    def test_http_10_keeps_alive_only_when_asked(self):
        proxy = self.two_pools()
        with proxy.client() as client:
            for _ in range(3):
                client.request(version="1.0", fields=["Connection: keep-alive"])
                head, _ = client.answer()
                self.assertEqual(head["connection"].lower(), "keep-alive")
        with proxy.client() as client:
            client.request(version="1.0")
            client.answer()
            self.assertTrue(client.is_closed())
        with proxy.client() as client:
            client.request(fields=["Connection: close"])
            head, _ = client.answer()
            self.assertEqual(head["connection"], "close")
            self.assertTrue(client.is_closed())

    def test_endpoint_connections_are_reused(self):
        proxy = self.behind(forever(lambda head, body: plain_answer()), top={"workers": 1})
        with proxy.client() as client:
            for _ in range(50):
                client.get()
        self.assertEqual(self.peer.connections, 1)

    def test_via_on_both_ways_and_off_on_neither(self):
        for via in (True, False):
            seen = []
            over = {} if via else {"via": "off"}
            proxy = self.behind(forever(lambda head, body: seen.append(head.get("via")) or plain_answer()), **over)
            with proxy.client() as client:
                head, _ = client.get()
                self.assertEqual((seen, head.get("via")), (["1.1 sluice"], "1.1 sluice") if via else ([None], None))
            proxy.stop()

    def test_expect_passes_and_the_body_waits_for_the_100(self):
        order = []

        def script(peer):
            head = peer.head()
            order.append(head.get("expect"))
            order.append(len(peer.buffer))
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            peer.send(plain_answer(peer.body(head)))
            peer.rest()

        proxy = self.behind(script)
        with proxy.client() as client:
            client.request("/", method="PUT", fields=["Content-Length: 5", "Expect: 100-continue"])
            self.assertEqual(client.head().status, 100)
            client.send(b"hello")
            self.assertEqual(client.answer()[1], b"hello")
        self.assertEqual(order, ["100-continue", 0])

    def test_expect_that_is_refused_ends_the_connection_without_the_body(self):
        proxy = self.behind(self.refusing)
        with proxy.client() as client:
            client.request("/", method="PUT", fields=["Content-Length: 5", "Expect: 100-continue"])
            head, body = client.answer()
            self.assertEqual((head.status, head.interim, body), (403, [], b"no"))
            self.assertEqual(head["connection"], "close")
            self.assertTrue(client.is_closed())

    @staticmethod
    def refusing(peer):
        peer.head()
        peer.send(plain_answer(b"no", b"", b"403 No"))
        peer.rest()

    def test_an_early_final_answer_passes_and_ends_the_connection(self):
        proxy = self.behind(self.refusing)
        with proxy.client() as client:
            client.request("/", method="PUT", fields=["Content-Length: 10000000"])
            client.send(b"x" * 1000)
            head, body = client.answer()
            self.assertEqual((head.status, body), (403, b"no"))
            # Lingering close: what is still sent does not destroy the answer that was read.
            try:
                client.send(b"x" * 100_000)
            except OSError:
                pass
            self.assertTrue(client.is_closed())

    def test_a_client_that_leaves_before_the_answer_cancels_the_request(self):
        ended = threading.Event()
        arrived = threading.Event()

        def script(peer):
            peer.head()
            arrived.set()
            if peer.is_closed():
                ended.set()

        proxy = self.behind(script)
        client = proxy.client()
        client.request("/gone")
        self.assertTrue(arrived.wait(PATIENCE))
        client.close()
        self.assertTrue(ended.wait(PATIENCE), "the upstream request is cancelled")
        self.assertEqual(proxy.wait_log(lambda entry: entry["path"] == "/gone")["status"], 499)

    def test_a_client_that_leaves_while_reading_from_it_is_paused_cancels_too(self):
        arrived = threading.Event()
        over = threading.Event()
        self.addCleanup(over.set)

        def script(peer):
            peer.head()
            arrived.set()
            over.wait(PATIENCE)  # reads nothing, so the proxy stops reading the client

        proxy = self.behind(script)
        client = proxy.client()
        client.request("/gone", method="PUT", fields=["Content-Length: 1000000000"])
        self.assertTrue(arrived.wait(PATIENCE))
        client.sock.setblocking(False)
        quiet = 0
        while quiet < 20:
            try:
                client.sock.send(b"x" * 65536)
                quiet = 0
            except BlockingIOError:
                quiet += 1
                over.wait(0.01)
        # Every buffer on the way is full, so a FIN would wait behind the data; a reset goes past it.
        client.reset()
        self.assertEqual(proxy.wait_log(lambda entry: entry["path"] == "/gone")["status"], 499)

    def test_a_get_is_repeated_when_a_reused_connection_dies_and_a_post_is_not(self):
        turns = []

        def script(peer):
            head = peer.head()
            turns.append(head.line)
            peer.send(plain_answer(b"first"))
            head = peer.head()
            turns.append(head.line)
            peer.close()  # dies with the second request unanswered

        proxy = self.behind(script, top={"workers": 1})
        with proxy.client() as client:
            self.assertEqual(client.get("/1")[1], b"first")
            self.assertEqual(client.get("/2")[1], b"first", "repeated on a fresh connection")
            self.assertEqual(client.get("/3", method="POST", body=b"x")[0].status, 502, "never sent twice")
        self.assertEqual([line for line in turns if line.startswith("POST")], ["POST /3 HTTP/1.1"])

    def test_own_answers_follow_accept(self):
        blue = self.origin("blue")
        proxy = self.sluice([service([blue.address], [blue.address], hosts=["only.test"])])
        with proxy.client() as client:
            head, body = client.get(fields=["Accept: application/json"])
            self.assertIn("json", head["content-type"])
            self.assertEqual(json.loads(body)["status"], 404)
            head, body = client.get(fields=["Accept: text/html"])
            self.assertIn("text/plain", head["content-type"])
            self.assertEqual(head["server"], "sluice")
            self.assertIn("date", head)

    def test_a_body_over_the_limit_is_413(self):
        proxy = self.two_pools(limits={"body_bytes": "1KiB"})
        with proxy.client() as client:
            self.assertEqual(client.get("/echo", method="POST", body=b"x" * 1024)[0].status, 200)
            client.request("/echo", method="POST", fields=["Content-Length: 1025"])
            self.assertEqual(client.answer()[0].status, 413)


class Timeouts(SluiceTest):
    def test_each_of_them(self):
        quick = {"connect": "1s", "request_header": "200ms", "request_body_idle": "200ms", "response_header": "200ms",
                 "response_body_idle": "200ms", "keep_alive_idle": "200ms"}
        over = threading.Event()
        self.addCleanup(over.set)

        def script(peer):
            head = peer.head()
            if "body" in head.line:
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            over.wait(PATIENCE)

        proxy = self.behind(script, timeouts=quick)
        with proxy.client() as client:
            client.send("GET / HTTP/1.1\r\nHo")
            self.assertEqual(client.answer()[0].status, 408)
        with proxy.client() as client:
            self.assertTrue(client.is_closed(), "an idle connection without a byte just ends")
        with proxy.client() as client:
            self.assertEqual(client.get("/silent", method="POST", body=b"x")[0].status, 504)
        with proxy.client() as client:
            client.request("/upload", method="POST", fields=["Content-Length: 100"])
            client.send(b"half")
            self.assertEqual(client.answer()[0].status, 408)
        with proxy.client() as client:
            client.request("/body")
            head = client.head()
            with self.assertRaises((EOFError, ConnectionResetError)):
                client.body(head)

    def test_a_trickle_is_not_enough(self):
        """Never silent for long, and too slow: a body that comes byte by byte, an answer that is taken so."""

        def script(peer):
            if "POST" in peer.head().line:
                peer.take(100_000)  # it does not come
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while True:
                peer.send(PATTERN)

        proxy = self.behind(script, timeouts={"request_body_idle": "1s", "response_body_idle": "1s"},
                            limits={"min_request_rate": "100KiB/s", "min_response_rate": "100KiB/s"})
        with proxy.client() as client:
            client.request("/", method="POST", fields=["Content-Length: 100000"])
            sent = 0
            while not poll_readable(client.sock, 0.05):
                client.send(b"x")
                sent += 1
                self.assertLess(sent, 1000)
            head, _ = client.answer()
            self.assertEqual((head.status, head["connection"]), (408, "close"))
        with proxy.client(receive_buffer=4096) as client:
            client.request("/")
            self.assertEqual(client.head().status, 200)
            broken = select.poll()
            broken.register(client.sock, 0)  # errors alone, which come before the bytes that are unread
            taken = 0
            while not broken.poll(50):
                taken += len(client.sock.recv(1))
                self.assertLess(taken, 1000)
            self.assertEqual(client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), errno.ECONNRESET)

    def test_idle_endpoint_connections_end_before_the_endpoint_ends_them(self):
        def script(peer):
            peer.head()
            peer.send(plain_answer(b"x", b"Keep-Alive: timeout=2\r\n"))
            peer.is_closed()
            gone.set()

        gone = threading.Event()
        proxy = self.behind(script)
        with proxy.client() as client:
            client.get()
            wait_until(gone.is_set, "the idle connection is closed by the proxy", PATIENCE + 2)


if __name__ == "__main__":
    unittest.main()
