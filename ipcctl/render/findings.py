"""What the checks of ``ipcctl doctor`` found: plain lines, a page for people, records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcctl.model.finding import CRITICAL, INFO, OK, UNKNOWN, WARNING
from ipcctl.model.names import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from ipcctl.model.finding import Finding
    from ipcctl.model.snapshot import Gap

_INDENT = " " * 4
_STYLES = {CRITICAL: "bold white on red", WARNING: "black on yellow", INFO: "black on cyan", UNKNOWN: "black on white"}
_WIDTH = max(map(len, _STYLES))


def as_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """``severity: check: finding``, then its evidence, and its commands after ``$``, indented."""
    for finding in findings:
        yield f"{finding.severity}: {finding.check}: {_shown(finding.finding)}\n"
        for line in finding.evidence:
            yield f"{_INDENT}{_shown(line)}\n"
        for command in finding.mend:
            yield f"{_INDENT}$ {command}\n"


def as_page(findings: Sequence[Finding]) -> Iterator[Any]:
    """The same for people: what is wrong with a badge, what is well on one line, a count at the end."""
    from rich.text import Text

    for finding in findings:
        if finding.severity == OK:
            continue
        grid = _badged(
            finding.severity, _STYLES[finding.severity], (finding.check, "bold"), f"  {_shown(finding.finding)}"
        )
        for line in finding.evidence:
            grid.add_row("", Text(_shown(line), style="dim"))
        yield grid
        for command in finding.mend:  # not in the grid, which would break it: it is to be copied
            yield Text.assemble(" " * (_WIDTH + 3), ("$ ", "dim"), (command, "green"))
        yield ""
    well = [finding.check for finding in findings if finding.severity == OK]
    if well:
        yield _badged(OK, "black on green", " ".join(well))
    yield Text(f"\n{summary(findings)}", style="bold")


def _badged(severity: str, style: str, *words: str | tuple[str, str]) -> Table:
    """A row that folds at the edge of the terminal, to which more can be added."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True, width=_WIDTH + 2)
    grid.add_column(overflow="fold")
    grid.add_row(Text(f" {severity.upper():<{_WIDTH}} ", style=style), Text.assemble(*words))
    return grid


def summary(findings: Sequence[Finding]) -> str:
    """``1 critical, 2 warnings, 9 ok``."""
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in (*_STYLES, OK)}
    words = {WARNING: "warnings"}
    return ", ".join(
        f"{count} {words.get(severity, severity) if count > 1 else severity}"
        for severity, count in counts.items()
        if count
    )


def as_records(findings: Sequence[Finding], gaps: Sequence[Gap]) -> Iterator[str]:
    """The JSON document, a record per line."""
    import json

    from ipcctl.render.records import VERSION, json_gaps

    inner = ",\n".join(json.dumps(_record(finding)) for finding in findings)
    yield f'{{"version": {VERSION}, "findings": [\n{inner}\n], "gaps": {json_gaps(gaps)}}}\n'


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "severity": finding.severity,
        "finding": _shown(finding.finding),
        "evidence": [_shown(line) for line in finding.evidence],
        "mend": list(finding.mend),
        "refs": list(finding.refs),
    }


def _shown(text: str) -> str:
    return text if text.isprintable() else escape(text)
