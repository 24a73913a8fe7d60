# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Linux guest over a jump of its host: Debian's own kernel, one program, and a client outside of the host.

The guest's initramfs is made of one static program and of the modules of the host's image. Its network card is in a bridge of
the host's with the host's own card.
"""
import pathlib
import shutil
import subprocess
import textwrap

import pytest

import guest
import net

pytestmark = pytest.mark.long

HERE = pathlib.Path(__file__).resolve().parent
ADDRESS, PORT = "10.99.0.3", 7010

# Its kernel leaves out much that takes long when it is emulated twice.
CMDLINE = ("console=ttyS0 loglevel=5 panic=-1 nokaslr mitigations=off no_timer_check cryptomgr.notests audit=0 "
           f"random.trust_cpu=on address={ADDRESS} port={PORT}")
UNIT = f"""[Unit]
Description=a Linux guest
[Service]
Nice=5
ExecStart=/usr/bin/qemu-system-x86_64 -name linux -machine pc-q35-10.0,accel=tcg,memory-backend=ram0 -m 160M \\
 -nodefaults -display none -cpu qemu64 \\
 -object memory-backend-file,id=ram0,size=160M,mem-path=/dev/hugepages/linux.ram,share=on \\
 -kernel /var/lib/linux/vmlinuz -initrd /var/lib/linux/initrd -append "{CMDLINE}" \\
 -netdev tap,id=n,ifname=tap1,script=no,downscript=no -device virtio-net-pci,netdev=n,mac=52:54:00:77:62:03,romfile= \\
 -chardev file,id=s,path=/var/lib/linux/log,append=on -serial chardev:s -qmp unix:/run/linux.qmp,server=on,wait=off
"""
NETWORKD = {
    "br0.netdev": "[NetDev]\nName=br0\nKind=bridge\n",
    "tap1.netdev": "[NetDev]\nName=tap1\nKind=tap\n",
    "card.network": f"[Match]\nMACAddress={net.MAC}\nType=ether\n[Network]\nBridge=br0\n",
    "tap1.network": "[Match]\nName=tap1\n[Link]\nRequiredForOnline=no\n[Network]\nBridge=br0\n",
    "br0.network": (f"[Match]\nName=br0\n[Network]\nAddress={net.GUEST}/{net.PREFIX}\n"
                    "LinkLocalAddressing=no\nIPv6AcceptRA=no\n"),
}
# Modules as the program loads them: uncompressed, in order.
MAKE = textwrap.dedent("""
    import lzma, pathlib, subprocess, sys
    to = pathlib.Path("/usr/local/share/guest/modules")
    to.mkdir(parents=True)
    for d in ("dev", "proc"):
        (to.parent / d).mkdir()
    said = subprocess.run(["modprobe", "-a", "-D", "virtio_pci", "virtio_net"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    seen = []
    for words in map(str.split, said.splitlines()):
        if words[0] == "insmod" and words[1] not in seen:
            seen.append(words[1])
            data = pathlib.Path(words[1]).read_bytes()
            name = pathlib.Path(words[1]).name.split(".")[0]
            (to / f"{len(seen):02}-{name}.ko").write_bytes(lzma.decompress(data) if words[1].endswith(".xz") else data)
""")


def answers(client):
    """Of each answer: when it came, the guest's secret and count, its clocks in seconds."""
    found = []
    for e in client.events:
        if e["what"] == "answer":
            release, secret, count, mono, longest, wall = e["text"].split()
            found.append({"t": e["t"], "release": release, "secret": secret, "count": int(count),
                          "mono": int(mono) / 1000, "longest": int(longest) / 1000, "wall": int(wall)})
    return found


@pytest.fixture(scope="module")
def host(payload, tmp_path_factory):
    tree = tmp_path_factory.mktemp("linux") / "payload"
    shutil.copytree(payload, tree, symlinks=True)
    (tree / "usr/local/share/guest").mkdir(parents=True)
    subprocess.run(["gcc", "-O1", "-static", "-s", "-o", tree / "usr/local/share/guest/init", HERE / "linux/init.c"], check=True)
    with net.Network() as n, guest.Guest(kernel="6.12", mem="2G", suite="trixie-host", payload=tree, net=n,
                                         name="linux") as g:
        for name, text in NETWORKD.items():
            g.write_file(f"/etc/systemd/network/{name}", text.encode())
        g.write_file("/etc/systemd/system/linux.service", UNIT.encode())
        g.write_file("/root/make.py", MAKE.encode())
        g.run("systemctl enable --now systemd-networkd; python3 /root/make.py && cd /usr/local/share/guest && mkdir -p /var/lib/linux && "
              "find . | cpio -o -H newc --quiet >/var/lib/linux/initrd && cp /boot/vmlinuz-$(uname -r) /var/lib/linux/vmlinuz",
              120, check=True)
        g.until("ip -4 -o address show br0 | grep -q inet", 60)
        g.run("sysctl -q vm.nr_hugepages=80; systemctl daemon-reload; systemctl start linux", 120, check=True)
        g.until("grep -q listening /var/lib/linux/log", 600)
        g.run("warmboot keep add vm:linux", 60, check=True)
        yield g


def test_linux_and_its_client_go_on(host):
    g = host
    with net.Client(g.net, "hold", (ADDRESS, PORT), {"timeout": 300}) as client:
        client.wait_answers(10, timeout=120)
        before = answers(client)[-1]
        release = g.image.release("7.2")
        assert g.jump(f"warmboot reboot {release}", 600)["release"] == release
        told = g.kept("linux.service", timeout=240)["linux.service"]
        assert (told["how"], told["name"], told["why"]) == ("vm", "vm:linux", None), told
        client.wait_answers(20, timeout=300)
        report, found = client.report(), answers(client)
    after = found[-1]
    # One connection, one memory; the kernel inside is the one that it was.
    assert report["connected"] == 1 and report["lost"] == 0, report
    assert (after["secret"], after["release"]) == (before["secret"], before["release"]), (before, after)
    counts = [a["count"] for a in found]
    assert counts == list(range(counts[0], counts[0] + len(counts))), counts
    # It stood still, and its monotonic clock with it: no look at it was late by more than a moment.
    passed, felt = after["t"] - before["t"], after["mono"] - before["mono"]
    stood = told["frozen_s"]
    print(f"silent for {report['silence']:.1f} s, stood still for {stood:.1f} s; {passed:.1f} s passed, the guest felt "
          f"{felt:.1f} s, between two looks at most {after['longest']:.1f} s")
    assert stood > 5 and passed - felt > 0.8 * stood, (told, before, after)
    assert after["longest"] < stood / 2, after
    assert after["longest"] - before["longest"] < 5, (before, after)
    # Nobody has set its wall clock, and that was told before.
    assert passed - (after["wall"] - before["wall"]) > 0.8 * stood - 2, (before, after)
    tested = g.out("warmboot keep test vm:linux 2>&1", 240)
    assert "no guest agent" in tested, tested
