SELECT userIdentity.arn AS principal, count(*) AS n FROM events WHERE userIdentity.arn IS NOT NULL
GROUP BY userIdentity.arn ORDER BY n DESC, principal LIMIT 10
