#!/usr/bin/env python3
"""Asks Tarn and DuckDB the same questions about the same log files, and compares.

DuckDB reads the files by itself, as JSON and nothing else: it shares no line of code and
no idea of CloudTrail with Tarn, so that an event lost, counted twice or misread by one
of them shows. By hand, after `make build`:

    tests/conformance/compare.py                 all questions
    tests/conformance/compare.py 07 32           two of them
    tests/conformance/compare.py --show 07       with the rows of both

`queries/NN-name/` holds a question in two forms: `tarn.sql` or `tarn.insights`, and
`duckdb.sql`, whose table is `events(e JSON)`, an event a row. Columns are compared by
name. Rows are compared as a bag, unless a line of duckdb.sql reads `-- in this order`.
The first line of duckdb.sql says what the question is for.

The binary is $TARN_BIN, else target/release/tarn below the target folder of the
Makefile. DuckDB comes from PyPI, in one version, into an environment of its own (--venv).

Exit status: 0 all equal, 1 a difference, 2 the comparison itself failed, 3 skipped for
want of the logs or of a way to PyPI (the reason is printed).
"""

import argparse
import datetime
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DUCKDB_VERSION = "2.0.0"

HERE = Path(__file__).resolve().parent
LOGS = HERE.parents[2] / "shared" / "data" / "cloudtrail"
QUERIES = HERE / "queries"

DIFFERENT, FAILED, SKIPPED = 1, 2, 3

# What pip says when it is the network that fails, and not the installation.
NO_NETWORK = ("connection", "name resolution", "unreachable", "timed out", "max retries")


def main():
    arguments = parse_arguments()
    if not arguments.logs.is_dir():
        stop(SKIPPED, f"the public logs are not there: {arguments.logs}")
    if not arguments.tarn.is_file():
        stop(FAILED, f"no binary at {arguments.tarn}: run `make build`, or set TARN_BIN")
    enter_environment(arguments.venv)
    cases = [folder for folder in sorted(QUERIES.iterdir()) if chosen(folder, arguments.only)]
    if not cases:
        stop(FAILED, "no such question")

    duckdb = open_duckdb(arguments.logs)
    with tempfile.TemporaryDirectory(prefix="tarn-conformance-") as scratch:
        tarn = Tarn(arguments.tarn, Path(scratch))
        tarn.import_logs(arguments.logs)
        different = sum(not compare(case, tarn, duckdb, arguments.show) for case in cases)
    print(f"{len(cases) - different} of {len(cases)} answers equal DuckDB's")
    sys.exit(DIFFERENT if different else 0)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    target = Path(
        os.environ.get("TARN_TARGET_DIR")
        or os.environ.get("CARGO_TARGET_DIR")
        or Path.home() / ".cache" / "tarn" / "target"
    )
    tarn = Path(os.environ.get("TARN_BIN") or target / "release" / "tarn")
    parser.add_argument("only", nargs="*", metavar="NN", help="numbers of questions [all]")
    parser.add_argument("--tarn", type=Path, default=tarn, help="the binary")
    parser.add_argument("--logs", type=Path, default=LOGS, help="folder of .json.gz files")
    parser.add_argument("--venv", type=Path, default=target / "conformance-venv")
    parser.add_argument("--show", action="store_true", help="print all rows of both")
    return parser.parse_args()


def stop(status, reason):
    print(f"{'skipped' if status == SKIPPED else 'failed'}: {reason}", file=sys.stderr)
    sys.exit(status)


def chosen(folder, only):
    return not only or folder.name.split("-")[0] in only


# ------------------------------------------------------------------------------- DuckDB


def enter_environment(venv):
    """Goes on in a Python that has the one version of DuckDB."""
    python = venv / "bin" / "python"
    if Path(sys.prefix).resolve() == venv.resolve():
        return
    if not has_duckdb(python):
        made = run([sys.executable, "-m", "venv", venv])
        if made.returncode:
            stop(FAILED, f"no virtual environment (Debian: python3-venv):\n{said(made)}")
        package = f"duckdb=={DUCKDB_VERSION}"
        pip = [python, "-m", "pip", "install", "--quiet", "--retries", "1", "--timeout", "15"]
        installed = run([*pip, package])
        if installed.returncode:
            reason = said(installed)
            no_network = any(words in reason.lower() for words in NO_NETWORK)
            stop(SKIPPED if no_network else FAILED, f"{package} from PyPI:\n{reason}")
    os.execv(python, [str(python), *sys.argv])


def has_duckdb(python):
    if not python.is_file():
        return False
    asked = run([python, "-c", "import duckdb; print(duckdb.__version__)"])
    return asked.returncode == 0 and asked.stdout.strip() == DUCKDB_VERSION


