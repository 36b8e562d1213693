SELECT userIdentity.arn AS principal, min(eventTime) AS first_seen FROM events
WHERE readOnly = false AND userIdentity.arn IS NOT NULL
GROUP BY userIdentity.arn ORDER BY first_seen, principal LIMIT 3
