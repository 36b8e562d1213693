SELECT recipientAccountId, awsRegion, eventSource, count(*) AS n FROM events
GROUP BY recipientAccountId, awsRegion, eventSource
ORDER BY n DESC, recipientAccountId, awsRegion, eventSource LIMIT 10
