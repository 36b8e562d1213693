-- Tests of single fields in a search, wildcards, alternatives, a range of time.
SELECT e->>'$.eventName' AS eventName, e->>'$.errorCode' AS errorCode,
       e->>'$.awsRegion' AS awsRegion, count(*) AS n
FROM events
WHERE ((e->>'$.eventName') IN ('CreateUser', 'CreateAccessKey', 'AttachRolePolicy')
       OR (e->>'$.eventName') ILIKE '%bucket%')
  AND NOT coalesce((e->>'$.userAgent') ILIKE '%console%', false)
  AND (e->>'$.errorCode') IS NOT NULL
  AND (e->>'$.eventTime') >= '2020-01-01' AND (e->>'$.eventTime') < '2024-01-01'
GROUP BY 1, 2, 3
