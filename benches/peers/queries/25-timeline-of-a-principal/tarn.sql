SELECT eventJson FROM events WHERE userIdentity.arn = '{{principal}}'
  AND eventTime >= TIMESTAMP '{{month_start}}' AND eventTime < TIMESTAMP '{{month_end}}'
ORDER BY eventTime, eventID
