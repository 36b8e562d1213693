-- A substring minding case, an unanchored regular expression, their negations.
SELECT e->>'$.eventName' AS eventName, e->>'$.userIdentity.userName' AS who, count(*) AS n
FROM events
WHERE (contains(e->>'$.userAgent', 'aws-cli')
       OR regexp_matches(e->>'$.userAgent', '(?i)terraform|BOTO3'))
  AND NOT coalesce(regexp_matches(e->>'$.eventName', '^(Get|List|Describe)'), false)
  AND NOT coalesce(contains(e->>'$.sourceIPAddress', 'amazonaws'), false)
GROUP BY 1, 2
