"""When two answers are the same.

Rows are compared as a bag of tuples in the order of the columns: every query that cuts
its answer off sorts by a total order, so that the bag is determined. Numbers may differ
by rounding. Times are the same in every spelling. ClickHouse's typed paths are '' where a
field is missing, so '' and null are one. Of whole events only what is there counts: a
table with columns cannot tell a missing field from one that is null, or empty.
"""

import json
import math
import re

TIME = re.compile(r"^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.0+)?Z?(?:\+00:00)?$")


def differences(ours, theirs, whole_events, at_most=3):
    """What differs between two answers, as lines; none when they are the same."""
    ours = sorted((canonical_row(row, whole_events) for row in ours), key=order)
    theirs = sorted((canonical_row(row, whole_events) for row in theirs), key=order)
    found = []
    if len(ours) != len(theirs):
        found.append(f"{len(ours)} rows against {len(theirs)}")
    for left, right in zip(ours, theirs):
        if not same(left, right):
            found.append(f"{left} against {right}")
            if len(found) >= at_most:
                break
    return found


def canonical_row(row, whole_events):
    return [canonical_event(value) if whole_events else canonical(value) for value in row]


def canonical(value):
    if value is None or value == "":
        return None
    if isinstance(value, str):
        time = TIME.match(value)
        return f"{time[1]}T{time[2]}Z" if time else value
    return value


def canonical_event(value):
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, dict):
        value = {key: canonical_event(item) for key, item in value.items()}
        return {key: item for key, item in sorted(value.items()) if is_there(item)}
    if isinstance(value, list):
        return [item for item in map(canonical_event, value) if is_there(item)]
    return canonical(value)


def is_there(value):
    return value not in (None, {}, [])


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(left, right):
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if is_number(left) and is_number(right):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return left == right


def order(row):
    """Numbers that differ by rounding only stand side by side."""
    return [f"{v:.8e}" if is_number(v) else json.dumps(v, sort_keys=True, default=str) for v in row]
