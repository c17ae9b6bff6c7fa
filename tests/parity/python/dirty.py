"""A day's worth of trouble in a few hundred thousand records: mostly clean ticks, and every kind of dirt that has a rule.

Seeded: one seed, one list. Each record is (key, value); order is log order within a key.
"""

import json
import random
from typing import Iterator

# 2026-01-05T00:00:00Z
START_US = 1_767_571_200_000_000
SYMBOLS = [f"SYM{i:04}" for i in range(20)]


def stamp(us: int, kind: str = "Z") -> str:
    seconds, micros = divmod(us, 1_000_000)
    if kind == "+02:00":
        seconds += 7_200
    days, rest = divmod(seconds, 86_400)
    # The whole range lies in one month.
    day = days - START_US // 86_400_000_000 + 5
    text = f"2026-01-{day:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}.{micros:06}"
    if kind == "9 digits":
        return text + "789Z"
    if kind == "space":
        return text.replace("T", " ")
    return text + kind


def records(count: int, step_us: int = 3_000, seed: int = 42) -> Iterator[tuple[str, str]]:
    rng = random.Random(seed)
    price = {symbol: 100.0 for symbol in SYMBOLS}
    recent: list[tuple[str, str]] = []
    us = START_US
    for i in range(count):
        us += step_us
        symbol = SYMBOLS[i % len(SYMBOLS)]
        open_ = price[symbol]
        close = round(max(open_ + rng.uniform(-0.5, 0.5), 1.0), 2)
        price[symbol] = close
        tick = {
            "symbol": symbol,
            "ts": stamp(us),
            "open": open_,
            "high": round(max(open_, close) + rng.uniform(0, 0.2), 2),
            "low": round(min(open_, close) - rng.uniform(0, 0.2), 2),
            "close": close,
            "volume": float(rng.randrange(1_000)),
        }
        value = None
        dice = rng.random()
        if dice < 0.90:
            pass
        elif dice < 0.93:  # behind, within the watermark or just beyond it
            tick["ts"] = stamp(us - rng.randrange(6_000_000))
        elif dice < 0.94:  # late for some windows, or for all
            tick["ts"] = stamp(max(us - rng.randrange(5_000_000, 90_000_000), START_US))
        elif dice < 0.95:
            tick["ts"] = stamp(us, rng.choice(["+02:00", "9 digits", "space"]))
        elif dice < 0.96 and recent:  # a producer's retry
            yield rng.choice(recent)
            continue
        elif dice < 0.97:  # ids: some come twice with other prices
            tick["id"] = f"t{rng.randrange(i // 50 * 50, i // 50 * 50 + 50)}"
        elif dice < 0.975:
            tick["volume"] = 3e9 + rng.randrange(1_000)
        elif dice < 0.98:  # prices out of order
            tick["high"], tick["low"] = tick["low"], tick["high"] + 1
        elif dice < 0.985:
            tick["ts"] = "2030-01-01T00:00:00Z"
        elif dice < 0.99:
            tick[rng.choice(["open", "close", "low"])] = rng.choice([-1.0, 0.0, None, "12.5"])
        elif dice < 0.993:
            value = json.dumps({**tick, "close": float("nan")})
        elif dice < 0.996:
            del tick[rng.choice(["symbol", "ts", "close", "volume"])]
        else:
            value = rng.choice(["no tick", "", "{}", "[1, 2]", json.dumps(tick)[:-9]])
        value = json.dumps(tick) if value is None else value
        recent = (recent + [(symbol, value)])[-200:]
        yield symbol, value
