-- The newest twenty first calls of a principal from an address.
SELECT eventTime, principal, sourceIPAddress, eventName FROM (
  SELECT eventTime, userIdentity.arn AS principal, sourceIPAddress, eventName,
         row_number() OVER (PARTITION BY userIdentity.arn, sourceIPAddress ORDER BY eventTime, eventID) AS nth
  FROM events WHERE userIdentity.type = 'IAMUser')
WHERE nth = 1 ORDER BY eventTime DESC, principal, sourceIPAddress LIMIT 20
