# SPDX-License-Identifier: LGPL-2.1-or-later
"""The field's services, the judgement on each after a jump, and the tables: for a terminal and for docs/field.md.

Pure: reads bench/field/ and what bench/field.py has seen. scripts/field-page writes the pages, scripts/check-field
compares their form.
"""
import json
import pathlib
import re
import statistics

HERE = pathlib.Path(__file__).resolve().parent
# A silence is this much longer than the client's usual pause between two questions.
PAUSE = 1.0


def data_lines(name):
    for line in (HERE / "field" / name).read_text().splitlines():
        if line and not line.startswith("#"):
            yield line


def services():
    """[{"unit", "package", "port", "udp", and the fields of its talk}]; port is None where no client talks."""
    talks = {t["name"]: t for t in map(json.loads, data_lines("talks"))}
    found = []
    for line in data_lines("services"):
        unit, package, port, talk = line.split()
        number, _, protocol = port.partition("/")
        found.append({**talks.get(talk, {}), "unit": unit, "package": package,
                      "port": None if port == "-" else int(number), "udp": protocol == "udp"})
    return found


def remedies():
    """{unit: {"do": a command, "keep": an option}} of bench/field/remedies."""
    return {r["unit"]: r for r in map(json.loads, data_lines("remedies"))}


def told_by_client(plan, events, before, after):
    """For a service with a port, over a jump from host time `before` to `after`: silence, and whether its held
    connection was kept (None: there was none).
    """
    mine = [e for e in events if e["unit"] == plan["unit"] and e["t"] <= after]
    answers = [e["t"] for e in mine if e["what"] == "answer"]
    around = [t for t in answers if t <= before][-1:] + [t for t in answers if t > before]
    gap, back = max(((b - a, b) for a, b in zip(around, around[1:])), default=(None, None))
    connection = None
    held = [e for e in mine if e["on"] == "held"]
    was = [e for e in held if e["t"] <= before][-1:]
    if plan.get("hold") and not plan["udp"] and was and was[0]["what"] in ("connected", "answer"):
        connection = not any(e["what"] in ("lost", "refused") for e in held if e["t"] > before)
        if "ask" in plan:  # the same one has answered; a service may end it for reasons of its own later
            connection = back is not None and any(
                e["what"] == "answer" and e["t"] >= back and e["n"] == was[0]["n"] for e in held)
    return {"silence_s": None if gap is None else round(max(0.0, gap - PAUSE), 1), "connection": connection}


def at_freeze(was, pids):
    """The state before, without processes that had ended by themselves when the unit was frozen with `pids`: many a
    server has a process for each connection.
    """
    left = {p: told for p, told in was["processes"].items() if int(p) in pids}
    return {**was, "processes": left} if was["MainPID"] in left else was


def memory_kept(was, now):
    """(processes of before that are still there, processes before)."""
    same = [p for p, told in was["processes"].items()
            if told["secret"] and now["processes"].get(p, {}).get("secret") == told["secret"]]
    return len(same), len(was["processes"])


def outcome(promise, was, now):
    """One word for a service after a jump."""
    if was["ActiveState"] != "active":
        return "did not run"
    if now["ActiveState"] != "active":
        return "dead"
    same, all_of = memory_kept(was, now)
    if all_of and same == all_of and now["MainPID"] == was["MainPID"]:
        return "kept"
    main = {k: p for k, p in was["processes"].items() if k == was["MainPID"]}
    if memory_kept({"processes": main}, now)[0]:
        return "kept in part"
    return "restarted, promised in vain" if promise == "process" else "restarted"


def short(text, width):
    text = re.sub(r"\s+", " ", text or "")
    return text if len(text) <= width else text[:width - 1] + "…"


HEAD = ("service", "promise", "outcome", "memory", "connection", "silence", "reason")
NONE_YET = "No run is on record yet.\n"
YES = {True: "kept", False: "lost", None: "-"}


