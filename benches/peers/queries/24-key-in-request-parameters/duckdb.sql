-- The ten busiest buckets: a key inside of the open part.
SELECT requestParameters->>'$.bucketName' AS bucket, count(*) AS n FROM events
WHERE bucket IS NOT NULL GROUP BY bucket ORDER BY n DESC, bucket LIMIT 10
