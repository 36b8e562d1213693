-- Equality, inequality, IN; the newest rows in a total order, and no more.
-- in this order
SELECT (e->>'$.eventTime')::TIMESTAMP AS eventTime, e->>'$.eventID' AS eventID,
       e->>'$.eventName' AS eventName, e->>'$.errorCode' AS errorCode,
       e->>'$.userIdentity.arn' AS caller
FROM events
WHERE (e->>'$.errorCode') IN ('AccessDenied', 'Client.UnauthorizedOperation')
  AND (e->>'$.awsRegion') = 'us-east-1'
  AND (e->>'$.eventSource') <> 'ec2.amazonaws.com'
ORDER BY 1 DESC, 2
LIMIT 30
