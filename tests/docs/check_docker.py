"""The image and the compose file, as far as that can be told without Docker: what they copy, install, run and open exists, and
fits what the program and the build say."""

import json
import os
import re
import subprocess
import sys
import unittest

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("SLUICE_BIN", os.path.join(ROOT, "build/release/sluice")))
TOOLS = os.path.abspath(os.environ.get("SLUICE_TOOLS", os.path.join(ROOT, "build/release/tests/tools")))
BASE = {"libc6", "libgcc-s1", "libstdc++6"}  # in every Debian image


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False).stdout


def instructions():
    """(stage, instruction, arguments), continued lines joined; the stage of ARG before FROM is None."""
    text = re.sub(r"^\s*#.*\n", "", read("docker/Dockerfile"), flags=re.M).replace("\\\n", " ")
    stage, out = None, []
    for line in text.splitlines():
        if line.strip():
            word, arguments = line.split(None, 1)
            if word == "FROM":
                stage = arguments.split(" AS ")[1].strip()
            out.append((stage, word, " ".join(arguments.split())))
    return out


def of(word, stage=None):
    return [arguments for where, instruction, arguments in instructions() if instruction == word and stage in (None, where)]


def installed(stage):
    for arguments in of("RUN", stage):
        match = re.search(r"apt-get install -y --no-install-recommends (.*?)(?: &&|$)", arguments)
        if match:
            return set(match[1].split())
    return set()


def help_of(verb):
    return output(BIN, verb, "--help")


class Dockerfile(unittest.TestCase):
    def test_stages_follow_from_each_other_and_the_last_one_is_the_proxy(self):
        known = []
        for arguments in of("FROM"):
            base, name = arguments.split(" AS ")
            self.assertTrue(base in known or base.startswith("debian:12"), base)
            known.append(name)
        self.assertEqual(known[-1], "sluice")

    def test_what_is_copied_exists_and_is_not_ignored(self):
        ignored = [line.strip("/") for line in read(".dockerignore").split()]
        build = os.path.dirname(BIN)
        for arguments in of("COPY"):
            words = arguments.split()
            stage = re.match("--from=(.*)", words[0])
            for source in words[1 if stage else 0:-1]:
                with self.subTest(source=source):
                    if stage:
                        built = source.removeprefix("/source/build/release/")
                        self.assertNotEqual(built, source)
                        self.assertTrue(os.access(os.path.join(build, built), os.X_OK), "the build makes no such program")
                    else:
                        self.assertTrue(os.path.exists(os.path.join(ROOT, source)), "no such file")
                        self.assertFalse(any(source == each or source.startswith(each + "/") for each in ignored), "ignored")
        self.assertIn("build", ignored)

    def test_the_build_is_one_of_ours(self):
        run = " ".join(of("RUN", "build"))
        presets = {preset["name"] for preset in json.loads(read("CMakePresets.json"))["configurePresets"]}
        for preset in re.findall(r"--preset (\w+)", run):
            self.assertIn(preset, presets)
        for option in re.findall(r"-D(\w+)=", run):
            self.assertRegex(read("CMakeLists.txt"), rf"option\({option} ")
        targets = re.search(r"--target ([\w -]+)", run)[1].split()
        copied = {os.path.basename(source) for arguments in of("COPY") if "--from=build" in arguments for source in arguments.split()[1:-1]}
        self.assertEqual(set(targets), copied)

    def test_it_builds_with_the_packages_of_the_build(self):
        listed = re.search(r"build\) echo (.*?);;", read("dev"), flags=re.S)[1].replace("\\\n", " ")
        wanted = set(re.sub(r'"\$\(llhttp_package\)"', "node-llhttp", listed).split())
        self.assertEqual(installed("build"), wanted - {"ccache"})

    @unittest.skipUnless('VERSION_ID="12"' in open("/etc/os-release", encoding="utf-8").read(), "the image is Debian 12")
    def test_it_runs_with_the_libraries_that_the_programs_need(self):
        packages = installed("runtime") | BASE
        for program in (BIN, os.path.join(TOOLS, "test-origin"), os.path.join(TOOLS, "test-load")):
            libraries = re.findall(r"=> (/\S+)", output("ldd", program))
            self.assertGreater(len(libraries), 2)
            for library in libraries:
                if re.search(r"/lib[atu]+b?san\.", library):
                    continue  # of a sanitizer build
                # /lib is /usr/lib, and the package manager knows each file by one of the two names.
                real = os.path.realpath(library).removeprefix("/usr")
                owners = set(re.findall(r"^([\w.+-]+)(?::\w+)?: /", output("dpkg", "-S", real, "/usr" + real), flags=re.M))
                with self.subTest(program=os.path.basename(program), library=library):
                    self.assertEqual(len(owners), 1)
                    self.assertLessEqual(owners, packages)

    def test_it_is_not_root_and_stops_gracefully(self):
        self.assertEqual(of("USER", "sluice"), ["sluice"])
        self.assertEqual(of("STOPSIGNAL", "sluice"), ["SIGTERM"])
        self.assertIn("useradd --system", " ".join(of("RUN", "runtime")))

    def test_the_commands_and_their_options_exist(self):
        entry = json.loads(of("ENTRYPOINT", "sluice")[0])
        health = json.loads(of("HEALTHCHECK", "sluice")[0].split(" CMD ")[1])
        self.assertEqual(health[0], entry[0])
        for verb, *options in (json.loads(of("CMD", "sluice")[0]), health[1:]):
            shown = help_of(verb)
            self.assertIn(f"sluice {verb}", shown)
            for option in options:
                if option.startswith("-"):
                    self.assertRegex(shown, rf"(^|[ ,]){option}\b")
        config = json.loads(of("CMD", "sluice")[0])[-1]
        self.assertIn(config, [arguments.split()[-1] for arguments in of("COPY", "sluice")])

    def test_ports_and_directories_are_those_of_the_configuration(self):
        config = yaml.safe_load(output(BIN, "check", "--print", "-c", os.path.join(ROOT, "docker/sluice.yaml")))
        ports = {listener["bind"].rsplit(":")[-1] for listener in config["listeners"]} | {config["admin"]["http"]["bind"].rsplit(":")[-1]}
        self.assertEqual(set(of("EXPOSE", "sluice")[0].split()), ports)
        made = " ".join(of("RUN", "runtime"))
        for directory in (config["state_dir"], os.path.dirname(config["admin"]["socket"]["path"])):
            self.assertRegex(made, rf"install -d -o sluice [^&]*{directory}\b")
        self.assertEqual(json.loads(of("VOLUME", "sluice")[0]), [config["state_dir"]])


