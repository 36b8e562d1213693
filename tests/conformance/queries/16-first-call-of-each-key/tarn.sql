SELECT key, eventTime, eventID, calls
FROM (
  SELECT userIdentity.accessKeyId AS key, eventTime, eventID,
         row_number() OVER (PARTITION BY userIdentity.accessKeyId ORDER BY eventTime, eventID) AS place,
         count(*) OVER (PARTITION BY userIdentity.accessKeyId) AS calls
  FROM events
  WHERE userIdentity.accessKeyId IS NOT NULL AND userIdentity.accessKeyId <> ''
) AS ranked
WHERE place = 1 AND calls > 5
