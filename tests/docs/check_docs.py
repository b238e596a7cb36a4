"""Rules that documents must keep: links lead somewhere, files that they name exist, keys and commands are the program's own."""

import os
import re
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "docs", "guide"))
sys.dont_write_bytecode = True


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def documents():
    top = [name for name in os.listdir(ROOT) if name.endswith(".md")]
    below = [os.path.relpath(os.path.join(folder, name), ROOT)
             for folder, _, names in os.walk(os.path.join(ROOT, "docs")) for name in names if name.endswith(".md")]
    return sorted(top + below)


def without_code(text):
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.S | re.M)


def anchor(heading):
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return words.replace(" ", "-")


class Documents(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for document in documents():
            for target in re.findall(r"\]\(([^)\s]+)\)", without_code(read(document))):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, part = target.partition("#")
                file = os.path.normpath(os.path.join(os.path.dirname(document), path)) if path else document
                with self.subTest(document=document, link=target):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, file)), "no such file")
                    if part:
                        headings = re.findall(r"^#+ (.*)$", without_code(read(file)), flags=re.M)
                        self.assertIn(part, [anchor(heading) for heading in headings])

    def test_files_that_are_named_exist(self):
        pattern = r"`((?:src|include|tests|cmake|config|docker|bench|docs)/[\w./-]+)`"
        for document in documents():
            for path in re.findall(pattern, without_code(read(document))):
                with self.subTest(document=document, path=path):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, path)), "no such file")

    def test_every_decision_is_listed(self):
        names = [name for name in os.listdir(os.path.join(ROOT, "docs/adr")) if re.match(r"\d{4}-", name)]
        listed = re.findall(r"\((\d{4}-[\w-]+\.md)\)", read("docs/adr/README.md"))
        self.assertEqual(sorted(names), sorted(listed))

    def test_no_document_names_somebodys_directory(self):
        # A path of the machine on which a page was written helps nobody else.
        for document in documents():
            with self.subTest(document=document):
                self.assertIsNone(re.search(r"/work/|/home/|/root/", read(document)))


class Hash(unittest.TestCase):
    def test_the_table_and_the_recipe_have_the_same_vectors(self):
        import hash_recipe

        rows = re.findall(r"^\| `(.*?)`(.*?)\| (\d+) \| (\d+) \|$", read("docs/guide/hash.md"), flags=re.M)
        table = [(text.encode() + (b"\xff\x00" if "FF 00" in rest else b""), int(murmur3), int(bucket))
                 for text, rest, murmur3, bucket in rows]
        recipe = [(salt + b":" + identity, murmur3, bucket) for salt, identity, murmur3, bucket in hash_recipe.VECTORS]
        self.assertEqual(table, recipe)
        self.assertEqual(len(recipe), 6)


class Conformance(unittest.TestCase):
    """Each line of the tables that claim a behaviour names tests, and each of these exists."""

    @staticmethod
    def sources(*folders):
        for folder in folders:
            for below, _, names in os.walk(os.path.join(ROOT, folder)):
                yield from (os.path.relpath(os.path.join(below, name), ROOT) for name in sorted(names))

    def known(self):
        found = set()
        for path in self.sources("tests/unit", "tests/sim"):
            if path.endswith("_test.cpp"):
                for title in re.findall(r'TEST_CASE(?:_METHOD\(\w+,|\()\s*((?:"[^"]*"\s*)+)', read(path)):
                    found.add("".join(re.findall(r'"([^"]*)"', title)))
        for path in self.sources("tests/integration"):
            script = re.fullmatch(r"tests/integration/(test_\w+)\.py", path)
            group = None
            for line in read(path).splitlines() if script else []:
                if begin := re.match(r"class (\w+)", line):
                    group = begin[1]
                elif test := re.match(r"    def (test_\w+)", line):
                    found.add(f"{script[1]}.{group}.{test[1]}")
        for path in self.sources("tests/fuzz"):
            if target := re.fullmatch(r"tests/fuzz/(\w+)_fuzz\.cpp", path):
                found.add(f"fuzz_regress_{target[1]}")
        return found

    def test_the_tests_that_are_named_exist(self):
        tests = self.known()
        self.assertGreater(len(tests), 500)
        lines = 0
        for document in ("docs/http-conformance.md", "SECURITY.md"):
            for table in re.findall(r"(?m)^\|.*\| test \|\n\|[ -|]*\n((?:\|.*\n)+)", read(document)):
                for line in table.splitlines():
                    lines += 1
                    names = re.findall(r"`([^`]+)`", line.rstrip("|").rsplit(" | ", 1)[1])
                    with self.subTest(document=document, line=line[:60]):
                        self.assertTrue(names, "no test is named")
                        self.assertEqual([name for name in names if name not in tests], [])
        self.assertGreater(lines, 100)


