#!/usr/bin/env python3
"""Three origins, the proxy and a load that judges every answer: watch 0 % → 10 % → 50 %, then the new version break
in three ways that no user notices, and → switch → rollback → switch.

The load (tests/tools/load) knows each user's bucket by itself. A wrong pool, a wrong body, or the old pool after a
command's answer counts as failed, and the demo ends with exit status 0 only when nothing did. While green fails, blue's
answer is right where Sluice says that it took over."""

import argparse
import collections
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from processes import AdminSocket, Machine, SlowVisitors, start_proxy, stop_all
from view import LiveView, PlainView

USERS = 300
RATE = 2500

def is_green_trusted(status):
    """Its circuit breaker is closed again. A switch before that would be one to a pool that turns users away."""
    return status["services"][0]["pools"]["green"]["breaker"]["state"] == "closed"


# `command`: of the command line; or `deed`: what happens to green, of Demo. `until`: what the status must say, within 20 s more.
Step = collections.namedtuple("Step", "seconds command says deed title until", defaults=[None, None, lambda status: True])
STEPS = [
    Step(4, None, "everybody gets blue, the version that is live", title="(start)"),
    Step(5, ["split", "10%"], "one user in ten gets green, always the same ones"),
    Step(5, ["split", "50%"], "half of them; nobody who had green is moved back"),
    Step(6, None, "asked again on the other one; this one is out", "break_one", "(one of green: 503)"),
    Step(6, None, "blue answers instead, and nobody notices", "break_all", "(all of green: 500)"),
    Step(5, None, "nothing to connect to, and nobody notices", "kill_green", "(green is killed)"),
    Step(4, None, "it gets its users back by itself", "mend_green", "(green is mended)", is_green_trusted),
    Step(5, ["switch", "green"], "green for everybody in one step; blue drains"),
    Step(5, ["rollback"], "one command back, no version to name"),
    Step(5, ["switch", "green"], "and forward again: the release is done"),
]