def cells(row):
    """A row of the table."""
    memory = f"{row['processes_same']} of {row['processes']}" if row["processes"] else "-"
    silence = "-" if row["silence_s"] is None else f"{row['silence_s']:.1f} s"
    reason = "" if row["outcome"] == "kept" else row["why"] or ""
    if row["remedies"]:
        reason += " Remedy: " + "; ".join(r if isinstance(r, str) else r.get("text", "") for r in row["remedies"])
    if row.get("answers") is False:
        silence = "no answer"
    promise = (row["promise"] or "-") + (", with its remedy" if row.get("remedied") else "")
    return (row["unit"].removesuffix(".service"), promise, row["outcome"], memory,
            YES[row["connection"]], silence, reason)


def summary(jump):
    """Counts of a jump."""
    rows = [r for r in jump["rows"] if r["outcome"] != "did not run"]
    kept = [r for r in rows if r["outcome"] == "kept"]
    silences = [r["silence_s"] for r in kept if r["silence_s"] is not None]
    held = [r for r in kept if r["connection"] is not None]
    return {"ran": len(rows), "promised": sum(r["promise"] == "process" for r in rows), "kept": len(kept),
            "of these with their remedy": sum(bool(r.get("remedied")) for r in kept),
            "in vain": sum(r["promise"] == "process" and r["outcome"] != "kept" for r in rows),
            "dead": sum(r["outcome"] == "dead" for r in rows),
            "connections kept": sum(r["connection"] for r in held), "connections held": len(held),
            "silence, median": statistics.median(silences) if silences else None,
            "silence, longest": max(silences, default=None)}


def text(jump):
    rows = [HEAD] + [cells(r) for r in jump["rows"]]
    rows = [(*r[:-1], short(r[-1], 110)) for r in rows]
    widths = [max(len(r[i]) for r in rows) for i in range(len(HEAD) - 1)]
    lines = ["  ".join([c.ljust(w) for c, w in zip(r, widths)] + [r[-1]]).rstrip() for r in rows]
    told = ", ".join(f"{k} {v}" for k, v in summary(jump).items())
    return f"{jump['from']} -> {jump['to']}: {told}\n" + "\n".join(lines)


def markdown(jump):
    """The lines of one jump's table in docs/field.md."""
    def row(c):
        return f"| {' | '.join(v.replace('|', '/') for v in c)} |".replace("|  |", "| |")
    return [row(HEAD), "|---" * len(HEAD) + "|"] + [row((f"`{c[0]}`", *c[1:])) for c in map(cells, jump["rows"])]


def sentence(jump):
    """The result of a jump, for a page."""
    s = summary(jump)
    told = (f"{jump['from']} to {jump['to']}: {s['ran']} services ran, {s['promised']} were promised to be kept, "
            f"**{s['kept']} were kept** ({s['of these with their remedy']} of them with a setting that their remedy names), {s['in vain']} were promised in vain, {s['dead']} were dead afterwards. ")
    told += f"Of {s['connections held']} connections held to kept services, {s['connections kept']} went on."
    if s["silence, median"] is not None:
        told += (f" A kept service was silent for {s['silence, median']:.0f} s (median), "
                 f"{s['silence, longest']:.0f} s at most.")
    c = jump.get("compared")
    if c and c["ratio"]:
        told += (f" With `systemctl kexec` of kexec-tools on the same guest, the median of the same {c['services']} services "
                 f"is {c['systemctl_kexec_s']:.0f} s: a ratio of **{c['ratio']:.2f}**.")
    return told


def block(name):
    """Matches what is generated in a page, between its two markers."""
    return re.compile(rf"(<!-- {name} -->\n)(.*?)(<!-- end -->)", re.S)


def pages(result):
    """{page: {name of a block: its text}} for what bench/field.py wrote."""
    tables = "\n\n".join(f"{sentence(j)}\n\n" + "\n".join(markdown(j)) for j in result["jumps"])
    told = "\n".join(f"- {sentence(j)}" for j in result["jumps"])
    return {"docs/field.md": {"field": tables + "\n"}, "docs/keeping-services.md": {"field summary": told + "\n"}}
