SELECT e.eventTime, e.eventID, e.eventSource, e.eventName, e.sourceIPAddress, e.errorCode FROM peers.events
WHERE e.userIdentity.accessKeyId = '{{access_key}}' ORDER BY e.eventTime, e.eventID
