SELECT e.eventTime, e.eventID, e.eventName FROM peers.events WHERE e.requestID = '{{request_id}}' ORDER BY e.eventTime, e.eventID
