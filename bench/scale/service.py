#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small service: service.py PORT-MIB. Answers each line with a secret in its memory, of which it has MIB more."""
import os
import secrets
import socketserver
import sys

PORT, MIB = map(int, sys.argv[1].split("-"))
SECRET = secrets.token_hex(4)
# Not zeroes, which would be left out.
BALLAST = bytearray(os.urandom(1 << 20)) * MIB


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self):
        for _ in self.rfile:
            self.wfile.write(f"{SECRET}\n".encode())


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    allow_reuse_address = daemon_threads = True


Server(("", PORT), Handler).serve_forever()
