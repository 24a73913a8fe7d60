#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One client of a service that answers lines: client.py hold|fresh HOST PORT [--send S] [--until S].

Asks ten times a second and prints one JSON object a line for each answer and each failure, stamped
with the monotonic clock. "hold" keeps one connection, and connects again only when it was lost; "fresh"
connects for each question, for as long as TCP tries. Ends on SIGTERM.
"""
import argparse
import json
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


def fresh(args):
    while True:
        s = None
        try:
            s = connect(args)
            say("connected")
            say("answer", text=ask(s, args))
        except OSError as e:
            say("lost" if s else "refused", error=str(e))
        finally:
            if s:
                s.close()
        time.sleep(args.every)


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
