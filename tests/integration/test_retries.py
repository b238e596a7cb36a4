"""Endpoints that fail while clients ask: what is safe is asked again or rescued, what is not is asked once and told."""

import collections
import os
import re
import signal
import socket
import threading
import unittest

from harness import PATIENCE, ROOT, SluiceTest, page_of, plain_answer, sample, scaled, service, wait_until

CLIENTS = 8
REQUESTS = scaled(300, 80, 40)  # of each client


class Crowd:
    """Clients that ask one after the other on connections of their own, and what they got."""

    def __init__(self, proxy, method="GET"):
        self.proxy = proxy
        self.method = method
        self.lock = threading.Lock()
        self.statuses = collections.Counter()
        self.answered = 0
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        body = b"x" if self.method != "GET" else b""
        client = self.proxy.client()
        for turn in range(REQUESTS):
            try:
                head, _ = client.get(f"/?id={number}-{turn}", method=self.method, body=body, fields=[f"X-User-Id: u{number}-{turn}"])
                outcome = head.status
                ends = head.get("connection") == "close"
            except OSError as error:
                outcome, ends = type(error).__name__, True
            with self.lock:
                self.statuses[outcome] += 1
                self.answered += 1
            if ends:
                client.close()
                client = self.proxy.client()
        client.close()

    def at(self, share):
        wait_until(lambda: self.answered >= share * CLIENTS * REQUESTS, "the clients come so far", PATIENCE * 4)

    def join(self):
        for thread in self.threads:
            thread.join(PATIENCE * 6)
        assert not any(thread.is_alive() for thread in self.threads), "a client hangs"
        return self.statuses


