-- The newest hundred calls of a rare action.
SELECT eventTime, eventID, userIdentity.arn AS principal, sourceIPAddress FROM events
WHERE eventName = '{{rare_name}}' ORDER BY eventTime DESC, eventID LIMIT 100
