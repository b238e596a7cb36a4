"""SIGKILL at random instants between changes: the state that comes back is the last acknowledged one, or that of the
command in flight; never older, never anything else."""

import http.client
import json
import os
import random
import threading
import unittest

from harness import SluiceTest, scaled, service

CHANGES = scaled(200, 80, 40)
KILLS = scaled(60, 24, 12)
SEED = int(os.environ.get("SLUICE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)


def truth_of(entry):
    return {key: entry[key] for key in ("live", "split_basis_points", "candidate_open")}


def expected_after(before, command):
    """The rules of switch, split and rollback, written again for the test. None: no change."""
    live, split, is_open, undoable = before
    other = "green" if live == "blue" else "blue"
    verb = command[0]
    if verb == "split":
        after = (live, command[1], True, False)
        return None if (split, is_open) == (command[1], True) else after
    if verb == "switch":
        if command[1] != live:
            return (command[1], 0, False, True)
        return (live, 0, False, False) if split > 0 else None
    if split > 0 or is_open:
        return (live, 0, False, False)
    return (other, 0, False, False) if undoable else None


class Kill(SluiceTest):
    def test_60_kills_over_200_changes(self):
        print(f"\n    SLUICE_SEED={SEED}", flush=True)
        rng = random.Random(SEED)
        # No peer is ever asked here: `force` skips the connect check of switch.
        proxy = self.sluice([service(["127.0.0.1:9"], ["127.0.0.1:9"])])
        kill_before = set(rng.sample(range(CHANGES), KILLS))
        state = ("blue", 0, True, False)
        generation = 1
        for number in range(CHANGES):
            command = rng.choice([("switch", "green"), ("switch", "blue"), ("split", rng.choice([0, 1000, 1250, 10_000])),
                                  ("rollback",)])
            planned = expected_after(state, command)
            killer = None
            if number in kill_before:
                # From before the request to long after its answer: every part of a change is hit by some kill.
                killer = threading.Timer(rng.random() * scaled(0.008, 0.03, 0.08), proxy.process.kill)
                killer.start()
            answer = self.apply(proxy, command)
            if killer is not None:
                killer.join()
                proxy.process.wait()
                proxy.start()
                shop = proxy.status("shop")
                now = (shop["live"], shop["split_basis_points"], shop["candidate_open"])
                before, after = (generation, state), (generation + 1, planned)
                allowed = [after if planned else before] if answer is not None else [before] + ([after] if planned else [])
                found = [pair for pair in allowed if (pair[0], pair[1][:3]) == (proxy.status()["generation"], now)]
                self.assertTrue(found, f"change {number} {command}: {now} at {proxy.status()['generation']}, allowed {allowed}, "
                                       f"acknowledged: {answer}, seed {SEED}")
                generation, state = found[0]
            else:
                self.assertIsNotNone(answer, f"change {number} {command}: no answer")
                self.assertEqual(answer["changed"], planned is not None, (number, command, state, answer))
                if planned is not None:
                    generation, state = generation + 1, planned
                self.assertEqual((answer["generation"], answer["live"], answer["split_basis_points"]),
                                 (generation, state[0], state[1]), (number, command))

    def apply(self, proxy, command):
        bodies = {"switch": lambda: {"pool": command[1], "force": True},
                  "split": lambda: {"percent": f"{command[1] / 100:g}%"}, "rollback": dict}
        try:
            code, answer = proxy.admin("POST", f"/v1/services/shop/{command[0]}", bodies[command[0]]())
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return None
        self.assertEqual(code, 200, answer)
        return answer


class StateFile(SluiceTest):
    def stopped(self):
        proxy = self.sluice([service(["127.0.0.1:9"], ["127.0.0.1:9"])])
        proxy.switch("green", force=True)
        proxy.split("25%")
        proxy.stop()
        return proxy, os.path.join(proxy.directory, "state", "state.json")

    def refused(self, proxy, *arguments):
        proxy.start(*arguments, wait=False)
        status = proxy.process.wait(20)
        self.assertEqual(status, 1, proxy.errors())
        return proxy.errors()

    def test_a_corrupt_state_is_refused_with_both_ways_out(self):
        proxy, path = self.stopped()
        with open(path, "rb") as file:
            good = file.read()
        for bad in (b"", good[: len(good) // 2], good.replace(b"green", b"blue", 1), b"{}"):
            with open(path, "wb") as file:
                file.write(bad)
            text = self.refused(proxy)
            self.assertIn("--state discard", text)
            self.assertIn("--state previous", text)
        with open(path, "wb") as file:
            file.write(good)
        proxy.start()
        self.assertEqual(truth_of(proxy.status("shop")), {"live": "green", "split_basis_points": 2500, "candidate_open": True})

    def test_previous_takes_the_state_before_the_last_change(self):
        proxy, path = self.stopped()
        with open(path, "wb") as file:
            file.write(b"torn")
        proxy.start("--state", "previous")
        self.assertEqual(truth_of(proxy.status("shop")), {"live": "green", "split_basis_points": 0, "candidate_open": False})

    def test_discard_starts_from_the_file(self):
        proxy, path = self.stopped()
        with open(path, "wb") as file:
            file.write(b"torn")
        proxy.start("--state", "discard")
        self.assertEqual(truth_of(proxy.status("shop")), {"live": "blue", "split_basis_points": 0, "candidate_open": True})

    def test_a_lost_state_file_is_corruption_not_a_first_start(self):
        proxy, path = self.stopped()
        os.remove(path)
        self.assertIn("--state", self.refused(proxy))
        proxy.start("--state", "discard")

    def test_a_second_process_refuses_the_state_directory(self):
        proxy = self.sluice([service(["127.0.0.1:9"], ["127.0.0.1:9"])])
        done = proxy.cli("run", "-c", proxy.config_file)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("lock", done.stderr)
        self.assertEqual(proxy.status()["generation"], 1)


if __name__ == "__main__":
    unittest.main()
