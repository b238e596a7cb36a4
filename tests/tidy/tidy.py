#!/usr/bin/env python3
"""Rules of the repository as a test: include edges, confined headers, no sleeps, every limit used, no foreign paths.

usage: tidy.py ROOT          checks the tree
       tidy.py --self-test   shows that each rule can fail
"""

import os
import re
import sys
import tempfile

# folder -> folders of ours that it may include besides itself (docs/internals/architecture.md, "Dependency rule")
EDGES = {
    "core": "",
    "http": "core",
    "policy": "core",
    "metrics": "core",
    "net": "core",
    "model": "core http policy metrics",
    "config": "core http policy model",
    "proxy": "core http policy metrics model net",
    "control": "core http policy metrics model config net",
    "admin": "core http policy metrics control net",
    "cli": "core http config model",
}  # app may include everything: it only wires

# What of net the data path may see: nothing that brings libuv with it (CMake's sluice_net_core).
NET_CORE = {"transport", "connector", "loop", "timer_wheel", "byte_queue", "chunk_pool", "reaper", "mailbox", "slab", "acceptor"}

# third-party header -> where it may stand
CONFINED = [
    (r"uv\.h", r"src/net/"),
    (r"llhttp\.h", r"src/http/llhttp_builds\.hpp"),
    (r"yaml-cpp/", r"src/config/parse\.cpp"),
    (r"nlohmann/", r"src/admin/|src/cli/|src/control/state_\w+\.cpp|src/control/audit\w*\.cpp"),
    (r"CLI/", r"src/cli/main_cli\.cpp"),
    (r"openssl/", r"src/net/tls_|src/control/digest\.cpp"),
]

SLEEPS = re.compile(r"\b(sleep_for|sleep_until|usleep|uv_sleep|nanosleep)\b|\btime\.sleep\b|(?<![\w.])sleep\s*\(")
SLOW = "tests/tools/slow/"  # takes time, and that is all it does: no test waits there for anything
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)
MACHINE = re.compile(r"/(?:work|root|home/\w+)/[\w.]")
TEXT = (".cpp", ".hpp", ".py", ".txt", ".cmake", ".md", ".yaml", ".yml", ".json", ".sh", "")


class Tree:
    def __init__(self, root):
        self.root = root
        self.problems = []
        self.files = {}
        for top in ("include", "src", "tests", "bench", "config", "docker", "docs", "cmake", ".ci"):
            for directory, names, files in os.walk(os.path.join(root, top)):
                names[:] = [name for name in names if name not in ("corpus", "__pycache__", "build")]
                for name in files:
                    self.read(os.path.join(directory, name))
        for name in ("dev", "README.md", "CHANGELOG.md", "SECURITY.md", "CMakeLists.txt"):
            if os.path.exists(os.path.join(root, name)):
                self.read(os.path.join(root, name))

    def read(self, path):
        if os.path.splitext(path)[1] not in TEXT:
            return
        try:
            with open(path, encoding="utf-8") as file:
                self.files[os.path.relpath(path, self.root)] = file.read()
        except UnicodeDecodeError:
            pass

    def report(self, path, text, at, what):
        self.problems.append(f"{path}:{text.count(chr(10), 0, at) + 1}: {what}")

    def sources(self, *tops):
        return [(path, text) for path, text in self.files.items()
                if path.endswith((".cpp", ".hpp")) and path.startswith(tops)]


def folder_of(path):
    match = re.match(r"(?:include/sluice|src)/(\w+)/", path)
    return match.group(1) if match else None


def target_of(include):
    """(folder, stem) of an include of ours, as written."""
    match = re.match(r"(?:sluice/)?(\w+)/(?:.*/)?(\w+)\.hpp$", include)
    return match.groups() if match else (None, None)


def include_edges(tree):
    for path, text in tree.sources("include/", "src/"):
        folder = folder_of(path)
        for match in INCLUDE.finditer(text):
            if match.group(1) == "<":
                continue
            target, stem = target_of(match.group(2))
            if target not in EDGES and target != "app":
                tree.report(path, text, match.start(), f'"{match.group(2)}": not a full path from include/ or src/')
            elif folder in EDGES and target != folder and target not in EDGES[folder].split():
                tree.report(path, text, match.start(), f"{folder} must not include {target}")
            elif path.startswith("include/") and not match.group(2).startswith("sluice/"):
                tree.report(path, text, match.start(), "a pure header includes one of src/")
            elif folder == "proxy" and target == "net" and stem not in NET_CORE:
                tree.report(path, text, match.start(), f"proxy sees only the part of net without libuv, not net/{stem}.hpp")


