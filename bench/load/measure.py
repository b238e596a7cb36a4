"""The methods that can be trusted on a shared machine: instructions, system calls, ratios of CPU time, memory."""
import http.client
import socket
import statistics
import time
from dataclasses import dataclass

from processes import BenchError, raise_descriptor_limit, run_load


@dataclass(frozen=True)
class Work:
    """What one scenario sends: options of the load, and how many requests each method sends."""
    options: tuple
    round_requests: int = 8000
    short_requests: int = 1500
    long_requests: int = 6500


@dataclass(frozen=True)
class Ratio:
    """CPU time per request over interleaved rounds; dictionaries are by proxy."""
    rounds: int
    median: dict  # of Sluice to each peer
    low: dict     # quartiles
    high: dict
    cpu_us: dict  # median per request
    p50_us: dict  # of the best round


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


def cpu_ratio(tools, origins, proxies, work, rounds):
    """All proxies run all the time; short rounds take turns, and who is first changes each time."""
    costs = {proxy.name: [] for proxy in proxies}
    p50 = {proxy.name: [] for proxy in proxies}
    running = []
    try:
        for proxy in proxies:
            running.append(proxy(tools, origins))
        for warm in running:
            run_load(tools, warm, (*work.options, "--requests", work.round_requests))
        for turn in range(rounds):
            first = turn % len(running)
            for proxy in running[first:] + running[:first]:
                before = proxy.cpu_ns()
                report = run_load(tools, proxy, (*work.options, "--requests", work.round_requests))
                costs[proxy.name].append((proxy.cpu_ns() - before) / report["answered"] / 1000)
                p50[proxy.name].append(report["latency_us"]["p50"])
    finally:
        for proxy in running:
            proxy.__exit__()
    result = Ratio(rounds, {}, {}, {}, {name: statistics.median(c) for name, c in costs.items()},
                   {name: min(values) for name, values in p50.items()})
    for peer, theirs in costs.items():
        ratios = [ours / other for ours, other in zip(costs["sluice"], theirs)]
        result.low[peer], result.median[peer], result.high[peer] = statistics.quantiles(ratios, n=4)
    return result


@dataclass(frozen=True)
class IdleMemory:
    """KiB of one proxy: at rest, what `connections` idle ones take, and what stays when they are closed."""
    connections: int
    rest: int
    taken: int
    kept: int


def idle_memory(tools, origins, proxy, wanted):
    """Connections that have had one answer each and then are idle."""
    # Of its descriptors a proxy keeps some for endpoints; Sluice counts one endpoint connection for each client.
    limit = raise_descriptor_limit()
    connections = min(wanted, (limit - 64) // 2 - 100)
    if proxy.name == "haproxy":  # it wants two and a half for each, and refuses to start with less
        connections = min(connections, limit * 2 // 5 - 400)
    with proxy(tools, origins, CONNECTIONS=2 * connections + 64 if proxy.name == "nginx" else connections + 100) as running:
        run_load(tools, running, ("--connections", 16, "--requests", 2000))
        rest = settled(running)
        clients = [ask_once(running.address) for _ in range(connections)]
        taken = settled(running) - rest
        for client in clients:
            client.close()
        return IdleMemory(connections, rest, taken, settled(running) - rest)


def ask_once(address):
    host, port = address.split(":")
    client = socket.create_connection((host, int(port)), timeout=10)
    client.sendall(b"GET / HTTP/1.1\r\nHost: shop.test\r\nX-User-Id: idle\r\n\r\n")
    answer = http.client.HTTPResponse(client, method="GET")
    answer.begin()
    if answer.status != 200 or len(answer.read()) != 1024:
        raise BenchError(f"an idle connection got {answer.status}")
    answer.close()
    return client


def settled(proxy):
    """Its memory when it has stopped changing, after 10 seconds at the latest."""
    before = None
    for _ in range(10):
        time.sleep(1)
        now = proxy.memory_kib()
        if now == before:
            break
        before = now
    return now
