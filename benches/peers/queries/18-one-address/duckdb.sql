-- What was called from one address, by whom?
SELECT eventName, userIdentity.arn AS principal, count(*) AS n FROM events
WHERE sourceIPAddress = '{{address}}' GROUP BY ALL ORDER BY n DESC, eventName, principal
