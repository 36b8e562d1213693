SELECT e.eventTime, e.eventID, e.userIdentity.arn, e.sourceIPAddress FROM peers.events
WHERE e.eventName = '{{rare_name}}' ORDER BY e.eventTime DESC, e.eventID LIMIT 100
