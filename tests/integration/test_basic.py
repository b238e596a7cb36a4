"""Split, headers, expose, reasons, matching: what one request shows of the decision about it."""

import json
import re

from harness import SluiceTest, bucket_of, plain_answer, pool_of, service, wait_until


class Split(SluiceTest):
    def test_a_share_of_users_gets_green_and_each_the_pool_of_its_bucket(self):
        proxy = self.two_pools()
        proxy.split("10%")
        with proxy.client() as client:
            green = 0
            for user in range(400):
                head, body = client.get(fields=[f"Cookie: uid=user-{user}"])
                bucket = bucket_of("shop", f"user-{user}")
                expected = "green" if bucket < 1000 else "blue"
                self.assertEqual(head.status, 200)
                self.assertEqual((pool_of(head), int(head["sluice-bucket"])), (expected, bucket))
                self.assertEqual(head["sluice-reason"], "split" if expected == "green" else "live")
                self.assertTrue(body.startswith(b"pool=" + expected.encode()))
                green += expected == "green"
        self.assertGreater(green, 10)

    def test_growing_the_split_moves_nobody_back(self):
        proxy = self.two_pools()
        pools = {}
        for percent in ("1%", "10%", "50%", "99%"):
            proxy.split(percent)
            with proxy.client() as client:
                for user in range(200):
                    head, _ = client.get(fields=[f"Cookie: uid=user-{user}"])
                    if pools.get(user) == "green":
                        self.assertEqual(pool_of(head), "green", f"user-{user} at {percent}")
                    pools[user] = pool_of(head)
        self.assertGreater(sum(pool == "green" for pool in pools.values()), 190)

    def test_20000_users_all_get_the_pool_of_their_bucket_on_every_worker(self):
        proxy = self.two_pools()
        for percent in ("1%", "10%", "50%"):
            proxy.split(percent)
            report = self.load(proxy, "--users", 20000, "--requests", 20000, "--connections", 32)
            self.assertEqual(report["failed"], 0, report)
            share = report["pools"]["green"] / 20000
            expected = float(percent[:-1]) / 100
            sigma = (expected * (1 - expected) / 20000) ** 0.5
            self.assertLess(abs(share - expected), 4 * sigma, percent)

    def test_another_salt_draws_other_users_and_keeps_its_word_after_a_restart(self):
        proxy = self.two_pools()
        proxy.split("10%", salt="second")
        self.assertEqual(proxy.status("shop")["salt"], "second")
        proxy.stop()
        proxy.start()
        with proxy.client() as client:
            for user in range(100):
                head, _ = client.get(fields=[f"Cookie: uid=user-{user}"])
                self.assertEqual(int(head["sluice-bucket"]), bucket_of("second", f"user-{user}"))
                self.assertEqual(pool_of(head), "green" if bucket_of("second", f"user-{user}") < 1000 else "blue")

    def test_identity_is_raw_octets_of_the_first_source_that_is_present(self):
        proxy = self.two_pools(identity=[{"cookie": "uid"}, {"header": "X-User-Id"}, {"query": "u"}])
        proxy.split("50%")
        cases = [
            (["Cookie: a=b; uid=Zo\xeb ; x=y"], "/", b"Zo\xeb"),
            (['Cookie: uid="q"'], "/", b'"q"'),
            (["Cookie: uid=; x=y", "X-User-Id:  spaced  "], "/", b"spaced"),
            ([], "/?a=1&u=a%20b+c&u=2", b"a%20b+c"),
            (["Cookie: other=1", "Cookie: uid=second-field"], "/", b"second-field"),
        ]
        with proxy.client() as client:
            for fields, target, identity in cases:
                head, _ = client.get(target, fields=fields)
                self.assertEqual(int(head["sluice-bucket"]), bucket_of("shop", identity), identity)
            head, _ = client.get(fields=["X-User-Id: " + "x" * 1025])
            self.assertEqual(head["sluice-reason"], "no_identity")
            self.assertEqual(pool_of(head), "blue")

    def test_the_client_address_is_an_identity_and_believed_from_trusted_proxies_only(self):
        trusted = self.two_pools(identity=["client_address"], top={"trusted_proxies": ["127.0.0.0/8"]})
        with trusted.client() as client:
            head, _ = client.get(fields=["X-Forwarded-For: 203.0.113.9, 192.0.2.7"])
            self.assertEqual(int(head["sluice-bucket"]), bucket_of("shop", "192.0.2.7"))
            head, _ = client.get(fields=["X-Forwarded-For: 2001:db8:0:0:0:0:0:1"])
            self.assertEqual(int(head["sluice-bucket"]), bucket_of("shop", "2001:db8::1"))
        plain = self.two_pools(identity=["client_address"])
        with plain.client() as client:
            head, _ = client.get(fields=["X-Forwarded-For: 192.0.2.7"])
            self.assertEqual(int(head["sluice-bucket"]), bucket_of("shop", "127.0.0.1"))

    def test_a_minted_cookie_identifies_who_brings_it_back(self):
        proxy = self.two_pools(identity=[{"cookie": "uid"}, {"mint_cookie": {"name": "sid", "max_age": "30d"}}])
        proxy.split("50%")
        with proxy.client() as client:
            head, _ = client.get()
            cookie = head["set-cookie"]
            value = re.match(r"sid=([0-9a-f]{32});", cookie).group(1)
            self.assertIn("Max-Age=2592000", cookie)
            self.assertIn("private", head["cache-control"])
            self.assertEqual(int(head["sluice-bucket"]), bucket_of("shop", value))
            again, _ = client.get(fields=[f"Cookie: sid={value}"])
            self.assertNotIn("set-cookie", again)
            self.assertEqual(pool_of(again), pool_of(head))
            named, _ = client.get(fields=["Cookie: uid=user-1"])
            self.assertNotIn("set-cookie", named)


