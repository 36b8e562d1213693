"""The load: requests at their times, and what became of them.

Short queries and pushes are sent by an asyncio loop over connections that are kept; what
waits for whole answers (the aggregation, the import) has threads of its own.
"""

import asyncio
import datetime
import http.client
import json
import random
import threading
import time
import uuid

import questions

# An answer that takes longer is an error.
ANSWER_SECONDS = 30
# The import begins when the others run.
IMPORT_AFTER_SECONDS = 5
PUSHED_SOURCE = "pushed.tarn.example"


def run(server, values, *, seconds, queries, pushes, events_per_push, aggregates, to_import, seed):
    over = threading.Event()
    begun = time.monotonic()
    threads, aggregations, imported, memory = [], Answers(), {}, []
    threads.append(threading.Thread(target=watch, args=(server, seconds, begun, over, memory)))
    if aggregates:
        threads.append(threading.Thread(target=aggregate, args=(server, over, aggregations)))
    if to_import:
        threads.append(
            threading.Thread(target=send_file, args=(server, to_import, over, imported))
        )
    for thread in threads:
        thread.start()
    asked, pushed = Answers(), Answers()
    try:
        asyncio.run(
            open_loop(server, values, seconds, queries, pushes, events_per_push, seed, asked, pushed)
        )
    finally:
        over.set()
    for thread in threads:
        thread.join()
    acknowledged = pushed.count("ok") * events_per_push
    stored = count_pushed(server)
    return {
        "short": asked.summary(),
        "kinds": {kind: of.summary() for kind, of in sorted(asked.by_kind.items())},
        "pushes": pushed.summary(),
        "acknowledged": acknowledged,
        "stored": stored,
        "aggregations": aggregations.summary(),
        "import": imported,
        "anonymous_bytes": memory,
    }


