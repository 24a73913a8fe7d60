# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains of libvirt over jumps of their host: one that libvirt starts by itself, and a transient one."""
import json
import os
import pathlib
import re

import pytest

from counting import counted
from guest import TOP, Guest

COUNTER = pathlib.Path(os.environ.get("WARMBOOT_BUILD") or TOP / "build") / "tests/unit/counter.img"
NAMES = ("web", "brief")


def xml(name, more=""):
    """The counting guest, as a domain. Its host has no KVM."""
    return f"""<domain type='qemu'>
 <name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
 <os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type></os>
 <devices>
  <emulator>/usr/bin/qemu-system-x86_64</emulator>
  <disk type='file' device='disk'><driver name='qemu' type='raw'/>
   <source file='/var/lib/libvirt/images/{name}.img'/><target dev='vda' bus='virtio'/></disk>
  <controller type='usb' model='none'/>
  <serial type='file'><source path='/var/lib/libvirt/images/{name}.log' append='on'/></serial>
  <memballoon model='none'/>{more}
 </devices>
</domain>
"""


def lines(g, name):
    """The counts that the guest has printed, each with the mismatches that it has found."""
    return counted(g.out(f"cat /var/lib/libvirt/images/{name}.log", 60))


def wait_for_more(g, n):
    """Until each guest has printed n lines more."""
    have = {name: len(lines(g, name)) for name in NAMES}
    for name in NAMES:
        g.until(f"[ $(grep -c ^C /var/lib/libvirt/images/{name}.log) -ge {have[name] + n} ]", 240)


def check_nothing_was_lost(g):
    for name in NAMES:
        counts = lines(g, name)
        assert [c for c, _ in counts] == list(range(1, len(counts) + 1)), f"{name} began anew, or has lost a line"
        assert all(b == 0 for _, b in counts), f"the memory of {name} is not what it was"


def domains(g):
    """Of each domain its UUID, and whether libvirt knows it without its image."""
    return {name: (g.out(f"virsh domuuid {name}", 120),
                   re.search(r"^Persistent: +(\w+)", g.out(f"virsh dominfo {name}", 120), re.M).group(1))
            for name in NAMES}


def check_nothing_is_left(g):
    assert g.out("ls -A /run/warmboot/domains 2>/dev/null || :") == ""
    assert g.out("ls -A /var/lib/libvirt/qemu/save") == ""


@pytest.fixture(scope="module")
def host(payload):
    with Guest(kernel="6.12", mem="2G", suite="trixie-host", payload=payload) as g:
        # libvirt asks QEMU for its abilities once, which takes a while under emulation.
        g.run("systemctl enable --now virtlogd.socket libvirtd.socket libvirtd.service libvirt-guests.service",
              600, check=True)
        for name in NAMES:
            g.write_file(f"/var/lib/libvirt/images/{name}.img", COUNTER.read_bytes()[:512])
            g.write_file(f"/root/{name}.xml", xml(name).encode())
            g.run(f"truncate -s 1M /var/lib/libvirt/images/{name}.img", check=True)
        g.run("virsh define /root/web.xml && virsh autostart web && virsh start web && virsh create /root/brief.xml",
              900, check=True)
        for name in NAMES:
            g.until(f"grep -q ^C /var/lib/libvirt/images/{name}.log", 240)
        yield g


@pytest.mark.long
def test_what_libvirt_cannot_save_is_refused(host):
    g = host
    tested = json.loads(g.out("warmboot keep test vm:web vm:brief vm:none --json 2>/dev/null || :", 400))
    told = {t["name"]: t for t in tested}
    for name in NAMES:
        assert (told[f"vm:{name}"]["how"], told[f"vm:{name}"]["unit"]) == (
            "domain", f"warmboot-domain@{name}.service"), told
        assert any("before the shutdown" in w for w in told[f"vm:{name}"]["warnings"]), told
    assert any("transient" in w for w in told["vm:brief"]["warnings"])
    assert told["vm:none"]["how"] is None
    shared = xml("shared", "<shmem name='x'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>")
    g.write_file("/root/shared.xml", shared.encode())
    g.run("cp /var/lib/libvirt/images/web.img /var/lib/libvirt/images/shared.img; virsh create --paused /root/shared.xml",
          400, check=True)
    refused = json.loads(g.out("warmboot keep test vm:shared --json 2>/dev/null || :", 400))[0]
    assert refused["how"] == "restart" and "shares memory" in json.dumps(refused["reasons"]), refused
    g.run("virsh destroy shared", 200, check=True)


