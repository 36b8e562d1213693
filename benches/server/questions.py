"""What is asked: short queries with values that vary, and aggregations."""

import datetime
import random

# The days that `tarn generate` writes begin here.
FIRST_DAY = datetime.datetime(2026, 10, 1)
DAYS = 31


def short(values, chance: random.Random):
    """Short queries without end: the name of the kind, and the body of the request."""
    kinds = (
        ("event by id", lambda: {
            "query": "SELECT eventTime, eventName, eventJson FROM events WHERE eventID = "
                     + text(chance.choice(values["event"])),
        }),
        ("newest 100", lambda: {
            "query": "SELECT eventTime, eventName, userIdentity.arn, sourceIPAddress FROM events "
                     "ORDER BY eventTime DESC LIMIT 100",
        }),
        ("what a key did", lambda: {
            "query": "fields @timestamp, eventName, sourceIPAddress "
                     "| filter userIdentity.accessKeyId = {{key}} | sort @timestamp desc | limit 100",
            "parameters": {"key": chance.choice(values["key"])},
        }),
        ("from an address", lambda: {
            "query": "fields @timestamp, eventName, errorCode "
                     "| filter sourceIPAddress = {{address}} | limit 100",
            "parameters": {"address": chance.choice(values["address"])},
        }),
        ("a word in any field", lambda: {
            "query": chance.choice(values["key"]), "language": "search", "limit": 20,
        }),
        ("denied calls of a name", lambda: {
            "query": "filter eventName = {{name}} and errorCode like /Denied/ | limit 50",
            "parameters": {"name": chance.choice(values["name"])},
        }),
        ("an hour of an account", lambda: hour(chance) | {
            "query": "fields @timestamp, eventName, userIdentity.arn | limit 100",
            "accounts": [chance.choice(values["account"])],
        }),
    )
    while True:
        kind, make = chance.choice(kinds)
        yield kind, make()


def hour(chance):
    since = FIRST_DAY + datetime.timedelta(hours=chance.randrange(24 * DAYS))
    until = since + datetime.timedelta(hours=1)
    return {"since": since.isoformat() + "Z", "until": until.isoformat() + "Z"}


AGGREGATIONS = (
    "stats count(*) as calls by eventName | sort calls desc | limit 20",
    "SELECT userIdentity.arn, count(*) AS calls FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
    "filter ispresent(errorCode) | stats count(*) as denied by userIdentity.arn, errorCode "
    "| sort denied desc | limit 20",
    "SELECT recipientAccountId, count(DISTINCT sourceIPAddress) AS addresses FROM events GROUP BY 1",
    "stats count(*) as calls by bin(1h) as hour",
)


def text(value):
    return "'" + value.replace("'", "''") + "'"
