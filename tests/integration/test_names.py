"""Endpoint names: look-ups and time are those of tests/tools/names, which is preloaded into the real binary."""

import os
import socket
import struct
import threading
import time
import unittest

from harness import PATIENCE, TOOLS, SluiceTest, plain_answer, scaled, service, wait_until

EVERY, AFTER_FAILURE = 31, 11  # seconds, one above
HOST = "app.internal"
# A jump of the clock is no reason to give up on an answer.
PATIENT = {name: "1h" for name in ("request_header", "request_body_idle", "response_header", "response_body_idle")}


class Names:
    """What the proxy's look-ups find, and how far its clock is ahead."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "names")
        self.known = {}
        self.ahead = 0
        with open(self.path + ".clock", "wb") as clock:
            clock.write(struct.pack("<q", 0))
        self.set({})

    def set(self, known):
        """{host: words}; what is not there is not found."""
        with open(self.path + ".new", "w") as file:
            file.writelines(f"{host} {words}\n" for host, words in known.items())
        os.replace(self.path + ".new", self.path)

    def jump(self, seconds):
        self.ahead += seconds
        with open(self.path + ".clock", "r+b") as clock:
            clock.write(struct.pack("<q", self.ahead * 10**9))


class App:
    """One port on 127.0.0.1, 127.0.0.2, ...; each answers with its address. `hold` keeps answers back."""

    def __init__(self, test, count):
        self.port = 0
        self.origins = {}
        for number in range(1, count + 1):
            ip = f"127.0.0.{number}"
            origin = test.scripted(lambda peer, ip=ip: self.serve(peer, ip))
            # The harness listens on 127.0.0.1 with a port of its own.
            origin.stop()
            origin.sock = socket.create_server((ip, self.port), backlog=128)
            self.port = origin.sock.getsockname()[1]
            threading.Thread(target=origin._accept, daemon=True).start()
            self.origins[ip] = origin
        self.held = self.asked = None  # threading.Event

    def serve(self, peer, ip):
        while True:
            try:
                peer.head()
            except (EOFError, OSError):
                return
            if self.held is not None:
                self.asked.set()
                assert self.held.wait(PATIENCE), "nobody let it go on"
            peer.send(plain_answer(ip.encode()))


class EndpointNames(SluiceTest):
    def named(self, known, count=2, green=None, **over):
        """A proxy whose blue pool is the name HOST, at the port of `self.app`."""
        self.app = App(self, count)
        self.names = Names(self.directory())
        self.names.set(known)
        self.name = f"{HOST}:{self.app.port}"
        environment = {"LD_PRELOAD": os.path.join(TOOLS, "fake-names.so"), "SLUICE_NAMES": self.names.path}
        # A sanitizer wants to be the first library; what is preloaded here allocates nothing before it.
        environment["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        before = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        try:
            return self.sluice([service([self.name], green or ["127.0.0.1:1"], timeouts=PATIENT, **over)])
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def ask(self, proxy, expect=200):
        with proxy.client() as client:
            head, body = client.get()
        self.assertEqual(head.status, expect)
        return body.decode()

    def endpoints(self, proxy, pool="blue"):
        return {each["address"]: each for each in proxy.status("shop")["pools"][pool]["endpoints"]}

    def addresses(self, *numbers):
        return {f"127.0.0.{number}:{self.app.port}" for number in numbers}

    def wait_for(self, proxy, *numbers):
        wait_until(lambda: set(self.endpoints(proxy)) == self.addresses(*numbers), f"the addresses are {numbers}")

    def metric(self, proxy, family, **labels):
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        for line in proxy.admin("GET", "/metrics", raw=True)[1].splitlines():
            if line.startswith(family + "{") and all(each in line for each in wanted):
                return float(line.split()[-1])
        return None

    def test_a_name_with_two_addresses_shares_the_load(self):
        proxy = self.named({HOST: "127.0.0.2 127.0.0.1 127.0.0.2"})
        self.assertEqual(set(self.endpoints(proxy)), self.addresses(1, 2))
        for endpoint in self.endpoints(proxy).values():
            self.assertEqual(endpoint["names"], [self.name])
            self.assertEqual(endpoint["state"], "up")
        seen = {self.ask(proxy) for _ in range(40)}
        self.assertEqual(seen, {"127.0.0.1", "127.0.0.2"})
        text = proxy.cli("status").stdout
        self.assertIn(f"127.0.0.1:{self.app.port}", text)
        self.assertIn(self.name, text)

    def test_addresses_go_and_come_without_a_generation(self):
        proxy = self.named({HOST: "127.0.0.1 127.0.0.2"}, count=3)
        before = proxy.status()
        self.names.set({HOST: "127.0.0.3"})
        self.names.jump(EVERY)
        self.wait_for(proxy, 3)
        self.assertEqual({self.ask(proxy) for _ in range(10)}, {"127.0.0.3"})
        after = proxy.status()
        self.assertGreater(after["epoch"], before["epoch"])
        self.assertEqual(after["generation"], before["generation"])
        self.names.set({HOST: "127.0.0.2 127.0.0.1"})
        self.names.jump(EVERY)
        self.wait_for(proxy, 1, 2)
        self.assertEqual({self.ask(proxy) for _ in range(40)}, {"127.0.0.1", "127.0.0.2"})
        epoch = proxy.status()["epoch"]
        # The same in another order: looked up, and nothing has changed.
        self.names.set({HOST: "127.0.0.1 127.0.0.2"})
        found = self.metric(proxy, "sluice_name_lookups_total", name=HOST, result="found")
        self.names.jump(EVERY)
        wait_until(lambda: self.metric(proxy, "sluice_name_lookups_total", name=HOST, result="found") > found, "a look-up")
        self.assertEqual(proxy.status()["epoch"], epoch)

    def test_a_request_on_an_address_that_vanishes_is_answered(self):
        proxy = self.named({HOST: "127.0.0.1"})
        self.app.asked, self.app.held = threading.Event(), threading.Event()
        with proxy.client() as client:
            client.request()
            self.assertTrue(self.app.asked.wait(PATIENCE))
            held, self.app.held = self.app.held, None
            self.names.set({HOST: "127.0.0.2"})
            self.names.jump(EVERY)
            self.wait_for(proxy, 2)
            self.assertEqual(self.ask(proxy), "127.0.0.2")
            held.set()
            head, body = client.answer()
        self.assertEqual((head.status, body), (200, b"127.0.0.1"))

    def test_a_failed_look_up_keeps_the_last_addresses_and_is_told_once(self):
        proxy = self.named({HOST: "127.0.0.1 127.0.0.2"})
        epoch = proxy.status()["epoch"]
        failed = lambda: self.metric(proxy, "sluice_name_lookups_total", name=HOST, result="failed")
        self.names.set({HOST: "!again"})
        self.names.jump(EVERY)
        wait_until(lambda: failed() == 1, "the look-up fails")
        self.names.set({})
        for times in (2, 3):
            self.names.jump(AFTER_FAILURE)
            wait_until(lambda: failed() == times, "it fails again, 10 s later")
        self.assertEqual(set(self.endpoints(proxy)), self.addresses(1, 2))
        self.assertEqual(self.ask(proxy)[:8], "127.0.0.")
        self.assertEqual(proxy.status()["epoch"], epoch)
        told = f"host name {HOST} is not found: Temporary failure in name resolution; its last addresses stay: 127.0.0.1, 127.0.0.2"
        wait_until(lambda: told in proxy.errors(), "the failure is told")
        self.assertEqual(proxy.errors().count(f"host name {HOST} is not found"), 1, proxy.errors())
        self.names.set({HOST: "127.0.0.1"})
        self.names.jump(AFTER_FAILURE)
        self.wait_for(proxy, 1)
        wait_until(lambda: f"host name {HOST} is found now: 127.0.0.1" in proxy.errors(), "the end of it is told")

    def test_a_name_that_is_not_found_at_the_start_is_down_until_it_is(self):
        other = "green.internal:9"
        proxy = self.named({}, green=[other])
        endpoint = self.endpoints(proxy)[self.name]
        self.assertEqual(endpoint["state"], "down")
        self.assertEqual(endpoint["reason"], "Name or service not known")
        self.ask(proxy, expect=503)
        self.assertEqual(proxy.admin("GET", "/readyz", raw=True)[0], 503)
        self.assertRegex(proxy.cli("status").stdout, rf"{self.name}\s+down\s.*Name or service not known")
        explained = proxy.cli("explain", "--user", "someone")
        self.assertRegex(explained.stdout, rf"{self.name}\s+down\s.*Name or service not known")
        refused = proxy.cli("switch", "green")
        self.assertEqual(refused.returncode, 1)
        self.assertIn(f"has no usable endpoint: {other}: Name or service not known", refused.stderr)
        self.names.set({HOST: "127.0.0.1"})
        self.names.jump(AFTER_FAILURE)
        self.wait_for(proxy, 1)
        self.assertEqual(self.ask(proxy), "127.0.0.1")
        self.assertEqual(proxy.admin("GET", "/readyz", raw=True)[0], 200)

    def test_a_silent_resolver_delays_neither_the_start_for_long_nor_the_end(self):
        begin = time.monotonic()
        proxy = self.named({HOST: "!hang"}, green=["127.0.0.1:1", "green.internal:9"])
        self.assertLess(time.monotonic() - begin, scaled(6, 15, 30))
        self.assertIn("not been answered", self.endpoints(proxy)[self.name]["reason"])
        begin = time.monotonic()
        proxy.stop()
        self.assertLess(time.monotonic() - begin, scaled(3, 10, 20))

    def test_a_decision_about_a_name_holds_for_its_addresses_and_one_about_an_address_for_it_alone(self):
        proxy = self.named({HOST: "127.0.0.1 127.0.0.2"}, count=3)
        one, two, three = (f"127.0.0.{number}:{self.app.port}" for number in (1, 2, 3))
        states = lambda: {address: each["state"] for address, each in self.endpoints(proxy).items()}
        self.assertEqual(proxy.cli("endpoint", "drain", one).returncode, 0)
        self.assertEqual(states(), {one: "draining", two: "up"})
        self.assertEqual({self.ask(proxy) for _ in range(10)}, {"127.0.0.2"})
        last = proxy.cli("endpoint", "disable", HOST.upper() + f":{self.app.port}")
        self.assertEqual(last.returncode, 1)
        self.assertIn("last usable endpoint", last.stderr)
        self.assertEqual(proxy.cli("endpoint", "disable", self.name, "--force").returncode, 0)
        self.assertEqual(states(), {one: "draining", two: "disabled"})
        self.names.set({HOST: "127.0.0.2 127.0.0.3"})
        self.names.jump(EVERY)
        wait_until(lambda: states() == {two: "disabled", three: "disabled"}, "a new address is out as well")
        wrong = proxy.cli("endpoint", "enable", three)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn(f"enable blue/{self.name}", wrong.stderr)
        self.assertEqual(proxy.cli("endpoint", "enable", self.name).returncode, 0)
        self.assertEqual(states(), {two: "up", three: "up"})
        self.names.set({HOST: "127.0.0.1"})
        self.names.jump(EVERY)
        wait_until(lambda: states() == {one: "draining"}, "the decision about the address was kept")

    def test_check_looks_nothing_up(self):
        proxy = self.named({HOST: "127.0.0.1"})
        checked = proxy.cli("check", "-c", proxy.config_file)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn(f"{HOST}:", proxy.cli("check", "--print", "-c", proxy.config_file).stdout)


if __name__ == "__main__":
    unittest.main()
