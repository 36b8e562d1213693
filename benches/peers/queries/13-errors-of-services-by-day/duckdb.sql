-- Denied calls per day and service.
SELECT date_trunc('day', eventTime)::TIMESTAMP AS day, eventSource, count(*) AS n FROM events
WHERE errorCode IN ('AccessDenied', 'AccessDeniedException', 'Client.UnauthorizedOperation')
GROUP BY day, eventSource ORDER BY day, eventSource
