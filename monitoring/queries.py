"""The queries of dashboards and alerts.

    queries.py rules DASHBOARD...                       as recording rules, for promtool to parse
    queries.py try PROMETHEUS ALLOWED CATALOGUE ALERTS DASHBOARD...   each on a running Prometheus; prints one line each

An alert fires when its expression has a result, so a result of an alert is a failure here, unless it is allowed. For an
alert the metrics in it are asked for instead: an alert on a name that nobody exports would never fire. Of what the demo does
not show, at least the metrics have to exist: in CATALOGUE, which `stockpipe-operator metrics-catalogue` prints, or in the
workers' sources. The same holds for metrics that the documents name.
"""

import json
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# What the running pipeline is called, and how often it is scraped.
VARIABLES = {"namespace": "demo", "pipeline": "market", "__rate_interval": "15s", "datasource": ""}
DEADLINE_SECONDS = 120
METRIC = re.compile(r"\b((?:stockpipe|process)_[a-z_]+)\b")
ROOT = pathlib.Path(__file__).resolve().parents[1]


def panels(path):
    """(title, expression) of every target of a dashboard."""
    with open(path, encoding="utf-8") as file:
        dashboard = json.load(file)
    seen = set()
    for panel in dashboard["panels"]:
        if panel["id"] in seen:
            raise SystemExit(f"{path}: two panels have the id {panel['id']}")
        seen.add(panel["id"])
        for target in panel.get("targets", []):
            yield f"{dashboard['title']} / {panel['title']}", fill(target["expr"])


def fill(expression):
    for name, value in VARIABLES.items():
        expression = expression.replace("$" + name, value).replace("${" + name + "}", value)
    if "$" in expression:
        raise SystemExit(f"a variable without a value: {expression}")
    return expression


def rules(paths):
    found = [expression for path in paths for _, expression in panels(path)]
    group = {"name": "dashboards", "rules": [{"record": f"query_{i}", "expr": e} for i, e in enumerate(found)]}
    # JSON is YAML.
    print(json.dumps({"groups": [group]}))


def ask(prometheus, path, **parameters):
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{prometheus}/api/v1/{path}?{query}", timeout=10) as answer:
        return json.load(answer)["data"]


def has_data(prometheus, expression):
    result = ask(prometheus, "query", query=expression)["result"]
    # NaN is what a quantile of nothing is.
    return any(sample["value"][1] != "NaN" for sample in result)


def alerts(prometheus):
    """(name, expression) of every alert that Prometheus has loaded."""
    for group in ask(prometheus, "rules", type="alert")["groups"]:
        for rule in group["rules"]:
            yield rule["name"], rule["query"]


def defined():
    """Metrics of the workers' sources: some appear only when what they count has happened."""
    text = "".join(file.read_text(encoding="utf-8") for file in ROOT.glob("workers/*/src/**/*.rs"))
    return {"stockpipe_" + name for name in re.findall(r'\b(?:counter|(?:int_)?gauge|histogram)\(\s*"([a-z_]+)"', text)}


def until(condition, deadline):
    """Whether the condition came true before the deadline."""
    while True:
        try:
            if condition():
                return True
        except (urllib.error.URLError, ConnectionError):
            pass
        if time.monotonic() > deadline:
            return False
        time.sleep(1)


def attempt(prometheus, allowed_path, catalogue_path, alerts_path, paths):
    with open(allowed_path, encoding="utf-8") as file:
        allowed = json.load(file)
    with open(catalogue_path, encoding="utf-8") as file:
        catalogue = {line.split("\t")[0] for line in file}
    with open(alerts_path, encoding="utf-8") as file:
        wanted = len(re.findall(r"^\s+- alert:", file.read(), re.MULTILINE))
    deadline = time.monotonic() + DEADLINE_SECONDS
    if not until(lambda: len(list(alerts(prometheus))) == wanted, deadline):
        raise SystemExit(f"Prometheus does not have the {wanted} alerts of {alerts_path}")
    told, wrong, used = 0, 0, set()

    def tell(what, good):
        nonlocal told, wrong
        key = next((key for key in (what, what.split(" / ")[0]) if key in allowed), None)
        if not good and key:
            # Nothing was checked, so it does not count.
            used.add(key)
            print(f"-- {what}: not here, {allowed[key]}")
            return
        told += 1
        wrong += not good
        print(f"{'ok' if good else 'not ok'} {what}")

    # Every query gets until the deadline, and they are asked in turns.
    queries = [pair for path in paths for pair in panels(path)]
    for name, expression in alerts(prometheus):
        queries += [(f"{name}: {metric}", metric) for metric in sorted(set(METRIC.findall(expression)))]
    unanswered = list(queries)

    def needed(query):
        return query[0] not in allowed and query[0].split(" / ")[0] not in allowed

    def answered():
        # Once is enough: a commit's figures are there for as long as its rate is.
        unanswered[:] = [query for query in unanswered if not has_data(prometheus, query[1])]
        return not any(needed(query) for query in unanswered)

    until(answered, deadline)
    for query in queries:
        tell(query[0], query not in unanswered)
    for name, _ in alerts(prometheus):
        firing = [a for a in ask(prometheus, "alerts")["alerts"] if a["labels"]["alertname"] == name]
        tell(f"{name} is quiet", not any(a["state"] == "firing" for a in firing))
    known = catalogue | defined() | set(ask(prometheus, "metadata"))
    named = {metric for _, expression in queries for metric in METRIC.findall(expression)}
    for metric in sorted(named):
        tell(f"{metric} exists", metric in known or re.sub("_(bucket|sum|count)$", "", metric) in known)
    for document in sorted(ROOT.glob("docs/*.md")):
        missing = {name for name in METRIC.findall(document.read_text(encoding="utf-8"))} - known
        tell(f"metrics named in {document.name} exist{''.join(f', but {name}' for name in sorted(missing))}", not missing)
    for stale in sorted(set(allowed) - used):
        if any(what == stale for what, _ in queries):
            print(f"# {stale} has data: it may be taken out of {allowed_path}")
    print(f"# pass {told - wrong}\n# fail {wrong}")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["rules", *dashboards] if dashboards:
            rules(dashboards)
        case ["try", server, allowed_file, catalogue_file, alerts_file, *dashboards] if dashboards:
            attempt(server, allowed_file, catalogue_file, alerts_file, dashboards)
        case _:
            raise SystemExit(__doc__)
