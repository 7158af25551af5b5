"""`homecheck responder`: the far end of network measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from homecheck.errors import SetupError

DEFAULT_PORT: Final = 8862


@click.group()
def responder() -> None:
    """Run the far end of network measurements."""


@responder.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="TCP; 0: any.")
@click.option("--udp-port", type=click.IntRange(0, 65535), help="Default: the number of the TCP port; 0: any.")
@click.option("--tls-cert", type=click.Path(path_type=Path, dir_okay=False), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path, dir_okay=False), help="Private key of the certificate, PEM.")
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Signing key, made on first use. Default: keys/responder.jwk under HOMECHECK_HOME.",
)
def serve(
    host: str, port: int, udp_port: int | None, tls_cert: Path | None, tls_key: Path | None, key_file: Path | None
) -> None:
    """Serve until told to stop. Without TLS only this computer is served.

    One line on stdout says where it listens:

        listening on URL udp PORT key KID
    """
    # Here, so that the group's help needs neither aiohttp nor cryptography.
    import asyncio

    from homecheck.config import Home
    from homecheck.keys import open_key_file

    try:
        from homecheck.responder import serve as far_end
    except ModuleNotFoundError as error:
        raise SetupError(
            f"the responder needs the package {error.name}", "Install it: pip install 'homecheck[collector]'"
        ) from None
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    tls = (tls_cert, tls_key) if tls_cert is not None and tls_key is not None else None

    def announce(listening: far_end.Listening) -> None:
        click.echo(str(listening))  # which flushes

    signer = open_key_file(key_file or Home.default().keys / "responder.jwk")
    asyncio.run(far_end.serve(far_end.ServeSettings(host, port, udp_port, tls, signer), announce))
