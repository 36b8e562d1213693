SELECT eventTime, eventID, eventName, errorCode, userIdentity.arn AS caller
FROM events
WHERE errorCode IN ('AccessDenied', 'Client.UnauthorizedOperation')
  AND awsRegion = 'us-east-1'
  AND eventSource <> 'ec2.amazonaws.com'
ORDER BY eventTime DESC, eventID
LIMIT 30
