# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lines of the bench's tables, each a ratio of two measurements, and the tables as text and for README.md.

Pure: samples in, summaries and tables out. docs/bench.md explains each line; scripts/check-figures compares.
"""
import re
import statistics
from typing import NamedTuple


class Line(NamedTuple):
    """One ratio. A measurement is the name of a way and of one of its figures."""

    name: str
    ours: tuple
    theirs: tuple
    against: str  # describes `theirs` to the reader
    unit: str
    least: float | None = None  # limits of the ratio
    most: float | None = None


KEXEC, WARM, KEEP, COLD = "kexec-tools -s", "warmboot", "warmboot keep", "cold reboot"
SYSTEMCTL = "`systemctl kexec` with kexec-tools"
TABLES = {
    "bench": (
        Line("load the kernel", (WARM, "load"), ("kexec-tools -c", "load"), "`kexec -c`", "s", most=1.0),
        Line("peak memory of the loader", (WARM, "peak"), (WARM, "unpacked"), "the unpacked kernel", "MiB", most=3.0),
        Line("jump to the first line", (WARM, "first line"), (KEXEC, "first line"), "`kexec -s`", "s", most=0.2),
        Line("jump to a program on the real root", (WARM, "root"), (KEXEC, "root"), "`kexec -s`", "s", most=0.4),
        Line("marks for the timeline", (WARM, "marks"), (WARM, "gap"), "the gap that they are part of", "s", most=0.01),
        Line("timeline from the last program to init", (WARM, "timeline"), (WARM, "console"), "the host's clock", "s",
             least=0.95, most=1.05),
        Line("silence, held connection, nothing kept", (WARM, "held"), (KEXEC, "held"), SYSTEMCTL, "s"),
        Line("silence, new connections, nothing kept", (WARM, "new"), (KEXEC, "new"), SYSTEMCTL, "s"),
        Line("silence, held connection, service kept", (KEEP, "held"), (KEXEC, "held"), SYSTEMCTL, "s", most=0.35),
        Line("silence, new connections, service kept", (KEEP, "new"), (KEXEC, "new"), SYSTEMCTL, "s", most=0.35),
        Line("silence, held connection, service kept", (KEEP, "held"), (COLD, "held"), "a cold reboot", "s"),
        Line("silence, new connections, service kept", (KEEP, "new"), (COLD, "new"), "a cold reboot", "s"),
        Line("whole machine, nothing kept", (WARM, "whole"), (KEXEC, "whole"), SYSTEMCTL, "s", most=0.75),
        Line("whole machine, service kept", (KEEP, "whole"), (KEXEC, "whole"), SYSTEMCTL, "s", most=0.9),
        Line("warmboot's own units in user space", (WARM, "ours"), (WARM, "user space"), "user space", "s", most=0.05),
        Line("lost connections, service kept", (KEEP, "lost"), (KEXEC, "lost"), SYSTEMCTL, "", most=0.0),
        Line("lost memory, service kept", (KEEP, "restarts"), (KEXEC, "restarts"), SYSTEMCTL, "", most=0.0),
        Line("memory into the store and out again", ("store", "in and out"), ("plain copies", "in and out"),
             "two plain copies", "s", most=1.5),
        Line("pause of a large service, with pre-copy", ("pre-copy", "pause"), ("no pre-copy", "pause"),
             "without pre-copy", "s", most=0.25),
    ),
    "icount": (
        Line("load the kernel", (WARM, "load"), (KEXEC, "load"), "`kexec -s`", "million"),
        Line("load the kernel again", (WARM, "again"), (KEXEC, "load"), "`kexec -s`", "million", most=1.3),
        Line("jump to `/init`", (WARM, "init"), (KEXEC, "init"), "`kexec -s`", "million"),
        Line("jump to a program on the real root", (WARM, "root"), (KEXEC, "root"), "`kexec -s`", "million"),
    ),
}
HEAD = ("", "warmboot", "compared with", "ratio", "asked")


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)} if values else None


def summary(line, samples):
    """A line with its measurements. A sample is {"round": n, "way": name, "figures": {name: value}}."""
    def by_round(way, figure):
        return {s["round"]: s["figures"][figure] for s in samples
                if s["way"] == way and s["figures"].get(figure) is not None}

    ours, theirs = by_round(*line.ours), by_round(*line.theirs)
    both = sorted(ours.keys() & theirs.keys())
    ratio = spread([ours[n] / theirs[n] for n in both if theirs[n]])
    return {"name": line.name, "against": line.against, "unit": line.unit, "rounds": len(both),
            "ours": spread([ours[n] for n in both]), "theirs": spread([theirs[n] for n in both]), "ratio": ratio,
            "asked": {"least": line.least, "most": line.most}}


def number(value):
    return f"{value:.4f}" if 0 < value < 0.02 else f"{value:.2f}"


def amount(value, unit):
    if unit in ("MiB", "million", ""):
        return f"{value:.0f} {unit}".strip()
    return f"{number(value)} {unit}"


def asked(limits):
    least, most = limits["least"], limits["most"]
    if least is not None:
        return f"{least:.2f} to {most:.2f}"
    return "" if most is None else f"at most {most:.2f}"


def missed(s):
    """Is the ratio outside of its limits?"""
    least, most = s["asked"]["least"], s["asked"]["most"]
    if most == 0:  # it holds in each round, whatever the other side does
        return bool(s["ours"]) and s["ours"]["max"] > 0
    ratio = s["ratio"]["median"] if s["ratio"] else None
    return ratio is not None and ((least is not None and ratio < least) or (most is not None and ratio > most))


def cells(s):
    """One line's row of a table."""
    if not s["ours"]:
        return s["name"], "-", s["against"], "-", asked(s["asked"])
    ratio = s["ratio"]
    text = number(ratio["median"]) if ratio else "-"
    if ratio and s["rounds"] > 1:
        text += f" ({number(ratio['min'])} to {number(ratio['max'])})"
    return (s["name"], amount(s["ours"]["median"], s["unit"]),
            f"{amount(s['theirs']['median'], s['unit'])}, {s['against']}", text, asked(s["asked"]))


def text(summaries):
    """The table for a terminal."""
    rows = [HEAD] + [cells(s) for s in summaries]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    verdicts = [""] + ["MISSED" if missed(s) else "" for s in summaries]
    return "\n".join("  ".join([c.ljust(w) for c, w in zip(row, widths)] + [v]).rstrip()
                     for row, v in zip(rows, verdicts))


def markdown(summaries):
    """The lines of README.md's table."""
    def row(c):
        return f"| {' | '.join(c)} |".replace("|  |", "| |")
    return [row(HEAD), "|---" * len(HEAD) + "|"] + [row(cells(s)) for s in summaries]


def block(name):
    """Matches a table in README.md, between its two markers."""
    return re.compile(rf"(<!-- figures: {name} -->\n)(.*?)(<!-- end -->)", re.S)


def shape(table):
    """A table with each measured number replaced, so that only names, columns, units and limits are left."""
    def row(c):
        measured = [re.sub(r" \(# to #\)$", "", re.sub(r"\d+(\.\d+)?", "#", v)) for v in c[2:5]]
        return c[:2] + measured + c[5:]
    return [row([c.strip() for c in line.split("|")]) for line in table]


def examples(name):
    """Two tables of the right shape: with made-up measurements, and with none."""
    one = spread([1.0])
    return [markdown([{**summary(line, []), **figures} for line in TABLES[name]])
            for figures in ({"rounds": 1, "ours": one, "theirs": one, "ratio": one}, {})]
