"""DuckDB: a native table, structs as columns, JSON for the parts without a schema."""

import time
from pathlib import Path

import duckdb

import engine

SESSION_CONTEXT = """STRUCT(
  sessionIssuer STRUCT("type" VARCHAR, principalId VARCHAR, arn VARCHAR, accountId VARCHAR,
                       userName VARCHAR),
  webIdFederationData JSON,
  attributes STRUCT(creationDate VARCHAR, mfaAuthenticated VARCHAR),
  sourceIdentity VARCHAR, ec2RoleDelivery VARCHAR, assumedRoot VARCHAR)"""

USER_IDENTITY = f"""STRUCT(
  "type" VARCHAR, principalId VARCHAR, arn VARCHAR, accountId VARCHAR, accessKeyId VARCHAR,
  userName VARCHAR, invokedBy VARCHAR, identityProvider VARCHAR, credentialId VARCHAR,
  onBehalfOf JSON, inScopeOf JSON, sessionContext {SESSION_CONTEXT})"""

RECORD = f"""STRUCT(
  eventVersion VARCHAR, userIdentity {USER_IDENTITY}, eventTime TIMESTAMP,
  eventSource VARCHAR, eventName VARCHAR, awsRegion VARCHAR, sourceIPAddress VARCHAR,
  userAgent VARCHAR, errorCode VARCHAR, errorMessage VARCHAR, requestParameters JSON,
  responseElements JSON, additionalEventData JSON, requestID VARCHAR, eventID VARCHAR,
  readOnly BOOLEAN, resources STRUCT(ARN VARCHAR, ARNPrefix VARCHAR, accountId VARCHAR,
  "type" VARCHAR)[], eventType VARCHAR, apiVersion VARCHAR, managementEvent BOOLEAN,
  recipientAccountId VARCHAR, sharedEventID VARCHAR, vpcEndpointId VARCHAR,
  vpcEndpointAccountId VARCHAR, eventCategory VARCHAR, sessionCredentialFromConsole VARCHAR,
  addendum JSON, edgeDeviceDetails JSON, insightDetails JSON, serviceEventDetails JSON,
  tlsDetails STRUCT(tlsVersion VARCHAR, cipherSuite VARCHAR,
                    clientProvidedHostHeader VARCHAR))"""

LOAD = f"""CREATE TABLE events AS SELECT unnest(Records, max_depth := 2)
FROM read_json(?, columns = {{'Records': $${RECORD}[]$$}}, maximum_object_size = 67108864)"""

# An event that was delivered twice counts once. A hash of the whole row, as text, is taken
# for the row: the time of this step is not charged to DuckDB.
ONCE = """DELETE FROM events WHERE rowid IN (
  SELECT unnest(list(rowid ORDER BY rowid)[2:]) FROM events
  GROUP BY eventTime, recipientAccountId, eventID, hash(events::VARCHAR) HAVING count(*) > 1)"""


def load(database: Path, logs: Path):
    database.mkdir(parents=True)
    connection = connect(database)
    begun = time.perf_counter()
    connection.execute(LOAD, [str(logs / "**" / "*.json.gz")])
    connection.execute("CHECKPOINT")
    seconds = time.perf_counter() - begun
    delivered = n_events(connection)
    connection.execute(ONCE)
    connection.execute("CHECKPOINT")
    return {
        "seconds": seconds,
        "delivered": delivered,
        "events": n_events(connection),
        "bytes": (database / "events.duckdb").stat().st_size,
    }


def n_events(connection):
    return connection.execute("SELECT count(*) FROM events").fetchone()[0]


def connect(database: Path, read_only=False):
    connection = duckdb.connect(
        str(database / "events.duckdb"),
        read_only=read_only,
        config={"threads": engine.THREADS},
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


class Database:
    def __init__(self, path: Path):
        self.connection = connect(path, read_only=True)

    def ask(self, text):
        """All rows as an Arrow table, the cheapest form that DuckDB has for its caller."""
        return self.connection.sql(text).to_arrow_table()

    def rows(self, answer):
        columns = [column.to_pylist() for column in answer.columns]
        return [list(row) for row in zip(*columns)]


if __name__ == "__main__":
    engine.main(Database, load)
