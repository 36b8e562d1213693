SELECT eventTime, eventID, eventSource, eventName, sourceIPAddress, errorCode FROM events
WHERE userIdentity.accessKeyId = '{{access_key}}' ORDER BY eventTime, eventID