def confined_headers(tree):
    for path, text in tree.sources("include/", "src/"):
        for match in INCLUDE.finditer(text):
            for header, places in CONFINED:
                if re.match(header, match.group(2)) and not re.match(places, path):
                    tree.report(path, text, match.start(), f"<{match.group(2)}> is confined to {places}")


def pragma_once(tree):
    for path, text in tree.sources("include/", "src/", "tests/", "bench/"):
        if path.endswith(".hpp") and "#pragma once" not in text.split("#include", 1)[0]:
            tree.report(path, text, 0, "no #pragma once above the first include")


def no_using_namespace_in_headers(tree):
    for path, text in tree.sources("include/", "src/"):
        match = re.search(r"^\s*using namespace\b", text, re.M)
        if path.endswith(".hpp") and match:
            tree.report(path, text, match.start(), "using namespace in a header")


def no_sleeps(tree):
    for path, text in tree.files.items():
        if path.endswith((".cpp", ".hpp", ".py")) and path.startswith(("src/", "include/", "tests/")) and not path.startswith(("tests/tidy/", SLOW)):
            for match in SLEEPS.finditer(text):
                tree.report(path, text, match.start(), "sleeps: wait for an event or move a clock")


def every_limit_used(tree):
    limits = "include/sluice/core/limits.hpp"
    if limits not in tree.files:
        return tree.problems.append(f"{limits}: missing")
    others = "\n".join(text for path, text in tree.sources("include/", "src/") if path != limits)
    text = tree.files[limits]
    for match in re.finditer(r"^inline constexpr [\w:]+ (k\w+)", text, re.M):
        if not re.search(rf"\b{match.group(1)}\b", others):
            tree.report(limits, text, match.start(), f"{match.group(1)} is used nowhere")


def no_machine_paths(tree):
    for path, text in tree.files.items():
        if path.startswith("tests/tidy/"):
            continue
        for match in MACHINE.finditer(text):
            tree.report(path, text, match.start(), f"a path of one machine: {match.group(0)}")


def tests_mirror_the_tree(tree):
    for path, text in tree.sources("tests/unit/"):
        folder = path.split("/")[2]
        if folder not in EDGES and folder != "app":
            tree.report(path, text, 0, f"no folder src/{folder} to mirror")


RULES = [include_edges, confined_headers, pragma_once, no_using_namespace_in_headers, no_sleeps, every_limit_used,
         no_machine_paths, tests_mirror_the_tree]


def check(root):
    tree = Tree(root)
    for rule in RULES:
        rule(tree)
    return tree.problems


def self_test():
    """One file for each rule that breaks it, and the words that must be found."""
    limits = "#pragma once\ninline constexpr int kUsed = 1;\n"
    bad = [
        ("src/policy/a.cpp", '#include "model/x.hpp"\n', "policy must not include model"),
        ("src/proxy/a.cpp", '#include "control/x.hpp"\n', "proxy must not include control"),
        ("src/proxy/b.cpp", '#include "net/event_loop.hpp"\n', "without libuv"),
        ("include/sluice/http/a.hpp", '#pragma once\n#include "net/x.hpp"\n', "http must not include net"),
        ("src/core/a.cpp", '#include "a.hpp"\n', "not a full path"),
        ("src/proxy/c.cpp", "#include <uv.h>\n", "confined"),
        ("src/control/controller.cpp", "#include <nlohmann/json.hpp>\n", "confined"),
        ("src/core/b.hpp", "int x;\n", "no #pragma once"),
        ("src/core/c.hpp", "#pragma once\nusing namespace std;\n", "using namespace"),
        ("tests/unit/core/a_test.cpp", "std::this_thread::sleep_for(1s);\n", "sleeps"),
        ("tests/integration/a.py", "time.sleep(1)\n", "sleeps"),
        ("include/sluice/core/limits.hpp", limits + "inline constexpr int kUnused = 2;\n", "kUnused is used nowhere"),
        ("docs/a.md", "see /home/me/x\n", "a path of one machine"),
        ("tests/unit/nothing/a_test.cpp", "", "to mirror"),
    ]
    for path, text, words in bad:
        with tempfile.TemporaryDirectory() as root:
            files = {"include/sluice/core/limits.hpp": limits, "src/core/use.cpp": "kUsed\n", path: text}
            for name, content in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
                with open(os.path.join(root, name), "w") as file:
                    file.write(content)
            found = check(root)
            if len(found) != 1 or words not in found[0] or not found[0].startswith(path + ":"):
                return [f"self-test: {path} should give one finding with '{words}', gave {found}"]
    return []


def main():
    problems = self_test()
    if sys.argv[1:] != ["--self-test"]:
        problems += check(sys.argv[1])
    for problem in problems:
        print(problem)
    print(f"tidy: {len(problems)} problem(s)" if problems else "tidy: the tree keeps its rules")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
