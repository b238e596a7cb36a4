"""What the demo shows: a picture redrawn in place on a terminal, plain lines anywhere else."""

import collections
import os
import sys
import time

BLOCKS = " ▁▂▃▄▅▆▇█"
WIDTH = 78
BAR = 44
HISTORY = 64  # columns of the strip: 200 ms each


class Colours:
    def __init__(self, on):
        self.on = on

    def __call__(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text

    def pool(self, name, text):
        return self("38;5;39" if name == "blue" else "38;5;41", text)


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def said(change):
    if change is None:
        return ""
    took = change["took_us"]
    return f"generation {change['generation']}, on {change['workers']['adopted']} workers in {(took['flip'] + took['adopted']) / 1000:.2f} ms"


def machines_text(status):
    """Of green's, those that are out."""
    endpoints = status["services"][0]["pools"]["green"]["endpoints"]
    out = [endpoint["health"]["state"] for endpoint in endpoints if endpoint["state"] != "up" and "health" in endpoint]
    return f"  out: {len(out)} of {len(endpoints)} machines ({', '.join(sorted(set(out)))})" if out else ""


class View:
    def __init__(self, address):
        self.address = address
        self.start = time.monotonic()
        self.history = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def begin(self, number, count, step, change):
        self.number, self.count, self.step, self.change = number, count, step, change
        command = "sluice " + " ".join(step.command) if step.command else step.title
        self.history.append((clock(time.monotonic() - self.start), command, said(change) or step.says))

    def history_text(self):
        return "\n".join(f"  {at:>5}  {command:<21} {text}" for at, command, text in self.history)


class PlainView(View):
    def __init__(self, address):
        super().__init__(address)
        self.next = 0
        print(f"demo: the proxy listens on http://{address}", flush=True)

    def begin(self, *arguments):
        super().begin(*arguments)
        at, command, text = self.history[-1]
        print(f"{at}  {command}: {text}", flush=True)

    def update(self, live, status, visitors):
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + 1
        total = max(1, live["blue"] + live["green"])
        drains = sum(drain["requests"] for drain in status["services"][0]["drains"])
        print(f"      blue {live['blue'] / total:4.0%}  green {live['green'] / total:4.0%}  {live['rate']:6.0f}/s  "
              f"p99 {live['p99'] / 1000:.1f} ms  failed {live['failed'] + visitors.failed}  generation {live['generation']}"
              + (f"  draining {drains}" if drains else "") + (f"  rescued {live['rescued']:,}" if live["rescued"] else "")
              + machines_text(status), flush=True)


class LiveView(View):
    def __init__(self, address):
        super().__init__(address)
        self.colour = Colours(not os.environ.get("NO_COLOR"))
        self.strip = collections.deque(maxlen=HISTORY)

    def __enter__(self):
        sys.stdout.write("\x1b[?1049h\x1b[?25l\x1b[2J")  # a screen of its own, no cursor
        return self

    def __exit__(self, *_):
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()

    def update(self, live, status, visitors):
        total = live["blue"] + live["green"]
        self.strip.append(live["green"] / total if total else 0)
        lines = self.picture(live, status["services"][0], status, visitors)
        sys.stdout.write("\x1b[H" + "".join(line + "\x1b[K\n" for line in lines) + "\x1b[J")
        sys.stdout.flush()

    def picture(self, live, shop, status, visitors):
        c = self.colour
        elapsed = clock(time.monotonic() - self.start)
        command = "$ sluice " + " ".join(self.step.command) if self.step.command else self.step.title
        lines = [
            "",
            f"  {c('1', 'Sluice')}   http://{self.address}   generation {status['generation']}".ljust(WIDTH - 8 + (8 if c.on else 0))
            + c("2", f"{elapsed:>8}"),
            "",
            f"  {c('2', f'{self.number} of {self.count}')}   {c('1', command)}",
            f"           {self.step.says}",
            "",
        ]
        total = max(1, live["blue"] + live["green"])
        for pool in ("blue", "green"):
            lines.append(self.pool_line(pool, live[pool] / total, shop))
        lines += ["", f"  green's share, {HISTORY // 5} s   {self.sparkline()}", ""]
        failed = live["failed"] + visitors.failed
        verdict = c("1;32", "0 failed") if failed == 0 else c("1;31", f"{failed} failed")
        lines.append(f"  {live['rate']:>6,.0f} requests/s   p50 {live['p50'] / 1000:.2f} ms   p99 {live['p99'] / 1000:.2f} ms   "
                     f"{live['answered'] + visitors.answered:>9,} answered   {verdict}")
        lines += [self.drain_line(shop) + self.rescue_text(live, status), ""]
        for at, done, text in self.history[-8:]:
            lines.append(f"  {c('2', f'{at:>5}')}  {done:<21} {c('2', text)}")
        return lines

    def pool_line(self, pool, share, shop):
        c = self.colour
        filled = round(share * BAR)
        bar = c.pool(pool, "█" * filled) + c("2", "░" * (BAR - filled))
        if pool == shop["live"]:
            role = c("1", "live")
        else:
            role = "open" if shop["candidate_open"] else c("2", "closed")
        version = "v1" if pool == "blue" else "v2"
        return f"  {c.pool(pool, f'{pool:<5}')} {version} {share:>6.1%}  {bar}  {role}"

    def rescue_text(self, live, status):
        if not live["rescued"]:
            return ""
        return self.colour("33", f"   {live['rescued']:,} rescued by the live pool") + machines_text(status)

    def sparkline(self):
        cells = [BLOCKS[min(8, round(share * 8)) if share < 0.004 else max(1, round(share * 8))] for share in self.strip]
        return self.colour.pool("green", "".join(cells)[-44:])

    def drain_line(self, shop):
        if not shop["drains"]:
            return "  no drain"
        drain = shop["drains"][-1]
        dots = "●" * min(drain["requests"], 30)
        return f"  {self.colour('33', 'draining')} {drain['pool']} of generation {drain['generation']}: {drain['requests']} left {dots}"
