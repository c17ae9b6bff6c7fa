"""Two tables of windows, and every way in which they differ."""

from typing import Iterable

# Relative; counts are exact.
TOLERANCE = 1e-9
VALUES = ("open", "high", "low", "close", "volume", "vwap", "sma")

Key = tuple[str, str, int, int]


def table(rows: Iterable[dict]) -> dict[Key, dict]:
    """Rows by (symbol, name, start, end); a key that comes twice is an error of whoever made the rows."""
    keyed: dict[Key, dict] = {}
    for row in rows:
        key = (row["symbol"], row["name"], row["start_us"], row["end_us"])
        if key in keyed:
            raise ValueError(f"two rows of {key}")
        keyed[key] = row
    return keyed


def near(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b))


def differences(ours: dict[Key, dict], theirs: dict[Key, dict]) -> list[str]:
    """One line a difference; empty where both are the same. A value that neither side's row names is not compared."""
    found = [f"only ours: {key}" for key in ours.keys() - theirs.keys()]
    found += [f"only theirs: {key}" for key in theirs.keys() - ours.keys()]
    for key in ours.keys() & theirs.keys():
        a, b = ours[key], theirs[key]
        if a["n"] != b["n"]:
            found.append(f"{key}: n is {a['n']} and {b['n']}")
        for name in VALUES:
            if name in a and not near(a[name], b[name]):
                found.append(f"{key}: {name} is {a[name]} and {b[name]}")
    return sorted(found)


def blind_spots(ours: dict[Key, dict], theirs: dict[Key, dict]) -> list[str]:
    """Breaks one thing at a time in equal tables; what the comparison does not notice."""
    keys = sorted(ours)
    middle = keys[len(keys) // 2]

    def with_row(row: dict) -> dict[Key, dict]:
        return {**ours, middle: {**ours[middle], **row}}

    row = ours[middle]
    broken = {"a row lost": {k: v for k, v in ours.items() if k != middle}}
    broken["a row invented"] = {**ours, ("XXXX", "sma_5", 0, 1): row}
    broken["n one too many"] = with_row({"n": row["n"] + 1})
    for name in VALUES:
        if row.get(name):
            broken[f"{name} off by 2e-9"] = with_row({name: row[name] * (1 + 2 * TOLERANCE)})
    broken["vwap absent"] = with_row({"vwap": None if row["vwap"] is not None else 1.0})
    return [what for what, changed in broken.items() if not differences(changed, theirs)]
