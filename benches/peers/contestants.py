"""Tarn and its two peers as the runner sees them: load, start, ask, ask once, stop."""

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import process
from engine import THREADS

HERE = Path(__file__).resolve().parent


class Tarn:
    name = "tarn"
    title = "Tarn"

    def __init__(self, binary: Path, folder: Path):
        self.database = folder / self.name
        self.command = [binary, "--quiet", "--color", "never", "--threads", THREADS]
        self.command += ["--data", self.database]
        self.server = None

    def load(self, logs: Path):
        shutil.rmtree(self.database, ignore_errors=True)
        ran = process.run([*self.command, "import", logs, "-o", "json"])
        summary = json.loads(ran.stdout)
        return {
            "seconds": ran.seconds,
            "delivered": summary["events"]["seen"],
            "events": summary["events"]["stored"],
            "bytes": folder_bytes(self.database),
            "anonymous_bytes_max": ran.anonymous_bytes_max,
            "splits": sum(1 for _ in (self.database / "splits").iterdir()),
        }

    def start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.server = subprocess.Popen(
            [str(part) for part in (*self.command, "serve", "--listen", f"127.0.0.1:{port}")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(600):
            try:
                self.connection.request("GET", "/readyz")
                self.connection.getresponse().read()
                return
            except ConnectionRefusedError:
                self.connection.close()
                time.sleep(0.05)
        raise RuntimeError("tarn serve did not become ready within 30 s")

    def stop(self):
        self.connection.close()
        self.server.terminate()
        self.server.wait()

    def ask(self, text, language, rows=False):
        """Milliseconds from the request to the last byte of the rows, and the rows."""
        body = json.dumps({"query": text, "language": language})
        begun = time.perf_counter()
        self.connection.request(
            "POST", "/v1/query", body, {"Content-Type": "application/json"}
        )
        response = self.connection.getresponse()
        answer = response.read()
        ms = (time.perf_counter() - begun) * 1000
        if response.status != 200:
            raise RuntimeError(f"Tarn: {answer.decode()}")
        parsed = [list(json.loads(line).values()) for line in answer.splitlines()] if rows else None
        return ms, parsed

    def once(self, path: Path, language):
        return [*self.command, "query", "--lang", language, "-o", "ndjson", "-f", path]

    def planning_ms(self, path: Path, language):
        """What --profile of a new process says; None where it says nothing."""
        asked = subprocess.run(
            [str(part) for part in (*self.once(path, language), "--profile")],
            capture_output=True,
            text=True,
        )
        said = re.search(r"planned in ([\d.]+) (ms|µs|s)", asked.stderr)
        return float(said[1]) * {"ms": 1, "µs": 0.001, "s": 1000}[said[2]] if said else None

    def anonymous_bytes(self):
        return process.anonymous_bytes(self.server.pid)


class Peer:
    """A peer behind its program (engine.py)."""

    def __init__(self, name, title, folder: Path):
        self.name, self.title = name, title
        self.database = folder / name
        self.program = [sys.executable, HERE / f"{name}_engine.py"]
        self.server = None

    def load(self, logs: Path):
        shutil.rmtree(self.database, ignore_errors=True)
        ran = process.run([*self.program, "load", self.database, logs])
        return json.loads(ran.stdout) | {"anonymous_bytes_max": ran.anonymous_bytes_max}

    def start(self):
        self.server = subprocess.Popen(
            [str(part) for part in (*self.program, "serve", self.database)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ask("SELECT 1")

    def stop(self):
        self.server.stdin.close()
        self.server.wait()

    def ask(self, text, _language="sql", rows=False):
        """Milliseconds as the program measures them, without the way to it; and the rows."""
        self.server.stdin.write(json.dumps({"query": text, "rows": rows}) + "\n")
        self.server.stdin.flush()
        reply = json.loads(self.server.stdout.readline())
        if "error" in reply:
            raise RuntimeError(f"{self.title}: {reply['error']}")
        return reply["ms"], reply.get("rows")

    def once(self, path: Path, _language="sql"):
        return [*self.program, "once", self.database, path]

    def anonymous_bytes(self):
        return process.anonymous_bytes(self.server.pid)


def all_three(binary: Path, folder: Path):
    return [
        Tarn(binary, folder),
        Peer("duckdb", "DuckDB", folder),
        Peer("clickhouse", "ClickHouse", folder),
    ]


def folder_bytes(folder: Path):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
