#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example needs the installed headers alone, is short, and says what it cannot do.

check-example.py BUILDDIR SOURCE PROGRAM COMPILER...
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile


def headers(build, to):
    """As `meson install` would lay them out."""
    plan = json.loads(subprocess.run(['meson', 'introspect', '--installed', build], check=True, capture_output=True,
                                     text=True).stdout)
    for source, dest in plan.items():
        _, found, name = dest.partition('/include/warmboot/')
        if found:
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            os.symlink(source, to / name)


def main():
    build, source, program, *compiler = sys.argv[1:]
    assert len(pathlib.Path(source).read_text().splitlines()) < 100, 'the example is too long to be one'
    with tempfile.TemporaryDirectory() as tmp:
        headers(build, pathlib.Path(tmp))
        subprocess.run([*compiler, '-std=gnu11', '-Wall', '-Werror', '-fsyntax-only', '-I', tmp, source], check=True)
    r = subprocess.run([program, 'newest'], capture_output=True, text=True)
    assert r.returncode == 2 and r.stderr.startswith('usage: '), r
    r = subprocess.run([program, '--dry-run', 'no such entry', 'no-such.service'], capture_output=True, text=True)
    assert r.returncode == 1 and 'no such entry' in r.stderr and not r.stdout, r


main()
