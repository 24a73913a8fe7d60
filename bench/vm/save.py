#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Save a guest whole, as "virsh managedsave" does: save.py QMP-SOCKET FILE. QEMU has ended afterwards."""
import json
import socket
import sys
import time

qmp = socket.socket(socket.AF_UNIX)
qmp.connect(sys.argv[1])
talk = qmp.makefile("rw", encoding="utf-8")


def ask(what, **arguments):
    """The answer to a command; events are skipped."""
    talk.write(json.dumps({"execute": what, "arguments": arguments}) + "\n")
    talk.flush()
    while True:
        answer = json.loads(talk.readline())
        if "error" in answer:
            sys.exit(f"{what}: {answer['error']['desc']}")
        if "return" in answer:
            return answer["return"]


talk.readline()
ask("qmp_capabilities")
ask("stop")
ask("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
ask("migrate", uri=f"file:{sys.argv[2]}")
while (status := ask("query-migrate").get("status")) not in ("completed", "failed"):
    time.sleep(0.02)
if status == "failed":
    sys.exit("QEMU could not save the guest")
ask("quit")
