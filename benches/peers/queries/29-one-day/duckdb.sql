-- The actions of one day.
SELECT eventName, count(*) AS n FROM events
WHERE eventTime >= TIMESTAMP '{{day_start}}' AND eventTime < TIMESTAMP '{{day_end}}'
GROUP BY eventName ORDER BY n DESC, eventName LIMIT 20
