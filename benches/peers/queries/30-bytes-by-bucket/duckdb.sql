-- Which buckets gave out most bytes? A sum over a number in the open parts.
SELECT requestParameters->>'$.bucketName' AS bucket,
       sum((additionalEventData->>'$.bytesTransferredOut')::BIGINT)::BIGINT AS bytes
FROM events WHERE bucket IS NOT NULL GROUP BY bucket HAVING bytes IS NOT NULL ORDER BY bytes DESC, bucket LIMIT 10
