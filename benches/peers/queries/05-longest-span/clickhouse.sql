SELECT e.userIdentity.arn AS principal, dateDiff('second', min(e.eventTime), max(e.eventTime)) AS seconds
FROM peers.events WHERE e.userIdentity.arn != ''
GROUP BY principal ORDER BY seconds DESC, principal LIMIT 3
