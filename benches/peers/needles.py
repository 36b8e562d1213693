"""Fills the places in the queries, {{access_key}} and the like, from the logs themselves.

Each is the value whose number of events comes nearest to what the question is about, so
that the same question fits logs of any size.
"""

import datetime
import re

# The number of events that each should have.
NEAREST = """SELECT value FROM (SELECT {field} AS value, count(*) AS n FROM events GROUP BY value)
WHERE value IS NOT NULL AND regexp_matches(value, '{shape}') ORDER BY abs(n - {n}), value LIMIT 1"""

WANTED = {
    "access_key": ("userIdentity.accessKeyId", 50, "^A[A-Z0-9]+$"),
    "address": ("sourceIPAddress", 200, "^[0-9.]+$"),
    "request_id": ("requestID", 1, "^[A-Za-z0-9-]+$"),
    "word": ("userIdentity.sessionContext.sessionIssuer.principalId", 300, "^A[A-Z0-9]+$"),
    "rare_name": ("eventName", 150, "."),
    "principal": ("userIdentity.arn", 500, "."),
}


def find(ask):
    """The values, asked of a peer by `ask`, which answers a query with its rows."""
    found = {}
    for name, (field, n, shape) in WANTED.items():
        rows = ask(NEAREST.format(field=field, n=n, shape=shape))
        found[name] = rows[0][0] if rows else "none"
    day = busiest(ask, "day", "true")
    month = busiest(ask, "month", f"userIdentity.arn = '{found['principal']}'")
    next_month = (month + datetime.timedelta(days=31)).replace(day=1)
    for name, date in (
        ("day_start", day),
        ("day_end", day + datetime.timedelta(days=1)),
        ("month_start", month),
        ("month_end", next_month),
    ):
        found[name] = f"{date} 00:00:00"
    return found


def busiest(ask, unit, condition):
    """The first day of the day or month with most of the events."""
    [[date]] = ask(
        f"SELECT strftime(date_trunc('{unit}', eventTime), '%Y-%m-%d') AS t FROM events"
        f" WHERE {condition} GROUP BY t ORDER BY count(*) DESC, t LIMIT 1"
    )
    return datetime.date.fromisoformat(date)


def fill(text, values):
    return re.sub(r"\{\{(\w+)\}\}", lambda place: values[place[1]], text)
