SELECT 'unequal' AS rule, count(*) AS n FROM events WHERE errorCode <> 'AccessDenied'
UNION ALL
SELECT 'not in', count(*) FROM events WHERE errorCode NOT IN ('AccessDenied', 'NoSuchTagSet')
UNION ALL
SELECT 'not like', count(*) FROM events WHERE NOT (errorCode LIKE 'NoSuch%')
UNION ALL
SELECT 'or missing', count(*) FROM events WHERE errorCode <> 'AccessDenied' OR errorCode IS NULL
UNION ALL
SELECT 'missing', count(*) FROM events WHERE errorCode IS NULL AND errorMessage IS NOT NULL
UNION ALL
SELECT 'distinct from', count(*) FROM events WHERE errorCode IS DISTINCT FROM 'AccessDenied'
UNION ALL
SELECT 'neither', count(*) FROM events
WHERE NOT (vpcEndpointId = 'vpce-unknown' OR userIdentity.invokedBy = 'nobody')
