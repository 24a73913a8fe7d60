# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run the parts of the bench, write the result as JSON, and print one table from it (docs/bench.md)."""
import argparse
import json
import sys
import time

from common import TOP, Bench, GuestError, machine  # it also adds tests/vm to the path
import figures
import loaders
import silence
import store

PARTS = {"silence": silence, "store": store, "loaders": loaders}
DEFAULT = ("silence", "store")


def arguments():
    ap = argparse.ArgumentParser(prog="bench", description=__doc__)
    ap.add_argument("build", nargs="?", default=str(TOP / "build"))
    ap.add_argument("--rounds", type=int, default=1, help="of every way")
    ap.add_argument("--part", action="append", choices=PARTS, help="only this one (repeatable)")
    ap.add_argument("--icount", action="store_true", help="the part loaders, in instructions instead of seconds")
    ap.add_argument("--only", action="append", help="loaders whose name holds this (repeatable)")
    args = ap.parse_args()
    args.part = ["loaders"] if args.icount else args.part or list(DEFAULT)
    return args


def write(result):
    """Only the run of all default parts is bench.json; other files have the names of their parts."""
    parts = result["parts"]
    names = ["icount"] if result["table"] == "icount" else [] if tuple(parts) == DEFAULT else parts
    path = TOP / "out" / f"{'-'.join(['bench', *names])}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def run(args):
    """The samples of all parts, and whether one part failed; the others have run nevertheless."""
    failed = False
    with Bench(args) as bench:
        for part in args.part:
            try:
                PARTS[part].run(bench)
            except (GuestError, RuntimeError, AssertionError) as e:
                print(f"bench: {part}: {e}", flush=True)
                failed = True
    return bench.samples, failed


def main():
    args = arguments()
    begin = time.monotonic()
    samples, failed = run(args)
    table = "icount" if args.icount else "bench"
    lines = [figures.summary(line, samples) for line in figures.TABLES[table]]
    seconds = time.monotonic() - begin
    path = write({"table": table, "parts": args.part, "rounds": args.rounds, "seconds": seconds, "machine": machine(),
                  "lines": lines, "samples": samples})
    print(f"\n{figures.text([s for s in lines if s['rounds']])}\n")
    print(f"bench: {seconds:.0f} s; every sample is in {path}")
    if tuple(args.part) == DEFAULT:
        missing = [s["name"] for s in lines if not s["rounds"]]
        failed |= bool(missing)
        print("".join(f"bench: nothing measured: {name}\n" for name in missing), end="")
    return failed


if __name__ == "__main__":
    sys.exit(main())
