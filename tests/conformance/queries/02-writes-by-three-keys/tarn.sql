SELECT eventSource, eventName, awsRegion, count(*) AS calls
FROM events
WHERE readOnly = false
GROUP BY eventSource, eventName, awsRegion
HAVING count(*) >= 3
