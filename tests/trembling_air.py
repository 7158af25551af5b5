"""Copies frames between two devices and holds each back for a random time, in order, as Wi-Fi does.

Arguments: device, device, least and most milliseconds. It runs in a namespace of its own until it is told to end.
"""

from __future__ import annotations

import heapq
import itertools
import random
import select
import socket
import sys
import time

PACKET_OUTGOING = 4
ETH_P_ALL = 3

seed = random.Random(1)
least, most = (float(milliseconds) / 1e3 for milliseconds in sys.argv[3:5])
sockets = []
for device in sys.argv[1:3]:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((device, 0))
    sock.setblocking(False)
    sockets.append(sock)
released = dict.fromkeys(sockets, 0.0)
held: list[tuple[float, int, socket.socket, bytes]] = []
order = itertools.count()
while True:
    wait = max(0.0, held[0][0] - time.monotonic()) if held else 1.0
    for sock in select.select(sockets, [], [], wait)[0]:
        frame, address = sock.recvfrom(2048)
        if address[2] == PACKET_OUTGOING:  # what this program has sent itself
            continue
        other = sockets[1 - sockets.index(sock)]
        released[other] = max(released[other], time.monotonic() + seed.uniform(least, most))
        heapq.heappush(held, (released[other], next(order), other, frame))
    while held and held[0][0] <= time.monotonic():
        _, _, sock, frame = heapq.heappop(held)
        sock.send(frame)
