"""The proxy under more than it can do: what is refused, for whom, what it says, and that all of it comes back."""

import json
import os
import re
import threading
import time
import unittest

from harness import BUILD, ROOT, SluiceTest, page_of, sample, service, show, wait_until

SERVERS, WORK_MS = 10, 50
SECONDS = float(os.environ.get("SLUICE_OVERLOAD_SECONDS", 8))  # `./dev test --all`: 30
ROOM = 96 * 1024 * 1024  # above what the proxy has at rest
READERS_MAX = 5_000
BUFFERED = "/?size=8000000"  # of which a client that does not read leaves what is buffered to the proxy


@unittest.skipIf(BUILD in ("asan", "tsan"), "a sanitizer keeps what was freed")
class Memory(SluiceTest):
    def let_go(self):
        for reader in self.readers:
            reader.reset()
        self.readers = []

    def with_limit(self, **over):
        """A proxy that may take ROOM more than it has at rest."""
        blue, green = self.origin("blue"), self.origin("green")
        self.readers = []
        services = [service([blue.address], [green.address], identity=[{"cookie": "uid"}, {"mint_cookie": {"name": "sluice_id"}}], **over)]
        proxy = self.sluice(services)
        for _ in range(4):
            proxy.client().get()
        self.limit = (proxy.rss_kib() + ROOM // 1024) * 1024
        proxy.stop()
        proxy.write_config(services, limits={"memory": f"{self.limit}B"})
        proxy.start()
        self.addCleanup(self.let_go)
        return proxy

    def overload(self, proxy):
        return proxy.status()["overload"]

    def get(self, proxy, user=None):
        with proxy.client() as client:
            return client.get(fields=[f"Cookie: uid={user}"] if user else [])[0]

    def add_reader(self, proxy, user=None):
        """A client that asks for much and reads no more than the head. Its status."""
        reader = proxy.client(receive_buffer=4096)
        reader.request(BUFFERED, fields=[f"Cookie: uid={user}"] if user else [])
        self.readers.append(reader)
        return reader.head().status

    def fill(self, proxy, level, user=None):
        """More and more of them, slowly enough for the proxy to see each step, up to the level."""
        while (seen := self.overload(proxy))["level"] != level:
            self.assertLess(len(self.readers), READERS_MAX, seen)
            for _ in range(20):
                self.add_reader(proxy, user)
            used = proxy.rss_kib() * 1024
            wait_until(lambda: abs(self.overload(proxy)["memory"]["used_bytes"] - used) < ROOM // 50, "what is used is seen")

    def test_connections_end_then_new_users_are_refused_and_all_of_it_comes_back(self):
        proxy = self.with_limit()
        self.assertEqual(self.overload(proxy)["memory"]["limit_bytes"], self.limit)
        self.assertEqual(self.overload(proxy)["level"], "normal")
        kept = proxy.client()
        head, _ = kept.get()
        self.assertNotIn("connection", head)

        self.fill(proxy, "no_keep_alive")
        self.assertEqual(self.get(proxy).get("connection"), "close")
        self.assertTrue(kept.is_closed(), "an idle connection is let go")
        self.assertIn("connections end with their answers", proxy.cli("status").stdout)

        self.fill(proxy, "shedding")
        refused = wait_until(lambda: (head := self.get(proxy)).status == 503 and head, "a new user is refused")
        self.assertIn(int(refused["retry-after"]), range(1, 6))
        self.assertEqual(refused["proxy-status"], "sluice; error=proxy_internal_response")
        self.assertEqual(refused["connection"], "close")
        self.assertEqual(self.get(proxy, "ann").status, 200, "a known one is not")
        line = proxy.wait_log(lambda line: line["shed"])
        self.assertEqual((line["shed"], line["status"], line["pool"]), ("memory", 503, None))
        page = page_of(proxy)
        self.assertGreater(sample(page, "sluice_refusals_total", service="shop", cause="overload_memory"), 0)
        self.assertEqual(sample(page, "sluice_overload_level", level="shedding"), 1)
        self.assertGreater(sample(page, "sluice_overload_refused_ratio", users="new"), 0)
        self.assertEqual(sample(page, "sluice_memory_limit_bytes"), self.limit)
        self.assertEqual(proxy.admin("GET", "/readyz", raw=True)[0], 200)
        self.assertIn("of the new users", proxy.cli("status").stdout)

        # More of the same is refused before the memory is used up.
        answers = [self.add_reader(proxy) for _ in range(500)]
        self.assertEqual(answers[-100:], [503] * 100)
        show({"limit_kib": self.limit // 1024, "rss_kib": proxy.rss_kib(), "readers": len(self.readers)})
        # What was admitted before may still fill its buffers, also when control is late on a busy machine.
        self.assertLess(proxy.rss_kib() * 1024, self.limit + ROOM // 10)

        self.let_go()
        wait_until(lambda: self.overload(proxy)["level"] == "normal", "the level is normal again")
        head = self.get(proxy)
        self.assertEqual(head.status, 200)
        self.assertNotIn("connection", head)
        self.check_page(proxy.errors())
        events = [json.loads(line) for line in proxy.cli("events", "--json").stdout.splitlines()]
        told = [(event["event"], event["code"]) for event in events if str(event.get("code", "")).startswith("memory")]
        self.assertEqual(sorted(told), sorted([("problem", "memory_high"), ("problem", "memory_shedding"),
                                               ("solved", "memory_high"), ("solved", "memory_shedding")]))

    def check_page(self, log):
        """What the guide quotes of the log, whatever the figures are."""
        def shape(text):
            return re.sub(r"\d+", "N", text).replace("NKiB", "NMiB")

        with open(os.path.join(ROOT, "docs", "guide", "overload.md"), encoding="utf-8") as file:
            quoted = re.search(r"```text\n(memory is .*?)```", file.read(), re.S)[1].splitlines()
        self.assertEqual(len(quoted), 4)
        log = shape(log)
        for line in quoted:
            self.assertIn(f"sluice: {shape(line)}\n", log)

    def test_a_refusal_is_told_as_the_client_wants_it(self):
        proxy = self.with_limit()
        self.fill(proxy, "shedding", user="ann")

        def refused():
            with proxy.client() as client:
                head, body = client.get(fields=["Accept: application/json"])
                return head.status == 503 and json.loads(body)

        problem = wait_until(refused, "a new user is refused")
        self.assertEqual(problem["status"], 503)
        self.assertEqual(problem["detail"], "the proxy is short of memory: try again later")

    def test_off_is_off(self):
        proxy = self.two_pools(top={"limits": {"memory": "off"}})
        self.assertIsNone(self.overload(proxy)["memory"])
        self.assertEqual(self.overload(proxy)["level"], "normal")


class Capacity(SluiceTest):
    """An origin that works on SERVERS requests at a time, each for WORK_MS, and more arrivals than that."""

    def behind_few_servers(self, **over):
        origin = self.origin("blue", servers=SERVERS)
        return self.sluice([service([origin.address], [origin.address], **over)])

    def arrivals(self, proxy, rate, seconds):
        """So many a second, whether others were answered or not."""
        return self.load(proxy, "--rps", rate, "--seconds", seconds, "--connections", rate, "--target", f"/work?ms={WORK_MS}", judged=False)

    def test_five_times_the_load_is_refused_down_to_what_the_origin_can_do(self):
        proxy = self.behind_few_servers(adaptive_concurrency={})
        capacity = SERVERS * 1000 / WORK_MS
        before = proxy.rss_kib()
        done = []
        load = threading.Thread(target=lambda: done.append(self.arrivals(proxy, int(5 * capacity), SECONDS)))
        load.start()
        limits = []
        while load.is_alive():
            ceiling = proxy.status("shop")["pools"]["blue"]["ceilings"]["adaptive"]
            self.assertLessEqual(ceiling["used"], max([ceiling["max"], *limits[-50:]]))
            limits.append(ceiling["max"])
            load.join(0.05)
        grown = proxy.rss_kib() - before
        begun = time.monotonic()
        with proxy.client() as client:
            head, _ = client.get(f"/work?ms={WORK_MS}")
        recovery = time.monotonic() - begun
        [report] = done
        goodput = report["pools"]["blue"] / report["seconds"]
        show({"sent": report["sent"], "goodput": goodput, "p99_ms": report["latency_us"]["p99"] / 1000, "grown_kib": grown,
              "limits": (min(limits), max(limits)), "recovery_s": recovery})
        self.assertGreater(report["sent"], 0.8 * 5 * capacity * SECONDS, "the load was not what it should be")
        self.assertGreater(goodput, 0.8 * capacity)
        # Without a limit a thousand clients would each wait for five seconds.
        self.assertLess(report["latency_us"]["p99"], 1_000_000)
        self.assertEqual(report["failed"], report["failures"]["status"], report["first_trouble"])
        if BUILD not in ("asan", "tsan"):  # they keep what was freed
            self.assertLess(grown, 48 * 1024)
        self.assertEqual(head.status, 200)
        self.assertLess(recovery, 2)
        line = proxy.wait_log(lambda line: line["status"] == 503)
        self.assertEqual((line["shed"], line["pool"]), ("adaptive_concurrency", None))
        page = page_of(proxy)
        self.assertEqual(sample(page, "sluice_refusals_total", service="shop", cause="adaptive_limit"), report["failures"]["status"])
        self.assertEqual(proxy.status("shop")["pools"]["blue"]["ceilings"]["adaptive"]["used"], 0)

    def test_below_the_capacity_nobody_is_refused(self):
        proxy = self.behind_few_servers(adaptive_concurrency={})
        report = self.arrivals(proxy, 50, 3)
        self.assertEqual(report["failed"], 0, report["first_trouble"])

    def test_a_candidate_at_its_limit_gives_its_users_to_the_live_pool(self):
        few, many = self.origin("green", servers=1), self.origin("blue", servers=100)
        proxy = self.sluice([service([many.address], [few.address], initial={"live": "blue", "split": "100%"},
                                     adaptive_concurrency={"max_limit": 4})])
        clients = [proxy.client() for _ in range(5)]
        for number, client in enumerate(clients):
            client.request("/work?ms=500", fields=[f"Cookie: uid={number}"])
        pools = [client.answer()[0]["sluice-pool"] for client in clients]
        self.assertEqual(sorted(pools), ["blue"] + 4 * ["green"])
        self.assertEqual(sample(page_of(proxy), "sluice_fallbacks_total", service="shop"), 1)

    def test_a_refusal_says_when_to_come_again(self):
        proxy = self.behind_few_servers(adaptive_concurrency={"min_limit": 1, "max_limit": 1})
        with proxy.client() as busy, proxy.client() as client:
            busy.request("/work?ms=500")
            wait_until(lambda: proxy.status("shop")["pools"]["blue"]["ceilings"]["adaptive"]["used"] == 1, "one is in flight")
            head, body = client.get()
            self.assertEqual(head.status, 503)
            self.assertIn(int(head["retry-after"]), range(1, 6))
            self.assertEqual(head["proxy-status"], "sluice; error=connection_limit_reached")
            self.assertIn(b"as many requests are in flight as the pool can do", body)
            self.assertEqual(busy.answer()[0].status, 200)
            self.assertEqual(client.get()[0].status, 200)


class Loops(SluiceTest):
    def test_a_proxy_at_rest_waits_for_nothing(self):
        proxy = self.two_pools()
        for number in range(2):
            wait = wait_until(lambda: (seen := sample(page_of(proxy), "sluice_loop_wait_seconds", loop=f"worker-{number}")) > 0 and seen,
                              "the loop has answered")
            self.assertLess(wait, 0.1)


if __name__ == "__main__":
    unittest.main()
