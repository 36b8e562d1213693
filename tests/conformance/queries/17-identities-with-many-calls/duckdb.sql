-- HAVING on aggregates that are not shown; a column named after the last part of a path.
SELECT e->>'$.userIdentity.arn' AS arn, e->>'$.recipientAccountId' AS recipientAccountId,
       count(DISTINCT e->>'$.eventSource') AS services,
       count(DISTINCT e->>'$.awsRegion') AS regions,
       count(DISTINCT (e->>'$.eventTime')[:10]) AS days
FROM events
WHERE (e->>'$.userIdentity.arn') IS NOT NULL
GROUP BY 1, 2
HAVING count(DISTINCT e->>'$.eventName') > 10 OR count(DISTINCT e->>'$.awsRegion') > 2
