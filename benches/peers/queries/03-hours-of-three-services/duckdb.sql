-- JSONBench 3: at which hours of the day are three services called?
SELECT eventSource, hour(eventTime) AS hour_of_day, count(*) AS n FROM events
WHERE eventSource IN ('s3.amazonaws.com', 'kms.amazonaws.com', 'sts.amazonaws.com')
GROUP BY eventSource, hour_of_day ORDER BY hour_of_day, eventSource