class Bounds(unittest.TestCase):
    """What SECURITY.md says of the limits is what the program has."""

    UNITS = {"B": 1, "Ki": 1 << 10, "KiB": 1 << 10, "MiB": 1 << 20, "ms": 1, "s": 1000, "h": 3_600_000}
    # They pace the program's own work; nobody outside can spend more of it by them.
    OWN_PACE = set("""kTimerTick kTimerSlots kLoopAway kFileLook kFileLooksMax kFileRetryLooksMax kResolveEvery kResolveRetry
        kResolveAtStart kPersistRetryFirst kPersistRetryMax kAuditFindingsMax kAuditLooksAlike kAuditLooksMax kDrainPoll
        kWorkerSilence kShareTick kShareWindow kForgottenServiceAge kEventHeartbeat kHealthLook kBreakerHoldEvery kSlowStartLeast kIdleLook
        kOverloadLook kOverloadLookFast kAdaptiveLook kTrimEvery kIdleLetGoMax
        kReserveForRemote kReserveForCallers kReserveForAnswers kReserveForState""".split())

    def program(self):
        """Names with numbers: bytes or counts as they are, times in milliseconds."""
        scale = {"milliseconds": 1, "seconds": 1000, "hours": 3_600_000}
        found = {}
        pattern = r"(?m)^inline constexpr ([\w:]+) (k\w+)(?:\{(.*?)\}| =\s(.*?));"
        for kind, name, braced, assigned in re.findall(pattern, read("include/sluice/core/limits.hpp"), flags=re.S):
            expression = (braced or assigned).replace("'", "")
            self.assertRegex(expression, r"^[\w\s*+]+$")
            found[name] = eval(expression, {}, found) * scale.get(kind.removeprefix("std::chrono::"), 1)
        return found

    def documented(self):
        table = read("SECURITY.md").split("| what | bound | name |\n")[1].split("\n\n")[0]
        for line in table.splitlines()[1:]:
            _, bounds, names = line.strip("| ").split(" | ")
            names = re.findall(r"`(k\w+)`", names)
            bounds = bounds.split("; ")
            self.assertEqual(len(names), len(bounds), line)
            yield from zip(names, bounds)

    def test_the_fixed_bounds_are_those_of_limits_hpp(self):
        program, documented = self.program(), dict(self.documented())
        self.assertGreater(len(program), 80)
        for name, bound in documented.items():
            number, _, unit = bound.partition(" ")
            with self.subTest(name=name):
                self.assertEqual(int(number.replace(",", "")) * self.UNITS[unit or "B"], program.get(name))
        self.assertEqual(set(program) - set(documented) - self.OWN_PACE, set(), "bounds that SECURITY.md does not show")
        self.assertLessEqual(self.OWN_PACE, set(program) - set(documented))

    def test_the_defaults_are_those_of_the_reference(self):
        reference = dict(re.findall(r"(?m)^\| `(\w+)` \| .*? \| `([^`]+)` \| ", read("docs/guide/configuration.md")))
        table = read("SECURITY.md").split("| what | key | default | beyond it |\n")[1].split("\n\n")[0]
        rows = re.findall(r"(?m)^\| .* \| `(\w+)` \| (.*?) \| .* \|$", table)
        self.assertEqual(len(rows), len(table.splitlines()) - 1)
        for key, default in rows:
            with self.subTest(key=key):
                self.assertEqual(default.replace(" ", ""), reference.get(key))


class Metrics(unittest.TestCase):
    def test_the_documented_metrics_are_the_programs(self):
        sources = "".join(read(os.path.join("src", folder, name)) for folder in ("admin", "app", "control")
                          for name in os.listdir(os.path.join(ROOT, "src", folder)) if name.endswith(".cpp"))
        program = set(re.findall(r'"(sluice_\w+)"', sources))
        documented = set(re.findall(r"^\| `(sluice_\w+)`", read("docs/guide/monitoring.md"), flags=re.M))
        self.assertGreater(len(program), 20)
        self.assertEqual(sorted(documented), sorted(program))


class Problems(unittest.TestCase):
    def test_every_code_has_a_section_and_no_other_is_there(self):
        program = re.findall(r'Title\{"(\w+)"', read("src/admin/problem.cpp"))
        self.assertGreater(len(program), 10)
        errors = read("docs/guide/admin-api.md").split("## Errors\n")[1].split("\n## ")[0]
        self.assertEqual(sorted(re.findall(r"(?m)^### (\w+)$", errors)), sorted(program))
        refusals = re.findall(r'return "(\w+)";', read("src/control/change.cpp").split("RefusalCode code")[1].split("DrainOutcome")[0])
        self.assertGreater(len(refusals), 8)
        self.assertLessEqual(set(refusals), set(program))


class Commands(unittest.TestCase):
    def words_of_program(self):
        source = read("src/cli/main_cli.cpp")
        verbs = re.findall(r'add_subcommand\(\s*"(\w+)"', source)
        options = re.findall(r'add_(?:option|flag)\("(?:-\w,)?(--[\w-]+)"', source)
        return verbs, options

    def test_the_man_page_has_every_command_and_option(self):
        verbs, options = self.words_of_program()
        self.assertGreater(len(verbs), 5)
        self.assertGreater(len(options), 8)
        page = read("docs/man/sluice.1").replace("\\-", "-")
        for verb in verbs:
            with self.subTest(verb=verb):
                self.assertRegex(page, rf"(?m)^\.SS (?:\w+ )?{verb}$")
        for option in options:
            with self.subTest(option=option):
                self.assertIn(option, page)

    def test_the_man_page_has_no_other_option(self):
        _, options = self.words_of_program()
        page = read("docs/man/sluice.1").replace("\\-", "-")
        for option in set(re.findall(r"--[a-z][\w-]*", page)):
            with self.subTest(option=option):
                self.assertIn(option, [*options, "--help", "--version"])


if __name__ == "__main__":
    unittest.main()
