"""The metrics page of the real binary: what Prometheus' own checker says of it, and what requests leave on it."""

import json
import os
import re
import subprocess
import unittest

from harness import PATIENCE, ROOT, SluiceTest, page_of, sample, service, wait_until

RULES = os.path.join(ROOT, "config/prometheus/sluice.rules.yaml")
RULE_TESTS = os.path.join(ROOT, "tests/integration/alert_tests.yaml")
DASHBOARD = os.path.join(ROOT, "config/grafana/sluice.json")


def promtool(*arguments, text=None):
    return subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60)


def names_in(expressions):
    known = set()
    for expression in expressions:
        known |= set(re.findall(r"\b((?:sluice|process)_[a-z_]+)", expression))
    return {re.sub(r"_(bucket|sum|count)$", "", name) if name.endswith("_bucket") else name for name in known}


class Page(SluiceTest):
    def busy(self):
        """Two services; every kind of line has a value on the page."""
        proxy = self.two_pools(initial={"live": "blue", "split": "50%"}, path_prefix="/app")
        with proxy.client() as client:
            for user in range(200):
                client.get("/app/", fields=[f"Cookie: uid=u{user}"])
            client.get("/app/")
            client.get("/app/", fields=["X-User-Id: one"])
            client.get("/nowhere")
            client.get("/app/", method="CONNECT")
        with proxy.client() as client:
            client.send("garbage\r\n\r\n")
            client.rest()
        wait_until(lambda: self.answered(page_of(proxy)) == 202, "all of them are counted")
        return proxy

    @staticmethod
    def answered(page):
        return sum(sample(page, "sluice_requests_total", service="shop", pool=pool, code="2xx") for pool in ("blue", "green"))

    def test_promtool_has_nothing_to_say(self):
        done = promtool("check", "metrics", text=page_of(self.busy()))
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_what_requests_leave(self):
        page = page_of(self.busy())
        answered = self.answered(page)
        split = sample(page, "sluice_choices_total", service="shop", pool="green", reason="split")
        live = sample(page, "sluice_choices_total", service="shop", pool="blue", reason="live")
        self.assertEqual(split + live, 201)
        self.assertGreater(split, 60)
        self.assertEqual(sample(page, "sluice_choices_total", service="shop", pool="blue", reason="no_identity"), 1)
        self.assertEqual(sample(page, "sluice_identities_total", service="shop", source="cookie"), 200)
        self.assertEqual(sample(page, "sluice_identities_total", service="shop", source="header"), 1)
        self.assertEqual(sample(page, "sluice_identities_total", service="shop", source="none"), 1)
        self.assertEqual(sample(page, "sluice_refusals_total", service="", cause="no_service"), 1)
        self.assertEqual(sample(page, "sluice_refusals_total", service="", cause="bad_request"), 1)
        count = sum(sample(page, "sluice_request_duration_seconds_count", service="shop", pool=pool, code="2xx") for pool in ("blue", "green"))
        self.assertEqual(count, answered)
        for pool in ("blue", "green"):
            self.assertGreater(sample(page, "sluice_endpoint_first_byte_seconds_count", service="shop", pool=pool), 0)
            self.assertGreater(sample(page, "sluice_endpoint_connect_seconds_count", service="shop", pool=pool), 0)
        self.assertEqual(sample(page, "sluice_endpoint_state", service="shop", pool="blue", endpoint=self.blue.address, state="up"), 1)

    def test_the_observed_share_comes_with_the_next_look(self):
        proxy = self.busy()
        # It is looked at every five seconds.
        status = wait_until(lambda: (found := proxy.status("shop"))["observed_split_basis_points"] is not None and found, "it is observed",
                            timeout=PATIENCE + 10)
        page = page_of(proxy)
        ratio = sample(page, "sluice_split_observed_ratio", service="shop")
        self.assertAlmostEqual(ratio, status["observed_split_basis_points"] / 10_000, delta=0.0001)
        self.assertGreater(ratio, 0.3)
        proxy.split("10%")
        self.assertIsNone(proxy.status("shop")["observed_split_basis_points"], "another split, nothing observed of it")

    def test_changes_by_kind_and_result(self):
        proxy = self.two_pools()
        proxy.split("10%")
        proxy.split("10%")
        proxy.change("split", {"percent": "20%", "if_generation": 99}, expect=409)
        proxy.rollback()
        page = page_of(proxy)
        for kind, result, count in (("split", "changed", 1), ("split", "unchanged", 1), ("split", "generation_mismatch", 1),
                                    ("rollback", "changed", 1), ("switch", "changed", 0)):
            self.assertEqual(sample(page, "sluice_changes_total", kind=kind, result=result), count, (kind, result))

    def test_the_process_is_described(self):
        proxy = self.busy()
        page = page_of(proxy)
        self.assertGreater(sample(page, "process_resident_memory_bytes"), 1 << 20)
        self.assertLessEqual(abs(sample(page, "process_resident_memory_bytes") / 1024 - proxy.rss_kib()), 4_096)
        descriptors = len(os.listdir(f"/proc/{proxy.process.pid}/fd"))
        self.assertLessEqual(abs(sample(page, "process_open_fds") - descriptors), 4)
        self.assertGreater(sample(page, "process_start_time_seconds"), 1.7e9)
        self.assertGreater(sample(page, "sluice_loop_turn_seconds_count", loop="worker-0"), 0)
        self.assertGreater(sample(page, "sluice_loop_turn_seconds_count", loop="control"), 0)


class Files(SluiceTest):
    def test_the_alert_rules_are_good_and_fire_as_their_tests_say(self):
        done = promtool("check", "rules", RULES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        done = promtool("test", "rules", RULE_TESTS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_rules_and_dashboard_name_metrics_that_there_are(self):
        directory = self.directory()
        with open(os.path.join(directory, "beta.txt"), "w") as file:
            file.write("user-1\n")
        pins = [{"identity_in": "beta.txt", "pool": "candidate"}]
        proxy = self.sluice([service([self.origin("blue").address], ["localhost:1"], pins=pins, health_check={})],
                            directory=directory, limits={"memory": "1GiB"})
        families = set(re.findall(r"^# TYPE (\w+)", page_of(proxy), re.M))
        with open(RULES) as file:
            used = names_in(re.findall(r"expr: (.*(?:\n {10}.*)*)", file.read()))
        with open(DASHBOARD) as file:
            dashboard = json.load(file)
        targets = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        self.assertGreater(len(targets), 20)
        used |= names_in(targets)
        self.assertGreater(len(used), 20)
        self.assertEqual(used - families, set())

    def test_the_panels_of_the_dashboard_lie_beside_each_other(self):
        with open(DASHBOARD) as file:
            panels = json.load(file)["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = {}
        for panel in panels:
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            for place in [(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]:
                self.assertNotIn(place, taken, panel["title"])
                taken[place] = panel["title"]


if __name__ == "__main__":
    unittest.main()
