"""A router of tests/routed_home.py that adds packets of its own to a voice flow: arguments WAY, UDP port, fate as JSON.

WAY is `agent` or `responder`: to whom the packets go. The fate: `copies`, `malformed`, `strangers` say how many of each
follow every packet; `late` sends a copy of each so many seconds later. All bear the address of the other end, except
half of the strangers. The router itself passes everything on as ever.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from ipaddress import ip_address
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.routed_home import SERVER

WHERE = {"agent": "home1", "responder": "line0"}
IP_HEADER, UDP_HEADER, ETHERNET_HEADER = 20, 8, 14
PACKET_OUTGOING = 4
STRANGER = "11.97.1.1"

way, port, fate = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
server = ip_address(SERVER).packed
sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
sniffer.bind((WHERE[way], 0))
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
added: set[bytes] = set()


def send(packet: bytes, payload: bytes, source: bytes | None = None) -> None:
    """Send `payload` with the headers of `packet`, from its sender or from `source`."""
    header = bytearray(packet[:IP_HEADER])
    header[2:4] = (IP_HEADER + UDP_HEADER + len(payload)).to_bytes(2, "big")
    header[4:6] = b"\xad\xde"  # by which we know our own
    header[12:16] = source or header[12:16]
    udp = packet[IP_HEADER : IP_HEADER + 4] + (UDP_HEADER + len(payload)).to_bytes(2, "big") + b"\0\0"
    raw.sendto(bytes(header) + udp + payload, (socket.inet_ntoa(packet[16:20]), 0))


def add_to(packet: bytes, number: int) -> None:
    payload = packet[IP_HEADER + UDP_HEADER :]
    for _ in range(int(fate.get("copies", 0))):
        send(packet, payload)
    for _ in range(int(fate.get("malformed", 0))):
        broken = (payload[:40], b"", payload[:-1] + b"\xff", payload[::-1], payload + payload)[number % 5]
        send(packet, broken)
    for _ in range(int(fate.get("strangers", 0))):
        send(packet, os.urandom(len(payload)), socket.inet_aton(STRANGER) if number % 2 else None)
    if "late" in fate:
        threading.Timer(fate["late"], send, (packet, payload)).start()


print("ready", flush=True)
number = 0
while True:
    frame, about = sniffer.recvfrom(4096)
    packet = frame[ETHERNET_HEADER:]
    if about[2] != PACKET_OUTGOING or packet[:1] != b"\x45" or packet[9] != socket.IPPROTO_UDP:
        continue
    if packet[4:6] == b"\xad\xde":
        continue
    ends = packet[12:16] if way == "agent" else packet[16:20]
    ports = packet[IP_HEADER : IP_HEADER + 2] if way == "agent" else packet[IP_HEADER + 2 : IP_HEADER + 4]
    if ends == server and int.from_bytes(ports, "big") == port:
        number += 1
        add_to(packet, number)
