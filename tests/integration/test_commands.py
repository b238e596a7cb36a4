"""The command line and the admin API of a running proxy, as operators and scripts use them."""

import base64
import errno
import fcntl
import json
import os
import pty
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import termios
import threading
import unittest

from harness import BIN, PATIENCE, Peer, SluiceTest, bucket_of, plain_answer, poll_readable, scaled, service, wait_until


class Commands(SluiceTest):
    def test_the_whole_way_of_a_release(self):
        proxy = self.two_pools()
        steps = [(("split", "10"), "green gets 10 % of the users"), (("split", "50%", "shop"), "50 %"),
                 (("switch", "green"), "green is live"), (("rollback",), "rolled back: blue is live"),
                 (("switch", "green", "--wait", "--reason", "go"), "drained")]
        for arguments, said in steps:
            done = proxy.cli(*arguments)
            self.assertEqual(done.returncode, 0, (arguments, done.stderr))
            # A rollback waits 100 ms for the disk at most; on a busy one it says that it did not.
            if "not on disk yet" not in done.stderr or arguments != ("rollback",):
                self.assertEqual(done.stderr, "", arguments)
            self.assertIn(said, done.stdout)
        self.assertEqual(proxy.status()["generation"], 6)
        shown = proxy.cli("status")
        self.assertEqual(shown.returncode, 0)
        self.assertIn("generation 6", shown.stdout)
        self.assertIn(self.green.address, shown.stdout)
        self.assertNotIn("\x1b", shown.stdout)
        self.assertEqual(json.loads(proxy.cli("status", "--json").stdout)["generation"], 6)
        self.assertIn("shop", proxy.cli("status", "shop").stdout)

    def test_no_ops_change_no_generation(self):
        proxy = self.two_pools()
        self.assertFalse(proxy.rollback()["changed"] and proxy.rollback()["changed"])
        generation = proxy.status()["generation"]
        live = proxy.status("shop")["live"]
        for verb, body in (("switch", {"pool": live}), ("rollback", {})):
            answer = proxy.change(verb, body)
            self.assertEqual((answer["changed"], answer["generation"]), (False, generation))
        done = proxy.cli("rollback")
        self.assertEqual(done.returncode, 0)
        self.assertIn("nothing to roll back", done.stdout)

    def test_exit_statuses(self):
        proxy = self.two_pools()
        for arguments, status in [(("switch", "green", "nope"), 1), (("switch", "purple"), 2), (("split", "101"), 2),
                                  (("split", "1.234"), 2), (("frobnicate",), 2), (("swtich", "green"), 2), ((), 2),
                                  (("--help",), 0), (("--version",), 0),
                                  (("version",), 0), (("version", "--json"), 0), (("explain", "--user", "7"), 0), (("explain",), 2), (("explain", "--user", "7", "--request", "x"), 2),
                                  (("switch", "green", "--reason", "x" * 1025), 2), (("split", "1", "--salt", "a\nb"), 2),
                                  (("switch", "green", "--if-generation", "99"), 1),
                                  (("switch", "--help"), 0), (("status", "nope"), 1)]:
            done = proxy.cli(*arguments)
            self.assertEqual(done.returncode, status, (arguments, done.stderr))
            self.assertEqual(done.stderr == "", status == 0, (arguments, done.stderr))
        gone = proxy.cli("status", environment={"SLUICE_SOCKET": "/nonexistent/x.sock"})
        self.assertEqual(gone.returncode, 3)
        self.assertEqual(proxy.cli("status", "-c", proxy.config_file, environment={}).returncode, 0)
        self.assertEqual(proxy.cli("status", "--socket", proxy.socket, environment={"SLUICE_SOCKET": "/x"}).returncode, 0)

    @unittest.skipIf(shutil.which("setpriv") is None or os.geteuid() != 0, "needs to become somebody else")
    def test_who_may_not_use_the_socket_is_told_who_may(self):
        proxy = self.two_pools()
        os.chmod(proxy.directory, 0o755)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BIN, "status", "--socket", proxy.socket],
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn(f"you may not use the socket {proxy.socket}: Permission denied", done.stderr)
        self.assertIn(f"ls -l {proxy.socket}", done.stderr)

    def test_preconditions_and_problems_on_the_wire(self):
        proxy = self.two_pools()
        cases = [
            ("/v1/services/nope/switch", {"pool": "green"}, 404, "unknown_service"),
            ("/v1/services/shop/switch", {"pool": "purple"}, 400, "bad_request"),
            ("/v1/services/shop/switch", {}, 400, "bad_request"),
            ("/v1/services/shop/switch", {"pool": "green", "surprise": 1}, 400, "bad_request"),
            ("/v1/services/shop/switch", {"pool": "green", "if_generation": 7}, 409, "generation_mismatch"),
            ("/v1/services/shop/split", {"percent": "10.001"}, 400, "bad_request"),
            ("/v1/services/shop/split", {"percent": "10", "salt": "a\nb"}, 400, "bad_request"),
            ("/v1/services/shop/rollback", [], 400, "bad_request"),
            ("/v1/changes", {"changes": []}, 400, "bad_request"),
        ]
        for path, body, status, code in cases:
            got, problem = proxy.admin("POST", path, body)
            self.assertEqual((got, problem["code"], problem["status"]), (status, code, status), (path, body, problem))
            self.assertTrue(problem["title"] and problem["detail"])
        self.assertEqual(proxy.status()["generation"], 1)
        self.assertTrue(proxy.switch("green", if_generation=1)["changed"])

    def test_a_pool_that_nobody_serves_needs_force(self):
        blue = self.origin("blue")
        green = self.origin("green")
        green.stop()
        proxy = self.sluice([service([blue.address], [green.address])])
        done = proxy.cli("switch", "green")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--force", done.stderr)
        self.assertEqual(proxy.status()["generation"], 1)
        self.assertEqual(proxy.cli("switch", "green", "--force").returncode, 0)
        self.assertEqual(proxy.status("shop")["live"], "green")

    def test_several_services_change_in_one_generation(self):
        blue, green = self.origin("blue"), self.origin("green")
        names = ["shop", "blog", "api"]
        proxy = self.sluice([service([blue.address], [green.address], name=name, path_prefix="/" + name) for name in names])
        unnamed = proxy.cli("switch", "green")
        self.assertEqual(unnamed.returncode, 2)
        for name in names:
            self.assertIn(name, unnamed.stderr)
        self.assertEqual(proxy.cli("switch", "green", "--all").returncode, 0)
        status = proxy.status()
        self.assertEqual(status["generation"], 2)
        self.assertEqual([(s["live"], s["generation"]) for s in status["services"]], [("green", 2)] * 3)
        code, answer = proxy.admin("POST", "/v1/changes", {"changes": [
            {"service": "shop", "action": "rollback"}, {"service": "nope", "action": "switch", "pool": "blue"}]})
        self.assertEqual((code, answer["code"]), (404, "unknown_service"))
        self.assertEqual(proxy.status()["generation"], 2, "all or none")
        self.assertEqual(proxy.cli("rollback", "--all").returncode, 0)
        self.assertEqual([s["live"] for s in proxy.status()["services"]], ["blue"] * 3)

    def test_curl_can_do_everything(self):
        proxy = self.two_pools()

        def curl(*arguments):
            done = subprocess.run(["curl", "-sS", "--unix-socket", proxy.socket, *arguments], capture_output=True, text=True,
                                  timeout=PATIENCE)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        self.assertEqual(json.loads(curl("http://sluice/v1/status"))["generation"], 1)
        answer = json.loads(curl("-d", '{"percent":"12.5%"}', "http://sluice/v1/services/shop/split"))
        self.assertEqual((answer["generation"], answer["split_basis_points"]), (2, 1250))
        self.assertIn("405", curl("-o", "/dev/null", "-w", "%{http_code}", "http://sluice/v1/services/shop/switch"))
        self.assertIn("404", curl("-o", "/dev/null", "-w", "%{http_code}", "http://sluice/nope"))
        self.assertEqual("200", curl("-o", "/dev/null", "-w", "%{http_code}", "http://sluice/readyz"))
        for pool in ("green", "blue"):
            self.assertEqual(json.loads(curl("-d", json.dumps({"pool": pool}), "http://sluice/v1/services/shop/switch"))["live"], pool)

    def test_an_entity_tag_guards_against_lost_updates(self):
        proxy = self.two_pools()

        def curl(*arguments):
            done = subprocess.run(["curl", "-sS", "-i", "--unix-socket", proxy.socket, *arguments], capture_output=True,
                                  text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 0, done.stderr)
            head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
            return int(head.split()[1]), dict(line.lower().split(": ", 1) for line in head.split("\n")[1:]), json.loads(body)

        url = "http://sluice/v1/services/shop/split"
        self.assertEqual(curl("http://sluice/v1/status/shop")[1]["etag"], '"1"')
        code, head, _ = curl("-H", 'If-Match: "1"', "-d", '{"percent":"5%"}', url)
        self.assertEqual((code, head["etag"]), (200, '"2"'))
        code, head, problem = curl("-H", 'If-Match: "1"', "-d", '{"percent":"9%"}', url)
        self.assertEqual((code, problem["code"], head["content-type"]), (412, "precondition_failed", "application/problem+json"))
        self.assertEqual(problem["type"], "urn:sluice:problem:precondition_failed")
        self.assertEqual((problem["instance"], problem["remedy"]), ("/v1/services/shop/split", "sluice status shop"))
        self.assertEqual(proxy.status("shop")["split_basis_points"], 500)

    def test_the_tcp_admin_listener_reads_only(self):
        blue = self.origin("blue")
        directory = self.directory()
        probe = socket.create_server(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % probe.getsockname()[1]
        probe.close()
        proxy = self.sluice([service([blue.address], [blue.address])], directory=directory,
                            admin={"socket": {"path": os.path.join(directory, "admin.sock")}, "http": {"bind": address}})
        with Peer.connect(address) as peer:
            self.assertEqual(peer.get("/v1/status", host=address)[0].status, 200)
        with Peer.connect(address) as peer:
            peer.request("/v1/services/shop/switch", method="POST", body=b'{"pool":"green"}', host=address,
                         fields=["Content-Type: application/json"])
            self.assertIn(peer.answer()[0].status, (401, 403))
        self.assertEqual(proxy.status()["generation"], 1)

    def test_the_socket_is_private_and_the_directory_locked(self):
        proxy = self.two_pools()
        self.assertEqual(os.stat(proxy.socket).st_mode & 0o777, 0o660)

    def test_check_names_every_mistake_with_its_place(self):
        directory = self.directory()
        path = os.path.join(directory, "bad.yaml")
        with open(path, "w") as file:
            file.write("workers: many\nlisteners:\n  - bind: nowhere\nservices:\n  - name: shop\n    pols: {}\n    salt: [1]\n")
        done = subprocess.run([BIN, "check", "-c", path], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        for place in (":1:", ":3:", ":6:", ":7:"):
            self.assertIn(path + place, done.stderr)
        self.assertIn("pools", done.stderr)

    def test_check_says_of_any_file_what_is_wrong_with_it(self):
        directory = self.directory()

        def said(name, content=None, **environment):
            path = os.path.join(directory, name)
            if content is not None:
                with open(path, "wb") as file:
                    file.write(content)
            done = subprocess.run([BIN, "check", "-c", path], capture_output=True, timeout=PATIENCE, env={**os.environ, **environment})
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            *mistakes, summary = done.stderr.decode().replace(path, "FILE").splitlines()
            self.assertEqual(summary, f"sluice check: FILE: {len(mistakes)} mistake{'s' * (len(mistakes) > 1)}")
            return "\n".join(mistakes)

        self.assertEqual(said("no such file"), "FILE: can't be read: No such file or directory")
        os.mkdir(os.path.join(directory, "folder"))
        self.assertEqual(said("folder"), "FILE: is a directory, expected a file")
        self.assertEqual(said("empty", b""), "FILE:1:1: syntax error: the file is empty, expected 'listeners' and 'services'")
        with open(BIN, "rb") as file:
            self.assertEqual(said("program", file.read(100_000)), "FILE:1:1: syntax error: control character 0x7F, expected printable text")
        self.assertEqual(said("utf-16", "listeners: []".encode("utf-16")), "FILE:1:1: syntax error: byte 0xFF is not UTF-8, expected UTF-8 text")
        self.assertEqual(said("large", b"#" * (4 << 20) + b"\n"), "FILE: too large, expected at most 4 MiB")
        self.assertEqual(said("deep", b"[" * 5000 + b"]" * 5000), "FILE:1:33: syntax error: nested too deep, expected at most 32 levels")
        self.assertIn("FILE:1:12: ${SLUICE_NOT_SET} is not set, expected a value in the environment or a default: ${SLUICE_NOT_SET:-default}",
                      said("variable", b"state_dir: ${SLUICE_NOT_SET}\n"))
        self.assertIn("FILE:1:10: the value of ${SLUICE_EVIL} is not printable text, expected one line without control characters",
                      said("injection", b"workers: ${SLUICE_EVIL}\n", SLUICE_EVIL="1\nadmin: off"))
        if os.geteuid() != 0:  # root reads everything
            path = os.path.join(directory, "secret")
            os.close(os.open(path, os.O_CREAT, 0))
            self.assertEqual(said("secret"), "FILE: can't be read: Permission denied")

    def test_check_print_is_a_configuration_that_prints_the_same(self):
        proxy = self.two_pools(pins=[{"header": "X-P", "values": {"a$b": "blue"}, "from": ["10.0.0.0/8", "unix:"]}],
                               identity=[{"cookie": "uid"}, {"mint_cookie": {"name": "sid", "max_age": "30d"}}])
        first = proxy.cli("check", "-c", proxy.config_file, "--print")
        self.assertEqual((first.returncode, first.stderr), (0, ""))
        again = os.path.join(proxy.directory, "again.yaml")
        with open(again, "w") as file:
            file.write(first.stdout)
        second = proxy.cli("check", "-c", again, "--print")
        self.assertEqual((second.returncode, second.stderr), (0, ""))
        self.assertEqual(first.stdout, second.stdout)
        proxy.split("10%")
        self.assertIn("the saved state rules", proxy.cli("check", "-c", proxy.config_file).stdout)
        note, _, rest = proxy.cli("check", "-c", proxy.config_file, "--print").stdout.partition("\n")
        self.assertRegex(note, "^# note: .*the saved state rules: live blue, split 10%")
        self.assertEqual(rest, first.stdout)


class Endpoints(SluiceTest):
    def two_blues(self):
        self.origins = [self.origin(name) for name in ("blue-1", "blue-2", "green")]
        first, second, green = [origin.address for origin in self.origins]
        return self.sluice([service([first, second], [green])]), first, second, green

    def answered_by(self, proxy, count=40):
        """The endpoints that a row of requests reaches."""
        with proxy.client() as client:
            return {client.get()[0]["sluice-endpoint"] for _ in range(count)}

    def states(self, proxy):
        pools = proxy.status("shop")["pools"]
        return {entry["address"]: entry["state"] for pool in pools.values() for entry in pool["endpoints"]}

    def test_one_that_is_taken_out_gets_no_requests_until_it_is_enabled_also_after_a_restart(self):
        proxy, first, second, green = self.two_blues()
        self.assertEqual(self.answered_by(proxy), {first, second})
        done = proxy.cli("endpoint", "drain", first, "--reason", "new disk")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"blue/{first} is draining", done.stdout)
        self.assertEqual(self.answered_by(proxy), {second})
        self.assertEqual(self.states(proxy), {first: "draining", second: "up", green: "up"})
        self.assertIn("draining", proxy.cli("status").stdout)
        again = proxy.cli("endpoint", "drain", "blue/" + first)
        self.assertIn("already, nothing to do", again.stdout)
        self.assertEqual(proxy.status()["generation"], 2)

        self.assertEqual(proxy.cli("endpoint", "disable", first).returncode, 0)
        proxy.kill()
        proxy.start()
        self.assertEqual(self.states(proxy)[first], "disabled")
        proxy.wait_told(f"endpoint blue/{first} is disabled by the saved state")
        self.assertEqual(self.answered_by(proxy), {second})
        self.assertEqual(proxy.cli("endpoint", "enable", first).returncode, 0)
        self.assertEqual(self.answered_by(proxy), {first, second})
        self.assertEqual(proxy.status()["generation"], 4)

    def test_the_last_one_of_the_live_pool_needs_force_and_rollback_needs_none(self):
        proxy, first, second, green = self.two_blues()
        self.assertEqual(proxy.cli("endpoint", "disable", first).returncode, 0)
        refused = proxy.cli("endpoint", "disable", second, "--json")
        self.assertEqual((refused.returncode, json.loads(refused.stdout)["code"]), (1, "last_endpoint"))
        self.assertIn(f"try: sluice endpoint disable {second} --force", refused.stderr)
        self.assertEqual(proxy.status()["generation"], 2)
        self.assertEqual(proxy.cli("switch", "green").returncode, 0)
        self.assertEqual(proxy.cli("endpoint", "disable", second).returncode, 0, "blue is not live now")
        refused = proxy.cli("switch", "blue")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("no usable endpoint", refused.stderr)
        back = proxy.cli("rollback")
        self.assertEqual(back.returncode, 0)
        self.assertIn("warning: shop: the live pool blue has no usable endpoint", back.stderr)
        self.assertEqual(proxy.status("shop")["live"], "blue")
        again = json.loads(proxy.cli("rollback", "--json").stdout)
        self.assertEqual((again["changed"], len(again["warnings"])), (False, 1))
        self.assertIn("shop: the live pool blue has no usable endpoint", proxy.cli("events").stdout)
        with proxy.client() as client:
            self.assertEqual(client.get()[0].status, 503)
        self.assertEqual(proxy.admin("GET", "/readyz", raw=True)[0], 503)

    def test_names_that_are_not_clear(self):
        both = self.origin("both")
        proxy = self.sluice([service([both.address], [both.address])])
        unclear = proxy.cli("endpoint", "drain", both.address)
        self.assertEqual(unclear.returncode, 1)
        self.assertIn(f"blue/{both.address} or green/{both.address}", unclear.stderr)
        unknown = proxy.cli("endpoint", "drain", "127.0.0.1:1")
        self.assertEqual(unknown.returncode, 1)
        self.assertIn("has no endpoint \"127.0.0.1:1\"", unknown.stderr)
        self.assertEqual(proxy.cli("endpoint", "drain", "green/" + both.address).returncode, 0)
        self.assertEqual(proxy.cli("endpoint", "eject", both.address).returncode, 2)

    def test_what_runs_on_it_ends_by_itself(self):
        release, arrived = threading.Event(), threading.Semaphore(0)
        self.addCleanup(release.set)

        def held(peer):
            peer.head()
            arrived.release()
            release.wait(PATIENCE)
            peer.send(plain_answer(b"held"))

        slow, green = self.scripted(held), self.origin("green")
        proxy = self.sluice([service([slow.address], [green.address])])
        with proxy.client() as client:
            client.request()
            self.assertTrue(arrived.acquire(timeout=PATIENCE))
            self.assertEqual(proxy.cli("endpoint", "disable", slow.address, "--force").returncode, 0)
            entry = proxy.status("shop")["pools"]["blue"]["endpoints"][0]
            self.assertEqual((entry["state"], entry["in_flight"]), ("disabled", 1))
            release.set()
            self.assertEqual(client.answer()[1], b"held")


class Cells:
    """As much of a terminal as a frame needs; what it does not know, and every scroll, is an error."""

    def __init__(self, columns, rows):
        self.resize(columns, rows)
        self.is_alternate, self.has_cursor = False, True
        self.left = b""

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines = [[" "] * columns for _ in range(rows)]
        self.row = self.column = self.frames = self.wiped = 0

    def feed(self, data):
        text = (self.left + data).decode("utf-8", "surrogateescape")
        self.left = b""
        at = 0
        while at < len(text):
            match = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])").match(text, at)
            if match:
                self.control(match.group(1), match.group(2))
                at = match.end()
            elif text[at] == "\x1b":
                self.left = text[at:].encode("utf-8", "surrogateescape")
                return
            else:
                self.put(text[at])
                at += 1

    def control(self, parameters, final):
        if final == "H" and not parameters:
            self.row = self.column = 0
            self.frames += 1
        elif final == "K" and not parameters:
            assert self.column < self.columns, "the last cell of a full line is wiped"
            self.lines[self.row][self.column :] = [" "] * (self.columns - self.column)
        elif final == "J" and not parameters:
            self.wiped += 1
            self.control("", "K")
            for row in range(self.row + 1, self.rows):
                self.lines[row] = [" "] * self.columns
        elif final in "hl" and parameters in ("?1049", "?25"):
            if parameters == "?25":
                self.has_cursor = final == "h"
            else:
                self.is_alternate = final == "h"
        else:
            assert final == "m", (parameters, final)

    def put(self, char):
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self.row += 1
            assert self.row < self.rows, "it scrolls"
        else:
            assert self.column < self.columns, f"a line is longer than {self.columns}: {self.text()}"
            self.lines[self.row][self.column] = char
            self.column += 1

    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.lines).rstrip()


