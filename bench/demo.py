# SPDX-License-Identifier: LGPL-2.1-or-later
"""What warmboot does, shown once: a guest jumps from Debian's kernel to the backported one."""
import pathlib
import re
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests" / "vm"))

from guest import Guest, GuestError, stage_install  # noqa: E402

PHASES = (
    ("stop the services", None, "last"),
    ("between the kernels", "last", "first"),
    ("kernel, to /init", "first", "init"),
    ("/init, to a shell in the new system", "init", "shell"),
)


def main():
    with tempfile.TemporaryDirectory(prefix="wb-demo.") as stage:
        pathlib.Path(stage).chmod(0o755)
        stage_install(sys.argv[1] if len(sys.argv) > 1 else TOP / "build", stage)
        print("demo: starting a guest with Debian 13's own kernel (emulated, so give it time)", flush=True)
        with Guest(kernel="6.12", payload=stage, name="demo") as g:
            target = g.image.release("7.2")
            print(f"demo: uname -r before: {g.out('uname -r')}", flush=True)
            loaded = g.run(f"time warmboot load {target}", 120, check=True)
            print(f"demo: $ warmboot load {target}\n{indent(re.sub(r".*…|.\[K", "", loaded.out))}", flush=True)
            print("demo: $ warmboot reboot", flush=True)
            t = g.jump("warmboot reboot")
            print(f"demo: uname -r after:  {g.out('uname -r')}")
            print(f"demo: {len(g.resets)} firmware resets; the phases, by the host's clock:")
            for name, start, end in PHASES:
                if t[end] is not None and (start is None or t[start] is not None):
                    print(f"    {name:38}{t[end] - (t[start] if start else 0):7.2f} s")
            print(f"    {'request to shell':38}{t['shell']:7.2f} s")
            print("demo: $ warmboot status")
            print(indent(g.run("warmboot status").out))
            return 0 if t["release"] == target else 1


def indent(text):
    return "\n".join("    " + line for line in text.splitlines() if line.strip())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GuestError as e:
        sys.exit(f"demo: {e}")
