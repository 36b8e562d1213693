SELECT eventName, errorCode, count(*) AS n FROM events WHERE errorCode IS NOT NULL
GROUP BY eventName, errorCode ORDER BY n DESC, eventName, errorCode LIMIT 20
