# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian packages on machines that never saw a build: apt installs them and what they need.

The guest's apt knows one archive, the payload's: the packages, and from the guest's own suite the
libraries that they name. Some of these are taken from the guest first, so that apt has to find them.
"""
import fcntl
import json
import pathlib
import re
import shutil
import subprocess

import pytest

from guest import TOP, Guest, Image

OUT = TOP / "out"
PACKAGES = ("warmboot", "warmboot-kexec")
SOURCES = ("dist", "include", "man", "src", "scripts/make-deb", "meson.build", "meson_options.txt")
TAKEN = ("libjansson4", "liblzo2-2")
APT = "DEBIAN_FRONTEND=noninteractive apt-get -qy "
# Paths that may name the package: the payload, caches and logs of apt and dpkg, and systemd's own files.
NOT_OURS = ("/opt/wb", "/var/cache", "/var/lib/apt", "/var/log", "/proc", "/sys", "/run/systemd")


def sh(*argv, **kw):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, **kw).stdout.strip()


@pytest.fixture(scope="session")
def debs():
    """{name: path}, built again when a source is newer."""
    version = re.search(r"\((.*)\)", (TOP / "dist/debian/changelog").read_text()).group(1)
    found = {p: OUT / f"{p}_{version}_amd64.deb" for p in PACKAGES}
    files = [f for s in SOURCES for f in [TOP / s, *(TOP / s).rglob("*")] if f.is_file()]
    newest = max(f.stat().st_mtime for f in files)
    # scripts/run-checks may be building them right now.
    OUT.mkdir(exist_ok=True)
    with open(OUT / "deb.lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(d.exists() and d.stat().st_mtime > newest for d in found.values()):
            sh(TOP / "scripts/make-deb")
    return found


def depends(deb):
    return re.findall(r"(?:^|, )([a-z0-9.+-]+)", sh("dpkg-deb", "-f", deb, "Depends"))


def fetch(suite, names, target):
    """Packages of another suite than this machine's, through apt with lists and a status of its own."""
    target.mkdir(parents=True)
    (target / "lists/partial").mkdir(parents=True)
    (target / "archives/partial").mkdir(parents=True)
    (target / "status").touch()
    mirror = sh("sh", "-c", ". scripts/lib.sh && debian_mirror", cwd=TOP)
    (target / "sources.list").write_text(f"deb {mirror} {suite} main\n")
    apt = ["apt-get", "-q=1", "-o", f"Dir::Etc::sourcelist={target}/sources.list",
           "-o", "Dir::Etc::sourceparts=/dev/null", "-o", "Dir::Etc::preferencesparts=/dev/null",
           "-o", f"Dir::State::lists={target}/lists", "-o", f"Dir::State::status={target}/status",
           "-o", f"Dir::Cache={target}",
           "-o", "APT::Architecture=amd64", "-o", "APT::Sandbox::User=root"]
    sh(*apt, "update")
    sh(*apt, "download", *names, cwd=target)


def archive(suite, debs, tree):
    """A payload tree that is an apt archive."""
    image = Image.get(suite)
    names = [n for n in depends(debs["warmboot"]) if n not in ("libc6", "libsystemd0")]
    assert set(TAKEN) <= set(names)
    cache = OUT / "deb-needs" / image.dir.name
    if not all(list(cache.glob(f"{n}_*.deb")) for n in names):
        shutil.rmtree(cache, ignore_errors=True)
        fetch(suite, names, cache)
    tree.chmod(0o755)
    for deb in [*debs.values(), *(d for n in names for d in cache.glob(f"{n}_*.deb"))]:
        shutil.copy(deb, tree / deb.name.replace("%3a", "+"))  # apt would decode the colon
    with open(tree / "Packages", "w", encoding="utf-8") as f:
        subprocess.run(["dpkg-scanpackages", "-m", "."], check=True, cwd=tree, stdout=f, stderr=subprocess.DEVNULL)
    return tree


def prepare(g):
    """A guest that lacks some of the libraries and has only our archive."""
    # The image was made without manuals, by a setting that stayed.
    g.run("rm -f /etc/dpkg/dpkg.cfg.d/*mmdebstrap* /etc/apt/sources.list.d/*; "
          "echo 'deb [trusted=yes] file:/opt/wb ./' >/etc/apt/sources.list", check=True)
    g.run(APT + "purge " + " ".join(TAKEN), 120, check=True)
    g.run(APT + "update", 120, check=True)
    assert g.run("command -v warmboot").rc != 0


