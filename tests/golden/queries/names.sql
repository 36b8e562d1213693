SELECT eventSource, eventName, count(*) AS n, min(eventTime) AS first FROM default GROUP BY eventSource, eventName ORDER BY eventSource, eventName