class Reasons(SluiceTest):
    def test_pins_choose_while_the_candidate_is_open_and_only_from_their_networks(self):
        pin = {"header": "X-Sluice-Pool", "values": {"blue": "blue", "green": "green"}, "from": ["127.0.0.0/8"]}
        proxy = self.two_pools(pins=[pin])
        with proxy.client() as client:
            head, _ = client.get(fields=["X-Sluice-Pool: green", "Cookie: uid=user-1"])
            self.assertEqual((pool_of(head), head["sluice-reason"]), ("green", "pin_header"))
            proxy.switch("green")
            head, _ = client.get(fields=["X-Sluice-Pool: blue", "Cookie: uid=user-1"])
            self.assertEqual((pool_of(head), head["sluice-reason"]), ("green", "pin_closed"))
            proxy.split("0%")
            head, _ = client.get(fields=["X-Sluice-Pool: blue", "Cookie: uid=user-1"])
            self.assertEqual((pool_of(head), head["sluice-reason"]), ("blue", "pin_header"))
        far = self.two_pools(pins=[{**pin, "from": ["10.0.0.0/8"]}])
        with far.client() as client:
            head, _ = client.get(fields=["X-Sluice-Pool: green", "Cookie: uid=user-1"])
            self.assertEqual((pool_of(head), head["sluice-reason"]), ("blue", "live"))

    def test_a_dead_candidate_falls_back_and_a_dead_live_pool_is_503(self):
        blue = self.origin("blue")
        green = self.origin("green")
        proxy = self.sluice([service([blue.address], [green.address])])
        green.stop()
        proxy.split("100%")
        with proxy.client() as client:
            head, body = client.get(fields=["Cookie: uid=user-1"])
            self.assertEqual((head.status, pool_of(head), head["sluice-reason"]), (200, "blue", "fallback"))
            self.assertTrue(body.startswith(b"pool=blue"))
            blue.stop()
            head, _ = client.get(fields=["Cookie: uid=user-1"])
            self.assertEqual((head.status, head["retry-after"]), (503, "1"))
            self.assertIn("sluice", head["proxy-status"])

    def test_a_dead_endpoint_costs_no_request(self):
        alive = self.origin("blue")
        dead = self.origin("blue")
        dead.stop()
        proxy = self.sluice([service([dead.address, alive.address], [alive.address])])
        with proxy.client() as client:
            for number in range(20):
                head, _ = client.get("/echo", method="POST", body=b"x%d" % number)
                self.assertEqual(head.status, 200)

    def test_the_access_log_tells_the_same_story(self):
        proxy = self.two_pools()
        with proxy.client() as client:
            head, _ = client.get("/a/b?secret=1", fields=["Cookie: uid=user-1", "User-Agent: te\xffst"])
        line = proxy.wait_log(lambda entry: entry["path"] == "/a/b")
        self.assertEqual(line["status"], 200)
        self.assertEqual(line["service"], "shop")
        self.assertEqual(line["pool"], "blue")
        self.assertEqual(line["reason"], "live")
        self.assertEqual(line["bucket"], bucket_of("shop", "user-1"))
        self.assertEqual(line["generation"], 1)
        self.assertEqual(line["endpoint"], self.blue.address)
        self.assertEqual(line["method"], "GET")
        self.assertEqual(line["user_agent"], "te\ufffdst")
        self.assertNotIn("secret", json.dumps(line))
        for key in ("time", "request_id", "client", "host", "bytes_in", "bytes_out", "duration_ms", "connect_ms",
                    "first_byte_ms", "retries", "error"):
            self.assertIn(key, line)
        with proxy.client() as client:
            _, body = client.get("/a/%zz")
            client.get("/b/%zz", method="HEAD")
        self.assertEqual(proxy.wait_log(lambda entry: entry["path"] == "/a/%zz")["bytes_out"], len(body))
        self.assertEqual(proxy.wait_log(lambda entry: entry["path"] == "/b/%zz")["bytes_out"], 0)


