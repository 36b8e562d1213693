SELECT userIdentity.arn, recipientAccountId,
       count(DISTINCT eventSource) AS services, count(DISTINCT awsRegion) AS regions,
       count(DISTINCT date_trunc('day', eventTime)) AS days
FROM events
WHERE userIdentity.arn IS NOT NULL
GROUP BY userIdentity.arn, recipientAccountId
HAVING count(DISTINCT eventName) > 10 OR count(DISTINCT awsRegion) > 2
