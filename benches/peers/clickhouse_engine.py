"""ClickHouse (chdb): an event a JSON value, its hot paths typed, ordered by time."""

import json
import resource
import time
from pathlib import Path

from chdb import session

import engine

# The default of 1,024 dynamic paths needs more open files than a process may have: a part
# has several files for each. With 128 and the advanced form of the rest it loads faster.
EVENT = """JSON(
  max_dynamic_paths = 128,
  eventTime DateTime('UTC'), eventName LowCardinality(String),
  eventSource LowCardinality(String), awsRegion LowCardinality(String),
  recipientAccountId LowCardinality(String), eventID String, requestID String,
  sourceIPAddress LowCardinality(String), userAgent LowCardinality(String),
  errorCode LowCardinality(String), errorMessage String, readOnly Nullable(Bool),
  managementEvent Nullable(Bool), eventType LowCardinality(String),
  eventCategory LowCardinality(String), eventVersion LowCardinality(String),
  userIdentity.type LowCardinality(String), userIdentity.arn LowCardinality(String),
  userIdentity.principalId LowCardinality(String),
  userIdentity.accountId LowCardinality(String),
  userIdentity.accessKeyId LowCardinality(String),
  userIdentity.userName LowCardinality(String),
  userIdentity.invokedBy LowCardinality(String),
  userIdentity.sessionContext.sessionIssuer.arn LowCardinality(String),
  userIdentity.sessionContext.sessionIssuer.userName LowCardinality(String),
  resources Array(Tuple(ARN String, ARNPrefix String, accountId LowCardinality(String),
                        type LowCardinality(String))))"""

TABLE = f"""CREATE TABLE peers.events (e {EVENT}) ENGINE = MergeTree ORDER BY (e.eventTime)
SETTINGS object_shared_data_serialization_version = 'advanced',
         object_shared_data_serialization_version_for_zero_level_parts = 'map_with_buckets'"""

SETTINGS = {
    "max_threads": engine.THREADS,
    "max_insert_threads": engine.THREADS,
    "date_time_input_format": "'best_effort'",
    # Strings stay strings: a time inside of an event is text to CloudTrail.
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "output_format_json_quote_64bit_integers": 0,
    "use_query_cache": 0,
}

# Merges all parts into one, the fastest form to read, and keeps of equal events one. The
# time of this step is not charged to ClickHouse.
ONCE = "OPTIMIZE TABLE peers.events FINAL DEDUPLICATE"


def load(database: Path, logs: Path):
    opened = Database(database)
    opened.ask("CREATE DATABASE peers")
    opened.ask(TABLE)
    begun = time.perf_counter()
    opened.ask(
        "INSERT INTO peers.events SELECT arrayJoin(JSONExtractArrayRaw(json, 'Records'))"
        f" FROM file('{logs}/**/*.json.gz', JSONAsString)"
    )
    seconds = time.perf_counter() - begun
    delivered = opened.number("SELECT count() FROM peers.events")
    opened.ask(ONCE)
    return {
        "seconds": seconds,
        "delivered": delivered,
        "events": opened.number("SELECT count() FROM peers.events"),
        "bytes": opened.number(
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'events'"
        ),
    }


class Database:
    def __init__(self, path: Path):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.session = session.Session(str(path))
        for name, value in SETTINGS.items():
            self.session.query(f"SET {name} = {value}")

    def ask(self, text):
        """All rows as lines of JSON arrays."""
        return self.session.query(text, "JSONCompactEachRow").bytes()

    def rows(self, answer):
        return [json.loads(line) for line in answer.splitlines()]

    def number(self, text):
        return self.rows(self.ask(text))[0][0]


if __name__ == "__main__":
    engine.main(Database, load)
