"""Makes BENCHMARKS.md's sections of the machines that were measured: ``python benchmarks/page.py``."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from common.reporting.tables import markdown

FOLDER = Path(__file__).parent / "measured"
PAGE = Path(__file__).parent.parent / "BENCHMARKS.md"
SMALL, LARGE = "Networks of the scales that everybody runs", "Published networks"


def write_page() -> None:
    """Put a section in the place that the page marks for each file, ``<!-- measured: cpu -->`` to ``<!-- end -->``."""
    text = PAGE.read_text(encoding="utf-8")
    for file in sorted(FOLDER.glob("*.json")):
        place = re.compile(rf"(<!-- measured: {re.escape(file.stem)} -->\n).*?(<!-- end -->)", re.DOTALL)
        made = section(json.loads(file.read_text()))
        text = place.sub(lambda found, made=made: f"{found[1]}\n{made}\n\n{found[2]}", text)
    PAGE.write_text(text, encoding="utf-8")


def section(found: dict[str, Any]) -> str:
    machine = found["machine"]
    peaks = ", ".join(f"{value / 1e9:,.0f} GFLOP/s in {name}" for name, value in machine["peaks"].items())
    parts = [
        f"{machine['name']}, {'' if machine['on_gpu'] else 'one thread, '}torch {machine['torch']}, {machine['date']}, "
        f"at {machine['commit']}. Peaks: {peaks}; copies {machine['bandwidth'] / 1e9:,.1f} GB/s; one small operation "
        f"{machine['launch'] * 1e6:.1f} µs."
    ]
    for title, small in ((SMALL, True), (LARGE, False)):
        rows = [row(line) for line in found["networks"] if (line["scale"] != "paper") == small]
        if rows:
            parts += [f"### {title}", markdown(pd.DataFrame(rows).fillna(""))]
    if found["left_out"]:
        parts.append(f"Not timed, for the time was up: {', '.join(found['left_out'])}.")
    if found["metrics"]:
        table = pd.DataFrame(found["metrics"], columns=["what", "rate or time", "more memory"])
        parts += ["### Metrics and starts", markdown(table)]
    return "\n\n".join(parts)


def row(line: dict[str, Any]) -> dict[str, str]:
    """One network's, as the table shows it."""
    shown = {"experiment": line["experiment"], "arm": line["arm"]}
    if line["scale"] != "paper":
        shown["scale"] = line["scale"]
    if "error" in line:
        return shown | {"ms an update": line["error"]}
    batch, timed = line["batch"], line["timed_with"]
    shown["batch"] = str(batch) if batch == timed else f"{timed} of {batch}"
    eager = line["eager"]
    shown["ms an update"] = milliseconds(eager)
    if "captured" in line:
        shown["captured"] = milliseconds(line["captured"])
        shown["gain"] = f"{eager['median'] / line['captured']['median']:.2f}"
        shown["apart (noise)"] = f"{line['apart']:.0e} ({line['noise']:.0e})"
    shown["memory, MB"] = f"{line['memory_mb']:,.0f}"
    if "captured" in line:
        shown["captured, MB"] = f"{line['captured_memory_mb']:,.0f}"
    share = line.get("share_of_peak")
    shown["share of peak"] = "not counted" if share is None else f"{share:.0%}"
    return shown


def milliseconds(times: dict[str, float]) -> str:
    """Median, and the quartiles where they say more."""
    digits = 3 if times["median"] >= 1 else 1 if times["median"] >= 0.01 else 2
    low, middle, high = (f"{1e3 * times[key]:,.{0 if digits == 3 else digits}f}" for key in ("low", "median", "high"))
    return middle if low == high else f"{middle} ({low} to {high})"


if __name__ == "__main__":
    write_page()
