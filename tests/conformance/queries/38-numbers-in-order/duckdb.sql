-- A computed field as a key; 3600 comes before 900, as numbers do and texts do not.
-- in this order
SELECT (e->>'$.requestParameters.durationSeconds')::DOUBLE / 60 AS minutes, count(*) AS n,
       e->>'$.eventName' AS eventName
FROM events
WHERE (e->>'$.requestParameters.durationSeconds') IS NOT NULL
GROUP BY ALL
ORDER BY 1 DESC, 2 DESC, 3
