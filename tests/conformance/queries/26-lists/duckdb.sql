-- Membership of lists; rows with the time of each.
SELECT (e->>'$.eventTime')::TIMESTAMP AS "@timestamp", e->>'$.eventID' AS eventID,
       e->>'$.eventName' AS eventName, e->>'$.userIdentity.arn' AS caller,
       e->>'$.awsRegion' AS awsRegion
FROM events
WHERE (e->>'$.eventName') IN ('CreateUser', 'CreateAccessKey', 'AttachUserPolicy',
                              'StopLogging', 'DeleteTrail', 'GetCallerIdentity')
  AND (e->>'$.awsRegion') <> 'eu-west-1'
  AND (e->>'$.eventVersion') IN ('1.08', '1.05')
