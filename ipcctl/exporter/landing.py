"""The page a person sees who opens the exporter in a browser. No script, nothing from elsewhere."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from ipcctl import __version__
from ipcctl.exporter.catalogue import COLLECTORS

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ipcctl exporter</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem;
  color: #1d2733; background: #fff; }}
h1 {{ font-size: 1.6rem; margin-bottom: 0; }}
h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
a {{ color: #0b5cad; }}
code {{ font: 0.95em ui-monospace, monospace; }}
p code {{ overflow-wrap: anywhere; }}
td, th {{ text-align: left; padding: 0.15rem 1.5rem 0.15rem 0; vertical-align: top; font-weight: normal; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #dbe2ea; background: #14191f; }} a {{ color: #7db7f0; }} }}
</style>
</head>
<body>
<h1>ipcctl exporter</h1>
<p>Version {version}. System V and POSIX IPC objects of one namespace, for Prometheus.</p>
<ul>
<li><a href="{metrics}">Metrics</a></li>
<li><a href="/healthz">Health</a></li>
</ul>
<h2>Collectors</h2>
<table>
{collectors}
</table>
<p>Only some of them: <code>{metrics}?collect[]=shm&amp;collect[]=limits</code></p>
<p>What each metric means: <code>man ipcctl-exporter</code></p>
</body>
</html>
"""


def landing_page(metrics: str, collectors: Sequence[str]) -> bytes:
    """The page, with *metrics* as the path of the metrics and the *collectors* that run."""
    rows = [_row(name, text, on=name in collectors) for name, text in COLLECTORS.items()]
    page = _PAGE.format(version=html.escape(__version__), metrics=html.escape(metrics), collectors="\n".join(rows))
    return page.encode()


def _row(name: str, text: str, *, on: bool) -> str:
    state = "on" if on else "off"
    return f"<tr><th><code>{html.escape(name)}</code></th><td>{html.escape(text)}</td><td>{state}</td></tr>"
