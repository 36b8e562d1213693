-- Months over years, two distinct counts.
-- in this order
SELECT date_trunc('month', (e->>'$.eventTime')::TIMESTAMP)::TIMESTAMP AS month,
       count(*) AS events, count(DISTINCT e->>'$.recipientAccountId') AS accounts,
       count(DISTINCT e->>'$.eventSource') AS sources
FROM events
WHERE (e->>'$.eventTime')::TIMESTAMP
      BETWEEN TIMESTAMP '2020-01-01 00:00:00' AND TIMESTAMP '2024-12-31 23:59:59'
GROUP BY 1
ORDER BY month DESC
