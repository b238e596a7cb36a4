"""What is made from the table of configuration keys (src/config/keys.cpp): the JSON Schema, the tables of the guide and the
man page sluice.yaml(5). `./dev pages` writes them; the tests check that they are up to date.

usage: config_pages.py CONFIG_TABLES            says which files differ from the table
       config_pages.py CONFIG_TABLES --write    writes them
"""

import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = "config/sluice.schema.json"
GUIDE = "docs/guide/configuration.md"
MAN = "docs/man/sluice.yaml.5"


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def load_tables(program):
    """Tables by path, in the order of the file; one that stands at two paths (blue|green) is there twice."""
    listed = json.loads(subprocess.run([program], stdout=subprocess.PIPE, check=True).stdout)
    tables = {}
    for table in listed:
        head, _, tail = table["path"].rpartition(".")
        for name in tail.split("|"):
            tables[f"{head}.{name}" if head else name] = table
    return tables


def path_of(parent, key):
    return (f"{parent}." if parent else "") + key["name"] + ("[]" if key["item"] else "")


def fallback_of(key):
    """The default as JSON; None: there is none, or it depends on something else."""
    text = key["fallback"]
    if not text:
        return None
    if text.startswith("["):
        return [word for word in text[1:-1].split(", ") if word]
    if text.startswith('"'):
        return text[1:-1]
    return int(text) if text.isdigit() else text


# ---------------------------------------------------------------- the schema

IPV4 = r"[0-9]{1,3}(\.[0-9]{1,3}){3}"
IPV6 = r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
# At most 253 bytes and a dot; the last label is no number.
LOOKUP_NAME = rf"(?=[^:]{{1,254}}:)(?!([^:]*\.)?([0-9]+|0[xX][0-9A-Fa-f]*)\.?:){LABEL}(\.{LABEL})*\.?"
# 12 or true without quotes is no string in YAML, and a good name all the same.
SCALAR = ["string", "number", "boolean"]

