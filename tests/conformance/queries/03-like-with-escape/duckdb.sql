-- LIKE with both wildcards and with an escaped one.
SELECT e->>'$.userAgent' AS userAgent, count(*) AS calls,
       count(DISTINCT e->>'$.eventName') AS names
FROM events
WHERE ((e->>'$.userAgent') LIKE '%Boto3/1._.%' OR (e->>'$.userAgent') LIKE 'aws-cli/2.%')
  AND (e->>'$.eventName') NOT LIKE 'Get%'
  AND ((e->>'$.sourceIPAddress') LIKE '10.%'
       OR (e->>'$.requestParameters.roleName') LIKE '%\_%' ESCAPE '\'
       OR (e->>'$.sourceIPAddress') NOT LIKE '%.amazonaws.com')
GROUP BY 1
