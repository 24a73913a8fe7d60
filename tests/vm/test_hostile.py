# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services that want to become root by being kept: each is restarted with the reason, and gets nothing.

A row of SERVICES is a program of tests/vm/hostile, its settings, and the words that the reason has.
"""
import json
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from guest import Guest  # noqa: E402

NOBODY = ("User=nobody", "Group=nogroup")
NO_GAIN = ("NoNewPrivileges=yes",)
SANDBOX = ("PrivateTmp=yes", "ProtectSystem=strict")

# name: (arguments, settings, words of the reason)
SERVICES = {
    "covers-etc": ("", NOBODY, "has made a user namespace of its own"),
    "covers-etc-with-capability": (
        "", NOBODY + NO_GAIN + SANDBOX + ("AmbientCapabilities=CAP_SYS_ADMIN",), "other files at /etc"),
    "child-apart": ("", NOBODY, "has made a user namespace of its own"),
    "descriptor-on-its-way": ("/var/lib/swapped", NOBODY, "that nobody has received yet"),
    "detached-shadow": ("", NOBODY, "/etc/shadow"),
    "gains-capabilities": ("", NOBODY, "has made a user namespace of its own"),
    "root-of-its-own": ("", ("PrivateUsers=yes",), "capabilities"),
    "socket-by-dots": ("/var/lib/swapped", NOBODY, "/dots/./gshadow open, whose place"),
}
# Programs that make a path lead elsewhere after the dump, and the path that is a link in the end.
SWAPPED = "/var/lib/swapped"
SWAPS = {"swapped-file": ("mine", "/etc/shadow"), "swapped-directory": ("sockets", "/etc")}


def unit_text(name, arguments, settings):
    lines = "\n".join(settings)
    return (f"[Service]\nExecStart=/usr/bin/python3 /opt/hostile/{name}.py {arguments}\n"
            f"Environment=PYTHONDONTWRITEBYTECODE=1\nTimeoutStopSec=5\n{lines}\n")


def add_unit(g, unit, name, arguments, settings):
    g.write_file(f"/etc/systemd/system/{unit}.service", unit_text(name, arguments, settings).encode())


@pytest.fixture(scope="module")
def g(payload, tmp_path_factory):
    library = tmp_path_factory.mktemp("hostile") / "preload.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, HERE / "hostile/preload.c"], check=True)
    with Guest(kernel="6.12", payload=payload, name="hostile") as guest:
        for path in sorted((HERE / "hostile").glob("*.py")) + [library]:
            guest.write_file(f"/opt/hostile/{path.name}", path.read_bytes())
        for name, (arguments, settings, _) in SERVICES.items():
            add_unit(guest, name, name, arguments, settings)
        guest.run(f"mkdir -m 0755 {SWAPPED} && chown nobody {SWAPPED} && systemctl daemon-reload", check=True)
        guest.shadow = guest.out("sha256sum /etc/shadow; stat -c '%a %U %G' /etc/shadow; hostname")
        yield guest


def start(g, *units):
    g.run("systemctl start " + " ".join(units), 120, check=True)
    g.ready(*units)


def nothing_of_roots_has_changed(g):
    assert g.out("ls /root | grep owned || true") == ""
    assert g.out("sha256sum /etc/shadow; stat -c '%a %U %G' /etc/shadow; hostname") == g.shadow


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_keep_test_refuses(g, name):
    start(g, name)
    out = g.run(f"warmboot keep test --json {name} 2>/dev/null", 120)
    g.run(f"systemctl stop {name}", 60, check=True)
    told = json.loads(out.out[out.out.index("["):])[0]
    print(name, told["how"], told["reasons"])
    nothing_of_roots_has_changed(g)
    assert told["how"] == "restart" and not told["rehearsed"], told
    assert any(SERVICES[name][2] in reason for reason in told["reasons"]), told


def test_jump_with_all_of_them(g):
    """All at once, also those that exchange files before they come back: restarted, and no file of root's changed."""
    for name in SWAPS:
        add_unit(g, name, name, SWAPPED, NOBODY)
    start(g, *SWAPS, *SERVICES)
    for name in SWAPS:
        pid = g.out(f"systemctl show -P MainPID {name}")
        add_unit(g, f"{name}-swapper", name, f"{SWAPPED} {pid}", NOBODY)
    start(g, *(f"{name}-swapper" for name in SWAPS))
    g.run("warmboot keep add " + " ".join([*SWAPS, *SERVICES]), 60, check=True)
    g.jump(f"warmboot reboot {g.image.release('7.2')} --now", 900)
    g.run("systemctl is-system-running --wait", 400)
    result = g.kept()
    print(json.dumps(result, indent=1))
    for link, target in SWAPS.values():
        assert g.out(f"readlink {SWAPPED}/{link}") == target, "nothing was exchanged: this proves nothing"
    nothing_of_roots_has_changed(g)
    for name, (_, _, words) in SERVICES.items():
        told = result[f"{name}.service"]
        assert told["how"] == "restart", told
        # A service that can cover /etc has done so by now, and this reason comes first.
        assert words in told["why"] or "it finds other files at /etc" in told["why"], told
    for name, (link, _) in SWAPS.items():
        told = result[f"{name}.service"]
        assert told["how"] == "restart" and f"{SWAPPED}/{link}" in told["why"], told
