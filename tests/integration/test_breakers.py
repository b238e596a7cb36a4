"""Circuit breakers and ceilings with the real binary: who is turned away, where to, and how it ends."""

import json
import os
import re
import signal
import threading
import time
import unittest

from harness import ROOT, SluiceTest, page_of, plain_answer, sample, service, wait_sample, wait_until

RULE = {"window": "10s", "min_requests": 10, "open_for": "1s", "half_open_probes": 2}


class Switchable:
    """An origin whose answers the test decides, request by request."""

    def __init__(self, test, name=b"ok"):
        self.lock = threading.Lock()
        self.status = b"200 OK"
        self.name = name
        self.failing_paths = ()
        self.seen = 0
        self.gate = threading.Event()
        self.gate.set()
        self.origin = test.scripted(self.script)
        self.address = self.origin.address
        test.addCleanup(self.gate.set)

    def script(self, peer):
        while True:
            head = peer.head()
            peer.body(head)
            path = head.line.split()[1]
            with self.lock:
                self.seen += 1
                fails = any(path.startswith(prefix) for prefix in self.failing_paths)
            if not self.gate.is_set():
                self.gate.wait(60)
            peer.send(plain_answer(self.name, status=b"500 No" if fails else self.status))


class Breakers(SluiceTest):
    def setUp(self):
        super().setUp()
        self.blue = Switchable(self, b"blue")
        self.green = Switchable(self, b"green")

    def proxy_with(self, breaker=None, split=None, **over):
        rule = {**RULE, **(breaker or {})}
        proxy = self.sluice([service([self.blue.address], [self.green.address], circuit_breaker=rule, retry={"attempts": 0}, **over)])
        if split:
            proxy.split(split)
        return proxy

    def ask(self, proxy, path="/", user="u", method="GET", fields=()):
        with proxy.client() as client:
            head, body = client.get(path, method=method, fields=[f"X-User-Id: {user}", *fields])
            return head, body

    def ask_often(self, proxy, count, **rest):
        return [self.ask(proxy, **rest)[0].status for _ in range(count)]

    def breaker(self, proxy, pool):
        return proxy.status("shop")["pools"][pool]["breaker"]

    def events(self, proxy):
        return [line for line in proxy.errors().splitlines() if "breaker of" in line]

    def test_the_users_of_a_failing_candidate_get_the_live_pool(self):
        proxy = self.proxy_with({"open_for": "30s"}, split="100%")
        self.assertEqual(self.ask_often(proxy, 10), [200] * 10)
        self.green.status = b"500 No"
        self.assertEqual(self.ask_often(proxy, 10), [500] * 10, "a 500 is passed on as long as the breaker is closed")
        # 10 of 20: the rate is reached with the twentieth.
        self.assertEqual(self.ask_often(proxy, 5), [200] * 5)
        self.assertEqual(self.ask(proxy)[1], b"blue")
        self.assertEqual(self.breaker(proxy, "green")["state"], "open")
        self.assertEqual(self.breaker(proxy, "green")["openings"], 1)
        self.assertEqual(self.breaker(proxy, "blue")["state"], "closed")
        line = proxy.wait_log(lambda entry: entry["breaker"])
        self.assertEqual((line["breaker"], line["reason"], line["pool"], line["status"]), ("open", "fallback", "blue", 200))
        wait_until(lambda: self.events(proxy), "the opening is told")
        self.assertIn("shop: breaker of green opened for 30s: 10 of 20 requests (50.0 %) failed within 10s", self.events(proxy)[0])
        shown = proxy.cli("status")
        self.assertIn("breaker open, ", shown.stdout)
        said = proxy.cli("explain", "--user", "u")
        self.assertIn("the circuit breaker of green is open, so blue, the live pool", said.stdout)
        page = page_of(proxy)
        self.assertEqual(sample(page, "sluice_breaker_transitions_total", service="shop", pool="green", breaker="green", to="open"), 1)

    def test_it_closes_when_the_probes_go_well(self):
        proxy = self.proxy_with(split="100%")
        self.green.status = b"500 No"
        self.assertEqual(self.ask_often(proxy, 10), [500] * 10)
        self.assertEqual(self.ask(proxy)[1], b"blue")
        self.green.status = b"200 OK"
        wait_until(lambda: self.ask(proxy)[1] == b"green", "a probe goes to green")
        wait_until(lambda: self.ask(proxy)[1] == b"green" and self.breaker(proxy, "green")["state"] == "closed", "it closes")
        self.assertEqual({self.ask(proxy)[1] for _ in range(10)}, {b"green"})
        wait_until(lambda: len(self.events(proxy)) == 3, "three turns are told")
        self.assertIn("is half open: lets 2 requests through to see", self.events(proxy)[1])
        self.assertIn("closed: 2 requests went well", self.events(proxy)[2])
        wait_until(lambda: [line["breaker"] for line in proxy.log_lines()].count("probe") == 2, "two probes are in the log")
        probes = [line for line in proxy.log_lines() if line["breaker"] == "probe"]
        self.assertEqual({line["pool"] for line in probes}, {"green"})

    def test_the_live_pool_says_when_to_come_again(self):
        page = os.path.join(self.directory(), "sorry.html")
        with open(page, "w", encoding="utf-8") as file:
            file.write("<h1>sorry</h1>")
        proxy = self.proxy_with({"page": page, "open_for": "30s", "max_open_for": "30s"})
        self.blue.status = b"503 No"
        self.assertEqual(self.ask_often(proxy, 10), [503] * 10)
        seen = self.blue.seen
        head, body = self.ask(proxy)
        self.assertEqual((head.status, body), (503, b"<h1>sorry</h1>"))
        self.assertTrue(1 <= int(head["retry-after"]) <= 30, head["retry-after"])
        self.assertEqual(head["content-type"], "text/html; charset=utf-8")
        self.assertIn("destination_unavailable", head["proxy-status"])
        head, body = self.ask(proxy, fields=["Accept: application/json"])
        self.assertEqual(json.loads(body)["status"], 503)
        self.assertEqual(self.blue.seen, seen, "nothing reaches the pool")
        text = page_of(proxy)
        self.assertEqual(sample(text, "sluice_refusals_total", service="shop", cause="breaker_open"), 2)

    def test_fallback_fail_keeps_the_users_of_the_candidate(self):
        proxy = self.proxy_with({"fallback": "fail", "open_for": "30s"}, split="100%")
        self.green.status = b"502 No"
        self.ask_often(proxy, 12, method="POST")
        self.assertEqual(self.ask(proxy, method="POST")[0].status, 503)
        self.assertEqual(self.blue.seen, 0)

    def test_a_rescue_does_not_hide_the_failure(self):
        proxy = self.proxy_with({"open_for": "30s"}, split="100%")
        self.green.status = b"503 No"
        self.assertEqual(self.ask_often(proxy, 12), [200] * 12, "each is rescued, or goes to the live pool at once")
        self.assertEqual(self.green.seen, 10)
        self.assertEqual(self.breaker(proxy, "green")["state"], "open")

    def test_slow_answers_open_it(self):
        slow = self.origin("green")
        rule = {**RULE, "slow_call": "20ms", "slow_rate": "100%", "open_for": "30s"}
        proxy = self.sluice([service([self.blue.address], [slow.address], circuit_breaker=rule)])
        proxy.split("100%")
        clients = [proxy.client() for _ in range(10)]
        for number, client in enumerate(clients):
            client.request("/slow?ms=100", fields=[f"X-User-Id: u{number}"])
        for client in clients:
            self.assertEqual(client.answer()[0].status, 200)
            client.close()
        self.assertEqual(self.ask(proxy)[1], b"blue")
        self.assertEqual(self.breaker(proxy, "green")["state"], "open")
        wait_until(lambda: self.events(proxy), "the opening is told")
        self.assertIn("10 of 10 requests (100.0 %) took longer than 20ms within 10s", self.events(proxy)[0])

    def test_a_proxy_that_stood_still_blames_nobody(self):
        rule = {**RULE, "slow_call": "2s", "open_for": "30s"}
        proxy = self.sluice([service([self.blue.address], [self.green.address], circuit_breaker=rule, timeouts={"response_header": "3s"}, retry={"attempts": 0})])
        self.blue.gate.clear()
        clients = [proxy.client() for _ in range(20)]
        for client in clients:
            client.request()
        wait_until(lambda: self.blue.seen == 20, "all are in flight")
        os.kill(proxy.process.pid, signal.SIGSTOP)
        try:
            self.blue.gate.set()  # all are answered while it stands still, for longer than answers may take
            end = time.monotonic() + 4
            wait_until(lambda: time.monotonic() > end, "time passes")
        finally:
            os.kill(proxy.process.pid, signal.SIGCONT)
        for client in clients:
            self.assertEqual(client.answer()[0].status, 200)
            client.close()
        self.assertEqual(self.breaker(proxy, "blue")["state"], "closed")
        self.assertEqual(self.ask(proxy)[0].status, 200)

    def test_probes_that_are_never_answered(self):
        proxy = self.proxy_with({"probe_timeout": "1s", "fallback": "live"}, split="100%")
        self.green.status = b"500 No"
        self.ask_often(proxy, 10)
        self.green.gate.clear()
        hanging = []

        def probe():
            client = proxy.client()
            client.request(fields=["X-User-Id: u"])
            hanging.append(client)
            return self.green.seen >= 11

        wait_until(probe, "a probe goes to green")
        # Whoever comes next may be a probe itself, so nobody waits for an answer.
        wait_until(lambda: probe() and self.breaker(proxy, "green")["openings"] >= 2, "an overdue probe opens it again")
        wait_until(lambda: "a probe was not answered" in self.events(proxy)[-1], "it is told")
        self.assertIn("a probe was not answered in 1s", self.events(proxy)[-1])
        for client in hanging:
            client.close()

    def test_a_broken_route_does_not_take_the_pool(self):
        rule = {**RULE, "error_rate": "10%", "open_for": "30s"}
        proxy = self.sluice([service([self.blue.address], [self.green.address], circuit_breaker={**RULE},
                                     routes=[{"path_prefix": "/reports", "circuit_breaker": rule}])])
        proxy.split("100%")
        self.green.failing_paths = ("/reports/", "/%72eports/")
        for _ in range(12):
            self.ask(proxy, "/reports/1", method="POST")
        self.assertEqual(self.ask(proxy, "/reports/2", method="POST")[1], b"blue")
        self.assertEqual(self.ask(proxy, "/%72eports/2", method="POST")[1], b"blue", "as its segments mean")
        self.assertEqual(self.ask(proxy, "/reportsx", method="POST")[1], b"green")
        self.assertEqual({self.ask(proxy, "/other")[1] for _ in range(5)}, {b"green"})
        self.assertEqual(self.breaker(proxy, "green")["failures"], 0, "what fails there does not count here")
        route = proxy.status("shop")["routes"][0]
        self.assertEqual((route["path_prefix"], route["breakers"]["green"]["state"]), ("/reports", "open"))
        self.assertIn("shop: breaker of green /reports opened", self.events(proxy)[0])
        self.assertIn("for /reports is open", proxy.cli("explain", "--user", "u", "--path", "/reports").stdout)

    def test_no_more_requests_at_a_time_than_the_ceiling(self):
        proxy = self.proxy_with({"max_requests": 3, "error_rate": "off"})
        self.blue.gate.clear()
        clients = [proxy.client() for _ in range(3)]
        for client in clients:
            client.request()
        wait_until(lambda: self.blue.seen == 3, "three are in flight")
        head, _ = self.ask(proxy)
        self.assertEqual((head.status, head["retry-after"]), (503, "1"))
        self.assertIn("connection_limit_reached", head["proxy-status"])
        pool = proxy.status("shop")["pools"]["blue"]
        self.assertEqual(pool["ceilings"]["requests"], {"used": 3, "max": 3})
        self.assertIn("3 of 3 requests", proxy.cli("status").stdout)
        self.blue.gate.set()
        for client in clients:
            self.assertEqual(client.answer()[0].status, 200)
            client.close()
        self.assertEqual(self.ask(proxy)[0].status, 200)
        wait_sample(proxy, 1, "sluice_refusals_total", service="shop", cause="request_limit")
        wait_sample(proxy, 0, "sluice_pool_ceiling_used", service="shop", pool="blue", ceiling="requests")

    def test_a_full_candidate_overflows_to_the_live_pool(self):
        proxy = self.proxy_with({"max_requests": 1}, split="100%")
        self.green.gate.clear()
        with proxy.client() as waiting:
            waiting.request(fields=["X-User-Id: u"])
            wait_until(lambda: self.green.seen == 1, "it is in flight")
            self.assertEqual(self.ask(proxy)[1], b"blue")
            self.green.gate.set()
            self.assertEqual(waiting.answer()[1], b"green")

    def test_no_more_connections_than_the_ceiling_and_idle_ones_make_room(self):
        second = Switchable(self, b"blue2")
        proxy = self.sluice([service([self.blue.address, second.address], [self.green.address], circuit_breaker={**RULE, "max_connections": 2},
                                     timeouts={"endpoint_idle": "60s"})], workers=1)
        for origin in (self.blue, second):
            origin.gate.clear()
        clients = [proxy.client() for _ in range(2)]
        for client in clients:
            client.request()
        wait_until(lambda: self.blue.seen + second.seen == 2, "both are used")
        self.assertEqual(self.ask(proxy)[0].status, 503)
        text = page_of(proxy)
        self.assertEqual(sample(text, "sluice_refusals_total", service="shop", cause="connection_limit"), 1)
        for origin in (self.blue, second):
            origin.gate.set()
        for client in clients:
            self.assertEqual(client.answer()[0].status, 200)
        # Both connections are idle now, one to each or two to one; what is needed takes their place.
        self.assertEqual({self.ask(proxy)[0].status for _ in range(20)}, {200})
        used = proxy.status("shop")["pools"]["blue"]["ceilings"]["connections"]
        self.assertLessEqual(used["used"], 2)
        for client in clients:
            client.close()

    def test_an_endpoint_has_its_own_breaker(self):
        second = Switchable(self, b"blue2")
        rule = {"endpoint": {**RULE, "min_requests": 4, "open_for": "30s"}}
        proxy = self.sluice([service([self.blue.address, second.address], [self.green.address], circuit_breaker=rule, retry={"attempts": 0})])
        self.blue.status = b"500 No"

        def is_open():
            self.ask(proxy, method="POST")
            endpoints = proxy.status("shop")["pools"]["blue"]["endpoints"]
            return [e["breaker"]["state"] for e in endpoints].count("open") == 1

        wait_until(is_open, "the failing one is out")
        self.assertEqual({self.ask(proxy)[1] for _ in range(20)}, {b"blue2"})
        _, explained = proxy.admin("POST", "/v1/explain", {"user": "u"})
        self.assertEqual({e["address"]: e["breaker"]["state"] for e in explained["endpoints"]}, {self.blue.address: "open", second.address: "closed"})
        self.assertRegex(proxy.cli("explain", "--user", "u").stdout, rf"{self.blue.address} +up .*breaker open")
        self.assertIn(f"breaker of blue/{self.blue.address} opened", self.events(proxy)[0])
        second.status = b"500 No"
        wait_until(lambda: self.ask(proxy, method="POST")[0].status == 503, "both are out")
        self.assertGreaterEqual(int(self.ask(proxy)[0]["retry-after"]), 1)
        self.assertEqual(proxy.wait_log(lambda line: line["status"] == 503)["breaker"], "open")

    def test_a_crowded_endpoint_leaves_the_rest_to_others(self):
        second = Switchable(self, b"blue2")
        proxy = self.sluice([service([self.blue.address, second.address], [self.green.address], circuit_breaker={"endpoint": {"max_requests": 2}})])
        for origin in (self.blue, second):
            origin.gate.clear()
        clients = [proxy.client() for _ in range(4)]
        for client in clients:
            client.request()
        wait_until(lambda: self.blue.seen == 2 and second.seen == 2, "two each")
        head, _ = self.ask(proxy)
        self.assertEqual(head.status, 503)
        for origin in (self.blue, second):
            origin.gate.set()
        for client in clients:
            self.assertEqual(client.answer()[0].status, 200)
            client.close()

    def test_a_route_depends_on_what_the_endpoints_say(self):
        words = {"blue": b"ready; database=up", "green": b"ready; database=up"}
        opened = {"green": 0}

        def origin(name):
            def script(peer):
                if name == "green":
                    opened["green"] += 1
                while True:
                    head = peer.head()
                    is_check = head.line.split()[1] == "/healthz"
                    peer.send(plain_answer(name.encode(), b"Sluice-Health: " + words[name] + b"\r\n" if is_check else b""))

            return self.scripted(script)

        rule = {"depends_on": ["database"], "open_for": "1s"}
        proxy = self.sluice([service([origin("blue").address], [origin("green").address], routes=[{"path_prefix": "/orders", "circuit_breaker": rule}],
                                     health_check={"interval": "100ms", "fast_interval": "100ms", "recycle_on": ["database"]})])
        proxy.split("100%")
        with proxy.client() as client:
            get = lambda path: client.get(path, fields=["X-User-Id: u"])[1]
            self.assertEqual(get("/orders/1"), b"green")
            words["green"] = b"ready; database=down"
            wait_until(lambda: get("/orders/1") == b"blue", "the route is held open on green")
            self.assertEqual(get("/news"), b"green", "only what depends on it")
            self.assertIn("shop: breaker of green /orders opened: database is down", "\n".join(self.events(proxy)))
            wait_until(lambda: "gets fresh connections: it says that its database is down" in proxy.errors(), "they are recycled")
            words["green"] = b"ready; database=up"
            wait_until(lambda: get("/orders/1") == b"green", "it comes back by itself")
            wait_until(lambda: proxy.status("shop")["routes"][0]["breakers"]["green"]["state"] == "closed" or get("/orders/1") is None, "and closes")

    def test_a_switch_closes_the_breaker_of_the_pool_that_it_makes_live(self):
        proxy = self.proxy_with({"open_for": "30s"}, split="100%")
        self.green.status = b"500 No"
        self.ask_often(proxy, 10, method="POST")
        self.assertEqual(self.breaker(proxy, "green")["state"], "open")
        self.green.status = b"200 OK"
        proxy.switch("green")
        self.assertEqual({self.ask(proxy)[1] for _ in range(5)}, {b"green"})
        self.assertIn("breaker of green closed: the pool becomes live", self.events(proxy)[-1])
        # One that fails on is judged anew, by what it does now.
        self.green.status = b"500 No"
        wait_until(lambda: self.ask(proxy, method="POST")[0].status == 503, "it opens again")

    def test_an_endpoint_without_room_for_a_connection_is_passed_over(self):
        second = Switchable(self, b"blue2")
        proxy = self.sluice([service([self.blue.address, second.address], [self.green.address],
                                     circuit_breaker={"endpoint": {"max_connections": 1}}, timeouts={"endpoint_idle": "60s"})])
        # Two workers, of which each may find the one place of an endpoint taken by an idle connection of the other. Only
        # where that is so of both endpoints there is none for it.
        for _ in range(40):
            if self.ask(proxy)[0].status == 200:
                continue
            endpoints = proxy.status("shop")["pools"]["blue"]["endpoints"]
            self.assertEqual([endpoint["ceilings"]["connections"]["used"] for endpoint in endpoints], [1, 1])

    def test_a_full_live_pool_takes_no_answer_away(self):
        proxy = self.proxy_with({"max_requests": 1, "error_rate": "off"}, split="100%", pins=[{"header": "X-P", "values": {"b": "blue"}, "from": ["127.0.0.1"]}])
        self.green.status = b"503 Not now"
        self.blue.gate.clear()
        with proxy.client() as waiting:
            waiting.request(fields=["X-P: b"])
            wait_until(lambda: self.blue.seen == 1, "one is in flight on blue")
            head, body = self.ask(proxy)
            self.assertEqual((head.status, body), (503, b"green"), "the candidate's own answer, as nobody can give a better one")
            self.blue.gate.set()
            self.assertEqual(waiting.answer()[1], b"blue")
        self.assertEqual(self.ask(proxy)[1], b"blue")

    def test_off_is_off(self):
        proxy = self.sluice([service([self.blue.address], [self.green.address], circuit_breaker="off", retry={"attempts": 0})])
        self.blue.status = b"500 No"
        self.assertEqual(set(self.ask_often(proxy, 60)), {500})
        self.assertNotIn("breaker", proxy.status("shop")["pools"]["blue"])

    def test_on_by_itself(self):
        proxy = self.sluice([service([self.blue.address], [self.green.address], retry={"attempts": 0})])
        self.blue.status = b"500 No"
        self.assertEqual(self.ask_often(proxy, 20), [500] * 20)
        self.assertEqual(self.ask(proxy)[0].status, 503)


class Guide(SluiceTest):
    def test_the_examples_of_the_guide(self):
        with open(os.path.join(ROOT, "docs/guide/breakers.md"), encoding="utf-8") as file:
            examples = re.findall(r"^```yaml\n(.*?)^```", file.read(), flags=re.S | re.M)
        self.assertEqual(len(examples), 2)
        good, broken = Switchable(self, b"good"), Switchable(self, b"broken")
        broken.failing_paths = ("/",)
        for text in examples:
            for old, new in (("127.0.0.1:9001", good.address), ("127.0.0.1:9003", broken.address)):
                text = text.replace(old, new)
            proxy = self.sluice(text)
            proxy.split("100%")
            path = "/reports/today" if "routes:" in text else "/"
            with proxy.client() as client:
                wait_until(lambda: client.get(path, fields=["X-User-Id: u"])[1] == b"good", "the live pool takes them")
            if "routes:" in text:
                self.assertEqual(proxy.status("shop")["pools"]["green"]["breaker"]["state"], "closed")


if __name__ == "__main__":
    unittest.main()
