"""Runs the README's example of an own service, word for word apart from ports and directory, and looks at what it shows."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("SLUICE_BIN", os.path.join(ROOT, "build/release/sluice")))
PATIENCE = 120
MARK = "== end of block"


def blocks():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        chapter = file.read().split("## Your own service in ten lines")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", chapter, flags=re.S | re.M)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [str(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def without_build(block):
    return "\n".join(line for line in block.splitlines() if not line.startswith(("./dev build", "export PATH=")))


# What "sleep 1" stands for: the origins and the proxy are up. Long enough for a busy machine, and no longer than needed.
AFTER_START = """for i in $(seq 300); do
  sluice status >status.log 2>&1 && curl -sf -o page http://127.0.0.1:{1}/ && curl -sf -o page http://127.0.0.1:{2}/ && break
  sleep 0.1
done
"""


class Readme(unittest.TestCase):
    def run_blocks(self):
        with tempfile.TemporaryDirectory() as directory:
            script = f"\necho '{MARK}'\n".join(without_build(block) for block in blocks())
            ports = free_ports(3)
            for port, free in zip(["8080", "9001", "9002"], ports):
                script = script.replace(f":{port}", f":{free}").replace(f" {port} ", f" {free} ")
            script = script.replace("/tmp/sluice-try", directory).replace("sleep 1\n", AFTER_START.format(*ports))
            environment = {**os.environ, "PATH": os.path.dirname(BIN) + ":" + os.environ["PATH"], "LC_ALL": "C.UTF-8"}
            # Whatever happens, nothing that the script started outlives it.
            script = "trap 'kill -9 $(jobs -p) 2>/dev/null' EXIT\n" + script + "\nwait\n"
            done = subprocess.run(["bash", "-c", script], env=environment, cwd=directory, timeout=PATIENCE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return done.stdout.split(MARK), done.stderr

    def test_the_example_works_as_it_is_told(self):
        shown, errors = self.run_blocks()
        setup, origins, start, blue, split, back, killed, clear = shown
        self.assertEqual(setup.strip() + origins.strip() + clear.strip(), "")
        self.assertIn("sluice.yaml: good", start)

        self.assertIn("Sluice-Pool: blue", blue)
        self.assertRegex(blue, r"blue +live +100 %")

        self.assertIn("green gets 10 % of the users", split)
        users = dict(re.findall(r"^(user-\d) (\w+)$", split, flags=re.M))
        self.assertEqual({user for user, pool in users.items() if pool == "green"}, {"user-9"})
        self.assertEqual(len(users), 9)

        self.assertIn("green is live, blue is closed", back)
        self.assertRegex(back, r"is drained[^\n]*nothing was cut\ngreen\n")
        self.assertRegex(back, r"rolled back: blue is live[^$]*\nblue\n$")

        self.assertRegex(killed, r"green +live +100 %")
        self.assertNotRegex(errors, r"Sanitizer|runtime error|invariant broken")


if __name__ == "__main__":
    if not os.access(BIN, os.X_OK):
        sys.exit(f"no binary at {BIN}: name it with SLUICE_BIN")
    unittest.main()
