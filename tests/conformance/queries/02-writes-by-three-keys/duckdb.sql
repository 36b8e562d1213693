-- Groups by three keys, a boolean filter, HAVING.
SELECT e->>'$.eventSource' AS eventSource, e->>'$.eventName' AS eventName,
       e->>'$.awsRegion' AS awsRegion, count(*) AS calls
FROM events
WHERE (e->'$.readOnly')::BOOLEAN = false
GROUP BY ALL
HAVING count(*) >= 3
