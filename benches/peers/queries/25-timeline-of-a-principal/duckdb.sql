-- All that one principal did in a month, as whole rows.
-- whole events
SELECT events FROM events WHERE userIdentity.arn = '{{principal}}'
  AND eventTime >= TIMESTAMP '{{month_start}}' AND eventTime < TIMESTAMP '{{month_end}}'
ORDER BY eventTime, eventID