class Failures(SluiceTest):
    def pools(self, blue=2, green=1, **over):
        self.blues = [self.origin("blue") for _ in range(blue)]
        self.greens = [self.origin("green") for _ in range(green)]
        return self.sluice([service([o.address for o in self.blues], [o.address for o in self.greens], **over)])

    def test_one_endpoint_of_two_is_killed_and_nobody_notices(self):
        proxy = self.pools(retry={"budget": "100%"})
        crowd = Crowd(proxy)
        crowd.at(0.3)
        os.kill(self.blues[0].process.pid, signal.SIGKILL)
        self.assertEqual(crowd.join(), {200: CLIENTS * REQUESTS})

    def test_one_endpoint_of_two_hangs_and_nobody_notices(self):
        proxy = self.pools(retry={"budget": "100%", "per_try_timeout": "300ms"})
        crowd = Crowd(proxy)
        crowd.at(0.3)
        os.kill(self.blues[0].process.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.blues[0].process.pid, signal.SIGCONT)
        wait_until(lambda: any(line["retries"] for line in proxy.log_lines()), "a try on it was given up")
        os.kill(self.blues[0].process.pid, signal.SIGCONT)
        self.assertEqual(crowd.join(), {200: CLIENTS * REQUESTS})

    def test_the_whole_candidate_is_killed_and_nobody_notices(self):
        proxy = self.pools(blue=1, green=2, expose=["pool", "rescued"])
        proxy.split("50%")
        crowd = Crowd(proxy)
        crowd.at(0.3)
        for origin in self.greens:
            os.kill(origin.process.pid, signal.SIGKILL)
        self.assertEqual(crowd.join(), {200: CLIENTS * REQUESTS})
        proxy.wait_log(lambda line: line["reason"] in ("fallback", "rescue"), "the live pool took over")

    def sick_and_well(self, sick, **over):
        """Two endpoints: one that does to a request what `sick(peer, number)` does, and one that is well."""
        numbers = iter(range(1, 1 << 30))
        lock = threading.Lock()

        def script(peer):
            while True:
                peer.head()
                with lock:
                    number = next(numbers)
                if sick(peer, number):
                    return
                peer.send(plain_answer(b"sick"))

        origin = self.scripted(script)
        well = self.origin("blue")
        retry = {"budget": "100%", **over.pop("retry", {})}
        return self.sluice([service([origin.address, well.address], [well.address], retry=retry, **over)])

    def assert_nobody_noticed(self, proxy, failure):
        """Every request 200, each attempt that failed repeated once, and told in the log and in the metrics."""
        self.assertEqual(Crowd(proxy).join(), {200: CLIENTS * REQUESTS})
        wait_until(lambda: len(proxy.log_lines()) == CLIENTS * REQUESTS, "all lines are written")
        repeated = sum(line["retries"] for line in proxy.log_lines())
        page = page_of(proxy)
        failed = sample(page, "sluice_attempt_failures_total", service="shop", pool="blue", failure=failure)
        self.assertEqual(repeated, sample(page, "sluice_retries_total", service="shop"))
        self.assertEqual(failed, repeated)
        self.assertGreater(failed, 0)

    def test_one_endpoint_of_two_resets_and_nobody_notices(self):
        self.assert_nobody_noticed(self.sick_and_well(lambda peer, _: peer.reset() or True), "reset_before_response")

    def test_one_endpoint_of_two_answers_500_for_30_percent_and_nobody_notices(self):
        def sick(peer, number):
            if number % 10 < 3:
                peer.send(plain_answer(b"no", status=b"500 No"))
                # The next request on this connection is read by the loop around.
                return self.answer_on(peer)

        proxy = self.sick_and_well(sick, retry={"when": ["connect_failure", "reset_before_response", "500"]})
        self.assert_nobody_noticed(proxy, "500")

    @staticmethod
    def answer_on(peer):
        """Behind a 500 the connection goes on; what comes next on it is well."""
        while True:
            peer.head()
            peer.send(plain_answer(b"sick"))

    def test_one_endpoint_of_two_is_slow_and_nobody_notices(self):
        def sick(peer, number):
            if number % 20:
                return None
            peer.rest()  # says nothing until the proxy gives up
            return True

        proxy = self.sick_and_well(sick, retry={"per_try_timeout": "200ms"})
        self.assert_nobody_noticed(proxy, "timeout")

    def test_one_endpoint_of_two_refuses_and_nobody_notices(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            closed = "127.0.0.1:%d" % server.getsockname()[1]
        proxy = self.sluice([service([closed, self.origin("blue").address], [closed])])
        self.assertEqual(Crowd(proxy).join(), {200: CLIENTS * REQUESTS})
        page = page_of(proxy)
        self.assertGreater(sample(page, "sluice_attempt_failures_total", service="shop", pool="blue", failure="connect_failure"), 0)

    def test_what_is_not_safe_is_asked_once_and_told(self):
        """An endpoint that takes each third request and dies of it: a POST reaches no other one."""
        seen = collections.Counter()
        lock = threading.Lock()

        def script(peer):
            while True:
                head = peer.head()
                peer.body(head)
                with lock:
                    seen[head.line.split()[1]] += 1
                    count = sum(seen.values())
                if count % 3 == 0:
                    return peer.reset()
                peer.send(plain_answer(b"ok"))

        origins = [self.scripted(script) for _ in range(2)]
        proxy = self.sluice([service([o.address for o in origins], [origins[0].address])])
        statuses = Crowd(proxy, "POST").join()
        self.assertEqual(set(statuses), {200, 502})
        self.assertEqual(sum(statuses.values()), CLIENTS * REQUESTS)
        self.assertEqual(max(seen.values()), 1, "each reached one endpoint")
        self.assertEqual(sum(seen.values()), CLIENTS * REQUESTS, "and each was sent")


class Budgets(SluiceTest):
    """Who asks the live pool instead of the candidate holds a place of the budget, until the answer is there."""

    def test_status_shows_what_is_in_use_and_how_often_it_was_too_little(self):
        may_answer = threading.Event()

        def slow(peer):
            while True:
                peer.head()
                assert may_answer.wait(PATIENCE)
                peer.send(plain_answer())

        def failing(peer):
            while True:
                peer.head()
                peer.send(plain_answer(status=b"503 No"))

        proxy = self.sluice([service([self.scripted(slow).address], [self.scripted(failing).address],
                                     retry={"attempts": 0}, rescue={"budget": "0%"})])
        proxy.split("100%")
        clients = [proxy.client() for _ in range(5)]
        for number, client in enumerate(clients):
            client.request("/", fields=[f"X-User-Id: u{number}"])

        def budgets(pool):
            return proxy.status()["services"][0]["pools"][pool]["budgets"]

        wait_until(lambda: budgets("blue")["rescues"]["refused"] == 2, "two have found no place")
        self.assertEqual(budgets("blue")["rescues"], {"in_use": 3, "most": 3, "refused": 2})
        self.assertEqual(budgets("green")["rescues"], {"in_use": 0, "most": 3, "refused": 0})
        self.assertEqual(budgets("blue")["retries"], {"in_use": 0, "most": 3, "refused": 0})
        self.assertEqual(budgets("blue")["assets"], {"in_use": 0, "most": 128, "refused": 0})
        self.assertIn("    retries 0 of 3, rescues 3 of 3 (2 refused)\n", proxy.cli("status").stdout)
        may_answer.set()
        self.assertEqual(sorted(client.answer("GET")[0].status for client in clients), [200, 200, 200, 503, 503])
        wait_until(lambda: budgets("blue")["rescues"] == {"in_use": 0, "most": 3, "refused": 2}, "all places are free again")
        for client in clients:
            client.close()


class Assets(SluiceTest):
    """Two versions, each with files of its own, and pages that ask the wrong one."""

    def files(self, *names, status=b"404 Not Found"):
        """An origin that has these paths. It counts what it was asked for."""
        asked = collections.Counter()

        def script(peer):
            while True:
                method, path, _ = peer.head().line.split()
                asked[path] += 1
                has = path in names
                fields = b"Cache-Control: public, max-age=600\r\nCDN-Cache-Control: max-age=600\r\n"
                answer = plain_answer(path.encode() if has else b"no", status=b"200 OK" if has else status, fields=fields)
                peer.send(answer[: answer.index(b"\r\n\r\n") + 4] if method == "HEAD" else answer)

        origin = self.scripted(script)
        origin.asked = asked
        return origin

    def versions(self, blue, green, **rescue):
        rescue = {"assets": ["/assets/*", "*.js"], **rescue}
        proxy = self.sluice([service([blue.address], [green.address], expose=["pool", "reason", "rescued"], rescue=rescue)])
        return proxy, proxy.client()

    def of(self, client, path, **over):
        head, body = client.get(path, **over)
        return head.status, head["sluice-pool"], head.get("cache-control"), body

    def outcomes(self, proxy):
        lines = re.findall(r'^sluice_asset_rescues_total{.*pool="(\w+)",outcome="(\w+)"} (\d+)$', page_of(proxy), flags=re.M)
        return {(pool, outcome): int(count) for pool, outcome, count in lines if int(count)}

    def test_each_version_has_the_files_of_the_other(self):
        blue, green = self.files("/assets/old", "/a.js"), self.files("/assets/new")
        proxy, client = self.versions(blue, green)
        stored = "public, max-age=600"
        self.assertEqual(self.of(client, "/assets/old"), (200, "blue", stored, b"/assets/old"))
        self.assertEqual(self.of(client, "/assets/new"), (200, "green", stored, b"/assets/new"))
        self.assertEqual(self.of(client, "/assets/new?v=2"), (404, "green", "no-store", b"no"))  # the query is not the path
        self.assertEqual(self.of(client, "/%61ssets/new"), (404, "green", "no-store", b"no"))  # sent on as it came
        head, _ = client.get("/assets/none")
        self.assertEqual((head.status, head["cache-control"], head.get("cdn-cache-control")), (404, "no-store", None))
        self.assertEqual(self.of(client, "/page")[:3], (404, "blue", stored))
        self.assertEqual((green.asked["/page"], green.asked["/assets/old"]), (0, 0))
        proxy.split("100%")
        head, body = client.get("/a.js", method="HEAD", fields=["X-User-Id: user-1"])
        self.assertEqual((head.status, head["sluice-pool"], head["sluice-rescued"], body), (200, "blue", "green", b""))
        line = proxy.wait_log(lambda entry: entry["path"] == "/a.js")
        self.assertEqual((line["reason"], line["pool"], line["rescued_from"], line["error"]), ("asset", "blue", "green", None))
        self.assertEqual(self.outcomes(proxy), {("blue", "found"): 1, ("blue", "missing"): 3, ("green", "found"): 1})
        self.assertNotRegex(page_of(proxy), r"sluice_(attempt_failures|rescues|retries)_total{[^}]*} [1-9]")
        client.close()

    def test_what_is_not_safe_reaches_one_pool(self):
        blue, green = self.files(), self.files("/assets/x")
        proxy, client = self.versions(blue, green)
        self.assertEqual(self.of(client, "/assets/x", method="POST", body=b"x")[:3], (404, "blue", "no-store"))
        self.assertEqual(green.asked, {})
        self.assertEqual(self.outcomes(proxy), {})
        client.close()

    def test_a_pool_that_fails_costs_nobody_an_error(self):
        proxy, client = self.versions(self.files(), self.files(status=b"503 No"))
        head, body = client.get("/assets/x")
        self.assertEqual((head.status, head["server"], head["cache-control"]), (404, "sluice", "no-store"))
        self.assertIn(b"there is no such file", body)
        client.close()

        green = self.origin("green")  # has everything
        proxy, client = self.versions(self.files(), green)
        self.assertEqual(self.of(client, "/assets/x")[:2], (200, "green"))
        os.kill(green.process.pid, signal.SIGKILL)
        green.process.wait()

        def is_left_alone():
            self.assertEqual(client.get("/assets/x")[0].status, 404)
            return ("blue", "unavailable") in self.outcomes(proxy)

        wait_until(is_left_alone, "a dead pool is not asked any more")
        self.assertEqual(self.of(client, "/assets/x"), (404, "blue", "no-store", b"no"))
        client.close()

    def test_a_closed_candidate_is_left_alone_unless_the_service_says_otherwise(self):
        blue, green = self.files("/assets/old"), self.files()
        proxy, client = self.versions(blue, green)
        proxy.switch("green")
        self.assertEqual(self.of(client, "/assets/old")[:3], (404, "green", "no-store"))
        self.assertEqual(blue.asked, {})
        self.assertEqual(self.outcomes(proxy), {("green", "unavailable"): 1})
        client.close()
        proxy, client = self.versions(blue, green, assets_of_closed="on")
        proxy.switch("green")
        self.assertEqual(self.of(client, "/assets/old")[:2], (200, "blue"))
        client.close()


class Guide(SluiceTest):
    def test_the_examples_of_the_guide(self):
        with open(os.path.join(ROOT, "docs/guide/retries.md"), encoding="utf-8") as file:
            shapes, rescue, assets = re.findall(r"^```yaml\n(.*?)^```", file.read(), flags=re.S | re.M)

        def says(status):
            def script(peer):
                while True:
                    peer.head()
                    peer.send(plain_answer(b"", status=status))

            return self.scripted(script)

        good, bad, broken = says(b"200 OK"), says(b"503 No"), says(b"500 No")

        def run(text, addresses):
            for old, new in addresses.items():
                text = text.replace(old, new)
            return self.sluice(text)

        proxy = run(shapes, {"127.0.0.1:9001": bad.address, "127.0.0.1:9002": good.address})
        with proxy.client() as client:
            for _ in range(10):
                self.assertEqual(client.get()[0].status, 200)
            self.assertIn(client.get(method="POST", body=b"x")[0].status, (200, 503))
        proxy = run(rescue, {"127.0.0.1:9001": good.address, "127.0.0.1:9003": broken.address})
        proxy.split("100%")
        with proxy.client() as client:
            head, _ = client.get()
            self.assertEqual((head.status, head["sluice-pool"], head["sluice-rescued"]), (200, "blue", "green"))
            self.assertEqual(client.get(method="POST", body=b"x")[0].status, 500)
        line = proxy.wait_log(lambda entry: entry["rescued_from"])
        self.assertEqual((line["reason"], line["rescued_from"], line["pool"]), ("rescue", "green", "blue"))
        missing = says(b"404 No")
        proxy = run(assets, {"127.0.0.1:9001": missing.address, "127.0.0.1:9003": good.address})
        with proxy.client() as client:
            head, _ = client.get("/assets/app.3f2a.js")
            self.assertEqual((head.status, head["sluice-pool"], head["sluice-rescued"]), (200, "green", "blue"))
            head, _ = client.get("/page")
            self.assertEqual((head.status, head["sluice-pool"]), (404, "blue"))


if __name__ == "__main__":
    unittest.main()
