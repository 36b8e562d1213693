SELECT e FROM peers.events WHERE e.userIdentity.arn = '{{principal}}'
  AND e.eventTime >= '{{month_start}}' AND e.eventTime < '{{month_end}}'
ORDER BY e.eventTime, e.eventID
