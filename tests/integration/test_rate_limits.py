"""Rate limits of the real binary: exact under load over all workers, kept over a switch, and what the guide says of them."""

import json
import os
import re
import subprocess
import threading
import time
import unittest

from harness import BIN, PATIENCE, ROOT, SluiceTest, page_of, plain_answer, sample, scaled, service, wait_until

GUIDE = os.path.join(ROOT, "docs/guide/limits.md")


def quota(field):
    """Name and parameters of the one item of a RateLimit field."""
    name, r, t = re.fullmatch(r'"([^"]+)";r=(\d+);t=(\d+)', field).groups()
    return name, int(r), int(t)


class Limits(SluiceTest):
    def limited(self, *limits, **over):
        return self.two_pools(rate_limits=list(limits), **over)

    def statuses(self, client, count, fields=(), **rest):
        return [client.get(fields=fields, **rest)[0].status for _ in range(count)]

    def counted(self, proxy, limit, outcome):
        return sample(page_of(proxy), "sluice_rate_limit_requests_total", service="shop", limit=limit, outcome=outcome)

    def check_refusal(self, head, name, policy):
        self.assertEqual(head.status, 429)
        told, left, wait = quota(head["ratelimit"])
        self.assertEqual((told, left), (name, 0))
        self.assertGreaterEqual(wait, 1)
        self.assertEqual(int(head["retry-after"]), wait)
        self.assertEqual(head["ratelimit-policy"], policy)
        self.assertEqual(head["proxy-status"], "sluice; error=http_request_denied")
        self.assertEqual(head["cache-control"], "no-store")
        self.assertNotIn("connection", head)


class UnderLoad(Limits):
    RATE, BURST = scaled(500, 100, 50), 100
    SECONDS = scaled(4, 6, 6)

    def test_far_more_than_the_limit_and_a_switch_in_the_middle(self):
        proxy = self.limited({"name": "all", "key": "service", "rate": f"{self.RATE}/s", "burst": self.BURST})
        quota_of_all = max(self.RATE, self.BURST)
        policy = f'"all";q={quota_of_all};w={-(-quota_of_all // self.RATE)}'
        counts, lock = {200: 0, 429: 0}, threading.Lock()
        pools, troubles = set(), []
        ready = threading.Barrier(9)
        end = [0.0]

        def run():
            mine = {200: 0, 429: 0}
            try:
                with proxy.client() as client:
                    ready.wait(PATIENCE)
                    while time.monotonic() < end[0]:
                        head, _ = client.get(fields=["Cookie: uid=u"])
                        mine[head.status] += 1
                        if head.status == 429:
                            self.check_refusal(head, "all", policy)
                        else:
                            pools.add(head["sluice-pool"])
            except Exception as error:  # judged by the test's thread
                troubles.append(error)
            with lock:
                for status, count in mine.items():
                    counts[status] += count

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        start = time.monotonic()
        end[0] = start + self.SECONDS
        ready.wait(PATIENCE)
        wait_until(lambda: time.monotonic() > start + self.SECONDS / 2, "half of the time")
        proxy.switch("green")
        for thread in threads:
            thread.join()
        elapsed = time.monotonic() - start
        self.assertEqual(troubles, [])
        # The last requests were sent at the end of the time and answered a little later.
        least, most = (self.RATE * seconds + self.BURST for seconds in (self.SECONDS, elapsed))
        self.assertGreater(counts[200] + counts[429], 3 * most, "too slow a load to show anything")
        self.assertLessEqual(counts[200], most + 1)
        self.assertGreaterEqual(counts[200], 0.99 * least)
        self.assertEqual(pools, {"blue", "green"})
        self.assertEqual(self.counted(proxy, "all", "admitted"), counts[200])
        self.assertEqual(self.counted(proxy, "all", "refused"), counts[429])
        self.assertEqual(sample(page_of(proxy), "sluice_refusals_total", service="shop", cause="rate_limited"), counts[429])

    def test_a_full_table_bounds_nobody_who_is_not_at_the_limit(self):
        proxy = self.limited({"name": "key", "key": {"header": "X-Key"}, "rate": "1/h", "burst": 2, "keys": 64},
                             {"name": "other", "key": "client_address", "rate": "1/d", "burst": 1_000_000})
        with proxy.client() as client:
            heavy = ["X-Key: heavy"]
            self.assertEqual(self.statuses(client, 3, heavy), [200, 200, 429])
            flood = scaled(3000, 1000, 500)
            for i in range(flood):
                self.assertEqual(client.get(fields=[f"X-Key: k{i}"])[0].status, 200)
            self.assertEqual(self.statuses(client, 2, heavy), [429, 429])
            head, _ = client.get(fields=["X-Key: fresh"])
            self.assertEqual(quota(head["ratelimit"])[:2], ("key", 1))
        page = page_of(proxy)
        labels = {"service": "shop", "limit": "key"}
        self.assertEqual(sample(page, "sluice_rate_limit_places", **labels, table="rate"), 128)
        self.assertLessEqual(sample(page, "sluice_rate_limit_keys", **labels, table="rate"), 128)
        self.assertGreater(sample(page, "sluice_rate_limit_evictions_total", **labels), flood / 2)
        self.assertEqual(sample(page, "sluice_rate_limit_evictions_total", service="shop", limit="other"), 0)
        self.assertEqual(self.counted(proxy, "other", "admitted"), flood + 3)


