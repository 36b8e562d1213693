SELECT e.userIdentity.arn AS principal, count() AS n FROM peers.events WHERE e.userIdentity.arn != ''
GROUP BY principal ORDER BY n DESC, principal LIMIT 10
