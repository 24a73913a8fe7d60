# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds files on a tmpfs open: travels.py FILE..., each made if possible, with the contents below."""
import os
import pathlib
import time

held = []
for name in os.environ["FILES"].split():
    path = pathlib.Path(name)
    try:
        path.parent.mkdir(mode=0o710, parents=True, exist_ok=True)
        held.append(os.open(path, os.O_RDWR | os.O_CREAT, 0o640))
        os.pwrite(held[-1], b"secret of the service\n", 0)
    except OSError as e:
        print(f"{path}: {e}", flush=True)
for name in os.environ.get("READS", "").split():
    try:
        held.append(os.open(name, os.O_RDONLY))
    except OSError as e:
        print(f"{name}: {e}", flush=True)
print("ready", flush=True)
while True:
    time.sleep(1)