DEFINITIONS = {
    "variable": {"description": "a value from the environment: ${NAME} or ${NAME:-default}",
                 "type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"},
    "duration": {"description": "decimals with a unit: 250ms, 1.5s, 30s, 5m, 1h30m, 30d", "type": "string",
                 "pattern": "^(?=.*[1-9])" + "".join(rf"([0-9]+(\.[0-9]+)?{unit})?" for unit in ("d", "h", "m", "s", "ms")) + "$"},
    "size": {"description": "a decimal with a unit: 512B, 16KiB, 8MiB, 1GiB", "type": "string",
             "pattern": r"^(?=.*[1-9])[0-9]+(\.[0-9]+)?(B|KiB|MiB|GiB)$"},
    "rate": {"description": "requests per time: 100/s, 600/min, 5/h, 1000/d", "type": "string",
             "pattern": r"^([1-9][0-9]{0,5}|1000000)/(s|min|h|d)$"},
    "data_rate": {"description": "a size and /s: 256B/s, 1.5KiB/s", "type": "string",
                  "pattern": r"^(?=.*[1-9])[0-9]+(\.[0-9]+)?(B|KiB|MiB|GiB)/s$"},
    "percent": {"description": "0% to 100% with at most two decimals", "type": ["string", "number"], "minimum": 0, "maximum": 100,
                "pattern": r"^(100(\.0{1,2})?|(0|[1-9][0-9]?)(\.[0-9]{1,2})?)%?$"},
    "number": {"description": "a number in quotes", "type": "string", "pattern": "^(0|[1-9][0-9]{0,17})$"},
    "name": {"type": SCALAR, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
    "token": {"type": SCALAR, "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$"},
    "query_name": {"type": SCALAR, "pattern": r"""^[^\u0000-\u0020\u007f-\uffff&=#"<>]{1,64}$"""},
    "host": {"type": SCALAR, "maxLength": 254, "pattern": rf"^(\*\.)?{LABEL}(\.{LABEL})*\.?$|^\[{IPV6}\]$"},
    "path": {"type": "string", "maxLength": 1024,
             "pattern": r"^/$|^(/(?!\.{1,2}(/|$))([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)+/?$"},
    "path_pattern": {"description": "a path with at most one *, which stands for anything", "type": "string", "maxLength": 256,
                     "pattern": r"^(?=[^*]*(\*[^*]*)?$)(?!.*/\.{1,2}(/|$))[/*]([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$"},
    "target": {"type": "string", "maxLength": 1024, "pattern": r"^/[!-\"$-~]*$"},
    "statuses": {"description": "a status, or a range of them", "type": ["string", "integer"], "minimum": 200, "maximum": 599,
                 "pattern": r"^[2-5][0-9]{2}(-[2-5][0-9]{2})?$"},
    "dependency": {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,31}$"},
    "mode": {"description": "octal permissions; in quotes, else YAML may take them for a decimal number",
             "type": ["string", "integer"], "pattern": "^0?[0-7]{3}$", "minimum": 0, "maximum": 777},
    "address": {"description": "IP and port; IPv6 in brackets and quotes", "type": "string",
                "pattern": rf"^({IPV4}|\[{IPV6}\]):[0-9]{{1,5}}$"},
    "address_or_path": {"description": "IP and port, IPv6 in brackets and quotes; or unix: and an absolute path", "type": "string",
                        "pattern": rf"^({IPV4}|\[{IPV6}\]):[0-9]{{1,5}}$|^unix:/[^\u0000-\u001f\u007f]*$"},
    "endpoint": {"description": "IP or host name, and port, IPv6 in brackets and quotes; or unix: and an absolute path", "type": "string",
                 "pattern": rf"^({IPV4}|\[{IPV6}\]|{LOOKUP_NAME}):[0-9]{{1,5}}$|^unix:/[^\u0000-\u001f\u007f]*$"},
    "network": {"description": "a CIDR block, an address, or unix:",
                "anyOf": [{"type": "string", "pattern": rf"^({IPV4}(/[0-9]{{1,2}})?|{IPV6}(/[0-9]{{1,3}})?|unix:)$"},
                          {"description": "unix: without quotes, which YAML reads as a map", "type": "object",
                           "properties": {"unix": {"type": "null"}}, "required": ["unix"], "additionalProperties": False}]},
}
UNIQUE = ("word", "name", "token", "host", "address", "address_or_path", "endpoint", "map", "dependency", "path_pattern")  # lists that refuse the same item twice; of maps: identity and names


MAY_REPEAT = ("pins",)  # told apart by more than their text: the parser says which one no request can reach


class Schema:
    def __init__(self, tables):
        self.tables = tables
        self.used = {"variable"}

    def whole(self):
        root = self.of_table("")
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Configuration of Sluice",
                "description": "Made from the keys of the program by ./dev pages. What it accepts `sluice check` may still refuse (ranges "
                               "of durations and sizes, rules between keys); what `sluice check` accepts it accepts.",
                **root, "$defs": {name: DEFINITIONS[name] for name in DEFINITIONS if name in self.used}}

    def of_table(self, path):
        table = self.tables[path]
        out = {"type": "object", "properties": {key["name"]: self.of_key(path, key) for key in table["keys"]},
               "additionalProperties": False}
        required = [key["name"] for key in table["keys"] if key["required"]]
        if required:
            out["required"] = required
        for word, bound in zip(("minProperties", "maxProperties"), table["count"]):
            if bound:
                out[word] = bound
        if table["one_of"]:
            out["oneOf"] = [{"required": names, "propertyNames": {"enum": names}} for names in table["one_of"]]
        if table["at_least_one"]:
            out["anyOf"] = [{"required": [name]} for name in table["at_least_one"]]
        if table["together"]:
            out["dependentRequired"] = {name: [other for other in names if other != name] for names in table["together"] for name in names}
        return out

    def of_key(self, path, key):
        out = {"description": f"{key['about'].replace('`', '')}. Expected: {key['expects']}."}
        value = self.of_value(path_of(path, key), key)
        if key["item"]:
            least, most = key["items"]
            out.update({"type": "array", "items": value})
            if key["may_stand_alone"]:
                out.update({"type": ["array", "object", "string"], "if": {"not": {"type": "array"}}, "then": value})
            if least:
                out["minItems"] = least
            if most:
                out["maxItems"] = most
            if key["form"] in UNIQUE and key["name"] not in MAY_REPEAT:
                out["uniqueItems"] = True
        else:
            out.update(value)
        if fallback_of(key) is not None:
            out["default"] = fallback_of(key)
        return out

    def of_value(self, path, key):
        form = key["form"]
        ways = []
        if form == "map":
            ways.append(self.of_table(path))
        elif form == "number":
            self.used.add(form)
            ways += [{"type": "integer", "minimum": key["range"][0], "maximum": key["range"][1]}, {"$ref": "#/$defs/number"}]
        elif form == "text":
            ways.append({"type": SCALAR, "minLength": 1, "maxLength": key["range"][1], "pattern": "^[^\\u0000-\\u001f\\u007f]*$"})
        elif form == "pool_map":
            values = {"anyOf": [{"enum": key["words"]}, {"$ref": "#/$defs/variable"}]}
            least, most = key["items"]
            return {"type": "object", "minProperties": least, "maxProperties": most, "additionalProperties": values}
        elif form == "nothing":
            return {"type": "null"}
        elif form != "word":
            self.used.add(form)
            ways.append({"$ref": f"#/$defs/{form}"})
        if key["words"]:
            # A word of digits is a number to YAML, unless it is quoted.
            ways.append({"enum": key["words"] + [int(word) for word in key["words"] if word.isdigit()]})
        if form != "map" or key["words"]:
            ways.append({"$ref": "#/$defs/variable"})
        return ways[0] if len(ways) == 1 else {"anyOf": ways}


