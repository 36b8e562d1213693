-- Two-valued logic of a missing field: !=, not like and not in let it pass.
SELECT e->>'$.userIdentity.type' AS type, count(*) AS n,
       count(e->>'$.userIdentity.invokedBy') AS invoked, count(e->>'$.errorCode') AS failed
FROM events
WHERE (e->>'$.userIdentity.invokedBy') IS DISTINCT FROM 'AWS Internal'
  AND coalesce(NOT contains(e->>'$.errorCode', 'NoSuch'), true)
  AND (e->>'$.vpcEndpointId') IS DISTINCT FROM 'vpce-f40dc59d'
GROUP BY 1
