SELECT element_at(requestParameters, 'bucketName') AS bucket, count(*) AS n FROM events
WHERE element_at(requestParameters, 'bucketName') IS NOT NULL
GROUP BY element_at(requestParameters, 'bucketName') ORDER BY n DESC, bucket LIMIT 10
