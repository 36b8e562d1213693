-- Who was denied which reading calls?
SELECT userIdentity.arn AS principal, eventName, count(*) AS n FROM events
WHERE errorCode = 'AccessDenied' AND eventName LIKE 'Get%'
GROUP BY ALL ORDER BY n DESC, principal, eventName LIMIT 20
