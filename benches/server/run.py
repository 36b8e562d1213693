#!/usr/bin/env python3
"""Measures a server under load: short queries, pushed events, an aggregation and an import.

    benches/server/run.py                                  five minutes on 2,000,000 events
    benches/server/run.py --seconds 30 --events 200000     a look
    benches/server/run.py --no-import --no-aggregations    what the others cost

The loop is open: each short query and each push is sent at its time, whatever has been
answered by then, and its latency counts from that time. One aggregation runs at a time, by
turns as `POST /v1/query` and as a job; one import is streamed. A push is checked afterwards:
every event that was acknowledged must be there.

Logs and the loaded directory are kept in the cache folder; each run has a copy of the
directory. Results are written into docs/benchmarks.md by runs of the full length and size.

The binary is --tarn, else $TARN_BIN, else the Makefile's. Exit status: 0 the targets are
met, 1 one is not, 2 nothing was measured.
"""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import document
import load
import logs
from server import Server

FULL_SECONDS = 300
FULL_EVENTS = 2_000_000


def parse_arguments():
    target = Path(
        os.environ.get("TARN_TARGET_DIR")
        or os.environ.get("CARGO_TARGET_DIR")
        or Path.home() / ".cache" / "tarn" / "target"
    )
    cache = os.environ.get("TARN_SERVER_BENCH_DIR") or Path.home() / ".cache" / "tarn" / "server"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tarn",
        type=Path,
        default=Path(os.environ.get("TARN_BIN") or target / "release" / "tarn"),
        help="the binary",
    )
    parser.add_argument("--cache", type=Path, default=Path(cache), help="folder of logs and data")
    parser.add_argument("--seconds", type=int, default=FULL_SECONDS)
    parser.add_argument("--events", type=int, default=FULL_EVENTS, help="stored before the load")
    parser.add_argument("--queries", type=float, default=40, help="short queries a second")
    parser.add_argument("--pushes", type=float, default=200, help="pushed events a second")
    parser.add_argument("--events-per-push", type=int, default=4)
    parser.add_argument("--import-events", type=int, help="of the import [half of --events]")
    parser.add_argument("--no-aggregations", action="store_true")
    parser.add_argument("--no-import", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the directory of the run")
    parser.add_argument("--document-only", action="store_true", help="write, do not measure")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    arguments.tarn, arguments.cache = arguments.tarn.resolve(), arguments.cache.resolve()
    if arguments.document_only:
        document.write(arguments.cache)
        return
    if not arguments.tarn.is_file():
        print(f"no binary at {arguments.tarn}: run `make build`, or set TARN_BIN", file=sys.stderr)
        sys.exit(2)
    results = measure(arguments)
    print(document.text(results))
    is_full = results["is_full"]
    if is_full:
        (arguments.cache / "results.json").write_text(json.dumps(results, indent=1))
        document.write(arguments.cache)
    sys.exit(0 if all(met for *_, met in document.targets(results)) else 1)


def measure(arguments):
    stored = logs.make(arguments.tarn, arguments.cache, arguments.events, seed=1)
    base = logs.load(arguments.tarn, arguments.cache, arguments.events, stored)
    to_import = None
    n_import = 0
    if not arguments.no_import:
        n_import = arguments.import_events or arguments.events // 2
        folder = logs.make(arguments.tarn, arguments.cache, n_import, seed=2)
        to_import = logs.one_file(folder)
    data = arguments.cache / "run"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(base, data)
    before = os.getloadavg()[0]
    with Server(arguments.tarn, data, arguments.cache / "server.log") as server:
        measured = load.run(
            server,
            logs.values(stored),
            seconds=arguments.seconds,
            queries=arguments.queries,
            pushes=arguments.pushes,
            events_per_push=arguments.events_per_push,
            aggregates=not arguments.no_aggregations,
            to_import=to_import,
            seed=arguments.seed,
        )
    if not arguments.keep:
        shutil.rmtree(data)
    version = subprocess.run([arguments.tarn, "--version"], capture_output=True, text=True)
    return {
        "date": datetime.date.today().isoformat(),
        "tarn": version.stdout.strip(),
        "cores": os.cpu_count(),
        "load_average": [before, os.getloadavg()[0]],
        "seconds": arguments.seconds,
        "events": arguments.events,
        "import_events": n_import,
        "queries_per_second": arguments.queries,
        "pushed_per_second": arguments.pushes,
        "aggregates": not arguments.no_aggregations,
        "is_full": arguments.seconds >= FULL_SECONDS
        and arguments.events >= FULL_EVENTS
        and n_import > 0
        and not arguments.no_aggregations,
        **measured,
    }


if __name__ == "__main__":
    main()
