"""The processes of the demo, and the clients that are slow on purpose."""

import http.client
import json
import os
import socket
import subprocess
import threading
import time


class Machine:
    """One origin, which can break, die and be mended."""

    def __init__(self, processes, tools, name, version):
        self.processes = processes
        self.command = [os.path.join(tools, "test-origin"), "--name", name, "--version", version]
        self.address = self._run("0")

    def _run(self, port):
        self.process = subprocess.Popen([*self.command, "--port", port], stdout=subprocess.PIPE, text=True)
        self.processes.append(self.process)
        return self.process.stdout.readline().split()[-1]

    def answer_with(self, code):
        """Every request from now on."""
        connection = http.client.HTTPConnection(self.address, timeout=10)
        connection.request("GET", f"/fail?code={code}")
        connection.getresponse().read()
        connection.close()

    def die(self):
        self.process.kill()
        self.process.wait()

    def mend(self):
        """The same address again."""
        self._run(self.address.rpartition(":")[2])


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
      blue: {{endpoints: ["{blue.address}"]}}
      green: {{endpoints: {json.dumps([machine.address for machine in green])}}}
    expose: [pool, generation, reason]
    # What keeps users from noticing that green fails:
    retry: {{attempts: 1}}                            # another machine of the pool is asked
    rescue: {{when: [reset_before_response, timeout, "500", "502", "503", "504"]}}    # then the live pool
    circuit_breaker: {{open_for: 1s, max_open_for: 2s}}   # which takes all of them once half of green's answers are failures
    outlier_detection: {{consecutive_failures: 5, base_ejection_time: 1s, max_ejection_time: 2s}}  # and the machine is left alone
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
            body = connection.getresponse().read()
            return json.loads(body) if target != "/metrics" else body.decode()
        finally:
            connection.close()

    def count(self, metric, **labels):
        """The sum of all samples of a metric that have these labels."""
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        lines = (line.rpartition(" ") for line in self.get("/metrics").splitlines() if line.startswith((metric + "{", metric + " ")))
        return sum(int(float(value)) for sample, _, value in lines if all(label in sample for label in wanted))


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
