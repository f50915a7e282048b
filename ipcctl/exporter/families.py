"""Samples put into the metric families of prometheus_client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily

from ipcctl.exporter.catalogue import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

    from ipcctl.exporter.view import Sample


def in_families(samples: Iterable[Sample]) -> list[Metric]:
    """The samples by family, in the order of the catalogue; a family without samples is left out."""
    found: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    for name, labels, value in samples:
        found.setdefault(name, []).append((labels, value))
    families: list[Metric] = []
    for name, metric in METRICS.items():
        if name in found:
            family = GaugeMetricFamily(metric.full_name, metric.help, labels=metric.labels)
            for labels, value in found[name]:
                family.add_metric(labels, value)
            families.append(family)
    return families
