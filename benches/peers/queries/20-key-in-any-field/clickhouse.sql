SELECT e.eventTime, e.eventID, e.eventName FROM peers.events WHERE arrayExists(value -> position(value, '{{access_key}}') > 0, JSONAllValues(e))
ORDER BY e.eventTime, e.eventID
