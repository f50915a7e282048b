"""``ipcctl exporter``: serve metrics to Prometheus."""

from __future__ import annotations

import gc
from typing import Annotated, Any

import typer

from ipcctl.cli.collect import choose_collectors, report
from ipcctl.cli.options import new_command, open_host, with_options
from ipcctl.errors import UsageError
from ipcctl.kernel.host import Host

app = new_command()

_EXAMPLES = """\b
Examples:
  ipcctl exporter                                           on every address
  ipcctl exporter --web.listen-address 127.0.0.1:10174      on this host only
  ipcctl exporter --web.config.file /etc/ipcctl/web.yml     TLS, passwords
  ipcctl exporter --collect.holders --collect.users 10
"""


@app.command(epilog=_EXAMPLES)
@with_options(host=open_host, choice=choose_collectors)
def exporter(
    *,
    listen_address: Annotated[
        list[str],
        typer.Option(
            "--web.listen-address", metavar="ADDRESS", help="Where to listen; :10174 if not given. Repeatable."
        ),
    ] = [],  # noqa: B006  typer copies it
    telemetry_path: Annotated[
        str, typer.Option("--web.telemetry-path", metavar="PATH", help="Where the metrics are.")
    ] = "/metrics",
    config_file: Annotated[
        str | None,
        typer.Option("--web.config.file", metavar="FILE", help="TLS, passwords, headers (exporter-toolkit)."),
    ] = None,
    choice: Any,  # noqa: ANN401  a Choice
    host: Host,
) -> int:
    """Serve metrics of this IPC namespace to Prometheus until SIGTERM."""
    from ipcctl.exporter.handler import Site, check_telemetry_path
    from ipcctl.exporter.listen import DEFAULT, handed_over, listen, parse_address, shown
    from ipcctl.exporter.scrape import Scraper
    from ipcctl.exporter.server import Server
    from ipcctl.exporter.webconfig import WebConfigFile
    from ipcctl.kernel.memory import share_one_arena

    check_telemetry_path(telemetry_path)
    for address in listen_address:
        parse_address(address)
    if config_file == "":
        message = "bad --web.config.file '': no name"
        raise UsageError(message, hint="leave it away for plain HTTP")
    config = WebConfigFile(config_file, report)
    site = Site(Scraper(host, choice, report), telemetry_path)
    sockets = handed_over() or listen(listen_address or [DEFAULT])
    server = Server(sockets, config, site.handle)
    scheme = "http" if config.current().security is None else "https"
    report(f"listening on {', '.join(map(shown, sockets))} ({scheme}), metrics at {telemetry_path}")
    share_one_arena()
    gc.enable()  # a command turns it off, being short; this one is not
    server.serve()
    return 0