def open_duckdb(logs):
    """A database whose table `events` has each record of the files as JSON in `e`."""
    import duckdb

    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute(
        "CREATE TABLE events AS SELECT unnest(Records) AS e"
        " FROM read_json(?, columns = {'Records': 'JSON[]'}, maximum_object_size = 33554432)",
        [str(logs / "**" / "*.json.gz")],
    )
    return database


# --------------------------------------------------------------------------------- Tarn


class Tarn:
    def __init__(self, binary, scratch):
        self.command = [binary.resolve(), "--quiet", "--color", "never", "--data", scratch / "data"]

    def import_logs(self, logs):
        imported = run([*self.command, "import", logs])
        if imported.returncode:
            stop(FAILED, f"tarn import:\n{said(imported)}")

    def ask(self, path):
        """The rows of an answer as dicts, or the text of an error."""
        language = "sql" if path.suffix == ".sql" else "insights"
        answer = run([*self.command, "query", "--lang", language, "-o", "json", "-f", path])
        if answer.returncode:
            return None, said(answer)
        return json.loads(answer.stdout), None


def run(command):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TARN_")}
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environment
    )


def said(process):
    return (process.stdout + process.stderr).strip()


# --------------------------------------------------------------------------- comparison


def compare(case, tarn, duckdb, show):
    """Asks both, prints a line of the report, and tells whether they agree."""
    question = next((path for path in case.iterdir() if path.stem == "tarn"), None)
    if question is None:
        stop(FAILED, f"{case} has no tarn.sql and no tarn.insights")
    judge_text = (case / "duckdb.sql").read_text()
    in_order = any(line.strip() == "-- in this order" for line in judge_text.splitlines())

    try:
        judge = duckdb.execute(judge_text)
    except Exception as error:
        return report(case, 0, ["DuckDB: " + line for line in str(error).splitlines()])
    columns = [column[0] for column in judge.description]
    expected = [tuple(plain(value) for value in row) for row in judge.fetchall()]
    rows, error = tarn.ask(question)
    if error is not None:
        return report(case, len(expected), ["Tarn: " + line for line in error.splitlines()])

    problems = []
    unknown = sorted({name for row in rows for name in row} - set(columns))
    if unknown:
        problems.append(f"columns of Tarn's alone: {', '.join(unknown)}")
    if not expected:
        problems.append("an empty answer shows nothing")
    found = [tuple(row.get(name) for name in columns) for row in rows]
    if not in_order:
        found, expected = sorted(found, key=sort_key), sorted(expected, key=sort_key)
    if len(found) != len(expected):
        problems.append(f"rows: Tarn {len(found)}, DuckDB {len(expected)}")
    problems += different_rows(found, expected, in_order)
    report(case, len(expected), problems)
    if show:
        for name, answer in (("Tarn", found), ("DuckDB", expected)):
            print(f"     {name}: {columns}")
            for row in answer:
                print(f"       {row}")
    return not problems


def report(case, n_rows, problems):
    number, name = case.name.split("-", 1)
    verdict = "DIFF" if problems else "ok"
    print(f"{number}  {name:<44} {n_rows:>6} rows  {verdict}", flush=True)
    for problem in problems:
        print(f"      {problem}")
    return not problems


def different_rows(found, expected, in_order, at_most=3):
    """The first rows that one side has and the other lacks."""
    if in_order:
        pairs = enumerate(zip(found, expected), 1)
        unequal = [(at, ours, theirs) for at, (ours, theirs) in pairs if not same(ours, theirs)]
        return [
            line
            for at, ours, theirs in unequal[:at_most]
            for line in (f"row {at}: Tarn   {ours}", f"row {at}: DuckDB {theirs}")
        ]
    only_found, only_expected = [], []
    left, right = 0, 0
    while left < len(found) or right < len(expected):
        if left < len(found) and right < len(expected) and same(found[left], expected[right]):
            left, right = left + 1, right + 1
        elif right == len(expected) or (
            left < len(found) and sort_key(found[left]) <= sort_key(expected[right])
        ):
            only_found.append(found[left])
            left += 1
        else:
            only_expected.append(expected[right])
            right += 1
    return [f"only Tarn:   {row}" for row in only_found[:at_most]] + [
        f"only DuckDB: {row}" for row in only_expected[:at_most]
    ]


def plain(value):
    """A value of DuckDB's in the types of JSON."""
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    # Sums of integers are as wide as HUGEINT, decimals are numbers to JSON.
    return float(value)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(left, right):
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if is_number(left) and is_number(right):
        if isinstance(left, int) and isinstance(right, int):
            return left == right
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return type(left) is type(right) and left == right


def sort_key(row):
    """Numbers that differ by rounding only stand side by side."""
    return tuple(
        (1, f"{value:.8e}")
        if is_number(value)
        else (0, "")
        if value is None
        else (2, json.dumps(value, sort_keys=True))
        for value in row
    )


if __name__ == "__main__":
    main()
