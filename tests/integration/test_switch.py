"""Switches under load: no request fails, is lost, sent twice, or reaches the old pool after the command's answer.

The load itself judges (tests/tools/load): the generation of each answer lies between the last command answered when the
request's first byte was sent and the last one sent when its answer began, and the pool is the one that generation gives."""

import collections
import os
import threading
import unittest

from harness import BUILD, Origin, SluiceTest, scaled, service

SWITCHES = scaled(1000, 200, 100)
FEWER = scaled(200, 60, 30)
RATE = scaled(60, 50, 20)
FLOOR = scaled(50, 20, 5)


class SwitchUnderLoad(SluiceTest):
    def judged_load(self, proxy, changes, *more):
        report = self.load(proxy, "--changes", changes, "--rate", RATE, "--connections", 64, "--users", 500, *more)
        print("\n   ", {key: report[key] for key in ("answered", "failed", "reconnects", "rate")},
              "latency", report["latency_us"], "changes", report["changes"], flush=True)
        self.assertEqual(report["failed"], 0, report)
        self.assertEqual(report["reconnects"], 0, report)
        self.assertEqual(report["answered"], report["sent"])
        self.assertEqual(report["changes"]["made"], changes)
        return report

    def is_brisk(self, report):
        """The figures of G2. They say something about Sluice only when the machine has time for it."""
        return report["changes"]["rate"] >= FLOOR and (
            BUILD != "release" or report["changes"]["latency_us"]["p99"] < 10_000)

    def numbers_of(self, logs):
        numbers = []
        for log in logs:
            with open(log) as file:
                numbers += file.read().split()
        return numbers

    def test_many_switches_with_two_workers(self):
        directory = self.directory()
        logs = [os.path.join(directory, name) for name in ("blue", "green")]
        blue, green = self.origin("blue", log=logs[0]), self.origin("green", log=logs[1])
        proxy = self.sluice([service([blue.address], [green.address])])
        rounds = []
        # Each round must lose nothing; what a busy machine does to the times of one round is not the proxy's doing.
        while len(rounds) < 3 and not any(map(self.is_brisk, rounds)):
            rounds.append(self.judged_load(proxy, SWITCHES, "--rps", scaled(6000, 1500, 600)))
        self.assertTrue(any(map(self.is_brisk, rounds)), [entry["changes"] for entry in rounds])
        self.assertEqual(proxy.status()["generation"], 1 + len(rounds) * SWITCHES)
        proxy.stop()
        blue.stop()
        green.stop()
        # Every round counts its requests from 1, so each number stands in the logs once for each round.
        numbers = collections.Counter(self.numbers_of(logs))
        self.assertEqual(sum(numbers.values()), sum(entry["sent"] for entry in rounds), "each request reached an origin, once")
        self.assertLessEqual(max(numbers.values()), len(rounds), "none reached two")

    def test_fewer_switches_with_one_worker(self):
        blue, green = self.origin("blue"), self.origin("green")
        proxy = self.sluice([service([blue.address], [green.address])], workers=1)
        self.judged_load(proxy, FEWER, "--rps", scaled(5000, 1000, 500))

    def test_mixed_changes_with_a_split(self):
        blue, green = self.origin("blue"), self.origin("green")
        proxy = self.sluice([service([blue.address], [green.address])])
        report = self.load(
            proxy, "--changes", FEWER, "--rate", RATE, "--users", 2000, "--rps", scaled(6000, 1000, 500), "--cycle",
            "split 10%;split 50%;switch green;rollback;split 0.5%;rollback;rollback;split 25%;switch blue;split 0%")
        self.assertEqual(report["failed"], 0, report)
        self.assertGreater(report["pools"]["green"], 0)

    def test_pipelined_requests_across_switches(self):
        blue, green = self.origin("blue"), self.origin("green")
        proxy = self.sluice([service([blue.address], [green.address])])
        self.judged_load(proxy, FEWER, "--pipeline", 4, "--rps", scaled(6000, 1200, 500))

    def test_switches_while_one_endpoint_at_a_time_restarts_gracefully(self):
        origins = {(pool, i): Origin(pool) for pool in ("blue", "green") for i in (0, 1)}
        self.addCleanup(lambda: [origin.stop() for origin in origins.values()])
        proxy = self.sluice([service([origins["blue", 0].address, origins["blue", 1].address],
                                     [origins["green", 0].address, origins["green", 1].address])])
        over = threading.Event()
        restarts = []

        def restart_all():
            while not over.is_set():
                for key in list(origins):
                    port = origins[key].port
                    origins[key].stop()
                    origins[key] = Origin(key[0], port=port)
                    restarts.append(key)
                    if over.wait(0.05):
                        return

        thread = threading.Thread(target=restart_all)
        thread.start()
        try:
            report = self.load(proxy, "--changes", FEWER, "--rate", RATE, "--connections", 64, "--rps", scaled(3000, 800, 300))
        finally:
            over.set()
            thread.join()
        self.assertEqual(report["failed"], 0, report)
        self.assertEqual(report["reconnects"], 0, report)
        self.assertGreater(len(restarts), 8)

    def test_a_kept_connection_outlives_switches(self):
        # One is idle at each switch, one has a request on its way: neither is told to close, nor closed.
        blue, green = self.origin("blue"), self.origin("green")
        proxy = self.sluice([service([blue.address], [green.address])])
        with proxy.client() as idle, proxy.client() as busy:
            idle.get()
            for turn in range(10):
                pool = ("green", "blue")[turn % 2]
                busy.request("/slow?ms=20")
                proxy.switch(pool)
                for head, _ in (busy.answer(), idle.get()):
                    self.assertEqual(head.status, 200)
                    self.assertNotIn("connection", head)
                self.assertEqual(head["sluice-pool"], pool)

    def test_a_request_sent_after_the_answer_never_sees_the_old_pool(self):
        # The plainest form, without any judge: command, answer, request; on a connection that both workers may own.
        blue, green = self.origin("blue"), self.origin("green")
        proxy = self.sluice([service([blue.address], [green.address])])
        clients = [proxy.client() for _ in range(16)]
        for turn in range(scaled(100, 40, 20)):
            pool = ("green", "blue")[turn % 2]
            generation = proxy.switch(pool)["generation"]
            for client in clients:
                head, body = client.get()
                self.assertEqual((head["sluice-pool"], int(head["sluice-generation"])), (pool, generation))
                self.assertTrue(body.startswith(b"pool=" + pool.encode()))
        for client in clients:
            client.close()


if __name__ == "__main__":
    unittest.main()
