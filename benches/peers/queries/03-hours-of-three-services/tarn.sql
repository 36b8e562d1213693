SELECT eventSource, hour(eventTime) AS hour_of_day, count(*) AS n FROM events
WHERE eventSource IN ('s3.amazonaws.com', 'kms.amazonaws.com', 'sts.amazonaws.com')
GROUP BY eventSource, hour(eventTime) ORDER BY hour_of_day, eventSource
