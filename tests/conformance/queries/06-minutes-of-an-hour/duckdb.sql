-- A time range written as text, its end exclusive; date_trunc.
-- in this order
SELECT date_trunc('minute', (e->>'$.eventTime')::TIMESTAMP) AS minute, count(*) AS calls,
       count(DISTINCT e->>'$.eventName') AS names
FROM events
WHERE (e->>'$.eventTime')::TIMESTAMP >= TIMESTAMP '2023-07-10 12:00:00'
  AND (e->>'$.eventTime')::TIMESTAMP < TIMESTAMP '2023-07-10 13:00:00'
GROUP BY 1
ORDER BY 1
