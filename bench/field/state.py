#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""In the guest: the state of units as JSON, with a secret out of the memory of each of their processes.

The secret is the 16 random bytes that the kernel puts on the stack of each program that it starts (AT_RANDOM in
getauxval(3)). Another process, or the same program started again, has other bytes.
"""
import json
import pathlib
import struct
import subprocess
import sys

AT_RANDOM = 25
ASKED = ("Id", "LoadState", "ActiveState", "SubState", "Result", "MainPID", "ControlGroup", "NRestarts")


def secret(pid):
    words = pathlib.Path(f"/proc/{pid}/auxv").read_bytes()
    found = dict(struct.iter_unpack("QQ", words)).get(AT_RANDOM)
    if not found:
        return None
    with open(f"/proc/{pid}/mem", "rb") as f:
        f.seek(found)
        return f.read(16).hex()


def process(pid):
    """Its program's name, when it started (in ticks, by its kernel), and the secret."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
    name = stat[stat.index("(") + 1:stat.rindex(")")]
    return {"name": name, "start": int(stat.rpartition(")")[2].split()[19]), "secret": secret(pid)}


def processes(group):
    found = {}
    if group in ("", "/"):
        return found
    for path in pathlib.Path(f"/sys/fs/cgroup{group}").rglob("cgroup.procs"):
        for pid in path.read_text().split():
            try:
                found[pid] = process(pid)
            except OSError:
                pass  # it has ended meanwhile
    return found


def main():
    told = subprocess.run(["systemctl", "show", "--property=" + ",".join(ASKED), *sys.argv[1:]],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    units = {}
    for name, block in zip(sys.argv[1:], told.strip().split("\n\n"), strict=True):
        unit = dict(line.split("=", 1) for line in block.splitlines())
        unit["processes"] = processes(unit["ControlGroup"])
        units[name] = unit
    print(json.dumps(units))


main()
