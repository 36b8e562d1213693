-- A time range inside the query, bins of ten minutes, distinct values.
-- in this order
SELECT time_bucket(INTERVAL '10 minutes', (e->>'$.eventTime')::TIMESTAMP) AS t,
       count(*) AS calls, count(DISTINCT e->>'$.eventName') AS names,
       min((e->>'$.eventTime')::TIMESTAMP) AS first
FROM events
WHERE (e->>'$.eventTime') >= '2023-07-10T11:30:00Z' AND (e->>'$.eventTime') < '2023-07-10T13:00:00Z'
GROUP BY 1
ORDER BY 1
