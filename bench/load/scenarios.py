"""What is measured, and how good it must be: one entry of SCENARIOS each."""
import time
from dataclasses import dataclass, field

from measure import Work, cpu_ratio, instructions, system_calls
from processes import CANDIDATE, LIVE, PEERS, Nginx, Sluice, all_cores, report_of, run_load, start_load


@dataclass(frozen=True)
class Line:
    """One line of the table. No goal: for information."""
    what: str
    nginx: str
    sluice: str
    goal: str = ""
    passed: bool | None = None
    note: str = ""


def at_most(what, peer, value, limit, form, note=""):
    peer_text = "" if peer is None else form.format(peer)
    if limit is None:
        return Line(what, peer_text, form.format(value), note=note)
    return Line(what, peer_text, form.format(value), "<= " + form.format(limit), value <= limit, note)


@dataclass(frozen=True)
class Goals:
    """None: measured, not judged in this version."""
    ratio: float | None = None
    instructions: int | None = None
    system_calls: float | None = None


@dataclass(frozen=True)
class RequestCost:
    """A closed loop through both proxies: what one request costs."""
    title: str
    work: Work
    goals: Goals = field(default_factory=Goals)

    def run(self, tools, origins, settings):
        if "instructions" in settings.methods:
            cost = {proxy.name: instructions(tools, origins, proxy, self.work) for proxy in PEERS}
            yield at_most("instructions per request", cost["nginx"], cost["sluice"], self.goals.instructions, "{:,.0f}")
        if "calls" in settings.methods:
            calls = {proxy.name: system_calls(tools, origins, proxy, self.work) for proxy in PEERS}
            yield at_most("system calls per request", calls["nginx"]["total"], calls["sluice"]["total"],
                          self.goals.system_calls, "{:.2f}", by_name(calls["sluice"]))
        if "ratio" in settings.methods:
            ratio = cpu_ratio(tools, origins, self.work, settings.rounds)
            yield at_most("CPU per request, us", ratio.cpu_us["nginx"], ratio.cpu_us["sluice"], None, "{:.1f}")
            yield at_most("CPU ratio, median", 1.0, ratio.median, self.goals.ratio, "{:.2f}",
                          f"{ratio.rounds} rounds, quartiles {ratio.low:.2f} to {ratio.high:.2f}")
            yield at_most("p50 of the best round, us", ratio.p50_us["nginx"], ratio.p50_us["sluice"], None, "{}")


def by_name(calls):
    names = sorted((name for name in calls if name != "total" and calls[name] >= 0.01), key=calls.get, reverse=True)
    return ", ".join(f"{name} {calls[name]:.2f}" for name in names)


@dataclass(frozen=True)
class SwitchUnderLoad:
    """Switches while 64 connections are busy; the load judges pool and generation of every answer."""
    title: str
    switches: int
    per_second: int
    p99_ms: float

    def run(self, tools, origins, settings):
        ours = self._sluice(tools, origins)
        theirs = self._nginx(tools, origins)
        per_reload = f"{theirs['reloads']} reloads in {theirs['seconds']:.0f} s"
        changes = ours["changes"]
        yield at_most("failed requests", theirs["failed"], ours["failed"], 0, "{}", ours["first_trouble"])
        yield at_most("reconnects", theirs["reconnects"], ours["reconnects"], 0, "{}", "nginx: " + per_reload)
        # A bench that switched nothing has shown nothing.
        made = changes["made"]
        yield Line("switches made", str(theirs["reloads"]), str(made), f"{self.switches}", made == self.switches,
                   f"{changes['rate']:.0f} per second, {ours['answered']} requests meanwhile")
        latency, total = changes["latency_us"], changes["with_sync_us"]
        yield at_most("switch p99 without the sync, ms", None, latency["p99"] / 1000, self.p99_ms, "{:.2f}",
                      f"p50 {latency['p50'] / 1000:.2f}, max {latency['max'] / 1000:.2f}")
        yield at_most("switch p99 with the sync, ms", None, total["p99"] / 1000, None, "{:.2f}")

    def _sluice(self, tools, origins):
        # The proxy may use every core, as in production: on the one core of the worker, the scheduler would be measured.
        with Sluice(tools, origins, cores=all_cores(), EXPOSE="pool, generation") as proxy:
            return report_of(start_load(tools, proxy, ("--connections", 64, "--admin", proxy.socket(), "--changes",
                                                       self.switches, "--rate", self.per_second)))

    def _nginx(self, tools, origins):
        reloads, seconds = 5, 4
        with Nginx(tools, origins, cores=all_cores(), MASTER="on") as proxy:
            run_load(tools, proxy, ("--connections", 64, "--requests", 2000))
            load = start_load(tools, proxy, ("--connections", 64, "--seconds", seconds))
            for turn in range(reloads):
                time.sleep(0.6)
                proxy.reload(CANDIDATE if turn % 2 == 0 else LIVE)
            return {**report_of(load), "reloads": reloads}


SCENARIOS = {
    "a": RequestCost("GET 1 KiB, keep-alive, 64 connections", Work(("--connections", 64)),
                     Goals(ratio=0.90, instructions=11_000, system_calls=4.5)),
    "a2": RequestCost("GET 1 KiB, keep-alive, 1 connection", Work(("--connections", 1), round_requests=4000)),
    "b": RequestCost("POST 16 KiB, keep-alive, 64 connections", Work(("--connections", 64, "--post", 16384))),
    "c64": RequestCost("GET 64 KiB, keep-alive, 64 connections",
                       Work(("--connections", 64, "--size", 65536), round_requests=3000, long_requests=6000)),
    "c": RequestCost("GET 1 MiB, keep-alive, 16 connections",
                     Work(("--connections", 16, "--size", 1048576), round_requests=300, short_requests=100, long_requests=500)),
    "d": RequestCost("GET 1 KiB, a new client connection per request", Work(("--connections", 64, "--close"), round_requests=2000)),
    "i": SwitchUnderLoad("switch under load, 64 connections", switches=500, per_second=50, p99_ms=10),
}
GATED = ("a", "i")
