"""docs/openapi.yaml against the program: the same routes in both directions, answers that fit their schemas, and bodies that
the schemas refuse refused by the program."""

import base64
import contextlib
import copy
import http.client
import json
import os
import re
import sys
import unittest

import jsonschema
import yaml

from check_docs import ROOT, read

sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from harness import PATIENCE, SluiceTest, UnixHTTPConnection, answering, service, wait_until

DOCUMENT = yaml.safe_load(read("docs/openapi.yaml"))
PROBLEM = "application/problem+json"
METHODS = ("get", "post", "put", "delete", "patch", "head", "options")


def operations():
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method.upper(), item[method]


def resolved(node):
    while "$ref" in node:
        found = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def validator(schema):
    """The schema of one place, able to follow references into the document."""
    return jsonschema.Draft202012Validator({"$schema": DOCUMENT["jsonSchemaDialect"], "components": DOCUMENT["components"], "allOf": [schema]})


def named(name):
    return validator({"$ref": f"#/components/schemas/{name}"})


def request_schema(operation):
    return operation["requestBody"]["content"]["application/json"]["schema"]


def routes_of_program():
    """The table in src/admin/routes.cpp. That it is the whole truth is what test_answers and test_methods show."""
    table = re.findall(r'Route\{Method::(\w+), "([^"]+)", \w+\}', read("src/admin/routes.cpp"))
    assert len(table) == read("src/admin/routes.cpp").count("    Route{Method::"), "a route is written in another form"
    return sorted((path.replace("*", "{service}"), method.upper()) for method, path in table)


class Answer:
    def __init__(self, answer):
        self.status = answer.status
        self.fields = answer.headers
        self.type = answer.headers.get("Content-Type", "").split(";")[0]
        self.text = answer.read().decode()

    def json(self):
        return json.loads(self.text)


class Document(unittest.TestCase):
    def test_the_routes_are_those_of_the_program(self):
        documented = sorted((path, method) for path, method, _ in operations())
        self.assertGreater(len(documented), 12)
        self.assertEqual(documented, routes_of_program())

    def test_every_reference_leads_somewhere_and_every_component_is_used(self):
        used = set()

        def walk(node):
            if isinstance(node, dict):
                if "$ref" in node:
                    used.add(node["$ref"])
                    resolved(node)
                for each in node.values():
                    walk(each)
            elif isinstance(node, list):
                for each in node:
                    walk(each)

        walk(DOCUMENT)
        there = {f"#/components/{kind}/{name}" for kind, parts in DOCUMENT["components"].items() for name in parts}
        # A header that only AnyProblem's words name.
        self.assertEqual(there - used, {"#/components/headers/Allow"})

    def test_every_schema_is_one(self):
        for name, schema in DOCUMENT["components"]["schemas"].items():
            with self.subTest(schema=name):
                jsonschema.Draft202012Validator.check_schema(schema)
                if schema.get("type") == "object":
                    self.assertIs(schema.get("additionalProperties"), False)
                    self.assertLessEqual(set(schema.get("required", [])), set(schema["properties"]))

    def test_every_operation_is_complete(self):
        names = [operation["operationId"] for _, _, operation in operations()]
        self.assertEqual(len(names), len(set(names)))
        tags = {tag["name"] for tag in DOCUMENT["tags"]}
        for path, method, operation in operations():
            with self.subTest(path=path, method=method):
                parameters = [resolved(each) for each in DOCUMENT["paths"][path].get("parameters", []) + operation.get("parameters", [])]
                self.assertEqual({each["name"] for each in parameters if each["in"] == "path"}, set(re.findall(r"\{(\w+)\}", path)))
                self.assertLessEqual(set(operation["tags"]), tags)
                self.assertTrue(operation["summary"])
                self.assertLessEqual({"200", "default"}, set(operation["responses"]))
                self.assertEqual("requestBody" in operation, method == "POST")

    def test_the_problems_are_the_programs_each_with_a_status(self):
        codes = re.findall(r'Title\{"(\w+)"', read("src/admin/problem.cpp"))
        problem = DOCUMENT["components"]["schemas"]["Problem"]["properties"]
        self.assertEqual(problem["code"]["enum"], sorted(codes))
        placed = set(re.findall(r"`(\w+)`", DOCUMENT["components"]["responses"]["AnyProblem"]["description"]))
        for response in DOCUMENT["components"]["responses"].values():
            for part in response["content"][PROBLEM]["schema"].get("allOf", [])[1:]:
                code = part["properties"]["code"]
                placed |= set(code.get("enum", [code.get("const")]))
        self.assertEqual(placed - {"Allow"}, set(codes))

    def test_the_bounds_are_the_programs(self):
        limits = read("include/sluice/core/limits.hpp")
        parameters = {each["name"]: each["schema"] for _, _, operation in operations() for each in operation.get("parameters", []) if "name" in each}
        schemas = DOCUMENT["components"]["schemas"]
        for name, there in [("kReasonMax", schemas["Reason"]["maxLength"]), ("kAuditTailLines", parameters["limit"]["maximum"]),
                            ("kSaltMax", schemas["SplitRequest"]["properties"]["salt"]["maxLength"]), ("kEventsKept", parameters["recent"]["maximum"]),
                            ("kServicesMax", schemas["ChangesRequest"]["properties"]["changes"]["maxItems"])]:
            with self.subTest(limit=name):
                self.assertEqual(int(re.search(rf"\b{name} = (\d+);", limits)[1]), there)


