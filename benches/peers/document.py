"""Writes what was measured into docs/benchmarks.md, between marks of its own.

What stands outside of the marks is written by hand and stays.
"""

import json
import re
from pathlib import Path

import corpora
import race
import targets

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
MIB = 2**20
NAMES = ("tarn", "duckdb", "clickhouse")


def write(cache: Path):
    results = {
        path.parent.name: json.loads(path.read_text()) for path in cache.glob("*/results.json")
    }
    text = DOCUMENT.read_text()
    text = replace(text, "targets", target_table(results))
    for size in corpora.CORPORA:
        if size in results:
            text = replace(text, size, section(results[size]))
    if "day-splits" in results:
        text = replace(text, "day-splits", day_splits(results["day-splits"]))
    DOCUMENT.write_text(text)
    print(f"written: {DOCUMENT}")


def replace(text, name, content):
    begin, end = f"<!-- measured: {name} -->", f"<!-- end: {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"{DOCUMENT} has no place for {name}: {begin} … {end}")
    return pattern.sub(lambda _: f"{begin}\n\n{content}\n\n{end}", text)


def target_table(results):
    verdicts = {True: "met", False: "**not met**", None: "—"}
    rows = [
        (what, target, measured, verdicts[met])
        for what, target, measured, met in targets.table(results)
    ]
    return markdown(("what", "target", "measured", ""), rows)


def section(results):
    packages = results["packages"]
    source = results["source"]
    before, after = results["load_average"]
    return "\n\n".join(
        (
            f"{results['date']}: {results['tarn']}, DuckDB {packages['duckdb']}, chdb"
            f" {packages['chdb']}; {results['cores']} cores ({results['cpu']}),"
            f" {results['memory_gib']} GiB; load average {before} at the start of the questions"
            f" and {after} at the end. {source['files']:,} files,"
            f" {source['bytes'] / MIB:,.0f} MiB gzip.",
            load_table(results),
            query_table(results["questions"], "hot_ms"),
            f"Hot, the geometric mean of the last column: "
            f"**{race.geometric_mean(results['questions']):.2f} ×**.",
            "A new process, from its start to its end. Of that, a Python that imports the peer"
            f" and does nothing else takes {results['startup_ms']['duckdb']:.0f} ms (DuckDB) and"
            f" {results['startup_ms']['clickhouse']:.0f} ms (chdb); the last column is without it.",
            query_table(results["questions"], "once_ms", results["startup_ms"]),
        )
    )


def load_table(results):
    rows = []
    for name in NAMES:
        load = results["loads"][name]
        rows.append(
            (
                contestant(name),
                f"{load['events_per_second']:,.0f}",
                f"{targets.speed(results, name):.2f} ×",
                f"{load['bytes'] / MIB:,.0f}",
                f"{load['bytes'] / results['source']['bytes']:.2f} ×",
                f"{load['anonymous_bytes_max'] / MIB:,.0f}",
                f"{results['memory_after'][name] / MIB:,.0f}",
                f"{load['load_average']}",
            )
        )
    head = ("", "events/s", "Tarn's rate against it", "MiB on disk", "against gzip")
    head += ("MiB at load", "MiB after the workload", "load average")
    table = markdown(head, rows)
    return f"{table}\n\nTarn's store has {results['loads']['tarn']['splits']} splits."


def query_table(questions, kind, startup=None):
    rows = []
    for question in questions:
        times = dict(question[kind])
        cells = [f"{times[name]:,.1f}" for name in NAMES]
        for peer, ms in (startup or {}).items():
            times[peer] = max(times[peer] - ms, 0.1)
        ratio = f"{race.against_faster_peer(times):.2f} ×"
        alike = "" if question["agrees"] else " (answers differ)"
        rows.append((f"{question['number']} {question['why']}{alike}", *cells, ratio))
    head = ("question", "Tarn ms", "DuckDB ms", "ClickHouse ms", "faster peer / Tarn")
    return markdown(head, rows)


def day_splits(results):
    merged, daily = results["splits"]
    rows = []
    for question in results["questions"]:
        times = question["hot_ms"]
        alike = "" if question["agrees"] else " (answers differ)"
        ratio = f"{times[daily] / times[merged]:.2f} ×"
        cells = [f"{times[name]:,.1f}" for name in (merged, daily)]
        rows.append((f"{question['number']} {question['why']}{alike}", *cells, ratio))
    head = ("question", f"{results['splits'][merged]} splits, ms")
    head += (f"{results['splits'][daily]} splits, ms", "times as long")
    return (
        f"{results['date']}: {results['tarn']}; load average {results['load_average']}."
        f"\n\n{markdown(head, rows)}"
    )


def contestant(name):
    return {"tarn": "Tarn", "duckdb": "DuckDB", "clickhouse": "ClickHouse"}[name]


def markdown(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
