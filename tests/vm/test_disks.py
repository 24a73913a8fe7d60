# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kept services with their files on file systems besides the root, and with units beside them in which nothing runs.

One guest jumps through a shutdown and back with --now. /srv/data and /var are file systems of their own: on loop
devices, with which a saved machine can start, and in the long test on disks.
"""
import pathlib
import subprocess
import sys
import textwrap

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from guest import Guest  # noqa: E402

# Appends a line to a file that it keeps open, and one to a file that it opens each time.
DB_PY = textwrap.dedent('''
    import os, secrets, sys, time
    opened, named = sys.argv[1] + "/opened", sys.argv[1] + "/named"
    secret, file, n = secrets.token_hex(8), open(opened, "a"), 0
    while True:
        n += 1
        line = f"{secret} {n}\\n"
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
        fd = os.open(named, os.O_WRONLY | os.O_APPEND | (os.O_CREAT if n == 1 else 0), 0o600)
        os.write(fd, line.encode())
        os.close(fd)
        time.sleep(0.2)
''')
UNITS = {
    # The mounts of its directories are required by it. Its umbrella is a unit as postgresql.service is one.
    "db.service": ("Requires=early@db.service\nPartOf=umbrella.service absent.service\nRequiresMountsFor=/srv/data\n",
                   "StateDirectory=db\nExecStart=/usr/bin/python3 /opt/t/db.py /srv/data/db\n"),
    # No setting of this one names the disk.
    "plain.service": ("", "ExecStart=/usr/bin/python3 /opt/t/db.py /var/lib/plain\n"),
    "umbrella.service": ("", "Type=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/true\n"),
    "early@.service": ("DefaultDependencies=no\nConflicts=shutdown.target\nBefore=shutdown.target\n",
                       "Type=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/true\n"),
}
DIRS = {"db": "/srv/data/db", "plain": "/var/lib/plain"}


LABELS = {"data": "/srv/data", "var": "/var"}


def make_disk(path, label):
    with open(path, "wb") as f:
        f.truncate(1 << 30)
    subprocess.run(["mkfs.ext4", "-q", "-L", label, path], check=True)
    return path


def make_loop(g, label):
    g.run(f"truncate -s 512M /{label}.img && mkfs.ext4 -q -F -L {label} /{label}.img", 60, check=True)
    return f"/{label}.img {LABELS[label]} ext4 loop 0 0"


def set_up(g, fstab):
    g.run(f"printf '%s\\n' {' '.join(repr(line) for line in fstab)} >>/etc/fstab", check=True)
    g.write_file("/opt/t/db.py", DB_PY.encode())
    for name, (unit, service) in UNITS.items():
        g.write_file(f"/etc/systemd/system/{name}", (
            f"[Unit]\n{unit}[Service]\n{service}[Install]\nWantedBy=multi-user.target\n").encode())
    what = next(line.split()[0] for line in fstab if " /var " in line)
    g.run("rm -rf /var/lib/apt/lists /var/cache/apt /var/cache/man")
    g.run(f"mkdir -p /srv/data && mount {what} /mnt && cp -a /var/. /mnt && umount /mnt", 240, check=True)
    g.run("systemctl daemon-reload && systemctl start var.mount srv-data.mount"
          " && mkdir -p /srv/data/db /var/lib/plain && systemctl restart systemd-journald"
          " && systemctl enable db umbrella && systemctl start umbrella db plain"
          " && warmboot keep add db plain", 240, check=True)
    for d in DIRS.values():
        g.until(f"grep -q ' 5$' {d}/opened")


def look(g):
    """Each service's main process, and the secret in its memory as its last line has it."""
    return {name: (g.out(f"systemctl show -P MainPID {name}"), g.out(f"tail -n 1 {d}/opened | cut -d' ' -f1"))
            for name, d in DIRS.items()}


def check(g, before):
    """All is as before, the services go on, no line is missing, and no file system has a journal to replay."""
    told = g.kept("db.service", "plain.service")
    assert {u: t["how"] for u, t in told.items()} == {"db.service": "process", "plain.service": "process"}, told
    assert look(g) == before
    for d in DIRS.values():
        n = int(g.out(f"tail -n 1 {d}/opened | cut -d' ' -f2"))
        g.until(f"[ $(tail -n 1 {d}/opened | cut -d' ' -f2) -gt {n} ]")
        for name in ("opened", "named"):
            assert g.out(f"awk '$2 != NR {{ print NR, $0; exit }}' {d}/{name}") == ""
            assert g.out(f"cut -d' ' -f1 {d}/{name} | uniq | wc -l") == "1"
    log = g.out("journalctl -k -b -o cat | grep EXT4-fs || true")
    assert log.count("mounted filesystem") >= 3, log
    assert "recover" not in log and "orphan" not in log, log
    assert g.run("findmnt -n /srv/data && findmnt -n /var", check=True)
    g.until("systemctl is-active umbrella.service")


def jump_and_back(g, fstab):
    set_up(g, fstab)
    before = look(g)
    test = g.out("warmboot keep test db plain", 120)
    assert "db.service: process" in test and "plain.service: process" in test, test
    g.jump(f"warmboot reboot {g.image.release('7.2')}", 400)
    check(g, before)
    g.run("systemctl start early@db.service", check=True)
    g.jump(f"warmboot reboot --now {g.image.release('6.12')}", 400)
    check(g, before)
    # The services are their own again: they end and start, and their file system can be unmounted.
    g.run("systemctl restart db plain && systemctl stop db && umount /srv/data", 60, check=True)


@pytest.mark.long
def test_services_on_file_systems_of_their_own(payload):
    with Guest(kernel="6.12", payload=payload, name="disks") as g:
        jump_and_back(g, [make_loop(g, label) for label in LABELS])


@pytest.mark.long
def test_services_on_disks_of_their_own(tmp_path, payload):
    disks = [make_disk(tmp_path / label, label) for label in LABELS]
    with Guest(kernel="6.12", payload=payload, name="disks", disks=disks) as g:
        jump_and_back(g, [f"LABEL={label} {where} ext4 defaults 0 2" for label, where in LABELS.items()])
