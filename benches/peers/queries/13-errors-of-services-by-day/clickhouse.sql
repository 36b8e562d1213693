SELECT toDateTime(toStartOfDay(e.eventTime), 'UTC') AS day, e.eventSource AS source, count() AS n FROM peers.events
WHERE e.errorCode IN ('AccessDenied', 'AccessDeniedException', 'Client.UnauthorizedOperation')
GROUP BY day, source ORDER BY day, source
