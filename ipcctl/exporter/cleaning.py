"""Metrics of the last run of ``ipcctl clean``, for the textfile collector."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ipcctl.exporter.catalogue import CLEAN_RESULTS
from ipcctl.exporter.families import in_families
from ipcctl.model.kinds import KINDS
from ipcctl.policy.usage import size_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.core import Metric

    from ipcctl.exporter.view import Sample
    from ipcctl.model.removal import Outcome


def clean_families(outcomes: Sequence[Outcome], began: float, ended: float, *, success: bool) -> list[Metric]:
    """What a run from *began* to *ended* (epoch seconds) did; *success* = nothing failed and no limit stopped it.

    Every kind has every result, with 0 where there was none, so that a series does not end with a quiet run.
    """
    return in_families(_samples(outcomes, began, ended, success=success))


def _samples(outcomes: Sequence[Outcome], began: float, ended: float, *, success: bool) -> Iterator[Sample]:
    yield "clean_last_run_timestamp_seconds", (), ended
    yield "clean_last_duration_seconds", (), max(0.0, ended - began)
    yield "clean_last_success", (), float(success)
    objects: Counter[tuple[str, str]] = Counter()
    bytes_: Counter[tuple[str, str]] = Counter()
    for step in outcomes:
        objects[step.object.kind, step.result] += 1
        bytes_[step.object.kind, step.result] += size_of(step.object)
    for kind in KINDS:
        for result in CLEAN_RESULTS:
            yield "clean_last_objects", (kind, result), objects[kind, result]
            yield "clean_last_bytes", (kind, result), bytes_[kind, result]
