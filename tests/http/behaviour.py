#!/usr/bin/env python3
"""What only sockets, signals and time show of a server.

    behaviour.py --tarn BINARY [NAMES...]

Each function below is a case of its own; its first line says what is so.
"""

import argparse
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from server import Server  # noqa: E402

TARN = None


def event(n, **more):
    return json.dumps({"eventTime": "2026-05-01T00:00:01Z", "eventID": f"event-{n}", "eventName": "Test", **more})


def ask(server, method, target, body=None, content_type="application/json", timeout=60):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        headers = {"content-type": content_type} if body is not None else {}
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def push(server, *events):
    status, text = ask(server, "POST", "/v1/events", "\n".join(events), "application/x-ndjson")
    assert status == 200, f"{status}: {text}"
    return json.loads(text)


def command(data, *arguments, check=True):
    ran = subprocess.run([TARN, "--data", data, "-q", *arguments], capture_output=True, text=True, timeout=120)
    assert not check or ran.returncode == 0, f"tarn {arguments}: {ran.returncode}: {ran.stderr}"
    return ran.stdout


def count(data):
    return json.loads(command(data, "query", "SELECT count(*) AS n FROM events"))["n"]


def wait_until(what, is_so, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


def raw(server, *pieces, pause=0.0):
    """Sends pieces over a socket and reads what comes until the end."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        answer = b""
        while True:
            got = connection.recv(65536)
            if not got:
                return answer.decode(errors="replace")
            answer += got


def slow_clients():
    """A head or a body that does not come is answered 408, in bounded time."""
    with Server(TARN, "--idle", "1") as server:
        begun = time.monotonic()
        answer = raw(server, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n")
        assert answer.startswith("HTTP/1.1 408"), answer
        for target in ("/v1/events", "/v1/imports"):
            head = f"POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
            answer = raw(server, head.encode(), b"{")
            assert answer.startswith("HTTP/1.1 408"), answer
            assert "urn:tarn:problem:too-slow" in answer, answer
        assert raw(server) == "", "one that says nothing is let go"
        assert time.monotonic() - begun < 15
        assert ask(server, "GET", "/healthz")[0] == 200


def odd_bytes():
    """What is no HTTP is refused, and harms nobody."""
    with Server(TARN) as server:
        for bytes_ in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
            assert raw(server, bytes_ + b"\r\n\r\n").startswith(("HTTP/1.1 400", "HTTP/1.1 505"))
        long = b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n\r\n"
        assert raw(server, long).split(" ")[1] in ("414", "431")
        assert ask(server, "GET", "/healthz")[0] == 200


def body_of_events(n):
    return "\n".join(event(i, requestParameters={"key": f"value {i}", "bucketName": "b" * 200}) for i in range(n))


def a_client_that_hangs_up():
    """An import whose client hangs up is cancelled, and leaves no files behind."""
    with Server(TARN) as server:
        body = body_of_events(150_000)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        headers = {"content-type": "application/x-ndjson", "accept": "application/x-ndjson"}
        connection.request("POST", "/v1/imports?name=long", body, headers)
        response = connection.getresponse()
        assert json.loads(response.readline()).keys() == {"progress"}
        response.close()
        connection.close()

        def status():
            return json.loads(command(server.data, "imports", "list", "-o", "json"))[0]["status"]

        wait_until("the import ends", lambda: status() != "RUNNING")
        assert status() == "INTERRUPTED", status()
        wait_until("its files go", lambda: not list((server.data / "tmp").glob("upload-*")))
        # Half of a body is no import at all.
        half = b"POST /v1/imports HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(half)
            time.sleep(0.3)
        wait_until("its file goes", lambda: not list((server.data / "tmp").glob("upload-*")))
        assert len(json.loads(command(server.data, "imports", "list", "-o", "json"))) == 1


def the_end_in_bounded_time():
    """SIGTERM lets short requests end, cancels long ones, seals, and frees the directory."""
    with Server(TARN, "--grace", "1") as server:
        push(server, event("first"))
        idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        ends = []

        def import_for_long():
            try:
                ends.append(ask(server, "POST", "/v1/imports", body_of_events(400_000), "application/x-ndjson"))
            except (OSError, http.client.HTTPException) as error:
                ends.append(error)

        client = threading.Thread(target=import_for_long)
        client.start()
        wait_until("the import runs", lambda: len(json.loads(command(server.data, "imports", "list", "-o", "json"))) == 2)
        begun = time.monotonic()
        status = server.stop()
        took = time.monotonic() - begun
        client.join()
        assert status == 0, f"{status}: {server.lines}"
        assert took < 8, f"it took {took:.1f} s"
        assert not list((server.data / "tmp").glob("upload-*")), "files are left behind"
        imports = {i["import"]: i["status"] for i in json.loads(command(server.data, "imports", "list", "-o", "json"))}
        assert imports == {1: "COMPLETED", 2: "INTERRUPTED"}, imports
        assert list((server.data / "splits").iterdir()), "what was pushed is sealed"
        command(server.data, "check")


def the_second_signal():
    """A second signal ends the process at once."""
    with Server(TARN, "--grace", "60") as server:
        head = b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head)
            time.sleep(0.3)
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            assert server.process.poll() is None, "the request has its grace"
            assert server.stop(signal.SIGINT, seconds=5) == 130


def push_from_many(server, clients, seconds, stop=None):
    """Pushes single events from so many clients. Returns the ids that were acknowledged."""
    done, over = [[] for _ in range(clients)], time.monotonic() + seconds

    def client(number, mine):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        n = 0
        while time.monotonic() < over and not (stop and stop.is_set()):
            try:
                connection.request("POST", "/v1/events", event(f"{number}-{n}"), {"content-type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                return  # It was killed.
            assert answer.status == 200, text
            mine.append(f"event-{number}-{n}")
            n += 1

    threads = [threading.Thread(target=client, args=(i, done[i])) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [id_ for mine in done for id_ in mine]


def many_pushes():
    """Pushes of many clients share syncs: several hundred a second."""
    with Server(TARN) as server:
        for clients in (1, 16, 64):
            begun = time.monotonic()
            before = count(server.data)
            n = len(push_from_many(server, clients, 3))
            took = time.monotonic() - begun
            print(f"{clients} clients: {n / took:.0f} pushes/s")
            # The same ids come again with each number of clients.
            assert count(server.data) >= max(n, before)
        assert n / took > 100, "on any disk"


def killed_while_pushing():
    """kill -9 loses no event that a client was told of; nothing is there twice."""
    with Server(TARN) as server:
        stop = threading.Event()
        killer = threading.Timer(2, lambda: (server.process.kill(), stop.set()))
        killer.start()
        acknowledged = push_from_many(server, 8, 30, stop)
        killer.join()
        server.process.wait()
        assert len(acknowledged) > 20, len(acknowledged)
        rows = command(server.data, "query", "SELECT eventID FROM events").splitlines()
        stored = [json.loads(row)["eventID"] for row in rows]
        assert set(acknowledged) <= set(stored), "acknowledged events are lost"
        assert len(set(stored)) == len(stored), "events are there twice"
        listed = json.loads(command(server.data, "imports", "list", "-o", "json"))
        assert [i["stored"] for i in listed] == [len(stored)], "the sums are not those of the events"
        with Server(TARN, data=server.data) as again:
            assert push(again, event("0-0"))["events"]["duplicates"] == 1
            assert again.stop() == 0
        command(server.data, "check")


def guests_and_owners():
    """A second server hands over what comes, and takes over when the first leaves."""
    with Server(TARN) as owner, Server(TARN, data=owner.data) as guest:
        assert any("another process writes" in line for line in guest.lines), guest.lines
        assert push(guest, event(1))["events"]["stored"] == 1
        assert push(owner, event(1))["events"]["duplicates"] == 1
        status, text = ask(guest, "POST", "/v1/stores", '{"name": "default"}')
        assert status == 409, text
        status, text = ask(guest, "POST", "/v1/imports?name=x", event(2))
        assert json.loads(text)["events"]["stored"] == 1, text
        assert "tarn_is_owner 0" in ask(guest, "GET", "/metrics")[1]
        log = owner.home / "log.json"
        log.write_text(event(3))
        command(owner.data, "import", log)
        assert owner.stop() == 0
        wait_until("the guest takes over", lambda: "tarn_is_owner 1" in ask(guest, "GET", "/metrics")[1])
        assert push(guest, event(4))["events"]["stored"] == 1
        status, text = ask(guest, "POST", "/v1/query", '{"query": "SELECT count(*) AS n FROM events"}')
        assert json.loads(text)["n"] == 4, text
        assert guest.stop() == 0


def the_access_log():
    """A line for each request, with its template and without what it holds."""
    with Server(TARN, "--access-log") as server:
        ask(server, "POST", "/v1/events?name=topsecret", event("topsecret"))
        ask(server, "DELETE", "/v1/stores/topsecret")
        ask(server, "GET", "/topsecret")
        ask(server, "GET", "/v1/stores")
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.lines if line.startswith("{")]
        assert "topsecret" not in "\n".join(server.lines), server.lines
        told = [(line["method"], line["route"], line["status"]) for line in lines]
        assert told == [
            ("POST", "/v1/events", 200),
            ("DELETE", "/v1/stores/{store}", 404),
            ("GET", "none", 404),
            ("GET", "/v1/stores", 200),
        ], told
        assert all(line["bytes"] > 0 and line["ms"] >= 0 and line["whole"] for line in lines), lines
        assert len({line["request"] for line in lines}) == len(lines)


CASES = [
    slow_clients,
    odd_bytes,
    a_client_that_hangs_up,
    the_end_in_bounded_time,
    the_second_signal,
    many_pushes,
    killed_while_pushing,
    guests_and_owners,
    the_access_log,
]


def main():
    global TARN
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--tarn", required=True)
    arguments.add_argument("names", nargs="*")
    given = arguments.parse_args()
    TARN = given.tarn
    n_wrong = 0
    for case in CASES:
        if given.names and case.__name__ not in given.names:
            continue
        begun = time.monotonic()
        try:
            case()
            print(f"{case.__name__}: ok ({time.monotonic() - begun:.1f} s)", flush=True)
        except Exception:
            n_wrong += 1
            print(f"{case.__name__}: {case.__doc__}\n{traceback.format_exc()}", flush=True)
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
