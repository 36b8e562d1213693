-- The ten largest of principal and action: many values and few.
SELECT userIdentity.arn AS principal, eventName, count(*) AS n FROM events WHERE userIdentity.arn IS NOT NULL
GROUP BY ALL ORDER BY n DESC, principal, eventName LIMIT 10