# ---------------------------------------------------------------- bodies

# Good ones for each request schema: whole, small, and at the limits. Every member stands in one of them.
GOOD = {
    "SwitchRequest": [{"pool": "green"}, {"pool": "blue", "wait": True, "drain": "0s", "force": False, "dry_run": False, "reason": "é" * 512, "if_generation": 1},
                      {"pool": "green", "drain": "24h"}, {"pool": "green", "drain": "1m30.5s"}],
    "SplitRequest": [{"percent": "0"}, {"percent": "100.00%"}, {"percent": "0.01%", "salt": "s" * 256, "dry_run": True, "reason": "", "if_generation": 1},
                     {"percent": "99.99", "salt": "x"}],
    "RollbackRequest": [{}, {"reason": "r" * 1024}],
    "EndpointRequest": [{"endpoint": "ENDPOINT"}, {"endpoint": "green/ENDPOINT", "force": True, "reason": "disk", "if_generation": 1}],
    "ChangesRequest": [{"changes": [{"service": "shop", "action": "switch", "pool": "green"}, {"service": "blog", "action": "rollback"}]},
                       {"changes": [{"service": "blog", "action": "rollback"}], "wait": True, "drain": "5s", "force": True, "dry_run": False, "reason": "r",
                        "if_generation": 1}],
    "ExplainRequest": [{"user": "user-2", "host": "blog.test", "path": "/x", "from": "10.0.0.1", "listener": "main"}, {"user": "u", "host": "h", "path": "/"},
                       {"request": base64.b64encode(b"GET / HTTP/1.1\r\nHost: blog.test\r\nCookie: uid=u\r\n\r\n").decode(), "from": "unix:"},
                       {"request": ""}, {"request": base64.b64encode(b"no request at all").decode(), "listener": "main"}],
}
# Values of which none fits where a text, a flag, a number or a list is wanted.
WRONG = {"string": [7, True, None, [], {}], "boolean": ["true", 1, None, []], "integer": ["1", -1, 1.5, None, True, 18446744073709551616],
         "array": [{}, "x", None, [7], [[]], []]}
BAD_TEXT = {"pool": ["red", "", "Blue"], "action": ["split", ""], "drain": ["", "30", "s", "-1s", "1 s", "1w"], "percent": ["", "101", "-1", "1.234", "10 %", "x", "100.01", ".5", "1."],
            "salt": ["", "s" * 257], "reason": ["r" * 1025], "endpoint": [""], "service": []}


def members_of(name):
    return DOCUMENT["components"]["schemas"][name]["properties"]


def kind_of(schema):
    schema = resolved(schema)
    return schema.get("type", "string")


