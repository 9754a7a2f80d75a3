# Checks the Containerfile and the Compose file against their schemas and the binary.

import check_jsonschema, jsonschema

program, root, hadolint = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
binary = Binary(program, root)
problems = []
containerfile = root / "deploy/container/Containerfile"

# The image.
linted = subprocess.run([hadolint, "--failure-threshold", "style", containerfile], capture_output=True, text=True)
if linted.returncode:
    problems.append(f"hadolint: {linted.stdout}{linted.stderr}")
environment = image_environment(containerfile)
entrypoint, command = instruction(containerfile, "ENTRYPOINT"), instruction(containerfile, "CMD")
image_settings, wrong = binary.settings(command, environment)
if wrong:
    problems.append(f"Containerfile: {wrong}")
exposed = re.search(r"^EXPOSE (.*)$", containerfile.read_text(), re.M).group(1).split()
listening = {port_of(image_settings["listen"]), port_of(image_settings["gateway_listen"])}
if {int(port) for port in exposed} != listening:
    problems.append(f"Containerfile: EXPOSE {exposed}, but the server listens on {sorted(listening)}")
if instruction(containerfile, "VOLUME") != [image_settings["data_dir"]]:
    problems.append("Containerfile: VOLUME is not the data directory")
text = re.sub(r"\\\n", " ", containerfile.read_text())
check = json.loads(re.search(r"^HEALTHCHECK .*CMD (\[.*\])$", text, re.M).group(1))
if check[:1] != entrypoint or binary.command(check[1:]):
    problems.append(f"Containerfile: HEALTHCHECK: {binary.command(check[1:])}")
if environment["BUCKETRY_URL"] != f"http://127.0.0.1:{port_of(image_settings['listen'])}":
    problems.append("Containerfile: BUCKETRY_URL is not the address of the server")

# The Compose file.
compose = yaml.safe_load((root / "deploy/compose.yaml").read_text())
schemas = pathlib.Path(check_jsonschema.__file__).parent / "builtin_schemas/vendor"
schema = json.loads((schemas / "compose-spec.json").read_text())
problems += [f"compose.yaml: {error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(compose)]
# `${NAME:-default}` and `${NAME:?message}`, as Compose replaces them. The message may have an example: "such as …".
def interpolated(value):
    def replaced(found):
        if found.group(1) is not None:
            return found.group(1)
        example = re.search(r"such as (\S+)$", found.group(2))
        return example.group(1) if example else "x"

    return re.sub(r"\$\{[A-Z_]+:(?:-([^}]*)|\?([^}]*))\}", replaced, value)
service = compose["services"]["bucketry"]
given = {name: interpolated(str(value)) for name, value in service["environment"].items()}
settings, wrong = binary.settings(service["command"], environment | given)
if wrong:
    problems.append(f"compose.yaml: {wrong}")
for port in service["ports"]:
    host, _, container = interpolated(port).rpartition(":")
    if int(container) not in {port_of(settings["listen"]), port_of(settings["gateway_listen"])}:
        problems.append(f"compose.yaml: port {container}: the server doesn't listen there")
    if not host.startswith("127.0.0.1:"):
        problems.append(f"compose.yaml: port {port} is open to other machines, without TLS")
mounts = [volume.split(":")[1] for volume in service["volumes"]]
if mounts != [settings["data_dir"], settings["backup_dir"]] or not service["read_only"]:
    problems.append("compose.yaml: not exactly the data directory and that of backups can be written to")
test = service["healthcheck"]["test"]
if test[:2] != ["CMD", *entrypoint] or binary.command(test[2:]):
    problems.append(f"compose.yaml: healthcheck: {binary.command(test[2:])}")
for volume in compose["volumes"]:
    if not any(mount.split(":")[0] == volume for one in compose["services"].values() for mount in one["volumes"]):
        problems.append(f"compose.yaml: nothing uses the volume {volume}")

# Its TLS, which is merged over it.
tls = yaml.safe_load((root / "deploy/compose.tls.yaml").read_text())
problems += [f"compose.tls.yaml: {error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(tls)]
tls = tls["services"]["bucketry"]
encrypted = {name: interpolated(str(value)) for name, value in tls["environment"].items()}
settings, wrong = binary.settings(service["command"], environment | given | encrypted)
if wrong:
    problems.append(f"compose.tls.yaml: {wrong}")
else:
    mounted = [volume.split(":")[1] for volume in tls["volumes"] if volume.endswith(":ro")]
    for name in ["tls_certificate", "tls_key"]:
        if settings[name].rsplit("/", 1)[0] not in mounted:
            problems.append(f"compose.tls.yaml: {name}: the directory of {settings[name]} isn't mounted")
    if encrypted["BUCKETRY_URL"] != f"http://{settings['metrics_listen']}":
        problems.append("compose.tls.yaml: BUCKETRY_URL is not the address that is plain HTTP")

# The Compose file of a node, which runs the same image.
node = yaml.safe_load((root / "deploy/compose.node.yaml").read_text())
problems += [f"compose.node.yaml: {error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(node)]
service = node["services"]["node"]
node_given = {name: interpolated(str(value)) for name, value in service["environment"].items()}
settings, wrong = binary.settings(service["command"], environment | node_given)
if wrong:
    problems.append(f"compose.node.yaml: {wrong}")
else:
    for port in service["ports"]:
        host, _, container = interpolated(port).rpartition(":")
        if int(container) != port_of(settings["gateway_listen"]) or not host.startswith("127.0.0.1:"):
            problems.append(f"compose.node.yaml: port {port}: it isn't that of the gateway on this machine only")
    mounts = dict(reversed(volume.removesuffix(":ro").split(":")) for volume in service["volumes"])
    if mounts.get(settings["data_dir"]) not in node["volumes"] or not service["read_only"]:
        problems.append("compose.node.yaml: the data directory isn't a volume, or not the only place that can be written to")
    if settings["node_key"].rsplit("/", 1)[0] not in mounts or len(mounts) != 2:
        problems.append(f"compose.node.yaml: the directory of {settings['node_key']} isn't mounted, or others are")
    if node_given["BUCKETRY_URL"] != f"http://{settings['metrics_listen']}":
        problems.append("compose.node.yaml: BUCKETRY_URL is not the address for health checks")
test = service["healthcheck"]["test"]
if test[:2] != ["CMD", *entrypoint] or binary.command(test[2:]):
    problems.append(f"compose.node.yaml: healthcheck: {binary.command(test[2:])}")
if not binary.node_pages(["/ready"]):
    problems.append("compose.node.yaml: a node doesn't serve /ready, which `bucketry health` requests")

print(json.dumps({"problems": problems, "settings": len(given)}))
