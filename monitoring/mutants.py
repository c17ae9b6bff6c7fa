"""Alerts that are wrong in one place each, which alerts.test.yaml has to notice.

    mutants.py ALERTS TESTS FOLDER      FOLDER is empty; prints one line each

A wait is a minute shorter or longer, a threshold is moved a tenth or passed the other way, a severity is another.
"""

import pathlib
import re
import subprocess
import sys

UNITS = {"m": 1, "h": 60}


def waits(line):
    if found := re.fullmatch(r"(\s+for: )(\d+)([mh])", line):
        minutes = int(found[2]) * UNITS[found[3]]
        yield from (f"{found[1]}{other}m" for other in (minutes - 1, minutes + 1))


def thresholds(line):
    for found in re.finditer(r" (>=|<=|==|>|<) ([0-9.]+)(?=\)?$)", line):
        before, after = line[: found.start()], line[found.end() :]
        opposite = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!="}[found[1]]
        yield f"{before} {opposite} {found[2]}{after}"
        if float(found[2]) not in (0, 1):
            yield from (f"{before} {found[1]} {float(found[2]) * factor:g}{after}" for factor in (0.9, 1.1))


def severities(line):
    swapped = re.sub(r"severity: (\w+)", lambda s: "severity: " + {"warning": "critical"}.get(s[1], "warning"), line)
    if swapped != line:
        yield swapped


def mutants(lines):
    """(what, text) of every alert file that is wrong in one line."""
    alert = ""
    for number, line in enumerate(lines):
        alert = line.split("alert: ")[1] if "- alert: " in line else alert
        if line.lstrip().startswith("#"):
            continue
        for rule in (waits, thresholds, severities):
            for wrong in rule(line):
                yield f"{alert}: {wrong.strip()}", "\n".join([*lines[:number], wrong, *lines[number + 1 :]]) + "\n"


def promtool(folder, *arguments):
    return subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def main(alerts, tests, folder):
    folder = pathlib.Path(folder)
    lines = pathlib.Path(alerts).read_text(encoding="utf-8").splitlines()
    wrong = list(mutants(lines))
    # All of them are rules: what cannot be read would be noticed by any test.
    for number, (_, text) in enumerate(wrong):
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    if (checked := promtool(folder, "check", "rules", *(f"{number}.yaml" for number in range(len(wrong))))).returncode:
        raise SystemExit(f"mutants.py makes what is not a rule: {checked.stderr}")
    cases = pathlib.Path(tests).read_text(encoding="utf-8")
    passed = 0
    for number, (what, _) in enumerate(wrong):
        test = folder / "test.yaml"
        test.write_text(cases.replace("rule_files: [alerts.yaml]", f"rule_files: [{number}.yaml]"), encoding="utf-8")
        said = promtool(folder, "test", "rules", test.name)
        noticed = said.returncode == 1 and "alertname:" in said.stdout + said.stderr
        passed += noticed
        print(f"{'ok' if noticed else 'not ok'} it is noticed that {what}")
    print(f"# pass {passed}\n# fail {len(wrong) - passed}")
    raise SystemExit(0 if passed == len(wrong) > 0 else 1)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
