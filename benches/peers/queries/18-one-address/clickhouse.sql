SELECT e.eventName AS name, e.userIdentity.arn AS principal, count() AS n FROM peers.events
WHERE e.sourceIPAddress = '{{address}}' GROUP BY name, principal
ORDER BY n DESC, name, principal
