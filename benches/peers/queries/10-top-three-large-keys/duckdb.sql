-- The ten largest of key, address and user agent: three keys with many values.
SELECT userIdentity.accessKeyId AS access_key, sourceIPAddress, userAgent, count(*) AS n FROM events
WHERE userIdentity.accessKeyId IS NOT NULL
GROUP BY ALL ORDER BY n DESC, access_key, sourceIPAddress, userAgent LIMIT 10