def spoiled(name, body):
    """Bodies that differ from a good one in one thing that the schema forbids."""
    for member, schema in members_of(name).items():
        for value in WRONG[kind_of(schema)] + BAD_TEXT.get(member, []):
            yield {**body, member: value}
    for member in DOCUMENT["components"]["schemas"][name].get("required", []):
        yield {key: value for key, value in body.items() if key != member}
    yield {**body, "extra": 1}
    yield [body]
    yield "x"
    if name == "ChangesRequest":
        for member in ("service", "action", "pool"):
            for value in WRONG["string"] + BAD_TEXT[member]:
                other = copy.deepcopy(body)
                other["changes"][0][member] = value
                yield other
        for order in ({"service": "shop"}, {"service": "shop", "action": "switch"}, {"service": "shop", "action": "rollback", "pool": "blue"},
                      {"service": "shop", "action": "rollback", "x": 1}):
            yield {**body, "changes": [order]}
        yield {**body, "changes": [{"service": "shop", "action": "rollback"}] * 1025}


class Bodies(unittest.TestCase):
    def test_the_good_ones_use_every_member(self):
        for name, bodies in GOOD.items():
            with self.subTest(schema=name):
                self.assertEqual({key for body in bodies for key in body}, set(members_of(name)))
        used = {request_schema(operation)["$ref"].split("/")[-1] for _, method, operation in operations() if method == "POST"}
        self.assertEqual(used, set(GOOD))

    def test_the_schemas_take_the_good_ones_and_refuse_the_spoiled(self):
        for name, bodies in GOOD.items():
            for body in bodies:
                with self.subTest(schema=name, body=body):
                    named(name).validate(body)
            for body in spoiled(name, bodies[0]):
                with self.subTest(schema=name, body=body):
                    self.assertFalse(named(name).is_valid(body))


# ---------------------------------------------------------------- the real program

