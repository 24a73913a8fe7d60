#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One client for many services: client.py HOST EVENTS PORT….

Holds a connection to each and asks on it 100 ms after each answer. EVENTS gets one JSON object a line: {"t": monotonic
time, "port", "what": "answer" | "lost", "text"}. Ends on SIGTERM.
"""
import asyncio
import json
import signal
import socket
import sys
import time

EVERY = 0.1
# A question is lost if it has arrived at a kernel that then dies: TCP does not send it again.
KEEPALIVE = ((socket.TCP_KEEPIDLE, 20), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 100))


async def talk(host, port, say):
    """Ask one service, and connect again when the connection is lost."""
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, port)
            s = writer.get_extra_info("socket")
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEPALIVE:
                s.setsockopt(socket.IPPROTO_TCP, option, value)
            while True:
                writer.write(b"?\n")
                text = await reader.readline()
                if not text:
                    raise ConnectionResetError("the other end closed the connection")
                say(port, "answer", text.decode().strip())
                await asyncio.sleep(EVERY)
        except OSError as e:
            say(port, "lost", str(e))
            await asyncio.sleep(EVERY)


async def main(host, events, *ports):
    """All of them, until the end."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sys.exit, 0)
    with open(events, "a", encoding="utf-8") as out:
        def say(port, what, text):
            out.write(json.dumps({"t": time.monotonic(), "port": port, "what": what, "text": text}) + "\n")
            out.flush()
        await asyncio.gather(*(talk(host, int(port), say) for port in ports))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
