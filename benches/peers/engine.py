"""What a peer's program does: load logs, answer one query, or answer many while hot.

    python NAME_engine.py load DATABASE LOGS     prints how long it took, as JSON
    python NAME_engine.py once DATABASE FILE     opens, asks, prints the rows
    python NAME_engine.py serve DATABASE         a query a line in, its time a line out

A peer runs in a process of its own, so that neither its memory nor its threads touch
another's.
"""

import json
import sys
import time
from pathlib import Path

THREADS = 2


def main(open_database, load):
    command, database, *rest = sys.argv[1:]
    if command == "load":
        print(json.dumps(load(Path(database), Path(rest[0]))))
    elif command == "once":
        opened = open_database(Path(database))
        for row in opened.rows(opened.ask(Path(rest[0]).read_text())):
            print(json.dumps(row, default=str))
    elif command == "serve":
        serve(open_database(Path(database)))


def serve(database):
    """A line {"query": …, "rows": bool} in; {"ms": …} out, with rows or an error."""
    for line in sys.stdin:
        request = json.loads(line)
        reply = {}
        try:
            begun = time.perf_counter()
            answer = database.ask(request["query"])
            reply["ms"] = (time.perf_counter() - begun) * 1000
            if request["rows"]:
                reply["rows"] = database.rows(answer)
        except Exception as error:  # whatever a peer raises is its answer
            reply["error"] = str(error)
        print(json.dumps(reply, default=str), flush=True)
