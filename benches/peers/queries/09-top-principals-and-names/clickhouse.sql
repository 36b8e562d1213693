SELECT e.userIdentity.arn AS principal, e.eventName AS name, count() AS n FROM peers.events
WHERE e.userIdentity.arn != '' GROUP BY principal, name ORDER BY n DESC, principal, name LIMIT 10
