-- The newest hundred events.
-- newest
SELECT eventTime, eventID, eventName, userIdentity.arn AS principal, sourceIPAddress, errorCode FROM events
ORDER BY eventTime DESC, eventID LIMIT 100
