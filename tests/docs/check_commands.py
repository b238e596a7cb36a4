"""The command reference is what the program says, and the man page has each command with exactly its options."""

import os
import re
import subprocess
import sys
import unittest

import command_pages
from check_docs import read

# What the man page tells once, under COMMON OPTIONS.
COMMON = {"--socket", "--config", "--json"}


def man_chapter(page, title):
    return page.split(f"\n.SH {title}\n")[1].split("\n.SH ")[0]


def tagged_options(text):
    """The long options that have a paragraph of their own."""
    tags = re.findall(r"(?m)^\.TP\n(.*)$", text)
    return {option for tag in tags for option in re.findall(r"--[a-z][\w-]*", tag)}


class Commands(unittest.TestCase):
    def setUp(self):
        self.commands = {command.name: command for command in command_pages.all_commands()}
        self.man = re.sub(r"\\f[BIR]", "", read("docs/man/sluice.1")).replace("\\-", "-")

    def test_the_help_is_understood(self):
        self.assertGreater(len(self.commands), 12)
        self.assertIn("endpoint drain", self.commands)
        switch = {row[0]: row for row in self.commands["switch"].parts["Options"]}
        self.assertEqual(switch["--drain"][1], "30s")
        self.assertTrue(switch["--wait"][2].endswith("; not with --dry-run"))
        self.assertEqual([row[0] for row in self.commands["switch"].parts["Positionals"]], ["POOL", "SERVICE"])
        run = {row[0]: row for row in self.commands["run"].parts["Options"]}
        self.assertEqual(run["-c,--config"][1:], ("FILE", "Configuration file", "/etc/sluice/sluice.yaml"))
        self.assertEqual(run["--state"][1], "discard|previous")

    def test_the_reference_is_up_to_date(self):
        self.maxDiff = None
        # The lines that differ are what one wants to see: ./dev pages writes them.
        self.assertEqual(command_pages.page_text().splitlines(), read(command_pages.PAGE).splitlines())

    def test_the_runbook_can_be_followed(self):
        """A release, a rollback, a machine taken out: the commands of production.md, one after the other."""
        page = read("docs/guide/production.md")
        lines = [line for title in ("A release: 10 %, 50 %, 100 %", "Rollback at night", "Taking a machine out")
                 for block in re.findall(r"(?ms)^```sh\n(.*?)^```", page.split(f"\n## {title}\n")[1].split("\n## ")[0])
                 for line in block.splitlines() if "--follow" not in line]
        self.assertEqual(len(lines), 10)
        with command_pages.scene() as (proxy, (_, machine, _)):
            proxy.rollback()  # as the runbook's first start ends
            script = "\n".join(f"echo; {line}" for line in lines).replace("10.0.0.7:8080", machine)
            environment = {**os.environ, "PATH": os.path.dirname(command_pages.BIN) + ":" + os.environ["PATH"], "SLUICE_SOCKET": proxy.socket, "LC_ALL": "C.UTF-8"}
            done = subprocess.run(["bash", "-e", "-c", script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=command_pages.PATIENCE, check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
            told = [text.splitlines()[0] for text in done.stdout.strip().split("\n\n") if text.startswith("shop: ")]
            self.assertEqual(told, ["shop: green would be live, blue closed (dry run, nothing has changed)", "shop: green gets 0 % of the users (generation 3)",
                                    "shop: green gets 10 % of the users (generation 4)", "shop: green gets 50 % of the users (generation 5)",
                                    "shop: green is live, blue is closed (generation 6)", "shop: rolled back: blue is live, green is closed (generation 7)",
                                    f"shop: blue/{machine} is draining: no new requests; what runs there ends by itself (generation 8)",
                                    f"shop: blue/{machine} takes requests again (generation 9)"])

    def test_the_man_page_has_each_commands_options_and_no_other(self):
        sections = dict(re.findall(r"(?ms)^\.SS ([\w ]+)\n(.*?)(?=^\.S[SH] |\Z)", man_chapter(self.man, "COMMANDS") + "\n"))
        grouped = {name for name in self.commands if name.startswith("endpoint ")}
        self.assertEqual(set(sections), set(self.commands) - grouped)
        common = man_chapter(self.man, "COMMON OPTIONS")
        self.assertEqual(tagged_options(common), COMMON)
        self.assertEqual(set(re.findall(r"\w+", common.splitlines()[0])) - {"Of", "and"},
                         {name.split()[0] for name, command in self.commands.items() if "--socket" in command.options})
        for name, text in sections.items():
            with self.subTest(command=name):
                wanted = {option for each, command in self.commands.items() if each == name or (each in grouped and name == "endpoint")
                          for option in command.options}
                if "--socket" in wanted:
                    self.assertLessEqual(COMMON, wanted)
                    self.assertEqual(tagged_options(text) - COMMON, wanted - COMMON)
                else:
                    # `version --json` is told in its sentence.
                    self.assertEqual(tagged_options(text) | set(re.findall(r"with (--json)", text)), wanted)

    def test_the_synopsis_of_the_man_page_has_every_command_and_option(self):
        synopsis = man_chapter(self.man, "SYNOPSIS").replace("\n    ", " ").replace("drain|disable|enable", "")
        lines = {re.match(r"sluice [a-z]+(?: verify)?", line)[0]: line for line in synopsis.splitlines() if line.startswith("sluice ")}
        for name, command in self.commands.items():
            if name in ("endpoint",):
                continue
            head = "sluice endpoint" if name.startswith("endpoint ") else f"sluice {name}"
            for row in command.parts["Options"]:
                names = row[0].split(",")
                is_common = "--socket" in command.options and COMMON & set(names) - {"--json"}
                if "--help" in names or is_common:
                    continue
                with self.subTest(command=name, option=row[0]):
                    self.assertTrue(any(re.search(rf"(?<![\w-]){each}(?![\w-])", lines[head]) for each in names), lines[head])


if __name__ == "__main__":
    if not os.access(command_pages.BIN, os.X_OK):
        sys.exit(f"no binary at {command_pages.BIN}: name it with SLUICE_BIN")
    unittest.main()
