SELECT time, principal, address, name FROM (
  SELECT e.eventTime AS time, e.userIdentity.arn AS principal, e.sourceIPAddress AS address, e.eventName AS name,
         row_number() OVER (PARTITION BY principal, address ORDER BY time, e.eventID) AS nth
  FROM peers.events WHERE e.userIdentity.type = 'IAMUser')
WHERE nth = 1 ORDER BY time DESC, principal, address LIMIT 20
