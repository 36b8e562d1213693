SELECT userIdentity.arn AS principal, eventName, count(*) AS n FROM events WHERE userIdentity.arn IS NOT NULL
GROUP BY userIdentity.arn, eventName ORDER BY n DESC, principal, eventName LIMIT 10
