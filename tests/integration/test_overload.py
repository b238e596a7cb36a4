"""The proxy under more than it can do: what is refused, for whom, what it says, and that all of it comes back."""

import contextlib
import http.client
import json
import os
import re
import signal
import struct
import subprocess
import threading
import time
import unittest
import unittest.mock

from harness import BUILD, PATIENCE, ROOT, TOOLS, SluiceTest, page_of, sample, service, show, wait_until

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

        # More of the same is refused before the memory is used up: all of it, once control has seen what came before.
        in_a_row = 0
        while in_a_row < 100:
            self.assertLess(len(self.readers), READERS_MAX, self.overload(proxy))
            in_a_row = in_a_row + 1 if self.add_reader(proxy) == 503 else 0
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
        wait_until(lambda: proxy.status("shop")["pools"]["blue"]["ceilings"]["adaptive"]["used"] == 0, "no request holds a place")

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


CLIENTS = 24  # of each of two loads


@unittest.skipIf(BUILD in ("asan", "tsan"), "a sanitizer is slow by itself")
class Slow(SluiceTest):
    """A worker that can't keep up: what it sends takes its time, as on a machine that is too slow for its load."""

    def one_worker(self, **over):
        self.blue, self.green = self.origin("blue"), self.origin("green")
        directory = self.directory()
        self.slowness = os.path.join(directory, "slowness")
        environment = {"LD_PRELOAD": os.path.join(TOOLS, "slow-sends.so"), "SLUICE_SLOW_SENDS": self.slowness}
        # A sanitizer wants to be the first library; what is preloaded here allocates nothing before it.
        environment["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        with unittest.mock.patch.dict(os.environ, environment):
            return self.sluice([service([self.blue.address], [self.green.address], **over)], workers=1, directory=directory,
                               admin={"socket": {"path": os.path.join(directory, "admin.sock")}, "http": {"bind": "127.0.0.1:0"}})

    def make_slow(self, micros):
        """For each message."""
        self.micros = micros
        with open(self.slowness, "r+b") as file:
            file.write(struct.pack("<Q", micros))

    def press_until(self, condition, what):
        """As slow as it takes, and no slower: a quarter slower every second."""
        next_step = time.monotonic()

        def look():
            nonlocal next_step
            value = condition()
            if not value and time.monotonic() >= next_step:
                self.make_slow(min(self.micros * 5 // 4, 60_000))
                next_step = time.monotonic() + 1
            return value

        return wait_until(look, what, 6 * PATIENCE)

    @contextlib.contextmanager
    def load_of(self, proxy, *options):
        """A load as long as the block, and its report in the list that it gives."""
        command = [os.path.join(TOOLS, "test-load"), "--address", proxy.address, "--connections", str(CLIENTS), "--commands", *options]
        reports = []
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
            try:
                yield reports
                said, _ = load.communicate("quit\n", timeout=10 * PATIENCE)
                reports.append(json.loads(said.splitlines()[-1])["report"])
            finally:
                load.kill()

    def overload(self, proxy):
        return proxy.status()["overload"]

    def wait_for_refusals(self, proxy, users):
        self.press_until(lambda: self.overload(proxy)[f"{users}_refused_basis_points"] == 10_000, f"all {users} users are refused")

    def events(self, proxy):
        return [json.loads(line) for line in proxy.cli("events", "--json").stdout.splitlines()]

    def refused_of(self, report):
        """All that went wrong was refused."""
        self.assertEqual(report["failed"], report["failures"]["status"], report["first_trouble"])
        return report["failures"]["status"]

    def test_new_users_are_refused_first_and_all_of_it_ends_with_the_load(self):
        proxy = self.one_worker()
        self.make_slow(3_000)
        with proxy.client() as client:
            self.assertEqual(client.get()[0].status, 200, "one client alone is served")
        self.assertEqual(self.overload(proxy)["level"], "normal")

        def refusals():
            return sample(page_of(proxy), "sluice_refusals_total", service="shop", cause="overload_loop")

        with self.load_of(proxy) as known, self.load_of(proxy, "--user-field", "X-Nobody-Asks", "--target", "/work?ms=0") as new:
            self.wait_for_refusals(proxy, "new")
            with proxy.client() as client:
                refused = wait_until(lambda: (head := client.get("/work")[0]).status == 503 and head, "a new user is refused", 3 * PATIENCE)
            self.assertIn(int(refused["retry-after"]), range(1, 6))
            self.assertEqual(refused["proxy-status"], "sluice; error=proxy_internal_response")
            self.assertNotIn("connection", refused, "another connection would be more work")
            self.assertIn("worker 0 does not keep up", proxy.errors())
            wait_until(lambda: refusals() > 5 * CLIENTS, "many requests are refused", 6 * PATIENCE)
        [known], [new] = known, new
        # As slow as before: only the load is gone.
        wait_until(lambda: self.overload(proxy)["level"] == "normal", "nobody is refused any more")
        with proxy.client() as client:
            self.assertEqual(client.get()[0].status, 200)

        of_known, of_new = self.refused_of(known), self.refused_of(new)
        shed = [line for line in proxy.log_lines() if line["shed"]]
        self.assertEqual({(line["shed"], line["status"], line["pool"]) for line in shed}, {("loop", 503, None)})
        self.assertEqual(len(shed), refusals())
        self.assertGreater(len(shed), of_known + of_new)  # and what this test has asked
        # The wait has grown step by step, past the mark at which some new users are refused first.
        first_known = next((number for number, line in enumerate(shed) if line["path"] == "/"), len(shed))
        show({"known": (of_known, known["answered"]), "new": (of_new, new["answered"]), "new_before_known": first_known})
        self.assertGreaterEqual(first_known, 8, "known users were refused as soon as new ones")
        told = [(event["event"], event["worker"]) for event in self.events(proxy) if event.get("code") == "loop_slow"]
        self.assertGreater(len(told), 0)
        self.assertEqual(told, len(told) // 2 * [("problem", 0), ("solved", 0)])

    def test_health_the_admin_interfaces_and_changes_come_before_everything_else(self):
        checks = {"interval": "100ms", "fast_interval": "100ms", "jitter": "0%", "timeout": "1s", "unhealthy_after": 3, "healthy_after": 2}
        proxy = self.one_worker(health_check=checks, slow_start="off")
        remote = re.search(r"admin\.http on (\S+),", proxy.errors())[1]

        def state(pool):
            return proxy.status("shop")["pools"][pool]["endpoints"][0]["state"]

        def passed(pool):
            origin = {"blue": self.blue, "green": self.green}[pool]
            return sample(page_of(proxy), "sluice_health_checks_total", service="shop", pool=pool, endpoint=origin.address, result="passed")

        wait_until(lambda: state("blue") == state("green") == "up", "both are up")
        self.make_slow(5_000)
        with self.load_of(proxy) as known, self.load_of(proxy) as others:
            self.wait_for_refusals(proxy, "known")
            before = passed("blue")
            wait_until(lambda: passed("blue") >= before + 5, "checks go on")

            self.wait_for_refusals(proxy, "known")
            self.green.process.send_signal(signal.SIGSTOP)
            self.addCleanup(self.green.process.send_signal, signal.SIGCONT)
            wait_until(lambda: state("green") == "down", "who does not answer is down", 3 * PATIENCE)
            self.assertEqual(state("blue"), "up")
            self.green.process.send_signal(signal.SIGCONT)
            wait_until(lambda: state("green") == "up", "and up again", 3 * PATIENCE)

            self.wait_for_refusals(proxy, "known")
            for path in ("/metrics", "/readyz"):
                with contextlib.closing(http.client.HTTPConnection(remote, timeout=PATIENCE)) as asking:
                    asking.request("GET", path)
                    answer = asking.getresponse()
                    self.assertEqual(answer.status, 200, answer.read())
                self.assertEqual(proxy.admin("GET", path, raw=True)[0], 200, path)

            self.wait_for_refusals(proxy, "known")
            self.assertEqual(proxy.switch("green")["live"], "green")
            self.wait_for_refusals(proxy, "known")
            back = proxy.rollback()
            self.assertTrue(back["changed"])
            self.assertEqual(back["live"], "blue")
            self.wait_for_refusals(proxy, "known")
            self.assertIn("of the known users are refused", proxy.cli("explain", "--user", "ann").stdout)
            show({"micros": self.micros, **self.overload(proxy)})
        for [report] in (known, others):
            self.assertGreater(self.refused_of(report), 0)
        wait_until(lambda: self.overload(proxy)["level"] == "normal", "nobody is refused any more")
        told = [(event["endpoint"].rsplit("/")[-1], event["state"]) for event in self.events(proxy) if event["event"] == "endpoint"]
        self.assertEqual([each for each in told if each[0] == self.blue.address and each[1] != "up"], [], "only who was stopped was down")
        self.assertIn((self.green.address, "down"), told)


if __name__ == "__main__":
    unittest.main()
