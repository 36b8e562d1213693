-- What SQL does to a missing value: neither equal nor unequal.
WITH fields AS (
  SELECT e->>'$.errorCode' AS code, e->>'$.errorMessage' AS message,
         e->>'$.vpcEndpointId' AS endpoint, e->>'$.userIdentity.invokedBy' AS invoker
  FROM events
)
SELECT 'unequal' AS rule, count(*) AS n FROM fields WHERE code <> 'AccessDenied'
UNION ALL SELECT 'not in', count(*) FROM fields WHERE code NOT IN ('AccessDenied', 'NoSuchTagSet')
UNION ALL SELECT 'not like', count(*) FROM fields WHERE NOT (code LIKE 'NoSuch%')
UNION ALL SELECT 'or missing', count(*) FROM fields WHERE code <> 'AccessDenied' OR code IS NULL
UNION ALL SELECT 'missing', count(*) FROM fields WHERE code IS NULL AND message IS NOT NULL
UNION ALL SELECT 'distinct from', count(*) FROM fields WHERE code IS DISTINCT FROM 'AccessDenied'
UNION ALL SELECT 'neither', count(*) FROM fields
WHERE NOT (endpoint = 'vpce-unknown' OR invoker = 'nobody')
