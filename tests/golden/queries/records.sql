SELECT eventID, awsRegion, recipientAccountId, eventJson FROM default WHERE errorCode IS NOT NULL ORDER BY eventID LIMIT 8