def schema_text(tables):
    return json.dumps(Schema(tables).whole(), indent=2, ensure_ascii=False) + "\n"


# ---------------------------------------------------------------- the tables of the guide

def default_words(key):
    if key["required"]:
        return "required"
    if key["fallback_words"]:
        return key["fallback_words"]
    return f"`{key['fallback']}`" if key["fallback"] else ""


def value_words(key):
    is_list_of_values = key["item"] and key["form"] != "map"
    return f"{key['expects']}; each: {key['item']}" if is_list_of_values else key["expects"]


def guide_table(table):
    rows = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    for key in table["keys"]:
        cells = [f"`{key['name']}`", value_words(key), default_words(key), key["about"]]
        rows.append("| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") if "`" not in cell else cell for cell in cells) + " |")
    return "\n".join(rows)


def filled(text, begin, end, content):
    """`text` with what stands between the two marks replaced by content(match of `begin`)."""
    pattern = re.compile(f"({begin})\n.*?({end})", flags=re.S)
    return pattern.sub(lambda match: f"{match[1]}\n{content(match)}\n{match[match.lastindex]}", text)


def guide_text(tables):
    return filled(read(GUIDE), r"<!-- keys: ([^ ]*) -->", "<!-- end of keys -->",
                  lambda match: guide_table(tables["" if match[2] == "top" else match[2]]))


# ---------------------------------------------------------------- the man page

def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"\*\*(.+?)\*\*", r"\\fB\1\\fR", text)
    text = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", text)
    text = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", text)
    return "\\&" + text if text[:1] in ".'" else text


def sentence(text):
    return roff(text[0].upper() + text[1:] if text[0].isalpha() else text) + "."


def man_tables(tables):
    out = []
    for path in dict.fromkeys(table["path"] for table in tables.values()):
        table = next(table for table in tables.values() if table["path"] == path)
        out.append(f".SS {roff(path) if path else 'Top level'}")
        for key in table["keys"]:
            out += [".TP", f"\\fB{roff(key['name'])}\\fR", sentence(key["about"]), f"Value: {roff(value_words(key))}."]
            if default_words(key):
                out.append("Required." if key["required"] else f"Default: {roff(default_words(key))}.")
    return "\n".join(out)


def man_prose(markdown):
    """Paragraphs and bullets of one chapter of the guide."""
    out = []
    for block in re.split(r"\n\n|\n(?=- )", markdown.strip()):
        line = " ".join(block.split())
        out += [".IP \\(bu 2", roff(line[2:])] if line.startswith("- ") else [".PP", roff(line)]
    return "\n".join(out)


def man_text(tables):
    chapter = read(GUIDE).split("## How the file is read\n")[1].split("\n## ")[0]
    text = filled(read(MAN), r"\.\\\" rules", r"\.\\\" end of rules", lambda match: man_prose(chapter))
    return filled(text, r"\.\\\" keys", r"\.\\\" end of keys", lambda match: man_tables(tables))


# ----------------------------------------------------------------

PAGES = {SCHEMA: schema_text, GUIDE: guide_text, MAN: man_text}


def is_up_to_date(path, tables):
    try:
        return read(path) == PAGES[path](tables)
    except FileNotFoundError:
        return False


def main():
    tables = load_tables(sys.argv[1])
    stale = [path for path in PAGES if not is_up_to_date(path, tables)]
    for path in stale:
        print(f"{path}: " + ("written" if "--write" in sys.argv else "differs from the keys of the program: run ./dev pages"))
        if "--write" in sys.argv:
            text = PAGES[path](tables)
            with open(os.path.join(ROOT, path), "w", encoding="utf-8") as file:
                file.write(text)
    return 1 if stale and "--write" not in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