class Kinds(Limits):
    def test_shadow_marks_and_admits(self):
        proxy = self.limited({"name": "try", "key": "identity", "rate": "1/h", "burst": 1, "mode": "shadow"})
        with proxy.client() as client:
            for expected in (None, "shadow:try", "shadow:try"):
                head, _ = client.get(fields=["Cookie: uid=a", f"X-Request-Id: r{expected}"])
                self.assertEqual(head.status, 200)
                self.assertNotIn("ratelimit", head)
                self.assertNotIn("ratelimit-policy", head)
                proxy.wait_log(lambda line, head=head, expected=expected: line["request_id"] == head["x-request-id"]
                               and line["limited_by"] == expected and line["status"] == 200)
        self.assertEqual(self.counted(proxy, "try", "shadowed"), 2)
        self.assertEqual(self.counted(proxy, "try", "refused"), 0)

    def test_exempt_networks_by_the_address_of_the_client(self):
        proxy = self.limited({"name": "address", "key": "client_address", "rate": "1/h", "burst": 1, "exempt": ["198.51.100.0/24"]},
                             top={"trusted_proxies": ["127.0.0.0/8"]})
        with proxy.client() as client:
            self.assertEqual(self.statuses(client, 4, ["X-Forwarded-For: 198.51.100.7"]), [200] * 4)
            self.assertEqual(self.statuses(client, 2, ["X-Forwarded-For: 192.0.2.7"]), [200, 429])
            self.assertEqual(self.statuses(client, 2, ["X-Forwarded-For: 2001:db8::1"]), [200, 429])
            self.assertEqual(self.statuses(client, 1, ["X-Forwarded-For: 2001:db8::2"]), [429])
            self.assertEqual(self.statuses(client, 1, ["X-Forwarded-For: 2001:db8:0:1::1"]), [200])
        self.assertEqual(self.counted(proxy, "address", "exempt"), 4)

    def test_a_request_without_the_key_is_not_bounded(self):
        proxy = self.limited({"name": "key", "key": [{"header": "X-Key"}, "method"], "rate": "1/h", "burst": 1})
        with proxy.client() as client:
            self.assertEqual(self.statuses(client, 3), [200] * 3)
            self.assertEqual(self.statuses(client, 2, ["X-Key: a"]), [200, 429])
            self.assertEqual(client.get(method="DELETE", fields=["X-Key: a"])[0].status, 200)
        self.assertEqual(self.counted(proxy, "key", "no_key"), 3)

    def test_what_an_own_answer_looks_like_to_each_kind_of_client(self):
        proxy = self.limited({"name": "a", "key": "service", "rate": "1/h", "burst": 1})
        with proxy.client() as client:
            self.assertEqual(client.get()[0].status, 200)
            head, body = client.get(fields=["Accept: application/json"])
            self.assertEqual(head["content-type"], "application/problem+json")
            self.assertEqual(json.loads(body), {
                "type": "https://iana.org/assignments/http-problem-types#quota-exceeded", "title": "Too Many Requests", "status": 429,
                "detail": "too many requests: the rate limit is used up", "violated-policies": ["a"]})
            self.check_refusal(head, "a", '"a";q=1;w=3600')
            head, body = client.get(method="HEAD")
            self.assertEqual((head.status, body), (429, b""))
            head, body = client.get()
            self.assertEqual(body, b"429 Too Many Requests\ntoo many requests: the rate limit is used up\n")
        with proxy.client() as client:
            # The body is not wanted any more, so the connection ends with the answer.
            head, _ = client.get(method="POST", body=b"x" * 100)
            self.assertEqual((head.status, head.get("connection")), (429, "close"))
        with proxy.client() as client:
            head, _ = client.get(version="1.0")
            self.assertEqual(head.status, 429)

    def test_requests_at_a_time_are_given_back_however_they_end(self):
        release = threading.Event()
        self.addCleanup(release.set)
        arrived = []

        def script(peer):
            head = peer.head()
            arrived.append(head)
            release.wait(PATIENCE)
            peer.send(plain_answer())

        proxy = self.behind(script, rate_limits=[{"name": "busy", "key": "identity", "max_in_flight": 2}])

        def running():
            return sample(page_of(proxy), "sluice_rate_limit_keys", service="shop", limit="busy", table="in_flight")

        user = ["Cookie: uid=a"]
        with proxy.client() as one, proxy.client() as two, proxy.client() as three:
            one.request(fields=user)
            two.request(fields=user)
            wait_until(lambda: len(arrived) == 2, "both are at the origin")
            head, _ = three.get(fields=user)
            self.assertEqual((head.status, head["retry-after"], head["ratelimit"]), (429, "1", '"busy";r=0'))
            self.assertEqual(running(), 1)
            two.reset()
            two.sock.close()
            # The place of the one that has left is free at once.
            wait_until(lambda: proxy.wait_log(lambda line: line["status"] == 499), "the proxy has seen it leave")
            three.request(fields=user)
            wait_until(lambda: len(arrived) == 3, "the next one is at the origin")
            release.set()
            self.assertEqual([one.answer()[0].status, three.answer()[0].status], [200, 200])
            wait_until(lambda: running() == 0, "nothing runs")

    def test_the_candidate_has_its_own_budget(self):
        proxy = self.limited({"name": "user", "key": "identity", "rate": "1/h", "burst": 3, "candidate": {"rate": "1/h"}})
        user = ["Cookie: uid=a"]
        with proxy.client() as client:
            self.assertEqual(quota(client.get(fields=user)[0]["ratelimit"])[:2], ("user", 2))
            proxy.split("100%")
            head, _ = client.get(fields=user)
            self.assertEqual((head["sluice-pool"], quota(head["ratelimit"])[:2]), ("green", ("user#candidate", 0)))
            self.assertEqual(client.get(fields=user)[0].status, 429)
            proxy.switch("green")
            head, _ = client.get(fields=user)
            self.assertEqual((head["sluice-pool"], quota(head["ratelimit"])[:2]), ("green", ("user", 1)))


