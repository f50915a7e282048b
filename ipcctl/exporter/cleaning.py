"""Metrics of the last run of ``ipcctl clean``, for the textfile collector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcctl.policy.usage import size_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client.core import Metric

    from ipcctl.model.removal import Outcome


def clean_families(outcomes: Sequence[Outcome], began: float, ended: float, *, success: bool) -> list[Metric]:
    """What a run from *began* to *ended* (epoch seconds) did; *success* = nothing failed and no limit stopped it."""
    from prometheus_client.core import GaugeMetricFamily

    name = "ipcctl_clean_last"
    objects = GaugeMetricFamily(f"{name}_objects", "Objects that rules took, by result.", labels=("kind", "result"))
    size = GaugeMetricFamily(f"{name}_bytes", "Bytes of those objects.", labels=("kind", "result"))
    counts: dict[tuple[str, str], list[int]] = {}
    for step in outcomes:
        count = counts.setdefault((step.object.kind, step.result), [0, 0])
        count[0] += 1
        count[1] += size_of(step.object)
    for labels, (count_of, bytes_of) in counts.items():
        objects.add_metric(labels, count_of)
        size.add_metric(labels, bytes_of)
    return [
        GaugeMetricFamily(f"{name}_run_timestamp_seconds", "When the last run ended.", value=ended),
        GaugeMetricFamily(f"{name}_duration_seconds", "How long it took.", value=max(0.0, ended - began)),
        GaugeMetricFamily(f"{name}_success", "1 = nothing failed and no limit stopped it.", value=float(success)),
        objects,
        size,
    ]
