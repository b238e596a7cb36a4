"""The table on the terminal and the note in bench/results."""
import datetime
import platform
import subprocess
from pathlib import Path

def verdict(line):
    return {None: "", True: "pass", False: "FAIL"}[line.passed]


def table(lines):
    proxies = [name for name in ("nginx", "haproxy", "sluice") if any(name in line.values for line in lines)]
    rows = [("", *proxies, "goal", "", ""),
            *((line.what, *(line.values.get(name, "") for name in proxies), line.goal, verdict(line), line.note) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    numbers = range(1, len(proxies) + 2)
    return "\n".join("  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in numbers), row[-2].ljust(widths[-2]),
                                row[-1]]).rstrip() for row in rows)


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    cores = sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())
    return f"{model}, {cores} cores, Linux {platform.release()}"


def save(directory, sections, command):
    """One file per day; a second run of the day is added to it."""
    root = directory.parent.parent
    commit = output_of("git", "-C", str(root), "rev-parse", "--short", "HEAD")
    changed = output_of("git", "-C", str(root), "status", "--porcelain") not in ("", "unknown")
    now = datetime.datetime.now(datetime.timezone.utc)
    versions = [line.split("\n")[0] for line in (output_of("sh", "-c", "PATH=$PATH:/usr/sbin; nginx -v 2>&1"),
                                                 output_of("sh", "-c", "PATH=$PATH:/usr/sbin; haproxy -v"))]
    text = [f"## {now:%Y-%m-%d %H:%M} UTC", "", f"- machine: {machine()}", f"- commit: {commit}{' with changes' if changed else ''}",
            f"- command: `{command}`", f"- peers: {'; '.join(versions)}", ""]
    for title, lines in sections:
        text += [f"{title}", "", "```", table(lines), "```", ""]
    directory.mkdir(exist_ok=True)
    path = directory / f"{now:%Y-%m-%d}.md"
    head = path.read_text() if path.exists() else f"# Bench results of {now:%Y-%m-%d}\n\n"
    path.write_text(head + "\n".join(text))
    return path
