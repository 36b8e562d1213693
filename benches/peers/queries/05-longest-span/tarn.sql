SELECT userIdentity.arn AS principal, date_diff('second', min(eventTime), max(eventTime)) AS seconds
FROM events WHERE userIdentity.arn IS NOT NULL
GROUP BY userIdentity.arn ORDER BY seconds DESC, principal LIMIT 3
