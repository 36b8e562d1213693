SELECT e.eventTime, e.eventID, e.eventName, e.userIdentity.arn, e.sourceIPAddress, e.errorCode FROM peers.events
ORDER BY e.eventTime DESC, e.eventID LIMIT 100
