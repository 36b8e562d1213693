SELECT date_trunc('minute', eventTime) AS minute, count(*) AS calls,
       count(DISTINCT eventName) AS names
FROM events
WHERE eventTime >= '2023-07-10 12:00:00' AND eventTime < '2023-07-10 13:00:00'
GROUP BY 1
ORDER BY 1
