#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Save a guest whole, as "virsh managedsave" does: save.py QMP-SOCKET FILE. QEMU has ended afterwards. With the socket
alone: let a guest go on that QEMU was started with; it stood still when it was saved.
"""
import json
import socket
import sys
import time


def connect(path):
    """QEMU makes the socket some time after its start."""
    for _ in range(600):
        qmp = socket.socket(socket.AF_UNIX)
        try:
            qmp.connect(path)
            return qmp.makefile("rw", encoding="utf-8")
        except OSError:
            time.sleep(0.02)
    sys.exit(f"nobody listens at {path}")


def ask(talk, what, **arguments):
    """The answer to a command; events are skipped."""
    talk.write(json.dumps({"execute": what, "arguments": arguments}) + "\n")
    talk.flush()
    while True:
        answer = json.loads(talk.readline())
        if "error" in answer:
            sys.exit(f"{what}: {answer['error']['desc']}")
        if "return" in answer:
            return answer["return"]


def settle(talk, what):
    """Wait for the end of a migration."""
    while (status := ask(talk, "query-migrate").get("status")) not in ("completed", "failed"):
        time.sleep(0.02)
    if status == "failed":
        sys.exit(f"QEMU could not {what} the guest")


def main():
    talk = connect(sys.argv[1])
    talk.readline()
    ask(talk, "qmp_capabilities")
    if len(sys.argv) < 3:
        settle(talk, "load")
        ask(talk, "cont")
        return
    ask(talk, "stop")
    ask(talk, "migrate-set-parameters", **{"max-bandwidth": 1 << 40})
    ask(talk, "migrate", uri=f"file:{sys.argv[2]}")
    settle(talk, "save")
    ask(talk, "quit")


main()
