"""Compares metrics of a running server with each other, with a Grafana dashboard and with alert rules for Prometheus.

Arguments: files with the metrics in the Prometheus format, the same in OpenMetrics, the dashboard, and the rules. Prints a JSON
object: how much was compared, and a list of problems.
"""

import json
import re
import sys

import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open_metrics
from prometheus_client.parser import text_string_to_metric_families as read_text

text_file, open_metrics_file, dashboard_file, rules_file = sys.argv[1:5]
problems = []

# Labels and metrics that Prometheus adds when it scrapes.
ADDED_LABELS = {"instance", "job"}
ADDED_METRICS = {"up"}
KEYWORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


def samples_of(families):
    return {(sample.name, tuple(sorted(sample.labels.items()))) for family in families for sample in family.samples}


with open(text_file) as file:
    text = samples_of(read_text(file.read()))
with open(open_metrics_file) as file:
    families = list(read_open_metrics(file.read()))
    open_metrics = samples_of(families)
# Requests between the two scrapes may have added series of routes and statuses.
for name, _ in text ^ open_metrics:
    if not name.startswith("bucketry_http_"):
        problems.append(f"{name} differs between the formats")
for family in families:
    if not family.documentation:
        problems.append(f"{family.name} has no description")

labels_of = {}
for name, labels in text:
    labels_of.setdefault(name, set()).update(label for label, _ in labels)


def check_query(where, query):
    """Returns the labels of the result, as far as they can be known."""
    rest = re.sub(r"\[[^\]]*\]", "", query)
    grouped = set()
    for labels in re.findall(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)", rest):
        grouped.update(label.strip() for label in labels.split(",") if label.strip())
    rest = re.sub(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", "", rest)
    known, metrics = set(ADDED_LABELS), 0
    for match in re.finditer(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\}|\(|)", rest):
        name, suffix = match.groups()
        if suffix == "(" or name in KEYWORDS:
            continue
        metrics += 1
        if name in ADDED_METRICS:
            continue
        if name not in labels_of:
            problems.append(f"{where}: no metric {name}")
            continue
        known |= labels_of[name]
        for label in re.findall(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', '""', suffix)):
            if label not in labels_of[name] | ADDED_LABELS:
                problems.append(f"{where}: {name} has no label {label}")
    for label in grouped - known:
        problems.append(f"{where}: no metric of the query has the label {label}")
    if not metrics:
        problems.append(f"{where}: no metric found in {query}")
    return known


def check_texts(where, known, texts):
    for label in re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", " ".join(texts)):
        if label not in known:
            problems.append(f"{where}: its text has a label {label} that the query hasn't")


def check_dashboard():
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    with open(dashboard_file) as file:
        source = json.load(file)
    read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(source)))
    lost("dashboard", source, read)
    queries = 0
    for panel in source["panels"]:
        for target in panel.get("targets", []):
            queries += 1
            where = f"dashboard, {panel['title']}"
            check_texts(where, check_query(where, target["expr"]), [target["legendFormat"]])
    for variable in source["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
            if label not in labels_of.get(metric, set()) | ADDED_LABELS or metric not in labels_of:
                problems.append(f"dashboard, variable {variable['name']}: no {metric} with {label}")
    return queries


def lost(where, source, read):
    """What is in the file must be in the types: a misspelt field would be ignored."""
    if isinstance(source, dict) and isinstance(read, dict):
        for key, value in source.items():
            if key in read:
                lost(f"{where}.{key}", value, read[key])
            else:
                problems.append(f"{where}.{key} is not a field of this type")
    elif isinstance(source, list) and isinstance(read, list) and len(source) == len(read):
        for index, (a, b) in enumerate(zip(source, read)):
            lost(f"{where}[{index}]", a, b)
    elif source != read:
        problems.append(f"{where} is read as {read}, not {source}")


def check_rules():
    with open(rules_file) as file:
        rules = [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]
    for rule in rules:
        where = f"alert {rule['alert']}"
        known = check_query(where, rule["expr"])
        check_texts(where, known, list(rule["annotations"].values()))
        if rule["labels"].get("severity") not in ("critical", "warning", "info"):
            problems.append(f"{where}: no severity")
    return len(rules)


outcome = {"samples": len(text), "alerts": check_rules()}
try:
    outcome["queries"] = check_dashboard()
except ImportError:
    # The types need Python 3.11.
    outcome["queries"] = None
print(json.dumps(outcome | {"problems": problems}))
