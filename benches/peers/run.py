#!/usr/bin/env python3
"""Measures Tarn beside DuckDB and ClickHouse, over the very same files.

    benches/peers/run.py                     2,000,000 events
    benches/peers/run.py 400k                the quick size
    benches/peers/run.py 2m small-files real flat
    benches/peers/run.py 400k --queries 03,07
    benches/peers/run.py 2m --reload tarn    after a change to import or to the disk

Of each size: writes the logs with `tarn generate`, loads them into all three, checks that
all three answer every question alike, times each question in turns, and writes medians
and ratios into docs/benchmarks.md. Logs, databases and results are kept in the cache
folder, and a later run goes on with them.

The binary is --tarn, else $TARN_BIN, else the Makefile's. Exit status: 0 measured, 1 an
answer differs or something failed.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import environment

HERE = Path(__file__).resolve().parent


def parse_arguments():
    target = Path(
        os.environ.get("TARN_TARGET_DIR")
        or os.environ.get("CARGO_TARGET_DIR")
        or Path.home() / ".cache" / "tarn" / "target"
    )
    cache = os.environ.get("TARN_PEERS_DIR") or Path.home() / ".cache" / "tarn" / "peers"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sizes", nargs="*", help="400k, 2m (default), 20m, small-files, real, day-splits, flat, flat-20m"
    )
    parser.add_argument(
        "--tarn",
        type=Path,
        default=Path(os.environ.get("TARN_BIN") or target / "release" / "tarn"),
        help="the binary",
    )
    parser.add_argument(
        "--cache", type=Path, default=Path(cache), help="folder of logs and databases"
    )
    parser.add_argument("--queries", default="", help="only these, e.g. 03,07; nothing is written")
    parser.add_argument(
        "--reload", default="", help="load again into these, e.g. tarn,duckdb; or all"
    )
    parser.add_argument("--rounds", type=int, default=5, help="hot rounds of each question")
    parser.add_argument("--rounds-once", type=int, default=3, help="rounds of new processes")
    parser.add_argument("--document-only", action="store_true", help="write, do not measure")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    arguments.tarn, arguments.cache = arguments.tarn.resolve(), arguments.cache.resolve()
    if not arguments.tarn.is_file():
        raise SystemExit(f"no binary at {arguments.tarn}: run `make build`, or set TARN_BIN")
    environment.enter(arguments.cache / "venv")

    import document  # needs nothing of the environment, but comes after it for one order

    agree = True
    for size in arguments.sizes or ["2m"]:
        if not arguments.document_only:
            agree = measure(size, arguments) and agree
    if not arguments.queries:
        document.write(arguments.cache)
    sys.exit(0 if agree else 1)


def measure(size, arguments):
    """Measures one size. True when all answers agree."""
    import day_splits
    import flatness
    import race
    import targets
    from corpora import CORPORA

    if size in flatness.SIZES:
        results, agree = flatness.measure(size, arguments), True
    elif size == "day-splits":
        results = day_splits.measure(arguments)
        agree = all(question["agrees"] for question in results["questions"])
    elif size in CORPORA:
        corpus = CORPORA[size]
        try:
            corpus.make(arguments.tarn, arguments.cache)
        except FileNotFoundError as missing:
            print(f"{size} skipped: {missing}", file=sys.stderr)
            return True
        results = race.measure(corpus, arguments)
        agree = all(question["agrees"] for question in results["questions"])
        if not arguments.queries:
            targets.show(results)
    else:
        raise SystemExit(f"no size {size!r}: {', '.join([*CORPORA, 'day-splits', *flatness.SIZES])}")
    if not arguments.queries:
        results |= circumstances(arguments.tarn)
        folder = arguments.cache / size
        folder.mkdir(exist_ok=True)
        (folder / "results.json").write_text(json.dumps(results, indent=1))
    return agree


def circumstances(tarn):
    with open("/proc/cpuinfo") as lines:
        models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    with open("/proc/meminfo") as lines:
        memory_gib = int(next(lines).split()[1]) / 2**20
    version = subprocess.run([tarn, "--version"], capture_output=True, text=True).stdout.strip()
    commit = subprocess.run(
        ["git", "-C", HERE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "tarn": f"{version} ({commit})",
        "packages": environment.PACKAGES,
        "cpu": models[0] if models else "unknown",
        "cores": os.cpu_count(),
        "memory_gib": round(memory_gib),
    }


if __name__ == "__main__":
    main()
