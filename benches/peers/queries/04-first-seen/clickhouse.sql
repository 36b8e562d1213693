SELECT e.userIdentity.arn AS principal, min(e.eventTime) AS first_seen FROM peers.events
WHERE e.readOnly = false AND e.userIdentity.arn != ''
GROUP BY principal ORDER BY first_seen, principal LIMIT 3
