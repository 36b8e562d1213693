SELECT eventName, count(*) AS n FROM events GROUP BY eventName ORDER BY n DESC, eventName
