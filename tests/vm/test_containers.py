# SPDX-License-Identifier: LGPL-2.1-or-later
"""Containers of podman over a jump: a quadlet on a bridge with a published port, and one in the host's network.

The image is made of Debian's busybox and of one static program, so no registry is asked.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import textwrap

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import guest  # noqa: E402
import net  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BOX = "usr/local/share/box"

# With --rm, as every quadlet: podman forgets such a container in each boot.
QUADLET = textwrap.dedent('''
    [Container]
    Image=localhost/box
    Exec=/bin/counter 7000
    PublishPort=7001:7000
    Volume=/srv/web:/data
''')
# Without --rm, in the network of the host.
PLAIN = textwrap.dedent('''
    [Service]
    Type=notify
    NotifyAccess=all
    Delegate=yes
    KillMode=mixed
    ExecStart=/usr/bin/podman run -d --name plain --cgroups=split --sdnotify=conmon --network host localhost/box \\
        /bin/counter 7002
    ExecStop=/usr/bin/podman stop -t 2 plain
''')


@pytest.fixture(scope="module")
def machine(payload, tmp_path_factory):
    tree = tmp_path_factory.mktemp("containers") / "payload"
    shutil.copytree(payload, tree, symlinks=True)
    (tree / BOX / "bin").mkdir(parents=True)
    subprocess.run(["gcc", "-O1", "-static", "-s", "-o", tree / BOX / "bin/counter", HERE / "containers/counter.c"],
                   check=True)
    with net.Network() as n, guest.Guest(kernel="6.12", mem="2G", suite="trixie-host", payload=tree, net=n,
                                         name="containers") as g:
        g.network_up()
        g.run(f"mkdir -p /srv/web; tar -C /{BOX} -cf - . | podman import -q - localhost/box", 300, check=True)
        g.write_file("/etc/containers/systemd/web.container", QUADLET.encode())
        g.write_file("/etc/systemd/system/plain.service", PLAIN.encode())
        g.run("systemctl daemon-reload; systemctl start web plain", 400, check=True)
        yield g


def rehearse(g, name):
    out = g.run(f"warmboot keep test --json {name} 2>/dev/null", 300, check=True).out
    return json.loads(out[out.index("["):])[0]


def answers(client):
    return [e["text"].split() for e in client.events if e["what"] == "answer"]


def confinement(g):
    """The AppArmor profiles of the containers' first processes, which podman has loaded."""
    return [g.out(f"cat /proc/$(podman inspect -f '{{{{.State.Pid}}}}' {name})/attr/apparmor/current")
            for name in ("systemd-web", "plain")]


def test_refused_with_the_reason(machine):
    g = machine
    g.run("systemd-run --quiet --scope podman run -d --name loose localhost/box /bin/sleep 1000", 120, check=True)
    r = rehearse(g, "container:loose")
    assert r["how"] is None and any("runs in no service" in why for why in r["reasons"]), r
    r = rehearse(g, "container:none")
    assert r["how"] is None and any("none" in why for why in r["reasons"]), r
    g.run("podman rm -f -t 0 loose", 120, check=True)


def test_over_a_jump(machine):
    g = machine
    with g.net.client("hold", port=7001) as web, g.net.client("hold", port=7002) as plain:
        for client in (web, plain):
            client.wait_answers(3, timeout=60)
        # A rehearsal changes nothing that a client or podman sees.
        r = rehearse(g, "container:systemd-web")
        assert r["how"] == "container" and r["unit"] == "web.service", r
        assert 0 < r["frozen_s"] < 60 and r["image_bytes"] > 10000, r
        web.wait_answers(3, timeout=60)
        assert "warmboot" not in g.out("nsenter --net=$(podman inspect -f '{{.NetworkSettings.SandboxKey}}' systemd-web)"
                                       " nft list tables")
        assert g.out("podman ps --format '{{.Names}} {{.State}}' | sort").split() == [
            "plain", "running", "systemd-web", "running"]
        g.run("echo before >/srv/web/file; podman exec systemd-web sh -c 'echo changed >/etc/changed; "
              "echo in memory >/dev/shm/file'", 60, check=True)
        g.run("warmboot keep add container:systemd-web plain", 60, check=True)
        profiles = confinement(g)
        assert all("containers-default" in p and "enforce" in p for p in profiles), profiles
        g.jump(f"warmboot reboot {g.image.release('7.2')}", timeout=500)
        for client in (web, plain):
            client.wait_answers(10, timeout=300)
        g.run("systemctl is-system-running --wait", 500)
        reports = [web.report(), plain.report()]
        firsts, lasts = zip(*((answers(c)[0], answers(c)[-1]) for c in (web, plain)))
    kept = g.kept()
    for unit in ("web.service", "plain.service"):
        assert kept[unit]["outcome"] == "kept" and kept[unit]["how"] == "container", kept
    assert kept["web.service"]["name"] == "container:systemd-web"
    for report, first, last in zip(reports, firsts, lasts):
        # One connection, one process, one memory, two kernels.
        assert report["connected"] == 1 and report["lost"] == 0 and report["refused"] == 0, reports
        assert (first[0], last[0]) == (g.image.release("6.12"), g.image.release("7.2"))
        assert first[1:3] == last[1:3] and int(last[3]) > int(first[3])
    assert confinement(g) == profiles
    # podman and systemd know them as before.
    assert g.out("podman ps --format '{{.Names}} {{.State}}' | sort").split() == [
        "plain", "running", "systemd-web", "running"]
    assert g.out("systemctl is-active web plain").split() == ["active", "active"]
    for unit, name in (("web", "systemd-web"), ("plain", "plain")):
        monitor = g.out(f"podman inspect -f '{{{{.State.ConmonPid}}}}' {name}").strip()
        assert g.out(f"systemctl show -P MainPID {unit}").strip() == monitor
    assert g.out("cat /run/web.cid").strip() == g.out("podman inspect -f '{{.Id}}' systemd-web").strip()
    assert g.out("podman exec systemd-web cat /etc/changed /data/file /dev/shm/file").split() == [
        "changed", "before", "in", "memory"]
    assert "listening" in g.out("podman logs plain 2>&1; journalctl -o cat CONTAINER_NAME=plain")
    # Nothing is left behind, and the unit ends and starts as ever.
    assert g.run("ls /run/warmboot/podman/* 2>/dev/null").out == ""
    assert g.run("ls -d /var/lib/containers/storage/overlay-containers/*/userdata/devshm*").rc != 0
    assert g.run("grep userdata/checkpoint /proc/mounts").rc != 0
    g.run("systemctl restart web", 200, check=True)
    # The client comes after: while podman makes the network, its own placeholder of the port takes connections
    # that nothing ever accepts (conmon keeps the sockets of bindPorts(), libpod/oci_util.go of podman).
    with g.net.client("hold", port=7001) as web:
        web.wait_answers(3, timeout=120)
        assert answers(web)[-1][2] != firsts[0][2]
    g.run("systemctl stop web plain", 200, check=True)
    assert g.out("podman ps -a --format '{{.Names}} {{.State}}'").split() == ["plain", "exited"]