class Watch(SluiceTest):
    def watch(self, proxy, columns, rows, interval="100ms", **session):
        """`sluice status --watch` on a terminal of its own: the process, the terminal's other end, and its cells."""
        ours, theirs = pty.openpty()
        self.set_size(ours, columns, rows)
        environment = {**os.environ, "SLUICE_SOCKET": proxy.socket, "TERM": "xterm", "LANG": "C.UTF-8"}
        process = subprocess.Popen([BIN, "status", "--watch", "--interval", interval], stdin=theirs, stdout=theirs,
                                   stderr=theirs, env=environment, **(session or {"start_new_session": True}))
        os.close(theirs)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            os.close(ours)

        self.addCleanup(end)
        return process, ours, Cells(columns, rows)

    def set_size(self, terminal, columns, rows):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, terminal, cells, condition, what):
        def look():
            if poll_readable(terminal, PATIENCE):
                try:
                    cells.feed(os.read(terminal, 65536))
                except OSError as error:  # nobody has the other end any more
                    self.assertEqual(error.errno, errno.EIO)
            return condition()

        wait_until(look, what)

    def test_it_redraws_in_place_at_80_columns_and_narrower(self):
        names = [f"service-with-quite-a-name-{number}" for number in range(4)]
        blue, green = self.origin("blue"), self.origin("green")
        proxy = self.sluice([service([blue.address], [green.address], name=name, path_prefix="/" + name) for name in names])
        for columns, rows in ((80, 24), (20, 5), (3, 2), (200, 60)):
            with self.subTest(columns=columns, rows=rows):
                _, terminal, cells = self.watch(proxy, columns, rows)
                self.read_until(terminal, cells, lambda: cells.frames >= 4, "four frames")
                self.assertTrue(cells.is_alternate and not cells.has_cursor)
                self.assertTrue(cells.text().startswith("sluice "[:columns].rstrip()))
                if (columns, rows) == (80, 24):
                    self.assertIn("more lines: a taller window", cells.text().split("\n")[-1])
                    generation = proxy.change("split", {"percent": "50%"}, names[0])["generation"]
                    # A frame may be read in pieces: its first line is there before the others.
                    self.read_until(terminal, cells, lambda: f"generation {generation} " in cells.text() and "50 %" in cells.text(),
                                    "the change is shown")
                elif rows == 60:
                    self.assertIn(names[3], cells.text())

    def test_another_size_is_drawn_at_once(self):
        proxy = self.two_pools()
        process, terminal, cells = self.watch(proxy, 80, 24, "1h")
        self.read_until(terminal, cells, lambda: cells.wiped == 1, "the whole first frame")
        # A frame is whole when its last line is, or what is below it is wiped.
        for columns, rows, last_line in ((40, 6, 40), (120, 40, None), (1, 1, 1)):
            cells.resize(columns, rows)
            self.set_size(terminal, columns, rows)
            process.send_signal(signal.SIGWINCH)  # the terminal is nobody's controlling one

            def is_whole():
                return len("".join(cells.lines[-1]).rstrip()) == last_line if last_line else cells.wiped == 1

            self.read_until(terminal, cells, lambda: cells.frames == 1 and is_whole(), "a frame of the new size")

    def test_the_shells_screen_comes_back_on_sigint_and_sigterm(self):
        proxy = self.two_pools()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process, terminal, cells = self.watch(proxy, 80, 24, "1h")
            self.read_until(terminal, cells, lambda: "shop" in cells.text(), "the first frame")
            process.send_signal(number)
            self.read_until(terminal, cells, lambda: not cells.is_alternate, "the shell's screen")
            self.assertTrue(cells.has_cursor)
            self.assertEqual(process.wait(PATIENCE), -number)

    def test_the_shells_screen_comes_back_while_it_is_stopped(self):
        proxy = self.two_pools()
        # In a group of this session: the kernel stops no group that nobody could let go on.
        process, terminal, cells = self.watch(proxy, 80, 24, "1h", process_group=0)
        self.read_until(terminal, cells, lambda: cells.wiped == 1, "the whole first frame")

        def wait_for_stop():
            _, status = os.waitpid(process.pid, os.WUNTRACED)
            self.assertTrue(os.WIFSTOPPED(status), status)

        for round in range(2):
            process.send_signal(signal.SIGTSTP)
            wait_for_stop()
            self.read_until(terminal, cells, lambda: not cells.is_alternate, "the shell's screen")
            self.assertTrue(cells.has_cursor)
            cells.resize(80, 24)
            process.send_signal(signal.SIGCONT)
            # SIGCONT itself may be seen a moment later, and draws once more.
            self.read_until(terminal, cells, lambda: cells.is_alternate and cells.wiped >= 1, "a frame at once")
            self.assertFalse(cells.has_cursor)
            self.assertIn("shop", cells.text())
        # SIGSTOP can't be caught: what the shell wrote over it is drawn over.
        process.send_signal(signal.SIGSTOP)
        wait_for_stop()
        cells.resize(80, 24)
        process.send_signal(signal.SIGCONT)
        self.read_until(terminal, cells, lambda: cells.wiped >= 1, "a frame at once")
        process.send_signal(signal.SIGINT)
        self.read_until(terminal, cells, lambda: not cells.is_alternate, "the shell's screen")
        self.assertEqual(process.wait(PATIENCE), -signal.SIGINT)

    def test_a_proxy_that_goes_away_is_told_and_tried_again(self):
        proxy = self.two_pools()
        _, terminal, cells = self.watch(proxy, 80, 24)
        self.read_until(terminal, cells, lambda: "generation 1 " in cells.text(), "the first frame")
        proxy.kill()
        # A look that the kill cuts off is told in other words; and a frame may arrive in parts.
        for words in ("no proxy answers at ", "trying again; below is what was true", "generation 1 "):
            self.read_until(terminal, cells, lambda: words in cells.text(), "that it is away")
        proxy.start()
        self.read_until(terminal, cells, lambda: "trying again" not in cells.text(), "that it is back")
        self.assertIn("shop", cells.text())

    def test_elsewhere_one_picture_follows_the_other(self):
        proxy = self.two_pools()
        for arguments in ((), ("--json",)):
            process = subprocess.Popen([BIN, "status", "--watch", "--interval", "100ms", *arguments], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True, env={**os.environ, "SLUICE_SOCKET": proxy.socket})
            try:
                lines = []
                while sum("generation" in line for line in lines) < 3:
                    lines.append(process.stdout.readline())
                    self.assertTrue(lines[-1], "it ended")
                self.assertNotIn("\x1b", "".join(lines))
                if arguments:
                    self.assertEqual([json.loads(line)["generation"] for line in lines], [1, 1, 1])
                else:
                    self.assertIn("\n\nsluice ", "".join(lines))
            finally:
                process.kill()
                process.communicate()
        self.assertEqual(proxy.cli("status", "--watch", "--socket", "/nonexistent/x.sock").returncode, 3)
        for interval in ("99ms", "2h", "1", "x"):
            self.assertEqual(proxy.cli("status", "--watch", "--interval", interval).returncode, 2, interval)
        self.assertEqual(proxy.cli("status", "--interval", "1s").returncode, 2)


