SELECT date_trunc('day', eventTime) AS day, eventSource, count(*) AS n FROM events
WHERE errorCode IN ('AccessDenied', 'AccessDeniedException', 'Client.UnauthorizedOperation')
GROUP BY date_trunc('day', eventTime), eventSource ORDER BY day, eventSource
