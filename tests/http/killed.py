#!/usr/bin/env python3
"""kill -9 of a server that pushes, imports and answers at the same time.

    killed.py --tarn BINARY [--rounds N]

Each round: clients push events, one imports, others run queries and jobs, until the
process is killed. The next process must have every event that a push was answered for,
every finished job with all its rows, no job that is half there, and what its state says
of the others: that the server ended.
"""

import argparse
import http.client
import json
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from server import Server  # noqa: E402

SEED_EVENTS = 2_000
PUSHERS = 3
ASKERS = 2


class Gone(Exception):
    """The server does not answer any more."""


def ask(server, method, target, body=None, content_type="application/json", accept=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        headers = {"content-type": content_type} if body is not None else {}
        if accept:
            headers["accept"] = accept
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise Gone from error
    finally:
        connection.close()


def event(name):
    return json.dumps(
        {"eventTime": "2026-05-01T00:00:01Z", "eventID": name, "eventName": "Killed", "padding": "x" * 200}
    )


def lines(names):
    return "\n".join(event(name) for name in names)


class Round:
    def __init__(self, server, number):
        self.server, self.number = server, number
        self.acknowledged = set()
        # Id of a job to its rows.
        self.finished = {}
        self.started = set()
        self.failures = []

    def pusher(self, who):
        n = 0
        while True:
            names = [f"push-{self.number}-{who}-{n}-{i}" for i in range(random.randint(1, 20))]
            status, text = ask(self.server, "POST", "/v1/events", lines(names), "application/x-ndjson")
            assert status in (200, 429, 503), text
            if status == 200:
                self.acknowledged.update(names)
            n += 1

    def importer(self):
        n = 0
        while True:
            names = [f"import-{self.number}-{n}-{i}" for i in range(3_000)]
            target = f"/v1/imports?name=/killed/{self.number}/{n}.json"
            status, text = ask(self.server, "POST", target, lines(names), "application/x-ndjson")
            assert status == 200, text
            self.acknowledged.update(names)
            n += 1

    def asker(self):
        while True:
            query = {"query": f"SELECT eventID FROM events LIMIT {random.randint(1, SEED_EVENTS)}"}
            status, text = ask(self.server, "POST", "/v1/queries", json.dumps(query))
            if status == 429:
                continue
            assert status == 202, text
            job = json.loads(text)["id"]
            self.started.add(job)
            while True:
                details = json.loads(ask(self.server, "GET", f"/v1/queries/{job}")[1])
                if details["status"] not in ("QUEUED", "RUNNING"):
                    break
            assert details["status"] == "FINISHED", details
            self.finished[job] = rows_of(self.server, job)
            assert len(self.finished[job]) == details["statistics"]["rows"]

    def run(self, seconds):
        def until_gone(work, *arguments):
            try:
                work(*arguments)
            except Gone:
                pass
            except Exception as error:
                self.failures.append(error)

        work = [(self.pusher, who) for who in range(PUSHERS)] + [(self.importer,)]
        work += [(self.asker,)] * ASKERS
        threads = [threading.Thread(target=until_gone, args=item) for item in work]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.server.process.kill()
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures[0]


def rows_of(server, job):
    rows, token = [], ""
    while True:
        status, text = ask(server, "GET", f"/v1/queries/{job}/results?limit=700{token}")
        assert status == 200, text
        page = json.loads(text)
        rows += [row["eventID"] for row in page["rows"]]
        if "nextPageToken" not in page:
            return rows
        token = "&pageToken=" + page["nextPageToken"]


def verify(server, data, acknowledged, finished, started):
    status, text = ask(server, "POST", "/v1/query", json.dumps({"query": "SELECT eventID FROM events"}))
    assert status == 200, text
    stored = [json.loads(line)["eventID"] for line in text.splitlines()]
    assert len(stored) == len(set(stored)), "an event is there twice"
    lost = acknowledged - set(stored)
    assert not lost, f"{len(lost)} acknowledged events are lost, such as {sorted(lost)[:3]}"
    for job, rows in finished.items():
        assert rows_of(server, job) == rows, f"{job}: other rows than before"
    for job in started - set(finished):
        details = json.loads(ask(server, "GET", f"/v1/queries/{job}")[1])
        if details["status"] == "FINISHED":
            assert len(rows_of(server, job)) == details["statistics"]["rows"], details
            continue
        assert details["status"] == "FAILED", details
        assert details["error"]["message"] == "the server ended", details
        folder = data / "results" / job
        assert [path.name for path in folder.iterdir()] == ["state.json"], list(folder.iterdir())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tarn", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with Server(arguments.tarn) as first:
        data = first.data
        names = [f"seed-{i}" for i in range(SEED_EVENTS)]
        for at in range(0, SEED_EVENTS, 500):
            status, text = ask(first, "POST", "/v1/events", lines(names[at : at + 500]), "application/x-ndjson")
            assert status == 200, text
        acknowledged, finished, started = set(names), {}, set()
        server = first
        for number in range(arguments.rounds):
            of = Round(server, number)
            of.run(random.uniform(0.5, 2.5))
            acknowledged |= of.acknowledged
            finished |= of.finished
            started |= of.started
            if server is not first:
                server.close()
            server = Server(arguments.tarn, data=data)
            verify(server, data, acknowledged, finished, started)
            print(f"round {number}: {len(acknowledged)} events, {len(finished)} of {len(started)} jobs")
        assert finished and len(acknowledged) > SEED_EVENTS
        server.close()


if __name__ == "__main__":
    main()
