-- JSONBench 5: which three principals were active for the longest time?
SELECT userIdentity.arn AS principal, date_diff('second', min(eventTime), max(eventTime)) AS seconds
FROM events WHERE userIdentity.arn IS NOT NULL
GROUP BY principal ORDER BY seconds DESC, principal LIMIT 3
