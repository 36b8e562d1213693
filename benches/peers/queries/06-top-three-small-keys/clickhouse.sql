SELECT e.recipientAccountId AS account, e.awsRegion AS region, e.eventSource AS source, count() AS n
FROM peers.events GROUP BY account, region, source ORDER BY n DESC, account, region, source LIMIT 10
