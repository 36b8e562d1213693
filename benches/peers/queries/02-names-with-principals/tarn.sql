SELECT eventName, count(*) AS n, count(DISTINCT userIdentity.arn) AS principals
FROM events WHERE eventType = 'AwsApiCall' GROUP BY eventName ORDER BY n DESC, eventName
