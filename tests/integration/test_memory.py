"""What requests and connections cost in memory: no allocation for a steady request, little for an idle connection, all of it back."""

import os
import struct
import unittest

from harness import BUILD, TOOLS, SluiceTest, anonymous_kib, connections_possible, service, show, wait_sample, wait_until

WARM_UP, COUNTED = 2_000, 6_000
IDLE = 10_000
IDLE_BYTES_MAX = 0.6 * 1024
KEPT_MAX_KIB = 1_024 + 512  # free chunks and places that a burst needs again at once, and what the heap can't give back


@unittest.skipIf(BUILD in ("asan", "tsan"), "a sanitizer has an allocator of its own")
class Memory(SluiceTest):
    def counted(self, **over):
        """A proxy whose workers' allocations are counted, behind `self.allocations()`."""
        self.blue, self.green = self.origin("blue"), self.origin("green")
        counter = os.path.join(self.directory(), "allocations")
        environment = {"LD_PRELOAD": os.path.join(TOOLS, "count-allocations.so"), "SLUICE_ALLOCATIONS": counter}
        os.environ.update(environment)
        self.addCleanup(lambda: [os.environ.pop(name, None) for name in environment])
        # One worker: the kernel would share the connections out over two as it likes, and one that gets more than ever
        # before takes memory for them.
        proxy = self.sluice([service([self.blue.address], [self.green.address], **over)], workers=1)
        for name in environment:
            del os.environ[name]

        def allocations():
            with open(counter, "rb") as file:
                return struct.unpack("<Q", file.read(8))[0]

        self.allocations = allocations
        return proxy

    def check_no_allocation(self, proxy, *options):
        options = ("--connections", 8, "--user-field", "X-User-Id", *options)
        self.assertEqual(self.load(proxy, "--requests", WARM_UP, *options, judged=False)["failed"], 0)
        self.assertGreater(self.allocations(), 0, "the counter is not in the process")
        before = self.allocations()
        report = self.load(proxy, "--requests", WARM_UP, *options, judged=False)
        some = self.allocations() - before
        self.assertEqual(report["failed"], 0)
        before = self.allocations()
        report = self.load(proxy, "--requests", WARM_UP + COUNTED, *options, judged=False)
        more = self.allocations() - before
        self.assertEqual(report["failed"], 0)
        # Requests that meet by chance open a connection to an endpoint more; one allocation of each request would be thousands.
        self.assertLess(more - some, COUNTED // 100, f"{more} allocations with {COUNTED} more requests than {some}")

    def test_a_steady_request_with_split_log_and_metrics_allocates_nothing(self):
        proxy = self.counted(initial={"live": "blue", "split": "50%"})
        self.check_no_allocation(proxy)
        self.check_no_allocation(proxy, "--post", 3_000)

    def test_a_steady_request_that_gets_a_minted_cookie_allocates_nothing(self):
        proxy = self.counted(
            initial={"live": "blue", "split": "50%"},
            identity=[{"cookie": "uid"}, {"mint_cookie": {"name": "sluice_id", "max_age": "30d"}}],
        )
        self.check_no_allocation(proxy)

    def test_a_steady_request_under_limits_allocates_nothing_admitted_or_refused(self):
        plenty = {"rate": "1000000/s", "burst": 1_000_000, "max_in_flight": 1_000}
        proxy = self.counted(rate_limits=[{"name": "per-user", "key": {"header": "X-User-Id"}, **plenty},
                                          {"name": "address", "key": ["client_address", "method", {"path_prefix": 1}], **plenty},
                                          {"name": "try", "key": "service", "rate": "1/h", "mode": "shadow"}])
        self.check_no_allocation(proxy)

    def test_a_steady_request_under_all_that_protects_allocates_nothing(self):
        plenty = {"rate": "1000000/s", "burst": 1_000_000}
        proxy = self.counted(initial={"live": "blue", "split": "50%"}, health_check={"path": "/", "interval": "1h", "fast_interval": "1h"},
                             outlier_detection={}, retry={"attempts": 2, "per_try_timeout": "5s"},
                             circuit_breaker={"max_requests": 1_000, "max_pending": 1_000, "max_retries": 10, "endpoint": {"max_requests": 1_000}},
                             routes=[{"path_prefix": "/no", "circuit_breaker": {}}],
                             rate_limits=[{"name": "per-user", "key": {"header": "X-User-Id"}, **plenty},
                                          {"name": "address", "key": "client_address", **plenty}])
        self.check_no_allocation(proxy)
        self.check_no_allocation(proxy, "--post", 3_000)

    def test_a_steady_request_under_an_adaptive_limit_allocates_nothing(self):
        proxy = self.counted(adaptive_concurrency={"min_limit": 100})
        self.check_no_allocation(proxy)

    def test_idle_connections_cost_little_and_give_it_back(self):
        proxy = self.two_pools()
        self.load(proxy, "--requests", 4_000, "--connections", 8)  # what a busy proxy keeps: not the connections' cost
        at_rest = anonymous_kib(proxy)
        clients = []
        count = connections_possible(IDLE)
        for _ in range(count):
            client = proxy.client()
            clients.append(client)
            client.get()
        held = anonymous_kib(proxy) - at_rest
        wait_sample(proxy, count, "sluice_connections_idle")
        self.assertLessEqual(held * 1024 / count, IDLE_BYTES_MAX, f"{held} KiB for {count} idle connections")
        show(f"{count} idle connections: {held / count:.2f} KiB each")
        for client in clients:
            client.close()
        wait_until(lambda: anonymous_kib(proxy) - at_rest <= KEPT_MAX_KIB, "the memory of closed connections is given back")


if __name__ == "__main__":
    unittest.main()
