# Renders the Helm charts for several sets of values, validates every document against the schemas of Kubernetes, and
# checks what the documents say about the program against the binary. The plain manifests are renderings, too.

import kubernetes_validate
from helm_python.chart import Chart, lint
from helm_python.errors import HelmError

program, root, update = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3] == "update"
binary = Binary(program, root)
chart_dir = root / "deploy/helm/bucketry"
node_chart_dir = root / "deploy/helm/bucketry-node"
node_paths = binary.node_pages(["/health", "/ready", "/metrics", "/no-such-page"])
image = image_environment(root / "deploy/container/Containerfile")
VERSIONS = ["1.27", "1.30", kubernetes_validate.latest_version().rsplit(".", 1)[0]]
problems, counts = [], {"sets": 0, "documents": 0, "validations": 0, "containers": 0, "refused": 0}


def problem(where, text):
    problems.append(f"{where}: {text}")


def documents(rendered):
    for name, text in sorted(rendered.items()):
        if not name.endswith(".txt"):
            yield from (document for document in yaml.safe_load_all(text) if document)


def pods(found):
    for document in found:
        if document["kind"] == "Pod":
            yield document, document["metadata"], document["spec"]
        elif "template" in document.get("spec", {}):
            template = document["spec"]["template"]
            yield document, template["metadata"], template["spec"]


def port_names(pod):
    return {port["name"] for container in pod["containers"] for port in container.get("ports", [])}


def selects(selector, labels):
    return all(labels.get(name) == value for name, value in selector.items())


def check_container(where, document, pod, container, found):
    """Runs the binary with the container's arguments and variables, and compares ports, probes and volumes."""
    counts["containers"] += 1
    security = container.get("securityContext", {})
    if not (security.get("readOnlyRootFilesystem") and security.get("allowPrivilegeEscalation") is False):
        problem(where, "the container may write to its root file system or gain privileges")
    if security.get("capabilities", {}).get("drop") != ["ALL"] or not pod["securityContext"]["runAsNonRoot"]:
        problem(where, "the container has capabilities or runs as root")
    if container["args"][0] not in ("serve", "node"):
        wrong = binary.command(container["args"])
        return problem(where, wrong) if wrong else None
    given = {entry["name"]: entry.get("value", "postgres://u:p@h/d") for entry in container.get("env", [])}
    pod_name = document["metadata"]["name"] + "-0"
    given = {name: value.replace("$(POD_NAME)", pod_name) for name, value in given.items()}
    paths = node_paths if container["args"][0] == "node" else binary.paths
    with tempfile.TemporaryDirectory() as dir:
        args = []
        for arg in container["args"]:
            if arg.startswith("--config="):
                file = pathlib.Path(dir, "configuration.toml")
                file.write_text(config_file(where, arg.split("=", 1)[1], pod, container, found))
                arg = f"--config={file}"
            args.append(arg)
        settings, wrong = binary.settings(args, image | given)
    if wrong:
        return problem(where, wrong)
    check_ports(where, settings, container, paths)
    check_files(where, settings, pod, container)
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    claims = document["spec"].get("volumeClaimTemplates", [])
    volumes |= {claim["metadata"]["name"] for claim in claims}
    for mount in container["volumeMounts"]:
        if mount["name"] not in volumes:
            problem(where, f"there is no volume {mount['name']}")
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    wanted = [settings[name] for name in ["data_dir", "backup_dir"] if settings.get(name)]
    if writable != wanted:
        problem(where, f"not exactly {wanted} can be written to, but {writable}")


def config_file(where, path, pod, container, found):
    """The text of the configuration file in the config map that is mounted at its directory."""
    directory, name = path.rsplit("/", 1)
    mount = next(mount for mount in container["volumeMounts"] if mount["mountPath"] == directory)
    volume = next(volume for volume in pod["volumes"] if volume["name"] == mount["name"])
    wanted = volume["configMap"]["name"]
    maps = [one for one in found if one["kind"] == "ConfigMap" and one["metadata"]["name"] == wanted]
    if not maps or name not in maps[0]["data"]:
        problem(where, f"there is no config map {wanted} with {name}")
        return ""
    return maps[0]["data"][name]


SECRET_FILES = ["node_key", "tls_certificate", "tls_key", "gateway_tls_certificate", "gateway_tls_key", "metrics_token_file"]


def check_files(where, settings, pod, container):
    """Files that settings name are in volumes; those with secrets are in volumes of secrets, mounted as directories."""
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    for name in [*SECRET_FILES, "ca_file", "control_plane_ca_file"]:
        if not settings.get(name):
            continue
        mount = mounts.get(settings[name].rsplit("/", 1)[0])
        if not mount or "subPath" in mount:
            problem(where, f"{name}: the directory of {settings[name]} isn't mounted")
        elif name in SECRET_FILES and "secret" not in volumes[mount["name"]]:
            problem(where, f"{name}: {settings[name]} isn't in a secret")


