SELECT eventTime, eventID, eventName FROM events WHERE requestID = '{{request_id}}' ORDER BY eventTime, eventID