class Answers:
    """Latencies in seconds by how it ended: ok, 429, or an error."""

    def __init__(self):
        self.ended = {"ok": [], "429": [], "error": []}
        self.errors = {}
        self.by_kind = {}

    def add(self, how, latency, kind=None, error=None):
        self.ended[how].append(latency)
        if error:
            self.errors[error] = self.errors.get(error, 0) + 1
        if kind:
            self.by_kind.setdefault(kind, Answers()).add(how, latency)

    def count(self, how):
        return len(self.ended[how])

    def summary(self):
        times = sorted(self.ended["ok"])
        at = lambda share: times[min(int(len(times) * share), len(times) - 1)] * 1000
        return {
            "ok": len(times),
            "refused": self.count("429"),
            "errors": self.count("error"),
            "error_texts": dict(sorted(self.errors.items(), key=lambda e: -e[1])[:5]),
            **(
                {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": times[-1] * 1000}
                if times
                else {}
            ),
        }


async def open_loop(server, values, seconds, queries, pushes, per_push, seed, asked, pushed):
    connections = Connections(server.port)
    chance = random.Random(seed)
    short = questions.short(values, chance)
    events = new_events(values["records"], chance)
    tasks = set()

    def send(task):
        task = asyncio.ensure_future(task)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def on_time(per_second, make):
        start = asyncio.get_running_loop().time()
        for n in range(int(per_second * seconds)):
            due = start + n / per_second
            await asyncio.sleep(max(0, due - asyncio.get_running_loop().time()))
            send(make(due))

    def a_query(due):
        kind, body = next(short)
        return connections.post("/v1/query", json.dumps(body).encode(), "application/json", due,
                                asked, kind)

    def a_push(due):
        lines = b"".join(json.dumps(next(events)).encode() + b"\n" for _ in range(per_push))
        return connections.post("/v1/events?store=default", lines, "application/x-ndjson", due,
                                pushed, None)

    await asyncio.gather(on_time(queries, a_query), on_time(pushes / per_push, a_push))
    while tasks:
        await asyncio.gather(*tasks)
    connections.close()


class Connections:
    """HTTP/1.1 over connections that are kept; as many as there are requests at once."""

    def __init__(self, port):
        self._port = port
        self._free = []

    def close(self):
        for _, writer in self._free:
            writer.close()

    async def post(self, path, body, content_type, due, answers, kind):
        loop = asyncio.get_running_loop()
        try:
            status, text = await asyncio.wait_for(
                self._post(path, body, content_type), ANSWER_SECONDS
            )
        except Exception as error:  # Whatever it is, it is counted.
            answers.add("error", loop.time() - due, kind, type(error).__name__ + ": " + str(error))
            return
        latency = loop.time() - due
        if 200 <= status < 300:
            answers.add("ok", latency, kind)
        elif status == 429:
            answers.add("429", latency, kind)
        else:
            answers.add("error", latency, kind, f"{status}: {text[:200].decode(errors='replace')}")

    async def _post(self, path, body, content_type):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection(
            "127.0.0.1", self._port, limit=1 << 24
        )
        try:
            writer.write(head + body)
            status, headers = await read_head(reader)
            text = await read_body(reader, headers)
        except BaseException:
            writer.close()
            raise
        if headers.get(b"connection") == b"close":
            writer.close()
        else:
            self._free.append((reader, writer))
        return status, text


async def read_head(reader):
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip().lower()
    return int(lines[0].split()[1]), headers


async def read_body(reader, headers):
    if headers.get(b"transfer-encoding") != b"chunked":
        return await reader.readexactly(int(headers.get(b"content-length", 0)))
    text = b""
    while True:
        size = int(await reader.readuntil(b"\r\n"), 16)
        text += (await reader.readexactly(size + 2))[:-2]
        if size == 0:
            return text


def new_events(records, chance):
    """Events that happen now, each with an id of its own."""
    while True:
        now = datetime.datetime.now(datetime.timezone.utc)
        yield chance.choice(records) | {
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventID": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "eventSource": PUSHED_SOURCE,
        }


def count_pushed(server):
    query = f"SELECT count(*) AS n FROM events WHERE eventSource = '{PUSHED_SOURCE}'"
    status, body = server.ask("POST", "/v1/query", {"query": query})
    return json.loads(body)["n"] if status == 200 else None


def aggregate(server, over, answers):
    """One at a time, by turns answered at once and as a job."""
    n = 0
    while not over.is_set():
        query = questions.AGGREGATIONS[n // 2 % len(questions.AGGREGATIONS)]
        begun = time.monotonic()
        try:
            status, body = (as_job if n % 2 else at_once)(server, query)
        except (OSError, http.client.HTTPException, ValueError) as error:
            answers.add("error", 0, None, str(error))
            time.sleep(0.1)
            continue
        how = "ok" if status == 200 else "429" if status == 429 else "error"
        answers.add(how, time.monotonic() - begun, None, None if how == "ok" else str(body[:200]))
        n += 1


def at_once(server, query):
    return server.ask("POST", "/v1/query", {"query": query})


def as_job(server, query):
    status, body = server.ask("POST", "/v1/queries", {"query": query})
    if status != 202:
        return status, body
    job = json.loads(body)["id"]
    while True:
        status, body = server.ask("GET", f"/v1/queries/{job}")
        state = json.loads(body).get("status")
        if status != 200 or state not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.05)
    if state != "FINISHED":
        return 500, body
    return server.ask("GET", f"/v1/queries/{job}/results")


def send_file(server, path, over, imported):
    over.wait(IMPORT_AFTER_SECONDS)
    begun = time.monotonic()
    with path.open("rb") as file:
        status, body = server.ask(
            "POST",
            f"/v1/imports?store=default&name={path.name}",
            file,
            {"Content-Type": "application/gzip", "Content-Length": str(path.stat().st_size)},
            timeout=3600,
        )
    imported["status"] = status
    imported["seconds"] = time.monotonic() - begun
    imported["after_the_load"] = over.is_set()
    imported["answer"] = body[:2000].decode(errors="replace")


def watch(server, seconds, begun, over, memory):
    """Anonymous memory after each fifth of the time: minutes 1 to 5 of five minutes."""
    for fifth in range(1, 6):
        # Just before the load ends.
        due = begun + seconds * fifth / 5 - 0.5
        if over.wait(max(0, due - time.monotonic())):
            return
        memory.append(server.anonymous_bytes())
