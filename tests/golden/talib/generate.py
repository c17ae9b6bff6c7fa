"""Writes the TA-Lib reference values that `workers/indicators` is tested against.

    python3 generate.py          # needs TA-Lib (the Python package carries the C library) and numpy

Writes `bars.csv` (seeded bars) and `values.csv` (what TA-Lib says of them), one row a bar, empty while not warm. The
numbers are committed; tests read only them. Series, 160 bars each:

    walk   a random walk around 100, prices in cents
    flat   long stretches without any movement, bars without range, zero volume
    gaps   jumps up and down by a half between bars
    tiny   a walk around 0.002
    huge   a walk around 3e7 with volumes near 1e12
"""
import csv
import pathlib

import numpy as np
import talib

N = 160
HERE = pathlib.Path(__file__).parent


def bars(rng, start, step, volume, jumps=None, flat=(), quiet=()):
    rows, close = [], start
    for i in range(N):
        opened = close * (jumps or {}).get(i, 1.0)
        still = any(a <= i < b for a, b in flat)
        path = opened * np.exp(np.cumsum(rng.normal(0, 0 if still else step, 6)))
        close = float(path[-1])
        digits = max(0, 5 - int(np.floor(np.log10(start))))
        o, c = round(float(opened), digits), round(close, digits)
        h = max(o, c, round(float(path.max()), digits))
        l = min(o, c, round(float(path.min()), digits))
        close = c
        v = 0.0 if any(a <= i < b for a, b in quiet) else float(np.round(volume * np.exp(rng.normal(0, 0.5))))
        rows.append((o, h, l, c, v))
    return rows


def series():
    yield "walk", bars(np.random.default_rng(1), 100.0, 0.004, 2e4)
    yield "flat", bars(np.random.default_rng(2), 50.0, 0.003, 5e3, flat=[(0, 30), (60, 100), (120, 150)],
                       quiet=[(20, 45), (110, 140)])
    yield "gaps", bars(np.random.default_rng(3), 200.0, 0.005, 1e5,
                       jumps={25: 1.5, 60: 0.5, 61: 0.7, 100: 2.0, 140: 0.4})
    yield "tiny", bars(np.random.default_rng(4), 0.002, 0.004, 9e7)
    yield "huge", bars(np.random.default_rng(5), 3e7, 0.004, 1e12)


def values(o, h, l, c, v):
    out = {}
    for n in (5, 20):
        out[f"sma_{n}"] = talib.SMA(c, n)
    for n in (12, 26):
        out[f"ema_{n}"] = talib.EMA(c, n)
    out["wma_10"] = talib.WMA(c, 10)
    out["rsi_14"] = talib.RSI(c, 14)
    out["macd"], out["macd_signal"], out["macd_hist"] = talib.MACD(c, 12, 26, 9)
    out["macd_5_35_5"], out["macd_signal_5_35_5"], out["macd_hist_5_35_5"] = talib.MACD(c, 5, 35, 5)
    out["roc_10"] = talib.ROC(c, 10)
    out["stoch_k"], out["stoch_d"] = talib.STOCH(h, l, c, 14, 3, 0, 3, 0)
    out["cci_20"] = talib.CCI(h, l, c, 20)
    out["willr_14"] = talib.WILLR(h, l, c, 14)
    out["bb_upper_20"], out["bb_middle_20"], out["bb_lower_20"] = talib.BBANDS(c, 20, 2, 2, 0)
    out["atr_14"] = talib.ATR(h, l, c, 14)
    out["stddev_20"] = talib.STDDEV(c, 20, 1)
    out["obv"] = talib.OBV(c, v)
    out["mfi_14"] = talib.MFI(h, l, c, v, 14)
    out["adx_14"] = talib.ADX(h, l, c, 14)
    return out


def main():
    with open(HERE / "bars.csv", "w", newline="") as bars_file, open(HERE / "values.csv", "w", newline="") as values_file:
        made = f"# TA-Lib {talib.__version__} (C library {talib.__ta_version__.decode().split()[0]}), numpy {np.__version__}"
        bars_out, values_out = csv.writer(bars_file, lineterminator="\n"), csv.writer(values_file, lineterminator="\n")
        bars_file.write(made + "\n")
        values_file.write(made + "\n")
        bars_out.writerow(["series", "open", "high", "low", "close", "volume"])
        for i, (name, rows) in enumerate(series()):
            columns = values(*np.array(rows).T.copy())
            if i == 0:
                values_out.writerow(["series", *columns])
            for k, row in enumerate(rows):
                bars_out.writerow([name, *(repr(float(x)) for x in row)])
                cells = ("" if np.isnan(x[k]) else repr(float(x[k])) for x in columns.values())
                values_out.writerow([name, *cells])


if __name__ == "__main__":
    main()
