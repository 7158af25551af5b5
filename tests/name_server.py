"""A name server that knows one name, and takes its time: arguments name, IPv4 address, milliseconds.

Answers as RFC 1035 says: A records of the name, an empty answer for its other records, NXDOMAIN for every other name.
"""

from __future__ import annotations

import socket
import sys
import time

name, address, delay_ms = sys.argv[1], sys.argv[2], float(sys.argv[3])
known = b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("0.0.0.0", 53))
    print("ready", flush=True)
    while True:
        query, client = sock.recvfrom(512)
        time.sleep(delay_ms / 1e3)
        end = query.index(b"\0", 12) + 1
        question = query[12 : end + 4]
        is_known = query[12:end].lower() == known
        wants_address = question[-4:] == b"\0\1\0\1"
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(address) if is_known and wants_address else b""
        flags = b"\x85\x80" if is_known else b"\x85\x83"
        counts = b"\0\1" + (b"\0\1" if answer else b"\0\0") + b"\0\0\0\0"
        sock.sendto(query[:2] + flags + counts + question + answer, client)
