-- The ten largest of account, region and service: three keys with few values.
SELECT recipientAccountId, awsRegion, eventSource, count(*) AS n FROM events
GROUP BY ALL ORDER BY n DESC, recipientAccountId, awsRegion, eventSource LIMIT 10
