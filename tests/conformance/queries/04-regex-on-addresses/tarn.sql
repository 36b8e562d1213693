SELECT sourceIPAddress, count(*) AS calls, count(DISTINCT userIdentity.accessKeyId) AS keys
FROM events
WHERE regexp_like(sourceIPAddress, '^(10|192\.168|203\.0)\.\d+')
   OR regexp_like(eventName, '(?i)^(put|attach).*policy$')
GROUP BY sourceIPAddress
ORDER BY calls DESC, sourceIPAddress
