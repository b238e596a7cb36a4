"""What is measured, and how good it must be: one entry of SCENARIOS each."""
import time
from dataclasses import dataclass, field

from measure import Work, cpu_ratio, idle_memory, instructions, system_calls
from processes import CANDIDATE, LIVE, Nginx, ProtectedSluice, Sluice, all_cores, report_of, run_load, start_load


@dataclass(frozen=True)
class Line:
    """One line of the table. No goal: for information."""
    what: str
    values: dict  # text by proxy
    goal: str = ""
    passed: bool | None = None
    note: str = ""


def at_most(what, values, limit, form, note=""):
    """The goal is Sluice's."""
    texts = {name: form.format(value) for name, value in values.items()}
    if limit is None:
        return Line(what, texts, note=note)
    return Line(what, texts, "<= " + form.format(limit), values["sluice"] <= limit, note)


@dataclass(frozen=True)
class Goals:
    """None: measured, not judged in this version."""
    ratio: float | None = None  # to nginx
    instructions: int | None = None
    system_calls: float | None = None


@dataclass(frozen=True)
class RequestCost:
    """A closed loop through all proxies: what one request costs."""
    title: str
    work: Work
    goals: Goals = field(default_factory=Goals)

    def run(self, tools, origins, settings):
        peers = settings.proxies
        if "instructions" in settings.methods:
            cost = {proxy.name: instructions(tools, origins, proxy, self.work) for proxy in peers}
            yield at_most("instructions per request", cost, self.goals.instructions, "{:,.0f}")
        if "calls" in settings.methods:
            calls = {proxy.name: system_calls(tools, origins, proxy, self.work) for proxy in peers}
            yield at_most("system calls per request", {name: each["total"] for name, each in calls.items()},
                          self.goals.system_calls, "{:.2f}", by_name(calls["sluice"]))
        if "ratio" in settings.methods:
            ratio = cpu_ratio(tools, origins, peers, self.work, settings.rounds)
            yield at_most("CPU per request, us", ratio.cpu_us, None, "{:.1f}")
            for peer in peers[:-1]:
                yield at_most(f"CPU ratio to {peer.name}, median", {peer.name: 1.0, "sluice": ratio.median[peer.name]},
                              self.goals.ratio if peer.name == "nginx" else None, "{:.2f}",
                              f"{ratio.rounds} rounds, quartiles {ratio.low[peer.name]:.2f} to {ratio.high[peer.name]:.2f}")
            yield at_most("p50 of the best round, us", ratio.p50_us, None, "{}")


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
        for what, key, note in (("failed requests", "failed", ours["first_trouble"]),
                                ("reconnects", "reconnects", "nginx: " + per_reload)):
            yield at_most(what, {"nginx": theirs[key], "sluice": ours[key]}, 0, "{}", note)
        # A bench that switched nothing has shown nothing.
        made = changes["made"]
        yield Line("switches made", {"nginx": str(theirs["reloads"]), "sluice": str(made)}, f"{self.switches}", made == self.switches,
                   f"{changes['rate']:.0f} per second, {ours['answered']} requests meanwhile")
        latency, total = changes["latency_us"], changes["with_sync_us"]
        yield at_most("switch p99 without the sync, ms", {"sluice": latency["p99"] / 1000}, self.p99_ms, "{:.2f}",
                      f"p50 {latency['p50'] / 1000:.2f}, max {latency['max'] / 1000:.2f}")
        yield at_most("switch p99 with the sync, ms", {"sluice": total["p99"] / 1000}, None, "{:.2f}")

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


@dataclass(frozen=True)
class IdleConnections:
    """What a keep-alive connection costs while nothing happens on it."""
    title: str
    connections: int
    kib_each: float
    kib_at_rest: int
    kib_kept: int

    def run(self, tools, origins, settings):
        found = {proxy.name: idle_memory(tools, origins, proxy, self.connections) for proxy in settings.proxies}
        count = f"{found['sluice'].connections} connections"
        yield at_most("KiB per idle connection", {name: each.taken / each.connections for name, each in found.items()},
                      self.kib_each, "{:.2f}", count)
        yield at_most("KiB at rest", {name: each.rest for name, each in found.items()}, self.kib_at_rest, "{:,}")
        yield at_most("KiB more than at rest after all have closed", {name: each.kept for name, each in found.items()},
                      self.kib_kept, "{:,}")


@dataclass(frozen=True)
class Protection:
    """What all that protects adds to a request: two limits, breakers, retries, health."""
    title: str
    work: Work
    most: int

    def run(self, tools, origins, settings):
        if "instructions" not in settings.methods:
            return
        plain, protected = (instructions(tools, origins, proxy, self.work) for proxy in (Sluice, ProtectedSluice))
        yield at_most("instructions per request, protected", {"sluice": protected}, None, "{:,.0f}")
        yield at_most("more than without", {"sluice": protected - plain}, self.most, "{:,.0f}")


SCENARIOS = {
    "a": RequestCost("GET 1 KiB, keep-alive, 64 connections", Work(("--connections", 64)),
                     Goals(ratio=0.85, instructions=10_000, system_calls=4.5)),
    "a2": RequestCost("GET 1 KiB, keep-alive, 1 connection", Work(("--connections", 1), round_requests=4000)),
    "b": RequestCost("POST 16 KiB, keep-alive, 64 connections", Work(("--connections", 64, "--post", 16384)), Goals(ratio=0.75)),
    "c64": RequestCost("GET 64 KiB, keep-alive, 64 connections",
                       Work(("--connections", 64, "--size", 65536), round_requests=3000, long_requests=6000)),
    "c": RequestCost("GET 1 MiB, keep-alive, 16 connections",
                     Work(("--connections", 16, "--size", 1048576), round_requests=300, short_requests=100, long_requests=500)),
    "d": RequestCost("GET 1 KiB, a new client connection per request", Work(("--connections", 64, "--close"), round_requests=2000),
                     Goals(ratio=1.0)),
    "p": Protection("GET 1 KiB, keep-alive, 64 connections, with two limits, breakers, retries and health",
                    Work(("--connections", 64)), most=1500),
    "h": IdleConnections("idle keep-alive connections", connections=10_000, kib_each=0.6, kib_at_rest=6 * 1024, kib_kept=1536),
    "i": SwitchUnderLoad("switch under load, 64 connections", switches=500, per_second=50, p99_ms=10),
}
DAILY = ("a", "p", "h", "i")
