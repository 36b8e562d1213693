"""One size: loads the logs into all three, asks every question in turns."""

import json
import math
import os
import statistics
import sys
import tempfile
from pathlib import Path

import answers
import contestants
import corpora
import needles
import process
import workload


def measure(corpus, arguments):
    folder = arguments.cache / corpus.name
    three = contestants.all_three(arguments.tarn, folder)
    loads = {c.name: loaded(c, corpus, arguments) for c in three}
    events = {load["events"] for load in loads.values()}
    if len(events) > 1:
        print(f"  loaded: {({n: l['events'] for n, l in loads.items()})} events", file=sys.stderr)

    begun_load = os.getloadavg()[0]
    for contestant in three:
        contestant.start()
    tarn, duckdb, _ = three
    places = needles.find(lambda text: duckdb.ask(text, rows=True)[1])
    numbers = [number for number in arguments.queries.split(",") if number]
    asked = []
    for question in workload.questions(numbers):
        asked.append(ask(question, question.filled(places), three, arguments))
        print_line(asked[-1])
    print(f"geometric mean, hot: {geometric_mean(asked):.2f} x", flush=True)
    memory = {c.name: c.anonymous_bytes() for c in three}
    for contestant in three:
        contestant.stop()
    for question in asked:
        once(question, three, arguments)
        print_line(question, "once_ms")
    return {
        "title": corpus.title,
        "source": corpora.measured(corpus, arguments.cache),
        "loads": loads,
        "questions": asked,
        "memory_after": memory,
        "startup_ms": startup(arguments),
        "load_average": [round(begun_load, 1), round(os.getloadavg()[0], 1)],
    }


def loaded(contestant, corpus, arguments):
    """Loads the logs, unless an earlier run has; tells what that took."""
    kept = contestant.database.with_name(f"{contestant.name}-loaded.json")
    again = arguments.reload == "all" or contestant.name in arguments.reload.split(",")
    if kept.is_file() and not again:
        return json.loads(kept.read_text())
    kept.unlink(missing_ok=True)
    print(f"{corpus.name}: loading into {contestant.title}", file=sys.stderr)
    before = os.getloadavg()[0]
    result = contestant.load(corpus.logs(arguments.cache)) | {"load_average": round(before, 1)}
    result["events_per_second"] = result["delivered"] / result["seconds"]
    kept.write_text(json.dumps(result))
    print(f"  {result['events_per_second']:,.0f} events/s", file=sys.stderr)
    return result


def ask(question, texts, three, arguments):
    """The hot times. The first round warms up, and its rows are compared."""
    rows, times = {}, {c.name: [] for c in three}
    for contestant in three:
        _, rows[contestant.name] = contestant.ask(
            texts[contestant.name], question.language, rows=True
        )
    for _ in range(arguments.rounds):
        for contestant in three:
            ms, _ = contestant.ask(texts[contestant.name], question.language)
            times[contestant.name].append(ms)
    whole = "whole events" in question.marks
    different = {
        peer: answers.differences(rows["tarn"], rows[peer], whole)
        for peer in ("duckdb", "clickhouse")
    }
    for peer, lines in different.items():
        for line in lines:
            print(f"  {question.number} differs from {peer}: {line}", file=sys.stderr)
    return {
        "number": question.number,
        "name": question.name,
        "why": question.why,
        "marks": question.marks,
        "language": question.language,
        "texts": texts,
        "rows": len(rows["tarn"]),
        "agrees": not any(different.values()),
        "hot_ms": {name: statistics.median(all_ms) for name, all_ms in times.items()},
    }


def once(question, three, arguments):
    """A new process from its start to its end, the page cache as it is."""
    times = {c.name: [] for c in three}
    texts = question.pop("texts")
    language = question["language"]
    with tempfile.TemporaryDirectory(prefix="tarn-peers-") as scratch:
        commands = {}
        for contestant in three:
            path = Path(scratch) / contestant.name
            path.write_text(texts[contestant.name])
            commands[contestant.name] = contestant.once(path, language)
        for _ in range(arguments.rounds_once):
            for name, command in commands.items():
                times[name].append(process.wall_ms(command))
        planning = [
            three[0].planning_ms(Path(scratch) / "tarn", language)
            for _ in range(arguments.rounds_once)
        ]
    question["once_ms"] = {name: statistics.median(all_ms) for name, all_ms in times.items()}
    question["planning_ms"] = None if None in planning else statistics.median(planning)


def startup(arguments):
    """What a new Python process of a peer costs before it opens anything."""
    return {
        name: statistics.median(
            process.wall_ms([sys.executable, "-c", f"import {modules}"])
            for _ in range(arguments.rounds_once)
        )
        for name, modules in (("duckdb", "duckdb, pyarrow"), ("clickhouse", "chdb.session"))
    }


def against_faster_peer(times):
    """How many times faster than the faster peer Tarn is; below 1 it is slower."""
    return min(times["duckdb"], times["clickhouse"]) / times["tarn"]


def geometric_mean(asked, kind="hot_ms"):
    ratios = [against_faster_peer(question[kind]) for question in asked]
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def print_line(question, kind="hot_ms"):
    times = question[kind]
    cells = "  ".join(f"{name} {ms:9.1f}" for name, ms in times.items())
    ratio = f"{against_faster_peer(times):7.2f} x"
    alike = "" if question["agrees"] else "  DIFFERENT ANSWERS"
    named = f"{kind.removesuffix('_ms'):<4} {question['number']} {question['name']:<34}"
    print(f"{named} {cells}  {ratio}{alike}", flush=True)
