"""The command reference, docs/guide/commands.md: made from what `--help` says, with one worked example for each command whose
output is what the program says. `./dev pages` writes it; the tests check that it is up to date.

usage: command_pages.py [--write]         SLUICE_BIN names the program, as for the integration tests
"""

import contextlib
import os
import re
import subprocess
import sys

from config_pages import ROOT, filled, read

sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from harness import BIN, ScriptedOrigin, Sluice, answering, service

PAGE = "docs/guide/commands.md"
PATIENCE = 60

# In the order in which they are run: command, words before it, arguments. BLUE2 is the address of an endpoint.
# One scene for all: a service with two endpoints in blue and one in green.
EXAMPLES = [
    ("run", "In the foreground; what it says goes to standard error:", ["run", "-c", "CONFIG"]),
    ("check", "Before a file is used:", ["check", "-c", "CONFIG"]),
    ("status", "", ["status"]),
    ("split", "Ten users in a hundred:", ["split", "10", "--reason", "release 42"]),
    ("switch", "First what would happen, then the switch itself, waiting for the drain:",
     ["switch", "green", "--dry-run"], ["switch", "green", "--wait", "--reason", "release 42"]),
    ("rollback", "The second one is harmless:", ["rollback", "--reason", "errors in the log"], ["rollback"]),
    ("endpoint", "A machine that needs a new disk, and back; `status` shows when nothing is left there:",
     ["endpoint", "drain", "BLUE2", "--reason", "new disk"], ["endpoint", "enable", "BLUE2"]),
    ("explain", "", ["explain", "--user", "user-9"]),
    ("events", "The newest three; `--follow` goes on until Ctrl-C:", ["events", "--recent", "3"]),
    ("audit", "", ["audit", "--limit", "4"]),
    ("audit verify", "", ["audit", "verify", "-c", "CONFIG"]),
    ("version", "", ["version"]),
]
# Groups and their parts share an example.
SHARED = {"endpoint drain": "endpoint", "endpoint enable": "endpoint", "endpoint disable": "endpoint"}


# ---------------------------------------------------------------- what --help says

class Command:
    """One command: name, about, usage, and rows of (name, argument, text, default)."""

    def __init__(self, name, text):
        self.name = name
        lines = text.splitlines()
        self.about = lines[0]
        self.usage = next(line for line in lines if line.startswith("Usage: ")).removeprefix("Usage: ")
        self.parts = {title: rows(text, title) for title in ("Positionals", "Options", "Subcommands")}

    @property
    def below(self):
        return [f"{self.name} {row[0]}".strip() for row in self.parts["Subcommands"]]

    @property
    def options(self):
        """Long names, but for --help."""
        return [name for row in self.parts["Options"] for name in row[0].split(",") if name.startswith("--") and name != "--help"]


def rows(text, title):
    """(name, argument, about, default) of one part of a help text."""
    found = re.search(rf"^{title}:\n((?: .*\n)+)", text, flags=re.M)
    out = []
    for line in found[1].splitlines() if found else []:
        if line.startswith("   "):  # the words of a name that is too long for its column
            out[-1][1] = line.strip()
        else:
            name, _, about = line.strip().partition("  ")
            out.append([name, about.strip()])
    return [row_of(name, about) for name, about in out]


def row_of(name, about):
    name = re.sub(r" REQUIRED$|:\{[^}]*\}", "", name)
    name, _, excluded = name.partition(" Excludes: ")
    name, _, argument = name.partition(" ")
    argument, _, default = argument.partition("=")
    if excluded:
        about += f"; not with {excluded}"
    return name, argument, about, default


def help_of(name):
    done = subprocess.run([BIN, *name.split(), "--help"], stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True)
    return Command(name, done.stdout)


def all_commands(name=""):
    """Every command in the order of the help, those below behind the one above."""
    command = help_of(name)
    return ([command] if name else []) + [each for below in command.below for each in all_commands(below)]


# ---------------------------------------------------------------- what the program says

