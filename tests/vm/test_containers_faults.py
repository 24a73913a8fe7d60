# SPDX-License-Identifier: LGPL-2.1-or-later
"""Containers that cannot come back: the reason is told, nothing of them is left, and the rest of the boot goes on."""
import json
import sys
import textwrap
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from test_containers import BOX, machine  # noqa: E402,F401

pytestmark = pytest.mark.long

QUADLET = textwrap.dedent('''
    [Container]
    Image=localhost/{image}
    Exec=/bin/counter 7000
    PublishPort={port}:7000
    {more}
    [Install]
    WantedBy=multi-user.target
''')
# In the boot after the jump, before the containers' units: their image or network is gone.
BREAK = textwrap.dedent('''
    [Unit]
    ConditionPathExists=/var/lib/break
    Before=unpictured.service unbridged.service
    After=local-fs.target
    DefaultDependencies=no
    [Service]
    Type=oneshot
    ExecStart=/usr/bin/podman rmi -f localhost/second
    ExecStart=/bin/rm /etc/containers/networks/n1.json /var/lib/break
    [Install]
    WantedBy=multi-user.target
''')
LOCK = textwrap.dedent('''
    import sqlite3, time
    db = sqlite3.connect("/var/lib/containers/storage/db.sql")
    db.execute("begin exclusive")
    print("locked", flush=True)
    time.sleep(1000)
''')


def rehearse(g, name, timeout=600):
    out = g.run(f"warmboot keep test --json {name} 2>/dev/null", timeout).out
    return json.loads(out[out.index("["):])[0]


def test_podman_is_locked(machine):  # noqa: F811
    g = machine
    g.write_file("/root/lock.py", LOCK.encode())
    g.run("python3 /root/lock.py >/root/locked & until grep -q locked /root/locked; do sleep .2; done", 60, check=True)
    told = rehearse(g, "web.service")
    g.run("pkill -f /root/lock.py", 30, check=True)
    assert told["how"] != "container" and any("podman has not answered" in why for why in told["reasons"]), told["reasons"]
    # Nothing has changed for it.
    with g.net.client("hold", port=7001) as web:
        web.wait_answers(3, timeout=60)
    assert rehearse(g, "container:systemd-web")["how"] == "container"


def test_image_and_bridge_are_gone(machine):  # noqa: F811
    g = machine
    g.run(f"podman network create n1; tar -C /{BOX} -cf - . | podman import -q -m second - localhost/second", 300,
          check=True)
    for name, image, port, more in (("unpictured", "second", 7003, ""), ("unbridged", "box", 7004, "Network=n1")):
        g.write_file(f"/etc/containers/systemd/{name}.container",
                     QUADLET.format(image=image, port=port, more=more).encode())
    g.write_file("/etc/systemd/system/break.service", BREAK.encode())
    g.run("touch /var/lib/break; systemctl daemon-reload; systemctl enable break; "
          "systemctl start unpictured unbridged", 400, check=True)
    for name in ("unpictured", "unbridged"):
        assert rehearse(g, f"container:systemd-{name}")["how"] == "container"
    g.run("warmboot keep add container:systemd-unpictured container:systemd-unbridged container:systemd-web", 60, check=True)
    with g.net.client("hold", port=7001) as web:
        web.wait_answers(3, timeout=60)
        g.jump(f"warmboot reboot {g.image.release('7.2')}", timeout=600)
        g.run("systemctl is-system-running --wait", 600)
        web.wait_answers(3, timeout=300)
        assert web.report()["connected"] == 1, web.report()
    kept = g.kept()
    assert kept["web.service"]["outcome"] == "kept", kept
    for name, word in (("unpictured", "second"), ("unbridged", "n1")):
        told = kept[f"{name}.service"]
        assert told["how"] == "restart" and word in told["why"], told
        assert g.run(f"systemctl is-active {name}").out.strip() != "active"
    # Nothing of them is in the way of a later start.
    assert not {"systemd-unpictured", "systemd-unbridged"} & set(g.out("podman ps -a --format '{{.Names}}'").split())
    assert g.run("grep userdata/checkpoint /proc/mounts").rc != 0
    g.run(f"podman network create n1; tar -C /{BOX} -cf - . | podman import -q -m second - localhost/second; "
          "systemctl reset-failed; systemctl start unpictured unbridged", 400, check=True)
    assert g.out("systemctl is-active unpictured unbridged").split() == ["active", "active"]
