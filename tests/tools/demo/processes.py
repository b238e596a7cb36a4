"""The processes of the demo, and the clients that are slow on purpose."""

import http.client
import json
import os
import socket
import subprocess
import threading
import time


def start_origin(processes, tools, name, version):
    process = subprocess.Popen([os.path.join(tools, "test-origin"), "--name", name, "--version", version],
                               stdout=subprocess.PIPE, text=True)
    processes.append(process)
    return process.stdout.readline().split()[-1]


def start_proxy(processes, binary, directory, blue, green):
    """Returns (admin socket, configuration file, address for clients)."""
    path = os.path.join(directory, "admin.sock")
    config = os.path.join(directory, "sluice.yaml")
    os.mkdir(os.path.join(directory, "state"), 0o750)
    with open(config, "w") as file:
        file.write(f"""listeners:
  - {{name: main, bind: "127.0.0.1:0"}}
admin:
  socket: {{path: {path}}}
state_dir: {directory}/state
access_log: {{path: {directory}/access.log}}
services:
  - name: shop
    identity: [{{cookie: uid}}]
    pools:
      blue: {{endpoints: ["{blue}"]}}
      green: {{endpoints: ["{green}"]}}
    expose: [pool, generation, reason]
""")
    with open(os.path.join(directory, "stderr"), "w") as errors:
        process = subprocess.Popen([binary, "run", "-c", config], stderr=errors)
    processes.append(process)
    admin = AdminSocket(path)
    end = time.monotonic() + 10
    while True:
        try:
            return path, config, admin.get("/v1/status")["listeners"][0]["address"]
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            if process.poll() is not None or time.monotonic() > end:
                with open(os.path.join(directory, "stderr")) as errors:
                    raise SystemExit(f"the proxy did not start: {errors.read()}") from None
            threading.Event().wait(0.02)


def stop_all(processes):
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class AdminSocket:
    def __init__(self, path):
        self.path = path

    def get(self, target):
        connection = http.client.HTTPConnection("sluice", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(10)
        try:
            connection.sock.connect(self.path)
            connection.request("GET", target)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


class SlowVisitors:
    """Six clients whose requests take more than a second each: what a drain waits for."""

    def __init__(self, address, users):
        self.address = address
        self.answered = 0
        self.failed = 0
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._visit, args=(i, users)) for i in range(6)]
        for thread in self.threads:
            thread.start()

    def _visit(self, number, users):
        self.over.wait(number * 0.25)
        while not self.over.is_set():
            good = False
            try:
                connection = http.client.HTTPConnection(self.address, timeout=10)
                connection.request("GET", "/slow?ms=1300", headers={"Cookie": f"uid=user-{number * 41 % users}"})
                answer = connection.getresponse()
                body = answer.read().decode()
                good = answer.status == 200 and body.startswith(f"pool={answer.headers['Sluice-Pool']} ")
                connection.close()
            except (OSError, http.client.HTTPException):
                pass
            with self.lock:
                self.answered += good
                self.failed += not good

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