class Fields(SluiceTest):
    def test_the_application_learns_who_asked_and_which_pool_it_is(self):
        proxy = self.two_pools()
        with proxy.client() as client:
            _, body = client.get("/headers", fields=[
                "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "Sluice-Pool: green", "Sluice-Anything: x",
                "Connection: X-Drop-Me, keep-alive", "X-Drop-Me: 1", "Keep-Alive: timeout=9", "Proxy-Connection: keep-alive",
                "TE: trailers", "X-Kept: yes"])
        seen = body.decode()
        fields = dict(line.split(": ", 1) for line in seen.split("\r\n")[1:] if line)
        self.assertEqual(fields["Host"], "shop.test")
        self.assertEqual(fields["X-Forwarded-For"], "127.0.0.1")
        self.assertEqual(fields["X-Forwarded-Proto"], "http")
        self.assertEqual(fields["X-Forwarded-Host"], "shop.test")
        self.assertIn("for=127.0.0.1", fields["Forwarded"])
        self.assertEqual(fields["Sluice-Pool"], "blue")
        self.assertEqual(fields["Via"], "1.1 sluice")
        self.assertRegex(fields["traceparent" if "traceparent" in fields else "Traceparent"],
                         r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
        self.assertIn("X-Request-Id", fields)
        self.assertEqual(fields["X-Kept"], "yes")
        for gone in ("Sluice-Anything", "X-Drop-Me", "Keep-Alive", "Proxy-Connection"):
            self.assertNotIn(gone, fields)
        self.assertNotIn("1.2.3.4", seen)

    def test_a_trusted_proxy_is_believed_and_its_lists_grow(self):
        proxy = self.two_pools(top={"trusted_proxies": ["127.0.0.0/8"]})
        with proxy.client() as client:
            _, body = client.get("/headers", fields=["X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https",
                                                     "X-Request-Id: abc-123"])
        self.assertIn(b"X-Forwarded-For: 1.2.3.4, 127.0.0.1\r\n", body)
        self.assertIn(b"X-Forwarded-Proto: https\r\n", body)
        self.assertIn(b"X-Request-Id: abc-123\r\n", body)

    def test_target_bytes_pass_unchanged(self):
        proxy = self.two_pools()
        with proxy.client() as client:
            for target in ("/a%2Fb/%7euser//x", "/headers/../headers/./x?a=b?c#", "/%E2%82%AC?q=%zz", "http://shop.test/headers"):
                target = target.rstrip("#")
                head, _ = client.get(target)
                self.assertIn(head.status, (200, 404), target)
            _, body = client.get("/x/../headers?a=%2e%2E&b=//")
            self.assertFalse(body.startswith(b"GET /headers"), "the application gets the path as it was sent")

    def test_answers_carry_only_what_is_exposed_and_none_of_the_applications_own(self):
        def script(peer):
            while True:
                peer.head()
                peer.send(plain_answer(b"hi", b"Sluice-Pool: forged\r\nSluice-Secret: x\r\nServer: app\r\nVia: 1.0 inner\r\n"))

        proxy = self.behind(script, expose=[])
        with proxy.client() as client:
            head, _ = client.get()
            self.assertEqual([name for name, _ in head.list if name.startswith("sluice-")], [])
            self.assertEqual(head["server"], "app")
            self.assertIn("date", head)
            self.assertIn("1.1 sluice", ", ".join(head.all("via")))


class Matching(SluiceTest):
    def test_host_then_longest_prefix_of_whole_segments(self):
        origins = {name: self.origin(name) for name in ("any", "exact", "wild", "app", "deep")}

        def entry(name, **over):
            return service([origins[name].address], [origins[name].address], name=name, **over)

        proxy = self.sluice([
            entry("any"), entry("exact", hosts=["shop.example.com"]), entry("wild", hosts=["*.example.com"]),
            entry("app", path_prefix="/app"), entry("deep", path_prefix="/app/deep")])
        cases = [("other.test", "/", "any"), ("SHOP.example.com.:80", "/", "exact"), ("a.b.example.com", "/", "wild"),
                 ("example.com", "/", "any"), ("x.test", "/app", "app"), ("x.test", "/app/x", "app"), ("x.test", "/apple", "any"),
                 ("x.test", "/app/deep/1", "deep"), ("x.test", "/x/../app/%64eep", "deep"), ("x.test", "/%61pp", "app")]
        with proxy.client() as client:
            for host, path, name in cases:
                head, body = client.get(path, host=host)
                self.assertTrue(body.startswith(b"pool=" + name.encode() + b" "), (host, path, body[:40]))

    def test_no_service_is_404_and_above_the_root_is_400(self):
        blue = self.origin("blue")
        proxy = self.sluice([service([blue.address], [blue.address], hosts=["only.test"])])
        with proxy.client() as client:
            head, _ = client.get(host="other.test")
            self.assertEqual(head.status, 404)
        with proxy.client() as client:
            head, _ = client.get("/../etc/passwd", host="only.test")
            self.assertEqual(head.status, 400)

    def test_a_service_may_answer_on_one_listener_only(self):
        inner = self.origin("inner")
        outer = self.origin("outer")
        proxy = self.sluice(
            [service([inner.address], [inner.address], name="inner", listeners=["back"]),
             service([outer.address], [outer.address], name="outer")],
            listeners=[{"name": "main", "bind": "127.0.0.1:0"}, {"name": "back", "bind": "[::1]:0"}])
        with proxy.client("back") as client:
            self.assertTrue(client.get()[1].startswith(b"pool=inner"))
        with proxy.client("main") as client:
            self.assertTrue(client.get()[1].startswith(b"pool=outer"))


class Metrics(SluiceTest):
    def test_counts_by_service_pool_and_class(self):
        proxy = self.two_pools()
        with proxy.client() as client:
            for _ in range(5):
                client.get()
            client.get("/status?code=404")
            code, text = proxy.admin("GET", "/metrics", raw=True)
            self.assertEqual(code, 200)

            def total():
                text = proxy.admin("GET", "/metrics", raw=True)[1]
                counts = [line for line in text.splitlines()
                          if line.startswith("sluice_requests_total{") and 'service="shop"' in line and 'pool="blue"' in line]
                return {re.search(r'code_class="(\w+)"|code="(\w+)"', line).group(0): float(line.split()[-1]) for line in counts}

            counts = wait_until(lambda: total() if sum(total().values()) >= 6 else None, "six requests counted")
            self.assertEqual(sorted(value for value in counts.values() if value), [1, 5])
            self.assertRegex(text, r"(?m)^sluice_generation 1$")


if __name__ == "__main__":
    import unittest

    unittest.main()
