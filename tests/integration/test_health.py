"""Health of endpoints with the real binary: killed, hung, failing and back again; what origins say of themselves; hooks;
a candidate without a usable endpoint."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import unittest

from harness import PATIENCE, ROOT, SluiceTest, page_of, plain_answer, sample, service, wait_until

# One test waits for at most a few of these; nothing depends on how long one takes.
QUICK = {"interval": "100ms", "fast_interval": "100ms", "jitter": "0%", "timeout": "500ms", "unhealthy_after": 2, "healthy_after": 2}


class Patient:
    """An origin that is as well as it is told: `check` answers /healthz, `page` everything else."""

    def __init__(self, test):
        self.check = {"status": b"200 OK", "fields": b""}
        self.page = b"200 OK"
        self.checks = self.pages = 0
        self.origin = test.scripted(self.serve)
        self.address = self.origin.address

    def serve(self, peer):
        while True:
            try:
                head = peer.head()
            except (EOFError, OSError):
                return
            if head.line.split()[1] == "/healthz":
                self.checks += 1
                peer.send(plain_answer(**self.check))
            else:
                self.pages += 1
                peer.send(plain_answer(status=self.page, body=self.address.encode()))

    def says(self, word):
        self.check = {"status": b"200 OK", "fields": b"Sluice-Health: " + word.encode() + b"\r\n"}

    def answers(self, status):
        self.check = {"status": status, "fields": b""}


class HealthTest(SluiceTest):
    def proxy(self, blue, green=(), **over):
        addresses = lambda origins: [origin if isinstance(origin, str) else origin.address for origin in origins]
        return self.sluice([service(addresses(blue), addresses(green) or [self.closed_port()], **over)])

    def closed_port(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            return "127.0.0.1:%d" % server.getsockname()[1]

    def endpoints(self, proxy, pool="blue"):
        return {each["address"]: each for each in proxy.status("shop")["pools"][pool]["endpoints"]}

    def wait_for(self, proxy, origin, state, pool="blue"):
        address = origin if isinstance(origin, str) else origin.address
        return wait_until(lambda: (found := self.endpoints(proxy, pool)[address])["state"] == state and found,
                          f"{address} is {state}")

    def wait_for_health(self, proxy, origin, state, pool="blue"):
        return wait_until(lambda: (found := self.endpoints(proxy, pool)[origin.address])["health"]["state"] == state and found,
                          f"the health of {origin.address} is {state}")

    def events(self, proxy, endpoint):
        """States of one endpoint, in order."""
        lines = proxy.cli("events", "--json").stdout.splitlines()
        told = [json.loads(line) for line in lines]
        return [event for event in told if event["event"] == "endpoint" and event["endpoint"].endswith(endpoint)]

    def states(self, proxy, origin, without=("failing", "answering")):
        return [event["state"] for event in self.events(proxy, origin.address) if event["state"] not in without]

    def statuses(self, proxy, count, user="someone"):
        with proxy.client() as client:
            return [client.get(fields=[f"Cookie: uid={user}"])[0].status for _ in range(count)]

    def bodies(self, proxy, count):
        with proxy.client() as client:
            return [client.get()[1].decode() for _ in range(count)]


class ActiveChecks(HealthTest):
    def test_a_killed_endpoint_is_out_and_back_when_it_is(self):
        stays, dies = self.origin("blue"), self.origin("blue")
        proxy = self.proxy([stays, dies], health_check=QUICK, slow_start="1h")
        self.wait_for_health(proxy, dies, "up")
        dies.stop()
        down = self.wait_for(proxy, dies, "down")
        self.assertEqual(down["health"]["share_basis_points"], 0)
        self.assertIn("no connection", down["reason"])
        self.assertEqual(set(self.statuses(proxy, 50)), {200})
        self.assertEqual(proxy.admin("GET", "/readyz", raw=True)[0], 200)
        self.assertRegex(proxy.cli("status").stdout, rf"{dies.address}\s+down\s.*no connection")

        again = self.origin("blue", port=dies.port)
        up = self.wait_for(proxy, again, "up")
        # An hour is long: it has what it begins with.
        self.assertEqual(up["health"]["share_basis_points"], 1000)
        self.assertIn("starts slowly, at 10 % of its share", proxy.cli("status").stdout)
        log = len(proxy.log_lines())
        self.assertEqual(set(self.statuses(proxy, 400)), {200})
        lines = wait_until(lambda: len(found := proxy.log_lines()[log:]) >= 400 and found, "400 lines")
        taken = sum(line["endpoint"] == again.address for line in lines)
        # 1 of 20 by its share: 20 with a deviation of 4.4; without a slow start it would be 200.
        self.assertTrue(1 <= taken <= 60, taken)
        self.assertEqual(self.states(proxy, again), ["down", "up"])
        self.assertEqual([event["checks"] for event in self.events(proxy, again.address) if "checks" in event], [2, 2])

    def test_a_hung_endpoint_is_out_while_it_hangs(self):
        stays, hangs = self.origin("blue"), self.origin("blue")
        proxy = self.proxy([stays, hangs], health_check=QUICK, slow_start="off")
        self.wait_for_health(proxy, hangs, "up")
        hangs.process.send_signal(signal.SIGSTOP)
        self.addCleanup(hangs.process.send_signal, signal.SIGCONT)
        down = self.wait_for(proxy, hangs, "down")
        self.assertEqual(down["reason"], "no answer within 500ms")
        self.assertEqual(set(self.statuses(proxy, 50)), {200})
        hangs.process.send_signal(signal.SIGCONT)
        up = self.wait_for(proxy, hangs, "up")
        self.assertEqual(up["health"]["share_basis_points"], 10000)
        self.assertEqual(self.states(proxy, hangs), ["down", "up"])

    def test_the_idle_pool_is_checked_as_well(self):
        live, idle = Patient(self), Patient(self)
        proxy = self.proxy([live], [idle], health_check=QUICK)
        proxy.rollback()  # closes the candidate
        before = idle.checks
        wait_until(lambda: idle.checks >= before + 5, "checks of the idle pool")
        idle.answers(b"500 Internal Server Error")
        self.wait_for(proxy, idle, "down", pool="green")
        refused = proxy.cli("switch", "green")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("has no usable endpoint", refused.stderr)
        self.assertEqual(idle.pages, 0)
        page = page_of(proxy)
        labels = {"service": "shop", "pool": "green", "endpoint": idle.address}
        self.assertGreater(sample(page, "sluice_health_checks_total", **labels, result="passed"), 4)
        self.assertGreater(sample(page, "sluice_health_checks_total", **labels, result="failed"), 1)
        self.assertEqual(sample(page, "sluice_endpoint_share_ratio", **labels), 0)
        self.assertEqual(sample(page, "sluice_endpoint_state", **labels, state="down"), 1)
        judged = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=60)
        self.assertEqual((judged.returncode, judged.stdout + judged.stderr), (0, ""))

    def test_a_live_pool_without_a_healthy_endpoint_is_told_everywhere(self):
        only = Patient(self)
        proxy = self.proxy([only], health_check=QUICK)
        self.wait_for_health(proxy, only, "up")
        only.answers(b"500 Internal Server Error")
        self.wait_for(proxy, only, "down")
        with proxy.client() as client:
            head, _ = client.get()
        self.assertEqual((head.status, head["retry-after"]), (503, "1"))
        self.assertEqual(proxy.admin("GET", "/readyz", raw=True)[0], 503)
        told = "has no usable endpoint: every request to it is answered 503 until its health brings one back"
        wait_until(lambda: told in proxy.errors(), "the log tells")
        self.assertIn("the live pool blue has no usable endpoint", proxy.cli("events").stdout)
        only.answers(b"200 OK")
        self.wait_for(proxy, only, "up")
        self.assertEqual(self.statuses(proxy, 5), [200] * 5)
        self.assertEqual(proxy.admin("GET", "/readyz", raw=True)[0], 200)

    def test_the_last_healthy_endpoint_is_not_taken_out_by_accident(self):
        well, ill = Patient(self), Patient(self)
        ill.answers(b"500 Internal Server Error")
        proxy = self.proxy([well, ill], health_check=QUICK)
        self.wait_for(proxy, ill, "down")
        refused = proxy.cli("endpoint", "drain", well.address)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("last usable endpoint", refused.stderr)

    def test_a_text_in_the_body_and_a_range_of_status(self):
        origin = Patient(self)
        origin.check = {"status": b"418 Teapot", "fields": b"", "body": b'{"status":"ok"}'}
        check = {**QUICK, "expect_status": "418-420", "expect_body": '"status":"ok"'}
        proxy = self.proxy([origin], health_check=check)
        self.wait_for_health(proxy, origin, "up")
        origin.check = {"status": b"418 Teapot", "fields": b"", "body": b'{"status":"bad"}'}
        self.assertEqual(self.wait_for(proxy, origin, "down")["reason"], "the body lacks the expected text")

    def test_tcp_is_content_with_a_connection(self):
        origin = self.origin("blue")
        silent = self.scripted(lambda peer: peer.is_closed())
        dead = self.closed_port()
        proxy = self.proxy([origin, silent, dead], health_check={k: QUICK[k] for k in QUICK} | {"type": "tcp"})
        self.wait_for(proxy, dead, "down")
        self.wait_for_health(proxy, silent, "up")
        self.wait_for_health(proxy, origin, "up")


class OwnWord(HealthTest):
    def test_drain_down_and_ready(self):
        origin, other = Patient(self), Patient(self)
        proxy = self.proxy([origin, other], health_check=QUICK, slow_start="off")
        origin.says("drain")
        drained = self.wait_for(proxy, origin, "draining")
        self.assertEqual(drained["reason"], "it asks for no new requests")
        self.assertEqual(set(self.bodies(proxy, 20)), {other.address})
        origin.says("ready; memory=40; database=down")
        self.wait_for(proxy, origin, "up")
        health = self.endpoints(proxy)[origin.address]["health"]
        self.assertEqual(health["memory_percent"], 40)
        self.assertEqual(health["dependencies"], {"database": "down"})
        self.assertIn("database is down", proxy.cli("status").stdout)
        origin.says("down")
        self.assertEqual(self.wait_for(proxy, origin, "down")["reason"], "it says that it is down")
        self.assertEqual(self.states(proxy, origin), ["draining", "dependency_down", "up", "down"])

    def test_a_request_that_runs_when_its_endpoint_drains_is_answered(self):
        entered, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)
        word = {"fields": b""}

        def script(peer):
            while True:
                try:
                    head = peer.head()
                except (EOFError, OSError):
                    return
                if head.line.split()[1] != "/healthz":
                    entered.set()
                    go_on.wait(PATIENCE)
                    return peer.send(plain_answer(b"whole", b"Connection: close\r\n"))
                peer.send(plain_answer(**word))

        origin, other = self.scripted(script), Patient(self)
        proxy = self.proxy([origin], health_check=QUICK)
        with proxy.client() as client:
            client.request()
            self.assertTrue(entered.wait(PATIENCE))
            word["fields"] = b"Sluice-Health: drain\r\n"
            self.wait_for(proxy, origin, "draining")
            go_on.set()
            self.assertEqual(client.answer()[1], b"whole")

    def test_memory_above_its_limit_drains_and_runs_the_hook_once(self):
        directory = self.directory()
        out = os.path.join(directory, "hook")
        script = os.path.join(directory, "restart")
        with open(script, "w") as file:
            file.write("#!/bin/sh\n"
                       f'echo "$1|$SLUICE_SERVICE|$SLUICE_POOL|$SLUICE_ENDPOINT|$SLUICE_STATE|$SLUICE_CAUSE|$SLUICE_MEMORY_PERCENT" >> {out}\n')
        os.chmod(script, 0o755)
        origin, other = Patient(self), Patient(self)
        origin.says("ready; memory=90")
        proxy = self.proxy([origin, other], [other], slow_start="off",
                           health_check={**QUICK, "memory_limit": "90%", "hook": [script, "a; b $HOME"]})
        self.wait_for_health(proxy, origin, "up")
        origin.says("ready; memory=91")
        drained = self.wait_for(proxy, origin, "draining")
        self.assertEqual(drained["reason"], "its memory is at 91%, above the limit of 90%")
        self.assertEqual(set(self.bodies(proxy, 20)), {other.address})
        wait_until(lambda: "hook_ended" in self.states(proxy, origin), "the hook ends")
        origin.says("ready; memory=30")
        self.wait_for(proxy, origin, "up")
        with open(out) as file:
            self.assertEqual(file.read(), f"a; b $HOME|shop|blue|{origin.address}|draining|memory|91\n")
        self.assertEqual(sorted(self.states(proxy, origin)), ["draining", "hook_ended", "up"])
        self.assertEqual(sample(page_of(proxy), "sluice_health_hooks_total", result="good"), 1)

    def test_a_hook_that_does_not_end_is_killed_and_told(self):
        origin = Patient(self)
        proxy = self.proxy([origin], health_check={**QUICK, "hook": ["/bin/sh", "-c", "read x < /dev/zero"], "hook_timeout": "200ms"})
        self.wait_for_health(proxy, origin, "up")
        origin.says("down")
        wait_until(lambda: "hook was killed: it ran into its time" in proxy.errors(), "it is told")
        origin.says("ready")
        self.wait_for(proxy, origin, "up")


class Ejections(HealthTest):
    def test_an_endpoint_that_answers_500_is_ejected(self):
        well, ill = Patient(self), Patient(self)
        ill.page = b"500 Internal Server Error"
        proxy = self.proxy([well, ill], circuit_breaker="off",
                           outlier_detection={"consecutive_failures": 4, "base_ejection_time": "1h", "max_ejection_time": "1h"})
        seen = []

        def ejected():
            seen.extend(self.statuses(proxy, 4))
            return self.endpoints(proxy)[ill.address]["health"]["state"] == "ejected"

        wait_until(ejected, "the ejection")
        self.assertGreaterEqual(seen.count(500), 4)
        before = ill.pages
        self.assertEqual(self.statuses(proxy, 100), [200] * 100)
        self.assertEqual(ill.pages, before)
        self.assertEqual(ill.checks, 0)
        event = self.events(proxy, ill.address)[-1]
        self.assertEqual((event["state"], event["failures"], event["status_5xx"], event["ejection_ms"]), ("ejected", 4, 4, 3_600_000))
        self.assertEqual(self.endpoints(proxy)[ill.address]["state"], "down")
        page = page_of(proxy)
        labels = {"service": "shop", "pool": "blue", "endpoint": ill.address}
        self.assertEqual(sample(page, "sluice_endpoint_ejections_total", **labels, result="ejected"), 1)
        self.assertEqual(sample(page, "sluice_endpoint_ejected", **labels), 1)

        # The other one fails as well: of two no more than one is out, so its users see what it answers.
        well.page = b"503 Service Unavailable"
        self.assertEqual(self.statuses(proxy, 20), [503] * 20)
        wait_until(lambda: self.states(proxy, well) == ["kept"], "it is told that it stays")
        self.assertEqual(self.endpoints(proxy)[well.address]["state"], "up")

    def test_it_comes_back_when_its_time_is_over(self):
        well, ill = Patient(self), Patient(self)
        ill.page = b"500 Internal Server Error"
        proxy = self.proxy([well, ill], slow_start="off", outlier_detection={"consecutive_failures": 2, "base_ejection_time": "100ms"})
        wait_until(lambda: self.statuses(proxy, 4) and "ejected" in self.states(proxy, ill), "the ejection")
        ill.page = b"200 OK"
        wait_until(lambda: self.states(proxy, ill)[-1] == "returned", "its return")
        wait_until(lambda: ill.address in self.bodies(proxy, 4), "requests to it")
        self.assertEqual(set(self.statuses(proxy, 50)), {200})

    def test_it_comes_back_early_when_the_other_one_of_the_live_pool_dies(self):
        ill, dies, candidate, other = Patient(self), self.origin("blue"), Patient(self), Patient(self)
        ill.page = candidate.page = b"500 Internal Server Error"
        proxy = self.proxy([ill, dies], [candidate, other], circuit_breaker="off", slow_start="off", health_check=QUICK,
                           pins=[{"header": "X-Pool", "values": {"green": "green"}, "from": ["127.0.0.0/8"]}],
                           outlier_detection={"consecutive_failures": 2, "base_ejection_time": "1h", "max_ejection_time": "1h"})

        def ejected():
            with proxy.client() as client:
                for _ in range(4):
                    client.get(fields=["X-Pool: green"])
                    client.get()
            return all("ejected" in self.states(proxy, each) for each in (ill, candidate))

        wait_until(ejected, "the ejection of one in each pool")
        ill.page = candidate.page = b"200 OK"
        other.says("down")
        self.wait_for(proxy, other, "down", "green")
        dies.stop()
        wait_until(lambda: self.statuses(proxy, 1) == [200] and self.bodies(proxy, 1) == [ill.address], "it answers")
        self.assertEqual(self.states(proxy, ill), ["ejected", "returned"])
        self.assertEqual(set(self.statuses(proxy, 50)), {200})
        # The candidate's users get the live pool, until it is live itself.
        self.assertEqual(self.states(proxy, candidate), ["ejected"])
        with proxy.client() as client:
            self.assertEqual(client.get(fields=["X-Pool: green"])[0]["sluice-reason"], "fallback")
        proxy.switch("green", force=True)
        wait_until(lambda: self.states(proxy, candidate) == ["ejected", "returned"], "its return")

    def test_answers_that_do_not_come_and_connections_that_break_count(self):
        broken = self.scripted(lambda peer: peer.head() and peer.reset())
        silent = self.scripted(lambda peer: peer.is_closed() or peer.is_closed())
        well = [Patient(self) for _ in range(4)]
        proxy = self.proxy([broken, silent, *well], timeouts={"response_header": "100ms"},
                           outlier_detection={"consecutive_failures": 2, "base_ejection_time": "1h", "max_ejection_time": "1h"})

        def out():
            self.statuses(proxy, 6)
            found = self.endpoints(proxy)
            return all(found[origin.address]["health"]["state"] == "ejected" for origin in (broken, silent))

        wait_until(out, "both are ejected")
        self.assertEqual(self.statuses(proxy, 50), [200] * 50)
        self.assertEqual(self.events(proxy, broken.address)[-1]["broken"], 2)
        self.assertEqual(self.events(proxy, silent.address)[-1]["timeouts"], 2)

    def test_a_reused_connection_that_died_is_no_failure_of_its_endpoint(self):
        def one_answer_per_connection(peer):
            with contextlib.suppress(EOFError, OSError):
                peer.head()
                peer.send(plain_answer())
                peer.head()  # and closes without an answer

        origin, ill = self.scripted(one_answer_per_connection), Patient(self)
        proxy = self.proxy([origin, ill], outlier_detection={"consecutive_failures": 1, "base_ejection_time": "1h", "max_ejection_time": "1h"})
        self.assertEqual(self.statuses(proxy, 60), [200] * 60)
        self.assertGreater(sample(page_of(proxy), "sluice_retries_total", service="shop"), 0)
        # One look sees both: when it has seen this one the other one's turn is over.
        ill.page = b"500 Internal Server Error"
        wait_until(lambda: self.statuses(proxy, 4) and "ejected" in self.states(proxy, ill), "the ejection")
        self.assertEqual(self.states(proxy, origin), [])

    def test_without_the_section_nothing_is_ejected(self):
        well, ill = Patient(self), Patient(self)
        ill.page = b"500 Internal Server Error"
        proxy = self.proxy([well, ill], circuit_breaker="off")
        seen = self.statuses(proxy, 200)
        self.assertGreater(seen.count(500), 50)
        self.assertNotIn("health", self.endpoints(proxy)[ill.address])


class PoolDown(HealthTest):
    def scene(self, **over):
        self.live, self.ill = Patient(self), Patient(self)
        self.ill.answers(b"500 Internal Server Error")
        proxy = self.proxy([self.live], [self.ill], health_check=QUICK, **over)
        proxy.split("100%")
        self.wait_for(proxy, self.ill, "down", pool="green")
        return proxy

    def test_users_of_the_candidate_get_the_live_pool(self):
        proxy = self.scene()
        with proxy.client() as client:
            head, body = client.get(fields=["Cookie: uid=someone"])
        self.assertEqual((head.status, head["sluice-reason"], head["sluice-pool"]), (200, "fallback", "blue"))
        self.assertEqual(body.decode(), self.live.address)
        self.assertEqual(self.ill.pages, 0)
        again = proxy.split("50%")
        self.assertEqual(again["warnings"], ["green has no usable endpoint: its share of the users gets blue"])

    def test_with_fail_they_get_a_503(self):
        proxy = self.scene(on_pool_down="fail")
        with proxy.client() as client:
            head, body = client.get(fields=["Cookie: uid=someone", "Accept: application/json"])
        self.assertEqual((head.status, head["retry-after"]), (503, "1"))
        self.assertIn("on_pool_down is fail", json.loads(body)["detail"])
        self.assertEqual((self.live.pages, self.ill.pages), (0, 0))
        explained = proxy.cli("explain", "--user", "someone")
        self.assertIn("Sluice answers 503 itself", explained.stdout)
        again = proxy.split("50%")
        self.assertEqual(again["warnings"], ["green has no usable endpoint: its share of the users gets a 503"])
        self.ill.answers(b"200 OK")
        self.wait_for(proxy, self.ill, "up", pool="green")
        proxy.split("100%")
        self.assertEqual(self.bodies_of_user(proxy), self.ill.address)

    def bodies_of_user(self, proxy):
        with proxy.client() as client:
            return client.get(fields=["Cookie: uid=someone"])[1].decode()

    def test_with_fail_nothing_is_rescued(self):
        for policy, expect in [("fallback", 200), ("fail", 502)]:
            with self.subTest(policy=policy):
                live, ill = Patient(self), Patient(self)
                ill.page = b"502 Bad Gateway"
                proxy = self.proxy([live], [ill], on_pool_down=policy)
                proxy.split("100%")
                self.assertEqual(self.statuses(proxy, 5), [expect] * 5)
                self.assertEqual(live.pages, 5 if policy == "fallback" else 0)

    def test_with_fail_a_refused_connection_only_ranks(self):
        live, dead = Patient(self), self.closed_port()
        proxy = self.proxy([live], [dead], on_pool_down="fail")
        proxy.split("100%")
        with proxy.client() as client:
            first = client.get(fields=["Cookie: uid=someone"])[0].status
        self.assertEqual(first, 503)
        host, port = dead.split(":")
        with socket.create_server((host, int(port))) as server:
            def answer():
                sock, _ = server.accept()
                with sock:
                    sock.recv(65536)
                    sock.sendall(plain_answer(b"back", b"Connection: close\r\n"))
            thread = threading.Thread(target=answer)
            thread.start()
            # Within its penalty of 1 s: nobody else takes these users, so it is tried all the same.
            with proxy.client() as client:
                self.assertEqual(client.get(fields=["Cookie: uid=someone"])[1], b"back")
            thread.join()


class Guide(HealthTest):
    """The examples of docs/guide/health.md as they stand there, between origins that do what their text says."""

    def example(self, name):
        """(the part of the service, the lines that are told)"""
        with open(os.path.join(ROOT, "docs/guide/health.md"), encoding="utf-8") as file:
            chapter = re.split(r"(?m)^#", file.read().split(f"<!-- example: {name} -->")[1])[0]
        part = re.search(r"(?ms)^```yaml\n(.*?)^```", chapter)[1]
        told = re.search(r"(?ms)^```text\n(.*?)^```", chapter)[1]
        return part, told.splitlines()

    def run_example(self, name):
        part, told = self.example(name)
        self.well, self.ill = Patient(self), Patient(self)
        proxy = self.proxy([self.well, self.ill], [self.well], **self.as_json(part))
        return proxy, told

    def as_json(self, part):
        """The keys of the part; each line is `key: value`, a list is in brackets."""
        section, *lines = part.split("\n    ")
        values = {}
        for line in lines:
            key, value = line.strip().split(": ", 1)
            values[key] = value[1:-1].split(", ") if value.startswith("[") else int(value) if value.isdigit() else value
        return {section.strip().rstrip(":"): values}

    def check_told(self, proxy, told):
        def seen():
            # The breaker of an endpoint, which is on by itself, is another page's matter.
            lines = [line for line in proxy.errors().splitlines() if self.ill.address in line and "breaker of" not in line]
            return [line[line.index("shop: "):].replace(self.ill.address, "127.0.0.1:9002") for line in lines]

        wait_until(lambda: len(seen()) >= len(told), "the log's own thread writes them")
        # How long it was out is for the example to say; that it says so is not.
        without_times = lambda texts: [re.sub(r"after \S+$", "after TIME", text) for text in texts]
        self.assertEqual(without_times(seen()), without_times(told))

    def test_checks(self):
        proxy, told = self.run_example("checks")
        self.wait_for_health(proxy, self.ill, "up")
        self.ill.answers(b"500 Internal Server Error")
        self.wait_long(proxy, "down")
        self.ill.answers(b"200 OK")
        self.wait_long(proxy, "up")
        self.check_told(proxy, told)

    def test_memory(self):
        proxy, told = self.run_example("memory")
        self.ill.says("ready; memory=91")
        self.wait_long(proxy, "draining")
        wait_until(lambda: "hook_ended" in self.states(proxy, self.ill), "the hook ends")
        self.ill.says("ready; memory=60")
        self.wait_long(proxy, "up")
        self.check_told(proxy, told)

    def test_outliers(self):
        proxy, told = self.run_example("outliers")
        self.ill.page = b"500 Internal Server Error"
        wait_until(lambda: self.statuses(proxy, 2) and "ejected" in self.states(proxy, self.ill), "the ejection")
        self.ill.page = b"200 OK"
        self.wait_long(proxy, "up")
        self.check_told(proxy, told)

    def wait_long(self, proxy, state):
        """Times of the guide are those of production."""
        wait_until(lambda: self.endpoints(proxy)[self.ill.address]["state"] == state, f"it is {state}", timeout=4 * PATIENCE)


if __name__ == "__main__":
    unittest.main()
