"""Options about what is collected, shared by ``exporter`` and ``metrics``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ipcctl.cli.output import note


def choose_collectors(
    collect_holders: Annotated[
        bool, typer.Option("--collect.holders", help="Also holders, waiters and orphans (a walk over /proc).")
    ] = False,
    collect_users: Annotated[
        int | None, typer.Option("--collect.users", metavar="N", help="Also the N owners that have most.")
    ] = None,
    collect_objects: Annotated[
        str | None,
        typer.Option(
            "--collect.objects", metavar="REGEX", help="Also single POSIX objects of these names: '/jobs|/q-.*'."
        ),
    ] = None,
    collect_disable: Annotated[
        list[str], typer.Option("--collect.disable", metavar="NAME", help="Leave out a collector. Repeatable.")
    ] = [],  # noqa: B006  typer copies it
) -> Any:  # noqa: ANN401  a Choice, of a package that is loaded only here
    """The collectors that run. Raises UsageError."""
    from ipcctl.exporter.bounded import check_objects, check_users
    from ipcctl.exporter.scrape import choose

    return choose(
        collect_disable,
        holders=collect_holders,
        users=0 if collect_users is None else check_users(collect_users),
        objects=None if collect_objects is None else check_objects(collect_objects),
    )


def report(text: str) -> None:
    """A line for whoever reads the log."""
    note(f"ipcctl: {text}")
