-- JSONBench 2: the same, and by how many principals, of API calls only.
SELECT eventName, count(*) AS n, count(DISTINCT userIdentity.arn) AS principals
FROM events WHERE eventType = 'AwsApiCall' GROUP BY eventName ORDER BY n DESC, eventName