class Told(Limits):
    def test_status_and_explain_show_what_is_left(self):
        proxy = self.limited({"name": "user", "key": "identity", "rate": "5/min", "burst": 5, "max_in_flight": 9},
                             {"name": "login", "key": "client_address", "rate": "1/h", "match": {"path_prefix": "/login"}})
        with proxy.client() as client:
            self.assertEqual(self.statuses(client, 6, ["Cookie: uid=user-1"]), [200] * 5 + [429])
            self.assertEqual(client.get("/login")[0].status, 200)
        limits = proxy.status("shop")["limits"]
        places = limits[0].pop("places")
        self.assertGreaterEqual(places, 64)
        self.assertEqual(limits[0], {"name": "user", "mode": "enforce", "allows": "5/min, burst 5, 9 in progress", "candidate_allows": None,
                                     "admitted": 5, "refused": 1, "shadowed": 0, "keys": 1})
        text = proxy.cli("status").stdout
        self.assertIn(f"  limit user (5/min, burst 5, 9 in progress): 1 refused, 5 admitted, 1 of {places} keys\n", text)
        self.assertRegex(text, r"  limit login \(1/h, burst 1\): 0 refused, 1 admitted, 1 of \d+ keys\n")
        for _ in range(3):  # looking costs nothing
            told = proxy.cli("explain", "--user", "user-2").stdout
            self.assertIn("limits     user (5/min, burst 5, 9 in progress): 5 left, 0 in progress of identity user-2\n", told)
        refused = proxy.cli("explain", "--user", "user-1", "--path", "/login")
        # Both refuse: it names the one that takes longer, as the answer does.
        self.assertIn("; but limit login is used up, so Sluice answers 429 itself", refused.stdout)
        with proxy.client() as client:
            self.assertEqual(quota(client.get("/login", fields=["Cookie: uid=user-1"])[0]["ratelimit"])[0], "login")
        self.assertRegex(refused.stdout, r"user \(.*\): 0 left, 0 in progress of identity user-1, next in \d+\.\d s; refuses it\n")
        self.assertRegex(refused.stdout, r"           login \(1/h, burst 1\): 0 left of client_address 127.0.0.1, next in \d+\.\d s; refuses it\n")


