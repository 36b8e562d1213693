-- Arithmetic over numbers inside the open parts, whole and with fractions.
SELECT e->>'$.requestParameters.bucketName' AS bucket,
       sum((e->>'$.additionalEventData.bytesTransferredOut')::DOUBLE) AS bytes_out,
       avg((e->>'$.additionalEventData.bytesTransferredOut')::DOUBLE) AS mean_out,
       arg_max(e->>'$.additionalEventData.bytesTransferredIn', (e->>'$.additionalEventData.bytesTransferredIn')::DOUBLE) AS most_in,
       arg_min(e->>'$.additionalEventData.bytesTransferredOut', (e->>'$.additionalEventData.bytesTransferredOut')::DOUBLE) AS least_out,
       bytes_out / 1024 AS kib
FROM events
WHERE (e->>'$.additionalEventData.bytesTransferredOut') IS NOT NULL
GROUP BY 1
