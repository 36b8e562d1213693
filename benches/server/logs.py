"""The logs of a run: made once, loaded once, and what can be asked of them."""

import gzip
import json
import random
import shutil
import subprocess
from pathlib import Path

# Files that values are taken from.
SAMPLED = 200


def make(tarn: Path, cache: Path, events: int, seed: int) -> Path:
    """Writes logs, unless an earlier run has."""
    logs = cache / f"logs-{events}-{seed}"
    done = logs.with_suffix(".done")
    if not done.is_file():
        shutil.rmtree(logs, ignore_errors=True)
        logs.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [tarn, "--quiet", "generate", "--out", logs, "--events", str(events)]
            + ["--events-per-file", "200", "--days", "31", "--seed", str(seed)],
            check=True,
        )
        done.touch()
    return logs


def load(tarn: Path, cache: Path, events: int, logs: Path) -> Path:
    """Imports the logs into a directory, unless an earlier run of this binary has."""
    data = cache / f"data-{events}"
    done = data.with_suffix(".done")
    built = str(tarn.stat().st_mtime_ns)
    if not (done.is_file() and done.read_text() == built):
        shutil.rmtree(data, ignore_errors=True)
        subprocess.run([tarn, "--quiet", "--data", data, "import", logs], check=True)
        done.write_text(built)
    return data


def files(logs: Path):
    return sorted(logs.rglob("*.json.gz"))


def one_file(logs: Path) -> Path:
    """All the records in one file of lines, as a client that streams would send them."""
    path = logs.with_suffix(".ndjson.gz")
    if not path.is_file():
        new = path.with_suffix(".new")
        with gzip.open(new, "wb", compresslevel=1) as out:
            for log in files(logs):
                for record in json.loads(gzip.decompress(log.read_bytes()))["Records"]:
                    out.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        new.rename(path)
    return path


def values(logs: Path) -> dict:
    """Values that occur, for questions with something to find; and records to push."""
    found = {name: set() for name in ("event", "key", "address", "principal", "name", "account")}
    records = []
    chosen = random.Random(1).sample(files(logs), min(SAMPLED, len(files(logs))))
    for log in chosen:
        for record in json.loads(gzip.decompress(log.read_bytes()))["Records"][:20]:
            identity = record.get("userIdentity") or {}
            for name, value in (
                ("event", record.get("eventID")),
                ("key", identity.get("accessKeyId")),
                ("address", record.get("sourceIPAddress")),
                ("principal", identity.get("arn")),
                ("name", record.get("eventName")),
                ("account", record.get("recipientAccountId")),
            ):
                if value:
                    found[name].add(value)
            records.append(record)
    return {**{name: sorted(of) for name, of in found.items()}, "records": records}