class Explain(SluiceTest):
    EVERYONE = ["0.0.0.0/0", "::/0", "unix:"]

    def front_door(self):
        """Three services with pins of each kind; the candidate of blog is closed, that of docs out of use."""
        origins = [self.origin(name) for name in ("blue", "green")]
        blue, green = [[origin.address] for origin in origins]
        directory = self.directory()
        with open(os.path.join(directory, "beta.txt"), "w") as file:
            file.write("".join(f"user-{number}\n" for number in range(0, 300, 7)))
        pins = [
            {"header": "X-P", "values": {"b": "blue", "g": "green"}, "from": ["10.0.0.0/8"]},
            {"cookie": "p", "values": {"l": "live", "c": "candidate"}, "from": self.EVERYONE},
            {"identity_in": "beta.txt", "pool": "candidate"},
            {"segment": {"path_prefix": "/new", "percent": "50%", "salt": "x"}, "pool": "candidate"},
        ]
        proxy = self.sluice(
            [service(blue, green, hosts=["shop.test"], pins=pins, limits={"target_bytes": "64B"}),
             service(blue, green, name="blog", hosts=["*.blog.test"], pins=pins, identity=[{"query": "u"}, "client_address"]),
             service(blue, green, name="docs", hosts=["shop.test"], path_prefix="/docs")],
            directory=directory, trusted_proxies=["127.0.0.0/8"])
        proxy.change("split", {"percent": "35.5%", "salt": "autumn"}, "shop")
        proxy.change("switch", {"pool": "green"}, "blog")
        proxy.change("split", {"percent": "60%"}, "docs")
        proxy.change("endpoints/disable", {"endpoint": "green/" + green[0]}, "docs")
        return proxy

    def draw(self, rng):
        """A request of a random user, as bytes."""
        user = f"user-{rng.randrange(300)}"
        path = rng.choice(["/", "/new/x", "/%6eew", "/docs/a", "/docsx", "/x?u=" + user, "/" + "y" * rng.choice([63, 64])])
        host = rng.choice(["shop.test", "SHOP.test:80", "shop.test.", "a.blog.test", "b.a.blog.test"])
        fields = rng.sample(
            [f"Cookie: a=b; uid={user}", f"X-User-Id: {user}", "X-P: g", "X-P: b", "Cookie: p=c", "Cookie: p=l", "Cookie: p=?",
             "X-Forwarded-For: 10.1.2.3", "X-Forwarded-For: 192.0.2.9, 127.0.0.5", "X-User-Id: " + "u" * 1025], rng.randrange(5))
        method = "GET"
        if rng.random() < 0.2:
            path, host, method, field = rng.choice([
                ("/..", host, method, "A: b"), ("/%zz", host, method, "A: b"), (path, "nowhere.test", method, "A: b"),
                (path, host, method, "Bad name: x"), (path, host, "OPTIONS", "Max-Forwards: 0"), ("/docs/a", "shop.test", method, "X-User-Id: 1")])
            fields.insert(0, field)
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *fields, "", ""]).encode()

    def answered(self, proxy, request):
        with proxy.client() as client:
            client.send(request)
            return client.answer()[0]

    def test_300_random_requests_are_explained_as_they_are_answered(self):
        proxy = self.front_door()
        rng = random.Random(20260131)
        seen = {}
        path = os.path.join(proxy.directory, "request")
        for number in range(300):
            request = self.draw(rng)
            head = self.answered(proxy, request)
            if number % 5 == 0:
                with open(path, "wb") as file:
                    file.write(request)
                done = proxy.cli("explain", "--request", path, "--json")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                told = json.loads(done.stdout)
            else:
                code, told = proxy.admin("POST", "/v1/explain", {"request": base64.b64encode(request).decode()})
                self.assertEqual(code, 200, told)
            with self.subTest(request):
                if "sluice-pool" in head:
                    expected = (head["sluice-pool"], head["sluice-reason"], head.get("sluice-bucket"), int(head["sluice-generation"]))
                    self.assertIsNone(told["answer"])
                    bucket = None if told["bucket"] is None else str(told["bucket"])
                    self.assertEqual((told["pool"], told["reason"], bucket, told["generation"]), expected)
                    self.assertIn(head["sluice-endpoint"], [entry["address"] for entry in told["endpoints"]])
                    kind = head["sluice-reason"]
                else:
                    self.assertEqual(told["answer"]["status"], head.status, told)
                    kind = head.status
                seen[kind] = seen.get(kind, 0) + 1
        for kind in ("split", "live", "pin_header", "pin_cookie", "pin_list", "pin_segment", "pin_closed", "no_identity", "fallback",
                     400, 404, 414, 200):
            self.assertIn(kind, seen, seen)

    def test_a_user_is_told_the_pool_that_its_requests_get(self):
        proxy = self.front_door()
        with proxy.client() as client:
            for number in range(60):
                user = f"user-{number}"
                head = client.get(host="shop.test", fields=[f"Cookie: uid={user}"])[0]
                done = proxy.cli("explain", "--user", user, "--host", "shop.test", "--json")
                told = json.loads(done.stdout)
                self.assertEqual((told["pool"], told["reason"], str(told["bucket"])),
                                 (head["sluice-pool"], head["sluice-reason"], head["sluice-bucket"]))
                self.assertEqual((told["identity"]["source"], told["service"]["name"]), ("given", "shop"))

    def test_a_person_reads_a_sentence_and_what_it_rests_on(self):
        proxy = self.two_pools(salt="shop-2026")
        proxy.split("20%")
        done = proxy.cli("explain", "--user", "user-2")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.splitlines()[0], "user-2 is in bucket 1364 of 10000, below the split of 20 %, so green")
        self.assertIn(f"endpoints  {self.green.address}", done.stdout)
        request = os.path.join(proxy.directory, "request")
        with open(request, "w", newline="") as file:
            file.write("GET / HTTP/1.1\nHost: a\n\n")
        done = proxy.cli("explain", "--request", request)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(done.stdout.startswith("Sluice answers 400 itself: "), done.stdout)
        self.assertIn(f"sed 's/$/\\r/' {request} | sluice explain --request -", done.stderr)
        fixed = subprocess.run(f"sed 's/$/\\r/' {request} | {BIN} explain --request - --socket {proxy.socket}", shell=True,
                               capture_output=True, text=True, timeout=PATIENCE)
        self.assertTrue(fixed.stdout.startswith("the request has no identity (cookie uid, header X-User-Id), so blue"), fixed)

    def test_what_is_not_clear_is_asked_back(self):
        proxy = self.front_door()
        for arguments, status, words in [
                (("--user", "u"), 2, "shop, blog, docs"), (("--user", "u", "nope"), 1, "no service \"nope\""),
                (("--user", "u", "shop", "--listener", "x"), 1, "there is: main"), (("--user", "u", "--path", "x"), 2, "begin with /"),
                (("--user", "u", "--from", "here"), 2, "no IP address"), (("--path", "/"), 2, "--user"),
                (("--request", "/nonexistent/x"), 1, "No such file"), (("--request", "/"), 1, "directory"), ((), 2, "--user ID or --request")]:
            done = proxy.cli("explain", *arguments)
            self.assertEqual((done.returncode, done.stdout), (status, ""), (arguments, done.stderr))
            self.assertIn(words, done.stderr)
        self.assertIn("try: sluice explain --user u shop\n", proxy.cli("explain", "--user", "u", "shoop").stderr)
        self.assertIn("try: sluice switch green blog\n", proxy.cli("switch", "green", "blogg").stderr)
        self.assertIn("try: sluice status\n", proxy.cli("switch", "green", "payments").stderr)
        code, answer = proxy.admin("POST", "/v1/explain", {"user": "u", "uid": 1})
        self.assertEqual((code, answer["code"]), (400, "bad_request"))


