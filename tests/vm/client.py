#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One client of a service that answers lines: client.py hold|fresh HOST PORT [--send S] [--until S].

Asks ten times a second and prints one JSON object a line for each answer and each failure, stamped
with the monotonic clock. "hold" keeps one connection, and connects again only when it was lost; "fresh"
opens a new connection ten times a second, whether or not earlier ones were answered. Ends on SIGTERM.
"""
import argparse
import errno
import json
import os
import selectors
import signal
import socket
import sys
import time


def say(what, **more):
    print(json.dumps({"t": time.monotonic(), "what": what, **more}), flush=True)


def ask(s, args):
    s.sendall(args.send)
    got = b""
    while not got.endswith(args.until):
        data = s.recv(65536)
        if not data:
            raise ConnectionResetError("the other end closed the connection")
        got += data
    return got[:-len(args.until)].decode("utf-8", "replace")[:200]


def connect(args):
    s = socket.create_connection((args.host, args.port), timeout=args.timeout)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A question is lost if it has arrived at a kernel that then dies: TCP does not send it again.
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 20), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 100)):
        s.setsockopt(socket.IPPROTO_TCP, option, value)
    return s


def hold(args):
    s = None
    while True:
        try:
            if s is None:
                s = connect(args)
                say("connected", port=s.getsockname()[1])
            say("answer", text=ask(s, args))
        except OSError as e:
            say("lost" if s else "refused", error=str(e))
            if s:
                s.close()
            s = None
        time.sleep(args.every)


class Visit:
    """One new connection, its question and its answer."""

    def __init__(self, args, sel):
        self.args, self.sel, self.got, self.connected = args, sel, b"", False
        self.since = time.monotonic()
        self.s = socket.socket(socket.AF_INET6 if ":" in args.host else socket.AF_INET)
        self.s.setblocking(False)
        error = self.s.connect_ex((args.host, args.port))
        if error not in (0, errno.EINPROGRESS):
            say("refused", error=os.strerror(error))
            self.s.close()
            return
        sel.register(self.s, selectors.EVENT_WRITE, self)

    def step(self):
        try:
            if not self.connected:
                error = self.s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    raise OSError(error, os.strerror(error))
                self.connected = True
                say("connected")
                self.s.sendall(self.args.send)
                self.sel.modify(self.s, selectors.EVENT_READ, self)
                return
            data = self.s.recv(65536)
            if not data:
                raise ConnectionResetError("the other end closed the connection")
            self.got += data
            if not self.got.endswith(self.args.until):
                return
            text = self.got[:-len(self.args.until)].decode("utf-8", "replace")[:200]
            say("answer", text=text, took=time.monotonic() - self.since)
        except OSError as e:
            say("lost" if self.connected else "refused", error=str(e))
        self.end()

    def end(self):
        self.sel.unregister(self.s)
        self.s.close()


def fresh(args):
    """Open new connections without waiting for earlier ones, as independent clients do."""
    sel = selectors.DefaultSelector()
    due = time.monotonic()
    while True:
        for key, _ in sel.select(max(0.0, due - time.monotonic())):
            key.data.step()
        now = time.monotonic()
        if now >= due:
            Visit(args, sel)
            due = max(due + args.every, now)
        for key in list(sel.get_map().values()):
            if now - key.data.since > args.timeout:
                say("refused", error="timed out")
                key.data.end()


def escaped(text):
    return text.encode().decode("unicode_escape").encode("latin-1")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("kind", choices=("hold", "fresh"))
    ap.add_argument("host")
    ap.add_argument("port", type=int)
    ap.add_argument("--send", type=escaped, default=b"?\n", help="the question; escapes as in C")
    ap.add_argument("--until", type=escaped, default=b"\n", help="what ends an answer")
    ap.add_argument("--every", type=float, default=0.1, help="seconds between an answer and the next question")
    ap.add_argument("--timeout", type=float, default=300, help="of one question, in seconds")
    args = ap.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    (hold if args.kind == "hold" else fresh)(args)


if __name__ == "__main__":
    main()