def steady(text):
    """What differs from run to run gets a value of its own kind."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "2026-01-31T12:00:00.000Z", text)
    text = re.sub(r"after \d+\.\d+ ms, \d+\.\d+ ms to disk", "after 0.15 ms, 0.90 ms to disk", text)
    text = re.sub(r"after \d+\.\d s", "after 0.0 s", text)
    text = re.sub(r"uid \d+, pid \d+", "uid 1000, pid 4711", text)
    return re.sub(r"at most \d+ client connections \(descriptor limit \d+\)", "at most 9968 client connections (descriptor limit 20000)", text)


def shell_word(word):
    return f'"{word}"' if " " in word else word


@contextlib.contextmanager
def scene():
    """A fresh proxy with two endpoints in blue and one in green, and their addresses."""
    origins = [ScriptedOrigin(answering) for _ in range(3)]
    blue, blue2, green = (origin.address for origin in origins)
    proxy = Sluice([service([blue, blue2], [green])])
    try:
        yield proxy, (blue, blue2, green)
    finally:
        proxy.stop()
        proxy.remove()
        for origin in origins:
            origin.stop()


def run_examples():
    """The words and the lines of each example's block, by command."""
    with scene() as (proxy, (blue, blue2, green)):
        # Ports of five digits stand for ports of five digits: columns stay as they are.
        shown = {blue: "127.0.0.1:19001", blue2: "127.0.0.1:19002", green: "127.0.0.1:19003", proxy.address: "127.0.0.1:18080",
                 proxy.config_file: "/etc/sluice/sluice.yaml", os.path.join(proxy.directory, "state"): "/var/lib/sluice"}
        words_for = {"BLUE2": blue2, "CONFIG": proxy.config_file}
        blocks = {}
        for command, words, *calls in EXAMPLES:
            text = "".join(run_call(proxy, [words_for.get(word, word) for word in call]) for call in calls)
            for real, name in shown.items():
                text = text.replace(real, name)
            blocks[command] = (words, steady(text).rstrip())
        return blocks


def run_call(proxy, arguments):
    """The command as one types it, and what it says; `run` is the one that runs."""
    if arguments[0] == "run":
        said = proxy.errors()
    else:
        done = proxy.cli(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        said = done.stdout + done.stderr
    return "$ sluice " + " ".join(map(shell_word, arguments)) + "\n" + said


# ---------------------------------------------------------------- the page

def cell(text):
    return text.replace("|", r"\|")


def table(command):
    out = []
    for name, argument, about, default in command.parts["Positionals"] + command.parts["Options"]:
        if name == "-h,--help":
            continue
        names = ", ".join(f"`{each}`" for each in name.split(","))
        if argument:
            names += f" `{cell(argument)}`"
        out.append(f"| {names} | {cell(about)}" + (f". Default: `{default}`" if default else "") + " |")
    return "\n".join(["| | |", "| --- | --- |", *out]) if out else ""


def section(command, blocks):
    level = "#" * (2 + command.name.count(" "))
    parts = [f"{level} {command.name}", command.about + ".", f"```text\n{command.usage}\n```", table(command)]
    if command.name in blocks:
        words, text = blocks[command.name]
        parts += [words, f"```console\n{text}\n```"]
    return "\n\n".join(part for part in parts if part)


def page_text():
    commands = all_commands()
    names = {command.name for command in commands}
    illustrated = {command for command, *_ in EXAMPLES}
    missing = sorted(names - illustrated - set(SHARED))
    if missing or illustrated - names:
        sys.exit(f"EXAMPLES of tests/docs/command_pages.py: none for {missing}; of no command: {sorted(illustrated - names)}")
    blocks = run_examples()
    content = "\n\n".join(section(command, blocks) for command in commands)
    return filled(read(PAGE), "<!-- commands -->", "<!-- end of commands -->", lambda match: "\n" + content + "\n")


def main():
    text = page_text()
    if text == read(PAGE):
        return 0
    if "--write" not in sys.argv:
        print(f"{PAGE}: differs from what the program says: run ./dev pages")
        return 1
    with open(os.path.join(ROOT, PAGE), "w", encoding="utf-8") as file:
        file.write(text)
    print(f"{PAGE}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