class Audit(SluiceTest):
    def test_the_chain_is_shown_and_verified_also_without_a_proxy(self):
        proxy = self.two_pools()
        proxy.split("10%", reason="first users")
        proxy.switch("green")
        proxy.cli("endpoint", "disable", self.blue.address)
        wait_until(lambda: len(proxy.admin("GET", "/v1/audit")[1]["records"]) == 4, "all changes are in the audit")
        shown = proxy.cli("audit")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        lines = shown.stdout.splitlines()
        self.assertEqual([line.split()[2] for line in lines], ["start", "split", "switch", "endpoint"])
        self.assertIn("\"first users\"", lines[1])
        self.assertIn(f"uid {os.getuid()}", lines[1])
        self.assertIn(f"blue/{self.blue.address} disabled", lines[3])
        newest = json.loads(proxy.cli("audit", "-n", "1", "--json").stdout)
        self.assertEqual([record["generation"] for record in newest["records"]], [4])
        self.assertTrue(newest["has_older"])

        state = os.path.join(proxy.directory, "state")
        good = proxy.cli("audit", "verify", "-c", proxy.config_file, environment={})
        self.assertEqual((good.returncode, good.stderr), (0, ""))
        self.assertIn("good: 4 lines in 1 file", good.stdout)
        proxy.stop()
        self.assertEqual(proxy.cli("audit").returncode, 3)
        self.assertEqual(proxy.cli("audit", "verify", "--state-dir", state).returncode, 0)

        path = os.path.join(state, "audit.jsonl")
        with open(path, "rb") as file:
            whole = file.read()
        at = whole.index(b"first users")
        with open(path, "wb") as file:
            file.write(whole[:at] + b"F" + whole[at + 1 :])
        bad = proxy.cli("audit", "verify", "--state-dir", state)
        self.assertEqual((bad.returncode, bad.stdout), (1, ""))
        self.assertIn(f"{path}:2: ", bad.stderr)
        self.assertEqual(proxy.cli("audit", "verify", "--state-dir", os.path.join(state, "nowhere")).returncode, 1)

    def test_an_audit_whose_end_is_gone_is_seen_and_stays_seen(self):
        proxy = self.two_pools()
        for percent in range(1, 6):
            proxy.split(str(percent))
        wait_until(lambda: len(proxy.admin("GET", "/v1/audit")[1]["records"]) == 6, "all changes are in the audit")
        proxy.stop()
        state = os.path.join(proxy.directory, "state")
        path = os.path.join(state, "audit.jsonl")
        with open(path, "rb") as file:
            lines = file.readlines()

        def verify(*options):
            done = proxy.cli("audit", "verify", "--state-dir", state, "--json", *options)
            return done.returncode, [(each["line"], each["why"]) for each in json.loads(done.stdout)["findings"]]

        self.assertEqual(verify(), (0, []))
        with open(path, "wb") as file:
            file.writelines(lines[:3])
        missing = [(3, "the records of generations 4 to 5 are missing behind it: state.json is of generation 6")]
        self.assertEqual(verify(), (1, missing))
        self.assertEqual(verify("--partial"), (1, missing))
        with open(path, "wb") as file:
            file.writelines(lines[1:])
        self.assertEqual(verify(), (1, [(1, "it continues a file that is not here")]))
        self.assertEqual(verify("--partial"), (0, []))

        with open(path, "wb") as file:
            file.writelines(lines[:3])
        proxy.start()
        proxy.wait_told("what led to generations 4 to 5 is missing")
        jump = [(4, "the records of generations 4 to 5 are missing before it")]
        self.assertEqual(verify(), (1, jump))
        proxy.split("50")
        records = proxy.admin("GET", "/v1/audit")[1]["records"]
        self.assertEqual([record["action"] for record in records][:5], ["start", "split", "split", "split", "recovered"])
        proxy.stop()
        self.assertEqual(verify(), (1, jump))
        os.remove(os.path.join(state, "state.json"))
        self.assertEqual(verify()[0], 1)


    def test_a_chain_that_is_being_written_verifies(self):
        proxy = self.two_pools()
        stop = threading.Event()

        def change():
            for round in range(10_000):
                if stop.is_set():
                    return
                proxy.split(str(round % 100 + 1))
                proxy.cli("endpoint", ["disable", "enable"][round % 2], f"green/{self.green.address}")
                proxy.rollback()

        writer = threading.Thread(target=change)
        writer.start()
        try:
            for _ in range(scaled(20, 8, 5)):
                done = proxy.cli("audit", "verify", "-c", proxy.config_file)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
        finally:
            stop.set()
            writer.join()