class Load:
    """test-load with its live lines and the commands that it takes on stdin."""

    def __init__(self, tools, address, socket):
        self.process = subprocess.Popen(
            [os.path.join(tools, "test-load"), "--address", address, "--admin", socket, "--connections", "32", "--users",
             str(USERS), "--rps", str(RATE), "--live", "200", "--commands", "--rescues"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.live = queue.Queue()
        self.acks = queue.Queue()
        self.report = None
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            if "live" in message:
                self.live.put(message["live"])
            elif "report" in message:
                self.report = message["report"]
            else:
                self.acks.put(message)
        self.live.put(None)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def tell_and_wait(self, line):
        self.tell(line)
        self.acks.get(timeout=10)

    def finish(self):
        self.tell("quit")
        self.process.wait(20)
        while self.live.get(timeout=10) is not None:
            pass
        return self.report


class Demo:
    def __init__(self, options):
        self.bin = os.path.abspath(options.bin)
        self.tools = os.path.abspath(options.tools)
        self.directory = tempfile.mkdtemp(prefix="sluice-demo-")
        self.processes = []
        self.problems = []
        self.commands_ms = []

    def start(self):
        self.blue = Machine(self.processes, self.tools, "blue", "v1")
        self.green = [Machine(self.processes, self.tools, "green", "v2") for _ in range(2)]
        self.socket, self.config, self.address = start_proxy(self.processes, self.bin, self.directory, self.blue, self.green)
        self.admin = AdminSocket(self.socket)

    # What happens to green.

    def break_one(self):
        self.green[0].answer_with(503)

    def break_all(self):
        for machine in self.green:
            machine.answer_with(500)

    def kill_green(self):
        for machine in self.green:
            machine.die()

    def mend_green(self):
        for machine in self.green:
            machine.mend()

    def run_command(self, load, command):
        """The real command line. The load hears of it before and after, so that it can judge answers in between."""
        load.tell_and_wait("sent")
        start = time.monotonic()
        done = subprocess.run([self.bin, *command, "--json", "--socket", self.socket], capture_output=True, text=True)
        took = (time.monotonic() - start) * 1000
        self.commands_ms.append(took)
        if done.returncode != 0:
            load.tell_and_wait("answered")
            self.problems.append(f"sluice {' '.join(command)}: {done.stderr.strip()}")
            return None
        change = json.loads(done.stdout)
        load.tell_and_wait(f"answered {change['generation']} {change['live']} {change['split_basis_points']}")
        return change

    def walk(self, view):
        load = Load(self.tools, self.address, self.socket)
        visitors = SlowVisitors(self.address, USERS)
        try:
            for number, step in enumerate(STEPS):
                if step.deed:
                    getattr(self, step.deed)()
                change = self.run_command(load, step.command) if step.command else None
                view.begin(number + 1, len(STEPS), step, change)
                end = time.monotonic() + step.seconds
                status = self.admin.get("/v1/status")
                while (now := time.monotonic()) < end or (now < end + 20 and not step.until(status)):
                    live = load.live.get(timeout=10)
                    if live is None:
                        self.problems.append("the load ended early")
                        return load.report, visitors
                    status = self.admin.get("/v1/status")
                    view.update(live, status, visitors)
        finally:
            visitors.stop()
        return load.finish(), visitors

    def report(self, report, visitors):
        failed = report["failed"] + visitors.failed
        pools = report["pools"]
        slowest = max(self.commands_ms, default=0)
        print(f"""
  {report['answered'] + visitors.answered:,} requests of {USERS} users in {report['seconds']:.0f} s, {failed} failed
    blue {pools['blue']:,}   green {pools['green']:,}   slow ones {visitors.answered:,}   connections lost {report['reconnects']}
    latency p50 {report['latency_us']['p50'] / 1000:.2f} ms   p99 {report['latency_us']['p99'] / 1000:.2f} ms
    {len(self.commands_ms)} commands, the slowest {slowest:.0f} ms from prompt to prompt
    judged for each request: pool of the user's bucket, body, and never the old pool after a command's answer""")
        self.report_failures(report, failed)
        if report["first_trouble"]:
            self.problems.append(report["first_trouble"])
        if report["reconnects"]:
            self.problems.append(f"{report['reconnects']} keep-alive connections were closed: {report['first_reconnect']}")
        for problem in self.problems:
            print(f"  problem: {problem}")
        return failed == 0 and not self.problems

    def report_failures(self, report, failed):
        """What went wrong behind the proxy, and what of it users saw."""
        count = self.admin.count
        wrong = count("sluice_attempt_failures_total", pool="green")
        print(f"""
  green failed {wrong:,} times, users noticed {failed}
    {count("sluice_retries_total"):,} requests were sent to its other machine, {report['rescued']:,} were answered by blue instead
    a machine was taken out {count("sluice_endpoint_ejections_total", result="ejected")} times, and let back in to see whether it works again""")
        if wrong == 0 or report["rescued"] == 0:
            self.problems.append("green has not failed, so nothing was shown")

    def stay(self):
        load = subprocess.Popen([os.path.join(self.tools, "test-load"), "--address", self.address, "--users", str(USERS),
                                 "--connections", "8", "--rps", "200", "--size", "0", "--target", "/"],
                                stdout=subprocess.DEVNULL)
        self.processes.append(load)
        sluice = os.path.relpath(self.bin)
        print(f"""
  All of it keeps running, with a light load. In another terminal:

    export SLUICE_SOCKET={self.socket}
    {sluice} status --watch
    {sluice} split 25%
    {sluice} switch blue --wait
    {sluice} rollback
    curl -i -H 'Cookie: uid=user-7' http://{self.address}/
    less {self.config}

  Ctrl-C ends it.""", flush=True)
        threading.Event().wait()

    def close(self):
        stop_all(self.processes)
        shutil.rmtree(self.directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--stay", action="store_true", help="keep everything running afterwards, to play with")
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--tools", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    size = shutil.get_terminal_size()
    is_live = sys.stdout.isatty() and size.columns >= 80 and size.lines >= 24
    demo = Demo(options)
    try:
        demo.start()
        with (LiveView if is_live else PlainView)(demo.address) as view:
            report, visitors = demo.walk(view)
            history = view.history_text()
        if is_live:
            print(history)
        good = report is not None and demo.report(report, visitors)
        if options.stay:
            demo.stay()
        return 0 if good else 1
    except KeyboardInterrupt:
        return 130
    finally:
        demo.close()


if __name__ == "__main__":
    sys.exit(main())
