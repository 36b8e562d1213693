SELECT e.userIdentity.arn AS principal, e.eventName AS name, count() AS n FROM peers.events
WHERE e.errorCode = 'AccessDenied' AND e.eventName LIKE 'Get%'
GROUP BY principal, name ORDER BY n DESC, nullIf(principal, '') ASC NULLS LAST, name LIMIT 20
