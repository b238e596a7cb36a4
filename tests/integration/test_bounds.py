"""What slow, hostile and too many peers cost: descriptors, memory, time; and that others are served and the operator can act meanwhile."""

import contextlib
import json
import os
import re
import resource
import select
import shutil
import socket
import subprocess
import threading
import time
import unittest

from harness import (
    BUILD, PATIENCE, ROOT, Peer, SluiceTest, UnixHTTPConnection, page_of, poll_readable, sample, scaled, service, wait_until,
)

WORKERS = 2


def bound(name):
    """A number of include/sluice/core/limits.hpp."""
    with open(os.path.join(ROOT, "include/sluice/core/limits.hpp")) as file:
        return int(re.search(rf"\b{name} = ([\d']+);", file.read())[1].replace("'", ""))


def lowest_free_descriptor(pid):
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(used) + 1) if number not in used)


def passing_descriptors(proxy):
    """How many the process has open that it closes soon: connections of callers, files of the state."""
    with open("/proc/net/unix") as file:
        lines = [line.split() for line in file]
    callers = {f"socket:[{line[6]}]" for line in lines if line[-1] == proxy.socket and line[5] == "03"}
    folder = f"/proc/{proxy.process.pid}/fd"
    state = os.path.join(proxy.directory, "state")
    found = 0
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink(os.path.join(folder, name))
            found += target in callers or (target.startswith(state) and target != os.path.join(state, "lock"))
    return found


class NoDescriptors(SluiceTest):
    """Every descriptor of the process is taken: clients wait, the operator does not."""

    def start(self, **top):
        self.blue, self.green = self.origin("blue"), self.origin("green")
        services = [service([self.blue.address], [self.green.address])]
        return self.sluice(services, workers=WORKERS, **top)

    @contextlib.contextmanager
    def exhausted(self, proxy, room=0):
        """As many as it has now, and `room` more."""
        wait_until(lambda: os.path.getsize(os.path.join(proxy.directory, "state", "audit.jsonl")), "the start is in the audit")
        wait_until(lambda: passing_descriptors(proxy) == 0, "the start and earlier callers are over")
        pid = proxy.process.pid
        _, hard = before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free_descriptor(pid) + room, hard))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    def newcomers(self, proxy, count):
        clients = [proxy.client() for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
            client.request()
        return clients

    def check_still_waiting(self, clients):
        # A worker that had just asked whether the reserve is whole may be quicker than the operator, once.
        got_in = select.select([client.sock for client in clients], [], [], 0)[0]
        self.assertLessEqual(len(got_in), WORKERS)

    def test_the_operator_changes_things_and_newcomers_are_served_afterwards(self):
        proxy = self.start()
        kept = proxy.client()
        self.addCleanup(kept.close)
        self.assertEqual(kept.get()[0].status, 200)
        with self.exhausted(proxy):
            waiting = self.newcomers(proxy, 20)
            self.assertEqual(proxy.status()["generation"], 1)
            self.assertEqual(proxy.split("10%")["generation"], 2)
            switched = proxy.switch("green")
            self.assertEqual((switched["changed"], switched["durable"]), (True, True))
            back = proxy.rollback(reason="everything is taken")
            self.assertEqual((back["live"], back["durable"]), ("blue", True))
            page = page_of(proxy)
            self.assertGreater(sample(page, "process_open_fds"), 0)
            self.assertGreaterEqual(sample(page, "process_open_fds"), sample(page, "process_max_fds") - 3)
            done = proxy.cli("status", "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            # The connection that a client has, and the one to the endpoint behind it, are still good.
            self.assertEqual(kept.get()[0].status, 200)
            self.check_still_waiting(waiting)
        for client in waiting:
            self.assertEqual(client.answer()[0].status, 200)
        with open(os.path.join(proxy.directory, "state", "audit.jsonl")) as file:
            self.assertEqual([json.loads(line)["action"] for line in file], ["start", "split", "switch", "rollback"])

    def ask(self, connection, method, path, body=None):
        connection.request(method, path, json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def test_callers_who_stay_leave_room_for_what_a_change_needs(self):
        proxy = self.start()
        most = bound("kReserveForCallers") + bound("kReserveForRemote")
        callers = [UnixHTTPConnection(proxy.socket) for _ in range(most + 1)]
        for caller in callers:
            self.addCleanup(caller.close)
        with self.exhausted(proxy):
            for caller in callers[:-1]:
                self.assertEqual(self.ask(caller, "GET", "/v1/status")[0], 200)
            late = callers[-1]
            late.request("GET", "/v1/status")
            self.assertEqual(self.ask(callers[0], "POST", "/v1/services/shop/switch", {"pool": "green"})[1]["durable"], True)
            self.assertEqual(self.ask(callers[0], "POST", "/v1/services/shop/rollback", {})[1]["durable"], True)
            self.assertFalse(poll_readable(late.sock, 0), "nothing is left for one more")
            callers[0].close()
            self.assertEqual(late.getresponse().status, 200)

    def test_callers_who_come_one_after_the_other_find_room_each_time(self):
        proxy = self.start()
        with self.exhausted(proxy):
            waiting = self.newcomers(proxy, 5)
            for _ in range(scaled(200, 100, 50)):
                self.assertEqual(proxy.admin("GET", "/healthz", raw=True)[0], 200)
            self.check_still_waiting(waiting)
        for client in waiting:
            self.assertEqual(client.answer()[0].status, 200)

    def test_clients_who_come_and_go_at_the_limit_do_not_take_the_operators_room(self):
        proxy = self.start()
        done = threading.Event()

        def come_and_go():
            while not done.is_set():
                with contextlib.suppress(OSError, EOFError), proxy.client() as client:
                    client.sock.settimeout(0.3)
                    client.get(fields=["Connection: close"])

        clients = [threading.Thread(target=come_and_go, daemon=True) for _ in range(16)]
        with self.exhausted(proxy, room=6):
            for client in clients:
                client.start()
            for _ in range(scaled(40, 20, 10)):
                self.assertTrue(proxy.switch("green")["durable"])
                self.assertTrue(proxy.rollback()["durable"])
            done.set()
        for client in clients:
            client.join()
        with proxy.client() as client:
            self.assertEqual(client.get()[0].status, 200)


if __name__ == "__main__":
    unittest.main()
