SELECT eventName, userIdentity.arn AS principal, count(*) AS n FROM events
WHERE sourceIPAddress = '{{address}}' GROUP BY eventName, userIdentity.arn
ORDER BY n DESC, eventName, principal
