SELECT e.eventSource AS source, toHour(e.eventTime) AS hour_of_day, count() AS n FROM peers.events
WHERE e.eventSource IN ('s3.amazonaws.com', 'kms.amazonaws.com', 'sts.amazonaws.com')
GROUP BY source, hour_of_day ORDER BY hour_of_day, source