def traces(g):
    """Every path with the name in it, on disk and in /run."""
    prune = " -o ".join(f"-path {p}" for p in NOT_OURS)
    found = g.out(f"find / \\( {prune} \\) -prune -o -iname '*warmboot*' -print 2>/dev/null; true")
    # systemd forgets units that are gone a moment after the reload.
    g.run("systemctl daemon-reload", check=True)
    units = g.until("! systemctl list-units --all --plain --no-legend 'warmboot*' | grep .", 20, check=False)
    return (found + "\n" + units).strip()


def removed(g, owned):
    g.run(APT + "remove warmboot", 120, check=True)
    assert g.run("dpkg-query -W warmboot warmboot-kexec").out.count("no packages found") == 2
    assert traces(g) == ""
    left = g.out("for f in " + " ".join(owned) + "; do [ -d $f ] || [ ! -e $f ] || echo $f; done")
    assert left == ""
    assert g.out("cat /sys/kernel/kexec_loaded") == "0"
    assert g.out("dpkg --audit") == ""
    assert g.out("systemctl is-system-running --wait || systemctl --failed", 120) == "running"


def last_jump(g):
    return json.loads(g.out("warmboot status --json"))["last_jump"]


def test_debian_13(debs, tmp_path):
    tree = archive("trixie", debs, tmp_path)
    with Guest(kernel="6.12", payload=tree, install=False, name="deb-trixie") as g:
        new, old = g.image.release("7.2"), g.image.release("6.12")
        prepare(g)
        said = g.run(APT + "install warmboot", 120, check=True).out
        for name in TAKEN:
            assert f"Setting up {name}" in said
        assert g.out("warmboot --version").startswith("warmboot ")
        assert last_jump(g)["outcome"] == "none"
        for path in ("man/man8/warmboot.8.gz", "man/man5/warmboot-handoff.5.gz", "bash-completion/completions/warmboot",
                     "zsh/vendor-completions/_warmboot", "fish/vendor_completions.d/warmboot.fish"):
            g.run(f"test -s /usr/share/{path}", check=True)
        assert g.out("stat -c '%a %U' /var/lib/warmboot") == "700 root"
        g.run("test -x /usr/lib/systemd/system-shutdown/warmboot.shutdown && systemctl cat warmboot-record &&"
              " test -e /usr/lib/systemd/system/multi-user.target.wants/warmboot-record.service", check=True)

        assert g.jump("warmboot reboot --initramfs=warm")["release"] == new
        last = last_jump(g)
        assert (last["outcome"], last["to"]) == ("jumped", new)
        assert g.out("systemctl is-system-running --wait || systemctl --failed", 120) == "running"
        for what, value in (("ConditionResult", "yes"), ("Result", "success")):
            assert g.out(f"systemctl show -P {what} warmboot-record") == value
        assert g.run("systemctl status warmboot-record").rc == 3  # known, done

        g.mount_payload()
        g.run("command -v kexec && dpkg-query -W kexec-tools", check=True)
        owned = g.out("dpkg -L warmboot").split()
        said = g.run(APT + "install warmboot-kexec", 120, check=True).out
        assert re.search(r"^Removing kexec-tools", said, re.M)
        assert "warmboot" in g.out("kexec --version")
        assert g.out("readlink -f /sbin/kexec") == g.out("readlink -f $(command -v warmboot)")
        owned += g.out("dpkg -L warmboot-kexec").split()
        g.run(f"/sbin/kexec -l /boot/vmlinuz-{old} --initrd=/boot/initrd.img-{old} --reuse-cmdline", check=True)
        assert g.jump("systemctl kexec")["release"] == old

        # A staged kernel is unloaded when the package is removed.
        g.run("warmboot load newest", 120, check=True)
        # So are the units and hooks of staging by itself.
        g.run("warmboot stage-auto on && test -x /etc/kernel/postinst.d/zzz-warmboot", 120, check=True)
        removed(g, owned)


@pytest.mark.long
def test_debian_12(debs, tmp_path):
    host = pathlib.Path("/etc/os-release").read_text()
    if 'VERSION_ID="12"' not in host:
        pytest.skip("only a package built on Debian 12 is promised to install there")
    tree = archive("bookworm", debs, tmp_path)
    with Guest(kernel="oldest", suite="bookworm", payload=tree, install=False, name="deb-bookworm") as g:
        prepare(g)
        said = g.run(APT + "install warmboot warmboot-kexec", 120, check=True).out
        for name in TAKEN:
            assert f"Setting up {name}" in said
        assert g.out("warmboot --version").startswith("warmboot ")
        # kexec-tools has it in /sbin there, which is the same place: its removal must not take ours.
        assert "warmboot" in g.out("/sbin/kexec --version")
        assert last_jump(g)["outcome"] == "none"
        removed(g, g.out("dpkg -L warmboot warmboot-kexec").split())
