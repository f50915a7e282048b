"""Keep the catalogue in man/ipcctl-exporter.8 equal to the one that the exporter builds its families from.

``make man`` rewrites the block between the two comments; tests/test_docs.py fails where it was forgotten.
"""

from __future__ import annotations

import sys
from pathlib import Path

from generated import keep

from ipcctl.exporter.catalogue import CLEAN, COLLECTORS, METRICS, OPTIONAL, SCRAPE, Metric

_ELSEWHERE = {SCRAPE: "Of every scrape", CLEAN: "In the textfile of ipcctl clean"}
PAGE = Path(__file__).parents[2] / "man" / "ipcctl-exporter.8"


def block() -> str:
    """The catalogue as mdoc: the metrics of each collector, in its own order."""
    groups: dict[str, list[Metric]] = {"": []}
    for metric in METRICS.values():
        groups.setdefault(metric.collector, []).append(metric)
    order = ["", *(name for name in COLLECTORS if name in groups), SCRAPE, CLEAN]
    return "".join(_table(_title(name), groups[name]) for name in order)


def _title(name: str) -> str:
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    if not name:
        return "Collector of each kind"
    asked = f", with Fl -collect.{name}" if name in OPTIONAL else ""
    return f"Collector Cm {name}{asked}".replace(f"{name},", f"{name} ,")


def _table(title: str, metrics: list[Metric]) -> str:
    return f".Ss {title}\n.Bl -tag -width Ds -compact\n{''.join(map(_item, metrics))}.El\n"


def _item(metric: Metric) -> str:
    labels = f" Brq {' , '.join(metric.labels)}" if metric.labels else ""
    kinds = f"\nKinds:\n.Cm {' '.join(metric.kinds)} ." if metric.kinds and len(metric.kinds) < 6 else ""  # noqa: PLR2004  all
    return f".It Li {metric.full_name}{labels}\n{metric.help}{kinds}\n"


if __name__ == "__main__":
    sys.exit(keep(PAGE, "metrics", block()))
