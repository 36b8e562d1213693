SELECT userIdentity.accessKeyId AS access_key, sourceIPAddress, userAgent, count(*) AS n FROM events
WHERE userIdentity.accessKeyId IS NOT NULL
GROUP BY userIdentity.accessKeyId, sourceIPAddress, userAgent
ORDER BY n DESC, access_key, sourceIPAddress, userAgent LIMIT 10
