SELECT userAgent, count(*) AS calls, count(DISTINCT eventName) AS names
FROM events
WHERE (userAgent LIKE '%Boto3/1._.%' OR userAgent LIKE 'aws-cli/2.%')
  AND eventName NOT LIKE 'Get%'
  AND (sourceIPAddress LIKE '10.%' OR requestParameters['roleName'] LIKE '%\_%' ESCAPE '\' OR sourceIPAddress NOT LIKE '%.amazonaws.com')
GROUP BY userAgent
