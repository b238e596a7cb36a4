"""The three methods that can be trusted on a shared machine: instructions, system calls, ratios of CPU time."""
import statistics
from dataclasses import dataclass

from processes import PEERS, BenchError, run_load


@dataclass(frozen=True)
class Work:
    """What one scenario sends: options of the load, and how many requests each method sends."""
    options: tuple
    round_requests: int = 8000
    short_requests: int = 1500
    long_requests: int = 6500


@dataclass(frozen=True)
class Ratio:
    """CPU time per request, Sluice to nginx, over interleaved rounds."""
    median: float
    low: float   # quartiles
    high: float
    rounds: int
    cpu_us: dict  # median per request, by proxy
    p50_us: dict  # of the best round, by proxy


def _difference(tools, origins, proxy, work, wrap, count):
    """`count` of a long run minus that of a short one, per request: start, stop and connections cancel out."""
    totals = []
    for requests in (work.short_requests, work.long_requests):
        with proxy(tools, origins, wrap) as running:
            run_load(tools, running, (*work.options, "--requests", requests))
            running.stop()
            totals.append(count(running.directory))
    return {key: (totals[1][key] - totals[0].get(key, 0)) / (work.long_requests - work.short_requests)
            for key in totals[1]}


def _callgrind_total(directory):
    for line in (directory / "callgrind.out").read_text().splitlines():
        if line.startswith("totals:"):
            return {"total": int(line.split()[1])}
    raise BenchError("callgrind wrote no totals")


def instructions(tools, origins, proxy, work):
    """User-space instructions per request, all threads; the spread is under 0.03 %."""
    wrap = ("valgrind", "--tool=callgrind", "--callgrind-out-file={DIR}/callgrind.out")
    return _difference(tools, origins, proxy, work, wrap, _callgrind_total)["total"]


def _strace_calls(directory):
    """The table of strace -c: % time, seconds, usecs/call, calls, [errors], name."""
    calls = {}
    for line in (directory / "strace.out").read_text().splitlines():
        columns = line.split()
        if len(columns) >= 5 and columns[0].replace(".", "").isdigit() and columns[3].isdigit():
            calls[columns[-1]] = int(columns[3])
    if "total" not in calls:
        raise BenchError("strace wrote no table")
    return calls


def system_calls(tools, origins, proxy, work):
    """System calls per request by name, and their `total`."""
    wrap = ("strace", "-c", "-f", "-o", "{DIR}/strace.out")
    return _difference(tools, origins, proxy, work, wrap, _strace_calls)


def cpu_ratio(tools, origins, work, rounds):
    """Both proxies run all the time; short rounds take turns, and who is first changes each time."""
    costs = {proxy.name: [] for proxy in PEERS}
    p50 = {proxy.name: [] for proxy in PEERS}
    running = []
    try:
        for proxy in PEERS:
            running.append(proxy(tools, origins))
        for warm in running:
            run_load(tools, warm, (*work.options, "--requests", work.round_requests))
        for turn in range(rounds):
            for proxy in running if turn % 2 == 0 else reversed(running):
                before = proxy.cpu_ns()
                report = run_load(tools, proxy, (*work.options, "--requests", work.round_requests))
                costs[proxy.name].append((proxy.cpu_ns() - before) / report["answered"] / 1000)
                p50[proxy.name].append(report["latency_us"]["p50"])
    finally:
        for proxy in running:
            proxy.__exit__()
    ratios = [ours / theirs for ours, theirs in zip(costs["sluice"], costs["nginx"])]
    low, median, high = statistics.quantiles(ratios, n=4)
    return Ratio(median, low, high, rounds, {name: statistics.median(c) for name, c in costs.items()},
                 {name: min(values) for name, values in p50.items()})
