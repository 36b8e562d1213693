SELECT userIdentity.arn AS principal, eventName, count(*) AS n FROM events
WHERE errorCode = 'AccessDenied' AND eventName LIKE 'Get%'
GROUP BY userIdentity.arn, eventName ORDER BY n DESC, principal, eventName LIMIT 20
