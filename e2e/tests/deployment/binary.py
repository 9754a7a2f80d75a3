# What the checks of deployment files have in common: the binary's own word on its settings, commands and routes.

import json, os, pathlib, re, subprocess, sys, tempfile, time, urllib.error, urllib.request
import yaml


class Binary:
    """The program, without the settings of the test run."""

    def __init__(self, program, root):
        self.program = program
        operations = (root / "docs/operations.md").read_text()
        known = self.run(["serve", "--help"], {})[1] + self.run(["health", "--help"], {})[1] + operations
        self.variables = set(re.findall(r"BUCKETRY_[A-Z_]+", known))
        self.paths = set(json.loads(self.run(["openapi"], {})[1])["paths"])

    def run(self, args, env):
        base = {name: value for name, value in os.environ.items() if not name.startswith("BUCKETRY_")}
        ended = subprocess.run([self.program, *args], env=base | env, capture_output=True, text=True)
        return ended.returncode == 0, ended.stdout + ended.stderr

    def settings(self, args, env):
        """The effective settings of `serve` or `node` with these arguments, or what is wrong with them."""
        unknown = sorted(name for name in env if name.startswith("BUCKETRY_") and name not in self.variables)
        if unknown:
            return None, f"unknown variables: {', '.join(unknown)}"
        is_right, printed = self.run([*args, "--print-config"], env)
        if not is_right:
            return None, printed.strip()
        pairs = (line.split(" = ", 1) for line in printed.splitlines() if re.match("[a-z_]+ = ", line))
        return {name: json.loads(value) for name, value in pairs}, None

    def node_pages(self, paths):
        """Those of the paths that a running node serves, also while it has no server."""
        with tempfile.TemporaryDirectory() as dir:
            key, ready = pathlib.Path(dir, "node.pem"), pathlib.Path(dir, "ready")
            subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f", key], check=True)
            args = ["--control-plane=http://127.0.0.1:1", "--node-name=n", f"--node-key={key}", f"--data-dir={dir}/data"]
            args += ["--no-gateway", "--metrics-listen=127.0.0.1:0", f"--ready-file={ready}"]
            base = {name: value for name, value in os.environ.items() if not name.startswith("BUCKETRY_")}
            log = open(pathlib.Path(dir, "log"), "w")
            node = subprocess.Popen([self.program, "node", *args], env=base, stdout=log, stderr=log)
            try:
                # It waits for its server first.
                for _ in range(600):
                    if ready.exists() or node.poll() is not None:
                        break
                    time.sleep(0.1)
                if not ready.exists():
                    return set()
                url = re.search(r"http://[0-9.:]+", ready.read_text()).group(0)
                return {path for path in paths if self.is_served(url + path)}
            finally:
                node.kill()
                node.wait()

    def is_served(self, url):
        try:
            return urllib.request.urlopen(url, timeout=30).status == 200
        except urllib.error.HTTPError as error:
            # A node without a configuration isn't ready.
            return error.code == 503

    def command(self, args):
        """What is wrong with the arguments of another command than `serve`: its help must name every option."""
        is_right, printed = self.run([args[0], "--help"], {})
        if not is_right:
            return printed.strip()
        options = [arg.split("=")[0] for arg in args[1:] if arg.startswith("-")]
        missing = [option for option in options if f"{option} " not in printed.replace("\n", " ")]
        return f"`bucketry {args[0]}` has no option {', '.join(missing)}" if missing else None


def port_of(address):
    return int(address.rsplit(":", 1)[1])


def image_environment(containerfile):
    """The variables that the image sets."""
    text = re.sub(r"\\\n", " ", containerfile.read_text())
    lines = [line for line in text.splitlines() if line.startswith("ENV ")]
    return dict(pair.split("=", 1) for line in lines for pair in line[4:].split())


def instruction(containerfile, name):
    """The JSON list of an instruction such as ENTRYPOINT."""
    text = re.sub(r"\\\n", " ", containerfile.read_text())
    line = next(line for line in text.splitlines() if line.startswith(name + " "))
    return json.loads(line[line.index("["):])
