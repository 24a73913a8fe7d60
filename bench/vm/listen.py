#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The other end of guests' serial ports: listen.py HOST EVENTS PORT….

Each guest sends what it prints in datagrams to a port of its own. EVENTS gets one JSON object for each whole line: {"t":
monotonic time, "port", "count", "bad"}.
"""
import json
import re
import selectors
import socket
import sys
import time

LINE = re.compile(rb"^C([0-9A-F]{8}) B([0-9A-F]{8}) \r?$")


def main(host, events, *ports):
    """Until a signal."""
    ready, rest = selectors.DefaultSelector(), {}
    for port in map(int, ports):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        s.bind((host, port))
        ready.register(s, selectors.EVENT_READ, port)
    with open(events, "a", encoding="utf-8") as out:
        while True:
            for key, _ in ready.select():
                port = key.data
                *lines, rest[port] = (rest.get(port, b"") + key.fileobj.recv(65536)).split(b"\n")
                for found in filter(None, map(LINE.match, lines)):
                    out.write(json.dumps({"t": time.monotonic(), "port": port, "count": int(found[1], 16),
                                          "bad": int(found[2], 16)}) + "\n")
                out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
