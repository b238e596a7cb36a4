"""Pins of every kind in the real binary, and files of identities that change while it runs."""

import os
import re
import resource
import subprocess
import threading
import time
import unittest

from harness import BIN, BUILD, PATIENCE, SluiceTest, anonymous_kib, page_of, pool_of, sample, wait_until

EVERYONE = ["0.0.0.0/0", "::/0", "unix:"]


def reason_of(head):
    return pool_of(head), head["sluice-reason"]


class Pins(SluiceTest):
    # By the name of its reason: the pin, and what a request of user-1 must bring to be taken by it.
    KINDS = {
        "pin_header": ({"header": "X-P", "values": {"new": "candidate"}, "from": EVERYONE}, ["X-P: new"]),
        "pin_cookie": ({"cookie": "p", "values": {"new": "candidate"}, "from": EVERYONE}, ["Cookie: p=new"]),
        "pin_list": ({"identity_in": "beta.txt", "pool": "candidate"}, []),
        "pin_segment": ({"segment": {"network": ["127.0.0.0/8"], "percent": "100%", "salt": "x"}, "pool": "candidate"}, []),
    }

    def with_list(self, text, **rest):
        directory = self.directory()
        self.list_file = os.path.join(directory, "beta.txt")
        with open(self.list_file, "w") as file:
            file.write(text)
        return {"directory": directory, **rest}

    def replace(self, text):
        with open(self.list_file + ".new", "w") as file:
            file.write(text)
        os.rename(self.list_file + ".new", self.list_file)

    def get(self, client, user, fields=(), path="/"):
        head, _ = client.get(path, fields=[f"X-User-Id: {user}", *fields])
        return head

    def test_each_kind_sends_to_the_open_candidate_and_a_rollback_or_a_dead_pool_wins(self):
        for word, (pin, fields) in self.KINDS.items():
            with self.subTest(word):
                proxy = self.two_pools(pins=[pin], top=self.with_list("user-1\n"))
                with proxy.client() as client:
                    self.assertEqual(reason_of(self.get(client, "user-1", fields)), ("green", word))
                    proxy.rollback()
                    self.assertEqual(reason_of(self.get(client, "user-1", fields)), ("blue", "pin_closed"))
                    proxy.split("0%")
                    self.assertEqual(reason_of(self.get(client, "user-1", fields)), ("green", word))
                    proxy.switch("green")
                    self.assertEqual(reason_of(self.get(client, "user-1", fields)), ("green", "pin_closed"))
                    proxy.switch("blue")
                    proxy.split("0%")
                    self.green.stop()
                    head = self.get(client, "user-1", fields)
                    self.assertEqual((head.status, *reason_of(head)), (200, "blue", "fallback"))
                proxy.wait_log(lambda line: line["reason"] == word)

    def test_live_and_candidate_follow_the_switch_and_names_do_not(self):
        pin = {"cookie": "p", "values": {"l": "live", "c": "candidate", "b": "blue", "g": "green"}, "from": EVERYONE}
        proxy = self.two_pools(pins=[pin])
        expected = {"l": "blue", "c": "green", "b": "blue", "g": "green"}
        with proxy.client() as client:
            for live in ("blue", "green"):
                for value, pool in expected.items():
                    self.assertEqual(reason_of(self.get(client, "u", [f"Cookie: p={value}"])), (pool, "pin_cookie"))
                proxy.switch("green")
                proxy.split("0%")
                expected.update(l="green", c="blue")

    def test_a_segment_by_path_or_header(self):
        proxy = self.two_pools(
            pins=[
                {"segment": {"path_prefix": "/admin"}, "pool": "live"},
                {"segment": {"header": "X-Plan", "value": "free"}, "pool": "candidate"},
            ]
        )
        with proxy.client() as client:
            self.assertEqual(reason_of(self.get(client, "u", ["X-Plan: free"])), ("green", "pin_segment"))
            self.assertEqual(reason_of(self.get(client, "u", ["X-Plan: paid"])), ("blue", "live"))
            self.assertEqual(reason_of(self.get(client, "u", ["X-Plan: free"], "/%61dmin/x")), ("blue", "pin_segment"))

    def test_a_list_that_changes_is_read_again_and_a_bad_one_is_not(self):
        proxy = self.two_pools(pins=[self.KINDS["pin_list"][0]], top=self.with_list("user-1\n"))
        before = proxy.status()["generation"]
        with proxy.client() as client:

            def word(user):
                return reason_of(self.get(client, user))[1]

            self.assertEqual((word("user-1"), word("user-2")), ("pin_list", "live"))
            self.replace("# new\r\nuser-2\r\n")
            wait_until(lambda: word("user-2") == "pin_list", "the new list counts")
            self.assertEqual(word("user-1"), "live")
            proxy.wait_told(re.escape(self.list_file) + ": 1 identities read")

            with open(self.list_file, "a") as file:
                file.write("user-3 # Ann\nuser-1\n")
            wait_until(lambda: "beta.txt:3: bad identity: a comment stands on a line of its own" in proxy.errors(), "a notice")
            self.assertEqual((word("user-1"), word("user-2")), ("live", "pin_list"))
            os.remove(self.list_file)
            wait_until(lambda: "beta.txt: can't be read" in proxy.errors(), "a notice")
            self.assertEqual(word("user-2"), "pin_list")
            self.assertEqual(proxy.errors().count("the list read before stays in force"), 2)

            self.replace("")
            wait_until(lambda: word("user-2") == "live", "the empty list counts")
        self.assertEqual(proxy.status()["generation"], before)

    def test_a_list_that_is_replaced_all_the_time_is_read_all_the_same(self):
        proxy = self.two_pools(pins=[self.KINDS["pin_list"][0]], top=self.with_list("user-1\n"))
        over = threading.Event()

        def replace():
            while not over.wait(0.2):
                self.replace("user-2\n")

        thread = threading.Thread(target=replace)
        thread.start()
        try:
            wait_until(lambda: ": 1 identities read" in proxy.errors(), "it is read while it never rests", 20 + PATIENCE)
        finally:
            over.set()
            thread.join()

    @unittest.skipIf(BUILD in ("asan", "tsan"), "sanitizers need more address space")
    def test_a_list_that_cannot_be_read_for_a_while_is_tried_again(self):
        proxy = self.two_pools(pins=[self.KINDS["pin_list"][0]], top=self.with_list("user-1\n"))

        def listed(name):
            return sample(page_of(proxy), name, file=self.list_file)

        self.assertEqual(listed("sluice_identity_list_identities"), 1)
        self.assertEqual(listed("sluice_identity_list_refused"), 0)
        at_start = listed("sluice_identity_list_read_timestamp_seconds")
        self.assertLess(abs(at_start - time.time()), 600)
        soft, hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_AS)
        with open(f"/proc/{proxy.process.pid}/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.prlimit(proxy.process.pid, resource.RLIMIT_AS, (now + (32 << 20), hard))
        self.replace("".join(f"123e4567-e89b-12d3-a456-{i:012d}\n" for i in range(1_500_000)))
        told = "needs about 106 MiB of memory, which there is not; the list read before stays in force"
        wait_until(lambda: told in proxy.errors(), "it says so")
        self.assertEqual((listed("sluice_identity_list_refused"), listed("sluice_identity_list_identities")), (1, 1))
        self.assertEqual(listed("sluice_identity_list_read_timestamp_seconds"), at_start)
        with proxy.client() as client:
            self.assertEqual(reason_of(self.get(client, "user-1"))[1], "pin_list")
        resource.prlimit(proxy.process.pid, resource.RLIMIT_AS, (soft, hard))
        wait_until(lambda: listed("sluice_identity_list_identities") == 1_500_000, "it is tried again", 20 + PATIENCE)
        self.assertEqual(listed("sluice_identity_list_refused"), 0)
        self.assertGreater(listed("sluice_identity_list_read_timestamp_seconds"), at_start)
        self.assertEqual(proxy.errors().count("which there is not"), 1, "said once, not with each try")

        self.replace("user-1 # Ann\n")
        wait_until(lambda: listed("sluice_identity_list_refused") == 1, "a bad one is refused")
        self.replace("user-1\n")
        wait_until(lambda: listed("sluice_identity_list_refused") == 0, "a good one is taken")

    @unittest.skipIf(BUILD != "release", "sanitizers keep freed memory")
    def test_a_list_that_was_replaced_leaves_memory(self):
        names = "".join(f"123e4567-e89b-12d3-a456-{i:012d}\n" for i in range(500_000))
        proxy = self.two_pools(pins=[self.KINDS["pin_list"][0]], top=self.with_list(names))
        full = proxy.rss_kib()
        self.assertGreater(full, 18_000)
        self.replace("user-1\n")
        wait_until(lambda: "1 identities read" in proxy.errors(), "the new list is read")
        wait_until(lambda: proxy.rss_kib() < full - 17_000, "the old list is gone")

    @unittest.skipIf(BUILD != "release", "sanitizers keep freed memory")
    def test_an_answer_without_end_does_not_keep_the_list_it_was_chosen_by(self):
        over = threading.Event()
        self.addCleanup(over.set)

        def stream(peer):
            peer.head()
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
            over.wait()

        names = "".join(f"123e4567-e89b-12d3-a456-{i:012d}\n" for i in range(500_000))  # 18 MiB in memory
        proxy = self.behind(stream, pins=[self.KINDS["pin_list"][0]], top=self.with_list(names))
        at_first = anonymous_kib(proxy)
        for count in range(1, 5):
            client = self.enterContext(proxy.client())
            client.request(fields=["X-User-Id: u"])
            client.until(b"ok")
            self.replace(f"user-{count}\n" + names)
            wait_until(lambda: proxy.errors().count("500001 identities read") == count, "the list is read again")
            # One more than at first while a list is read; none of those before.
            wait_until(lambda: anonymous_kib(proxy) < at_first + 9_000, f"the old list is gone, {count} answers run")
        self.assertEqual(self.peer.connections, 4)

    def test_no_request_fails_while_a_large_list_is_exchanged_under_load(self):
        count = 50_000
        names = "".join(f"user-{i}\n" for i in range(count))
        proxy = self.two_pools(pins=[self.KINDS["pin_list"][0]], top=self.with_list(names))
        over = threading.Event()

        def exchange():
            while not over.is_set():
                self.replace(names if exchange.is_full else "user-0\n")
                exchange.is_full = not exchange.is_full
                over.wait(1.5)

        exchange.is_full = False
        thread = threading.Thread(target=exchange)
        thread.start()
        try:
            report = self.load(proxy, "--users", 1000, "--seconds", 6, "--connections", 16, judged=False)
        finally:
            over.set()
            thread.join()
        self.assertEqual(report["failed"], 0, report)
        self.assertGreaterEqual(proxy.errors().count("identities read"), 1)

    def test_a_start_and_a_check_name_a_bad_list(self):
        directory = self.directory()
        path = os.path.join(directory, "sluice.yaml")
        with open(path, "w") as file:
            file.write(
                "listeners: [{bind: 127.0.0.1:0}]\nservices:\n  - name: shop\n"
                "    pools: {blue: {endpoints: [127.0.0.1:1]}}\n"
                "    pins:\n      - {identity_in: beta.txt, pool: candidate}\n"
            )
        for verb in ("check", "run"):
            done = subprocess.run([BIN, verb, "-c", path], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 1)
            self.assertIn(path + ":6:23: 'identity_in' is 'beta.txt': can't be read: No such file", done.stderr)
        with open(os.path.join(directory, "beta.txt"), "wb") as file:
            file.write(b"user-1\n\nuser-\0\n")
        done = subprocess.run([BIN, "check", "-c", path], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(os.path.join(directory, "beta.txt") + ":3: bad identity: a control character", done.stderr)
        with open(path, "a") as file:
            file.write("      - {identity_in: beta.txt, pool: live}\n")
        done = subprocess.run([BIN, "check", "-c", path], capture_output=True, text=True, timeout=PATIENCE)
        self.assertIn(":7:9: a pin of service 'shop' gets no request: the pin in line 6 takes them all", done.stderr)
