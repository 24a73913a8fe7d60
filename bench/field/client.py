#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The field's client, one process for all services: client.py HOST PLAN EVENTS.

PLAN is JSON: [{"unit", "port", "udp", and the talk's fields (bench/field/talks)}]. Each service gets one connection
that is held, if its talk says so, and asks on it each second. Where nothing can be asked on it, a new connection is
opened each second as well. EVENTS gets one JSON object a line: {"t": monotonic time, "unit", "on": "held" | "new",
"what": "connected" | "answer" | "lost" | "refused"}, with "n", which counts the held connections. Ends on SIGTERM.
"""
import errno
import heapq
import itertools
import json
import os
import selectors
import signal
import socket
import sys
import time

EVERY = 1.0
# A packet hold drops the first packet of a new connection. The kernel would send it again after ever longer pauses.
CONNECT = 3.0
ANSWER = 300.0
MOST_NEW = 60  # connections of one service that wait for their answer
KEEPALIVE = ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 120))


class Client:
    """The event loop: descriptors, and what is due when."""

    def __init__(self, host, out):
        self.host, self.out = host, out
        self.sel = selectors.DefaultSelector()
        self.due, self.order = [], itertools.count()

    def say(self, unit, on, what, **more):
        self.out.write(json.dumps({"t": time.monotonic(), "unit": unit, "on": on, "what": what, **more}) + "\n")
        self.out.flush()

    def later(self, seconds, call):
        heapq.heappush(self.due, (time.monotonic() + seconds, next(self.order), call))

    def run(self):
        while True:
            now = time.monotonic()
            while self.due and self.due[0][0] <= now:
                heapq.heappop(self.due)[2]()
            timeout = max(0.0, self.due[0][0] - time.monotonic()) if self.due else 1.0
            for key, _ in self.sel.select(timeout):
                key.data()


class Talk:
    """One connection to one service. A held one begins again when it has ended; a new one ends with its answer."""

    def __init__(self, client, plan, on, ended):
        self.client, self.plan, self.on, self.ended = client, plan, on, ended
        self.n, self.turn, self.s = 0, 0, None

    def begin(self):
        self.got, self.state, self.n = b"", "connecting", self.n + 1
        kind = socket.SOCK_DGRAM if self.plan["udp"] else socket.SOCK_STREAM
        self.s = socket.socket(socket.AF_INET, kind)
        self.s.setblocking(False)
        if not self.plan["udp"]:
            self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEPALIVE:
                self.s.setsockopt(socket.IPPROTO_TCP, option, value)
        error = self.s.connect_ex((self.client.host, self.plan["port"]))
        if error not in (0, errno.EINPROGRESS):
            self.end(os.strerror(error))
            return
        self.client.sel.register(self.s, selectors.EVENT_WRITE, self.step)
        self.limit(CONNECT)

    def limit(self, seconds):
        """End it unless it goes on within so long."""
        self.turn += 1
        turn = self.turn
        self.client.later(seconds, lambda: self.turn == turn and self.end("no answer in time"))

    def to(self, state, text):
        """Send something, and wait for what belongs to the new state."""
        self.got, self.state = b"", state
        self.turn += 1
        if text:
            self.s.sendall(text.encode("latin-1"))
        if state != "silent":
            self.limit(CONNECT if self.plan["udp"] else ANSWER)

    def step(self):
        try:
            if self.state == "connecting":
                error = self.s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    raise OSError(error, os.strerror(error))
                self.client.sel.modify(self.s, selectors.EVENT_READ, self.step)
                self.client.say(self.plan["unit"], self.on, "connected", n=self.n)
                self.opened()
                return
            data = self.s.recv(65536)
            if not data and not self.plan["udp"]:
                raise ConnectionResetError("the other end closed the connection")
            self.got += data
            wanted = {"hello": "greeting", "ask": "answer"}.get(self.state)
            if wanted and self.got.endswith(self.plan[wanted].encode("latin-1")):
                self.answered()
        except OSError as e:
            self.end(str(e))

    def opened(self):
        if self.on == "held" and self.plan.get("silent"):
            self.to("silent", "")
        elif "hello" in self.plan:
            self.to("hello", self.plan["hello"])
        else:
            self.to("ask", self.plan["ask"])

    def answered(self):
        self.client.say(self.plan["unit"], self.on, "answer", n=self.n)
        if self.on == "new":
            self.end(None)
            return
        self.to("silent", "")
        if "ask" in self.plan:
            turn = self.turn
            self.client.later(EVERY, lambda: self.again(turn))

    def again(self, turn):
        if self.turn == turn:
            try:
                self.to("ask", self.plan["ask"])
            except OSError as e:
                self.end(str(e))

    def end(self, error):
        if error is not None:
            what = "refused" if self.state == "connecting" else "lost"
            self.client.say(self.plan["unit"], self.on, what, n=self.n, error=error)
        try:
            self.client.sel.unregister(self.s)
        except KeyError:
            pass
        self.s.close()
        self.turn += 1
        self.ended(self)


class Service:
    """The connections to one service."""

    def __init__(self, client, plan):
        self.client, self.plan, self.waiting = client, plan, 0
        if plan["udp"] or plan.get("hold"):
            self.held = Talk(client, plan, "held", lambda talk: client.later(0.5, talk.begin))
            self.held.begin()
        if not plan["udp"] and ("ask" not in plan or not plan.get("hold")):
            self.visit()

    def visit(self):
        self.client.later(EVERY, self.visit)
        if self.waiting < MOST_NEW:
            self.waiting += 1
            Talk(self.client, self.plan, "new", self.left).begin()

    def left(self, _):
        self.waiting -= 1


def main():
    host, plan, events = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open(plan, encoding="utf-8") as f, open(events, "a", encoding="utf-8") as out:
        client = Client(host, out)
        services = [Service(client, one) for one in json.load(f)]
        assert services
        client.run()


if __name__ == "__main__":
    main()