class Program(SluiceTest):
    def setUp(self):
        self.peers = [self.scripted(answering) for _ in range(4)]
        blue, spare, green, blog = (peer.address for peer in self.peers)
        self.endpoint = spare
        directory = self.directory()
        self.services = [service([blue, spare], [green], salt="s"), service([blog], ["127.0.0.1:1"], name="blog", hosts=["blog.test"], path_prefix="/")]
        self.proxy = self.sluice(self.services, directory=directory,
                                 admin={"socket": {"path": os.path.join(directory, "admin.sock")}, "http": {"bind": "127.0.0.1:0"}})

    def ask(self, method, path, body=None, fields=None, remote=False):
        """One request, its answer held against the document."""
        if remote:
            told = r"admin\.http on \S+:(\d+), read-only"  # by a thread of its own
            port = wait_until(lambda: re.search(told, self.proxy.errors()), "the port is told").group(1)
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)
        else:
            connection = UnixHTTPConnection(self.proxy.socket)
        try:
            data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
            connection.request(method, path, data, fields or {})
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        if method != "HEAD":
            self.judge(method, path, answer)
        return answer

    def judge(self, method, path, answer):
        operation = self.operation(method, path)
        said = (operation or {"responses": {}})["responses"]
        response = resolved(said.get(str(answer.status)) or DOCUMENT["components"]["responses"]["AnyProblem"])
        if str(answer.status) not in said:
            self.assertGreaterEqual(answer.status, 400, f"{method} {path}: an answer that no response describes")
        self.assertIn(answer.type, response["content"], f"{method} {path}: {answer.text}")
        content = response["content"][answer.type]
        is_json = answer.type.endswith("json")
        validator(content["schema"]).validate(answer.json() if is_json else answer.text)
        for name, header in response.get("headers", {}).items():
            self.assertIn(name, answer.fields)
            validator(resolved(header)["schema"]).validate(answer.fields[name])
        if answer.type == PROBLEM:
            problem = answer.json()
            self.assertEqual(problem["status"], answer.status)
            self.assertEqual(problem["type"], "urn:sluice:problem:" + problem["code"])

    @staticmethod
    def operation(method, path):
        for pattern, each, operation in operations():
            if each == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path.split("?")[0]):
                return operation
        return None

    def refused(self, code, status, *arguments, **rest):
        answer = self.ask(*arguments, **rest)
        self.assertEqual((answer.status, answer.json()["code"]), (status, code), answer.text)
        return answer.json()

    # ---- all routes

    def test_every_route_takes_its_method_and_names_it_otherwise(self):
        for path, method, _ in operations():
            path = path.replace("{service}", "shop")
            with self.subTest(path=path):
                allow = "GET, HEAD" if method == "GET" else "POST"
                for other in ("PUT", "DELETE", "PATCH", "POST" if method == "GET" else "GET"):
                    answer = self.ask(other, path)
                    self.assertEqual((answer.status, answer.fields["Allow"]), (405, allow))
                    validator(DOCUMENT["components"]["headers"]["Allow"]["schema"]).validate(answer.fields["Allow"])
                if method == "GET":
                    head, got = self.ask("HEAD", path), self.ask("GET", path + ("?follow=false" if path == "/v1/events" else ""))
                    self.assertEqual((head.status, head.type, head.text, got.status), (200, got.type, "", 200))
        for path in ("/", "/v1", "/v2/status", "/v1/status/shop/x", "/v1/services/shop", "/v1/services/a%zz/switch", "/v1/services//switch"):
            with self.subTest(path=path):
                self.assertIn(self.ask("POST", path, {"pool": "green"}).json()["code"], ("not_found", "method_not_allowed"))

    def test_over_tcp_it_only_looks(self):
        for path, method, operation in operations():
            path = path.replace("{service}", "shop")
            with self.subTest(path=path):
                self.refused("forbidden_host", 403, method, path, fields={"Host": "evil.test"}, remote=True)
                if method == "POST":
                    self.refused("read_only", 403, method, path, {}, remote=True)
                elif path in ("/v1/audit", "/v1/events"):
                    self.refused("local_only", 403, method, path, remote=True)
                else:
                    self.assertEqual(self.ask(method, path, remote=True).status, 200)
                self.assertEqual("403" in operation["responses"], method == "POST" or path in ("/v1/audit", "/v1/events"))

    # ---- looking

    def test_the_status_fits(self):
        whole = self.ask("GET", "/v1/status").json()
        self.assertEqual([each["name"] for each in whole["services"]], ["shop", "blog"])
        self.assertEqual([each["name"] for each in self.ask("GET", "/v1/status/blog").json()["services"]], ["blog"])
        self.refused("unknown_service", 404, "GET", "/v1/status/nobody")

    def test_the_audit_fits(self):
        self.ask("POST", "/v1/services/shop/split", {"percent": "10", "reason": "é"})
        self.ask("POST", "/v1/services/shop/endpoints/drain", {"endpoint": self.endpoint})
        self.ask("POST", "/v1/changes", {"changes": [{"service": "shop", "action": "switch", "pool": "green"}, {"service": "blog", "action": "rollback"}]})
        records = self.ask("GET", "/v1/audit?limit=1000").json()["records"]
        self.assertEqual([each["action"] for each in records], ["start", "split", "endpoint drain", "change"])
        self.assertEqual(len(self.ask("GET", "/v1/audit?limit=1").json()["records"]), 1)
        for query in ("limit=0", "limit=1001", "limit=x", "limit=", "limits=1"):
            with self.subTest(query=query):
                self.refused("bad_request", 400, "GET", "/v1/audit?" + query)

    def events(self, query, **fields):
        """(event, data) of each event that is there, judged."""
        text = self.ask("GET", "/v1/events?follow=false&" + query, fields={name.replace("_", "-"): value for name, value in fields.items()}).text
        blocks = [dict(line.split(": ", 1) for line in block.split("\n")) for block in text.strip().split("\n\n")]
        self.assertEqual(list(blocks[0]), ["retry"])
        schema = self.operation("GET", "/v1/events")["responses"]["200"]["content"]["text/event-stream"]["x-event-data"]
        for block in blocks[1:]:
            data = json.loads(block["data"])
            validator(schema).validate(data)
            self.assertEqual(data["event"], block["event"])
            self.assertEqual("id" in block, block["event"] != "lost")
        return [(block["event"], json.loads(block["data"]), block.get("id")) for block in blocks[1:]]

    def test_the_health_of_endpoints_fits(self):
        def ailing(peer):
            with contextlib.suppress(EOFError, OSError):
                while True:
                    is_check = b" /healthz " in peer.head().raw
                    peer.send(b"HTTP/1.1 %s\r\nSluice-Health: ready; memory=91; database=down\r\nContent-Length: 0\r\n\r\n"
                              % (b"200 OK" if is_check else b"500 No"))

        drained, ill = self.scripted(ailing), self.scripted(ailing)
        quick = {"interval": "100ms", "fast_interval": "100ms", "unhealthy_after": 1}
        # Of blue the memory is told, of green, which has no checks, what its requests meet.
        self.proxy = self.sluice([
            service([drained.address, "127.0.0.1:1"], [self.endpoint], health_check={**quick, "hook": ["/bin/false"]}),
            service([ill.address, self.endpoint], [self.endpoint], name="blog", hosts=["blog.test"],
                    outlier_detection={"consecutive_failures": 2, "base_ejection_time": "100ms"})])
        wanted = {"draining", "down", "dependency_down", "hook_failed", "ejected", "returned"}

        def all_told():
            with self.proxy.client() as client:
                for _ in range(4):
                    client.get(host="blog.test")
            return wanted <= {data.get("state") for _, data, _ in self.events("recent=1024")}

        wait_until(all_told, f"all of {wanted}")
        status = self.ask("GET", "/v1/status").json()
        health = [endpoint["health"] for endpoint in status["services"][0]["pools"]["blue"]["endpoints"]]
        self.assertEqual([each["state"] for each in health], ["draining", "down"])
        self.assertEqual((health[0]["memory_percent"], health[0]["dependencies"]), (91, {"database": "down"}))

    def test_the_events_fit(self):
        self.ask("POST", "/v1/services/shop/endpoints/disable", {"endpoint": self.endpoint})
        self.ask("POST", "/v1/services/shop/endpoints/enable", {"endpoint": self.endpoint})
        self.ask("POST", "/v1/services/shop/split", {"percent": "10"})
        self.ask("POST", "/v1/services/shop/switch", {"pool": "green", "wait": True})
        self.ask("POST", "/v1/services/shop/rollback", {"reason": "seen"})
        self.ask("POST", "/v1/services/blog/switch", {"pool": "green", "force": True})
        with self.proxy.client() as client:  # its endpoint refuses the connection
            self.assertEqual(client.get(host="blog.test")[0].status, 503)
        kinds = wait_until(lambda: (lambda seen: seen if "failing" in seen else None)(
            [data.get("state", event) for event, data, _ in self.events("recent=1024")]), "the endpoint that refuses is told")
        self.assertEqual(kinds[:3], ["disabled", "enabled", "change"])
        self.assertIn("drain", kinds)
        lost = self.events("recent=0", Last_Event_ID="1-1")[0]
        self.assertEqual(lost[:2], ("lost", {"event": "lost", "count": None, "restarted": True}))
        for query in ("recent=1025", "recent=-1", "follow=maybe", "x=1"):
            with self.subTest(query=query):
                self.refused("bad_request", 400, "GET", "/v1/events?" + query)

    def test_too_many_followers_are_refused(self):
        followers = []
        self.addCleanup(lambda: [each.close() for each in followers])
        for _ in range(32):
            connection = UnixHTTPConnection(self.proxy.socket)
            connection.request("GET", "/v1/events")
            followers.append(connection.getresponse())  # the connection lives with it
            self.assertEqual(followers[-1].status, 200)
        self.refused("busy", 503, "GET", "/v1/events")

    def test_the_health_and_the_metrics_fit(self):
        for path in ("/healthz", "/readyz", "/healthz?verbose", "/readyz?verbose", "/metrics"):
            with self.subTest(path=path):
                self.assertEqual(self.ask("GET", path).status, 200)
        self.ask("POST", "/v1/services/blog/endpoints/disable", {"endpoint": self.peers[3].address, "force": True})
        for path in ("/readyz", "/readyz?verbose"):
            with self.subTest(path=path):
                self.assertEqual(self.ask("GET", path).status, 503)

    # ---- changing

    def paths_of(self, name):
        return [path.replace("{service}", "shop") for path, method, operation in operations()
                if method == "POST" and request_schema(operation)["$ref"].endswith("/" + name)]

    def test_good_bodies_are_taken(self):
        for name, bodies in GOOD.items():
            for path in self.paths_of(name):
                for body in bodies:
                    with self.subTest(path=path, body=body):
                        body = json.loads(json.dumps(body).replace("green/ENDPOINT", "blue/" + self.endpoint).replace("ENDPOINT", self.endpoint))
                        if "if_generation" in body:
                            status = self.ask("GET", "/v1/status").json()
                            body["if_generation"] = status["generation"] if name == "ChangesRequest" else status["services"][0]["generation"]
                        answer = self.ask("POST", path, body)
                        self.assertEqual(answer.status, 200, answer.text)

    def test_bodies_that_the_schema_refuses_are_refused(self):
        before = self.ask("GET", "/v1/status").json()["generation"]
        count = 0
        for name, bodies in GOOD.items():
            for path in self.paths_of(name):
                for body in spoiled(name, bodies[0]):
                    count += 1
                    with self.subTest(path=path, body=json.dumps(body)[:200]):
                        answer = self.ask("POST", path, body)
                        # An endpoint without a name is one that is not there.
                        self.assertIn(answer.json().get("code"), ("bad_request", "unknown_endpoint") if "endpoints" in path else ("bad_request", "too_large"), answer.text)
        self.assertGreater(count, 150)
        for text in ("{", "[]", "null", '{"reason":"a","reason":"b"}', '{"reason":"\xff"}'.encode("latin-1")):
            with self.subTest(text=text):
                self.refused("bad_request", 400, "POST", "/v1/services/shop/rollback", text)
        self.refused("too_large", 413, "POST", "/v1/services/shop/rollback", "x" * 65537)
        self.assertEqual(self.ask("GET", "/v1/status").json()["generation"], before)

    def test_answers_to_changes_fit(self):
        change = self.ask("POST", "/v1/services/shop/split", {"percent": "12.5"}).json()
        self.assertEqual((change["split_basis_points"], change["drain"]), (1250, None))
        self.assertEqual(self.ask("POST", "/v1/services/shop/switch", {"pool": "green", "dry_run": True}).json()["would"]["moved_basis_points"], 8750)
        self.assertEqual(self.ask("POST", "/v1/services/shop/switch", {"pool": "green", "wait": True}).json()["drain"]["outcome"], "drained")
        self.assertFalse(self.ask("POST", "/v1/services/shop/switch", {"pool": "green"}).json()["changed"])
        listed = {"changes": [{"service": "shop", "action": "rollback"}, {"service": "blog", "action": "switch", "pool": "green"}], "force": True}
        self.assertTrue(self.ask("POST", "/v1/changes", {**listed, "dry_run": True}).json()["dry_run"])
        self.assertEqual(len(self.ask("POST", "/v1/changes", listed).json()["services"]), 2)
        drained = self.ask("POST", "/v1/services/shop/endpoints/drain", {"endpoint": self.endpoint}).json()
        self.assertEqual(drained["endpoint"], {"pool": "blue", "address": self.endpoint, "state": "draining"})

    def test_refusals_fit(self):
        switch, endpoints = "/v1/services/shop/switch", "/v1/services/shop/endpoints/"
        self.refused("unknown_service", 404, "POST", "/v1/services/nobody/switch", {"pool": "green"})
        self.refused("generation_mismatch", 409, "POST", switch, {"pool": "green", "if_generation": 99})
        self.assertIn("--force", self.refused("pool_unreachable", 409, "POST", "/v1/services/blog/switch", {"pool": "green"})["remedy"])
        self.refused("unknown_endpoint", 404, "POST", endpoints + "drain", {"endpoint": "127.0.0.1:2"})
        self.assertIn("--force", self.refused("last_endpoint", 409, "POST", "/v1/services/blog/endpoints/disable", {"endpoint": self.peers[3].address})["remedy"])
        self.refused("service_required", 400, "POST", "/v1/changes", {"changes": [{"action": "rollback"}]})
        for tag in ('"99"', 'W/"1"', '"x"'):
            with self.subTest(tag=tag):
                self.refused("precondition_failed", 412, "POST", switch, {"pool": "green"}, fields={"If-Match": tag})
        self.refused("bad_request", 400, "POST", switch, {"pool": "green"}, fields={"If-Match": "1"})
        self.refused("bad_request", 400, "POST", "/v1/services/shop/rollback", {}, fields={"If-Match": "*"})
        self.refused("bad_request", 431, "GET", "/healthz", fields={"X-Long": "x" * 20000})
        tag = self.ask("GET", "/v1/status/shop").fields["ETag"]
        self.assertEqual(self.ask("POST", switch, {"pool": "green"}, fields={"If-Match": tag}).status, 200)


if __name__ == "__main__":
    unittest.main()