@pytest.mark.long
def test_fault_before_the_jump_leaves_the_domains_running(host):
    """The domains are saved and gone when systemd refuses the jump."""
    g = host
    g.run("warmboot keep add vm:web vm:brief", 120, check=True)
    before = domains(g)
    g.run("systemctl mask --runtime kexec.target", 60, check=True)
    refused = g.run(f"warmboot reboot {g.image.release('7.2')}", 900)
    assert refused.rc != 0 and "refuses to reboot" in refused.out, refused
    g.run("systemctl unmask --runtime kexec.target", 60, check=True)
    assert "paused" not in g.out("virsh list", 60)
    assert domains(g) == before
    wait_for_more(g, 2)
    check_nothing_was_lost(g)
    check_nothing_is_left(g)
    for name in NAMES:
        saved = g.run(f"grep -c reason=saved /var/log/libvirt/qemu/{name}.log")
        assert saved.out.strip() == "1", f"{name} was not saved at all: {refused}"


@pytest.mark.long
def test_domains_go_on_after_the_jump(host):
    g = host
    before = domains(g)
    wait_for_more(g, 2)
    release = g.image.release("7.2")
    assert g.jump(f"warmboot reboot {release}", 1200)["release"] == release
    kept = g.kept(*(f"warmboot-domain@{name}.service" for name in NAMES), timeout=400)
    for name in NAMES:
        told = kept[f"warmboot-domain@{name}.service"]
        assert (told["how"], told["name"], told["why"]) == ("domain", f"vm:{name}", None), told
        assert told["frozen_s"] > 0
    assert domains(g) == before
    wait_for_more(g, 2)
    check_nothing_was_lost(g)
    # Each was started once, by whoever came first.
    assert g.out("pgrep -c qemu-system") == "2"
    assert "enable" in g.out("virsh dominfo web | grep ^Autostart", 60)
    g.run("systemctl is-system-running --wait", 400)
    check_nothing_is_left(g)
    status = g.out("warmboot status")
    assert re.search(r"vm:web: kept, frozen for [0-9.]+ s", status), status


def confinement(g, name):
    return g.out(f"cat /proc/$(pgrep -f '^[^ ]*qemu-system.*guest={name},')/attr/current")


def begin_anew(g):
    """Domains take their profile when they are started."""
    g.run("virsh destroy web; virsh destroy brief; rm /var/lib/libvirt/images/*.log; virsh start web && "
          "virsh create /root/brief.xml", 400, check=True)
    for name in NAMES:
        g.until(f"grep -q ^C /var/lib/libvirt/images/{name}.log", 240)


@pytest.mark.long
def test_compressed_images_of_confined_domains(host):
    """libvirt compresses its images, and AppArmor confines it and its domains, before the jump and after it."""
    g = host
    raw = int(g.out("virsh -q save web /root/raw >/dev/null && stat -c %s /root/raw && virsh -q restore /root/raw >/dev/null && rm /root/raw",
                    300))
    g.run("echo 'save_image_format = \"zstd\"' >>/etc/libvirt/qemu.conf; systemctl enable --now apparmor; "
          "systemctl restart libvirtd", 400, check=True)
    begin_anew(g)
    before, profiles = domains(g), {name: confinement(g, name) for name in NAMES}
    assert all(re.match(r"libvirt-[-0-9a-f]{36} \(enforce\)", p) for p in profiles.values()), profiles
    wait_for_more(g, 2)
    g.run("warmboot keep add vm:web vm:brief", 120, check=True)
    release = g.image.release("7.2" if g.out("uname -r") == g.image.release("6.12") else "6.12")
    assert g.jump(f"warmboot reboot {release}", 1200)["release"] == release
    kept = g.kept(*(f"warmboot-domain@{name}.service" for name in NAMES), timeout=400)
    denied = g.run("journalctl -k -b --no-pager -o cat | grep DENIED").out
    for name in NAMES:
        told = kept[f"warmboot-domain@{name}.service"]
        assert (told["how"], told["why"]) == ("domain", None), (told, denied)
        assert 0 < told["dump_bytes"] < 0.95 * raw, (told, raw)
    assert domains(g) == before
    assert {name: confinement(g, name) for name in NAMES} == profiles
    wait_for_more(g, 2)
    check_nothing_was_lost(g)
    g.run("systemctl is-system-running --wait", 400)
    check_nothing_is_left(g)
