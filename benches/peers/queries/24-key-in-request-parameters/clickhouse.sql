SELECT e.requestParameters.bucketName.:String AS bucket, count() AS n FROM peers.events
WHERE bucket IS NOT NULL GROUP BY bucket ORDER BY n DESC, bucket LIMIT 10