class Events(SluiceTest):
    def follow(self, proxy, *arguments):
        """`sluice events --follow`, and a list of lines that grows."""
        process = subprocess.Popen([BIN, "events", "--follow", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env={**os.environ, "SLUICE_SOCKET": proxy.socket})
        lines = []

        def read():
            for line in process.stdout:
                lines.append(line.rstrip())

        thread = threading.Thread(target=read)
        thread.start()

        def end():
            process.kill()
            thread.join()
            process.stdout.close()
            process.stderr.close()
            process.wait()

        self.addCleanup(end)
        return process, lines

    def test_what_happens_is_told_as_it_happens(self):
        proxy = self.two_pools()
        proxy.split("10%")
        process, lines = self.follow(proxy, "--json")
        wait_until(lambda: lines, "the recent event")
        proxy.switch("green", wait=True, reason="release 42")
        proxy.cli("endpoint", "drain", self.blue.address)
        wait_until(lambda: len(lines) == 5, "five events")
        events = [json.loads(line) for line in lines]
        self.assertEqual([event["event"] for event in events], ["change", "change", "drain", "drain", "endpoint"])
        self.assertEqual([event.get("generation") for event in events], [2, 3, 3, 3, 4])
        self.assertEqual((events[2]["phase"], events[3]["phase"], events[3]["outcome"]), ("began", "ended", "drained"))
        self.assertEqual((events[1]["reason"], events[1]["uid"]), ("release 42", os.getuid()))

        shown = proxy.cli("events", "-n", "2")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertEqual(len(shown.stdout.splitlines()), 2)
        self.assertIn(f"blue/{self.blue.address} is draining", shown.stdout)
        proxy.stop()
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertEqual(json.loads(lines[-1])["event"], "stopping")

    def test_an_endpoint_that_stops_answering_is_told(self):
        proxy = self.two_pools()
        _, lines = self.follow(proxy)
        self.blue.stop()
        with proxy.client() as client:
            self.assertEqual(client.get()[0].status, 503)
        wait_until(lambda: any(f"blue/{self.blue.address} accepts no connections" in line for line in lines), "the event")

    def test_a_reader_that_stops_reading_delays_no_change(self):
        proxy = self.two_pools()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(proxy.socket)
            sock.sendall(b"GET /v1/events HTTP/1.1\r\nHost: sluice\r\n\r\n")
            for round in range(scaled(400, 100, 50)):
                proxy.split(str(round % 100 + 1), reason="x" * 1000)
            self.assertEqual(proxy.status()["generation"], scaled(400, 100, 50) + 1)


class AtOnce(SluiceTest):
    def test_8_processes_at_once_are_serialised(self):
        proxy = self.two_pools()
        each = scaled(25, 12, 6)
        answers = []
        lock = threading.Lock()

        def work(number):
            rng = random.Random(number)
            for _ in range(each):
                verb = rng.choice([("switch", "green"), ("switch", "blue"), ("split", str(rng.randrange(0, 100))), ("rollback",)])
                done = proxy.cli(*verb, "--json")
                with lock:
                    answers.append((done.returncode, done.stdout, done.stderr, verb))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        changed = {}
        for returncode, out, err, verb in answers:
            # A rollback may overtake a switch that still checks its target: that one is refused as superseded.
            if returncode == 1 and json.loads(out)["code"] == "superseded":
                continue
            self.assertEqual(returncode, 0, (verb, err))
            answer = json.loads(out)
            if answer["changed"]:
                self.assertNotIn(answer["generation"], changed)
                changed[answer["generation"]] = answer
        self.assertEqual(sorted(changed), list(range(2, 2 + len(changed))))
        last = changed[max(changed)]
        shop = proxy.status("shop")
        self.assertEqual((proxy.status()["generation"], shop["live"], shop["split_basis_points"]),
                         (last["generation"], last["live"], last["split_basis_points"]))


class Drains(SluiceTest):
    def held(self, **over):
        """A proxy whose blue pool holds requests until `self.release` is set."""
        self.release = threading.Event()
        self.arrived = threading.Semaphore(0)

        def script(peer):
            while True:
                peer.head()
                self.arrived.release()
                self.release.wait(PATIENCE)
                peer.send(plain_answer(b"blue"))

        blue = self.scripted(script)
        green = self.origin("green")
        self.addCleanup(self.release.set)
        return self.sluice([service([blue.address], [green.address], **over)])

    def test_wait_returns_when_the_old_pool_is_empty(self):
        proxy = self.held()
        with proxy.client() as client:
            client.request()
            self.assertTrue(self.arrived.acquire(timeout=PATIENCE))
            done = []
            waiter = threading.Thread(target=lambda: done.append(proxy.cli("switch", "green", "--wait", "--json")))
            waiter.start()
            # The drain is listed at once; how many are left is known when the workers have answered.
            wait_until(lambda: [(d["pool"], d["requests"]) for d in proxy.status("shop")["drains"]] == [("blue", 1)],
                       "a drain of blue waits for one request")
            self.assertEqual(done, [])
            self.release.set()
            waiter.join()
            self.assertEqual(client.answer()[1], b"blue")
        answer = json.loads(done[0].stdout)
        self.assertEqual(answer["drain"], {"outcome": "drained", "requests_cut": 0, "tunnels_cut": 0, "tunnels_kept": 0})
        self.assertEqual(proxy.status("shop")["drains"], [])

    def test_what_runs_at_the_deadline_is_cut_counted_and_logged(self):
        proxy = self.held()
        with proxy.client() as client:
            client.request("/held")
            self.assertTrue(self.arrived.acquire(timeout=PATIENCE))
            done = proxy.cli("switch", "green", "--wait", "--drain", "200ms", "--json")
            answer = json.loads(done.stdout)
            self.assertEqual((done.returncode, answer["drain"]["outcome"], answer["drain"]["requests_cut"]), (0, "deadline", 1))
            head, _ = client.answer()
            self.assertIn(head.status, (502, 503, 504))
        line = proxy.wait_log(lambda entry: entry["path"] == "/held")
        self.assertIn("drain", line["error"])

    def test_a_dry_run_counts_what_would_drain_and_changes_nothing(self):
        proxy = self.held()
        proxy.split("10%")
        user = next(name for name in map(str, range(100)) if bucket_of("shop", name) >= 1000)
        with proxy.client() as client:
            client.request(fields=[f"X-User-Id: {user}"])
            self.assertTrue(self.arrived.acquire(timeout=PATIENCE))
            done = proxy.cli("switch", "green", "--dry-run", "--json")
            answer = json.loads(done.stdout)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual((answer["dry_run"], answer["live"], answer["generation"]), (True, "blue", 2))
            self.assertEqual((answer["changed"], answer["split_basis_points"]), (False, 1000))
            self.assertEqual(answer["would"], {"changed": True, "live": "green", "split_basis_points": 0, "moved_basis_points": 9000,
                                               "users_seen": 1, "users_moved": 1, "drain": {"pool": "blue", "requests": 1, "tunnels": 0}})
            shown = proxy.cli("switch", "green", "--dry-run").stdout
            self.assertIn("green would be live", shown)
            self.assertIn("about 1 of 1 user seen in the last minute would", shown)
            self.assertIn("1 request and 0 tunnels are in progress there now", shown)
            self.assertIn("0.5 % of all users would change", proxy.cli("split", "10.5", "--dry-run").stdout)
            self.assertEqual((proxy.status()["generation"], proxy.status("shop")["live"]), (2, "blue"))
            self.release.set()
            self.assertEqual(client.answer()[1], b"blue")

    def test_a_rollback_during_a_drain_cuts_nobody(self):
        proxy = self.held()
        with proxy.client() as client:
            client.request()
            self.assertTrue(self.arrived.acquire(timeout=PATIENCE))
            waiter = []
            thread = threading.Thread(target=lambda: waiter.append(proxy.switch("green", wait=True, drain="500ms")))
            thread.start()
            wait_until(lambda: proxy.status("shop")["drains"], "the drain of blue runs")
            self.assertEqual(proxy.rollback()["live"], "blue")
            thread.join()
            self.assertEqual(waiter[0]["drain"]["outcome"], "superseded")
            # Past the old deadline the request still runs.
            threading.Event().wait(0.6)
            self.release.set()
            self.assertEqual(client.answer()[1], b"blue")

    def test_a_drain_of_0s_cuts_at_once(self):
        proxy = self.held()
        with proxy.client() as client:
            client.request()
            self.assertTrue(self.arrived.acquire(timeout=PATIENCE))
            answer = proxy.switch("green", wait=True, drain="0s")
            self.assertEqual((answer["drain"]["outcome"], answer["drain"]["requests_cut"]), ("deadline", 1))


if __name__ == "__main__":
    unittest.main()
