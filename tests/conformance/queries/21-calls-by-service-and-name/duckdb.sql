-- The plainest question: groups, the largest first, and no more than 25.
-- in this order
SELECT e->>'$.eventSource' AS eventSource, e->>'$.eventName' AS eventName, count(*) AS calls
FROM events
GROUP BY 1, 2
ORDER BY calls DESC, 1, 2
LIMIT 25
