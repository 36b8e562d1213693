SELECT e.userIdentity.accessKeyId AS access_key, e.sourceIPAddress AS address, e.userAgent AS agent, count() AS n
FROM peers.events WHERE e.userIdentity.accessKeyId != ''
GROUP BY access_key, address, agent ORDER BY n DESC, access_key, address, agent LIMIT 10
