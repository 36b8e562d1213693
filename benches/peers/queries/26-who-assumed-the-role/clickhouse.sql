SELECT a.assumed_by, a.address, d.name, count() AS n
FROM (SELECT e.userIdentity.accessKeyId AS access_key, e.eventName AS name FROM peers.events
      WHERE e.eventName = 'GetSecretValue' AND e.userIdentity.accessKeyId != '') AS d
JOIN (SELECT e.responseElements.credentials.accessKeyId.:String AS access_key, nullIf(e.userIdentity.arn, '') AS assumed_by,
             e.sourceIPAddress AS address FROM peers.events WHERE e.eventName = 'AssumeRole') AS a
  ON a.access_key = d.access_key
GROUP BY ALL ORDER BY n DESC, 1 ASC NULLS LAST, 2, 3 LIMIT 20
