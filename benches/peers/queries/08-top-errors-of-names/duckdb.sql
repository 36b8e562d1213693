-- The twenty most frequent errors of an action: two keys with few values.
SELECT eventName, errorCode, count(*) AS n FROM events WHERE errorCode IS NOT NULL
GROUP BY ALL ORDER BY n DESC, eventName, errorCode LIMIT 20
