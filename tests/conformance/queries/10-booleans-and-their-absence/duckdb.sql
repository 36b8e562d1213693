-- Booleans as keys, NULL after true and false in either direction.
-- in this order
SELECT (e->'$.readOnly')::BOOLEAN AS readOnly, (e->'$.managementEvent')::BOOLEAN AS managementEvent,
       count(*) AS n, count(*) FILTER (WHERE (e->>'$.errorCode') IS NOT NULL) AS failed,
       count(*) FILTER (WHERE (e->>'$.sessionCredentialFromConsole') = 'true') AS console
FROM events
GROUP BY 1, 2
ORDER BY 1 NULLS LAST, 2 DESC NULLS LAST
