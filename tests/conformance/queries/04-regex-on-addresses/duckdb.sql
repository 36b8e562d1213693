-- Regular expressions, count of distinct values, some of them missing.
-- in this order
SELECT e->>'$.sourceIPAddress' AS sourceIPAddress, count(*) AS calls,
       count(DISTINCT e->>'$.userIdentity.accessKeyId') AS keys
FROM events
WHERE regexp_matches(e->>'$.sourceIPAddress', '^(10|192\.168|203\.0)\.\d+')
   OR regexp_matches(e->>'$.eventName', '(?i)^(put|attach).*policy$')
GROUP BY 1
ORDER BY calls DESC, 1