def check_ports(where, settings, container, paths):
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    listening = {"metrics": port_of(settings["metrics_listen"])}
    if "listen" in settings:
        listening["api"] = port_of(settings["listen"])
    if not (settings.get("no_node") or settings["no_gateway"]):
        listening["gateway"] = port_of(settings["gateway_listen"])
    if ports != listening:
        problem(where, f"the ports are {ports}, but the server listens on {listening}")
    for kind in ["startupProbe", "livenessProbe", "readinessProbe"]:
        probe = container[kind]["httpGet"]
        if probe["path"] not in paths or probe["port"] not in ("api", "metrics"):
            problem(where, f"{kind}: the program doesn't serve {probe}")


# What the sets of values say is there already.
EXISTING_CLAIMS = ["buckets-data", "buckets-backups"]


def check_references(where, found):
    """Services, budgets and policies select pods that exist, and name ports that these have."""
    templates = [(metadata["labels"], pod) for _, metadata, pod in pods(found)]
    services = {}
    for document in found:
        kind, name, spec = document["kind"], document["metadata"]["name"], document.get("spec", {})
        if kind == "Service":
            services[name] = {port["name"] for port in spec["ports"]}
            chosen = [pod for labels, pod in templates if selects(spec["selector"], labels)]
            for port in spec["ports"]:
                having = [port["targetPort"] in port_names(pod) for pod in chosen]
                if not having or not all(having):
                    problem(where, f"service {name}: port {port['targetPort']} is not one of the pods' ports")
        selector = {"PodDisruptionBudget": "selector", "NetworkPolicy": "podSelector"}.get(kind)
        selector = spec[selector]["matchLabels"] if selector else {}
        if kind in ("StatefulSet", "Deployment"):
            selector = spec["selector"]["matchLabels"]
        if selector and not any(selects(selector, labels) for labels, _ in templates):
            problem(where, f"{kind} {name} selects no pod")
    check_encrypted(where, found, templates)
    claims = {one["metadata"]["name"] for one in found if one["kind"] == "PersistentVolumeClaim"}
    for document in found:
        if document["kind"] == "Ingress":
            backend = document["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
            if backend["port"]["name"] not in services.get(backend["name"], ()):
                problem(where, f"ingress: there is no service {backend}")
        for volume in document.get("spec", {}).get("template", {}).get("spec", {}).get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and claim not in claims and claim not in EXISTING_CLAIMS:
                problem(where, f"there is no claim {claim}")
        if document["kind"] == "StatefulSet" and document["spec"]["serviceName"] not in services:
            problem(where, f"there is no service {document['spec']['serviceName']}")


def check_encrypted(where, found, templates):
    """Services say which ports speak TLS."""
    flags = {"api": ["--tls-certificate="], "gateway": ["--tls-certificate=", "--gateway-tls-certificate="]}
    for document in found:
        if document["kind"] != "Service":
            continue
        chosen = [pod for labels, pod in templates if selects(document["spec"]["selector"], labels)]
        args = [arg for pod in chosen for container in pod["containers"] for arg in container["args"]]
        for port in document["spec"]["ports"]:
            has_tls = any(arg.startswith(flag) for arg in args for flag in flags.get(port["name"], []))
            if (port.get("appProtocol") == "https") != has_tls:
                problem(where, f"service {document['metadata']['name']}: port {port['name']}: TLS is {has_tls}")


def check(where, rendered):
    found = list(documents(rendered))
    for document in found:
        counts["documents"] += 1
        for version in VERSIONS:
            counts["validations"] += 1
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except Exception as error:
                problem(where, f"{document['kind']} {document['metadata']['name']}, Kubernetes {version}: {error}")
    for document, _, pod in pods(found):
        for container in pod["containers"]:
            check_container(f"{where}: {document['metadata']['name']}", document, pod, container, found)
    check_references(where, found)
    return found


PLAIN = {
    "sqlite.yaml": (
        {},
        ["One server with the database on its volume."],
    ),
    "postgres.yaml": (
        {
            "database": {"existingSecret": "bucketry-database"},
            "tokenKey": {"existingSecret": "bucketry-token-key"},
            "controlPlanes": {"replicas": 2},
        },
        [
            "One server with the node, and two further control planes, on PostgreSQL. Create two secrets before:",
            "",
            "  kubectl create secret generic bucketry-database --from-literal=url='postgres://…?sslmode=verify-full'",
            "  kubectl create secret generic bucketry-token-key --from-literal=token.key=\"k1 $(openssl rand -hex 32)\"",
        ],
    ),
}
PLAIN_NODE = (
    {
        "name": "s3.example.com",
        "controlPlane": {"url": "https://bucketry.example.com"},
        "key": {"existingSecret": "bucketry-node-key"},
    },
    [
        "A node of a deployment whose server runs elsewhere. Replace the two host names, and create its key before:",
        "",
        "  kubectl create secret generic bucketry-node-key --from-file=node.pem",
    ],
)
HELM_ONLY = re.compile(r"^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n", re.M)


def plain(rendered, introduction, chart):
    """The manifests for `kubectl apply`: without hooks and without what says that Helm manages them."""
    texts = []
    for name, text in sorted(rendered.items()):
        if name.endswith(".txt") or "helm.sh/hook" in text:
            continue
        texts += [part.strip("\n") for part in re.split(r"^---$", HELM_ONLY.sub("", text), flags=re.M) if part.strip()]
    lines = [*introduction, "", f"A rendering of the Helm chart in deploy/helm/{chart}, which has more options."]
    head = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    return head + "".join(f"---\n{text}\n" for text in texts)


def check_chart(chart, directory, namespace):
    """Lints a chart, and checks it for the sets of values in its folder."""
    linted = lint(str(directory), strict=True)
    problems.extend(f"lint: {message}" for message in linted["messages"] if message["severity"] > 1)
    problems.extend(linted["errors"])
    for file in sorted((directory / "ci").glob("*-values.yaml")):
        counts["sets"] += 1
        values = yaml.safe_load(file.read_text())
        check(f"{directory.name}: {file.name}", chart.render(values, name="release", namespace=namespace))


def check_plain(chart, file, values, introduction, name):
    """Compares manifests with the rendered chart, or writes them."""
    rendered = chart.render(values, name=name, namespace="bucketry")
    check(file, rendered)
    text, path = plain(rendered, introduction, name), root / "deploy/kubernetes" / file
    if update:
        path.write_text(text)
    elif not path.exists() or path.read_text() != text:
        problem(file, "differs from the rendered chart: run the test with UPDATE_SNAPSHOTS=1")


def check_refused(chart, cases):
    """Values that can't work are refused, with the value to change."""
    for values, named in cases:
        try:
            chart.render(values, name="release")
            problem("values", f"{values} is not refused")
        except HelmError as error:
            counts["refused"] += 1
            if named not in str(error):
                problem("values", f"{values}: {error}")


def check_unknown_setting(chart, values):
    """That the checks notice a setting that doesn't exist."""
    with_unknown = chart.render(values | {"settings": {"no_such_setting": 1}}, name="release")
    before = len(problems)
    check("unknown setting", with_unknown)
    if len(problems) == before:
        problem("settings", "an unknown setting isn't noticed")
    del problems[before:]


if node_paths != {"/health", "/ready", "/metrics"}:
    problem("node", f"it serves {sorted(node_paths)}")
with Chart.load(str(chart_dir)) as chart:
    check_chart(chart, chart_dir, "storage")
    for file, (values, introduction) in PLAIN.items():
        check_plain(chart, file, values, introduction, "bucketry")
    database = {"existingSecret": "x"}
    check_refused(chart, [
        ({"controlPlanes": {"replicas": 2}}, "database.existingSecret"),
        ({"controlPlanes": {"replicas": 2}, "database": database}, "tokenKey.existingSecret"),
        ({"settings": {"listen": "0.0.0.0:1"}}, "settings.listen"),
        ({"settings": {"database_url": "postgres://u:p@h/d"}}, "database.existingSecret"),
        ({"settings": {"tls_key": "/tls.key"}}, "tls.existingSecret"),
        ({"settings": {"backup_dir": "/backups"}}, "backup.enabled"),
        ({"backup": {"recipients": ["ssh-ed25519 AAAA"]}}, "recipients"),
        ({"gateway": {"enabled": False}, "tls": {"gatewayExistingSecret": "x"}}, "tls.gatewayExistingSecret"),
        ({"ingress": {"api": {"enabled": True}}}, "ingress.api.host"),
        ({"replicas": 2}, "replicas"),
        ({"service": {"api": {"port": 0}}}, "port"),
    ])
    check_unknown_setting(chart, {})
with Chart.load(str(node_chart_dir)) as chart:
    check_chart(chart, node_chart_dir, "gateways")
    least, introduction = PLAIN_NODE
    check_plain(chart, "node.yaml", least, introduction, "bucketry-node")
    check_refused(chart, [
        (least | {"name": ""}, "name: it is required"),
        (least | {"controlPlane": {"url": ""}}, "controlPlane.url: it is required"),
        (least | {"key": {"existingSecret": ""}}, "key.existingSecret: it is required"),
        (least | {"name": "two words"}, "name"),
        (least | {"controlPlane": {"url": "bucketry.example.com"}}, "url"),
        (least | {"settings": {"node_name": "n"}}, "set name instead"),
        (least | {"settings": {"node_identity": "/k"}}, "settings.node_identity"),
        (least | {"gateway": {"enabled": False}, "tls": {"existingSecret": "x"}}, "tls.existingSecret"),
        (least | {"ingress": {"gateway": {"enabled": True}}}, "ingress.gateway.host"),
        (least | {"database": {"existingSecret": "x"}}, "database"),
    ])
    check_unknown_setting(chart, least)

print(json.dumps({"problems": problems, **counts}))
