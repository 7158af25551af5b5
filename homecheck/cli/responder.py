"""`homecheck responder`: the far end of network measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from homecheck.errors import SetupError

DEFAULT_PORT: Final = 8862
MOST_SESSIONS: Final = 8_000  # half of the SSIDs there are for sessions of four flows, so that a free one is found
PORT: Final = click.IntRange(0, 65535)


@click.group()
def responder() -> None:
    """Run the far end of network measurements."""


@responder.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="TCP; 0: any.")
@click.option("--udp-port", type=click.IntRange(0, 65535), help="Default: the number of the TCP port; 0: any.")
@click.option(
    "--plain-port",
    type=click.IntRange(0, 65535),
    help="TCP port of one tiny answer in plain HTTP, which shows sign-in pages and proxies; best 80. Default: none.",
)
@click.option("--tls-cert", type=click.Path(path_type=Path, dir_okay=False), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path, dir_okay=False), help="Private key of the certificate, PEM.")
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Signing key, made on first use. Default: keys/responder.jwk under HOMECHECK_HOME.",
)
@click.option("--stun-port", type=PORT, help="Default: 3478; the next number is its other port; 0: any two.")
@click.option("--other-host", metavar="ADDRESS", help="A second address of this machine, for STUN alone.")
@click.option("--sip-port", type=PORT, help="Default: 5060, the only one where routers look; 0: any.")
@click.option("--sip-control-port", type=PORT, help="Default: 5099; 0: any.")
@click.option("--without", type=click.Choice(["stun", "sip"]), multiple=True, help="What not to offer.")
@click.option(
    "--ndt7",
    is_flag=True,
    help="Serve clients of ndt7 as well: whoever finds the port may fill this line, four at once.",
)
@click.option(
    "--sessions", type=click.IntRange(1, MOST_SESSIONS), default=200, show_default=True, help="Most at the same time."
)
@click.option(
    "--sessions-per-source",
    type=click.IntRange(1, MOST_SESSIONS),
    default=32,
    show_default=True,
    help="Most at the same time from one IPv4 address or one IPv6 network of 64 bits: an office behind one router.",
)
@click.option(
    "--geoip",
    type=click.Path(path_type=Path, dir_okay=False),
    help="City or country file in MaxMind's DB format: the region of an address is then signed too.",
)
def serve(
    host: str,
    port: int,
    udp_port: int | None,
    plain_port: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    key_file: Path | None,
    stun_port: int | None,
    other_host: str | None,
    sip_port: int | None,
    sip_control_port: int | None,
    without: tuple[str, ...],
    ndt7: bool,
    sessions: int,
    sessions_per_source: int,
    geoip: Path | None,
) -> None:
    """Serve until told to stop. Without TLS only this computer is served.

    A STUN server and a SIP mirror tell agents what their router does. When their usual ports are in use, the responder
    says so on stderr and goes on without them; a port that you name must be free.

    One line on stdout says where it listens:

        listening on URL udp PORT key KID
    """
    # Here, so that the group's help needs neither aiohttp nor cryptography.
    import asyncio

    from homecheck.config import Home
    from homecheck.keys import open_key_file

    try:
        from homecheck.responder import serve as far_end
        from homecheck.responder.limits import Limits
        from homecheck.responder.nat_services import NatPorts
    except ModuleNotFoundError as error:
        raise SetupError(
            f"the responder needs the package {error.name}", "Install it: pip install 'homecheck[collector]'"
        ) from None
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    tls = (tls_cert, tls_key) if tls_cert is not None and tls_key is not None else None

    def announce(listening: far_end.Listening) -> None:
        for line in listening.missing:
            click.echo(line, err=True)
        click.echo(str(listening))  # which flushes

    signer = open_key_file(key_file or Home.default().keys / "responder.jwk")
    limits = Limits(sessions=sessions, sessions_per_source=sessions_per_source)
    nat = NatPorts(stun_port, other_host, sip_port, sip_control_port, frozenset(without))
    settings = far_end.ServeSettings(
        host, port, udp_port, tls, signer, limits, nat=nat, ndt7=ndt7, geoip=geoip, plain_port=plain_port
    )
    asyncio.run(far_end.serve(settings, announce))
