"""Says what was measured, and writes it into docs/benchmarks.md between marks."""

import json
import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
MIB = 2**20
P99_MS_MAX = 250
MEMORY_GROWTH_MAX = 1.1


def write(cache: Path):
    results = json.loads((cache / "results.json").read_text())
    begin, end = "<!-- measured: server -->", "<!-- end: server -->"
    document = DOCUMENT.read_text()
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(document):
        raise SystemExit(f"{DOCUMENT} has no place for it: {begin} … {end}")
    DOCUMENT.write_text(pattern.sub(lambda _: f"{begin}\n\n{text(results)}\n\n{end}", document))
    print(f"written: {DOCUMENT}")


def targets(results):
    """What, target, measured, met."""
    parts = ("short", "pushes", "aggregations")
    errors = sum(results[part]["errors"] for part in parts)
    errors += bool(results["import"]) and results["import"].get("status") != 200
    refused = sum(results[part]["refused"] for part in parts)
    p99 = results["short"].get("p99")
    memory = results["anonymous_bytes"]
    growth = memory[-1] / memory[0] if len(memory) == 5 else None
    lost = results["acknowledged"] - (results["stored"] or 0)
    return (
        ("errors, but counted 429s", "0", f"{errors}, and {refused} × 429", errors == 0),
        (
            "p99 of short queries",
            f"{P99_MS_MAX} ms",
            f"{p99:.0f} ms" if p99 else "—",
            p99 is not None and p99 < P99_MS_MAX,
        ),
        (
            "anonymous memory, last fifth against first",
            f"{MEMORY_GROWTH_MAX} ×",
            f"{growth:.2f} ×" if growth else "—",
            growth is not None and growth <= MEMORY_GROWTH_MAX,
        ),
        ("acknowledged events that are lost", "0", f"{lost}", lost <= 0),
    )


def text(results):
    verdicts = {True: "met", False: "**not met**"}
    before, after = results["load_average"]
    imported = results["import"]
    paragraphs = [
        f"{results['date']}: {results['tarn']}, {results['cores']} cores, which the clients share;"
        f" load average {before:.1f} before and {after:.1f} after."
        f" {results['seconds']} s on {results['events']:,} events:"
        f" {results['queries_per_second']:g} short queries/s and"
        f" {results['pushed_per_second']:g} pushed events/s at their times"
        + (", one aggregation at a time" if results["aggregates"] else "")
        + (f", one import of {results['import_events']:,} events" if imported else "")
        + ".",
        markdown(
            ("what", "target", "measured", ""),
            [(*row, verdicts[met]) for *row, met in targets(results)],
        ),
        markdown(
            ("requests", "answered", "429", "errors", "p50 ms", "p95 ms", "p99 ms", "slowest ms"),
            [line("all short queries", results["short"])]
            + [line(kind, of) for kind, of in results["kinds"].items()]
            + [line("pushes", results["pushes"])]
            + [line("aggregations", results["aggregations"])] * results["aggregates"],
        ),
        "Anonymous memory, MiB, after each fifth: "
        + ", ".join(f"{size / MIB:,.0f}" for size in results["anonymous_bytes"])
        + ".",
    ]
    if imported:
        rate = results["import_events"] / imported["seconds"]
        paragraphs.append(
            f"The import took {imported['seconds']:.0f} s, {rate:,.0f} events/s"
            + (", beyond the end of the other load." if imported["after_the_load"] else ".")
        )
    errors = [
        f"{count} × {error}"
        for part in ("short", "pushes", "aggregations")
        for error, count in results[part]["error_texts"].items()
    ]
    if errors:
        paragraphs.append("Errors: " + "; ".join(errors))
    return "\n\n".join(paragraphs)


def line(name, answers):
    times = [f"{answers[key]:.1f}" if key in answers else "—" for key in ("p50", "p95", "p99", "max")]
    return (name, f"{answers['ok']:,}", answers["refused"], answers["errors"], *times)


def markdown(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
