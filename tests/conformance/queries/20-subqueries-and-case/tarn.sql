SELECT CASE WHEN errorCode LIKE '%Denied%' OR errorCode LIKE '%Unauthorized%' THEN 'denied'
            WHEN errorCode LIKE '%Throttl%' THEN 'throttled'
            WHEN errorCode IS NULL THEN 'done'
            ELSE 'failed' END AS outcome,
       upper(substr(eventSource, 1, strpos(eventSource, '.') - 1)) AS service,
       coalesce(userIdentity.userName, userIdentity.sessionContext.sessionIssuer.userName, '-') AS who,
       count(*) AS n
FROM events AS o
WHERE recipientAccountId IN (
        SELECT recipientAccountId FROM events GROUP BY recipientAccountId HAVING count(*) > 100)
  AND EXISTS (
        SELECT 1 FROM events AS i
        WHERE i.sourceIPAddress = o.sourceIPAddress AND i.errorCode = 'AccessDenied')
GROUP BY 1, 2, 3