class Guide(Limits):
    """docs/guide/limits.md does what it says."""

    @classmethod
    def setUpClass(cls):
        with open(GUIDE, encoding="utf-8") as file:
            cls.page = file.read()
        cls.parts = re.findall(r"^```yaml\n((?:    .*\n)+)```", cls.page, flags=re.M)

    def guided(self, part):
        """The least configuration around a part of the guide, with two origins behind it."""
        self.blue, self.green = self.origin("blue"), self.origin("green")
        proxy = self.sluice([service([self.blue.address], [self.green.address])])
        proxy.stop()
        with open(proxy.config_file, "w") as file:
            file.write(f"listeners: [{{name: main, bind: 127.0.0.1:0}}]\nadmin: {{socket: {{path: {proxy.socket}}}}}\n"
                       f"state_dir: {proxy.directory}/state\naccess_log: {{path: {proxy.log_file}}}\nservices:\n  - name: shop\n"
                       "    identity: [{cookie: uid}, client_address]\n    expose: [pool]\n"
                       f"    pools: {{blue: {{endpoints: [{self.blue.address}]}}, green: {{endpoints: [{self.green.address}]}}}}\n" + part)
        proxy.start()
        return proxy

    def test_the_first_example_is_refused_as_shown(self):
        proxy = self.guided(self.parts[0])
        shown = re.search(r"^```http\n(.*?)^```", self.page, flags=re.S | re.M)[1].splitlines()
        user = ["Cookie: uid=user-1"]
        with proxy.client() as client:
            for _ in range(5):
                self.assertEqual(client.get("/login", method="POST", fields=[*user, "Content-Length: 0"])[0].status, 200)
            start = time.monotonic()
            head, _ = client.get("/login", method="POST", fields=[*user, "Content-Length: 0"])
            self.assertLess(time.monotonic() - start, 1, "so slow that the wait is another one")
            self.assertEqual(head.line, shown[0])
            for line in shown[1:]:
                name, value = line.split(": ", 1)
                self.assertEqual(f"{name}: {head[name]}", line)
            log = proxy.wait_log(lambda line: line["status"] == 429)
            self.assertEqual(log["limited_by"], re.search(r'`"limited_by":"(\w+)"`', self.page)[1])
            # "costs the user nothing": five were admitted, and what is left of 200 is at least that of five.
            self.assertEqual(self.counted(proxy, "per-user", "admitted"), 5)
        with proxy.client() as client:
            self.assertEqual(client.get("/login", fields=user)[0].status, 200)  # a GET is none of its business
        told = proxy.cli("explain", "--user", "user-2").stdout
        self.assertIn(re.search(r"^```\n(limits .*\n)```", self.page, flags=re.M)[1], told)

    def test_what_check_prints_is_what_it_shows(self):
        proxy = self.guided(self.parts[0])
        done = subprocess.run([BIN, "check", "--print", "-c", proxy.config_file], capture_output=True, text=True, timeout=PATIENCE)
        printed = "".join(line + "\n" for line in done.stdout.splitlines() if line.startswith("      #"))
        self.assertEqual(printed, re.search(r"^```\n((?:      # .*\n)+)```", self.page, flags=re.M)[1])

    def test_every_example_starts(self):
        self.assertEqual(len(self.parts), 3)
        for part in self.parts:
            with self.subTest(part):
                proxy = self.guided(part)
                with proxy.client() as client:
                    self.assertEqual(client.get(fields=["Cookie: uid=a", "X-Api-Key: b"])[0].status, 200)

    def test_the_table_of_rates_is_true(self):
        rows = re.findall(r"^\| `(\d+)/(\w+)`, (\d+) \|.*?one every ([\d.]+) (ms|s)", self.page, flags=re.M)
        self.assertEqual(len(rows), 4)
        periods = {"s": 1, "min": 60, "h": 3600, "d": 86400}
        for count, period, _, interval, unit in rows:
            self.assertAlmostEqual(periods[period] / int(count), float(interval) / (1000 if unit == "ms" else 1))


if __name__ == "__main__":
    unittest.main()
