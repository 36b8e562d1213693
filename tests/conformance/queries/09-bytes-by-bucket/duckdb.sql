-- Numbers inside the open parts: whole ones and fractions, some of them missing.
SELECT e->>'$.requestParameters.bucketName' AS bucket,
       sum((e->>'$.additionalEventData.bytesTransferredOut')::DOUBLE) AS bytes_out,
       max((e->>'$.additionalEventData.bytesTransferredIn')::DOUBLE) AS most_in,
       avg((e->>'$.additionalEventData.bytesTransferredOut')::DOUBLE) AS mean_out,
       count(*) AS calls
FROM events
WHERE (e->>'$.eventSource') = 's3.amazonaws.com'
GROUP BY 1
