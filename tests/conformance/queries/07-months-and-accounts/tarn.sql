SELECT date_trunc('month', eventTime) AS month, count(*) AS events,
       count(DISTINCT recipientAccountId) AS accounts, count(DISTINCT eventSource) AS sources
FROM events
WHERE eventTime BETWEEN TIMESTAMP '2020-01-01 00:00:00' AND TIMESTAMP '2024-12-31 23:59:59'
GROUP BY date_trunc('month', eventTime)
ORDER BY month DESC
