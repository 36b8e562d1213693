-- IN and EXISTS over subqueries, CASE, coalesce, functions of text.
SELECT CASE WHEN (e->>'$.errorCode') LIKE '%Denied%' OR (e->>'$.errorCode') LIKE '%Unauthorized%'
              THEN 'denied'
            WHEN (e->>'$.errorCode') LIKE '%Throttl%' THEN 'throttled'
            WHEN (e->>'$.errorCode') IS NULL THEN 'done'
            ELSE 'failed' END AS outcome,
       upper(split_part(e->>'$.eventSource', '.', 1)) AS service,
       coalesce(e->>'$.userIdentity.userName',
                e->>'$.userIdentity.sessionContext.sessionIssuer.userName', '-') AS who,
       count(*) AS n
FROM events
WHERE (e->>'$.recipientAccountId') IN (
        SELECT e->>'$.recipientAccountId' FROM events GROUP BY 1 HAVING count(*) > 100)
  AND (e->>'$.sourceIPAddress') IN (
        SELECT e->>'$.sourceIPAddress' FROM events WHERE (e->>'$.errorCode') = 'AccessDenied')
GROUP BY 1, 2, 3
