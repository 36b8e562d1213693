-- Who assumed the role whose session then read a secret?
SELECT a.userIdentity.arn AS assumed_by, a.sourceIPAddress, d.eventName, count(*) AS n
FROM events AS d JOIN events AS a
  ON (a.responseElements->>'$.credentials.accessKeyId') = d.userIdentity.accessKeyId
WHERE a.eventName = 'AssumeRole' AND d.eventName = 'GetSecretValue'
GROUP BY ALL ORDER BY n DESC, 1, 2, 3 LIMIT 20
