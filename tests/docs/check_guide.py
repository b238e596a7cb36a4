"""The guide's commands exist, with their options, and the messages that it quotes are the program's."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

from check_docs import ROOT, documents, read

BIN = os.path.abspath(os.environ.get("SLUICE_BIN", os.path.join(ROOT, "build/release/sluice")))
# Of the page about scripts: `sluice` is a host name there.
NOT_A_COMMAND = {"process", "processes"}


def help_of(verb, cache={}):
    """What --help of the verb shows, `endpoint drain` is one too; None: there is no such verb."""
    if verb not in cache:
        done = subprocess.run([BIN, *verb.split(), "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        cache[verb] = done.stdout if done.returncode == 0 else None
    return cache[verb]


def inner_verb(verb, rest):
    """`endpoint drain` of `endpoint` and ` drain ADDRESS`; a verb without verbs below stays as it is."""
    below = re.findall(r"(?m)^  (\w+) ", (help_of(verb).split("Subcommands:\n") + [""])[1])
    first = rest.split()[:1]
    return f"{verb} {first[0]}" if first and first[0] in below else verb


def commands(text):
    """(verb, the rest of its line) of each `sluice VERB ...` in code."""
    blocks = re.findall(r"^```(?:sh|console|text)?\n(.*?)^```", text, flags=re.S | re.M)
    inline = re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    for piece in blocks + [" ".join(each.split()) for each in inline]:
        for verb, rest in re.findall(r"(?:^|[\s/(])sluice ([a-z]+)\b([^\n#|;&,]*)", piece):
            if verb not in NOT_A_COMMAND:
                yield verb, rest


def literals():
    """Every string of the sources, neighbours joined as the compiler joins them."""
    text = ""
    for top in ("src", "include"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if name.endswith((".cpp", ".hpp")):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        text += file.read()
    return re.sub(r'"\s*\n\s*"', "", text).replace('\\"', '"')


class Guide(unittest.TestCase):
    def test_every_command_exists_with_its_options(self):
        count = 0
        for document in documents():
            if document.startswith(("docs/guide", "README")):
                for verb, rest in commands(read(document)):
                    count += 1
                    with self.subTest(document=document, command=f"sluice {verb}{rest}"):
                        self.assertIsNotNone(help_of(verb), "no such command")
                        verb = inner_verb(verb, rest)
                        for option in re.findall(r"(?<!\S)(--[a-z][\w-]*|-[a-z])\b", rest):
                            self.assertRegex(help_of(verb), rf"(^|[ ,]){option}\b")
        self.assertGreater(count, 60)

    def test_the_messages_of_troubleshooting_are_the_programs(self):
        known = literals()
        blocks = re.findall(r"^```text\n(.*?)^```", read("docs/guide/troubleshooting.md"), flags=re.S | re.M)
        self.assertGreater(len(blocks), 10)
        for line in "".join(blocks).splitlines():
            message = re.sub(r"^FILE:\d+:\d+: '\w+' is '[^']*', |^[\d.]+:\d+: |^/\S+: |^  try: | at /\S+: No such file or directory$", "", line)
            for part in re.split(r"…|expected |(?=; the unit)", message):
                if part.strip():
                    with self.subTest(line=line, part=part):
                        self.assertTrue(part.strip(" ,") in known, "no message of the program")

    def test_the_messages_of_the_runbook_are_the_programs(self):
        known = literals()
        chapter = read("docs/guide/production.md").split("## What a command says\n")[1]
        messages = re.findall(r"(?m)^\| `([^`]+)` \|", chapter)
        self.assertGreater(len(messages), 12)
        for message in messages:
            for part in message.split("…"):
                if part.strip(' "'):
                    with self.subTest(message=message, part=part):
                        self.assertTrue(part.strip(" ") in known, "no message of the program")

    def test_the_first_configuration_is_good_and_its_mistakes_are_told_so(self):
        page = read("docs/guide/getting-started.md")
        good = re.search(r"^```yaml\n(.*?)^```", page, flags=re.S | re.M)[1]
        told = re.search(r"^```\n(sluice\.yaml:.*?)^```", page, flags=re.S | re.M)[1]
        bad = good.replace("    pools:", "    pool:") + "    drain: {deadline: 30}\n"
        for text, status, said in [(good, 0, "sluice.yaml: good\n"), (bad, 1, told)]:
            with self.subTest(status=status), tempfile.TemporaryDirectory() as directory:
                with open(os.path.join(directory, "sluice.yaml"), "w", encoding="utf-8") as file:
                    file.write(text)
                done = subprocess.run([BIN, "check", "-c", "sluice.yaml"], cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, timeout=60, check=False)
                self.assertEqual((done.returncode, done.stdout), (status, said))

    def test_the_parts_of_a_service_that_the_guide_shows_are_good(self):
        frame = ("listeners: [{bind: 127.0.0.1:0}]\nservices:\n  - name: shop\n"
                 "    pools: {blue: {endpoints: [127.0.0.1:9001]}, green: {endpoints: [127.0.0.1:9002]}}\n")
        parts = re.findall(r"^```yaml\n((?:    .*\n)+)```", read("docs/guide/identity-and-pins.md"), flags=re.M)
        self.assertEqual(len(parts), 2)
        for part in parts:
            with self.subTest(part=part), tempfile.TemporaryDirectory() as directory:
                for name, text in [("beta-users.txt", "user-77\n"), ("sluice.yaml", frame + part)]:
                    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                        file.write(text)
                done = subprocess.run([BIN, "check", "-c", os.path.join(directory, "sluice.yaml")], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_parts_of_a_service_of_the_page_about_health_are_good(self):
        frame = ("listeners: [{bind: 127.0.0.1:0}]\nservices:\n  - name: shop\n"
                 "    pools: {blue: {endpoints: [127.0.0.1:9001]}, green: {endpoints: [127.0.0.1:9002]}}\n")
        parts = re.findall(r"^```yaml\n((?:    .*\n)+)```", read("docs/guide/health.md"), flags=re.M)
        self.assertEqual(len(parts), 3)
        for part in parts:
            with self.subTest(part=part), tempfile.TemporaryDirectory() as directory:
                path = os.path.join(directory, "sluice.yaml")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(frame + part)
                done = subprocess.run([BIN, "check", "-c", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                      timeout=60, check=False)
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_key_of_the_page_about_overload_is_good(self):
        rest = ("listeners: [{bind: 127.0.0.1:0}]\nservices:\n  - name: shop\n"
                "    pools: {blue: {endpoints: [127.0.0.1:9001]}, green: {endpoints: [127.0.0.1:9002]}}\n")
        [part] = re.findall(r"^```yaml\n(limits: .*\n)```", read("docs/guide/overload.md"), flags=re.M)
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "sluice.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(part + rest)
            done = subprocess.run([BIN, "check", "--print", "-c", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn("memory: 512MiB}", done.stdout)

    def test_the_part_of_a_service_of_the_page_about_overload_is_good(self):
        frame = ("listeners: [{bind: 127.0.0.1:0}]\nservices:\n  - name: shop\n"
                 "    pools: {blue: {endpoints: [127.0.0.1:9001]}, green: {endpoints: [127.0.0.1:9002]}}\n")
        [part] = re.findall(r"^```yaml\n((?:    .*\n)+)```", read("docs/guide/overload.md"), flags=re.M)
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "sluice.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(frame + part)
            done = subprocess.run([BIN, "check", "--print", "-c", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn("adaptive_concurrency: {min_limit: 4, max_limit: 1000, tolerance: 50%}", done.stdout)

    def test_every_proxy_status_is_explained(self):
        errors = set(re.findall(r'return "((?:http|connection|destination|proxy)_[a-z_]+)";', read("src/proxy/local_reply.cpp")))
        self.assertGreater(len(errors), 6)
        explained = set(re.findall(r"\| `([a-z_]+)` \|", read("docs/guide/troubleshooting.md")))
        self.assertEqual(errors - explained, set())


if __name__ == "__main__":
    if not os.access(BIN, os.X_OK):
        sys.exit(f"no binary at {BIN}: name it with SLUICE_BIN")
    unittest.main()
