"""The configuration's schema, reference and examples against the program: what one knows the other knows, at the same place,
with the same default; what the program accepts the schema accepts; wrong values are refused by both."""

import copy
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import jsonschema
import yaml

import config_pages
from config_pages import ROOT, fallback_of, path_of, read

BIN = os.path.abspath(os.environ.get("SLUICE_BIN", os.path.join(ROOT, "build/release/sluice")))
PROGRAM = os.path.abspath(os.environ.get("CONFIG_TABLES", os.path.join(ROOT, "build/release/tests/docs/config-tables")))
PATIENCE = 60
TABLES = config_pages.load_tables(PROGRAM)
SCHEMA = json.loads(read(config_pages.SCHEMA))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLES = sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "config/examples/*.yaml"))) + ["docker/sluice.yaml"]


class CoreLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML 1.2 as editors read it: `on` and `off` are words, `<<` is a key."""
    yaml_implicit_resolvers = {}


for kind, pattern, first in [("null", r"^(~|null|Null|NULL|)$", "~nN"), ("bool", r"^(true|True|TRUE|false|False|FALSE)$", "tTfF"),
                             ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
                             ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", "-+0123456789.")]:
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(pattern), list(first) + ([""] if kind == "null" else []))


def ask(verb, configurations):
    """The program's answer to each configuration."""
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in configurations)
    done = subprocess.run([PROGRAM, verb], input=lines, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(configurations)
    return answers


def check(*arguments):
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    return subprocess.run([BIN, "check", *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE, check=False)


# ---------------------------------------------------------------- configurations that are made from the table

def sample(path, key):
    """A good value of a key."""
    least = key["range"][0]
    if (path, key["name"]) in SAMPLES:
        return SAMPLES[path, key["name"]]
    value = {
        "map": lambda: minimal(path_of(path, key)), "number": lambda: least, "duration": lambda: f"{least}ms",
        "size": lambda: f"{least}B", "data_rate": lambda: f"{least}B/s", "percent": lambda: "1%", "word": lambda: key["words"][0], "text": lambda: "x",
        "name": lambda: "listener-1", "token": lambda: "X-A", "query_name": lambda: "q", "host": lambda: "a.example",
        "path": lambda: "/a", "path_pattern": lambda: "/a/*.js", "target": lambda: "/a?b=c", "statuses": lambda: "200-299", "dependency": lambda: "database", "mode": lambda: "0600", "address": lambda: "127.0.0.1:0", "network": lambda: "10.0.0.0/8",
        "address_or_path": lambda: "127.0.0.1:0", "endpoint": lambda: "127.0.0.1:9001",
        "pool_map": lambda: {"a": "blue"}, "rate": lambda: "5/min", "nothing": lambda: None,
    }[key["form"]]()
    return [value] if key["item"] else value


def minimal(path):
    table = TABLES[path]
    needed = [key["name"] for key in table["keys"] if key["required"]] + (table["one_of"][0] if table["one_of"] else []) + table["at_least_one"][:1]
    if len(needed) < table["count"][0]:
        first = table["keys"][0]["name"]
        needed = next((names for names in table["together"] if first in names), [first])
    keys = [key for key in table["keys"] if key["name"] in needed]
    return {key["name"]: sample(path, key) for key in keys}


def make_room(path, section, name):
    """What must or must not stand beside a key of a section."""
    table = TABLES[path]
    if table["count"][1] == 1 or table["one_of"]:
        section.clear()
    names = next((names for names in table["one_of"] + table["together"] if name in names), [])
    section.update({key["name"]: sample(path, key) for key in table["keys"] if key["name"] in names})
    section.update(NEEDS.get((path, name), {}))


BREAKERS = ("services[].circuit_breaker", "services[].circuit_breaker.endpoint", "services[].routes[].circuit_breaker")
# What else a key needs beside it to make sense.
NEEDS = {("listeners[]", "mode"): {"bind": "unix:/run/http.sock"},
         ("services[].health_check", "fast_interval"): {"interval": "24h"},
         ("services[].outlier_detection", "max_ejection_time"): {"base_ejection_time": "100ms"},
         **{(path, "max_open_for"): {"open_for": "1s"} for path in BREAKERS}}
# A plain value where that of the form will not do.
SAMPLES = {("services[].health_check", "hook"): ["/x"]}


def with_section(path):
    """The least configuration that has the section, and the section itself."""
    whole = minimal("")
    at, where = whole, ""
    for part in path.split(".") if path else []:
        name, is_list = part.removesuffix("[]"), part.endswith("[]")
        if name not in at:
            make_room(where, at, name)
        where = f"{where}.{part}" if where else part
        if name not in at:
            at[name] = [minimal(where)] if is_list else minimal(where)
        at = at[name][0] if is_list else at[name]
    return whole, at


def with_value(path, key, value):
    whole, section = with_section(path)
    make_room(path, section, key["name"])
    section[key["name"]] = copy.deepcopy(value)
    return whole


def without_value(path, key):
    """The same, and the key is absent."""
    whole, section = with_section(path)
    make_room(path, section, key["name"])
    section.pop(key["name"], None)
    return whole


def all_keys():
    return [(path, key) for path, table in TABLES.items() for key in table["keys"]]


# One kind of value: what both accept (for one key of that form), and what both refuse (for each).
GOOD = {
    ("services[].timeouts", "connect"): ["1.5s", "1h30m", "250ms", "1m", "${T:-1s}"],
    ("services[].timeouts", "tunnel_idle"): ["off", "30d"],
    ("services[].limits", "body_bytes"): ["1GiB", "1.5KiB", "unlimited", "512B"],
    ("services[].initial", "split"): ["12.5%", "0.01%", "100%", "100.00%", "0", 10, 12.5, 100],
    ("services[]", "name"): ["9.a_b-c", "a" * 64, 7, True, "Shop"],
    ("services[].identity[]", "header"): ["X-User_Id!", "a" * 64, 1],
    ("services[].identity[]", "query"): ["user[id]", "a" * 64, "a/b?c"],
    ("services[]", "hosts"): [["Shop.Example.COM."], ["*.example.com", "localhost"], ["192.0.2.1", "[2001:db8::1]"], []],
    ("services[]", "path_prefix"): ["/", "/app/", "/a/b%2Fc", "/a.b/..c", "/a$$b"],
    ("admin.socket", "mode"): ["0660", "660", 600],
    ("listeners[]", "bind"): ["0.0.0.0:0", "[::]:8080", "127.0.0.1:65535", "unix:/run/http.sock"],
    ("services[].pools.blue", "endpoints"): [["127.0.0.1:1", "[::1]:1", "unix:/a"], ["localhost:80", "App.Internal.:65535", "my_app:1", "a.0x.b:1"]],
    ("services[].pins[]", "pool"): ["blue", "green", "live", "candidate"],
    ("services[].pins[]", "values"): [{"a": "live", "b": "${POOL:-blue}"}],
    ("services[].pins[]", "segment"): [{"header": "X-A", "value": "b"}, {"percent": "5%", "salt": "x"}, {"path_prefix": "/a"}],
    ("", "trusted_proxies"): [["10.0.0.0/8", "192.0.2.7", "fd00::/8", "::1", "unix:"], [{"unix": None}], []],
    ("", "workers"): ["auto", 64, "64", "${W:-2}"],
    ("", "access_log"): ["off", {"path": "-"}],
    ("services[]", "identity"): [["mint_cookie"], ["client_address", "mint_cookie"], [{"mint_cookie": {}}], [{"client_address": None}]],
    ("services[].rate_limits[]", "rate"): ["1/s", "1000000/s", "600/min", "5/h", "1000/d", "${R:-5/s}"],
    ("services[].rate_limits[]", "key"): ["identity", ["client_address", "method"], {"header": "X-A"}, [{"cookie": "a"}, {"path_prefix": 2}]],
    ("services[].rate_limits[]", "candidate"): [{"rate": "1/s"}, {"burst": 2}, {"max_in_flight": 3}],
    ("services[].rescue", "assets"): [["/", "*", "/*", "/a//b*", "/a/*..", "/.*", "/%20*", "/" + "a" * 255], []],
    ("services[]", "salt"): ["a b", "ü", 2026, "x" * 256],
    ("services[].health_check", "path"): ["/", "/healthz?full=1&x=%20", "/" + "a" * 1023, "/$$a"],
    ("services[].health_check", "expect_status"): ["200", 200, 599, "200-599", "204-204", "${S:-200}"],
    ("services[].health_check", "memory_limit"): ["off", "1%", "100%", 90],
    ("services[].health_check", "hook"): [["/bin/sh", "-c", "a; b", " "], ["/x"] * 32],
    ("services[]", "health_check"): ["off", {}, {"type": "tcp"}],
    ("services[]", "outlier_detection"): ["off", {}],
    ("services[]", "expose"): [["pool", "generation", "reason", "bucket", "endpoint"]],
}
BAD = {
    "map": ["word", 1, None], "number": [1.5, "many", -1, None], "word": ["nope", 1, None],
    "duration": ["5", 5, 0, "0s", "1 s", "30sec", "1m1h", "-1s", "1.s", ".5s", "", True, None],
    "size": [1, "16384", "8KB", "0B", "1 KiB", "-1B", "", None],
    "data_rate": [256, "256", "256B", "256/s", "0B/s", "1 KiB/s", "1KiB /s", "1KiB/m", "-1B/s", "/s", "", None],
    "percent": ["101%", "0.001%", "half", 101, -1, "100.01%", "1 %", "", "01%", None],
    "text": ["", "a\tb", None], "name": ["-a", ".a", "a b", "a/b", "ä", "a" * 65, "", None],
    "token": ["a b", "a:b", "a;b", "ä", "a" * 65, "", None], "query_name": ["a=b", "a b", "a&b", "a#b", "", "a" * 65, None],
    "host": ["*", "a:80", "http://a", "a..b", "-a", "a.*.b", "ä", "", "a" * 64, None],
    "path": ["app", "//", "/a//b", "/a/../b", "/.", "/a?b", "/a b", "/%zz", "", None],
    "path_pattern": ["app", ".js", "/a*b*", "**", "/a/../b*", "/.", "*/..", "/a?b", "/a b", "/%zz", "/" + "a" * 256, "", None],
    "target": ["a", "a?b", "/a b", "/a#b", "/ä", "", 1, None], "statuses": ["2xx", "199", "600", "200-600", "200-", "-299", "200 - 299", 199, 600, "", None],
    "dependency": ["Database", "1db", "a b", "a" * 33, "", 1, None],
    "mode": ["rw", "1777", "0888", "77", "00660", None],
    "address_or_path": ["8080", 8080, "localhost:80", "::1:80", "[::1]", "127.0.0.1", "unix:x", "unix:", "/x", "127.0.0.1:x", "", None],
    "endpoint": ["8080", 8080, "app", "app:", "app:x", "-app:80", "a..b:80", "10.0.0.256.:80", "app.1:80", "0x7f000001:80", "a" * 64 + ":80", "::1:80",
                 "[::1]", "127.0.0.1", "unix:x", "unix:", "/x", "127.0.0.1:x", "", None],
    "address": ["8080", 8080, "localhost:80", "::1:80", "[::1]", "127.0.0.1", "unix:/x", "127.0.0.1:x", "", None],
    "network": ["proxy.local", "10.0.0.0/8 ", "10.0.0.0/", "", "10.0.0", {"unix": "x"}, {"tcp": None}, None],
    "rate": ["100", 100, "0/s", "1000001/s", "5/m", "5 /s", "1.5/s", "-1/s", "05/s", "5/s/s", "", None],
    "pool_map": [{}, {"a": "red"}, {f"a{i}": "blue" for i in range(257)}, "a", ["a"], None], "nothing": ["x", 1],
}


class Pages(unittest.TestCase):
    def test_what_is_made_from_the_table_is_up_to_date(self):
        for path in config_pages.PAGES:
            with self.subTest(path=path):
                self.assertTrue(config_pages.is_up_to_date(path, TABLES), "run ./dev pages")

    def test_every_section_is_in_the_reference(self):
        shown = re.findall(r"<!-- keys: ([^ ]*) -->", read(config_pages.GUIDE))
        self.assertEqual(len(shown), len(set(shown)))
        shown = {TABLES["" if path == "top" else path]["path"] for path in shown}
        self.assertEqual(shown, {table["path"] for table in TABLES.values()})


class Schema(unittest.TestCase):
    def sections(self, node, path=""):
        """Path and object of each section in the schema, by the names of its properties."""
        ways = [node, *node.get("anyOf", []), node.get("items", {}), *node.get("items", {}).get("anyOf", [])]
        for way in ways:
            if way.get("type") == "object" and "properties" in way and "$ref" not in way:
                yield path, way
                for name, child in way["properties"].items():
                    suffix = "[]" if "items" in child else ""
                    yield from self.sections(child, (f"{path}." if path else "") + name + suffix)

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        self.assertEqual(SCHEMA["$schema"], "https://json-schema.org/draft/2020-12/schema")

    def test_it_knows_the_programs_keys_and_no_others_at_the_same_places(self):
        in_schema = {(path, name) for path, section in self.sections(SCHEMA) for name in section["properties"]}
        in_program = {(path, key["name"]) for path, key in all_keys()}
        self.assertGreater(len(in_program), 60)
        self.assertEqual(in_schema, in_program)

    def test_every_key_is_described_and_no_other_is_let_through(self):
        for path, section in self.sections(SCHEMA):
            self.assertIs(section["additionalProperties"], False)
            for name, key in section["properties"].items():
                with self.subTest(path=path, key=name):
                    self.assertGreater(len(key["description"]), 10)

    def test_its_defaults_are_what_the_program_takes(self):
        defaults = [(path, name, key["default"]) for path, section in self.sections(SCHEMA)
                    for name, key in section["properties"].items() if "default" in key]
        self.assertGreater(len(defaults), 30)
        absent = ask("describe", [without_value(path, {"name": name}) for path, name, _ in defaults])
        given = ask("describe", [with_value(path, {"name": name}, value) for path, name, value in defaults])
        for (path, name, value), without, explicit in zip(defaults, absent, given):
            with self.subTest(path=path, key=name, default=value):
                self.assertNotEqual(without, '""', "the configuration around it is good")
                self.assertEqual(explicit, without)
        self.assertEqual({(path, name) for path, name, _ in defaults},
                         {(path, key["name"]) for path, key in all_keys() if fallback_of(key) is not None})


class BothJudges(unittest.TestCase):
    """The parser and the schema on the same configurations."""

    def judge(self, cases):
        """cases: (label, configuration). Yields label, the parser's words, the schema's."""
        self.assertGreater(len(cases), 0)
        for (label, configuration), verdict in zip(cases, ask("judge", [configuration for _, configuration in cases])):
            error = jsonschema.exceptions.best_match(VALIDATOR.iter_errors(configuration))
            yield label, verdict, "good" if error is None else error.message

    def both_accept(self, cases):
        for label, parser, schema in self.judge(cases):
            with self.subTest(case=label):
                self.assertEqual((parser, schema), ("good", "good"))

    def both_refuse(self, cases):
        for label, parser, schema in self.judge(cases):
            with self.subTest(case=label):
                self.assertNotEqual(parser, "good", "the parser accepts it")
                self.assertNotEqual(schema, "good", "the schema accepts it")

    def test_each_section_alone_is_good(self):
        self.both_accept([(path, with_section(path)[0]) for path in TABLES])

    def test_each_key_with_a_plain_value_is_good(self):
        self.both_accept([(f"{path}.{key['name']}", with_value(path, key, sample(path, key))) for path, key in all_keys()])

    def test_the_ends_of_each_range_are_good(self):
        cases = []
        unit = {"number": lambda n: n, "duration": lambda n: f"{n}ms", "size": lambda n: f"{min(n, 10**18 - 1)}B",
                "data_rate": lambda n: f"{n}B/s"}
        for path, key in all_keys():
            for end in key["range"] if key["form"] in unit else []:
                cases.append((f"{path}.{key['name']} {end}", with_value(path, key, unit[key["form"]](end))))
        self.assertGreater(len(cases), 20)
        self.both_accept(cases)

    def test_one_past_a_range_is_refused(self):
        numbers, amounts = [], []
        for path, key in all_keys():
            least, most = key["range"]
            for value in (least - 1, most + 1):
                if key["form"] == "number":
                    numbers.append((f"{path}.{key['name']} {value}", with_value(path, key, value)))
                elif key["form"] in ("duration", "size", "data_rate") and value < 2**63:
                    text = str(value) + {"duration": "ms", "size": "B", "data_rate": "B/s"}[key["form"]]
                    amounts.append((f"{path}.{key['name']} {text}", with_value(path, key, text)))
        self.both_refuse(numbers)
        for label, parser, _ in self.judge(amounts):  # a pattern can't count: the schema leaves these to the parser
            with self.subTest(case=label):
                self.assertNotEqual(parser, "good")

    def test_what_a_value_may_look_like(self):
        keys = {(path, key["name"]): key for path, key in all_keys()}
        self.both_accept([(f"{path}.{name} {value!r}", with_value(path, keys[path, name], value))
                          for (path, name), values in GOOD.items() for value in values])

    def test_wrong_values_are_refused_by_both(self):
        cases = []
        for path, key in all_keys():
            for value in BAD[key["form"]]:
                cases.append((f"{path}.{key['name']}: {value!r}", with_value(path, key, [value] if key["item"] else value)))
        self.assertGreater(len(cases), 300)
        self.both_refuse(cases)

    def test_wrong_kinds_are_refused_by_both(self):
        cases = []
        for path, key in all_keys():
            for value in ({"no-such-key": 1}, "no such value") if key["item"] else ([1], {"no-such-key": 1}):
                cases.append((f"{path}.{key['name']}: {value!r}", with_value(path, key, value)))
        self.both_refuse(cases)

    def test_unknown_keys_are_refused_by_both_in_each_section(self):
        cases = []
        for path in TABLES:
            whole, section = with_section(path)
            section["no-such-key"] = 1
            cases.append((path, whole))
        self.both_refuse(cases)

    def test_missing_required_keys_are_refused_by_both(self):
        cases = []
        for path, key in all_keys():
            if key["required"]:
                whole, section = with_section(path)
                del section[key["name"]]
                cases.append((f"{path}.{key['name']}", whole))
        self.assertGreater(len(cases), 8)
        self.both_refuse(cases)

    def test_counts_of_items_are_refused_by_both(self):
        cases = []
        for path, key in all_keys():
            least, most = key["items"] if key["item"] else (0, 0)
            if least:
                cases.append((f"{path}.{key['name']}: none", with_value(path, key, [])))
            if most:
                cases.append((f"{path}.{key['name']}: {most + 1}", with_value(path, key, sample(path, key) * (most + 1))))
        self.assertGreater(len(cases), 6)
        self.both_refuse(cases)

    def test_keys_that_belong_together_are_refused_apart_by_both(self):
        cases = []
        for path, table in TABLES.items():
            for names in table["together"] + table["one_of"]:
                for name in names:
                    whole, section = with_section(path)
                    make_room(path, section, name)
                    del section[name]
                    cases.append((f"{path}: {names} without {name}", whole))
            for one in table["one_of"]:
                for other in table["one_of"]:
                    if one != other:
                        whole, section = with_section(path)
                        section.clear()
                        section.update({key["name"]: sample(path, key) for key in table["keys"] if key["name"] in one + other})
                        cases.append((f"{path}: {one} and {other}", whole))
        self.both_refuse(cases)

    def test_a_limit_that_bounds_nothing_is_refused_by_both(self):
        cases = []
        for path, table in TABLES.items():
            if table["at_least_one"]:
                whole, section = with_section(path)
                for name in table["at_least_one"]:
                    section.pop(name, None)
                cases.append((path, whole))
        self.both_refuse(cases)

    def test_the_same_item_twice_is_refused_by_both(self):
        names = [("services[]", "hosts"), ("services[]", "listeners"), ("services[]", "expose"), ("services[]", "identity"),
                 ("services[].pools.blue", "endpoints"), ("services[].rate_limits[].match", "methods"), ("services[].rate_limits[]", "key")]
        keys = {(path, key["name"]): key for path, key in all_keys()}
        self.both_refuse([(f"{path}.{name}", with_value(path, keys[path, name], sample(path, keys[path, name]) * 2)) for path, name in names])


class Printed(unittest.TestCase):
    def test_what_check_prints_of_any_key_is_the_same_configuration(self):
        whole = [with_value(path, key, sample(path, key)) for path, key in all_keys()]
        one_pool = minimal("")
        one_pool["services"][0]["pools"] = {"blue": {"endpoints": ["127.0.0.1:9001"]}}
        first = [json.loads(answer) for answer in ask("describe", [*whole, one_pool])]
        read_again = [yaml.load(text, CoreLoader) for text in first]
        for text, configuration, second in zip(first, read_again, ask("describe", read_again)):
            with self.subTest(printed=text):
                self.assertNotEqual(text, "")
                self.assertEqual(json.loads(second), text)
                VALIDATOR.validate(configuration)


class Examples(unittest.TestCase):
    def each(self):
        self.assertGreater(len(EXAMPLES), 5)
        for path in EXAMPLES:
            with self.subTest(example=path):
                yield path

    def test_the_program_takes_each(self):
        for path in self.each():
            done = check("-c", os.path.join(ROOT, path))
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_schema_takes_each(self):
        for path in self.each():
            VALIDATOR.validate(yaml.load(read(path), CoreLoader))

    def test_what_check_prints_is_the_same_configuration(self):
        for path in self.each():
            first = check("--print", "-c", os.path.join(ROOT, path))
            self.assertEqual((first.returncode, first.stderr), (0, ""))
            VALIDATOR.validate(yaml.load(first.stdout, CoreLoader))
            with tempfile.TemporaryDirectory() as directory:
                # Beside the files that it names: relative paths begin where the configuration is.
                for beside in ("beta-users.txt", "sorry.html"):
                    shutil.copy(os.path.join(ROOT, "config/examples", beside), directory)
                again = os.path.join(directory, "again.yaml")
                with open(again, "w", encoding="utf-8") as file:
                    file.write(first.stdout)
                second = check("--print", "-c", again)
            self.assertEqual((second.returncode, second.stdout), (0, first.stdout))

    def test_check_prints_every_key(self):
        printed = check("--print", "-c", os.path.join(ROOT, "config/examples/every-key.yaml")).stdout
        for _, key in all_keys():
            with self.subTest(key=key["name"]):
                self.assertRegex(printed, rf"(?m)(^|[ {{]){key['name']}(:|$)" if key["form"] != "nothing" else key["name"])

    def test_the_documents_configurations_are_good(self):
        blocks = []
        for folder in ("", "docs/guide"):
            for name in sorted(os.listdir(os.path.join(ROOT, folder))):
                if name.endswith(".md"):
                    text = read(os.path.join(folder, name))
                    blocks += [(name, block) for block in re.findall(r"^```yaml\n(.*?)^```", text, flags=re.S | re.M)]
                    blocks += [(name, block) for block in re.findall(r"<<'YAML'\n(.*?)^YAML$", text, flags=re.S | re.M)]
        whole = [(name, block) for name, block in blocks if re.search(r"^listeners:", block, flags=re.M)]
        self.assertGreater(len(whole), 1)
        for name, block in whole:
            with self.subTest(document=name), tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
                file.write(block)
                file.flush()
                self.assertEqual(check("-c", file.name).stderr, "")
                VALIDATOR.validate(yaml.load(block, CoreLoader))

    def test_each_names_the_schema_for_editors(self):
        for path in EXAMPLES[:-1]:
            with self.subTest(example=path):
                named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", read(path))
                self.assertTrue(os.path.samefile(os.path.join(ROOT, os.path.dirname(path), named[1]), os.path.join(ROOT, config_pages.SCHEMA)))


if __name__ == "__main__":
    for program in (BIN, PROGRAM):
        if not os.access(program, os.X_OK):
            sys.exit(f"no binary at {program}: name it with SLUICE_BIN or CONFIG_TABLES")
    unittest.main()