class Compose(unittest.TestCase):
    def setUp(self):
        self.compose = yaml.safe_load(read("docker/compose.yaml"))
        self.services = self.compose["services"]

    def test_each_image_is_a_stage(self):
        stages = {arguments.split(" AS ")[1] for arguments in of("FROM")}
        for name, service in self.services.items():
            with self.subTest(service=name):
                build = service["build"]
                folder = os.path.normpath(os.path.join("docker", build["context"]))
                self.assertTrue(os.path.exists(os.path.join(ROOT, folder, build["dockerfile"])))
                self.assertIn(build.get("target", "sluice"), stages)

    def test_the_commands_of_the_tools_exist(self):
        for name, service in self.services.items():
            if "command" in service:
                program, *arguments = service["command"]
                shown = output(os.path.join(TOOLS, program), "--help")
                for option in (word for word in arguments if word.startswith("--")):
                    with self.subTest(service=name, option=option):
                        self.assertIn(option, shown)

    def test_the_origins_are_the_endpoints_and_the_load_meets_a_listener(self):
        config = yaml.safe_load(read("docker/sluice.yaml"))
        (service,) = config["services"]
        for pool in ("blue", "green"):
            command = self.services[pool]["command"]
            self.assertEqual(service["pools"][pool]["endpoints"], [f"127.0.0.1:{command[command.index('--port') + 1]}"])
            self.assertEqual(command[command.index("--name") + 1], pool)
        load = self.services["load"]["command"]
        port = load[load.index("--address") + 1].rsplit(":")[-1]
        self.assertIn(port, [listener["bind"].rsplit(":")[-1] for listener in config["listeners"]])
        for name in ("blue", "green", "load"):
            self.assertEqual(self.services[name]["network_mode"], "service:sluice")

    def test_published_ports_are_exposed_and_only_on_loopback(self):
        exposed = of("EXPOSE", "sluice")[0].split()
        for published in self.services["sluice"]["ports"]:
            address, _, inner = published.rsplit(":", 2)
            self.assertEqual(address, "127.0.0.1")
            self.assertIn(inner, exposed)

    def test_it_may_take_as_long_as_a_drain_to_stop(self):
        drain = yaml.safe_load(read("docker/sluice.yaml"))["services"][0]["drain"]["deadline"]
        self.assertGreater(int(self.services["sluice"]["stop_grace_period"].removesuffix("s")), int(drain.removesuffix("s")))

    def test_volumes_are_declared(self):
        for service in self.services.values():
            for volume in service.get("volumes", []):
                self.assertIn(volume.split(":")[0], self.compose["volumes"])

    def test_the_commands_in_its_comment_exist(self):
        commands = re.findall(r"exec sluice sluice (\w+)(.*)", read("docker/compose.yaml"))
        self.assertGreater(len(commands), 3)
        for verb, arguments in commands:
            shown = help_of(verb)
            self.assertIn(f"sluice {verb}", shown)
            for option in re.findall(r"--[\w-]+", arguments):
                self.assertIn(option, shown)


if __name__ == "__main__":
    if not os.access(BIN, os.X_OK):
        sys.exit(f"no binary at {BIN}: name it with SLUICE_BIN")
    unittest.main()
